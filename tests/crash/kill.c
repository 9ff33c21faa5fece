#include "tests/crash/kill.h"

#include "tests/crash/hooks.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE (60 * NANOS_PER_SEC) /* who has not come to rest by then never will */
#define GLANCE   (200 * NANOS_PER_US)

void kill_create(struct kill *r, const struct stage_params *params,
        const struct stage_ops *const ops[STAGE_COUNT], uint64_t epoch_bytes, uint64_t fib_bytes)
{
	struct appliance *a = &r->cut.appliance;
	int err = appliance_create(a, params, ops, epoch_bytes, fib_bytes, true);

	if (!err)
		err = appliance_map(a, APPLIANCE_CONTROL);
	if (!err)
		err = bell_open(&r->host);
	if (err) {
		fprintf(stderr, "appliance: %s\n", strerror(-err));
		exit(2);
	}
	r->random = r->seed * 2 + 1;
	r->cut.now = MAX(r->cut.now, (nanos_t)1);
	appliance_control(a)->clock_shared = 1;
	appliance_control(a)->clock = r->cut.now;
}

/* The processes. */

static void *lane_main(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&w->control->stop, __ATOMIC_RELAXED))
		if (!worker_step(w, worker_now(w)) && worker_sleep(w, worker_now(w)))
			_exit(1);
	worker_stop(w);
	return NULL;
}

static void watch_own(const struct appliance *a, enum stage_id stage)
{
	hooks_watch(a->map[REGION_POOL], a->bytes[REGION_POOL]);
	hooks_watch(a->map[REGION_PUBLIC + stage], a->bytes[REGION_PUBLIC + stage]);
	hooks_watch(a->map[REGION_STATE + stage], a->bytes[REGION_STATE + stage]);
}

/* Dies before write `k` of its own; UINT64_MAX: of itself never. */
static int stage_main(struct kill *r, enum stage_id stage, uint64_t k)
{
	struct appliance *a = &r->cut.appliance;
	uint32_t lanes = a->plan.params.lanes, first = plan_worker_id(&a->plan, stage, 0);
	pthread_t thread[LANES_MAX];

	appliance_unmap(a);
	if (appliance_map(a, 1u << stage))
		return 1;
	appliance_close_fds(a);
	watch_own(a, stage);
	if (k != UINT64_MAX)
		hooks_arm(k, true);
	for (uint32_t l = 0; l < lanes; l++) {
		struct worker *w = calloc(1, sizeof *w);

		if (!w || worker_start(w, a, first + l))
			return 1;
		if (r->cut.burst_max)
			w->burst_max = r->cut.burst_max;
		w->on_sleep = &r->host;
		r->cut.worker[first + l] = w;
	}
	for (uint32_t l = 1; l < lanes; l++)
		if (pthread_create(&thread[l], NULL, lane_main, r->cut.worker[first + l]))
			return 1;
	lane_main(r->cut.worker[first]);
	for (uint32_t l = 1; l < lanes; l++)
		pthread_join(thread[l], NULL);
	return 0;
}

static uint32_t deaths(const struct kill *r)
{
	return r->chosen + r->at_times;
}

/* Packets that ingest has taken so far. */
static uint64_t received(const struct kill *r)
{
	const struct appliance *a = &r->cut.appliance;
	uint64_t n = 0;

	for (uint32_t l = 0; l < a->plan.params.lanes; l++) {
		uint32_t id = plan_worker_id(&a->plan, STAGE_INGEST, l);
		struct record record;

		if (!journal_read(appliance_journal(a, id), &record))
			continue;
		for (uint32_t p = 0; p < EPOCH_PHYS_MAX; p++)
			n += record.packets[LINK_PORT_RX(&a->plan.worker[id], p)];
	}
	return n;
}

/* Whether somebody may die now: deaths are spread over the traffic. */
static bool may_die(const struct kill *r)
{
	uint64_t n = MIN(received(r), r->packets);

	return deaths(r) < r->max && deaths(r) <= r->max / 8 + r->max * n / r->packets;
}

/* Half of the deaths come early, in a recovery or right behind it. */
static uint64_t choose_write(struct kill *r)
{
	uint64_t x = random_next(&r->random) >> 8, among = x % 2 ? 300 : r->writes;

	return may_die(r) && x % 5 ? x / 16 % among : UINT64_MAX;
}

static void start_stage(struct kill *r, enum stage_id stage)
{
	const struct appliance *a = &r->cut.appliance;
	uint64_t k = choose_write(r);
	pid_t parent = getpid(), pid;

	for (uint32_t l = 0; l < a->plan.params.lanes; l++) {
		uint32_t id = plan_worker_id(&a->plan, stage, l);

		r->idle_before[id] = __atomic_load_n(&appliance_status(a, id)->idle, __ATOMIC_ACQUIRE);
	}
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(getppid() == parent ? stage_main(r, stage, k) : 0);
	}
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	r->pid[stage] = pid;
	r->killed[stage] = false;
}

/* The parent. */

static void count_death(struct kill *r, enum stage_id stage)
{
	if (r->killed[stage])
		r->at_times++;
	else
		r->chosen++;
	r->cut.kills += r->cut.appliance.plan.params.lanes;
	r->pid[stage] = 0;
}

/* Starts again who has died.  NULL, or what is wrong. */
static const char *mend(struct kill *r)
{
	int status;

	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		if (waitpid(r->pid[s], &status, WNOHANG) != r->pid[s])
			continue;
		count_death(r, (enum stage_id)s);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			return "a stage died by its own fault, or could not start";
		start_stage(r, (enum stage_id)s);
	}
	return NULL;
}

