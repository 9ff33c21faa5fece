#include "common/trace/trace.h"
#include "common/wire/ether.h"
#include "services/filter/state.h"

/* The port of the packets before, and the physical one under it. */
struct tx_port {
	struct port_id id;
	const struct epoch_port *port; /* both up; else NULL with the reason */
	enum drop_reason reason;
	struct out_id out;
};

/* Where the physical port's queue of this lane has its home. */
static struct out_id tx_out(const struct epoch_port *phys, const struct burst *b)
{
	uint32_t queues = phys->queues ? phys->queues : 1;

	return out_id(OUT_TX, (phys->lane + b->lane % queues) % b->lanes);
}

static void tx_port_find(
        struct tx_port *at, const struct epoch *epoch, const struct burst *b, struct port_id id)
{
	const struct epoch_port *port = epoch_port(epoch, id), *phys;

	*at = (struct tx_port){.id = id, .reason = DROP_BAD_DESC};
	if (!port || port->kind == EPOCH_PORT_LOOPBACK)
		return;
	phys = epoch_port(epoch, port->phys);
	if (!phys || phys->kind != EPOCH_PORT_PHYSICAL)
		return;
	at->reason = DROP_PORT_DOWN;
	if (!(port->flags & phys->flags & EPOCH_PORT_UP))
		return;
	at->port = port;
	at->out = tx_out(phys, b);
}

static always_inline enum drop_reason tx_link(const struct tx_port *at, struct burst *b, uint32_t i)
{
	struct pkt *p = &b->pkt[i];

	if (unlikely(!at->port))
		return at->reason;
	if (unlikely(p->len < ETHER_HDR_LEN))
		return DROP_PKT_TOO_SMALL;
	if (unlikely(p->total_len - ETHER_HDR_LEN > at->port->mtu))
		return DROP_TX_LENGTH;
	p->ethertype = wire_load_u16(b->frame[i] + ETHER_HDR_LEN - sizeof(uint16_t));
	p->l3_off = ETHER_HDR_LEN;
	return DROP_NONE;
}

/* Opens the frame behind its addresses and puts the tags there, the priority 0 as Linux does without an
 * egress map. false: no headroom. */
static __attribute__((noinline)) bool tx_push_tags(struct burst *b, uint32_t i, const struct epoch_port *port)
{
	struct pkt *p = &b->pkt[i];
	uint16_t type = p->ethertype;
	struct ether_hdr *ether = (struct ether_hdr *)b->frame[i];
	struct mac_addr dst = ether->dst, src = ether->src;
	uint8_t *at;

	if (!ref_move_start(b->pool, burst_ref(b, i), -(int)(port->n_tags * VLAN_HDR_LEN)))
		return false;
	at = b->frame[i];
	at += ether_write(at, &dst, &src, port->tpid[0]);
	for (uint32_t t = 0; t < port->n_tags; t++)
		at += vlan_write(at, port->vid[t], t + 1 < port->n_tags ? port->tpid[t + 1] : type);
	trace(b->trace, p->trace, TRACE_TAGGED, port->n_tags, port->vid[0]);
	return true;
}

static always_inline void tx_hand_over(const struct tx_port *at, struct burst *b, uint32_t i)
{
	assert(at->port);
	if (unlikely(at->port->n_tags) && !tx_push_tags(b, i, at->port)) {
		burst_drop(b, i, DROP_TX_LENGTH);
		return;
	}
	b->pkt[i].out = at->port->phys;
	burst_pass(b, i, at->out);
}

static void tx_sum_flush(struct filter *f, struct port_sum *sum)
{
	struct port_count *count;

	if (sum->port.v >= EPOCH_PORTS_MAX)
		return;
	count = journal_touch(f->env.journal, &f->state->counts.port[sum->port.v]);
	count->tx_packets += sum->packets;
	count->tx_bytes += sum->bytes;
	count->tx_dropped += sum->dropped;
}

