#include "common/wire/icmp.h"
#include "common/wire/icmp6.h"
#include "services/session/state.h"

/* --- Errors that concern our sockets --- */

/* Linux icmp_err_convert: what a code of "destination unreachable" is to an application. */
static const struct {
	int32_t error;
	bool hard;
} unreachable4[] = {
        [ICMP_UNREACH_NET] = {ENETUNREACH, false},
        [ICMP_UNREACH_HOST] = {EHOSTUNREACH, false},
        [ICMP_UNREACH_PROTOCOL] = {ENOPROTOOPT, true},
        [ICMP_UNREACH_PORT] = {ECONNREFUSED, true},
        [ICMP_UNREACH_FRAG_NEEDED] = {EMSGSIZE, true},
        [ICMP_UNREACH_SOURCE_ROUTE] = {EOPNOTSUPP, false},
        [ICMP_UNREACH_NET_UNKNOWN] = {ENETUNREACH, true},
        [ICMP_UNREACH_HOST_UNKNOWN] = {EHOSTDOWN, true},
        [ICMP_UNREACH_HOST_ISOLATED] = {ENONET, true},
        [ICMP_UNREACH_NET_PROHIBITED] = {ENETUNREACH, true},
        [ICMP_UNREACH_HOST_PROHIBITED] = {EHOSTUNREACH, true},
        [ICMP_UNREACH_NET_TOS] = {ENETUNREACH, false},
        [ICMP_UNREACH_HOST_TOS] = {EHOSTUNREACH, false},
        [ICMP_UNREACH_FILTERED] = {EHOSTUNREACH, true},
        [ICMP_UNREACH_PRECEDENCE] = {EHOSTUNREACH, true},
        [ICMP_UNREACH_PRECEDENCE_CUTOFF] = {EHOSTUNREACH, true},
};

/* Linux __udp4_lib_err. */
static void news_read4(const uint8_t *message, struct icmp_news *news)
{
	news->type = message[0];
	news->code = message[1];
	news->error = EHOSTUNREACH;
	if (news->type == ICMP_TYPE_PARAM_PROBLEM) {
		news->error = EPROTO;
		news->hard = true;
	} else if (news->type == ICMP_TYPE_DEST_UNREACH && news->code < ARRAY_LEN(unreachable4)) {
		news->error = unreachable4[news->code].error;
		news->hard = unreachable4[news->code].hard;
		if (news->code == ICMP_UNREACH_FRAG_NEEDED)
			news->mtu = wire_load_u32(message + 4) & 0xffff;
	}
}

/* Linux icmpv6_err_convert and __udp6_lib_err. */
static void news_read6(const uint8_t *message, struct icmp_news *news)
{
	static const int32_t unreachable[] = {
	        [ICMP6_UNREACH_NO_ROUTE] = ENETUNREACH,
	        [ICMP6_UNREACH_PROHIBITED] = EACCES,
	        [ICMP6_UNREACH_SCOPE] = EHOSTUNREACH,
	        [ICMP6_UNREACH_ADDRESS] = EHOSTUNREACH,
	        [ICMP6_UNREACH_PORT] = ECONNREFUSED,
	        [ICMP6_UNREACH_POLICY] = EACCES,
	        [ICMP6_UNREACH_REJECT] = EACCES,
	};

	news->type = message[0];
	news->code = message[1];
	news->error = EPROTO;
	if (news->type == ICMP6_TYPE_DEST_UNREACH && news->code < ARRAY_LEN(unreachable)) {
		news->error = unreachable[news->code];
		news->hard = news->error == EACCES || news->error == ECONNREFUSED;
	} else if (news->type == ICMP6_TYPE_PACKET_TOO_BIG) {
		news->error = EMSGSIZE;
		news->hard = true;
		news->mtu = wire_load_u32(message + 4);
	} else if (news->type == ICMP6_TYPE_PARAM_PROBLEM) {
		news->hard = true;
	} else if (news->type == ICMP6_TYPE_TIME_EXCEEDED) {
		news->error = EHOSTUNREACH;
	}
}

/* Of what we sent: source is ours. */
static bool quote_read4(const struct arrival *a, struct flow *flow, uint8_t *proto)
{
	const uint8_t *message = a->chain->part[0].at;
	uint32_t len = MIN(a->chain->part[0].len, a->seg->l4_len);
	struct icmp_view view = {.len = len};
	struct icmp_quote quote;

	if (len < ICMP_HDR_LEN || icmp_quote_check(message, &view, &quote))
		return false;
	flow->dst = ip6_addr_mapped(quote.ip.src);
	flow->src = ip6_addr_mapped(quote.ip.dst);
	flow->dport = quote.src_port;
	flow->sport = quote.dst_port;
	*proto = quote.ip.proto;
	return true;
}

static bool quote_read6(const struct arrival *a, struct flow *flow, uint8_t *proto)
{
	const uint8_t *message = a->chain->part[0].at;
	uint32_t len = MIN(a->chain->part[0].len, a->seg->l4_len);
	struct icmp6_view view = {.len = len};
	struct icmp6_quote quote;

	if (len < ICMP6_HDR_LEN || icmp6_quote_check(message, &view, &quote))
		return false;
	flow->dst = quote.ip.src;
	flow->src = quote.ip.dst;
	flow->dport = quote.src_port;
	flow->sport = quote.dst_port;
	*proto = quote.chain.upper;
	return true;
}

