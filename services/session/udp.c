#include "common/wire/udp.h"
#include "services/session/state.h"

/* A datagram whose header is sound. */
struct datagram {
	const struct arrival *a;
	struct udp_view udp;
	struct flow flow;
};

static void udp_error(const struct session_call *c, const struct arrival *a, enum drop_reason reason)
{
	udp_count(c, a->seg->ipv6, STAT_UDP_IN_ERRORS);
	burst_drop(c->b, a->i, reason);
}

static void udp_error_csum(const struct session_call *c, const struct arrival *a)
{
	udp_count(c, a->seg->ipv6, STAT_UDP_IN_CSUM_ERRORS);
	udp_error(c, a, DROP_UDP_CSUM);
}

static bool udp_header_read(const struct arrival *a, struct udp_view *udp)
{
	uint8_t header[UDP_HDR_LEN];
	enum udp_flaw flaw;

	if (a->seg->l4_len < UDP_HDR_LEN)
		return false;
	chain_copy(a->chain, 0, header, sizeof header);
	flaw = a->seg->ipv6 ? udp_check_ipv6(header, a->seg->l4_len, udp)
	                    : udp_check(header, a->seg->l4_len, udp);
	return flaw == UDP_OK || flaw == UDP_NO_CHECKSUM;
}

/* Over IPv6 there must be a checksum (RFC 8200 8.1); over IPv4 it may be left out. */
static bool udp_sum_good(const struct session_call *c, const struct datagram *d)
{
	const struct arrival *a = d->a;

	if (!udp_has_checksum(&d->udp))
		return !a->seg->ipv6;
	return segment_sum_good(c, &c->b->pkt[a->i], a->chain, a->seg, d->udp.len, UDP_CHECKSUM_FIELD);
}

static void trace_socket(
        const struct session_call *c, const struct arrival *a, const struct session_socket *sk)
{
	trace(c->b->trace, c->b->pkt[a->i].trace, TRACE_SOCKET, socket_ref(c->s, sk) - 1, sk->packets);
}

/* What a packet's buffers hold goes on to a reader, perhaps in another process: the metadata is saved too. */
static void udp_wait(const struct session_call *c, const struct arrival *a, struct session_socket *sk)
{
	enum drop_reason reason = queue_admit(c, sk, a->n, a->seg->ipv6);

	if (unlikely(reason)) {
		trace(c->b->trace, c->b->pkt[a->i].trace, TRACE_SOCKET_FULL, socket_ref(c->s, sk) - 1,
		        sk->buffers);
		burst_drop(c->b, a->i, reason);
		return;
	}
	if (unlikely(!queue_claim(c->s, &c->b->index[a->i], a->n))) {
		burst_drop(c->b, a->i, DROP_BAD_DESC);
		return;
	}
	queue_append(c, sk, &c->b->index[a->i], a->n);
	for (uint32_t k = 0; k < a->n; k++)
		burst_save(c->b, a->i + k);
	burst_queue(c->b, a->i);
	trace_socket(c, a, sk);
}

/* To the socket: into its queue, or into the memory of its application. */
static void udp_queue(const struct session_call *c, const struct datagram *d, struct session_socket *sk)
{
	const struct arrival *a = d->a;
	enum drop_reason reason;

	if (!sk->app) {
		udp_wait(c, a, sk);
		return;
	}
	reason = client_deliver(c, a, sk, &d->flow, d->udp.len);
	if (unlikely(reason))
		burst_drop(c->b, a->i, reason);
	else
		burst_deliver(c->b, a->i);
	trace_socket(c, a, sk);
}

/* The rest of the burst must keep its lines. */
static bool clone_fits(const struct session_call *c, const struct arrival *a)
{
	const struct burst *b = c->b;
	uint32_t rest = (b->n - a->i) * SESSION_LINES_PACKET + SESSION_LINES_KEPT;

	return b->spare->n - b->spare->used >= a->n && outbox_has_room(b, a->n) &&
	       journal_room(b->journal) >= rest + SESSION_LINES_PACKET + a->n;
}