/* Counts what leaves as Linux does: what is dropped is no packet sent. */
static void tx_sum(struct port_sum *sum, const struct burst *b, uint32_t i, uint32_t bytes)
{
	bool dropped = b->verdict[i].kind == VERDICT_DROP;

	sum->packets += !dropped;
	sum->bytes += dropped ? 0 : bytes;
	sum->dropped += dropped;
}

/* One packet: its link first where `link` says so, then its verdict and the counters. */
static always_inline void tx_one(struct filter *f, const struct epoch *epoch, struct burst *b, uint32_t i,
        struct tx_port *at, struct port_sum *sum, bool link)
{
	uint32_t bytes = b->pkt[i].total_len;

	if (unlikely(!port_id_equal(b->pkt[i].out, at->id))) {
		tx_sum_flush(f, sum);
		tx_port_find(at, epoch, b, b->pkt[i].out);
		*sum = (struct port_sum){.port = at->id};
	}
	if (link) {
		enum drop_reason reason = tx_link(at, b, i);

		if (unlikely(reason))
			burst_drop(b, i, reason);
	}
	if (likely(!burst_decided(b, i)))
		tx_hand_over(at, b, i);
	tx_sum(sum, b, i, bytes);
}

/* The rest of each packet's way; `plain`: without rules, nothing has been looked at yet. */
static always_inline void tx_finish(struct filter *f, const struct epoch *epoch, struct burst *b, bool plain)
{
	struct tx_port at = {.id = PORT_NONE, .reason = DROP_BAD_DESC};
	struct port_sum sum = {.port = PORT_NONE};

	for (uint32_t i = 0; i < b->n; i++)
		if (likely(!i || !b->more[i - 1]))
			tx_one(f, epoch, b, i, &at, &sum, plain);
	tx_sum_flush(f, &sum);
}

/* What has no verdict yet is for the rules. */
static void tx_links(const struct epoch *epoch, struct burst *b)
{
	struct tx_port at = {.id = PORT_NONE, .reason = DROP_BAD_DESC};

	for (uint32_t i = 0; i < b->n; i++) {
		enum drop_reason reason;

		if (unlikely(i && b->more[i - 1]))
			continue;
		if (unlikely(!port_id_equal(b->pkt[i].out, at.id)))
			tx_port_find(&at, epoch, b, b->pkt[i].out);
		reason = tx_link(&at, b, i);
		if (unlikely(reason))
			burst_drop(b, i, reason);
	}
}

/* Without rules, where all leave by one port that is up, without tags, and have an Ethernet header: only
 * their length is left to be looked at. */
static void tx_alike(struct filter *f, struct burst *b, const struct tx_port *at)
{
	uint32_t most = at->port->mtu + ETHER_HDR_LEN;
	struct port_sum sum = {.port = at->id};

	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t bytes = b->pkt[i].total_len;

		if (unlikely(bytes > most)) {
			burst_drop(b, i, DROP_TX_LENGTH);
			sum.dropped++;
			continue;
		}
		b->pkt[i].out = at->port->phys;
		burst_pass(b, i, at->out);
		sum.bytes += bytes;
	}
	sum.packets = b->n - sum.dropped;
	tx_sum_flush(f, &sum);
}

static bool tx_are_alike(const struct epoch *epoch, const struct burst *b, struct tx_port *at)
{
	if (!burst_is_plain(b) || b->alike.differ.out.v || b->alike.len_least < ETHER_HDR_LEN)
		return false;
	tx_port_find(at, epoch, b, b->pkt[0].out);
	return at->port && !at->port->n_tags;
}

void tx_burst(struct filter *f, const struct epoch *epoch, const struct filter_view *view, struct burst *b)
{
	const struct filter_rules *rules = &view->rules[FILTER_EGRESS];
	struct tx_port at;

	if (likely(rules->none && tx_are_alike(epoch, b, &at))) {
		tx_alike(f, b, &at);
	} else if (rules->none) {
		tx_finish(f, epoch, b, true);
	} else {
		tx_links(epoch, b);
		rules_run(f, rules, FILTER_EGRESS, epoch, b);
		tx_finish(f, epoch, b, false);
	}
	burst_spread_verdicts(b);
}
