#include "services/session/state.h"

/* Buffers that may wait in all of the lane's sockets. */
static uint32_t buffers_max(const struct session_call *c)
{
	const struct stage_params *p = c->s->env.params;
	uint32_t lanes = MAX(p->lanes, 1u);
	uint32_t mem = c->epoch->header->limits.udp_mem_bytes / lanes / p->stride;

	return MIN(mem, p->buffers / lanes / 2);
}

/* Linux __udp_enqueue_schedule_skb: one datagram is always taken, whatever its size. */
enum drop_reason queue_admit(const struct session_call *c, struct session_socket *sk, uint32_t n, bool ipv6)
{
	uint64_t stride = c->s->env.params->stride;
	enum drop_reason reason = DROP_NONE;

	if (sk->packets && (sk->buffers + (uint64_t)n) * stride > sk->conf.rcvbuf)
		reason = DROP_SOCKET_RCVBUFF;
	else if (c->s->state->buffers + n > buffers_max(c))
		reason = DROP_PROTO_MEM;
	if (likely(!reason))
		return DROP_NONE;
	udp_count(c, ipv6, reason == DROP_PROTO_MEM ? STAT_UDP_MEM_ERRORS : STAT_UDP_RCVBUF_ERRORS);
	udp_count(c, ipv6, STAT_UDP_IN_ERRORS);
	touch(c, sk);
	sk->drops++;
	return reason;
}

static void ready_add(const struct session_call *c, struct session_socket *sk)
{
	struct session_state *st = c->s->state;
	struct session_socket *last = socket_at(c->s, st->ready_tail);
	uint32_t ref = socket_ref(c->s, sk);

	sk->ready = true;
	sk->ready_prev = st->ready_tail;
	sk->ready_next = 0;
	if (last) {
		touch(c, last);
		last->ready_next = ref;
	}
	touch(c, st);
	st->ready_tail = ref;
	if (!last)
		st->ready_head = ref;
}

static void ready_remove(const struct session_call *c, struct session_socket *sk)
{
	struct session_state *st = c->s->state;
	struct session_socket *prev = socket_at(c->s, sk->ready_prev),
	                      *next = socket_at(c->s, sk->ready_next);

	touch(c, st);
	if (prev) {
		touch(c, prev);
		prev->ready_next = sk->ready_next;
	} else {
		st->ready_head = sk->ready_next;
	}
	if (next) {
		touch(c, next);
		next->ready_prev = sk->ready_prev;
	} else {
		st->ready_tail = sk->ready_prev;
	}
	sk->ready = false;
	sk->ready_prev = sk->ready_next = 0;
}

void ready_settle(const struct session_call *c, struct session_socket *sk)
{
	bool reads = sk->state == SOCKET_BOUND && sk->conf.app != EPOCH_APP_HOLD && sk->head;

	if (reads == sk->ready)
		return;
	touch(c, sk);
	if (reads)
		ready_add(c, sk);
	else
		ready_remove(c, sk);
}

void ready_turn(const struct session_call *c, struct session_socket *sk)
{
	if (!sk->ready || !sk->ready_next)
		return;
	touch(c, sk);
	ready_remove(c, sk);
	ready_add(c, sk);
}

static bool queued(const struct session *s, uint32_t index)
{
	return s->queued[index / 64] >> index % 64 & 1;
}

static void queued_flip(struct session *s, uint32_t index)
{
	s->queued[index / 64] ^= UINT64_C(1) << index % 64;
}

bool queue_claim(struct session *s, const struct pkt_index *index, uint32_t n)
{
	uint32_t k = 0;

	for (; k < n && !queued(s, index[k].v); k++)
		queued_flip(s, index[k].v);
	if (likely(k == n))
		return true;
	while (k)
		queued_flip(s, index[--k].v);
	return false;
}

static void set_link(const struct session_call *c, uint32_t index, uint32_t link)
{
	uint32_t *at = &c->s->state->link[index];

	touch(c, at);
	*at = link;
}

void queue_append(
        const struct session_call *c, struct session_socket *sk, const struct pkt_index *index, uint32_t n)
{
	struct session_state *st = c->s->state;

	for (uint32_t k = 0; k < n; k++)
		set_link(c, index[k].v, k + 1 < n ? (index[k + 1].v + 1) | LINK_MORE : 0);
	if (sk->tail)
		set_link(c, sk->tail - 1, index[0].v + 1);
	touch(c, sk);
	if (!sk->head) {
		sk->head = index[0].v + 1;
		sk->wakeups++;
	}
	sk->tail = index[n - 1].v + 1;
	sk->packets++;
	sk->buffers += n;
	sk->queued++;
	touch(c, st);
	st->buffers += n;
	ready_settle(c, sk);
}

uint32_t queue_datagram_buffers(const struct session *s, uint32_t head)
{
	uint32_t n = 1;

	for (uint32_t link = s->state->link[head - 1]; link & LINK_MORE; n++)
		link = s->state->link[link_next(link) - 1];
	return n;
}

void queue_drop_head(const struct session_call *c, struct session_socket *sk, uint32_t n)
{
	struct session_state *st = c->s->state;
	uint32_t at = sk->head;

	for (uint32_t k = 0; k < n; k++) {
		bool freed = burst_discard(c->b, (struct pkt_index){at - 1});

		assert(freed);
		queued_flip(c->s, at - 1);
		at = link_next(st->link[at - 1]);
	}
	touch(c, sk);
	sk->head = at;
	if (!at)
		sk->tail = 0;
	sk->packets--;
	sk->buffers -= n;
	touch(c, st);
	st->buffers -= n;
	ready_settle(c, sk);
}
