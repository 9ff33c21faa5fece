/* state: what control keeps in a folder, so that the next control, and the next appliance, go on from there.
 *
 *     STATE/history.jsonl    a line for everything that happened to a change (entry.h), the newest last
 *     STATE/config/12.yaml   the text of change 12, as it came
 *
 *     state_open(&s, folder, why)
 *     state_keep(&s, number, text, len)       the text first, then the entry that says it is there
 *     state_note(&s, &entry)                 on the disk before it returns
 *     state_close(&s)
 *
 * A control that dies at any moment leaves a line cut short at the most, which the next one takes away.  One
 * process a folder.
 */
#ifndef SLUICE_SERVICES_CONTROL_CONFIG_STATE_H
#define SLUICE_SERVICES_CONTROL_CONFIG_STATE_H

#include "services/control/config/history.h"

#define STATE_CHANGES  1000u /* that the history holds at the most; half of them are forgotten then */
#define STATE_TEXTS    100u  /* that are kept, beside those that are needed */
#define STATE_TEXT_MAX (UINT32_C(16) << 20)
#define STATE_JOURNAL  (UINT64_C(32) << 20) /* bytes that it may have before it is written anew, shorter */

struct state {
	int folder, texts, journal; /* descriptors */
	uint64_t len;               /* bytes of the journal */
	uint32_t unreadable;        /* lines that are none of ours */
	struct history history;
	void (*noted)(
	        void *context, const struct entry *r); /* after each that was noted; NULL: nobody asks */
	void *context;
};

/* Makes what is not there yet.  0, or a negative errno with a sentence in `why` (size bytes); -EBUSY: another
 * process has the folder. */
[[nodiscard]] int state_open(struct state *s, const char *path, char *why, size_t size);
void state_close(struct state *s);

/* Adds an entry, with the present time, on the disk and in the history.  0 or a negative errno: neither. */
[[nodiscard]] int state_note(struct state *s, struct entry *r);

/* 0 or a negative errno. */
[[nodiscard]] int state_keep(struct state *s, uint32_t number, const void *text, size_t len);

/* Reads a text, malloc'd and terminated.  0 or a negative errno; -ENOENT: it is not kept (any more). */
[[nodiscard]] int state_text(const struct state *s, uint32_t number, char **text, size_t *len);

#endif
