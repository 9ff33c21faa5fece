/* tell: what the ports have counted, into the region where others read it. */
#include "services/ingest/ingest_internal.h"

/* What a driver's counter has grown by; a driver counts from its opening on. */
static void grow(uint64_t *word, uint64_t now, uint64_t *told)
{
	if (now != *told)
		poll_stats_add(word, now - *told);
	*told = now;
}

static void tell_driver(struct poll_port *p, const struct nic_stats *s, struct nic_stats *told)
{
	grow(&p->rx_missed, s->rx_missed, &told->rx_missed);
	grow(&p->rx_errors, s->rx_errors, &told->rx_errors);
	grow(&p->rx_segments, s->rx_segments, &told->rx_segments);
	grow(&p->tx_errors, s->tx_errors, &told->tx_errors);
	grow(&p->kicks, s->kicks, &told->kicks);
	grow(&p->in_doubt, s->in_doubt, &told->in_doubt);
}

static void tell_queue(struct poll_port *p, const struct pace_queue *q, struct pace_queue *told)
{
	grow(&p->polls, q->polls, &told->polls);
	grow(&p->completes, q->completes, &told->completes);
	grow(&p->deferrals, q->deferrals, &told->deferrals);
	grow(&p->wakeups, q->wakeups, &told->wakeups);
}

static void tell_state(struct ingest *g, uint32_t port)
{
	struct poll_port *p = &g->polls->port[port];
	const struct open_port *o = &g->ports.port[port];
	const char *wrong = ports_error(&g->ports, port);

	p->incarnation = o->open ? o->incarnation : 0;
	p->queue = g->ports.state[port].queue;
	if (wrong) {
		size_t n = MIN(strlen(wrong), sizeof p->reason - 1);

		memcpy(p->reason, wrong, n);
		p->reason[n] = 0;
	}
	__atomic_store_n(&p->state,
	        wrong     ? POLL_PORT_DOWN
	        : o->open ? POLL_PORT_UP
	                  : POLL_PORT_NONE,
	        __ATOMIC_RELEASE);
}

void tell_ports(struct ingest *g, uint32_t ports)
{
	for (; ports; ports &= ports - 1) {
		uint32_t port = (uint32_t)__builtin_ctz(ports);
		struct open_port *o = &g->ports.port[port];

		if (o->open) {
			tell_driver(&g->polls->port[port], &o->nic.stats, &o->told);
			tell_queue(&g->polls->port[port], &o->queue, &o->told_queue);
		}
		tell_state(g, port);
	}
}
