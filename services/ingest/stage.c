#include "common/trace/trace.h"
#include "common/wire/ether.h"
#include "services/ingest/ingest_internal.h"
#include "services/ingest/partial.h"

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

/* Reception. */

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

static bool port_is_up(const struct epoch *epoch, struct port_id port)
{
	const struct epoch_port *p = epoch_port(epoch, port);

	return p && p->flags & EPOCH_PORT_UP;
}

/* Lengths of a frame that a port has received; the reason if it ends here. */
static enum drop_reason rx_flaw(const struct pool *pool, const struct pkt *p)
{
	if (likely(p->len >= ETHER_HDR_LEN))
		return DROP_NONE;
	return p->len == 0 && p->total_len > pool_frame_max(pool) ? DROP_RX_LENGTH : DROP_PKT_TOO_SMALL;
}

/* Decides about one frame that has arrived.  Returns its bytes. */
static always_inline uint32_t receive(const struct ingest *g, struct burst *b, struct pkt_ref r, bool up)
{
	struct pkt *p = r.pkt;
	enum drop_reason flaw = rx_flaw(b->pool, p);
	uint32_t lane = b->lane;

	trace(b->trace, p->trace, TRACE_RECEIVED, p->port.v, p->len);
	if (unlikely(flaw || !up)) {
		ref_drop(r, flaw ? flaw : DROP_PORT_DOWN);
		return p->len;
	}
	if (b->lanes > 1) {
		if (!(p->flags & PKT_F_HASHED)) {
			p->hash = rss_frame(*r.frame, p->len);
			p->flags |= PKT_F_HASHED;
		}
		lane = g->lane_of[p->hash % RSS_TABLE];
	}
	ref_pass(r, out_id(OUT_RX, lane));
	return p->len;
}

/* A frame that a driver had kept back: its number was counted when it came. */
static void count_late(const struct ingest *g, const struct pkt *p)
{
	if (p->port.v < EPOCH_PHYS_MAX)
		poll_stats_add(&g->polls->port[p->port.v].rx_bytes, p->len);
}

/* What drivers had kept back and now let go. */
static void receive_outbox(const struct ingest *g, const struct epoch *epoch, struct burst *b)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < b->n_out; i++) {
		struct outbox_entry *e = &b->out[i];

		if (outbox_decided(e))
			continue;
		count_late(g, &e->pkt);
		bytes += receive(g, b, outbox_ref(e), port_is_up(epoch, e->pkt.port));
	}
	if (bytes)
		burst_count(b, STAT_RX_BYTES, bytes);
}

static void count_received(const struct ingest *g, const struct burst *b, uint64_t bytes)
{
	struct poll_port *p = &g->polls->port[b->pkt[0].port.v];
	uint64_t elsewhere = 0;

	poll_stats_add(&p->rx_packets, b->n);
	poll_stats_add(&p->rx_bytes, bytes);
	poll_stats_add(&g->polls->processed, b->n);
	for (uint32_t i = 0; i < b->n && b->lanes > 1; i++)
		elsewhere += b->verdict[i].kind == VERDICT_PASS &&
		             b->verdict[i].out.v != out_id(OUT_RX, b->lane).v;
	if (elsewhere)
		poll_stats_add(&g->polls->received_rps, elsewhere);
}

static void receive_burst(const struct ingest *g, const struct epoch *epoch, struct burst *b)
{
	bool up = port_is_up(epoch, b->pkt[0].port), here = up && b->lanes == 1;
	struct out_id out = out_id(OUT_RX, b->lane);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct pkt *p = &b->pkt[i];

		if (likely(here && !burst_decided(b, i) && p->len >= ETHER_HDR_LEN && !p->trace)) {
			burst_pass(b, i, out);
			bytes += p->len;
		} else if (!burst_decided(b, i)) {
			bytes += receive(g, b, burst_ref(b, i), up);
		}
	}
	if (bytes)
		burst_count(b, STAT_RX_BYTES, bytes);
	count_received(g, b, bytes);
	if (unlikely(b->n_out))
		receive_outbox(g, epoch, b);
}

/* Transmission. */

/* The packets to be sent, by physical port: those of the port that comes first, mostly all, and of the others
 * the port of each. */
struct sending {
	uint32_t ports; /* a bit each */
	uint32_t first;
	uint32_t n; /* packets of the first */
	struct pkt_ref packet[BURST_MAX];
	uint8_t port[BURST_MAX]; /* NOT_SENT, or of another than the first */
};

static_assert(EPOCH_PHYS_MAX <= 32, "a bit each");

#define NOT_SENT UINT8_MAX

/* The physical port under the (sub-)port `out`, if it is up. */
static const struct epoch_port *egress(const struct epoch *epoch, struct port_id out)
{
	const struct epoch_port *p = epoch_port(epoch, out), *port = p ? epoch_port(epoch, p->phys) : NULL;

	return port && p->phys.v < EPOCH_PHYS_MAX && port->flags & EPOCH_PORT_UP ? port : NULL;
}

/* Whether packet i can leave by that port; the reason if not. */
static always_inline enum drop_reason tx_flaw(struct burst *b, uint32_t i, const struct epoch_port *port)
{
	const struct pkt *p = &b->pkt[i];

	if (unlikely(p->len < ETHER_HDR_LEN))
		return DROP_PKT_TOO_SMALL;
	if (unlikely(b->more[i] || p->len > port->mtu + ETHER_HDR_LEN + VLAN_TAGS_MAX * VLAN_HDR_LEN))
		return DROP_TX_LENGTH;
	if (unlikely(p->csum == PKT_CSUM_PARTIAL && !(port->flags & EPOCH_PORT_CSUM_PARTIAL))) {
		struct pkt_ref packet = burst_ref(b, i);

		if (!partial_complete(b, &packet))
			return DROP_TX_FAILED;
	}
	return DROP_NONE;
}

