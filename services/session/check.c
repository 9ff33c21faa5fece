/* The checks of tests: what the state's parts must say of each other. */
#include <stdlib.h>

#include "services/session/state.h"

struct checking {
	const struct session_state *st;
	uint8_t *owned;  /* by buffer */
	uint8_t *hashed; /* by slot: how often in the hash */
	uint8_t *listed; /* by slot: how often in the ready list */
	uint32_t sockets, buffers;
};

static const char *check_queue(struct checking *k, const struct session_socket *sk)
{
	uint32_t packets = 0, buffers = 0, last = 0;

	for (uint32_t at = sk->head; at; buffers++) {
		uint32_t link;

		if (at > k->st->pool_buffers || k->owned[at - 1]++)
			return "a buffer is in two queues, or is none";
		link = k->st->link[at - 1];
		packets += !(link & LINK_MORE);
		last = at;
		at = link_next(link);
	}
	if (last != sk->tail || packets != sk->packets || buffers != sk->buffers)
		return "a queue is not what its socket says";
	k->buffers += buffers;
	return NULL;
}

static const char *check_socket(struct checking *k, uint32_t slot)
{
	const struct session_socket *sk = &k->st->socket[slot];
	bool reads = sk->state == SOCKET_BOUND && sk->conf.app != EPOCH_APP_HOLD && sk->head;

	if (k->hashed[slot] != (sk->state == SOCKET_BOUND))
		return "a socket is in the hash too often or not at all";
	if (sk->state == SOCKET_FREE ? sk->app : sk->app && k->st->app[sk->app - 1] != slot + 1)
		return "an application's socket is not where the table says";
	if (sk->ready != reads || k->listed[slot] != reads)
		return "the ready list is not that of the sockets that are to be read";
	k->sockets += sk->state != SOCKET_FREE;
	if (sk->state == SOCKET_FREE && (sk->head || sk->buffers))
		return "a free slot has a queue";
	return check_queue(k, sk);
}

static const char *check_hash(struct checking *k, const struct session *s)
{
	for (uint32_t b = 0; b < SESSION_BUCKETS; b++)
		for (uint32_t ref = k->st->bucket[b]; ref; ref = k->st->socket[ref - 1].hash_next) {
			if (ref > k->st->slots || k->hashed[ref - 1]++)
				return "the hash goes round in a circle";
			if (socket_bucket(s, &k->st->socket[ref - 1].conf) != b)
				return "a socket is in the wrong bucket";
		}
	return NULL;
}

static const char *check_ready(struct checking *k)
{
	uint32_t prev = 0;

	for (uint32_t ref = k->st->ready_head; ref; ref = k->st->socket[ref - 1].ready_next) {
		if (ref > k->st->slots || k->listed[ref - 1]++)
			return "the ready list goes round in a circle";
		if (k->st->socket[ref - 1].ready_prev != prev)
			return "the ready list does not lead back";
		prev = ref;
	}
	return prev == k->st->ready_tail ? NULL : "the ready list ends elsewhere";
}

static const char *check_all(struct checking *k, const struct session *s)
{
	const char *wrong = check_hash(k, s);

	wrong = wrong ? wrong : check_ready(k);
	for (uint32_t slot = 0; !wrong && slot < k->st->slots; slot++)
		wrong = check_socket(k, slot);
	if (!wrong && (k->sockets != k->st->sockets || k->buffers != k->st->buffers))
		wrong = "the header's sums are not those of the sockets";
	return wrong;
}

const char *state_check(const struct session *s)
{
	struct checking k = {
	        .st = s->state,
	        .owned = calloc(s->state->pool_buffers, 1),
	        .hashed = calloc(SESSION_SOCKETS_MAX, 1),
	        .listed = calloc(SESSION_SOCKETS_MAX, 1),
	};
	const char *wrong = "no memory to check in";

	if (k.owned && k.hashed && k.listed)
		wrong = check_all(&k, s);
	free(k.owned);
	free(k.hashed);
	free(k.listed);
	return wrong;
}
