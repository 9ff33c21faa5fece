#include "common/wire/addr.h"
#include "common/wire/udp.h"
#include "services/session/state.h"

/* A datagram at the head of a queue. */
struct reading {
	struct session_socket *sk;
	struct pkt pkt;
	struct segment seg;
	struct udp_view udp;
	uint32_t buffers;
	uint32_t len; /* of the payload, which is in the application's memory */
};

uint64_t session_digest(uint64_t digest, const void *bytes, uint32_t len)
{
	const uint8_t *b = bytes;
	uint32_t i = 0;
	uint64_t last = 0;

	for (; i + 8 <= len; i += 8)
		digest = hash_mix(digest, load_u64(b + i));
	memcpy(&last, b + i, len - i);
	if (i < len)
		digest = hash_mix(digest, last);
	return hash_mix(digest, len);
}

/* Copies the payload out.  The headers are read anew from memory that others may write: what they say now is
 * what the application sees, and nothing is believed that does not fit the buffers.  false: spoilt. */
static bool datagram_read(const struct session_call *c, struct reading *r)
{
	struct session *s = c->s;
	uint8_t header[UDP_HDR_LEN];
	const uint8_t *frame;
	bool sound;

	r->buffers = chain_of_queue(s, r->sk->head, &r->pkt, &s->chain, &sound);
	if (!sound)
		return false;
	frame = pool_buffer(s->env.pool, (struct pkt_index){r->sk->head - 1}) + r->pkt.data_off;
	if (!segment_read(&r->pkt, frame, &s->chain, &r->seg) || r->seg.l4_len < UDP_HDR_LEN)
		return false;
	chain_copy(&s->chain, 0, header, sizeof header);
	if (udp_check(header, r->seg.l4_len, &r->udp))
		r->udp.len = r->seg.l4_len; /* of a jumbo length, or spoilt */
	r->len = MIN(r->udp.len - UDP_HDR_LEN, PAYLOAD_MAX);
	chain_copy(&s->chain, UDP_HDR_LEN, s->payload, r->len);
	return true;
}

/* The datagram back to whom it came from.  Where it had come to many the router chooses the source. */
static bool echo_send(const struct session_call *c, const struct reading *r)
{
	bool many = segment_to_many(c, &r->pkt, &r->seg) || segment_to_broadcast_of_ours(c, &r->seg) ||
	            segment_to_anycast(c, &r->seg);
	struct reply reply = {
	        .src = r->seg.dst,
	        .dst = r->seg.src,
	        .port = r->seg.port,
	        .ipv6 = r->seg.ipv6,
	};

	if (address_is_any(&reply.dst) || !r->udp.src_port)
		return false;
	if (many)
		reply.src = reply.ipv6 ? IP6_UNSPECIFIED : ip6_addr_mapped((struct be32){0});
	return datagram_send(c, &r->pkt, &reply, r->udp.dst_port, r->udp.src_port, c->s->payload, r->len);
}

/* Buffers and entries that reading the next datagram of the socket may take. */
static bool read_fits(const struct session_call *c, const struct session_socket *sk)
{
	uint32_t n = queue_datagram_buffers(c->s, sk->head);

	return outbox_has_room(c->b, 2 * n + 1) &&
	       journal_room(c->b->journal) >= SESSION_LINES_READ + SESSION_LINES_KEPT;
}

static void datagram_take(const struct session_call *c, struct session_socket *sk)
{
	struct reading r = {.sk = sk};
	bool sound = datagram_read(c, &r);

	touch(c, &sk->read);
	if (sound) {
		sk->read++;
		sk->read_bytes += r.len;
		sk->digest = session_digest(sk->digest, c->s->payload, r.len);
		udp_count(c, r.seg.ipv6, STAT_UDP_IN_DATAGRAMS);
		trace(c->b->trace, r.pkt.trace, TRACE_READ, socket_ref(c->s, sk) - 1, r.len);
		if (sk->conf.app == EPOCH_APP_ECHO)
			++*(echo_send(c, &r) ? &sk->sent : &sk->send_failed);
	}
	queue_drop_head(c, sk, r.buffers);
}

/* Sockets take turns, a datagram each: the one that has been served goes to the end of the list. */
void reader_burst(const struct session_call *c)
{
	struct session_state *st = c->s->state;

	for (uint32_t reads = 0; st->ready_head && reads < SESSION_READS; reads++) {
		struct session_socket *sk = socket_at(c->s, st->ready_head);

		if (!read_fits(c, sk))
			return;
		datagram_take(c, sk);
		ready_turn(c, sk);
	}
}
