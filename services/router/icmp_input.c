#include "common/wire/icmp.h"
#include "services/router/router_internal.h"

/* A message for us, in hand. */
struct message {
	struct parts parts;
	uint32_t len;
	uint32_t rest;
	uint8_t type, code;
};

static void drop_error(const struct router_call *c, struct pkt_ref r, enum drop_reason reason)
{
	burst_count(c->burst, STAT_ICMP_IN_ERRORS, 1);
	ref_drop(r, reason);
}

static void count_in(const struct router_call *c, uint8_t type)
{
	switch ((enum icmp_type)type) {
	case ICMP_TYPE_DEST_UNREACH: burst_count(c->burst, STAT_ICMP_IN_DEST_UNREACHS, 1); return;
	case ICMP_TYPE_TIME_EXCEEDED: burst_count(c->burst, STAT_ICMP_IN_TIME_EXCDS, 1); return;
	case ICMP_TYPE_PARAM_PROBLEM: burst_count(c->burst, STAT_ICMP_IN_PARM_PROBS, 1); return;
	case ICMP_TYPE_REDIRECT: burst_count(c->burst, STAT_ICMP_IN_REDIRECTS, 1); return;
	case ICMP_TYPE_ECHO: burst_count(c->burst, STAT_ICMP_IN_ECHOS, 1); return;
	case ICMP_TYPE_ECHO_REPLY: burst_count(c->burst, STAT_ICMP_IN_ECHO_REPS, 1); return;
	case ICMP_TYPE_TIMESTAMP: burst_count(c->burst, STAT_ICMP_IN_TIMESTAMPS, 1); return;
	case ICMP_TYPE_SOURCE_QUENCH:
	case ICMP_TYPE_ROUTER_ADVERT:
	case ICMP_TYPE_ROUTER_SOLICIT:
	case ICMP_TYPE_TIMESTAMP_REPLY:
	case ICMP_TYPE_ADDRESS_MASK:
	case ICMP_TYPE_ADDRESS_MASK_REPLY:
	case ICMP_TYPE_EXT_ECHO:
	case ICMP_TYPE_EXT_ECHO_REPLY: return;
	}
}

/* The packet becomes the answer: the addresses change places, the header is ours. */
static void turn_around(const struct router_call *c, struct pkt_ref r, struct ip4 *ip)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);
	struct ipv4_hdr *h = (void *)packet_l3(r);

	h->src = ip->v.dst;
	h->dst = ip->v.src;
	h->ttl = in && in->hop_limit ? (uint8_t)in->hop_limit : IP_TTL_DEFAULT;
	h->id = be16_from_host(output_ident4(c));
	h->fragment = (struct be16){0};
	if (ipv4_has_options(&ip->v) && !ipv4_options_check(h, ip->v.header_len, &ip->o)) {
		/* That there was no room has been counted as it came in. */
		if (ip->o.timestamp_full)
			ip->o.timestamp = 0;
		options4_record(c, (void *)h, ip, ip->v.dst);
	}
	ipv4_checksum_set(h, ip->v.header_len);
	r.pkt->type = PKT_OUTGOING;
	r.pkt->out = PORT_NONE;
	r.pkt->csum = PKT_CSUM_NONE;
	r.pkt->flags &= (uint16_t) ~(PKT_F_HASHED | PKT_F_FRAGMENT | PKT_F_REASSEMBLED);
}

static void reply(
        const struct router_call *c, struct pkt_ref r, struct ip4 *ip, struct message *m, uint8_t type)
{
	struct icmp_hdr *h = (void *)(packet_l3(r) + ip->v.header_len);

	/* A strict or loose route back would have to be made from the one that led here. */
	if (ipv4_has_options(&ip->v) && ip->o.source_route) {
		ref_drop(r, DROP_IP_SOURCE_ROUTE);
		return;
	}
	h->type = type;
	h->checksum = (struct be16){0};
	h->checksum = csum_finish(parts_sum(CSUM_ZERO, &m->parts, ip->v.header_len, m->len));
	turn_around(c, r, ip);
	icmp_count_out(c, false, type);
	trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_REPLY, type);
	output_local(c, r);
}

