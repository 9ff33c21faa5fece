#include "services/router/router_internal.h"

/* Addresses that do not leave their link (RFC 4291 2.5.6; Linux ip6_forward).  Within a link it may be
 * redirected. */
static bool source_may_leave(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, const struct route *route)
{
	if (port_id_equal(route->port, r.pkt->port))
		return true;
	if (ip6_is_unspecified(&ip->v.src)) {
		burst_count(c->burst, STAT_IP6_IN_ADDR_ERRORS, 1);
		ref_drop(r, DROP_IP_INVALID_SOURCE);
		return false;
	}
	if (!ip6_is_link_local(&ip->v.src))
		return true;
	burst_count(c->burst, STAT_IP6_IN_ADDR_ERRORS, 1);
	icmp_error_drop(c, r, ICMP6_TYPE_DEST_UNREACH, ICMP6_UNREACH_SCOPE, 0, DROP_LINK_LOCAL_SCOPE);
	return false;
}

static bool redirect_is_due(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, const struct route *route)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);

	return port_id_equal(route->port, r.pkt->port) && in->flags & EPOCH_PORT_REDIRECTS &&
	       !ip6_is_unspecified(&ip->v.src);
}

static void rewrite6(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, const struct route *route)
{
	struct ipv6_hdr *h = (void *)packet_l3(r);

	h->hop_limit = (uint8_t)(ip->v.hop_limit - 1);
	if (ip->v.next_header == IP_PROTO_TCP)
		mss_clamp(c, r, route, true, IPV6_HDR_LEN);
	if (!(epoch_port(c->epoch, route->port)->flags & EPOCH_PORT_CSUM_PARTIAL))
		csum_complete_packet(c, r);
}

/* What becomes of one that must not go on; false: the verdict is given. */
static bool may_forward(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, const struct route *route)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);

	if (!(in->flags & EPOCH_PORT_FORWARD6)) {
		burst_count(c->burst, STAT_IP6_IN_ADDR_ERRORS, 1);
		ref_drop(r, DROP_IP_FORWARDING_OFF);
		return false;
	}
	if (ip->v.hop_limit <= 1) {
		burst_count(c->burst, STAT_IP6_IN_HDR_ERRORS, 1);
		icmp_error_drop(
		        c, r, ICMP6_TYPE_TIME_EXCEEDED, ICMP6_EXCEEDED_HOP_LIMIT, 0, DROP_TTL_EXPIRED);
		return false;
	}
	return source_may_leave(c, r, ip, route);
}

void forward6(const struct router_call *c, struct pkt_ref r, struct ip6 *ip, const struct route *route)
{
	uint32_t mtu = MAX(route->mtu, IPV6_MTU_MIN);
	bool redirect;

	if (!may_forward(c, r, ip, route))
		return;
	redirect = redirect_is_due(c, r, ip, route);
	if (redirect && !router_owns_links(c)) {
		punt_again(c, r);
		return;
	}
	if (redirect)
		icmp6_redirect(c, r, ip, route);
	if (ip->v.total_len > mtu) {
		burst_count(c->burst, STAT_IP6_IN_TOO_BIG_ERRORS, 1);
		burst_count(c->burst, STAT_IP6_FRAG_FAILS, 1);
		icmp_error_drop(c, r, ICMP6_TYPE_PACKET_TOO_BIG, 0, mtu, DROP_PKT_TOO_BIG);
		return;
	}
	trace(c->burst->trace, r.pkt->trace, TRACE_FORWARD, ip->v.hop_limit, ip->v.hop_limit - 1u,
	        ip->v.total_len, mtu);
	rewrite6(c, r, ip, route);
	burst_count(c->burst, STAT_IP6_OUT_FORW_DATAGRAMS, 1);
	burst_count(c->burst, STAT_IP6_OUT_OCTETS, ip->v.total_len);
	output_hop(c, r, route->port, &route->next_hop);
}
