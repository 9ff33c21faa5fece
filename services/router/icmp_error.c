#include "services/router/router_internal.h"

void icmp_count_out(const struct router_call *c, bool ipv6, uint8_t type)
{
	static const struct {
		uint8_t type;
		enum stat_id stat;
	} v4[] = {{ICMP_TYPE_DEST_UNREACH, STAT_ICMP_OUT_DEST_UNREACHS},
	        {ICMP_TYPE_TIME_EXCEEDED, STAT_ICMP_OUT_TIME_EXCDS},
	        {ICMP_TYPE_PARAM_PROBLEM, STAT_ICMP_OUT_PARM_PROBS},
	        {ICMP_TYPE_REDIRECT, STAT_ICMP_OUT_REDIRECTS},
	        {ICMP_TYPE_ECHO_REPLY, STAT_ICMP_OUT_ECHO_REPS},
	        {ICMP_TYPE_TIMESTAMP_REPLY, STAT_ICMP_OUT_TIMESTAMP_REPS}},
	  v6[] = {{ICMP6_TYPE_DEST_UNREACH, STAT_ICMP6_OUT_DEST_UNREACHS},
	          {ICMP6_TYPE_PACKET_TOO_BIG, STAT_ICMP6_OUT_PKT_TOO_BIGS},
	          {ICMP6_TYPE_TIME_EXCEEDED, STAT_ICMP6_OUT_TIME_EXCDS},
	          {ICMP6_TYPE_PARAM_PROBLEM, STAT_ICMP6_OUT_PARM_PROBLEMS},
	          {ICMP6_TYPE_ECHO_REPLY, STAT_ICMP6_OUT_ECHO_REPLIES},
	          {ICMP6_TYPE_REDIRECT, STAT_ICMP6_OUT_REDIRECTS}};

	burst_count(c->burst, ipv6 ? STAT_ICMP6_OUT_MSGS : STAT_ICMP_OUT_MSGS, 1);
	for (uint32_t i = 0; i < ARRAY_LEN(v4); i++)
		if ((ipv6 ? v6[i].type : v4[i].type) == type)
			burst_count(c->burst, ipv6 ? v6[i].stat : v4[i].stat, 1);
}

/* An error about an error is never sent (RFC 1122 3.2.2); of an ICMP message that is too short to say,
 * neither. */
static bool is_icmp_error(const struct parts *parts, const struct ipv4_view *v)
{
	uint8_t type;

	if (v->proto != IP_PROTO_ICMP)
		return false;
	if (parts->total <= v->header_len)
		return true;
	parts_copy(parts, v->header_len, &type, 1);
	return icmp_is_error(type) || type > ICMP_TYPE_ADDRESS_MASK_REPLY;
}

/* RFC 1812 4.3.2.7: not about a broadcast or multicast, a later fragment, a source that is no single host. */
static bool may_answer(
        const struct router_call *c, struct pkt_ref r, const struct parts *parts, const struct ipv4_view *v)
{
	struct route to_dst;

	if (r.pkt->type != PKT_HOST && r.pkt->type != PKT_OUTGOING)
		return false;
	if (ipv4_is_multicast(v->dst) || ipv4_is_limited_broadcast(v->dst) || ipv4_fragment_offset(v))
		return false;
	if (ipv4_is_martian_source(v->src) || ipv4_is_reserved(v->src) || is_icmp_error(parts, v))
		return false;
	route4(c, &(struct pkt){}, v->dst, 0, &to_dst);
	return to_dst.type != FIB_BROADCAST;
}

static bool is_limited(uint8_t type, uint8_t code)
{
	return type != ICMP_TYPE_REDIRECT &&
	       !(type == ICMP_TYPE_DEST_UNREACH && code == ICMP_UNREACH_FRAG_NEEDED);
}

/* From where, and over which way: the address that the packet was for where that is ours, else that of the
 * way back (Linux icmp_send with icmp_errors_use_inbound_ifaddr = 0). */
