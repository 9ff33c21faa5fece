#include "services/router/input.h"
#include "services/router/router_internal.h"

void input_arp(const struct router_call *c, struct pkt_ref r)
{
	if (r.pkt->type == PKT_OTHERHOST)
		ref_drop(r, DROP_OTHERHOST);
	else if (!router_owns_links(c))
		punt_again(c, r);
	else if (!limit_local(c, EPOCH_CLASS_ARP_ND))
		ref_drop(r, DROP_LOCAL_RATELIMIT);
	else
		arp_input(&c->router->neighbor, c->epoch, c->now, c->burst, r);
}

static void input_one(const struct router_call *c, struct pkt_ref r)
{
	if (r.pkt->ethertype == ETHER_TYPE_IPV4)
		input4(c, r);
	else if (r.pkt->ethertype == ETHER_TYPE_IPV6)
		input6(c, r);
	else if (r.pkt->ethertype == ETHER_TYPE_ARP)
		input_arp(c, r);
	else
		ref_drop(r, DROP_UNHANDLED_PROTO);
}

void input_rx(const struct router_call *c)
{
	struct burst *b = c->burst;
	uint32_t done = 0;

	if (likely(!c->router->plain_only_slow)) {
		done = fast4(c);
		if (done < b->n)
			done += fast6(c);
	}
	if (likely(done == b->n))
		return;
	for (uint32_t i = 0; i < b->n; i++) {
		if (likely(burst_decided(b, i)))
			continue;
		/* The filter passes nothing in several buffers. */
		if (b->more[i])
			burst_drop(b, i, DROP_BAD_DESC);
		else
			input_one(c, burst_ref(b, i));
		packet_settle(c, burst_ref(b, i));
	}
}

/* ICMP errors of the session are bounded here, where those of the router are. */
static void tx_icmp_error(const struct router_call *c, struct pkt_ref r)
{
	const uint8_t *l3 = packet_l3(r);
	bool ipv6 = r.pkt->ethertype == ETHER_TYPE_IPV6;
	struct ip6_addr peer;

	if (!router_owns_links(c)) {
		punt_again(c, r);
		return;
	}
	if (packet_l3_here(r) <= IPV6_HDR_LEN) {
		ref_drop(r, DROP_BAD_DESC);
		return;
	}
	peer = ipv6 ? wire_load_ip6(l3 + 24) : ip6_addr_mapped(wire_load_be32(l3 + 16));
	if (!limit_icmp_error(c, &peer)) {
		ref_drop(r, DROP_ICMP_RATELIMIT);
		return;
	}
	icmp_count_out(c, ipv6, l3[ipv6 ? IPV6_HDR_LEN : IPV4_HDR_LEN]);
	output_local(c, r);
}

/* What errors taught the session's router goes no further. */
static void tx_vouched(const struct router_call *c, struct pkt_ref r)
{
	if (router_owns_links(c))
		too_big_vouched(c, r);
	else
		punt_again(c, r);
}

void input_tx_one(const struct router_call *c, struct pkt_ref r)
{
	r.pkt->type = PKT_OUTGOING;
	if (r.pkt->flags & PKT_F_VOUCHED)
		tx_vouched(c, r);
	else if (r.pkt->flags & PKT_F_ICMP_ERROR)
		tx_icmp_error(c, r);
	else
		output_local(c, r);
}

/* One packet after the other; its further buffers share its fate. */
static void input_each(const struct router_call *c, void (*one)(const struct router_call *, struct pkt_ref))
{
	struct burst *b = c->burst;

	for (uint32_t i = 0; i < b->n; i++) {
		if (burst_decided(b, i))
			continue;
		one(c, burst_ref(b, i));
		packet_settle(c, burst_ref(b, i));
	}
}

void input_tx(const struct router_call *c)
{
	input_each(c, input_tx_one);
}

void input_punt(const struct router_call *c)
{
	input_each(c, punt_input);
}
