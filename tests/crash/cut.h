/* cut: an appliance on one thread that can be cut at any shared write, recovered, and judged.
 *
 * Memory is private to the process, so that fork() is a perfect snapshot: for each k a child cuts the worker
 * before its k-th write, lets it recover (cutting recovery too), runs everything until nothing moves, and
 * judges. */
#ifndef SLUICE_TESTS_CRASH_CUT_H
#define SLUICE_TESTS_CRASH_CUT_H

#include "common/account/account.h"
#include "common/stage/worker.h"

struct cut {
	struct appliance appliance;
	struct worker *worker[WORKERS_MAX];
	uint32_t burst_max; /* 0: the frame's default */
	nanos_t now;
	/* Judges the end; NULL, or a sentence.  May be NULL itself. */
	const char *(*judge)(struct cut *cut);
	/* Whether a frame in the black box is as it was when it came; may be NULL. */
	bool (*is_whole)(const uint8_t *frame, uint32_t len);
	/* Called in each fork, before anything runs: what it writes must not reach its parent's files.  May
	 * be NULL. */
	void (*apart)(struct cut *cut);

	/* Only what happens from here on, and before `to` (0: to the end), is explored. */
	nanos_t from, to;
	bool unwatched; /* nobody looks whether changes are announced (announce.h) */

	/* What was explored. */
	uint64_t steps, cuts, recovery_cuts, start_cuts, lost;
	uint64_t crashes; /* of a cut: whether it was in a burst, and must be counted */
	uint64_t kills;   /* of processes: workers that died, some of them in a burst */
};

/* Makes the appliance in private memory; `epoch` is filled by the caller before cut_start. */
void cut_create(struct cut *cut, const struct stage_params *params,
        const struct stage_ops *const ops[STAGE_COUNT], uint64_t epoch_bytes, uint64_t fib_bytes);
void cut_start(struct cut *cut);
/* In place of cut_start: each worker's first start is cut too, before every stride-th write. */
void cut_explore_starts(struct cut *cut, nanos_t until, uint32_t stride);

/* Runs until nothing moves; advances time over timers up to `until`.  false: it never comes to rest. */
bool cut_settle(struct cut *cut, nanos_t until);

/* Explores: each step of each worker until all is quiet, cut before every write (every `stride`-th from a
 * varying start), each cut's recovery cut `nested` times at chosen writes.  Exits 1 with a sentence at the
 * first fault.  At most max_steps steps are explored; further ones only run. */
void cut_explore(struct cut *cut, nanos_t until, uint32_t stride, uint32_t nested, uint64_t max_steps);

/* NULL, or what is wrong now: ownership of buffers, the account, the stages' state, a sleeper with work that
 * nobody wakes. */
const char *cut_judge(struct cut *cut, bool at_rest);

/* NULL, or what is wrong with the record that a worker's recovery left in the black box of a death by its own
 * fault, which had that number; `again`: the recovery died too, and a second one followed. */
const char *cut_judge_record(const struct cut *cut, uint32_t id, uint32_t crash, bool again);

/* All workers but one sleep now; then NULL, or that one sleeps whose input has grown since and whom nobody
 * has woken. */
void cut_all_sleep(struct cut *cut, uint32_t but);
const char *cut_judge_sleepers(struct cut *cut, uint32_t but);

#endif
