#include "services/router/router_internal.h"

static void drop_counted(
        const struct router_call *c, struct pkt_ref r, enum stat_id stat, enum drop_reason reason)
{
	burst_count(c->burst, stat, 1);
	ref_drop(r, reason);
}

/* The counter and the reason of a header that is not sound (Linux ip_rcv_core). */
static void drop_flawed(const struct router_call *c, struct pkt_ref r, enum ipv4_flaw flaw)
{
	trace(c->burst->trace, r.pkt->trace, TRACE_IP4_FLAW, (uint64_t)flaw);
	switch (flaw) {
	case IPV4_OK: break;
	case IPV4_TRUNCATED:
	case IPV4_HEADER_TRUNCATED: drop_counted(c, r, STAT_IP_IN_HDR_ERRORS, DROP_HDR_TRUNC); return;
	case IPV4_VERSION:
	case IPV4_HEADER_LEN:
	case IPV4_TOTAL_TOO_SHORT: drop_counted(c, r, STAT_IP_IN_HDR_ERRORS, DROP_IP_INHDR); return;
	case IPV4_CHECKSUM:
		burst_count(c->burst, STAT_IP_EXT_IN_CSUM_ERRORS, 1);
		drop_counted(c, r, STAT_IP_IN_HDR_ERRORS, DROP_IP_CSUM);
		return;
	case IPV4_TOTAL_TOO_LONG:
		drop_counted(c, r, STAT_IP_EXT_IN_TRUNCATED_PKTS, DROP_IP_TRUNCATED);
		return;
	}
	ref_drop(r, DROP_IP_INHDR);
}

/* Addresses that no route can make right (Linux ip_route_input_slow, in its order).  A broadcast or multicast
 * destination is judged by its own function. */
static enum drop_reason martian(const struct epoch_port *in, const struct ipv4_view *v)
{
	bool localnet = in->flags & EPOCH_PORT_ROUTE_LOCALNET;

	if (ipv4_is_multicast(v->src) || ipv4_is_limited_broadcast(v->src))
		return DROP_IP_INVALID_SOURCE;
	if (ipv4_is_limited_broadcast(v->dst) || (v->src.raw == 0 && v->dst.raw == 0))
		return DROP_NONE;
	if (ipv4_is_unspecified(v->src))
		return DROP_IP_INVALID_SOURCE;
	if (ipv4_is_unspecified(v->dst))
		return DROP_IP_INVALID_DEST;
	if (!localnet && (ipv4_is_loopback(v->dst) || ipv4_is_loopback(v->src)))
		return DROP_IP_LOCALNET;
	return DROP_NONE;
}

static void drop_source(const struct router_call *c, struct pkt_ref r, enum drop_reason reason)
{
	if (reason == DROP_IP_RPFILTER)
		burst_count(c->burst, STAT_IP_EXT_IP_REVERSE_PATH_FILTER, 1);
	ref_drop(r, reason);
}

/* A packet for us among others, unless its source is refused for `reason`. */
static void deliver_to_all(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, enum fib_type type,
        enum drop_reason reason)
{
	struct route none = {.type = type, .port = r.pkt->port};

	if (reason) {
		drop_source(c, r, reason);
		return;
	}
	if (ipv4_has_options(&ip->v) && !options4_input(c, r, ip, &none))
		return;
	local4(c, r, ip, true);
}

/* A group that we have joined (Linux ip_route_input_rcu, ip_mc_validate_source). */
static void input4_multicast(
        const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct epoch_port *in)
{
	struct ip6_addr group = ip6_addr_mapped(ip->v.dst);
	enum drop_reason reason;
	bool onlink;

	if (!neighbor_group_joined(&c->router->table, r.pkt->port, &group)) {
		ref_drop(r, DROP_IP_MULTICAST);
		return;
	}
	reason = martian(in, &ip->v);
	if (reason == DROP_IP_INVALID_SOURCE && ipv4_is_unspecified(ip->v.src) &&
	        (ipv4_is_local_multicast(ip->v.dst) || ip->v.proto == IP_PROTO_IGMP))
		reason = DROP_NONE;
	else if (reason == DROP_NONE)
		reason = route_check_source4(c, r.pkt, in, ip->v.src, false, &onlink);
	deliver_to_all(c, r, ip, FIB_LOCAL, reason);
}

/* To all on a link (Linux ip_route_input_slow, brd_input). */
static void input4_broadcast(
        const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct epoch_port *in)
{
	enum drop_reason reason = DROP_NONE;
	bool onlink;

	if (!ipv4_is_unspecified(ip->v.src))
		reason = route_check_source4(c, r.pkt, in, ip->v.src, false, &onlink);
	deliver_to_all(c, r, ip, FIB_BROADCAST, reason);
}

