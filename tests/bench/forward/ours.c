/* The appliance: all stages, by the live clock, each in a process of its own on one core, or all in one. */
#include "tests/bench/forward/forward.h"

#include "common/publish/publish.h"
#include "common/stage/worker.h"
#include "services/filter/filter.h"
#include "services/ingest/ingest.h"
#include "services/router/router.h"
#include "services/session/session.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT_IN  0u
#define PORT_OUT 1u

struct ours {
	struct appliance appliance;
	struct publisher publisher;
	struct config *config;
	uint32_t n_pids;
	pid_t pid[STAGE_COUNT];
};

static const struct stage_ops *const stages[STAGE_COUNT] = {
        [STAGE_INGEST] = &ingest_stage,
        [STAGE_FILTER] = &filter_stage,
        [STAGE_ROUTER] = &router_stage,
        [STAGE_SESSION] = &session_stage,
};

static void load(struct ours *o, const char *path)
{
	struct config_errors errors = {0};

	if (config_load(path, &o->config, &errors)) {
		config_errors_print(stderr, &errors);
		bench_fail("%s: cannot be used", path);
	}
	config_errors_free(&errors);
}

static void create(struct ours *o, bool bells)
{
	struct stage_params params;
	uint64_t epoch_bytes, fib_bytes;
	int err = publish_sizes(o->config, &epoch_bytes, &fib_bytes);

	config_params(o->config, &params);
	if (!err)
		err = appliance_create(&o->appliance, &params, stages, epoch_bytes, fib_bytes, bells);
	if (!err)
		err = appliance_map(&o->appliance, APPLIANCE_CONTROL);
	if (err)
		bench_fail("no memory for the appliance: %s", strerror(-err));
	appliance_control(&o->appliance)->hold = 1;
	appliance_control(&o->appliance)->in_flight = params.ring_slots / 2;
	publisher_init(&o->publisher, &o->appliance);
	err = publish_config(&o->publisher, o->config);
	if (err)
		bench_fail("the configuration cannot be published: %s", strerror(-err));
}

/* On the core of lane 0, as it is by default. */
static void pin(void)
{
	struct sched_param param = {0};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	(void)sched_setaffinity(0, sizeof set, &set);
	(void)sched_setscheduler(0, SCHED_BATCH, &param);
}

static bool stopped(const struct ours *o)
{
	return __atomic_load_n(&appliance_control(&o->appliance)->stop, __ATOMIC_RELAXED);
}

static struct worker *worker_of(struct ours *o, uint32_t id)
{
	struct worker *w = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof *w, (size_t)CACHE_LINE));

	if (!w || worker_start(w, &o->appliance, id))
		bench_fail("a stage cannot start");
	return w;
}

static void remap(struct ours *o, uint32_t mask)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin();
	appliance_unmap(&o->appliance);
	if (appliance_map(&o->appliance, mask))
		bench_fail("no memory for a stage");
}

static void live_alone(struct ours *o, enum stage_id stage)
{
	struct worker *w;

	remap(o, 1u << stage);
	w = worker_of(o, plan_worker_id(&o->appliance.plan, stage, 0));
	while (!stopped(o)) {
		nanos_t now = worker_now(w);

		if (!worker_step(w, now) && worker_sleep(w, now))
			bench_fail("a stage cannot sleep");
	}
	worker_stop(w);
	free(w);
}

static bool step_all(struct worker *const w[STAGE_COUNT])
{
	nanos_t now = worker_now(w[0]);
	bool did = false;

	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		did |= worker_step(w[s], now);
	return did;
}

static void start_all(struct ours *o, struct worker *w[STAGE_COUNT])
{
	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		w[s] = worker_of(o, plan_worker_id(&o->appliance.plan, (enum stage_id)s, 0));
}

static void stop_all(struct worker *const w[STAGE_COUNT])
{
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		worker_stop(w[s]);
		free(w[s]);
	}
}

static void live_together(struct ours *o)
{
	struct timespec moment = {0, 1000000};
	struct worker *w[STAGE_COUNT];

	remap(o, 0xf);
	start_all(o, w);
	while (!stopped(o))
		if (!step_all(w))
			nanosleep(&moment, NULL);
	stop_all(w);
}

/* Until every stage has taken the configuration up. */
static void await_start(const struct ours *o)
{
	struct timespec moment = {0, 1000000};

	for (uint32_t w = 0; w < o->appliance.plan.n_workers; w++)
		while (!__atomic_load_n(&appliance_status(&o->appliance, w)->adopted, __ATOMIC_ACQUIRE))
			nanosleep(&moment, NULL);
}

struct ours *ours_start(const char *config, bool processes)
{
	struct ours *o = calloc(1, sizeof *o);

	if (!o)
		bench_fail("out of memory");
	load(o, config);
	create(o, processes);
	o->n_pids = processes ? STAGE_COUNT : 1;
	for (uint32_t s = 0; s < o->n_pids; s++) {
		o->pid[s] = fork();
		if (o->pid[s] < 0)
			bench_fail("no process");
		if (o->pid[s])
			continue;
		if (processes)
			live_alone(o, (enum stage_id)s);
		else
			live_together(o);
		_exit(0);
	}
	await_start(o);
	return o;
}

