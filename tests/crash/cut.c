#include "tests/crash/cut.h"

#include "tests/crash/hooks.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
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

void cut_start(struct cut *cut)
{
	struct control_block *c = appliance_control(&cut->appliance);

	c->clock_shared = 1;
	c->clock = cut->now;
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		cut->worker[id] = calloc(1, sizeof *cut->worker[id]);
		if (!cut->worker[id])
			exit(2);
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

void cut_settle(struct cut *cut, nanos_t until)
{
	bool did;

	do {
		did = false;
		for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++)
			did |= worker_step(cut->worker[id], cut->now);
		if (!did)
			did = advance(cut, until);
	} while (did);
}

static const char *judge_buffers(struct cut *cut)
{
	static char text[160];
	const void *stage[WORKERS_MAX] = {0};
	struct account_buffers b;

	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++)
		stage[id] = cut->worker[id]->stage;
	if (account_count_buffers(&b, &cut->appliance, stage))
		return "no memory";
	if (b.lost || b.twice) {
		snprintf(text, sizeof text, "buffers: %u lost (%u), %u with two owners (%u)", b.lost,
		        b.first_lost, b.twice, b.first_twice);
		return text;
	}
	return NULL;
}

static const char *judge_account(struct cut *cut, bool at_rest)
{
	static struct account account;
	static char text[160];

	account_read(&account, &cut->appliance);
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		if (account.worker[id].balance == 0)
			continue;
		snprintf(text, sizeof text, "account of %s lane %u is off by %" PRId64,
		        cut->worker[id]->ops->name, cut->worker[id]->plan->lane, account.worker[id].balance);
		return text;
	}
	if (account.rings_off)
		return "a ring's law does not hold";
	if (at_rest && account.in_rings)
		return "packets stand in a ring and nobody takes them";
	if (account.appliance.balance) {
		snprintf(text, sizeof text, "account of the appliance is off by %" PRId64,
		        account.appliance.balance);
		return text;
	}
	cut->lost = account.appliance.by_reason[DROP_STAGE_CRASHED];
	if (cut->lost > (cut->burst_max ? cut->burst_max : WORKER_BURST))
		return "more was lost than the burst in hand";
	return NULL;
}

/* The held packets and buffers of each worker, counted one by one, are those that its record says. */
static const char *judge_held(struct cut *cut)
{
	static struct pkt_index index[1 << 16];
	static struct account account;

	account_read(&account, &cut->appliance);
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		const struct stage_ops *ops = cut->worker[id]->ops;
		uint32_t packets = 0, n;

		if (!ops->held)
			continue;
		n = ops->held(cut->worker[id]->stage, index, &packets);
		if (n != account.worker[id].held_buffers || packets != account.worker[id].held)
			return "held packets or buffers are not those of the record";
	}
	return NULL;
}

/* The record is the truth; between bursts the indices in the rings are copies of it. */
static const char *judge_published(struct cut *cut)
{
	const struct appliance *a = &cut->appliance;

	for (uint32_t k = 0; k < a->plan.n_rings; k++) {
		const struct ring_plan *r = &a->plan.ring[k];
		const struct ring_producer_half *prod = appliance_public(a, r->from, r->prod_off);
		const struct ring_consumer_half *cons = appliance_public(a, r->to, r->cons_off);

		if (prod->prod != cut->worker[r->from]->journal.work->index[r->from_link])
			return "a ring's prod is not that of the record";
		if (cons->cons != cut->worker[r->to]->journal.work->index[r->to_link])
			return "a ring's cons is not that of the record";
	}
	return NULL;
}

const char *cut_judge(struct cut *cut, bool at_rest)
{
	const char *wrong = judge_buffers(cut);

	if (!wrong)
		wrong = judge_published(cut);

	for (uint32_t id = 0; !wrong && id < cut->appliance.plan.n_workers; id++)
		if (cut->worker[id]->ops->check)
			wrong = cut->worker[id]->ops->check(cut->worker[id]->stage);
	if (!wrong)
		wrong = judge_account(cut, at_rest);
	if (!wrong)
		wrong = judge_held(cut);
	if (!wrong && at_rest && cut->judge)
		wrong = cut->judge(cut);
	return wrong;
}

