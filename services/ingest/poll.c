/* poll: NAPI over the worker's queues (common/pace): which is polled next, and when the worker must be back.
 *
 * A queue that is armed is looked at too whenever the worker is awake: that costs a load, and what its
 * interrupt would say is known before it comes. */
#include "services/ingest/ingest_internal.h"

static struct open_port *open_at(struct ingest *g, uint32_t place)
{
	return &g->ports.port[g->ports.open[place]];
}

static void mask(struct nic *nic, bool on)
{
	if (nic->ops->arm)
		nic->ops->arm(nic, on);
}

/* Frames that this queue gives now, at most max. */
static uint32_t poll_queue(struct ingest *g, struct open_port *o, nanos_t now, uint32_t max)
{
	uint32_t allowance = MIN(max, o->pace.weight), n;

	if (unlikely(o->queue.state == PACE_SCHEDULED && !pace_due(&o->queue, now)))
		return 0;
	n = o->nic.ops->rx_ready(&o->nic, now, allowance);
	if (o->queue.state == PACE_ARMED) {
		if (!n)
			return 0;
		mask(&o->nic, false);
		pace_schedule(&o->queue);
	}
	(void)pace_polled(&g->round, &o->pace, &o->queue, now, allowance, n);
	return n;
}

uint32_t poll_ready(void *worker, const struct epoch *epoch, nanos_t now, uint32_t max, struct port_id *port)
{
	struct ingest *g = worker;

	(void)epoch;
	for (uint32_t k = 0; k < g->ports.n_polled; k++) {
		uint32_t at = (g->turn + k) % g->ports.n_polled;
		struct open_port *o = open_at(g, at);
		uint32_t n = poll_queue(g, o, now, max);

		if (n) {
			g->turn = at + 1;
			*port = o->nic.port;
			return n;
		}
	}
	return 0;
}

nanos_t poll_next(const void *worker)
{
	const struct ingest *g = worker;
	nanos_t next = NANOS_NEVER;

	for (uint32_t k = 0; k < g->ports.n_polled && next; k++) {
		struct open_port *o = &g->ports.port[g->ports.open[k]];
		nanos_t frame = o->nic.ops->rx_next(&o->nic);

		/* A queue that is put off is polled at its time, whether there is something or not: then it
		 * is armed. */
		if (o->queue.state == PACE_SCHEDULED && o->queue.again)
			frame = o->queue.again;
		next = MIN(next, frame);
	}
	return next;
}

uint32_t poll_arm(void *worker, bool on, int *fd)
{
	struct ingest *g = worker;
	uint32_t n = 0;

	for (uint32_t k = 0; k < g->ports.n_polled; k++) {
		struct open_port *o = open_at(g, k);

		if (o->queue.state == PACE_SCHEDULED && o->queue.again)
			continue; /* put off: a timer brings the worker back */
		mask(&o->nic, on);
		if (o->nic.ops->fds)
			n += o->nic.ops->fds(&o->nic, fd + n);
	}
	return n;
}
