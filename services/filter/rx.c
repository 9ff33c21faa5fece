#include "common/trace/trace.h"
#include "common/wire/ether.h"
#include "services/filter/state.h"

/* A MAC as mac_to_u64 gives it: the address's first byte is the lowest. */
#define MAC_ALL       UINT64_C(0xffffffffffff)
#define MAC_GROUP_BIT UINT64_C(1)

/* The port of the packets before, so that a run of packets of one port looks it up once. */
struct rx_port {
	struct port_id id;
	const struct epoch_port *port; /* physical and up; else NULL with the reason */
	enum drop_reason reason;
	uint64_t mac;
	bool any_mac;
};

/* Tags as they stand in the frame. */
struct rx_tags {
	uint32_t n;
	uint16_t tci[VLAN_TAGS_MAX];
	uint16_t tpid[VLAN_TAGS_MAX];
	uint16_t type; /* behind them */
};

static void rx_port_find(struct rx_port *at, const struct epoch *epoch, struct port_id id)
{
	const struct epoch_port *port = epoch_port(epoch, id);

	*at = (struct rx_port){.id = id, .reason = DROP_BAD_DESC};
	if (!port || port->kind != EPOCH_PORT_PHYSICAL)
		return;
	at->reason = DROP_PORT_DOWN;
	if (!(port->flags & EPOCH_PORT_UP))
		return;
	at->port = port;
	at->mac = mac_to_u64(&port->mac);
	at->any_mac = port->flags & EPOCH_PORT_ANY_MAC;
}

/* Linux eth_skb_pkt_type. */
static always_inline enum pkt_type rx_type(const struct rx_port *at, uint64_t mac)
{
	if (likely(mac == at->mac))
		return PKT_HOST;
	if (mac & MAC_GROUP_BIT)
		return mac == MAC_ALL ? PKT_BROADCAST : PKT_MULTICAST;
	return at->any_mac ? PKT_HOST : PKT_OTHERHOST;
}

/* 0x9100 is taken where it stands, since a sub-port may be configured with it. */
static bool rx_is_tag(uint16_t type)
{
	return vlan_is_tpid(type) || type == ETHER_TYPE_QINQ1;
}

/* false: cut short, or more tags than there may be. */
static bool rx_tags_read(const uint8_t *frame, uint32_t len, uint16_t type, struct rx_tags *tags)
{
	uint32_t off = ETHER_HDR_LEN;

	*tags = (struct rx_tags){.type = type};
	while (rx_is_tag(tags->type)) {
		struct vlan_view tag;

		if (tags->n == VLAN_TAGS_MAX || vlan_check(frame + off, len - off, &tag))
			return false;
		tags->tpid[tags->n] = tags->type;
		tags->tci[tags->n++] = tag.tci;
		tags->type = tag.type;
		off += VLAN_HDR_LEN;
	}
	return true;
}

/* The sub-port that the tags name.  A tag with VID 0 bears a priority and no VLAN (IEEE 802.1Q 9.6; Linux
 * __netif_receive_skb_core, check_vlan_id), wherever it stands. */
static struct port_id rx_sub_port(const struct epoch *epoch, struct port_id phys, const struct rx_tags *tags)
{
	uint16_t vid[VLAN_TAGS_MAX], tpid[VLAN_TAGS_MAX];
	const struct epoch_port *port;
	struct port_id id;
	uint32_t n = 0;

	for (uint32_t i = 0; i < tags->n; i++) {
		if (!vlan_id(tags->tci[i]))
			continue;
		tpid[n] = tags->tpid[i];
		vid[n++] = vlan_id(tags->tci[i]);
	}
	id = epoch_vlan_port(epoch, phys, vid, n);
	port = epoch_port(epoch, id);
	if (!port)
		return PORT_NONE;
	for (uint32_t i = 0; i < n; i++)
		if (port->tpid[i] != tpid[i])
			return PORT_NONE;
	return id;
}

static void rx_note_tags(struct pkt *p, const struct rx_tags *tags)
{
	p->vlan_outer = tags->tci[0];
	p->flags |= PKT_F_TAGGED;
	if (tags->n > 1) {
		p->vlan_inner = tags->tci[1];
		p->flags |= PKT_F_TAGGED2;
	}
	p->ethertype = tags->type;
	p->l3_off = (uint16_t)(ETHER_HDR_LEN + tags->n * VLAN_HDR_LEN);
}

