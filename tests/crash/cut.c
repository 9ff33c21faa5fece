#include "tests/crash/cut.h"

#include "tests/crash/announce.h"
#include "tests/crash/hooks.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_FINE, CHILD_BAD, CHILD_BEYOND }; /* BEYOND: the step made fewer writes */

static void *private_memory(uint64_t bytes)
{
	void *p = mmap(
	        NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return p;
}

void cut_create(struct cut *cut, const struct stage_params *params,
        const struct stage_ops *const ops[STAGE_COUNT], uint64_t epoch_bytes, uint64_t fib_bytes)
{
	struct appliance *a = &cut->appliance;
	int err = appliance_create(a, params, ops, epoch_bytes, fib_bytes, true);

	if (err || (err = appliance_map(a, APPLIANCE_CONTROL | 0xf))) {
		fprintf(stderr, "appliance: %s\n", strerror(-err));
		exit(2);
	}
	for (uint32_t r = 0; r < REGION_COUNT; r++) {
		if (r >= REGION_EPOCH0 && r <= REGION_FIB1)
			continue; /* nobody writes them behind the start, and they are too large to be copied
			           */
		munmap(a->map[r], a->bytes[r]);
		a->map[r] = private_memory(a->bytes[r]);
		/* The pool's frames belong to the burst that has them; epochs and FIBs are control's. */
		if (r >= REGION_PUBLIC)
			hooks_watch(a->map[r], a->bytes[r]);
	}
	hooks_watch(a->map[REGION_POOL], a->bytes[REGION_POOL]);
	appliance_close_fds(a);
	if (pool_view(&a->pool, a->map[REGION_POOL], params->buffers, params->stride, params->lanes))
		exit(2);
}

static void start_worker(struct cut *cut, uint32_t id)
{
	int err = worker_start(cut->worker[id], &cut->appliance, id);

	if (err) {
		fprintf(stderr, "worker %u: %s\n", id, strerror(-err));
		exit(2);
	}
	if (cut->burst_max)
		cut->worker[id]->burst_max = cut->burst_max;
}

static void make_worker(struct cut *cut, uint32_t id)
{
	cut->worker[id] = calloc(1, sizeof *cut->worker[id]);
	if (!cut->worker[id])
		exit(2);
}

void cut_start(struct cut *cut)
{
	struct control_block *c = appliance_control(&cut->appliance);

	c->clock_shared = 1;
	c->clock = cut->now;
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		make_worker(cut, id);
		start_worker(cut, id);
	}
}

/* The next time that somebody waits for. */
static nanos_t next_time(const struct cut *cut)
{
	nanos_t next = NANOS_NEVER;

	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++)
		next = MIN(next, worker_next_timer(cut->worker[id]));
	return next;
}

static bool advance(struct cut *cut, nanos_t until)
{
	nanos_t next = next_time(cut);

	if (next > until)
		return false;
	cut->now = MAX(next, cut->now + 1);
	appliance_control(&cut->appliance)->clock = cut->now;
	return true;
}

/* One step of each worker but one (UINT32_MAX: of all). */
static bool round_of_all(struct cut *cut, uint32_t but)
{
	bool did = false;

	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++)
		did |= id != but && worker_step(cut->worker[id], cut->now);
	return did;
}

/* More rounds than any run here takes. */
#define RESTLESS 20000u

bool cut_settle(struct cut *cut, nanos_t until)
{
	for (uint32_t rounds = 0; rounds < RESTLESS; rounds++)
		if (!round_of_all(cut, UINT32_MAX) && !advance(cut, until))
			return true;
	return false;
}

/* Bells of its own: a child's rings are not the parent's. */
static void own_bells(struct cut *cut)
{
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		close(cut->appliance.bell[id].fd);
		if (bell_open(&cut->appliance.bell[id]))
			_exit(2);
	}
}

/* The worker is dead; what it had in private memory is gone. */
static void bury(struct worker *w)
{
	if (w->stage && w->ops)
		w->ops->detach(w->stage);
	free(w->is_free);
	w->stage = NULL;
	w->is_free = NULL;
}

/* Recovers worker id, dying again before write j of the recovery; j = UINT64_MAX: not again.  Whether it
 * died. */
static bool recover(struct cut *cut, uint32_t id, uint64_t j)
{
	bury(cut->worker[id]);
	if (setjmp(hooks_env)) {
		return true;
	}
	hooks_arm(j, false);
	start_worker(cut, id);
	hooks_disarm();
	return false;
}

static void complain(
        const struct cut *cut, uint32_t id, uint64_t k, uint64_t j, const char *when, const char *wrong)
{
	fprintf(stderr,
	        "cut %s lane %u, step %" PRIu64 ", before write %" PRIu64 " (recovery before %" PRId64
	        "), %s: %s\n",
	        cut->appliance.ops[cut->appliance.plan.worker[id].stage]->name,
	        cut->appliance.plan.worker[id].lane, cut->steps, k, (int64_t)j, when, wrong);
}

/* Nothing was cut: when it goes to sleep, it has woken who is to go on. */
static int beyond(struct cut *cut, uint32_t id, uint64_t k)
{
	const char *wrong;

	for (uint32_t steps = 0; worker_step(cut->worker[id], cut->now); steps++)
		if (steps == RESTLESS) {
			complain(cut, id, k, UINT64_MAX, "uncut", "it does not come to rest");
			return CHILD_BAD;
		}
	wrong = cut_judge_sleepers(cut, id);
	if (!wrong)
		return CHILD_BEYOND;
	complain(cut, id, k, UINT64_MAX, "uncut", wrong);
	return CHILD_BAD;
}

