/* rings: buffers into the kernel's rings and back, and the calls that make the kernel look. */
#include "services/ingest/ingest_internal.h"

static struct nic *open_nic(struct ingest *g, uint32_t place)
{
	return &g->ports.port[g->ports.open[place]].nic;
}

uint32_t rings_wants(void *worker, uint32_t max, struct port_id *port)
{
	struct ingest *g = worker;

	for (uint32_t k = 0; k < g->ports.n_open; k++) {
		struct nic *nic = open_nic(g, k);
		uint32_t n = nic->ops->wants ? MIN(nic->ops->wants(nic), max) : 0;

		if (n) {
			*port = nic->port;
			return n;
		}
	}
	return 0;
}

void rings_fill(void *worker, struct port_id port, const struct pkt_index *index, uint32_t n)
{
	struct ingest *g = worker;
	struct nic *nic = &g->ports.port[port.v].nic;

	ports_touch(&g->ports, port);
	nic->ops->fill(nic, index, n);
}

bool rings_pending(const void *worker)
{
	const struct ingest *g = worker;

	for (uint32_t k = 0; k < g->ports.n_open; k++) {
		const struct nic *nic = &g->ports.port[g->ports.open[k]].nic;

		if (nic->ops->pending && nic->ops->pending(nic))
			return true;
	}
	return false;
}

static void count_done(struct ingest *g, struct port_id port, const struct pkt_index *index, uint32_t n)
{
	uint32_t sent = n;

	for (uint32_t i = 0; i < n; i++)
		sent -= index[i].v >> 31;
	poll_stats_add(&g->polls->port[port.v].tx_done, sent);
}

uint32_t rings_done(void *worker, struct port_id *port, struct pkt_index *index, uint32_t max)
{
	struct ingest *g = worker;

	for (uint32_t k = 0; k < g->ports.n_open; k++) {
		uint32_t at = (g->done_turn + k) % g->ports.n_open, n;
		struct nic *nic = open_nic(g, at);

		if (!nic->ops->pending || !nic->ops->pending(nic))
			continue;
		n = nic->ops->done(nic, index, max);
		if (!n)
			continue;
		g->done_turn = at + 1;
		ports_touch(&g->ports, nic->port);
		count_done(g, nic->port, index, n);
		*port = nic->port;
		return n;
	}
	return 0;
}

void rings_apply(void *worker)
{
	struct ingest *g = worker;

	ports_apply(&g->ports);
}

void rings_kick(void *worker, nanos_t now)
{
	struct ingest *g = worker;
	uint32_t kicks = g->ports.kicks;

	if (likely(!kicks))
		return;
	for (uint32_t mask = kicks; mask; mask &= mask - 1) {
		struct open_port *o = &g->ports.port[__builtin_ctz(mask)];

		if (o->open && o->nic.ops->kick)
			o->nic.ops->kick(&o->nic);
	}
	g->ports.kicks = 0;
	g->look = rings_pending(g) ? now + RINGS_LOOK : NANOS_NEVER;
	g->polls->dropped = g->env.journal->work->dropped[DROP_RING_FULL];
	poll_stats_add(&g->polls->rounds, 1);
	tell_ports(g, kicks);
}

void rings_kernel(const void *worker, uint32_t buffers[EPOCH_PHYS_MAX])
{
	const struct ingest *g = worker;

	for (uint16_t i = 0; i < EPOCH_PHYS_MAX; i++)
		if (g->ports.state[i].incarnation)
			for (enum ledger_side side = LEDGER_RX; side <= LEDGER_TX; side++)
				buffers[i] += ledger_count(&g->ports.ledger, (struct port_id){i}, side);
}
