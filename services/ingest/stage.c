#include "services/ingest/ingest_internal.h"

#include <stdlib.h>

static uint64_t ingest_state_bytes(const struct stage_params *params)
{
	return sizeof(struct ingest_state) - sizeof(struct ledger_state) + ledger_bytes(params->buffers);
}

static void ingest_init(void *state, const struct stage_params *params, uint32_t lane)
{
	(void)state, (void)params, (void)lane; /* zero is a state without ports */
}

static int ingest_attach(const struct stage_env *env, void **worker)
{
	struct ingest_state *state = env->state;
	struct ingest *g = calloc(1, sizeof *g);
	int err;

	if (!g)
		return -ENOMEM;
	g->env = *env;
	g->look = NANOS_NEVER;
	g->polls = env->polls ? env->polls : &g->unseen;
	err = ports_attach(&g->ports, &g->env, state->port, &state->ledger);
	if (err) {
		free(g);
		return err;
	}
	rss_table(g->lane_of, env->params->lanes);
	*worker = g;
	return 0;
}

static void ingest_detach(void *worker)
{
	struct ingest *g = worker;

	ports_detach(&g->ports);
	free(g);
}

static bool ingest_adopt(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct ingest *g = worker;
	bool done = ports_adopt(&g->ports, epoch, now, burst);

	if (done)
		tell_ports(g, UINT32_MAX);
	return done;
}

static bool ingest_retire(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct ingest *g = worker;
	bool done = ports_retire(&g->ports, epoch, now, burst);

	if (done)
		tell_ports(g, UINT32_MAX);
	return done;
}

static nanos_t ingest_awaits(void *worker, nanos_t now)
{
	struct ingest *g = worker;

	return ports_await(&g->ports, now);
}

static bool ingest_port_open(void *worker, const struct epoch *epoch, struct port_id port)
{
	struct ingest *g = worker;

	return ports_get(&g->ports, epoch, port) != NULL;
}

static void ingest_port_owe(void *worker, struct port_id port, uint32_t n)
{
	struct ingest *g = worker;
	struct port_state *s = &g->ports.state[port.v];

	journal_touch(g->env.journal, s);
	s->owed += n;
}

/* Frames that a predecessor had in hand, when the port could not be opened at once: their bytes killed it,
 * perhaps. */
static void drop_owed(struct ingest *g, struct burst *b, struct port_id port)
{
	struct port_state *s = journal_touch(g->env.journal, &g->ports.state[port.v]);

	for (uint32_t i = 0; i < b->n && s->owed; i++, s->owed--)
		if (!burst_decided(b, i))
			burst_drop(b, i, DROP_STAGE_CRASHED);
}

static void ingest_port_rx(
        void *worker, const struct epoch *epoch, nanos_t now, struct port_id port, struct burst *burst)
{
	struct ingest *g = worker;
	struct nic *nic = ports_get(&g->ports, epoch, port);

	for (uint32_t i = 0; i < burst->n; i++)
		burst->pkt[i].port = port;
	if (!nic)
		return;
	ports_touch(&g->ports, port);
	nic->ops->rx(nic, now, burst, 0, burst->n);
	if (unlikely(g->ports.state[port.v].owed))
		drop_owed(g, burst, port);
}

static void ingest_burst(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	if (burst->input == INPUT_PORT)
		receive_burst(worker, epoch, burst);
	else
		send_burst(worker, epoch, now, burst);
}

/* Time. */

static void ingest_timer(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct ingest *g = worker;

	if (unlikely(ports_unsettled(&g->ports, now))) {
		ports_settle(&g->ports, epoch, now, burst);
		tell_ports(g, UINT32_MAX);
		return;
	}
	for (uint32_t k = 0; k < g->ports.n_open; k++) {
		struct nic *nic = &g->ports.port[g->ports.open[k]].nic;

		if (!nic->ops->work || nic->ops->work_next(nic) > now)
			continue;
		ports_touch(&g->ports, nic->port);
		nic->ops->work(nic, now, burst);
	}
	if (g->look <= now) /* this round has looked for what was sent; its end sets the next time */
		g->ports.kicks = UINT32_MAX;
	receive_outbox(g, epoch, burst);
}

static nanos_t ingest_next_timer(const void *worker)
{
	const struct ingest *g = worker;
	nanos_t next = MIN(g->look, g->ports.retry);

	if (unlikely(ports_unsettled(&g->ports, 0)))
		return 0;
	for (uint32_t k = 0; k < g->ports.n_open; k++) {
		const struct nic *nic = &g->ports.port[g->ports.open[k]].nic;

		if (nic->ops->work)
			next = MIN(next, nic->ops->work_next(nic));
	}
	return next;
}

struct held_list {
	struct pkt_index *index;
	uint32_t n;
	uint32_t packets;
};

static bool list_held(void *ctx, struct pkt_index index, enum ledger_side side)
{
	struct held_list *h = ctx;

	h->index[h->n++] = index;
	h->packets += side == LEDGER_TX;
	return true;
}

static uint32_t ingest_held(const void *worker, struct pkt_index *index, uint32_t *packets)
{
	const struct ingest *g = worker;
	uint32_t n = 0;

	*packets = 0;
	for (uint16_t i = 0; i < EPOCH_PHYS_MAX; i++) {
		const struct port_state *s = &g->ports.state[i];
		const struct nic_ops *driver = ports_driver(s->driver);

		if (!driver)
			continue;
		n += nic_fault.held(s->fault, index + n, packets);
		if (driver->held)
			n += driver->held(s->wire, index + n, packets);
		if (s->incarnation) {
			struct held_list h = {index + n, 0, 0};

			(void)!ledger_each(&g->ports.ledger, (struct port_id){i}, list_held, &h);
			n += h.n;
			*packets += h.packets;
		}
	}
	return n;
}

const char *ingest_port_error(const void *worker, struct port_id port)
{
	const struct ingest *g = worker;

	return port.v < EPOCH_PHYS_MAX ? ports_error(&g->ports, port.v) : NULL;
}

bool ingest_port_stats(const void *worker, struct port_id port, struct nic_stats *stats)
{
	const struct ingest *g = worker;

	if (port.v >= EPOCH_PHYS_MAX || !g->ports.port[port.v].open)
		return false;
	*stats = g->ports.port[port.v].nic.stats;
	return true;
}

const struct stage_ops ingest_stage = {
        .name = "ingest",
        .state_bytes = ingest_state_bytes,
        .init = ingest_init,
        .attach = ingest_attach,
        .detach = ingest_detach,
        .adopt = ingest_adopt,
        .retire = ingest_retire,
        .burst = ingest_burst,
        .timer = ingest_timer,
        .next_timer = ingest_next_timer,
        .held = ingest_held,
        .port_ready = poll_ready,
        .port_rx = ingest_port_rx,
        .port_next = poll_next,
        .port_arm = poll_arm,
        .port_wants = rings_wants,
        .port_fill = rings_fill,
        .port_pending = rings_pending,
        .port_done = rings_done,
        .port_apply = rings_apply,
        .port_kick = rings_kick,
        .port_kernel = rings_kernel,
        .port_open = ingest_port_open,
        .port_owe = ingest_port_owe,
        .port_awaits = ingest_awaits,
        .lines_a_packet = 4,
        .lines_a_burst = PORT_STATE_LINES + 4,
};
