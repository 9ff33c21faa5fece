/* client_rx: what has arrived, into the memory of the application. */
#include "common/wire/udp.h"
#include "services/session/client.h"

/* Chunks for one datagram, from the application's fill ring. */
struct chunks {
	uint32_t n;
	uint32_t chunk[1 + APP_DATAGRAM_MAX / APP_CHUNK + 1];
};

/* Takes them.  false: the application has left none, or what it put there are no chunks of its own. */
static bool chunks_take(
        const struct session_call *c, struct client *cl, struct session_client *st, struct chunks *k)
{
	bool sound = true;

	if (ring_used(&cl->fill, st->fill_cons) < k->n || ring_room(&cl->rx, st->rx_prod, k->n) < k->n)
		return false;
	touch(c, st);
	for (uint32_t i = 0; i < k->n; i++) {
		uint64_t word = ring_get(&cl->fill, st->fill_cons++);

		k->chunk[i] = (uint32_t)word;
		sound &= word < cl->at.chunks;
	}
	st->refused += !sound;
	return sound;
}

static void chunks_put(struct client *cl, struct session_client *st, const struct chunks *k)
{
	for (uint32_t i = 0; i < k->n; i++)
		ring_put(&cl->rx, st->rx_prod++, k->chunk[i] | (i + 1 < k->n ? APP_MORE : 0));
}

static void mark(const struct session_call *c, const struct session_socket *sk)
{
	c->s->clients->touched |= 1u << (sk->client - 1);
}

static void payload_copy(
        struct client *cl, const struct chunks *k, const struct chain *chain, uint32_t off, uint32_t len)
{
	uint8_t *at = (uint8_t *)app_chunk(&cl->at, cl->region, k->chunk[0]) + sizeof(struct app_head);
	uint32_t n = MIN(len, APP_FIRST_BYTES);

	chain_copy(chain, off, at, n);
	for (uint32_t i = 1; i < k->n; i++) {
		off += n;
		len -= n;
		n = MIN(len, APP_CHUNK);
		chain_copy(chain, off, app_chunk(&cl->at, cl->region, k->chunk[i]), n);
	}
}

static struct app_head head_of(const struct session_socket *sk, const struct flow *flow)
{
	return (struct app_head){.socket = sk->app - 1,
	        .peer_port = flow->sport,
	        .port = flow->port.v,
	        .peer = flow->src,
	        .local = flow->dst};
}

static enum drop_reason no_room(const struct session_call *c, struct session_socket *sk, bool ipv6)
{
	struct session_client *st = &c->s->state->client[sk->client - 1];

	udp_count(c, ipv6, STAT_UDP_RCVBUF_ERRORS);
	udp_count(c, ipv6, STAT_UDP_IN_ERRORS);
	touch(c, sk);
	sk->drops++;
	touch(c, st);
	st->dropped++;
	return DROP_SOCKET_RCVBUFF;
}

enum drop_reason client_deliver(const struct session_call *c, const struct arrival *a,
        struct session_socket *sk, const struct flow *flow, uint32_t len)
{
	struct session_client *st = &c->s->state->client[sk->client - 1];
	struct client *cl = client_of(c, sk);
	struct app_head head = head_of(sk, flow);
	struct chunks k = {.n = 0};

	head.kind = APP_DATAGRAM;
	head.len = MIN(len - UDP_HDR_LEN, APP_DATAGRAM_MAX);
	k.n = app_chunks_for(head.len);
	if (!cl || !chunks_take(c, cl, st, &k))
		return no_room(c, sk, flow->ipv6);
	memcpy(app_chunk(&cl->at, cl->region, k.chunk[0]), &head, sizeof head);
	payload_copy(cl, &k, a->chain, UDP_HDR_LEN, head.len);
	chunks_put(cl, st, &k);
	mark(c, sk);
	st->delivered++;
	touch(c, sk);
	sk->queued++;
	touch(c, &sk->read);
	sk->read++;
	sk->read_bytes += head.len;
	udp_count(c, flow->ipv6, STAT_UDP_IN_DATAGRAMS);
	return DROP_NONE;
}

void client_tell(const struct session_call *c, struct session_socket *sk, const struct flow *flow,
        const struct icmp_news *news)
{
	struct session_client *st = &c->s->state->client[sk->client - 1];
	struct client *cl = client_of(c, sk);
	struct app_head head = head_of(sk, flow);
	struct chunks k = {.n = 1};

	head.kind = APP_ERROR;
	head.icmp_type = news->type;
	head.icmp_code = news->code;
	head.hard = news->hard;
	head.error = news->error;
	head.mtu = news->mtu;
	if (!cl || !chunks_take(c, cl, st, &k))
		return;
	memcpy(app_chunk(&cl->at, cl->region, k.chunk[0]), &head, sizeof head);
	chunks_put(cl, st, &k);
	mark(c, sk);
}