static void kill_somebody(struct kill *r)
{
	uint64_t x = random_next(&r->random) >> 8;
	uint32_t s = x % STAGE_COUNT;

	if (x / STAGE_COUNT % 10 || r->killed[s] || !may_die(r))
		return;
	r->killed[s] = true;
	kill(r->pid[s], SIGKILL);
}

static uint64_t sum_of_idle(const struct kill *r, bool *all)
{
	const struct appliance *a = &r->cut.appliance;
	uint64_t sum = 0;

	*all = true;
	for (uint32_t id = 0; id < a->plan.n_workers; id++) {
		uint32_t idle = __atomic_load_n(&appliance_status(a, id)->idle, __ATOMIC_ACQUIRE);

		*all &= idle & 1 && idle != r->idle_before[id];
		sum = sum * 31 + idle;
	}
	return sum;
}

static bool rings_empty(const struct appliance *a)
{
	for (uint32_t k = 0; k < a->plan.n_rings; k++) {
		const struct ring_plan *ring = &a->plan.ring[k];
		const struct ring_producer_half *p = appliance_public(a, ring->from, ring->prod_off);
		const struct ring_consumer_half *c = appliance_public(a, ring->to, ring->cons_off);

		if (ring->role != RING_SPARE && __atomic_load_n(&p->prod, __ATOMIC_ACQUIRE) !=
		                                        __atomic_load_n(&c->cons, __ATOMIC_ACQUIRE))
			return false;
	}
	return true;
}

/* Everybody lives and sleeps, and nothing is under way. */
static bool quiet(const struct kill *r)
{
	bool all, again;
	uint64_t before = sum_of_idle(r, &all);

	return all && rings_empty(&r->cut.appliance) && sum_of_idle(r, &again) == before && again;
}

/* The clock goes on to the next timer; false: there is none up to the end. */
static bool advance(struct kill *r)
{
	struct appliance *a = &r->cut.appliance;
	nanos_t next = NANOS_NEVER;

	for (uint32_t id = 0; id < a->plan.n_workers; id++)
		next = MIN(next, __atomic_load_n(&appliance_status(a, id)->next_timer, __ATOMIC_RELAXED));
	if (next > r->until)
		return false;
	r->cut.now = MAX(next, r->cut.now + 1);
	__atomic_store_n(&appliance_control(a)->clock, r->cut.now, __ATOMIC_RELEASE);
	for (uint32_t id = 0; id < a->plan.n_workers; id++)
		bell_ring(&a->bell[id]);
	return true;
}

static nanos_t wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nanos_t)ts.tv_sec * NANOS_PER_SEC + (nanos_t)ts.tv_nsec;
}

static const char *conduct(struct kill *r)
{
	nanos_t late = wall() + PATIENCE;
	const char *wrong = NULL;

	while (!wrong && wall() < late) {
		if (bell_wait(&r->host, NULL, 0, GLANCE) < 0)
			return "the host's bell is broken";
		bell_clear(&r->host);
		kill_somebody(r);
		wrong = mend(r);
		if (!wrong && quiet(r) && !advance(r))
			return NULL;
	}
	return wrong ? wrong
	             : "it does not come to rest: somebody sleeps though there is work, or never does";
}

/* All end; who was still to die may do so now. */
static const char *stop_all(struct kill *r)
{
	struct appliance *a = &r->cut.appliance;
	const char *wrong = NULL;
	int status;

	__atomic_store_n(&appliance_control(a)->stop, 1, __ATOMIC_RELEASE);
	for (uint32_t id = 0; id < a->plan.n_workers; id++)
		bell_ring(&a->bell[id]);
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		if (!r->pid[s] || waitpid(r->pid[s], &status, 0) != r->pid[s])
			continue;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			count_death(r, (enum stage_id)s);
		else if (status)
			wrong = "a stage did not end as it should";
		r->pid[s] = 0;
	}
	__atomic_store_n(&appliance_control(a)->stop, 0, __ATOMIC_RELEASE);
	return wrong;
}

/* This process takes everything up, as a further start of each stage would, and judges it. */
static const char *judge(struct kill *r)
{
	struct cut *cut = &r->cut;

	appliance_unmap(&cut->appliance);
	if (appliance_map(&cut->appliance, APPLIANCE_CONTROL | 0xf))
		return "no memory";
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		cut->worker[id] = calloc(1, sizeof *cut->worker[id]);
		if (!cut->worker[id] || worker_start(cut->worker[id], &cut->appliance, id))
			return "a stage cannot start any more";
	}
	return cut_settle(cut, r->until) ? cut_judge(cut, true) : "it does not come to rest";
}

const char *kill_run(struct kill *r)
{
	const char *wrong, *end;

	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		start_stage(r, (enum stage_id)s);
	wrong = conduct(r);
	if (wrong)
		return wrong;
	end = stop_all(r);
	return end ? end : judge(r);
}

void kill_destroy(struct kill *r)
{
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		if (!r->pid[s])
			continue;
		kill(r->pid[s], SIGKILL);
		waitpid(r->pid[s], NULL, 0);
	}
	for (uint32_t id = 0; id < r->cut.appliance.plan.n_workers; id++) {
		if (r->cut.worker[id])
			worker_stop(r->cut.worker[id]);
		free(r->cut.worker[id]);
	}
	close(r->host.fd);
	appliance_destroy(&r->cut.appliance);
}