static void wake(struct ours *o)
{
	for (uint32_t w = 0; w < o->appliance.plan.n_workers; w++)
		bell_ring(&o->appliance.bell[w]);
}

/* Packets taken from the port, sent, and dropped anywhere. */
struct progress {
	uint64_t taken, sent, dropped;
};

static struct progress progress_of(const struct ours *o)
{
	struct progress p = {0};
	struct record r;

	for (uint32_t w = 0; w < o->appliance.plan.n_workers; w++) {
		const struct worker_plan *plan = &o->appliance.plan.worker[w];

		if (!journal_read(appliance_journal(&o->appliance, w), &r))
			bench_fail("a record cannot be read");
		p.dropped += r.sum[SUM_DROPPED];
		if (plan->stage != STAGE_INGEST)
			continue;
		p.taken += r.packets[LINK_PORT_RX(plan, PORT_IN)];
		p.sent += r.packets[LINK_PORT_TX(plan, PORT_OUT)];
	}
	return p;
}

static double cpu_ns(const struct ours *o)
{
	double sum = 0;

	for (uint32_t k = 0; k < o->n_pids; k++) {
		struct timespec t;
		clockid_t clock;

		if (clock_getcpuclockid(o->pid[k], &clock) || clock_gettime(clock, &t))
			bench_fail("a stage has died");
		sum += (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
	}
	return sum;
}

/* Waits for what is under way. */
static struct progress at_rest(const struct ours *o)
{
	struct timespec moment = {0, 500000};
	struct progress p = progress_of(o);

	for (uint32_t k = 0; k < 20000 && p.taken != p.sent + p.dropped; k++) {
		for (uint32_t s = 0; s < o->n_pids; s++)
			if (waitpid(o->pid[s], NULL, WNOHANG))
				bench_fail("%s has died", stages[s]->name);
		nanosleep(&moment, NULL);
		p = progress_of(o);
	}
	if (p.taken != p.sent + p.dropped)
		bench_fail("%lu packets are stuck", (unsigned long)(p.taken - p.sent - p.dropped));
	return p;
}

/* Who drops, and why: nobody should. */
static void tell_drops(const struct ours *o)
{
	struct record r;

	for (uint32_t w = 0; w < o->appliance.plan.n_workers; w++) {
		if (!journal_read(appliance_journal(&o->appliance, w), &r))
			continue;
		for (uint32_t k = 0; k < DROP_REASON_COUNT; k++)
			if (r.dropped[k])
				fprintf(stderr, "%s: %lu packets: %s\n",
				        stages[o->appliance.plan.worker[w].stage]->name,
				        (unsigned long)r.dropped[k], drop_reason_text((enum drop_reason)k));
	}
}

double ours_round(struct ours *o, uint64_t ns)
{
	struct control_block *control = appliance_control(&o->appliance);
	struct timespec whole = {(time_t)(ns / NANOS_PER_SEC), (long)(ns % NANOS_PER_SEC)};
	struct progress before = at_rest(o), after;
	double cpu = cpu_ns(o);

	__atomic_store_n(&control->hold, 0, __ATOMIC_SEQ_CST);
	wake(o);
	nanosleep(&whole, NULL);
	__atomic_store_n(&control->hold, 1, __ATOMIC_SEQ_CST);
	after = at_rest(o);
	if (after.dropped != before.dropped || after.sent == before.sent) {
		tell_drops(o);
		bench_fail("%lu of %lu packets were dropped", (unsigned long)(after.dropped - before.dropped),
		        (unsigned long)(after.taken - before.taken));
	}
	return (cpu_ns(o) - cpu) / (double)(after.sent - before.sent);
}

static void give_back(struct ours *o)
{
	publisher_end(&o->publisher);
	appliance_destroy(&o->appliance);
	config_free(o->config);
	free(o);
}

void ours_end(struct ours *o)
{
	__atomic_store_n(&appliance_control(&o->appliance)->stop, 1, __ATOMIC_SEQ_CST);
	wake(o);
	for (uint32_t k = 0; k < o->n_pids; k++)
		waitpid(o->pid[k], NULL, 0);
	give_back(o);
}

void ours_count(const char *config, uint64_t packets)
{
	struct ours *o = calloc(1, sizeof *o);
	struct worker *w[STAGE_COUNT];
	struct progress p;

	if (!o)
		bench_fail("out of memory");
	load(o, config);
	create(o, false);
	remap(o, APPLIANCE_CONTROL | 0xf);
	appliance_control(&o->appliance)->hold = 0;
	start_all(o, w);
	do {
		step_all(w);
		p = progress_of(o);
	} while (p.sent < packets);
	if (p.dropped)
		bench_fail("%lu packets were dropped", (unsigned long)p.dropped);
	stop_all(w);
	give_back(o);
}
