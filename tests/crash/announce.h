/* announce: before a burst commits, it writes only where the last committed truth is dead (BURST: "before the
 * commit").
 *
 *     announce_begin(worker); worker_step(worker, now); announce_end();
 *
 * Each write of the step to the worker's own memory is looked at when it is made:
 *
 *     state                only lines that this burst has put into the undo log, and free slots of the stack
 *     records              only the one that is not in force
 *     slots of its rings   only those that hold nothing
 *
 * A cut shows a missing journal_touch only where it falls between the write and the commit, and where a judge
 * can tell; this sees each of them wherever it is, on any traffic, at the cost of one run.  What it does not
 * see is the order of writes, which cuts are for.  At the first fault it says where, and exits 1. */
#ifndef SLUICE_TESTS_CRASH_ANNOUNCE_H
#define SLUICE_TESTS_CRASH_ANNOUNCE_H

#include "common/stage/worker.h"

void announce_begin(const struct worker *worker);
void announce_end(void);

/* Writes to state that were looked at so far: a run that looked at none proves nothing. */
uint64_t announce_seen(void);

#endif