/* Where each input of a worker stood when it went to sleep. */
static uint32_t slept_at[WORKERS_MAX][WORKER_RINGS];

/* All but one sleep: they have armed and looked; nothing was to be done. */
static void all_sleep(struct cut *cut, uint32_t but)
{
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		struct worker *w = cut->worker[id];

		bell_clear(&cut->appliance.bell[id]);
		for (uint32_t k = 0; k < w->n_in && id != but; k++) {
			ring_disarm(&w->in[k].end);
			ring_arm(&w->in[k].end);
			slept_at[id][k] = w->in[k].end.peer->prod;
		}
	}
}

/* Who sleeps though a word was published to it since must have been woken. */
static const char *judge_sleepers(struct cut *cut, uint32_t but)
{
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		struct worker *w = cut->worker[id];
		struct pollfd bell = {.fd = cut->appliance.bell[id].fd, .events = POLLIN};

		if (id == but || poll(&bell, 1, 0) == 1)
			continue;
		for (uint32_t k = 0; k < w->n_in; k++)
			if (w->in[k].end.peer->prod != slept_at[id][k])
				return "a sleeper has work and nobody wakes it";
	}
	return NULL;
}

/* The others go on while one is dead. */
static void run_others(struct cut *cut, uint32_t dead)
{
	bool did;

	do {
		did = false;
		for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++)
			did |= id != dead && worker_step(cut->worker[id], cut->now);
	} while (did);
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
	        cut->worker[id]->ops->name, cut->worker[id]->plan->lane, cut->steps, k, (int64_t)j, when,
	        wrong);
}

/* Nothing was cut: when it goes to sleep, it has woken who is to go on. */
static int beyond(struct cut *cut, uint32_t id, uint64_t k)
{
	const char *wrong;

	while (worker_step(cut->worker[id], cut->now))
		;
	wrong = judge_sleepers(cut, id);
	if (!wrong)
		return CHILD_BEYOND;
	complain(cut, id, k, UINT64_MAX, "uncut", wrong);
	return CHILD_BAD;
}

static int child(struct cut *cut, uint32_t id, uint64_t k, uint64_t j, nanos_t until)
{
	const char *wrong;

	own_bells(cut);
	all_sleep(cut, id);
	if (setjmp(hooks_env) == 0) {
		hooks_arm(k, false);
		worker_step(cut->worker[id], cut->now);
		hooks_disarm();
		return beyond(cut, id, k);
	}
	if ((k + cut->steps) & 1) {
		run_others(cut, id);
		all_sleep(cut, id);
	}
	if (recover(cut, id, j))
		recover(cut, id, UINT64_MAX);
	wrong = cut_judge(cut, false);
	if (!wrong)
		wrong = judge_sleepers(cut, id);
	if (wrong) {
		complain(cut, id, k, j, "behind the recovery", wrong);
		return CHILD_BAD;
	}
	cut_settle(cut, until);
	wrong = cut_judge(cut, true);
	if (wrong) {
		complain(cut, id, k, j, "at the end", wrong);
		return CHILD_BAD;
	}
	return CHILD_FINE;
}

/* One cut in a process of its own; CHILD_BEYOND where the step is over before. */
static int try_cut(struct cut *cut, uint32_t id, uint64_t k, uint64_t j, nanos_t until)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(child(cut, id, k, j, until));
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
		if (try_cut(cut, id, k, UINT64_MAX, until) == CHILD_BEYOND)
			return;
		cut->cuts++;
		for (uint32_t n = 0; n < nested; n++) {
			try_cut(cut, id, k, random_next(&seed) % 48, until);
			cut->recovery_cuts++;
		}
	}
}

void cut_explore(struct cut *cut, nanos_t until, uint32_t stride, uint32_t nested, uint64_t max_steps)
{
	const char *wrong;
	bool did;

	do {
		did = false;
		for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
			if (cut->steps < max_steps)
				explore_step(cut, id, until, stride, nested);
			did |= worker_step(cut->worker[id], cut->now);
			cut->steps++;
		}
		if (!did)
			did = advance(cut, until);
	} while (did);
	wrong = cut_judge(cut, true);
	if (wrong) {
		fprintf(stderr, "uncut: %s\n", wrong);
		exit(1);
	}
}