static void sort_out(const struct epoch *epoch, struct burst *b, struct sending *s)
{
	const struct epoch_port *port = NULL;
	struct port_id last = PORT_NONE;
	uint32_t ports = 0, first = 0, n = 0, all = b->n;

	memset(s->port, NOT_SENT, all);
	for (uint32_t i = 0; i < all; i++) {
		enum drop_reason flaw;

		if (i && unlikely(b->more[i - 1])) /* the verdict of the first counts for all */
			continue;
		if (unlikely(!port_id_equal(b->pkt[i].out, last))) {
			last = b->pkt[i].out;
			port = egress(epoch, last);
			if (port && !ports)
				first = port->phys.v;
			ports |= port ? 1u << port->phys.v : 0;
		}
		flaw = port ? tx_flaw(b, i, port) : DROP_PORT_DOWN;
		if (unlikely(!port || flaw))
			burst_drop(b, i, flaw);
		else if (likely(port->phys.v == first))
			s->packet[n++] = burst_ref(b, i);
		else
			s->port[i] = (uint8_t)port->phys.v;
	}
	s->ports = ports;
	s->first = first;
	s->n = n;
}

/* Bytes sent, and the trace of it. */
static uint64_t account_sent(const struct ingest *g, struct burst *b, const struct pkt_ref *packets,
        uint32_t n, struct port_id port)
{
	uint64_t bytes = 0, sent = n;

	for (uint32_t i = 0; i < n; i++) {
		if (packets[i].verdict->kind == VERDICT_DROP) {
			sent--;
			continue;
		}
		bytes += packets[i].pkt->len;
		trace(b->trace, packets[i].pkt->trace, TRACE_SENT, port.v, packets[i].pkt->len);
	}
	poll_stats_add(&g->polls->port[port.v].tx_packets, sent);
	poll_stats_add(&g->polls->port[port.v].tx_bytes, bytes);
	return bytes;
}

static void send_port(struct ingest *g, const struct epoch *epoch, nanos_t now, struct burst *b,
        const struct pkt_ref *packets, uint32_t n, struct port_id port)
{
	struct nic *nic = ports_get(&g->ports, epoch, port);
	uint64_t bytes;

	if (unlikely(!nic || (nic->grant.what && !nic->grant.link))) {
		for (uint32_t i = 0; i < n; i++)
			ref_drop(packets[i], DROP_PORT_DOWN);
		return;
	}
	ports_touch(&g->ports, port);
	nic->ops->tx(nic, now, b, packets, n);
	bytes = account_sent(g, b, packets, n, port);
	if (bytes)
		burst_count(b, STAT_TX_BYTES, bytes);
}

/* The packets of another port than the first. */
static uint32_t collect(struct burst *b, const struct sending *s, uint32_t port, struct pkt_ref *packets)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n; i++)
		if (s->port[i] == port)
			packets[n++] = burst_ref(b, i);
	return n;
}

/* All packets of the burst in order; returns the bytes of the longest. */
static uint32_t refer_to_all(struct ingest *g, struct burst *b)
{
	uint32_t longest = 0;

	for (uint32_t i = 0; g->sent_of != b && i < BURST_MAX; i++)
		g->sent[i] = burst_ref(b, i);
	g->sent_of = b;
	for (uint32_t i = 0; i < b->n; i++) {
		g->sent[i].index = b->index[i];
		longest = MAX(longest, (uint32_t)b->pkt[i].len);
	}
	return longest;
}

/* Sends a burst that goes out of one port whole.  false: nothing is done, packets are to be looked at one by
 * one. */
static bool send_alike(struct ingest *g, const struct epoch *epoch, nanos_t now, struct burst *b)
{
	const struct burst_alike *a = &b->alike;
	const struct epoch_port *port;

	if (!burst_is_plain(b) || a->differ.out.v || a->differ.csum || b->pkt[0].csum == PKT_CSUM_PARTIAL ||
	        a->len_least < ETHER_HDR_LEN)
		return false;
	port = egress(epoch, b->pkt[0].out);
	if (!port || refer_to_all(g, b) > port->mtu + ETHER_HDR_LEN + VLAN_TAGS_MAX * VLAN_HDR_LEN)
		return false;
	send_port(g, epoch, now, b, g->sent, b->n, port->phys);
	return true;
}

static void send_burst(struct ingest *g, const struct epoch *epoch, nanos_t now, struct burst *b)
{
	struct sending s;

	if (likely(send_alike(g, epoch, now, b)))
		return;
	sort_out(epoch, b, &s);
	for (uint32_t ports = s.ports; ports; ports &= ports - 1) {
		uint32_t port = (uint32_t)__builtin_ctz(ports), n = s.n;
		const struct pkt_ref *packets = s.packet;
		struct pkt_ref others[BURST_MAX];

		if (unlikely(port != s.first)) {
			n = collect(b, &s, port, others);
			packets = others;
		}
		if (n)
			send_port(g, epoch, now, b, packets, n, (struct port_id){(uint16_t)port});
	}
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
