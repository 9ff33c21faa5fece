/* frame: what the frame itself costs a packet: stages that only pass packets on, in one thread, ingest to
 * router and back. */
#include "common/stage/worker.h"
#include "tests/bench/case.h"

#include <sys/resource.h>

#define ROUNDS  9
#define PACKETS 4000000u

static uint64_t bytes_none(const struct stage_params *p)
{
	(void)p;
	return 64;
}

static void init_none(void *state, const struct stage_params *p, uint32_t lane)
{
	(void)state, (void)p, (void)lane;
}

static int attach_none(const struct stage_env *env, void **worker)
{
	*worker = (void *)(uintptr_t)env;
	return 0;
}

static void detach_none(void *worker)
{
	(void)worker;
}

static bool adopt_none(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)worker, (void)e, (void)now, (void)b;
	return true;
}

static nanos_t never(const void *worker)
{
	(void)worker;
	return NANOS_NEVER;
}

static uint64_t left;

static uint32_t ready(void *worker, const struct epoch *e, nanos_t now, uint32_t max, struct port_id *port)
{
	uint32_t n = (uint32_t)MIN((uint64_t)max, left);

	(void)worker, (void)e, (void)now;
	*port = (struct port_id){0};
	left -= n;
	return n;
}

static void rx(void *worker, const struct epoch *e, nanos_t now, struct port_id port, struct burst *b)
{
	(void)worker, (void)e, (void)now;
	for (uint32_t i = 0; i < b->n; i++) {
		memset(b->frame[i], (int)i, 64);
		b->pkt[i].len = 64;
		b->pkt[i].total_len = 64;
		b->pkt[i].port = port;
	}
}

static void ingest(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)worker, (void)e, (void)now;
	for (uint32_t i = 0; i < b->n; i++) {
		if (b->input == INPUT_TX)
			burst_sent(b, i, 0);
		else
			burst_pass(b, i, out_id(OUT_RX, 0));
	}
}

static void filter(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)worker, (void)e, (void)now;
	for (uint32_t i = 0; i < b->n; i++)
		burst_pass(b, i, b->input == INPUT_RX ? out_id(OUT_RX, 0) : out_id(OUT_TX, 0));
}

static void router(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)worker, (void)e, (void)now;
	for (uint32_t i = 0; i < b->n; i++) {
		b->frame[i][0]++;
		burst_pass(b, i, out_id(OUT_TX, 0));
	}
}

#define OPS(name_, burst_)                                                                                   \
	{                                                                                                    \
		.name = name_, .state_bytes = bytes_none, .init = init_none, .attach = attach_none,          \
		.detach = detach_none, .adopt = adopt_none, .burst = burst_, .timer = NULL,                  \
		.next_timer = never, .port_ready = ready, .port_rx = rx, .lines_a_packet = 1,                \
		.lines_a_burst = 1                                                                           \
	}

static const struct stage_ops stages[STAGE_COUNT] = {
        OPS("ingest", ingest), OPS("filter", filter), OPS("router", router), OPS("session", router)};

static struct appliance appliance;
static struct worker *worker[STAGE_COUNT];

static void make(void)
{
	const struct stage_ops *const ops[] = {&stages[0], &stages[1], &stages[2], &stages[3]};
	struct stage_params params = {
	        .lanes = 1, .buffers = 16384, .stride = PKT_STRIDE_DEFAULT, .ring_slots = 4096};
	struct epoch_header *h;
	struct epoch_port *p;

	if (appliance_create(&appliance, &params, ops, 4096, 4096, false) ||
	        appliance_map(&appliance, APPLIANCE_CONTROL | 0xf))
		exit(1);
	h = appliance.map[REGION_EPOCH1];
	p = (struct epoch_port *)(h + 1);
	*h = (struct epoch_header){.magic = EPOCH_MAGIC,
	        .version = EPOCH_VERSION,
	        .bytes = sizeof *h + sizeof *p,
	        .number = 1,
	        .ports = {sizeof *h, 1}};
	*p = (struct epoch_port){.kind = EPOCH_PORT_PHYSICAL};
	appliance_control(&appliance)->epoch = 1;
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		worker[s] = calloc(1, sizeof *worker[s]);
		if (!worker[s] || worker_start(worker[s], &appliance, s))
			exit(1);
	}
}

static double cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

int main(void)
{
	double ns[ROUNDS];

	make();
	for (int r = 0; r < ROUNDS; r++) {
		double t = cpu_ns();
		bool did = true;

		left = PACKETS;
		while (did) {
			did = false;
			for (uint32_t s = 0; s < STAGE_COUNT; s++)
				did |= worker_step(worker[s], 1);
		}
		ns[r] = (cpu_ns() - t) / PACKETS;
	}
	case_print(&(struct bench_case){
	        .bench = "frame",
	        .name = "five bursts a packet, stages that only pass",
	        .unit = "ns/packet",
	        .value = figures_of(ns, ROUNDS),
	});
	return 0;
}
