/* history: what became of each change of configuration: the journal's entries, folded.
 *
 *     history_take(&h, &entry)      each entry, in the order of the journal
 *     h.in_force, h.begun, h.waits   how things stand behind the last of them
 */
#ifndef SLUICE_SERVICES_CONTROL_CONFIG_HISTORY_H
#define SLUICE_SERVICES_CONTROL_CONFIG_HISTORY_H

#include "services/control/config/entry.h"

struct change {
	struct entry r; /* its first, with what later ones said of its outcome: event, epoch, took_us, why */
	uint64_t ended_ms; /* when the latest of them was written; 0: there was one only */
};

struct history {
	struct change *list; /* by number, ascending */
	uint32_t n, room;
	uint32_t next;           /* number of the next change */
	uint32_t in_force;       /* number; 0: not known */
	uint32_t in_force_epoch; /* the epoch that it was put in force as; 0: it is to be put in force */
	uint64_t since_ms;       /* 1970; when that was written down */
	uint32_t begun;          /* without an end; 0: none */
	uint32_t waits;          /* in force, and to be confirmed; 0: none */
	uint32_t started;        /* the newest that came from the file of a start and was applied; 0: none */
};

/* 0, or -ENOMEM: nothing has changed. */
[[nodiscard]] int history_take(struct history *h, const struct entry *r);

/* NULL: there is no such change, or it is forgotten. */
const struct change *history_find(const struct history *h, uint32_t number);

/* Whether the text of a change has been kept: it was begun. */
bool history_has_text(const struct change *c);

/* Whether more than its entry is needed of it: it is in force, or what comes back is, or what a start is
 * compared with. */
bool history_needs(const struct history *h, uint32_t number);

/* Forgets all but the newest `keep` and those that are needed. */
void history_forget(struct history *h, uint32_t keep);

void history_free(struct history *h);

#endif