static bool choose_source(
        const struct router_call *c, const struct ipv4_view *v, struct be32 *src, uint32_t *mtu)
{
	struct ip6_addr to = ip6_addr_mapped(v->src), from = ip6_addr_mapped(v->dst);
	struct route back;

	route4(c, &(struct pkt){}, v->src, route_hash(c, &(struct pkt){}, &from, &to), &back);
	*mtu = back.mtu ? back.mtu : ICMP_ERROR_LEN_MAX;
	if (!route_is_way(&back) && back.type != FIB_LOCAL)
		return false;
	*src = v->dst;
	if (address_find4(c->epoch, v->dst))
		return true;
	*src = back.source.w32[3];
	if (src->raw)
		return true;
	if (back.type == FIB_LOCAL) {
		*src = v->src;
		return true;
	}
	return source_select4(c, back.port, back.next_hop.w32[3], src);
}

static void build(const struct router_call *c, struct pkt_ref r, struct pkt_ref error,
        const struct parts *parts, uint32_t quote, const struct ipv4_fields *fields,
        const struct icmp_hdr *icmp)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);
	uint8_t *ip = packet_l3(error), *message = ip + IPV4_HDR_LEN;
	struct ipv4_fields f = *fields;

	f.ttl = in && in->hop_limit ? (uint8_t)in->hop_limit : IP_TTL_DEFAULT;
	ipv4_write(ip, &f);
	memcpy(message, icmp, sizeof *icmp);
	parts_copy(parts, 0, message + ICMP_HDR_LEN, quote);
	icmp_checksum_set(message, ICMP_HDR_LEN + quote);
	error.pkt->flags |= PKT_F_ICMP_ERROR;
	error.pkt->l4_off = ETHER_HDR_LEN + IPV4_HDR_LEN;
	error.pkt->l4_proto = IP_PROTO_ICMP;
}

void icmp4_error(const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info)
{
	struct parts parts;
	struct ipv4_view v;
	struct ip6_addr peer;
	struct be32 src;
	struct pkt_ref error;
	uint32_t quote, mtu;

	assert(router_owns_links(c));
	if (!packet_parts(c, r, &parts) || ipv4_check_quoted(packet_l3(r), packet_l3_here(r), &v) ||
	        !may_answer(c, r, &parts, &v) || !choose_source(c, &v, &src, &mtu)) {
		trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_FORBIDDEN, type, code);
		return;
	}
	peer = ip6_addr_mapped(v.src);
	if (is_limited(type, code) && !limit_icmp_error(c, &peer)) {
		trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_LIMITED, type, code);
		return;
	}
	mtu = MIN(mtu, ICMP_ERROR_LEN_MAX);
	quote = MIN(MIN(parts.total, (uint32_t)v.total_len), MAX(mtu, 68u) - IPV4_HDR_LEN - ICMP_HDR_LEN);
	if (!output_make(c, r.at, BORN_GENERATED, r.pkt, ETHER_TYPE_IPV4, IPV4_HDR_LEN + ICMP_HDR_LEN + quote,
	            &error))
		return;
	build(c, r, error, &parts, quote,
	        &(struct ipv4_fields){.src = src,
	                .dst = v.src,
	                .payload_len = (uint16_t)(ICMP_HDR_LEN + quote),
	                .id = output_ident4(c),
	                .tos = (v.tos & 0x1e) | 0xc0, /* internetwork control (RFC 1812 4.3.2.5) */
	                .proto = IP_PROTO_ICMP},
	        &(struct icmp_hdr){.type = type, .code = code, .rest = be32_from_host(info)});
	trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_ERROR4, type, code, be32_to_host(src),
	        be32_to_host(v.src), quote);
	icmp_count_out(c, false, type);
	output_local(c, error);
}

void icmp_error_send(const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info)
{
	if (r.pkt->ethertype == ETHER_TYPE_IPV4)
		icmp4_error(c, r, type, code, info);
	else if (r.pkt->ethertype == ETHER_TYPE_IPV6)
		icmp6_error(c, r, type, code, info);
}

void icmp_error_drop(const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info,
        enum drop_reason reason)
{
	if (!router_owns_links(c)) {
		punt(c, r,
		        &(struct punt_note){.why = PUNT_ICMP_ERROR,
		                .type = type,
		                .code = code,
		                .info = info,
		                .reason = (uint16_t)reason});
		return;
	}
	icmp_error_send(c, r, type, code, info);
	ref_drop(r, reason);
}
