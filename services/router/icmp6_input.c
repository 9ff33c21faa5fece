#include "common/wire/icmp6.h"
#include "common/wire/nd.h"
#include "services/router/router_internal.h"

/* A message for us, in hand.  Offsets are from l3_off. */
struct message {
	struct parts parts;
	uint32_t at;
	uint32_t len;
	uint32_t rest;
	uint8_t type, code;
};

static void drop_error(const struct router_call *c, struct pkt_ref r, enum drop_reason reason)
{
	burst_count(c->burst, STAT_ICMP6_IN_ERRORS, 1);
	ref_drop(r, reason);
}

static bool is_mld(uint8_t type)
{
	return type == ICMP6_TYPE_MLD_QUERY || type == ICMP6_TYPE_MLD_REPORT || type == ICMP6_TYPE_MLD_DONE ||
	       type == ICMP6_TYPE_MLDV2_REPORT;
}

static void count_in(const struct router_call *c, uint8_t type)
{
	switch (type) {
	case ICMP6_TYPE_DEST_UNREACH: burst_count(c->burst, STAT_ICMP6_IN_DEST_UNREACHS, 1); return;
	case ICMP6_TYPE_PACKET_TOO_BIG: burst_count(c->burst, STAT_ICMP6_IN_PKT_TOO_BIGS, 1); return;
	case ICMP6_TYPE_TIME_EXCEEDED: burst_count(c->burst, STAT_ICMP6_IN_TIME_EXCDS, 1); return;
	case ICMP6_TYPE_PARAM_PROBLEM: burst_count(c->burst, STAT_ICMP6_IN_PARM_PROBLEMS, 1); return;
	case ICMP6_TYPE_ECHO: burst_count(c->burst, STAT_ICMP6_IN_ECHOS, 1); return;
	case ICMP6_TYPE_ECHO_REPLY: burst_count(c->burst, STAT_ICMP6_IN_ECHO_REPLIES, 1); return;
	}
}

static bool read_message(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, struct message *m)
{
	struct csum pseudo;

	burst_count(c->burst, STAT_ICMP6_IN_MSGS, 1);
	m->at = ip->chain.upper_offset;
	if (!packet_parts(c, r, &m->parts) || ip->v.total_len < m->at + ICMP6_HDR_LEN ||
	        packet_l3_here(r) < m->at + ICMP6_HDR_LEN || m->parts.total < ip->v.total_len) {
		drop_error(c, r, DROP_ICMP_MALFORMED);
		return false;
	}
	m->len = ip->v.total_len - m->at;
	pseudo = csum_pseudo_ipv6(&ip->v.src, &ip->v.dst, IP_PROTO_ICMP6, m->len);
	if (!csum_is_good(csum_add(pseudo, parts_sum(CSUM_ZERO, &m->parts, m->at, m->len)))) {
		burst_count(c->burst, STAT_ICMP6_IN_CSUM_ERRORS, 1);
		drop_error(c, r, DROP_ICMP_CSUM);
		return false;
	}
	m->type = wire_load_u8(packet_l3(r) + m->at);
	m->code = wire_load_u8(packet_l3(r) + m->at + 1);
	m->rest = wire_load_u32(packet_l3(r) + m->at + 4);
	trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_IN, m->type, m->code);
	return true;
}

/* What is left of the packet after its extension headers, which an answer does not repeat. */
static bool cut_headers(const struct router_call *c, struct pkt_ref r, const struct message *m)
{
	int bytes = (int)m->at - (int)IPV6_HDR_LEN;
	uint8_t header[IPV6_HDR_LEN];
	uint16_t l3_off = r.pkt->l3_off;

	if (!bytes)
		return true;
	memcpy(header, packet_l3(r), sizeof header);
	if (!ref_move_start(c->router->pool, r, bytes))
		return false;
	r.pkt->l3_off = l3_off;
	memcpy(packet_l3(r), header, sizeof header);
	return true;
}

/* RFC 4443 4.2: from the address that was asked; asked as one of many (a group's, or the routers' of a
 * network), from one of the port. */