/* What the router can use, now that a socket is known for it: how much the path takes.  What it made by
 * itself tells it nothing new. */
static bool tells_mtu(const struct session_call *c, const struct arrival *a)
{
	const uint8_t *message = a->chain->part[0].at;

	if (c->b->pkt[a->i].flags & PKT_F_LOCAL)
		return false;
	return a->seg->ipv6 ? message[0] == ICMP6_TYPE_PACKET_TOO_BIG
	                    : icmp_is_too_big(message[0], message[1]);
}

static void socket_tell(const struct session_call *c, const struct arrival *a, struct session_socket *sk,
        const struct flow *flow)
{
	struct icmp_news news = {0};

	touch(c, sk);
	sk->errors++;
	trace(c->b->trace, c->b->pkt[a->i].trace, TRACE_SOCKET_ERROR, socket_ref(c->s, sk) - 1);
	if (!sk->app)
		return;
	/* The quote was read: the message has its header. */
	(a->seg->ipv6 ? news_read6 : news_read4)(a->chain->part[0].at, &news);
	client_tell(c, sk, flow, &news);
}

/* Linux __udp4_lib_err and tcp_v4_err: one that finds no socket is an error of ICMP's input. */
void icmp_error_input(const struct session_call *c, const struct arrival *a)
{
	bool ipv6 = a->seg->ipv6;
	struct flow flow = {.port = a->seg->port, .ipv6 = ipv6};
	struct session_socket *sk = NULL;
	uint8_t proto;

	if (a->seg->proto != (ipv6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP) ||
	        !(ipv6 ? quote_read6(a, &flow, &proto) : quote_read4(a, &flow, &proto))) {
		burst_drop(c->b, a->i, DROP_ICMP_MALFORMED);
		return;
	}
	if (proto == IP_PROTO_UDP)
		sk = socket_lookup(c, &flow);
	if (!sk) {
		burst_count(c->b, ipv6 ? STAT_ICMP6_IN_ERRORS : STAT_ICMP_IN_ERRORS, 1);
		burst_drop(c->b, a->i, DROP_NO_SOCKET);
		return;
	}
	socket_tell(c, a, sk, &flow);
	if (!tells_mtu(c, a)) {
		burst_deliver(c->b, a->i);
		return;
	}
	c->b->pkt[a->i].flags |= PKT_F_VOUCHED;
	burst_pass(c->b, a->i, out_id(OUT_TX, c->b->lane));
}

/* --- Errors that we send --- */

/* RFC 1122 3.2.2 and RFC 4443 2.4 (e): not about what went to many, nor to who is no single host. */
static bool may_answer(const struct session_call *c, const struct arrival *a)
{
	const struct segment *seg = a->seg;

	if (c->b->pkt[a->i].type != PKT_HOST || segment_to_many(c, &c->b->pkt[a->i], seg) ||
	        segment_to_broadcast_of_ours(c, seg))
		return false;
	if (seg->ipv6)
		return !ip6_is_unspecified(&seg->src) && !ip6_is_multicast(&seg->src);
	return !ipv4_is_martian_source(seg->src.w32[3]) && !ipv4_is_reserved(seg->src.w32[3]);
}

/* The beginning of the packet from its IP header on. */
static void quote_copy(const struct session_call *c, const struct arrival *a, uint8_t *to, uint32_t len)
{
	const struct pkt *p = &c->b->pkt[a->i];
	uint32_t l3 = MIN(a->seg->l3_len, len);

	memcpy(to, c->b->frame[a->i] + p->l3_off, l3);
	chain_copy(a->chain, 0, to + l3, len - l3);
}

void unreachable_send(const struct session_call *c, const struct arrival *a, uint32_t l4_len)
{
	bool ipv6 = a->seg->ipv6;
	uint32_t room = ipv6 ? IPV6_MTU_MIN - IPV6_HDR_LEN : ICMP_ERROR_LEN_MAX - IPV4_HDR_LEN;
	uint32_t quote = MIN(a->seg->l3_len + l4_len, room - ICMP_HDR_LEN);
	struct reply reply = {
	        .src = segment_to_anycast(c, a->seg) ? IP6_UNSPECIFIED : a->seg->dst, /* RFC 4443 2.2 */
	        .dst = a->seg->src,
	        .port = a->seg->port,
	        .ipv6 = ipv6,
	        .proto = ipv6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP,
	        .tos = ipv6 ? 0 : (a->seg->tos & 0x1e) | 0xc0, /* RFC 1812 4.3.2.5, as Linux icmp_send */
	        .flags = PKT_F_ICMP_ERROR,
	        .l4_header = ICMP_HDR_LEN + quote,
	        .l4_len = ICMP_HDR_LEN + quote,
	};
	const struct pkt *cause = &c->b->pkt[a->i];
	uint8_t *l4;

	if (!may_answer(c, a) || !reply_make(c, a->i, cause, &reply, NULL, &l4))
		return;
	trace(c->b->trace, cause->trace, TRACE_PORT_UNREACHABLE, quote);
	quote_copy(c, a, l4 + ICMP_HDR_LEN, quote);
	if (ipv6) {
		icmp6_write(l4, ICMP6_TYPE_DEST_UNREACH, ICMP6_UNREACH_PORT, 0);
		icmp6_checksum_set(l4, reply.l4_len, &reply.src, &reply.dst);
	} else {
		icmp_write(l4, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_PORT, 0);
		icmp_checksum_set(l4, reply.l4_len);
	}
}
