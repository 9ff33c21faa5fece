/* Ingest in its frame: an appliance whose filter sends everything back by port 1, on one thread, with deaths
 * of the ingest worker between a burst's work and its commit. */
#include "common/account/account.h"
#include "common/stage/worker.h"
#include "services/ingest/nic/capture.h"
#include "tests/unit/ingest/lab.h"

#include <criterion/criterion.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#define FRAMES 3000u

static struct lab lab; /* for its folder and its epoch */
static struct appliance appliance;
static struct worker *worker[WORKERS_MAX];
static struct stage_ops mortal;
static jmp_buf death;
static uint64_t dice;
static uint32_t deaths, turned;

static void die_perhaps(void)
{
	if (dice && random_next(&dice) >> 60 == 0)
		longjmp(death, 1);
}

static void mortal_burst(void *w, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	ingest_stage.burst(w, epoch, now, burst);
	die_perhaps();
}

static void mortal_timer(void *w, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	ingest_stage.timer(w, epoch, now, burst);
	die_perhaps();
}

static void mortal_rx(
        void *w, const struct epoch *epoch, nanos_t now, struct port_id port, struct burst *burst)
{
	ingest_stage.port_rx(w, epoch, now, port, burst);
	die_perhaps();
}

static uint64_t no_bytes(const struct stage_params *params)
{
	(void)params;
	return 64;
}

static void no_init(void *state, const struct stage_params *params, uint32_t lane)
{
	(void)state, (void)params, (void)lane;
}

static int no_attach(const struct stage_env *env, void **w)
{
	(void)env;
	*w = NULL;
	return 0;
}

static void no_detach(void *w)
{
	(void)w;
}

static bool no_adopt(void *w, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	(void)w, (void)epoch, (void)now, (void)burst;
	return true;
}

static nanos_t never(const void *w)
{
	(void)w;
	return NANOS_NEVER;
}

/* Back to lane 0, where port 1 is. */
static void turn_back(void *w, const struct epoch *epoch, nanos_t now, struct burst *b)
{
	(void)w, (void)epoch, (void)now;
	for (uint32_t i = 0; i < b->n; i++) {
		b->pkt[i].out = (struct port_id){1};
		burst_pass(b, i, out_id(OUT_TX, 0));
	}
	turned += b->n;
}

static const struct stage_ops mirror = {
        .name = "mirror",
        .state_bytes = no_bytes,
        .init = no_init,
        .attach = no_attach,
        .detach = no_detach,
        .adopt = no_adopt,
        .burst = turn_back,
        .next_timer = never,
        .lines_a_packet = 1,
        .lines_a_burst = 1,
};

static void make(uint32_t lanes)
{
	const struct stage_ops *const ops[STAGE_COUNT] = {&mortal, &mirror, &mirror, &mirror};
	struct stage_params params = {
	        .lanes = lanes, .buffers = 4096, .stride = PKT_STRIDE_DEFAULT, .ring_slots = 1024};

	mortal = ingest_stage;
	mortal.burst = mortal_burst;
	mortal.timer = mortal_timer;
	mortal.port_rx = mortal_rx;
	lab_publish(&lab);
	cr_assert_eq(appliance_create(&appliance, &params, ops, lab.epoch.header->bytes, 4096, false), 0);
	cr_assert_eq(appliance_map(&appliance, APPLIANCE_CONTROL | 0xf), 0);
	memcpy(appliance.map[REGION_EPOCH1], lab.region, lab.epoch.header->bytes);
	appliance_control(&appliance)->clock_shared = 1;
	appliance_control(&appliance)->epoch = 1;
	for (uint32_t id = 0; id < appliance.plan.n_workers; id++) {
		worker[id] = calloc(1, sizeof *worker[id]);
		cr_assert(worker[id]);
		cr_assert_eq(worker_start(worker[id], &appliance, id), 0);
	}
}

static void unmake(void)
{
	for (uint32_t id = 0; id < appliance.plan.n_workers; id++) {
		worker_stop(worker[id]);
		free(worker[id]);
	}
	appliance_destroy(&appliance);
}

static bool step_all(nanos_t now)
{
	volatile uint32_t id = 0;
	volatile bool did = false;

	if (setjmp(death)) { /* that of worker id: its memory stays, what was private is gone */
		deaths++;
		free(worker[id]->is_free);
		mortal.detach(worker[id]->stage);
		if (worker_start(worker[id], &appliance, id))
			abort();
		did = true;
	}
	for (; id < appliance.plan.n_workers; id++)
		did |= worker_step(worker[id], now);
	return did;
}

/* Until nothing is left to come. */
static void run(void)
{
	for (nanos_t now = 0;;) {
		nanos_t next = NANOS_NEVER;

		appliance_control(&appliance)->clock = now;
		if (step_all(now))
			continue;
		for (uint32_t id = 0; id < appliance.plan.n_workers; id++)
			next = MIN(next, worker_next_timer(worker[id]));
		if (next == NANOS_NEVER)
			return;
		cr_assert_gt(next, now);
		now = next;
	}
}

