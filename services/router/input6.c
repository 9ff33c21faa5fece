#include "services/router/router_internal.h"

static void drop_counted(
        const struct router_call *c, struct pkt_ref r, enum stat_id stat, enum drop_reason reason)
{
	burst_count(c->burst, stat, 1);
	ref_drop(r, reason);
}

static void drop_flawed(const struct router_call *c, struct pkt_ref r, enum ipv6_flaw flaw)
{
	trace(c->burst->trace, r.pkt->trace, TRACE_IP6_FLAW, (uint64_t)flaw);
	switch (flaw) {
	case IPV6_OK: break;
	case IPV6_TRUNCATED: drop_counted(c, r, STAT_IP6_IN_HDR_ERRORS, DROP_HDR_TRUNC); return;
	case IPV6_VERSION: drop_counted(c, r, STAT_IP6_IN_HDR_ERRORS, DROP_IP_INHDR); return;
	case IPV6_PAYLOAD_TOO_LONG: drop_counted(c, r, STAT_IP6_IN_TRUNCATED_PKTS, DROP_IP_TRUNCATED); return;
	}
	ref_drop(r, DROP_IP_INHDR);
}

/* What Linux ip6_rcv_core refuses of addresses before it looks at the length. */
static enum drop_reason martian(const struct ip6_addr *src, const struct ip6_addr *dst)
{
	if (ip6_is_loopback(src) || ip6_is_loopback(dst))
		return DROP_IP_LOCALNET;
	if (ip6_is_multicast(dst) && ip6_is_martian_destination(dst))
		return DROP_IP_INVALID_DEST;
	if (ip6_is_multicast(src) || ip6_addr_is_mapped(src))
		return DROP_IP_INVALID_SOURCE;
	return DROP_NONE;
}

/* A group that we have joined (Linux ip6_mc_input). */
static void input6_multicast(const struct router_call *c, struct pkt_ref r, struct ip6 *ip)
{
	burst_count(c->burst, STAT_IP6_IN_MCAST_PKTS, 1);
	if (!neighbor_group_joined(&c->router->table, r.pkt->port, &ip->v.dst))
		ref_drop(r, DROP_IP_MULTICAST);
	else
		local6(c, r, ip, true);
}

/* Linux ip6_pkt_drop. */
static void input6_error(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, enum fib_type type)
{
	if (type == FIB_BLACKHOLE) {
		ref_drop(r, DROP_ROUTE_BLACKHOLE);
		return;
	}
	burst_count(c->burst,
	        ip6_is_unspecified(&ip->v.dst) ? STAT_IP6_IN_ADDR_ERRORS : STAT_IP6_IN_NO_ROUTES, 1);
	if (type == FIB_PROHIBIT)
		icmp_error_drop(
		        c, r, ICMP6_TYPE_DEST_UNREACH, ICMP6_UNREACH_PROHIBITED, 0, DROP_ROUTE_PROHIBIT);
	else
		icmp_error_drop(c, r, ICMP6_TYPE_DEST_UNREACH, ICMP6_UNREACH_NO_ROUTE, 0,
		        type == FIB_UNREACHABLE ? DROP_ROUTE_UNREACHABLE : DROP_IP_INNOROUTES);
}

static void input6_route(
        const struct router_call *c, struct pkt_ref r, struct ip6 *ip, const struct epoch_port *in)
{
	enum drop_reason reason;
	struct route route;

	if (ip6_is_multicast(&ip->v.dst)) {
		input6_multicast(c, r, ip);
		return;
	}
	route6(c, r.pkt, &ip->v.dst, r.pkt->port, route_hash(c, r.pkt, &ip->v.src, &ip->v.dst), &route);
	reason = route_check_source6(c, r.pkt, in, &ip->v.src);
	if (reason)
		ref_drop(r, reason);
	else if (route.type == FIB_LOCAL)
		local6(c, r, ip, false);
	else if (route_is_way(&route))
		forward6(c, r, ip, &route);
	else
		input6_error(c, r, ip, route.type);
}

static void recognize_partial(const struct router_call *c, struct pkt_ref r, const struct ipv6_view *v)
{
	uint32_t l4_len = v->total_len - IPV6_HDR_LEN;

	csum_recognize(c, r, csum_pseudo_ipv6(&v->src, &v->dst, v->next_header, l4_len), v->next_header,
	        IPV6_HDR_LEN, l4_len);
}

/* From the length on. */
static void input6_sound(
        const struct router_call *c, struct pkt_ref r, struct ip6 *ip, const struct epoch_port *in)
{
	packet_trim(r, ip->v.total_len);
	trace(c->burst->trace, r.pkt->trace, TRACE_IP6_SOUND, TRACE_IP6(&ip->v.src), TRACE_IP6(&ip->v.dst),
	        ip->v.next_header, ip->v.hop_limit);
	if (ip->v.next_header == IP_PROTO_HOP_BY_HOP && !exthdr6_hop_by_hop(c, r, ip))
		return;
	if (in->flags & EPOCH_PORT_CSUM_PARTIAL)
		recognize_partial(c, r, &ip->v);
	input6_route(c, r, ip, in);
}

void input6(const struct router_call *c, struct pkt_ref r)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);
	struct ip6 ip = {};
	enum ipv6_flaw flaw;
	enum drop_reason reason;

	if (r.pkt->type == PKT_OTHERHOST || !in) {
		ref_drop(r, in ? DROP_OTHERHOST : DROP_BAD_DESC);
		return;
	}
	burst_count(c->burst, STAT_IP6_IN_RECEIVES, 1);
	burst_count(c->burst, STAT_IP6_IN_OCTETS, packet_l3_here(r));
	if (!(in->flags & EPOCH_PORT_IPV6)) {
		drop_counted(c, r, STAT_IP6_IN_DISCARDS, DROP_IPV6DISABLED);
		return;
	}
	flaw = ipv6_check(packet_l3(r), packet_l3_here(r), &ip.v);
	if (flaw == IPV6_TRUNCATED || flaw == IPV6_VERSION) {
		drop_flawed(c, r, flaw);
		return;
	}
	reason = martian(&ip.v.src, &ip.v.dst);
	/* Hole 196: what is for one must not come to many (RFC 4291 has no case for it). */
	if (!reason && r.pkt->type != PKT_HOST && !ip6_is_multicast(&ip.v.dst))
		reason = DROP_UNICAST_IN_L2_MULTICAST;
	if (reason)
		drop_counted(c, r, STAT_IP6_IN_HDR_ERRORS, reason);
	else if (flaw)
		drop_flawed(c, r, flaw);
	else
		input6_sound(c, r, &ip, in);
}

void input6_again(const struct router_call *c, struct pkt_ref r)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);
	struct ip6 ip = {};

	if (!in || r.pkt->type == PKT_OUTGOING || ipv6_check_quoted(packet_l3(r), packet_l3_here(r), &ip.v) ||
	        ip.v.total_len != packet_l3_total(r)) {
		ref_drop(r, DROP_BAD_DESC);
		return;
	}
	if (ip.v.next_header == IP_PROTO_HOP_BY_HOP && !exthdr6_hop_by_hop(c, r, &ip))
		return;
	input6_route(c, r, &ip, in);
}
