#include "tests/unit/stage/relay.h"

#include "common/ring/ring.h"

#include <stdlib.h>

struct relay relay;

static uint64_t bytes(const struct stage_params *p)
{
	(void)p;
	return CACHE_LINE;
}

static void init(void *state, const struct stage_params *p, uint32_t lane)
{
	(void)state, (void)p, (void)lane;
}

static int attach(const struct stage_env *env, void **worker)
{
	uint32_t *lanes = malloc(sizeof *lanes);

	assert(lanes);
	*lanes = env->params->lanes;
	*worker = lanes;
	return 0;
}

static bool adopt(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)worker, (void)e, (void)now, (void)b;
	return true;
}

static void timer(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)worker, (void)e, (void)now, (void)b;
}

static nanos_t never(const void *worker)
{
	(void)worker;
	return NANOS_NEVER;
}

static uint32_t ready(void *worker, const struct epoch *e, nanos_t now, uint32_t max, struct port_id *port)
{
	(void)worker, (void)e, (void)now;
	*port = (struct port_id){0};
	return MIN(max, relay.left);
}

static void rx(void *worker, const struct epoch *e, nanos_t now, struct port_id port, struct burst *b)
{
	(void)worker, (void)e, (void)now;
	relay.left -= b->n;
	for (uint32_t i = 0; i < b->n; i++) {
		memset(b->frame[i], 0x55, 60);
		b->pkt[i].len = 60;
		b->pkt[i].total_len = 60;
		b->pkt[i].port = port;
	}
}

static void ingest(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)e, (void)now;
	for (uint32_t i = 0; i < b->n; i++) {
		if (b->input == INPUT_TX)
			ref_sent(burst_ref(b, i), (struct port_id){0});
		else
			burst_pass(b, i, out_id(OUT_RX, i % *(uint32_t *)worker));
	}
}

static void filter(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)worker, (void)e, (void)now;
	for (uint32_t i = 0; i < b->n; i++)
		burst_pass(b, i, b->input == INPUT_RX ? out_id(OUT_RX, b->lane) : out_id(OUT_TX, 0));
}

static void router(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)worker, (void)now;
	relay.epochs_seen[e->number & 3]++;
	for (uint32_t i = 0; i < b->n; i++) {
		if (relay.router_holds)
			ref_hold(b, burst_ref(b, i));
		else
			burst_pass(b, i, out_id(OUT_TX, b->lane));
		if (relay.router_makes) {
			struct outbox_entry *o = burst_make(b, i, BORN_GENERATED, &b->pkt[i]);

			if (o) {
				o->pkt.len = 60;
				o->pkt.total_len = 60;
				outbox_pass(o, out_id(OUT_TX, b->lane));
			}
		}
	}
	if (relay.router_dies)
		siglongjmp(relay.death, 1);
}

static bool retire(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	(void)worker, (void)now, (void)b;
	relay.retired = e->number;
	return true;
}

static uint32_t oldest(const void *worker)
{
	(void)worker;
	return relay.pinned ? relay.pinned : UINT32_MAX;
}

#define OPS(name_, burst_)                                                                                   \
	{                                                                                                    \
		.name = name_, .state_bytes = bytes, .init = init, .attach = attach, .detach = free,         \
		.adopt = adopt, .burst = burst_, .timer = timer, .next_timer = never, .port_ready = ready,   \
		.port_rx = rx, .lines_a_packet = 1, .lines_a_burst = 1                                       \
	}

static const struct stage_ops ingest_ops = OPS("ingest", ingest), filter_ops = OPS("filter", filter),
                              session_ops = OPS("session", filter);
static struct stage_ops router_ops = OPS("router", router);

void relay_publish(uint32_t number)
{
	struct epoch_header *h = relay.a.map[REGION_EPOCH0 + (number & 1)];
	struct epoch_port *p = (struct epoch_port *)(h + 1);

	*h = (struct epoch_header){
	        .magic = EPOCH_MAGIC,
	        .version = EPOCH_VERSION,
	        .bytes = sizeof *h + sizeof *p,
	        .number = number,
	        .ports = {sizeof *h, 1},
	};
	*p = (struct epoch_port){.kind = EPOCH_PORT_PHYSICAL};
	__atomic_store_n(&appliance_control(&relay.a)->epoch, number, __ATOMIC_RELEASE);
}

void relay_setup(uint32_t lanes)
{
	const struct stage_ops *const ops[] = {&ingest_ops, &filter_ops, &router_ops, &session_ops};
	struct stage_params params = {
	        .lanes = lanes,
	        .buffers = 1024 * lanes,
	        .stride = PKT_STRIDE_DEFAULT,
	        .ring_slots = lanes > 1 ? 512 : 64,
	};

	relay = (struct relay){0};
	router_ops.oldest_epoch = oldest;
	router_ops.retire = retire;
	if (appliance_create(&relay.a, &params, ops, 65536, 4096, false) ||
	        appliance_map(&relay.a, APPLIANCE_CONTROL | 0xf))
		abort();
	appliance_control(&relay.a)->clock_shared = 1;
	relay_publish(1);
	for (uint32_t id = 0; id < relay.a.plan.n_workers; id++) {
		relay.w[id] = calloc(1, sizeof *relay.w[id]);
		if (!relay.w[id] || worker_start(relay.w[id], &relay.a, id))
			abort();
	}
}

void relay_teardown(void)
{
	for (uint32_t id = 0; id < relay.a.plan.n_workers; id++) {
		worker_stop(relay.w[id]);
		free(relay.w[id]);
	}
	appliance_destroy(&relay.a);
}

bool relay_step(enum stage_id stage, uint32_t lane)
{
	return worker_step(relay.w[plan_worker_id(&relay.a.plan, stage, lane)], 1);
}

void relay_settle(void)
{
	bool did = true;

	while (did) {
		did = false;
		for (uint32_t id = 0; id < relay.a.plan.n_workers; id++)
			did |= worker_step(relay.w[id], 1);
	}
}

bool relay_sound(void)
{
	static struct account account;
	const void *stage[WORKERS_MAX] = {0};
	struct account_buffers b;

	account_read(&account, &relay.a);
	if (account_count_buffers(&b, &relay.a, stage))
		return false;
	for (uint32_t id = 0; id < relay.a.plan.n_workers; id++)
		if (account.worker[id].balance)
			return false;
	return !account.rings_off && !account.appliance.balance && !b.lost && !b.twice;
}

uint64_t relay_dropped(enum stage_id stage, enum drop_reason reason)
{
	static struct account account;

	account_read(&account, &relay.a);
	return account.stage[stage].by_reason[reason];
}

struct ring_producer_half *relay_ring(
        enum ring_role role, enum stage_id from, enum stage_id to, uint32_t *slots)
{
	for (uint32_t k = 0; k < relay.a.plan.n_rings; k++) {
		const struct ring_plan *r = &relay.a.plan.ring[k];

		if (r->role != role || relay.a.plan.worker[r->from].stage != from ||
		        relay.a.plan.worker[r->to].stage != to)
			continue;
		*slots = r->slots;
		return appliance_public(&relay.a, r->from, r->prod_off);
	}
	abort();
}