static void echo_reply(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, struct message *m, bool group)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);
	struct ip6_addr src = ip->v.dst, dst = ip->v.src;
	bool many = group || !address_find6(c->epoch, &src, r.pkt->port);
	struct icmp6_hdr *h = (void *)(packet_l3(r) + m->at);
	struct csum sum;

	if (ip6_is_unspecified(&dst) || (many && !source_select6(c, r.pkt->port, &dst, &src)) ||
	        !cut_headers(c, r, m)) {
		ref_drop(r, DROP_ICMP_IGNORED);
		return;
	}
	h->type = ICMP6_TYPE_ECHO_REPLY;
	h->checksum = (struct be16){0};
	sum = csum_pseudo_ipv6(&src, &dst, IP_PROTO_ICMP6, m->len);
	if (!packet_parts(c, r, &m->parts)) {
		ref_drop(r, DROP_ICMP_MALFORMED);
		return;
	}
	h->checksum = csum_finish(csum_add(sum, parts_sum(CSUM_ZERO, &m->parts, IPV6_HDR_LEN, m->len)));
	ipv6_write(packet_l3(r),
	        &(struct ipv6_fields){.src = src,
	                .dst = dst,
	                .payload_len = (uint16_t)m->len,
	                .traffic_class = ip->v.traffic_class,
	                .next_header = IP_PROTO_ICMP6,
	                .hop_limit = in && in->hop_limit ? (uint8_t)in->hop_limit : IP_TTL_DEFAULT});
	r.pkt->type = PKT_OUTGOING;
	r.pkt->csum = PKT_CSUM_NONE;
	r.pkt->l4_off = (uint16_t)(r.pkt->l3_off + IPV6_HDR_LEN);
	r.pkt->out = ip6_is_link_local(&dst) ? r.pkt->port : PORT_NONE;
	r.pkt->flags &= (uint16_t) ~(PKT_F_HASHED | PKT_F_FRAGMENT | PKT_F_REASSEMBLED);
	icmp_count_out(c, true, ICMP6_TYPE_ECHO_REPLY);
	trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_REPLY, ICMP6_TYPE_ECHO_REPLY);
	output_local(c, r);
}

static void error_input(const struct router_call *c, struct pkt_ref r, struct message *m)
{
	struct icmp6_view view = {
	        .len = MIN(m->len, packet_l3_here(r) - m->at),
	        .rest = m->rest,
	        .type = m->type,
	        .code = m->code,
	};
	struct icmp6_quote quote;
	uint8_t upper;

	if (icmp6_quote_check(packet_l3(r) + m->at, &view, &quote)) {
		drop_error(c, r, DROP_ICMP_MALFORMED);
		return;
	}
	upper = quote.chain.upper;
	if (!address_find6(c->epoch, &quote.ip.src, r.pkt->port) ||
	        (upper != IP_PROTO_TCP && upper != IP_PROTO_UDP && upper != IP_PROTO_ICMP6)) {
		ref_drop(r, DROP_ICMP_IGNORED);
		return;
	}
	/* What we answer by ourselves has no socket (Linux icmpv6_err). */
	if (upper == IP_PROTO_ICMP6) {
		if (m->type == ICMP6_TYPE_PACKET_TOO_BIG)
			too_big6(c, r, &quote, m->rest);
		ref_drop(r, DROP_ICMP_IGNORED);
		return;
	}
	local_deliver(c, r, m->at, IP_PROTO_ICMP6,
	        local_flow_hash(c, &quote.ip.src, &quote.ip.dst, quote.src_port, quote.dst_port, upper));
}

static bool take_token(const struct router_call *c, struct pkt_ref r, enum epoch_class class)
{
	if (limit_local(c, class))
		return true;
	ref_drop(r, DROP_LOCAL_RATELIMIT);
	return false;
}

/* Neighbor and listener discovery want their message in one piece, which both are unless somebody plays. */
static void links_input(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, const struct message *m)
{
	bool fragmented = r.pkt->flags & PKT_F_REASSEMBLED || ipv6_chain_has_fragment(&ip->chain);
	struct neighbor *n = &c->router->neighbor;

	if (m->parts.n > 1)
		drop_error(c, r, DROP_IPV6_NDISC_FRAG);
	else if (is_mld(m->type))
		mld_input(n, c->epoch, c->now, c->burst, r);
	else
		nd_input(n, c->epoch, c->now, c->burst, r, fragmented);
}

void icmp6_input(const struct router_call *c, struct pkt_ref r, struct ip6 *ip, bool group)
{
	struct message m;
	bool links;

	if (!read_message(c, r, ip, &m))
		return;
	links = nd_is_message(m.type) || is_mld(m.type);
	if (!take_token(c, r, links ? EPOCH_CLASS_ARP_ND : EPOCH_CLASS_ICMP))
		return;
	count_in(c, m.type);
	if (links)
		links_input(c, r, ip, &m);
	else if (m.type == ICMP6_TYPE_ECHO)
		echo_reply(c, r, ip, &m, group);
	else if (m.type >= ICMP6_TYPE_DEST_UNREACH && m.type <= ICMP6_TYPE_PARAM_PROBLEM)
		error_input(c, r, &m);
	else
		ref_drop(r, DROP_ICMP_IGNORED);
}