static struct account account;

static void balance(void)
{
	const void *stages[WORKERS_MAX];
	struct account_buffers buffers;

	for (uint32_t id = 0; id < appliance.plan.n_workers; id++)
		stages[id] = worker[id]->stage;
	account_read(&account, &appliance);
	for (uint32_t id = 0; id < appliance.plan.n_workers; id++)
		cr_assert_eq(account.worker[id].balance, 0, "worker %u: %lld", id,
		        (long long)account.worker[id].balance);
	cr_assert_eq(account.appliance.balance, 0);
	cr_assert_eq(account.rings_off, 0);
	mortal.held = ingest_stage.held;
	cr_assert_eq(account_count_buffers(&buffers, &appliance, stages), 0);
	cr_assert_eq(buffers.lost, 0);
	cr_assert_eq(buffers.twice, 0);
}

static uint32_t frames_in(const char *path, uint8_t *times)
{
	static uint8_t bytes[1 << 20];
	FILE *f = fopen(path, "rb");
	struct capture_frame frame;
	struct capture c;
	char error[256];
	uint32_t n = 0;
	size_t size;

	cr_assert(f);
	size = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	cr_assert_eq(capture_open(&c, bytes, size, error, sizeof error), 0);
	for (; capture_next(&c, &frame); n++)
		if (frame.len == 64)
			times[frame_number(frame.bytes) % (FRAMES + 1)]++;
	cr_assert(!c.cut && !c.broken);
	return n;
}

static void setup(void)
{
	lab_init(&lab, 1);
	make_capture(lab_path(&lab, "in"), FRAMES, NANOS_PER_MS / 7);
	deaths = turned = 0;
	dice = 0;
}

static void teardown(void)
{
	unmake();
	lab_free(&lab);
}

TestSuite(ingest_frame, .init = setup, .fini = teardown);

static void wires(const char *in, const char *out)
{
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;%s", lab_path(&lab, "in"), in);
	lab_port(&lab, 1, EPOCH_DRIVER_PCAP, "out=%s;%s", lab_path(&lab, "out"), out);
}

Test(ingest_frame, brings_a_capture_through)
{
	static uint8_t times[FRAMES + 1];

	wires("", "");
	make(1);
	run();
	balance();
	cr_assert_eq(account.port_in[0], FRAMES);
	cr_assert_eq(account.port_out[1], FRAMES);
	cr_assert_eq(account.appliance.dropped, 0);
	cr_assert_eq(frames_in(lab_path(&lab, "out"), times), FRAMES);
	cr_assert_eq(account.appliance.held, 0);
}

Test(ingest_frame, loses_only_what_a_dead_worker_had_in_hand)
{
	static uint8_t times[FRAMES + 1];

	wires("pace=max", "");
	dice = 7;
	make(1);
	run();
	balance();
	cr_assert_gt(deaths, 5);
	cr_assert_eq(account.port_in[0], FRAMES);
	cr_assert_eq(account.appliance.dropped, account.appliance.by_reason[DROP_STAGE_CRASHED]);
	cr_assert_eq(frames_in(lab_path(&lab, "out"), times), account.port_out[1]);
	cr_assert_eq(account.port_out[1] + account.appliance.dropped, FRAMES);
	for (uint32_t i = 1; i <= FRAMES; i++)
		cr_assert_leq(times[i], 1);
}

Test(ingest_frame, accounts_for_every_fault_and_death_over_lanes)
{
	static uint8_t times[FRAMES + 1];
	static const char faults[] = "fault.drop=30000;fault.repeat=30000;fault.reorder=30000;fault.corrupt="
	                             "30000;fault.truncate=30000;"
	                             "fault.delay_ms=4";

	wires(faults, faults);
	dice = 99;
	make(2);
	run();
	balance();
	cr_assert_gt(deaths, 5);
	cr_assert_gt(account.appliance.by_reason[DROP_FAULT], 50);
	cr_assert_gt(account.port_in[0], FRAMES);
	cr_assert_eq(account.appliance.held, 0);
	cr_assert_geq(frames_in(lab_path(&lab, "out"), times), account.port_out[1]);
}

Test(ingest_frame, goes_round_over_a_cable)
{
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s", lab_path(&lab, "in"));
	lab_port(&lab, 1, EPOCH_DRIVER_LOOP, "capacity=200;fault.drop=100000");
	dice = 3;
	make(1);
	run(); /* until the faults have taken all */
	balance();
	cr_assert_gt(turned, 2 * FRAMES);
	cr_assert_gt(deaths, 5);
	cr_assert_eq(account.appliance.held, 0);
}