/* Which sub-port a tagged frame belongs to.  Its own MAC counts as for us too (Linux vlan_do_receive). */
static __attribute__((noinline)) enum drop_reason rx_tagged(
        const struct epoch *epoch, struct burst *b, uint32_t i, uint64_t mac)
{
	struct pkt *p = &b->pkt[i];
	const struct epoch_port *port;
	struct rx_tags tags;
	struct port_id id;

	if (!rx_tags_read(b->frame[i], p->len, p->ethertype, &tags))
		return DROP_VLAN_MALFORMED;
	rx_note_tags(p, &tags);
	id = rx_sub_port(epoch, p->port, &tags);
	trace(b->trace, p->trace, TRACE_VLAN, tags.n, vlan_id(tags.tci[0]), id.v);
	port = epoch_port(epoch, id);
	if (!port)
		return DROP_VLAN_UNKNOWN;
	p->port = id;
	if (!(port->flags & EPOCH_PORT_UP))
		return DROP_PORT_DOWN;
	if (p->type == PKT_OTHERHOST && (mac == mac_to_u64(&port->mac) || port->flags & EPOCH_PORT_ANY_MAC))
		p->type = PKT_HOST;
	return DROP_NONE;
}

static __attribute__((noinline)) void rx_trace(struct burst *b, uint32_t i)
{
	struct ether_view ether;

	if (!ether_check(b->frame[i], b->pkt[i].len, &ether))
		trace(b->trace, b->pkt[i].trace, TRACE_ETHER, TRACE_MAC(&ether.src), TRACE_MAC(&ether.dst),
		        ether.type);
}

static always_inline enum drop_reason rx_link(
        const struct rx_port *at, const struct epoch *epoch, struct burst *b, uint32_t i)
{
	const uint8_t *frame = b->frame[i];
	struct pkt *p = &b->pkt[i];
	uint64_t mac;

	if (unlikely(!at->port))
		return at->reason;
	if (unlikely(p->len < ETHER_HDR_LEN))
		return DROP_PKT_TOO_SMALL;
	if (unlikely(p->trace))
		rx_trace(b, i);
	mac = wire_load_raw64(frame) & MAC_ALL;
	p->type = (uint8_t)rx_type(at, mac);
	p->ethertype = wire_load_u16(frame + offsetof(struct ether_hdr, type));
	p->l3_off = ETHER_HDR_LEN;
	p->flags &= (uint16_t) ~(PKT_F_TAGGED | PKT_F_TAGGED2);
	if (unlikely(rx_is_tag(p->ethertype)))
		return rx_tagged(epoch, b, i, mac);
	return DROP_NONE;
}

/* What the router takes; what has a length in place of a type (802.3, LLC, SNAP) has no protocol of ours
 * either. */
static always_inline bool rx_is_ours(uint16_t ethertype)
{
	return ethertype == ETHER_TYPE_IPV4 || ethertype == ETHER_TYPE_IPV6 || ethertype == ETHER_TYPE_ARP;
}

/* Another host's frames end behind the rules, which see them as they do in Linux (ip_rcv drops them). */
static always_inline void rx_hand_over(struct burst *b, uint32_t i)
{
	if (unlikely(b->pkt[i].type == PKT_OTHERHOST))
		burst_drop(b, i, DROP_OTHERHOST);
	else if (unlikely(!rx_is_ours(b->pkt[i].ethertype)))
		burst_drop(b, i, DROP_UNHANDLED_PROTO);
	else
		burst_pass(b, i, out_id(OUT_RX, b->lane));
}

static void rx_sum_flush(struct filter *f, struct port_sum *sum)
{
	struct port_count *count;

	if (sum->port.v >= EPOCH_PORTS_MAX)
		return;
	count = journal_touch(f->env.journal, &f->state->counts.port[sum->port.v]);
	count->rx_packets += sum->packets;
	count->rx_bytes += sum->bytes;
	count->rx_dropped += sum->dropped;
	count->rx_multicast += sum->multicast;
}

static always_inline void rx_sum(
        struct filter *f, struct port_sum *sum, const struct pkt *p, const struct verdict *v)
{
	if (unlikely(!port_id_equal(p->port, sum->port))) {
		rx_sum_flush(f, sum);
		*sum = (struct port_sum){.port = p->port};
	}
	sum->packets++;
	sum->bytes += p->total_len;
	sum->dropped += v->kind == VERDICT_DROP;
	sum->multicast += p->type == PKT_MULTICAST || p->type == PKT_BROADCAST;
}

/* All of it for one packet. */
static always_inline void rx_one(struct filter *f, struct rx_port *at, const struct epoch *epoch,
        struct burst *b, uint32_t i, struct port_sum *sum)
{
	enum drop_reason reason;

	if (unlikely(!port_id_equal(b->pkt[i].port, at->id)))
		rx_port_find(at, epoch, b->pkt[i].port);
	reason = rx_link(at, epoch, b, i);
	if (likely(!reason))
		rx_hand_over(b, i);
	else
		burst_drop(b, i, reason);
	rx_sum(f, sum, &b->pkt[i], &b->verdict[i]);
}

