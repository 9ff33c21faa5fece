/* client_tx: what applications want to send, out of their memory.  Each word and head is read once and
 * checked; what makes no sense is counted and skipped. */
#include "common/wire/addr.h"
#include "common/wire/ether.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv6.h"
#include "common/wire/udp.h"
#include "services/session/client.h"

struct sending {
	struct client *cl;
	struct session_client *st;
	struct session_socket *sk;
	struct app_head head;
	struct reply reply;
	uint32_t words;
	uint32_t chunk[1 + APP_DATAGRAM_MAX / APP_CHUNK + 1];
};

enum sent { SENT, SENT_REFUSED, SENT_LATER };

/* The words of the datagram at the ring's head, and its head.  false: it is none; `words` are to be skipped.
 */
static bool words_read(struct sending *d)
{
	uint32_t used = ring_used(&d->cl->tx, d->st->tx_cons);
	bool more = true;

	for (d->words = 0; more && d->words < MIN(used, (uint32_t)ARRAY_LEN(d->chunk)); d->words++) {
		uint64_t word = ring_get(&d->cl->tx, d->st->tx_cons + d->words);

		more = word & APP_MORE;
		word &= ~APP_MORE;
		if (word >= d->cl->at.chunks) {
			d->words++;
			return false;
		}
		d->chunk[d->words] = (uint32_t)word;
	}
	if (more)
		return false;
	memcpy(&d->head, app_chunk(&d->cl->at, d->cl->region, d->chunk[0]), sizeof d->head);
	order_stores(); /* a copy, not to be read again where it may have changed */
	return d->head.kind == APP_DATAGRAM && d->head.len <= APP_DATAGRAM_MAX &&
	       app_chunks_for(d->head.len) == d->words;
}

/* A socket of this application. */
static struct session_socket *socket_of(const struct session_call *c, const struct sending *d)
{
	struct session_socket *sk = NULL;

	if (d->head.socket < APP_SOCKETS_MAX)
		sk = socket_at(c->s, c->s->state->app[d->head.socket]);
	return sk && sk->app && client_of(c, sk) == d->cl ? sk : NULL;
}

/* From where and to whom; where the socket is bound to no address of its own the router chooses the source.
 */
static bool addresses(struct sending *d)
{
	const struct epoch_socket *conf = &d->sk->conf;
	struct reply *r = &d->reply;
	bool any = address_is_any(&conf->local);

	if (!d->head.peer_port && address_is_any(&d->head.peer)) {
		d->head.peer = conf->remote;
		d->head.peer_port = conf->remote_port;
	}
	*r = (struct reply){.dst = d->head.peer, .port = {d->head.port}};
	r->ipv6 = !ip6_addr_is_mapped(&r->dst);
	if (!d->head.peer_port || address_is_any(&r->dst) || conf->family == (r->ipv6 ? 4 : 6))
		return false;
	if (!any && ip6_addr_is_mapped(&conf->local) == r->ipv6)
		return false;
	if (!port_id_equal(conf->port, PORT_NONE))
		r->port = conf->port;
	any |= r->ipv6 ? ip6_is_multicast(&conf->local) : ipv4_is_multicast(conf->local.w32[3]);
	r->src = !any ? conf->local : r->ipv6 ? IP6_UNSPECIFIED : ip6_addr_mapped((struct be32){0});
	return true;
}

/* All of it in one piece: where it is in one chunk and for one buffer, which is its only copy, in place. */
static const uint8_t *payload_of(const struct session_call *c, const struct sending *d, uint32_t buffers)
{
	const uint8_t *first = (const uint8_t *)app_chunk(&d->cl->at, d->cl->region, d->chunk[0]) +
	                       sizeof(struct app_head);
	uint32_t done = MIN(d->head.len, APP_FIRST_BYTES);

	if (d->words == 1 && buffers == 1)
		return first;
	memcpy(c->s->payload, first, done);
	for (uint32_t i = 1; i < d->words; i++) {
		uint32_t n = MIN(d->head.len - done, APP_CHUNK);

		memcpy(c->s->payload + done, app_chunk(&d->cl->at, d->cl->region, d->chunk[i]), n);
		done += n;
	}
	return c->s->payload;
}

static enum sent datagram_take(const struct session_call *c, struct sending *d)
{
	uint32_t buffers;

	if (!words_read(d))
		return SENT_REFUSED;
	d->sk = socket_of(c, d);
	if (!d->sk || !addresses(d))
		return SENT_REFUSED;
	buffers = reply_buffers(c, (d->reply.ipv6 ? IPV6_HDR_LEN : IPV4_HDR_LEN) + UDP_HDR_LEN + d->head.len);
	if (c->b->spare->n - c->b->spare->used < buffers || !outbox_has_room(c->b, buffers))
		return SENT_LATER;
	return datagram_send(c, NULL, &d->reply, d->sk->conf.local_port, d->head.peer_port,
	               payload_of(c, d, buffers), d->head.len)
	               ? SENT
	               : SENT_LATER;
}

/* The next of one application.  false: there is none, or no buffers. */
static bool send_next(const struct session_call *c, uint32_t k)
{
	struct sending d = {.cl = &c->s->clients->client[k], .st = &c->s->state->client[k]};
	enum sent sent;

	if (!ring_used(&d.cl->tx, d.st->tx_cons) ||
	        journal_room(c->b->journal) < SESSION_LINES_KEPT + SESSION_LINES_SEND)
		return false;
	sent = datagram_take(c, &d);
	if (sent == SENT_LATER) {
		c->s->clients->retry_at = c->now + CLIENT_RETRY;
		return false;
	}
	touch(c, d.st);
	d.st->tx_cons += d.words;
	c->s->clients->touched |= 1u << k;
	if (sent == SENT_REFUSED) {
		d.st->refused++;
		return true;
	}
	d.st->sent++;
	touch(c, &d.sk->sent);
	d.sk->sent++;
	return true;
}

void clients_send(const struct session_call *c)
{
	struct clients *all = c->s->clients;
	uint32_t left = all->mapped, sends = 0, turn = all->turn++;

	all->retry_at = 0;
	while (left && sends < SESSION_SENDS)
		for (uint32_t i = 0; i < APP_CLIENTS_MAX && sends < SESSION_SENDS; i++) {
			uint32_t k = (turn + i) % APP_CLIENTS_MAX;

			if (!(left >> k & 1))
				continue;
			if (send_next(c, k))
				sends++;
			else
				left &= ~(1u << k);
		}
}