static void clone_buffer(struct burst *b, const struct arrival *a, uint32_t k, struct pkt_index *index)
{
	struct outbox_entry *e = burst_make(b, a->i, BORN_CLONED, &b->pkt[a->i]);

	assert(e);
	e->pkt = b->pkt[a->i + k];
	e->frame = pool_buffer(b->pool, e->index) + e->pkt.data_off;
	memcpy(e->frame, b->frame[a->i + k], e->pkt.len);
	pkt_store(b->pool, e->index, &e->pkt);
	e->more = k + 1 < a->n;
	e->verdict = (struct verdict){VERDICT_QUEUED, {0}, DROP_NONE};
	*index = e->index;
}

/* A copy of the datagram for one more socket (Linux __udp4_lib_mcast_deliver). */
static void udp_clone(const struct session_call *c, const struct datagram *d, struct session_socket *sk)
{
	const struct arrival *a = d->a;
	struct pkt_index index[BURST_MAX];

	if (sk->app) {
		(void)client_deliver(c, a, sk, &d->flow, d->udp.len); /* counted there; takes no buffer */
		return;
	}
	if (queue_admit(c, sk, a->n, a->seg->ipv6))
		return;
	if (!clone_fits(c, a)) {
		c->b->no_buffer++;
		udp_count(c, a->seg->ipv6, STAT_UDP_RCVBUF_ERRORS);
		udp_count(c, a->seg->ipv6, STAT_UDP_IN_ERRORS);
		touch(c, sk);
		sk->drops++;
		return;
	}
	for (uint32_t k = 0; k < a->n; k++)
		clone_buffer(c->b, a, k, &index[k]);
	if (unlikely(!queue_claim(c->s, index, a->n))) {
		for (uint32_t k = 0; k < a->n; k++)
			outbox_drop(&c->b->out[c->b->n_out - 1 - k], DROP_BAD_DESC);
		return;
	}
	queue_append(c, sk, index, a->n);
	trace_socket(c, a, sk);
}

static void udp_deliver_many(const struct session_call *c, const struct datagram *d)
{
	bool refused = d->flow.ipv6 && !udp_has_checksum(&d->udp); /* no socket takes that */
	struct session_socket *first = refused ? NULL : socket_next_member(c, &d->flow, NULL);

	if (!first) {
		udp_count(c, d->flow.ipv6, STAT_UDP_IGNORED_MULTI);
		burst_drop(c->b, d->a->i, DROP_NO_SOCKET);
		return;
	}
	if (!udp_sum_good(c, d)) {
		udp_error_csum(c, d->a);
		return;
	}
	for (struct session_socket *sk = first; (sk = socket_next_member(c, &d->flow, sk));)
		udp_clone(c, d, sk);
	udp_queue(c, d, first);
}

static void udp_no_socket(const struct session_call *c, const struct datagram *d)
{
	const struct arrival *a = d->a;

	udp_count(c, d->flow.ipv6, STAT_UDP_NO_PORTS);
	trace(c->b->trace, c->b->pkt[a->i].trace, TRACE_NO_SOCKET, d->flow.dport);
	unreachable_send(c, a, d->udp.len);
	burst_drop(c->b, a->i, DROP_NO_SOCKET);
}

void udp_input(const struct session_call *c, const struct arrival *a)
{
	struct datagram d = {.a = a};
	struct session_socket *sk;

	if (!udp_header_read(a, &d.udp)) {
		udp_error(c, a, DROP_UDP_MALFORMED);
		return;
	}
	d.flow = (struct flow){
	        a->seg->src, a->seg->dst, d.udp.src_port, d.udp.dst_port, a->seg->port, a->seg->ipv6};
	if (unlikely(segment_to_many(c, &c->b->pkt[a->i], a->seg))) {
		udp_deliver_many(c, &d);
		return;
	}
	if (!udp_sum_good(c, &d)) {
		udp_error_csum(c, a);
		return;
	}
	sk = socket_lookup(c, &d.flow);
	if (likely(sk))
		udp_queue(c, &d, sk);
	else
		udp_no_socket(c, &d);
}