/* Whether packet i is IP, untagged and for our MAC: then all is noted that rx_link would note. */
static always_inline bool rx_ip(struct burst *b, uint32_t i, uint64_t mac)
{
	const uint8_t *frame = b->frame[i];
	struct pkt *p = &b->pkt[i];
	uint16_t type = wire_load_u16(frame + offsetof(struct ether_hdr, type));

	if (unlikely((wire_load_raw64(frame) ^ mac) & MAC_ALL) ||
	        unlikely(type != ETHER_TYPE_IPV4 && type != ETHER_TYPE_IPV6))
		return false;
	p->type = PKT_HOST;
	p->ethertype = type;
	p->l3_off = ETHER_HDR_LEN;
	p->flags &= (uint16_t) ~(PKT_F_TAGGED | PKT_F_TAGGED2);
	return true;
}

/* Without rules: one pass. */
static void rx_plain(struct filter *f, const struct epoch *epoch, struct burst *b)
{
	struct rx_port at = {.id = PORT_NONE, .reason = DROP_BAD_DESC};
	struct port_sum sum = {.port = PORT_NONE};

	for (uint32_t i = 0; i < b->n; i++)
		rx_one(f, &at, epoch, b, i, &sum);
	rx_sum_flush(f, &sum);
}

/* The same where all come from one port that is up and have an Ethernet header, and none is traced. */
static void rx_alike(struct filter *f, const struct epoch *epoch, struct burst *b, struct rx_port *at)
{
	struct port_sum sum = {.port = at->id}, plain = {.port = at->id};
	struct out_id out = out_id(OUT_RX, b->lane);

	for (uint32_t i = 0; i < b->n; i++) {
		if (unlikely(!rx_ip(b, i, at->mac))) {
			rx_one(f, at, epoch, b, i, &sum);
			continue;
		}
		burst_pass(b, i, out);
		plain.packets++;
		plain.bytes += b->pkt[i].total_len;
	}
	rx_sum_flush(f, &sum);
	rx_sum_flush(f, &plain);
}

static bool rx_are_alike(const struct epoch *epoch, const struct burst *b, struct rx_port *at)
{
	if (!burst_is_plain(b) || b->alike.differ.port.v || b->alike.len_least < ETHER_HDR_LEN)
		return false;
	rx_port_find(at, epoch, b->pkt[0].port);
	return at->port;
}

/* What has no verdict yet is for the rules. */
static void rx_links(const struct epoch *epoch, struct burst *b)
{
	struct rx_port at = {.id = PORT_NONE, .reason = DROP_BAD_DESC};

	for (uint32_t i = 0; i < b->n; i++) {
		enum drop_reason reason;

		if (unlikely(!port_id_equal(b->pkt[i].port, at.id)))
			rx_port_find(&at, epoch, b->pkt[i].port);
		reason = rx_link(&at, epoch, b, i);
		if (unlikely(reason))
			burst_drop(b, i, reason);
	}
}

static void rx_finish(struct filter *f, struct burst *b)
{
	struct port_sum sum = {.port = PORT_NONE};

	for (uint32_t i = 0; i < b->n; i++) {
		if (likely(!burst_decided(b, i)))
			rx_hand_over(b, i);
		rx_sum(f, &sum, &b->pkt[i], &b->verdict[i]);
	}
	rx_sum_flush(f, &sum);
}

static void rx_ruled(
        struct filter *f, const struct epoch *epoch, const struct filter_rules *rules, struct burst *b)
{
	rx_links(epoch, b);
	rules_run(f, rules, FILTER_INGRESS, epoch, b);
	rx_finish(f, b);
}

/* The same for what rx_are_alike.  false, and no verdict is given: one of them is not rx_ip. */
static bool rx_ruled_alike(
        struct filter *f, const struct filter_rules *rules, struct burst *b, const struct rx_port *at)
{
	struct port_sum sum = {.port = at->id};

	for (uint32_t i = 0; i < b->n; i++) {
		if (unlikely(!rx_ip(b, i, at->mac)))
			return false;
		sum.bytes += b->pkt[i].total_len;
	}
	sum.packets = b->n;
	sum.dropped = rules_run_alike(f, rules, b);
	rx_sum_flush(f, &sum);
	return true;
}

void rx_burst(struct filter *f, const struct epoch *epoch, const struct filter_view *view, struct burst *b)
{
	const struct filter_rules *rules = &view->rules[FILTER_INGRESS];
	struct rx_port at;
	bool alike = rx_are_alike(epoch, b, &at);

	if (likely(rules->none && alike))
		rx_alike(f, epoch, b, &at);
	else if (rules->none)
		rx_plain(f, epoch, b);
	else if (!alike || !rx_ruled_alike(f, rules, b, &at))
		rx_ruled(f, epoch, rules, b);
	burst_spread_verdicts(b);
}