/* RFC 792; the time is not counted from a midnight that we know, which its high bit says. */
static void reply_timestamp(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, struct message *m)
{
	uint8_t *at = packet_l3(r) + ip->v.header_len + ICMP_HDR_LEN;
	uint32_t ms = (uint32_t)(c->now / NANOS_PER_MS % (24 * 3600 * 1000)) | 0x80000000u;

	if (m->len < ICMP_HDR_LEN + 12 || packet_l3_here(r) < ip->v.header_len + ICMP_HDR_LEN + 12) {
		drop_error(c, r, DROP_ICMP_MALFORMED);
		return;
	}
	wire_store_u32(at + 4, ms);
	wire_store_u32(at + 8, ms);
	((struct icmp_hdr *)(packet_l3(r) + ip->v.header_len))->code = 0;
	reply(c, r, ip, m, ICMP_TYPE_TIMESTAMP_REPLY);
}

/* A packet of a socket, or the only message that we make which may be long: an answer to an echo (Linux
 * icmp_err). */
static bool may_be_ours(const uint8_t *icmp, const struct icmp_quote *quote)
{
	if (quote->ip.proto == IP_PROTO_ICMP)
		return !ipv4_fragment_offset(&quote->ip) &&
		       wire_load_u8(icmp + quote->l4_offset) == ICMP_TYPE_ECHO_REPLY;
	return quote->ip.proto == IP_PROTO_TCP || quote->ip.proto == IP_PROTO_UDP;
}

/* An error about something that we sent: up to whose it was. */
static void error_input(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, struct message *m)
{
	const uint8_t *h = packet_l3(r) + ip->v.header_len;
	struct icmp_view view = {
	        .len = MIN(m->len, packet_l3_here(r) - ip->v.header_len),
	        .rest = m->rest,
	        .type = m->type,
	        .code = m->code,
	};
	struct icmp_quote quote;
	struct ip6_addr src, dst;

	if (icmp_quote_check(h, &view, &quote)) {
		drop_error(c, r, DROP_ICMP_MALFORMED);
		return;
	}
	if (!address_find4(c->epoch, quote.ip.src) || !may_be_ours(h, &quote)) {
		ref_drop(r, DROP_ICMP_IGNORED);
		return;
	}
	if (quote.ip.proto == IP_PROTO_ICMP) {
		if (icmp_is_too_big(m->type, m->code))
			too_big4(c, r, &quote, m->rest);
		ref_drop(r, DROP_ICMP_IGNORED);
		return;
	}
	src = ip6_addr_mapped(quote.ip.src);
	dst = ip6_addr_mapped(quote.ip.dst);
	local_deliver(c, r, ip->v.header_len, IP_PROTO_ICMP,
	        local_flow_hash(c, &src, &dst, quote.src_port, quote.dst_port, quote.ip.proto));
}

static bool read_message(
        const struct router_call *c, struct pkt_ref r, const struct ip4 *ip, struct message *m)
{
	const uint8_t *h = packet_l3(r) + ip->v.header_len;

	burst_count(c->burst, STAT_ICMP_IN_MSGS, 1);
	m->len = (uint32_t)ip->v.total_len - ip->v.header_len;
	if (!packet_parts(c, r, &m->parts) || m->len < ICMP_HDR_LEN ||
	        packet_l3_here(r) < ip->v.header_len + ICMP_HDR_LEN ||
	        m->parts.total < ip->v.header_len + m->len) {
		drop_error(c, r, DROP_ICMP_MALFORMED);
		return false;
	}
	if (!csum_is_good(parts_sum(CSUM_ZERO, &m->parts, ip->v.header_len, m->len))) {
		burst_count(c->burst, STAT_ICMP_IN_CSUM_ERRORS, 1);
		drop_error(c, r, DROP_ICMP_CSUM);
		return false;
	}
	m->type = wire_load_u8(h);
	m->code = wire_load_u8(h + 1);
	m->rest = wire_load_u32(h + 4);
	trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_IN, m->type, m->code);
	return true;
}

void icmp_input(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, bool group)
{
	struct message m;

	if (!read_message(c, r, ip, &m))
		return;
	count_in(c, m.type);
	/* To a broadcast or multicast nothing is answered (RFC 1122 3.2.2.6, icmp_echo_ignore_broadcasts). */
	if (m.type > ICMP_TYPE_ADDRESS_MASK_REPLY || group)
		drop_error(c, r, DROP_ICMP_IGNORED);
	else if (m.type == ICMP_TYPE_ECHO)
		reply(c, r, ip, &m, ICMP_TYPE_ECHO_REPLY);
	else if (m.type == ICMP_TYPE_TIMESTAMP)
		reply_timestamp(c, r, ip, &m);
	else if (icmp_is_error(m.type) && m.type != ICMP_TYPE_REDIRECT)
		error_input(c, r, ip, &m);
	else
		ref_drop(r, DROP_ICMP_IGNORED);
}