/* Whether the dead worker was in a burst. */
static bool in_burst(const struct cut *cut, uint32_t id)
{
	const struct journal_shared *j = appliance_journal(&cut->appliance, id);

	return (uint16_t)j->open == (uint16_t)j->epoch && j->epoch;
}

/* Everything runs to its end and is judged. */
static int judged_end(struct cut *cut, uint32_t id, uint64_t k, uint64_t j, nanos_t until)
{
	const char *wrong = cut_settle(cut, until) ? cut_judge(cut, true) : "it does not come to rest";

	if (!wrong)
		return CHILD_FINE;
	complain(cut, id, k, j, "at the end", wrong);
	return CHILD_BAD;
}

static int child(struct cut *cut, uint32_t id, uint64_t k, uint64_t j, nanos_t until)
{
	const char *wrong;
	bool again;

	own_bells(cut);
	cut_all_sleep(cut, id);
	if (setjmp(hooks_env) == 0) {
		hooks_arm(k, false);
		worker_step(cut->worker[id], cut->now);
		hooks_disarm();
		return beyond(cut, id, k);
	}
	cut->crashes = in_burst(cut, id);
	cut->appliance.own_fault = k & 2; /* every other pair is told that it died of what it had in hand */
	cut->appliance.death.crash = (uint32_t)k + 1;
	if ((k + cut->steps) & 1) {
		/* The others go on while one is dead. */
		while (round_of_all(cut, id))
			;
		cut_all_sleep(cut, id);
	}
	again = recover(cut, id, j);
	if (again)
		recover(cut, id, UINT64_MAX);
	wrong = cut_judge(cut, false);
	if (!wrong && cut->appliance.own_fault)
		wrong = cut_judge_record(cut, id, (uint32_t)k + 1, again);
	if (!wrong)
		wrong = cut_judge_sleepers(cut, id);
	if (!wrong)
		return judged_end(cut, id, k, j, until);
	complain(cut, id, k, j, "behind the recovery", wrong);
	return CHILD_BAD;
}

/* Runs one cut in a process of its own; CHILD_BEYOND where all was over before. */
static int try_cut(struct cut *cut, uint32_t id, uint64_t k, uint64_t j, nanos_t until,
        int (*run)(struct cut *, uint32_t, uint64_t, uint64_t, nanos_t))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (cut->apart)
			cut->apart(cut);
		_exit(run(cut, id, k, j, until));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("fork");
		exit(2);
	}
	if (!WIFEXITED(status)) {
		fprintf(stderr, "signal %d: ", WTERMSIG(status));
		complain(cut, id, k, j, "while it ran", "it died by its own fault");
		exit(1);
	}
	if (WEXITSTATUS(status) == CHILD_BAD)
		exit(1);
	return WEXITSTATUS(status);
}

static void explore_step(struct cut *cut, uint32_t id, nanos_t until, uint32_t stride, uint32_t nested)
{
	uint64_t seed = cut->steps * 2654435761u + 1;

	for (uint64_t k = cut->steps % stride;; k += stride) {
		if (try_cut(cut, id, k, UINT64_MAX, until, child) == CHILD_BEYOND)
			return;
		cut->cuts++;
		for (uint32_t n = 0; n < nested; n++) {
			try_cut(cut, id, k, random_next(&seed) % 96, until, child);
			cut->recovery_cuts++;
		}
	}
}

/* The start of worker id, the last that was started, is cut. */
static int starting_child(struct cut *cut, uint32_t id, uint64_t k, uint64_t j, nanos_t until)
{
	own_bells(cut);
	if (!recover(cut, id, k))
		return CHILD_BEYOND;
	recover(cut, id, UINT64_MAX);
	for (uint32_t next = id + 1; next < cut->appliance.plan.n_workers; next++) {
		make_worker(cut, next);
		start_worker(cut, next);
	}
	return judged_end(cut, id, k, j, until);
}

void cut_explore_starts(struct cut *cut, nanos_t until, uint32_t stride)
{
	struct control_block *c = appliance_control(&cut->appliance);

	c->clock_shared = 1;
	c->clock = cut->now;
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		make_worker(cut, id);
		for (uint64_t k = id % stride;
		        try_cut(cut, id, k, UINT64_MAX, until, starting_child) != CHILD_BEYOND; k += stride)
			cut->start_cuts++;
		start_worker(cut, id);
	}
}

static bool to_be_explored(const struct cut *cut, uint64_t max_steps)
{
	return cut->steps < max_steps && cut->now >= cut->from && (!cut->to || cut->now < cut->to);
}

/* A step that nobody cuts: it announces whatever it changes. */
static bool watched_step(struct cut *cut, uint32_t id)
{
	bool did;

	if (!cut->unwatched)
		announce_begin(cut->worker[id]);
	did = worker_step(cut->worker[id], cut->now);
	announce_end();
	return did;
}

/* One step of each worker, each explored first. */
static bool explore_round(
        struct cut *cut, nanos_t until, uint32_t stride, uint32_t nested, uint64_t max_steps)
{
	bool did = false;

	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		if (to_be_explored(cut, max_steps))
			explore_step(cut, id, until, stride, nested);
		did |= watched_step(cut, id);
		cut->steps++;
	}
	return did;
}

void cut_explore(struct cut *cut, nanos_t until, uint32_t stride, uint32_t nested, uint64_t max_steps)
{
	const char *wrong = "it does not come to rest";

	for (uint32_t rounds = 0; rounds < RESTLESS; rounds++) {
		if (explore_round(cut, until, stride, nested, max_steps) || advance(cut, until))
			continue;
		wrong = cut_judge(cut, true);
		break;
	}
	if (wrong) {
		fprintf(stderr, "uncut: %s\n", wrong);
		exit(1);
	}
}