/* No way: Linux ip_error and what fib_lookup says of such routes. */
static void input4_error(
        const struct router_call *c, struct pkt_ref r, const struct epoch_port *in, enum fib_type type)
{
	if (!(in->flags & EPOCH_PORT_FORWARD4)) {
		drop_counted(c, r, STAT_IP_IN_ADDR_ERRORS, DROP_IP_FORWARDING_OFF);
		return;
	}
	if (type == FIB_BLACKHOLE) {
		ref_drop(r, DROP_ROUTE_BLACKHOLE);
	} else if (type == FIB_UNREACHABLE) {
		icmp_error_drop(c, r, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_HOST, 0, DROP_ROUTE_UNREACHABLE);
	} else if (type == FIB_PROHIBIT) {
		icmp_error_drop(c, r, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_FILTERED, 0, DROP_ROUTE_PROHIBIT);
	} else {
		burst_count(c->burst, STAT_IP_EXT_IN_NO_ROUTES, 1);
		icmp_error_drop(c, r, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_NET, 0, DROP_IP_INNOROUTES);
	}
}

/* Unicast: ours, somebody else's, or nobody's. */
static void input4_unicast(
        const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct epoch_port *in)
{
	struct ip6_addr src = ip6_addr_mapped(ip->v.src), dst = ip6_addr_mapped(ip->v.dst);
	bool way, returns, onlink = false;
	bool forwards = in->flags & EPOCH_PORT_FORWARD4;
	struct route route;
	enum drop_reason reason = DROP_NONE;

	route4(c, r.pkt, ip->v.dst, route_hash(c, r.pkt, &src, &dst), &route);
	if (route.type == FIB_BROADCAST) {
		input4_broadcast(c, r, ip, in);
		return;
	}
	way = route_is_way(&route) && forwards;
	returns = way && port_id_equal(route.port, r.pkt->port) && in->flags & EPOCH_PORT_REDIRECTS;
	if (way || route.type == FIB_LOCAL)
		reason = route_check_source4(c, r.pkt, in, ip->v.src, returns, &onlink);
	if (reason) {
		drop_source(c, r, reason);
		return;
	}
	if (ipv4_has_options(&ip->v) && !options4_input(c, r, ip, &route))
		return;
	/* RFC 1122 3.3.6, RFC 1812 5.3.4. */
	if (r.pkt->type != PKT_HOST)
		ref_drop(r, DROP_UNICAST_IN_L2_MULTICAST);
	else if (route.type == FIB_LOCAL)
		local4(c, r, ip, false);
	else if (route_is_way(&route) && forwards)
		forward4(c, r, ip, &route, returns && onlink);
	else
		input4_error(c, r, in, route.type);
}

static void input4_route(
        const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct epoch_port *in)
{
	enum drop_reason reason;

	ip->o.source_route = 0;
	if (ipv4_is_multicast(ip->v.dst)) {
		input4_multicast(c, r, ip, in);
		return;
	}
	reason = martian(in, &ip->v);
	if (reason)
		ref_drop(r, reason);
	else if (ipv4_is_limited_broadcast(ip->v.dst) || ipv4_is_unspecified(ip->v.dst))
		input4_broadcast(c, r, ip, in);
	else
		input4_unicast(c, r, ip, in);
}

static void recognize_partial(const struct router_call *c, struct pkt_ref r, const struct ipv4_view *v)
{
	uint32_t l4_len = v->total_len - v->header_len;

	if (!ipv4_is_fragment(v))
		csum_recognize(c, r, csum_pseudo_ipv4(v->src, v->dst, v->proto, l4_len), v->proto,
		        v->header_len, l4_len);
}

void input4(const struct router_call *c, struct pkt_ref r)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);
	enum ipv4_flaw flaw;
	struct ip4 ip;

	if (r.pkt->type == PKT_OTHERHOST || !in) {
		ref_drop(r, in ? DROP_OTHERHOST : DROP_BAD_DESC);
		return;
	}
	burst_count(c->burst, STAT_IP_IN_RECEIVES, 1);
	burst_count(c->burst, STAT_IP_EXT_IN_OCTETS, packet_l3_here(r));
	flaw = ipv4_check(packet_l3(r), packet_l3_here(r), &ip.v);
	if (flaw) {
		drop_flawed(c, r, flaw);
		return;
	}
	packet_trim(r, ip.v.total_len);
	trace(c->burst->trace, r.pkt->trace, TRACE_IP4_SOUND, be32_to_host(ip.v.src), be32_to_host(ip.v.dst),
	        ip.v.proto, ip.v.ttl, ip.v.total_len);
	if (in->flags & EPOCH_PORT_CSUM_PARTIAL)
		recognize_partial(c, r, &ip.v);
	input4_route(c, r, &ip, in);
}

void input4_again(const struct router_call *c, struct pkt_ref r)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);
	struct ip4 ip;

	/* Another lane found it sound; what it says now may be otherwise.  Only the first buffer is read. */
	if (!in || r.pkt->type == PKT_OUTGOING || ipv4_check_quoted(packet_l3(r), packet_l3_here(r), &ip.v) ||
	        ip.v.total_len != packet_l3_total(r)) {
		ref_drop(r, DROP_BAD_DESC);
		return;
	}
	input4_route(c, r, &ip, in);
}
