/* kill: an appliance of real processes, killed again and again while it works.
 *
 *     kill_create(&run, ...); an epoch is published; wrong = kill_run(&run); kill_destroy(&run)
 *
 * A process a stage, a thread a lane, joined by shared memory and bells alone; the parent starts again what
 * died and moves the clock.  Code and stages are compiled with hooks.h, so that a process dies before a write
 * that the seed chose, its recovery's included; and the parent kills at times of its own.  When the deaths
 * are used up everything runs to rest, the processes end, and the memory is judged as in cut.h. */
#ifndef SLUICE_TESTS_CRASH_KILL_H
#define SLUICE_TESTS_CRASH_KILL_H

#include "tests/crash/cut.h"

#include <sys/types.h>

struct kill {
	struct cut cut; /* appliance, and at the end the workers; .kills counts workers that died */
	uint64_t seed;
	uint64_t writes;   /* a process dies before one of its first so many */
	uint32_t max;      /* deaths of processes */
	uint64_t packets;  /* that come in all in all, about: deaths are spread over them */
	nanos_t until;     /* the clock goes so far */
	uint32_t chosen;   /* deaths so far, at a chosen write ... */
	uint32_t at_times; /* ... and at the parent's time */
	uint64_t random;
	struct bell host; /* rung by who goes to sleep */
	pid_t pid[STAGE_COUNT];
	bool killed[STAGE_COUNT];          /* by the parent */
	uint32_t idle_before[WORKERS_MAX]; /* as its predecessor left it */
};

/* Makes and maps the appliance.  Exits 2 where that fails. */
void kill_create(struct kill *run, const struct stage_params *params,
        const struct stage_ops *const ops[STAGE_COUNT], uint64_t epoch_bytes, uint64_t fib_bytes);

/* NULL, or what is wrong. */
const char *kill_run(struct kill *run);

/* Ends processes that still live, and gives everything back. */
void kill_destroy(struct kill *run);

#endif
