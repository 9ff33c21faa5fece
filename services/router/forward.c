#include "services/router/router_internal.h"

/* Lane 0 alone makes redirects: another lane's packet that deserves one goes the whole way there. */
static bool redirect_is_elsewhere(const struct router_call *c, bool redirect)
{
	return redirect && !router_owns_links(c);
}

/* The sender may speak to the next hop by itself (RFC 1812 5.2.7.2, Linux ip_rt_send_redirect). */
static void redirect4(
        const struct router_call *c, struct pkt_ref r, const struct ip4 *ip, const struct route *route)
{
	struct ip6_addr src = ip6_addr_mapped(ip->v.src);

	if (limit_peer(c, &src))
		icmp4_error(
		        c, r, ICMP_TYPE_REDIRECT, ICMP_REDIRECT_HOST, be32_to_host(route->next_hop.w32[3]));
}

static void decrement_ttl(struct pkt_ref r, const struct ipv4_view *v)
{
	struct ipv4_hdr *h = (void *)packet_l3(r);

	h->ttl = (uint8_t)(v->ttl - 1);
	h->checksum = csum_ttl_decrement(h->checksum);
}

/* All that changes in the packet, once it is sure that it goes on. */
static void rewrite4(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct route *route)
{
	const struct epoch_port *out = epoch_port(c->epoch, route->port);

	r.pkt->l4_off = (uint16_t)(r.pkt->l3_off + ip->v.header_len);
	r.pkt->l4_proto = ip->v.proto;
	if (ipv4_is_fragment(&ip->v))
		r.pkt->flags |= PKT_F_FRAGMENT;
	if (ipv4_has_options(&ip->v))
		options4_forward(c, r, ip, route);
	if (ip->v.proto == IP_PROTO_TCP && !ipv4_fragment_offset(&ip->v))
		mss_clamp(c, r, route, false, ip->v.header_len);
	if (!(out->flags & EPOCH_PORT_CSUM_PARTIAL) || ip->v.total_len > route->mtu)
		csum_complete_packet(c, r);
}

void forward4(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct route *route,
        bool redirect)
{
	uint32_t mtu = route->mtu;

	if (redirect_is_elsewhere(c, redirect)) {
		punt_again(c, r);
		return;
	}
	if (ip->v.ttl <= 1) {
		burst_count(c->burst, STAT_IP_IN_HDR_ERRORS, 1);
		icmp_error_drop(c, r, ICMP_TYPE_TIME_EXCEEDED, ICMP_EXCEEDED_TTL, 0, DROP_TTL_EXPIRED);
		return;
	}
	if (ip->o.source_route && ip->o.strict && route->gateway) {
		icmp_error_drop(
		        c, r, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_SOURCE_ROUTE, 0, DROP_IP_SOURCE_ROUTE);
		return;
	}
	burst_count(c->burst, STAT_IP_FORW_DATAGRAMS, 1);
	if (ip->v.total_len > mtu && ip->v.fragment & IPV4_DONT_FRAGMENT) {
		burst_count(c->burst, STAT_IP_FRAG_FAILS, 1);
		icmp_error_drop(
		        c, r, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_FRAG_NEEDED, mtu, DROP_PKT_TOO_BIG);
		return;
	}
	trace(c->burst->trace, r.pkt->trace, TRACE_FORWARD, ip->v.ttl, ip->v.ttl - 1u, ip->v.total_len, mtu);
	decrement_ttl(r, &ip->v);
	if (redirect && !ip->o.source_route)
		redirect4(c, r, ip, route);
	rewrite4(c, r, ip, route);
	burst_count(c->burst, STAT_IP_EXT_OUT_OCTETS, ip->v.total_len);
	if (ip->v.total_len > mtu)
		fragment4(c, r, route, mtu);
	else
		output_hop(c, r, route->port, &route->next_hop);
}
