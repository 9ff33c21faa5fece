/* supervise: when a process that died is started again, and whether one that lives makes progress.
 *
 *     start_at = supervise_died(&s, &death, now)        start again then
 *     supervise_started(&s, now)
 *     if (supervise_stalled(&s.worker[l], steps, has_work, now)) kill it: death.stalled
 *
 * Pure: time and what was seen are arguments.  Only faults of the process's own count: a signal that it
 * raised itself, an exit, a stall.  What was killed from outside, or went with its attendant, is started at
 * once, however often.
 */
#ifndef SLUICE_SERVICES_KEEPER_SUPERVISE_H
#define SLUICE_SERVICES_KEEPER_SUPERVISE_H

#include "common/base/base.h"

#define SUPERVISE_CALM    (10 * NANOS_PER_SEC) /* so long without a fault, and all is forgotten */
#define SUPERVISE_FIRST   (10 * NANOS_PER_MS)  /* after the second fault in a row; each further doubles it */
#define SUPERVISE_LIMIT   10u                  /* faults in a row, and it is tried seldom */
#define SUPERVISE_SELDOM  (30 * NANOS_PER_SEC)
#define SUPERVISE_STALLED NANOS_PER_SEC
#define SUPERVISE_LOOK    (250 * NANOS_PER_MS) /* from one look at its progress to the next */

struct supervise_death {
	int32_t signal; /* 0: it exited */
	int32_t status; /* then */
	bool stalled;   /* killed by us for want of progress */
	bool ordered;   /* killed or ended by order */
};

struct supervise {
	uint32_t faults; /* in a row */
	nanos_t started_at, fault_at;
};

struct supervise_watch {
	uint64_t steps;
	nanos_t since; /* work waits and nothing has moved; 0: not */
	nanos_t looked;
};

/* Whether that death was the process's own fault. */
bool supervise_own_fault(const struct supervise_death *death);

void supervise_started(struct supervise *s, nanos_t now);

/* When to start it again: now, or later. */
nanos_t supervise_died(struct supervise *s, const struct supervise_death *death, nanos_t now);

/* Whether it has died of its own faults too often. */
bool supervise_failed(const struct supervise *s);

/* One look: the worker's count of rounds, and whether there is something for it to do.  true: for
 * SUPERVISE_STALLED there was work and it did not move.  What a look is late by does not count: a machine
 * that stood still (a virtual one that was moved, say) has held up both. */
bool supervise_stalled(struct supervise_watch *w, uint64_t steps, bool has_work, nanos_t now);

#endif
