#include "common/wire/ether.h"
#include "common/wire/tcp.h"
#include "services/session/state.h"

static void tcp_error(const struct session_call *c, const struct arrival *a, enum drop_reason reason)
{
	burst_count(c->b, STAT_TCP_IN_ERRS, 1);
	burst_drop(c->b, a->i, reason);
}

/* Linux tcp_v4_send_reset: TTL 64 or what the port says, do not fragment, the type of service of what it
 * answers without ECN (RFC 3168 6.1.1: only data is sent as capable). */
static void reset_send(const struct session_call *c, const struct arrival *a, const struct tcp_view *tcp)
{
	struct reply reply = {
	        .src = a->seg->dst,
	        .dst = a->seg->src,
	        .port = a->seg->port,
	        .ipv6 = a->seg->ipv6,
	        .dont_fragment = true,
	        .proto = IP_PROTO_TCP,
	        .tos = a->seg->tos & (uint8_t)~IP_ECN_MASK,
	        .l4_header = TCP_HDR_LEN,
	        .l4_len = TCP_HDR_LEN,
	};
	const struct pkt *cause = &c->b->pkt[a->i];
	uint8_t *l4;

	if (tcp->flags & TCP_RST || !reply_make(c, a->i, cause, &reply, NULL, &l4))
		return;
	tcp_reset_write(l4, tcp);
	tcp_checksum_set(l4, TCP_HDR_LEN, reply_pseudo(&reply));
	burst_count(c->b, STAT_TCP_OUT_SEGS, 1);
	burst_count(c->b, STAT_TCP_OUT_RSTS, 1);
	trace(c->b->trace, cause->trace, TRACE_RESET, wire_load_u32(l4 + 4), wire_load_u32(l4 + 8));
}

/* Linux tcp_v4_rcv and tcp_v6_rcv as far as they go without a socket; their counters: what is cut short
 * counts as received only. */
void tcp_input(const struct session_call *c, const struct arrival *a)
{
	uint8_t header[TCP_HDR_LEN];
	struct tcp_view tcp;

	if (c->b->pkt[a->i].type != PKT_HOST || segment_to_many(c, &c->b->pkt[a->i], a->seg)) {
		burst_drop(c->b, a->i, DROP_NO_SOCKET);
		return;
	}
	burst_count(c->b, STAT_TCP_IN_SEGS, 1);
	if (a->seg->l4_len < TCP_HDR_LEN) {
		burst_drop(c->b, a->i, DROP_TCP_MALFORMED);
		return;
	}
	chain_copy(a->chain, 0, header, sizeof header);
	if (tcp_check(header, a->seg->l4_len, &tcp)) {
		if (tcp.header_len < TCP_HDR_LEN)
			tcp_error(c, a, DROP_TCP_MALFORMED);
		else
			burst_drop(c->b, a->i, DROP_TCP_MALFORMED);
		return;
	}
	if (!segment_sum_good(c, &c->b->pkt[a->i], a->chain, a->seg, a->seg->l4_len, TCP_CHECKSUM_FIELD)) {
		burst_count(c->b, STAT_TCP_IN_CSUM_ERRORS, 1);
		tcp_error(c, a, DROP_TCP_CSUM);
		return;
	}
	trace(c->b->trace, c->b->pkt[a->i].trace, TRACE_NO_SOCKET, tcp.dst_port);
	/* Linux resets nothing that was sent to many, and a connection with an anycast address is none. */
	if (!segment_to_broadcast_of_ours(c, a->seg) && !segment_to_anycast(c, a->seg))
		reset_send(c, a, &tcp);
	burst_drop(c->b, a->i, DROP_NO_SOCKET);
}
