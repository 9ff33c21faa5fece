#include "services/session/state.h"

static uint32_t free_slot(struct session *s)
{
	for (uint32_t tries = 0; tries < SESSION_SOCKETS_MAX; tries++) {
		uint32_t slot = s->free_at++ % SESSION_SOCKETS_MAX;

		if (s->state->socket[slot].state == SOCKET_FREE)
			return slot;
	}
	return SESSION_SOCKETS_MAX;
}

struct session_socket *socket_make(const struct session_call *c, const struct epoch_socket *conf)
{
	struct session *s = c->s;
	uint32_t slot = free_slot(s), *bucket = &s->state->bucket[socket_bucket(s, conf)];
	struct session_socket *sk;

	if (slot == SESSION_SOCKETS_MAX)
		return NULL;
	sk = &s->state->socket[slot];
	journal_touch_range(c->b->journal, sk, sizeof *sk);
	*sk = (struct session_socket){.state = SOCKET_BOUND, .conf = *conf, .hash_next = *bucket};
	touch(c, bucket);
	*bucket = slot + 1;
	touch(c, s->state);
	s->state->sockets++;
	s->state->slots = MAX(s->state->slots, slot + 1);
	return sk;
}

/* The rest of a socket's settings may change while it lives. */
static bool socket_settle(
        const struct session_call *c, struct session_socket *sk, const struct epoch_socket *conf)
{
	if (!memcmp(&sk->conf, conf, sizeof *conf))
		return false;
	touch(c, &sk->conf);
	sk->conf = *conf;
	ready_settle(c, sk);
	return true;
}

static void socket_unhash(const struct session_call *c, struct session_socket *sk)
{
	uint32_t *at = &c->s->state->bucket[socket_bucket(c->s, &sk->conf)];

	while (*at != socket_ref(c->s, sk))
		at = &socket_at(c->s, *at)->hash_next;
	touch(c, at);
	*at = sk->hash_next;
}

bool socket_remove(const struct session_call *c, struct session_socket *sk)
{
	if (sk->state == SOCKET_BOUND) {
		socket_unhash(c, sk);
		touch(c, sk);
		sk->state = SOCKET_DYING;
		ready_settle(c, sk);
	}
	while (sk->head) {
		uint32_t n = queue_datagram_buffers(c->s, sk->head);

		if (!outbox_has_room(c->b, n))
			return false;
		queue_drop_head(c, sk, n);
	}
	journal_touch_range(c->b->journal, sk, sizeof *sk);
	*sk = (struct session_socket){0};
	touch(c, c->s->state);
	c->s->state->sockets--;
	return true;
}

/* socket_epochs.seen: the socket is in the epoch, and it has been brought in line with it. */
static uint32_t seen_there(const struct session_call *c)
{
	return 2 * c->epoch->number;
}

static uint32_t seen_settled(const struct session_call *c)
{
	return 2 * c->epoch->number + 1;
}

static struct socket_epochs *epochs_of(const struct session_call *c, const struct session_socket *sk)
{
	return &c->s->epochs[socket_ref(c->s, sk) - 1];
}

static void adopt_mark(const struct session_call *c)
{
	for (uint32_t i = 0; i < c->epoch->n_sockets; i++) {
		const struct session_socket *sk = socket_find(c->s, &c->epoch->sockets[i]);

		if (sk)
			epochs_of(c, sk)->seen = seen_there(c);
	}
}

static bool retire_vanished(const struct session_call *c, uint32_t *changes)
{
	struct session *s = c->s;

	for (; s->remove_at < s->state->slots; s->remove_at++) {
		struct session_socket *sk = &s->state->socket[s->remove_at];

		if (sk->state == SOCKET_FREE || sk->app ||
		        (sk->state == SOCKET_BOUND && epochs_of(c, sk)->seen >= seen_there(c)))
			continue;
		if (!*changes || !socket_remove(c, sk))
			return false;
		--*changes;
	}
	return true;
}

/* Of two with one binding the first counts. */
static bool adopt_new(const struct session_call *c, uint32_t *changes)
{
	struct session *s = c->s;

	for (; s->adopt_at < c->epoch->n_sockets; s->adopt_at++) {
		const struct epoch_socket *conf = &c->epoch->sockets[s->adopt_at];
		struct session_socket *sk = socket_find(s, conf);

		if (!*changes)
			return false;
		if (!sk) {
			sk = socket_make(c, conf);
			if (sk)
				epochs_of(c, sk)->since = c->epoch->number;
			--*changes;
		} else if (epochs_of(c, sk)->seen != seen_settled(c)) {
			*changes -= socket_settle(c, sk, conf);
		}
		if (sk)
			epochs_of(c, sk)->seen = seen_settled(c);
	}
	return true;
}

static void adopt_begin(const struct session_call *c)
{
	struct session *s = c->s;

	if (s->adopting == c->epoch->number)
		return;
	s->adopting = c->epoch->number;
	s->adopt_at = s->remove_at = 0;
	s->removed = false;
	adopt_mark(c);
}

bool adopt_sockets(const struct session_call *c)
{
	uint32_t changes = SESSION_ADOPTS;

	adopt_begin(c);
	return adopt_new(c, &changes);
}

bool retire_sockets(const struct session_call *c)
{
	uint32_t changes = SESSION_ADOPTS;
	struct session *s = c->s;

	adopt_begin(c);
	if (!retire_vanished(c, &changes))
		return false;
	if (!s->removed)
		s->adopt_at = 0;
	s->removed = true;
	return adopt_new(c, &changes);
}
