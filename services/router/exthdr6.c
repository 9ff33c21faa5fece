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

/* Destination options that stand before what the walk ended at. */
static bool destination_options(const struct router_call *c, struct pkt_ref r, struct ip6 *ip)
{
	struct ipv6_options_view o;

	for (uint32_t i = 0; i < ip->chain.count; i++) {
		enum ipv6_options_flaw flaw;

		if (ip->chain.ext[i].type != IP_PROTO_DST_OPTIONS)
			continue;
		flaw = ipv6_options_check(packet_l3(r), packet_l3_here(r), &ip->v, &ip->chain.ext[i], &o);
		if (flaw) {
			drop_options(c, r, flaw, &o);
			return false;
		}
	}
	return true;
}

/* Headers that the walk passes through, but nobody here acts upon: their name is not recognized (Linux has no
 * handler for them either). */
static bool known_headers(const struct router_call *c, struct pkt_ref r, const struct ip6 *ip)
{
	for (uint32_t i = 0; i < ip->chain.count; i++) {
		const struct ipv6_ext *e = &ip->chain.ext[i];

		if (e->type == IP_PROTO_HOP_BY_HOP || e->type == IP_PROTO_ROUTING ||
		        e->type == IP_PROTO_FRAGMENT || e->type == IP_PROTO_DST_OPTIONS)
			continue;
		burst_count(c->burst, STAT_IP6_IN_UNKNOWN_PROTOS, 1);
		icmp_error_drop(c, r, ICMP6_TYPE_PARAM_PROBLEM, IPV6_PROBLEM_NEXT_HEADER, e->named_at,
		        DROP_IP_NOPROTO);
		return false;
	}
	return true;
}

bool exthdr6_local(const struct router_call *c, struct pkt_ref r, struct ip6 *ip)
{
	struct ipv6_problem problem;
	enum ipv6_chain_flaw flaw = ipv6_chain_check(packet_l3(r), packet_l3_here(r), &ip->v, &ip->chain);

	if (flaw) {
		drop_chain(c, r, flaw, &ip->chain);
		return false;
	}
	if (!within_limits(c, &ip->chain)) {
		drop_chain(c, r, IPV6_CHAIN_TOO_MANY, &ip->chain);
		return false;
	}
	if (!ipv6_routing_is_skippable(&ip->chain, &problem)) {
		burst_count(c->burst, STAT_IP6_IN_HDR_ERRORS, 1);
		problem_drop(c, r, &problem, DROP_IPV6_BAD_EXTHDR);
		return false;
	}
	return destination_options(c, r, ip) && known_headers(c, r, ip);
}
