/* entry: one line of the journal of configurations, a JSON object that a person can read with cat. */
#ifndef SLUICE_SERVICES_CONTROL_CONFIG_ENTRY_H
#define SLUICE_SERVICES_CONTROL_CONFIG_ENTRY_H

#include "common/base/base.h"

#define ENTRY_LINE 16384u /* bytes of a line at the most, with its end */

/*  X(NAME, word)  What happened to a change. */
#define ENTRY_EVENTS(X)                                                                                      \
	X(BEGUN, "begun")             /* its text is kept, and it is about to be put in force */             \
	X(APPLIED, "applied")         /* in force, taken up by every living stage */                         \
	X(CONFIRMED, "confirmed")     /* it stays */                                                         \
	X(REFUSED, "refused")         /* it never was in force */                                            \
	X(UNDONE, "undone")           /* a living stage did not take it up: its base comes back */           \
	X(INTERRUPTED, "interrupted") /* control died before it was put in force */                          \
	X(UNCONFIRMED, "unconfirmed") /* nobody confirmed it in time: its base comes back */                 \
	X(ROLLED_BACK, "rolled back") /* somebody did not want to wait for that */                           \
	X(RESTORED, "restored")       /* this one is in force again, as the epoch that is told */            \
	X(ADOPTED, "adopted")         /* likewise, with what its ports have taken over since */

enum entry_event {
#define X(name, word) ENTRY_##name,
	ENTRY_EVENTS(X)
#undef X
	        ENTRY_EVENTS_N
};

enum entry_act { ENTRY_START, ENTRY_APPLY, ENTRY_ROLLBACK, ENTRY_ACTS_N };

/* Empty, zero (uid: -1) is what an event has nothing to say of. */
struct entry {
	uint32_t number; /* of the change, from 1 */
	uint8_t event;   /* enum entry_event */
	uint8_t act;     /* enum entry_act: of BEGUN and REFUSED */
	uint64_t at_ms;  /* since 1970 */
	int64_t uid;     /* of who asked; -1: Sluice itself */
	uint32_t pid;
	uint32_t base;  /* the change that was in force */
	uint32_t of;    /* a rollback's origin */
	uint32_t epoch; /* BEGUN: that it is to be put in force as */
	uint32_t confirm_s;
	uint64_t took_us;
	char key[32];  /* of who asked by tcp, its name */
	char from[64]; /* socket */
	char file[1024];
	char change[256];
	char why[512];
};

const char *entry_event_word(enum entry_event event);
const char *entry_act_word(enum entry_act act);

/* Writes the line with its newline; texts are cut to whole characters.  Bytes written. */
size_t entry_write(const struct entry *r, char line[ENTRY_LINE]);

/* Reads a line of len bytes without its newline.  0, or -EBADMSG: it is none of ours.  Unknown keys are
 * passed over. */
[[nodiscard]] int entry_read(struct entry *r, const char *line, size_t len);

#endif
