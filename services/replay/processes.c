/* processes: a process a stage, a thread a lane; the parent keeps the clock and starts again what dies. */
#include "services/replay/internal.h"

#include "common/host/host.h"
#include "common/ring/ring.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void *lane_main(void *arg)
{
	struct host_lane *lane = arg;

	host_lane_settle(lane);
	host_lane_run(lane);
	return NULL;
}

/* The life of a stage's process. */
static int stage_main(struct replay *r, enum stage_id stage)
{
	struct appliance *a = &r->appliance;
	uint32_t lanes = a->plan.params.lanes;
	pthread_t thread[LANES_MAX];
	struct host_lane lane[LANES_MAX];
	long cores = MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	appliance_unmap(a);
	if (appliance_map(a, 1u << stage))
		return 1;
	appliance_close_fds(a);
	for (uint32_t l = 0; l < lanes; l++) {
		uint32_t id = plan_worker_id(&a->plan, stage, l);

		r->worker[id] = calloc(1, sizeof *r->worker[id]);
		if (!r->worker[id] || worker_start(r->worker[id], a, id))
			return 1;
		r->worker[id]->on_sleep = &r->host;
		lane[l] = (struct host_lane){.worker = r->worker[id],
		        .core = r->options.pin ? (int)(l % (uint32_t)cores) : -1,
		        .batch = r->options.pin};
	}
	for (uint32_t l = 0; l < lanes; l++)
		if (pthread_create(&thread[l], NULL, lane_main, &lane[l]))
			return 1;
	for (uint32_t l = 0; l < lanes; l++)
		pthread_join(thread[l], NULL);
	return 0;
}

static int start_stage(struct replay *r, enum stage_id stage)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(stage_main(r, stage));
	if (pid < 0)
		return -errno;
	r->pid[stage] = pid;
	return 0;
}

/* Starts again whatever has died.  A stage that cannot start at all ends the run. */
static int mend(struct replay *r)
{
	int status;

	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		if (!r->pid[s] || waitpid(r->pid[s], &status, WNOHANG) != r->pid[s])
			continue;
		if (WIFEXITED(status))
			return -ECHILD;
		r->restarts++;
		if (start_stage(r, (enum stage_id)s))
			return -errno;
	}
	return 0;
}

static uint64_t sum_of_idle(const struct replay *r, bool *all)
{
	uint64_t sum = 0;

	*all = true;
	for (uint32_t id = 0; id < r->appliance.plan.n_workers; id++) {
		const struct worker_status *s = appliance_status(&r->appliance, id);
		uint32_t idle = __atomic_load_n(&s->idle, __ATOMIC_ACQUIRE);

		*all &= idle & 1 && __atomic_load_n(&s->adopted, __ATOMIC_ACQUIRE) == r->publisher.number;
		sum += (uint64_t)idle * (id + 1);
	}
	return sum;
}

static bool rings_empty(const struct replay *r)
{
	const struct plan *plan = &r->appliance.plan;

	for (uint32_t k = 0; k < plan->n_rings; k++) {
		const struct ring_plan *ring = &plan->ring[k];
		const struct ring_producer_half *p = appliance_public(
		        &r->appliance, ring->from, ring->prod_off);
		const struct ring_consumer_half *c = appliance_public(
		        &r->appliance, ring->to, ring->cons_off);

		if (ring->role != RING_SPARE && __atomic_load_n(&p->prod, __ATOMIC_ACQUIRE) !=
		                                        __atomic_load_n(&c->cons, __ATOMIC_ACQUIRE))
			return false;
	}
	return true;
}

/* Nobody runs and nothing is under way. */
static bool quiet(const struct replay *r)
{
	bool all, again;
	uint64_t before = sum_of_idle(r, &all);

	return all && rings_empty(r) && sum_of_idle(r, &again) == before && again;
}

static bool advance(struct replay *r)
{
	const struct appliance *a = &r->appliance;
	nanos_t next = NANOS_NEVER, packet = NANOS_NEVER;

	for (uint32_t id = 0; id < a->plan.n_workers; id++) {
		nanos_t t = __atomic_load_n(&appliance_status(a, id)->next_timer, __ATOMIC_RELAXED);

		next = MIN(next, t);
		if (a->plan.worker[id].stage == STAGE_INGEST)
			packet = MIN(packet, t);
	}
	if (packet != NANOS_NEVER)
		r->end = packet + r->options.linger;
	if (next == NANOS_NEVER || next > r->end)
		return false;
	r->now = MAX(next, r->now + 1);
	__atomic_store_n(&appliance_control(a)->clock, r->now, __ATOMIC_RELEASE);
	for (uint32_t id = 0; id < a->plan.n_workers; id++)
		if (__atomic_load_n(&appliance_status(a, id)->next_timer, __ATOMIC_RELAXED) <= r->now)
			bell_ring(&r->appliance.bell[id]);
	return true;
}

/* Until nothing moves and the clock has nowhere to go. */
static int conduct(struct replay *r)
{
	int err = 0;

	for (;;) {
		int woken = bell_wait(&r->host, NULL, 0, 20 * NANOS_PER_MS);

		if (woken < 0)
			return woken;
		bell_clear(&r->host);
		err = mend(r);
		if (!err)
			err = explain_collect(r);
		capture_collect(r);
		if (err)
			return err;
		if (quiet(r) && !advance(r))
			return 0;
	}
}

static void stop_all(struct replay *r)
{
	__atomic_store_n(&appliance_control(&r->appliance)->stop, 1, __ATOMIC_RELEASE);
	for (uint32_t id = 0; id < r->appliance.plan.n_workers; id++)
		bell_ring(&r->appliance.bell[id]);
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		if (r->pid[s])
			waitpid(r->pid[s], NULL, 0);
		r->pid[s] = 0;
	}
	__atomic_store_n(&appliance_control(&r->appliance)->stop, 0, __ATOMIC_RELEASE);
}

/* Ingest has handed out spare buffers: before that a stage's first packets (reports of groups joined) would
 * find none. */
static bool ingest_ready(const struct replay *r)
{
	for (uint32_t l = 0; l < r->appliance.plan.params.lanes; l++) {
		const struct worker_status *s = appliance_status(
		        &r->appliance, plan_worker_id(&r->appliance.plan, STAGE_INGEST, l));

		if (__atomic_load_n(&s->adopted, __ATOMIC_ACQUIRE) != r->publisher.number ||
		        !(__atomic_load_n(&s->idle, __ATOMIC_ACQUIRE) & 1))
			return false;
	}
	return true;
}

static int start_ingest(struct replay *r)
{
	int err = start_stage(r, STAGE_INGEST);

	/* It takes no frames yet: the clock stands before the first. */
	while (!err && !ingest_ready(r)) {
		int woken = bell_wait(&r->host, NULL, 0, 20 * NANOS_PER_MS);

		bell_clear(&r->host);
		err = woken < 0 ? woken : mend(r);
	}
	return err;
}

int processes_run(struct replay *r)
{
	int err = bell_open(&r->host);

	if (!err)
		err = start_ingest(r);
	for (uint32_t s = STAGE_FILTER; s < STAGE_COUNT && !err; s++)
		err = start_stage(r, (enum stage_id)s);
	if (!err)
		err = conduct(r);
	stop_all(r);
	close(r->host.fd);
	if (!err)
		err = capture_end(r);
	if (err)
		return err;
	/* Every process is gone: this one takes their memory up, to look into what they hold. */
	appliance_unmap(&r->appliance);
	err = appliance_map(&r->appliance, APPLIANCE_CONTROL | 0xf);
	return err ? err : fused_start(r);
}
