/* admit: who may connect (ZeroMQ's RFC 27, ZAP).
 *
 * libzmq asks at an endpoint within the process, by name, and lets everybody in where nobody listens there:
 * so it is bound before any other socket.  By tcp the key decides, and it is looked up again with each
 * request, so that a change of the list holds for who is connected already. */
#include "common/rpc/rpc.h"

#include "common/rpc/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#define ASK_FRAMES 7u /* version, request, domain, address, routing id, mechanism, credentials */
#define KEY_BYTES  32u

enum frame { VERSION, REQUEST, DOMAIN, ADDRESS, ROUTING_ID, MECHANISM, CREDENTIALS };

int rpc_admit_open(struct rpc_server *s)
{
	s->zap.socket = zmq_socket(s->zmq, ZMQ_REP);
	return !s->zap.socket || zmq_bind(s->zap.socket, "inproc://zeromq.zap.01") ? -errno : 0;
}

/* The domain under which is asked says the listener. */
static int set_domain(struct rpc_listener *l)
{
	char domain[8];
	int len = snprintf(domain, sizeof domain, "%u", (unsigned)(l - l->server->listener));

	return zmq_setsockopt(l->calls.socket, ZMQ_ZAP_DOMAIN, domain, (size_t)len) ? -errno : 0;
}

static int set_key(void *socket, const struct rpc_key_pair *key)
{
	const int yes = 1;

	return zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) ||
	                       zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key->secret_key, RPC_KEY_TEXT)
	               ? -errno
	               : 0;
}

int rpc_admit_ask(struct rpc_listener *l, const struct rpc_listen *listen)
{
	int err = set_domain(l);

	return err || !l->tcp ? err : set_key(l->calls.socket, listen->key);
}

const struct rpc_allowed *rpc_admit_find(const struct rpc_server *s, const char *key)
{
	for (uint32_t i = 0; i < s->n_allowed; i++)
		if (!strcmp(s->allowed[i].key, key))
			return &s->allowed[i];
	return NULL;
}

int rpc_server_allow(struct rpc_server *server, const struct rpc_allowed *list, uint32_t n)
{
	struct rpc_allowed *copy = calloc(n + 1, sizeof *copy);

	assert(n <= RPC_ALLOWED_MAX);
	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, list, n * sizeof *copy);
	free(server->allowed);
	server->allowed = copy;
	server->n_allowed = n;
	rpc_end_disallowed(server);
	return 0;
}

/* ---- what is asked ---- */

struct question {
	zmq_msg_t frame[ASK_FRAMES];
	uint32_t n;
	bool whole; /* there were no more */
};

static bool take_question(void *zap, struct question *q)
{
	zmq_msg_t more;
	bool rest;

	*q = (struct question){0};
	do {
		zmq_msg_t *to = q->n < ASK_FRAMES ? &q->frame[q->n] : &more;

		zmq_msg_init(to);
		if (zmq_msg_recv(to, zap, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(to);
			break;
		}
		rest = zmq_msg_more(to);
		q->whole = !rest;
		if (to == &more)
			zmq_msg_close(&more);
		else
			q->n++;
	} while (rest);
	return q->n > 0;
}

static void forget_question(struct question *q)
{
	for (uint32_t i = 0; i < q->n; i++)
		zmq_msg_close(&q->frame[i]);
}

static bool frame_is(struct question *q, enum frame frame, const char *text)
{
	return frame < q->n && zmq_msg_size(&q->frame[frame]) == strlen(text) &&
	       !memcmp(zmq_msg_data(&q->frame[frame]), text, strlen(text));
}

static struct rpc_listener *listener_of(struct rpc_server *s, struct question *q)
{
	unsigned at = LISTENERS_MAX;

	if (zmq_msg_size(&q->frame[DOMAIN]) == 1)
		at = (unsigned)(*(const char *)zmq_msg_data(&q->frame[DOMAIN]) - '0');
	return at < LISTENERS_MAX && s->listener[at].calls.socket ? &s->listener[at] : NULL;
}

/* ZAP's status; the key as text in `user`, or "". */
static const char *judge(struct rpc_server *s, struct question *q, char user[RPC_KEY_TEXT])
{
	struct rpc_listener *l = listener_of(s, q);

	user[0] = 0;
	if (!l)
		return "500";
	if (l->clients > RPC_CLIENTS_MAX) {
		s->counts.crowded++;
		return "500";
	}
	if (!l->tcp)
		return "200";
	if (frame_is(q, MECHANISM, "CURVE") && q->n == ASK_FRAMES && q->whole &&
	        zmq_msg_size(&q->frame[CREDENTIALS]) == KEY_BYTES)
		zmq_z85_encode(user, zmq_msg_data(&q->frame[CREDENTIALS]), KEY_BYTES);
	if (rpc_admit_find(s, user))
		return "200";
	s->counts.unauthorized++;
	return "400";
}

static void answer(void *zap, struct question *q, const char *status, const char *user)
{
	const struct {
		const void *bytes;
		size_t len;
	} parts[] = {
	        {"1.0", 3}, {zmq_msg_data(&q->frame[REQUEST]), zmq_msg_size(&q->frame[REQUEST])}, {status, 3},
	        {"", 0},                       /* the status in words */
	        {user, strlen(user)}, {"", 0}, /* metadata */
	};

	/* Who asked is within the process; where it is gone the answer is nobody's. */
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		(void)zmq_send(zap, parts[i].bytes, parts[i].len,
		        ZMQ_DONTWAIT | (i + 1 < ARRAY_LEN(parts) ? ZMQ_SNDMORE : 0));
}

void rpc_admit_look(struct rpc_server *s)
{
	struct question q;
	char user[RPC_KEY_TEXT];

	for (uint32_t i = 0; i < LISTENERS_MAX; i++)
		if (s->listener[i].monitor.socket)
			rpc_monitor_look(&s->listener[i]);
	while (take_question(s->zap.socket, &q)) {
		assert(q.n > MECHANISM); /* libzmq asks, nobody else can */
		answer(s->zap.socket, &q, judge(s, &q, user), user);
		forget_question(&q);
	}
}
