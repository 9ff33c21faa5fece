#include "services/router/router_internal.h"

static void problem_drop(const struct router_call *c, struct pkt_ref r, const struct ipv6_problem *problem,
        enum drop_reason reason)
{
	if (problem->wanted)
		icmp_error_drop(c, r, ICMP6_TYPE_PARAM_PROBLEM, problem->code, problem->pointer, reason);
	else
		ref_drop(r, reason);
}

/* The configuration's bounds, where they are tighter than those of the walk. */
static bool within_limits(const struct router_call *c, const struct ipv6_chain *chain)
{
	const struct epoch_limits *l = &c->epoch->header->limits;

	return (!l->exthdr_max || chain->count <= l->exthdr_max) &&
	       (!l->exthdr_bytes_max || chain->upper_offset - IPV6_HDR_LEN <= l->exthdr_bytes_max);
}

static void drop_options(const struct router_call *c, struct pkt_ref r, enum ipv6_options_flaw flaw,
        const struct ipv6_options_view *o)
{
	trace(c->burst->trace, r.pkt->trace, TRACE_EXTHDR_OPTIONS, (uint64_t)flaw);
	if (flaw == IPV6_OPTIONS_JUMBO_LENGTH)
		burst_count(c->burst, STAT_IP6_IN_TRUNCATED_PKTS, 1);
	burst_count(c->burst, STAT_IP6_IN_HDR_ERRORS, 1);
	problem_drop(c, r, &o->problem, DROP_IPV6_BAD_EXTHDR);
}

bool exthdr6_hop_by_hop(const struct router_call *c, struct pkt_ref r, struct ip6 *ip)
{
	uint32_t here = packet_l3_here(r), len = 0;
	struct ipv6_options_view o;
	enum ipv6_options_flaw flaw;
	struct ipv6_ext ext;

	if (here >= IPV6_HDR_LEN + 8)
		len = (wire_load_u8(packet_l3(r) + IPV6_HDR_LEN + 1) + 1u) * 8;
	if (!len || IPV6_HDR_LEN + len > here) {
		burst_count(c->burst, STAT_IP6_IN_HDR_ERRORS, 1);
		ref_drop(r, DROP_IPV6_BAD_EXTHDR);
		return false;
	}
	ext = (struct ipv6_ext){.offset = IPV6_HDR_LEN,
	        .named_at = IPV6_NEXT_HEADER_FIELD,
	        .len = (uint16_t)len,
	        .type = IP_PROTO_HOP_BY_HOP};
	flaw = ipv6_options_check(packet_l3(r), here, &ip->v, &ext, &o);
	/* A jumbogram is longer than any buffer of ours: one that is not has lied. */
	if (!flaw && ip->v.payload_len == 0 && !o.jumbo_len && !packet_has_more(c, r))
		packet_trim(r, ip->v.total_len);
	if (flaw) {
		drop_options(c, r, flaw, &o);
		return false;
	}
	ip->router_alert = o.router_alert;
	ip->router_alert_value = o.router_alert_value;
	return true;
}

static void drop_chain(const struct router_call *c, struct pkt_ref r, enum ipv6_chain_flaw flaw,
        const struct ipv6_chain *chain)
{
	trace(c->burst->trace, r.pkt->trace, TRACE_EXTHDR_CHAIN, (uint64_t)flaw);
	burst_count(c->burst, STAT_IP6_IN_HDR_ERRORS, 1);
	problem_drop(c, r, &chain->problem,
	        flaw == IPV6_CHAIN_TOO_MANY || flaw == IPV6_CHAIN_TOO_LONG ? DROP_IPV6_EXTHDR_LIMIT
	                                                                   : DROP_IPV6_BAD_EXTHDR);
}

static bool drop_unknown(const struct router_call *c, struct pkt_ref r, uint32_t named_at)
{
	burst_count(c->burst, STAT_IP6_IN_UNKNOWN_PROTOS, 1);
	icmp_error_drop(c, r, ICMP6_TYPE_PARAM_PROBLEM, IPV6_PROBLEM_NEXT_HEADER, named_at, DROP_IP_NOPROTO);
	return false;
}

/* Others the walk passes through, but nobody here acts upon: their name is not recognized (Linux has no
 * handler for them either). */
static bool is_handled(uint8_t type)
{
	return type == IP_PROTO_HOP_BY_HOP || type == IP_PROTO_ROUTING || type == IP_PROTO_FRAGMENT ||
	       type == IP_PROTO_DST_OPTIONS;
}

static bool destination_options(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, const struct ipv6_ext *ext)
{
	struct ipv6_options_view o;
	enum ipv6_options_flaw flaw = ipv6_options_check(packet_l3(r), packet_l3_here(r), &ip->v, ext, &o);

	if (flaw)
		drop_options(c, r, flaw, &o);
	return !flaw;
}

static bool routing(const struct router_call *c, struct pkt_ref r, const struct ip6 *ip)
{
	struct ipv6_problem problem;

	if (ipv6_routing_is_skippable(&ip->chain, &problem))
		return true;
	burst_count(c->burst, STAT_IP6_IN_HDR_ERRORS, 1);
	problem_drop(c, r, &problem, DROP_IPV6_BAD_EXTHDR);
	return false;
}

static bool pass_header(const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, uint32_t i)
{
	const struct ipv6_ext *ext = &ip->chain.ext[i];

	if (!is_handled(ext->type))
		return drop_unknown(c, r, ext->named_at);
	if (ext->type == IP_PROTO_DST_OPTIONS)
		return destination_options(c, r, ip, ext);
	return ext->type != IP_PROTO_ROUTING || i != ip->chain.routing || routing(c, r, ip);
}

/* Strictly in the order in which they stand (RFC 8200 4); what is behind the fragment header of a piece
 * belongs to the whole (4.5). */
static bool pass_headers(const struct router_call *c, struct pkt_ref r, const struct ip6 *ip)
{
	bool piece = ipv6_chain_is_piece(&ip->chain);

	for (uint32_t i = 0; i < ip->chain.count; i++) {
		if (!pass_header(c, r, ip, i))
			return false;
		if (piece && i == ip->chain.fragment)
			return true;
	}
	return true;
}

bool exthdr6_local(const struct router_call *c, struct pkt_ref r, struct ip6 *ip)
{
	enum ipv6_chain_flaw flaw = ipv6_chain_check(packet_l3(r), packet_l3_here(r), &ip->v, &ip->chain);

	if (!within_limits(c, &ip->chain)) {
		drop_chain(c, r, IPV6_CHAIN_TOO_MANY, &ip->chain);
		return false;
	}
	if (!pass_headers(c, r, ip))
		return false;
	/* What is wrong with a header is for those to say who know it. */
	if (flaw && !is_handled(ip->chain.upper))
		return drop_unknown(c, r, ip->chain.upper_named_at);
	if (flaw)
		drop_chain(c, r, flaw, &ip->chain);
	return !flaw;
}
