/* Packets that are to leave, by port. */
#include "common/trace/trace.h"
#include "common/wire/ether.h"
#include "services/ingest/ingest_internal.h"
#include "services/ingest/nic/partial.h"

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

void send_burst(struct ingest *g, const struct epoch *epoch, nanos_t now, struct burst *b)
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
