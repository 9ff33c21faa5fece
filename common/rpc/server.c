/* server: ZeroMQ's sockets on libuv's loop. */
#include "common/rpc/rpc.h"

#include "common/rpc/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define ROUND_MAX 64u /* messages between two looks at everything else */

/* Options that bound what strangers can take, before the bind. */
static int set_options(void *socket, enum rpc_role role)
{
	const struct {
		int name, value;
	} options[] = {
	        {ZMQ_LINGER, 200},
	        {ZMQ_ROUTER_MANDATORY, 1}, /* says when a client is gone */
	        {ZMQ_RCVHWM, 64},
	        {ZMQ_SNDHWM, 256},
	        {ZMQ_HANDSHAKE_IVL, 2000},
	        {ZMQ_BACKLOG, 64},
	};
	int64_t most = role == RPC_ADMIN ? RPC_ADMIN_MAX : RPC_REQUEST_MAX;

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof options[i].value))
			return -errno;
	return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most) ? -errno : 0;
}

/* The file is nobody else's until its mode is set. */
static int bind_ipc(void *socket, const struct rpc_listen *listen)
{
	static const char ipc[] = "ipc://";
	mode_t mask;
	int err;

	if (strncmp(listen->endpoint, ipc, sizeof ipc - 1) != 0)
		return -EPROTONOSUPPORT;
	mask = umask(0177);
	err = zmq_bind(socket, listen->endpoint) ? -errno : 0;
	umask(mask);
	if (!err && chmod(listen->endpoint + sizeof ipc - 1, listen->mode))
		err = -errno;
	return err;
}

int rpc_peer_send(struct rpc_listener *to, const struct rpc_peer *peer, const struct rpc_response *response)
{
	uint8_t *bytes;
	size_t len;
	int err = rpc_response_encode(response, &bytes, &len);

	if (err)
		return err;
	if (zmq_send(to->socket, peer->id, peer->len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 ||
	        zmq_send(to->socket, bytes, len, ZMQ_DONTWAIT) < 0)
		err = -errno;
	free(bytes);
	return err;
}

/* The rest of a message that has more parts than a request has. */
static void skip_parts(void *socket, zmq_msg_t *last)
{
	while (zmq_msg_more(last)) {
		zmq_msg_close(last);
		zmq_msg_init(last);
		if (zmq_msg_recv(last, socket, ZMQ_DONTWAIT) < 0)
			break;
	}
}

/* libzmq writes the credentials behind the address of a peer on a local socket: "HOST:UID:GID:PID". */
static struct rpc_who who_sent(zmq_msg_t *msg)
{
	const char *address = zmq_msg_gets(msg, "Peer-Address");
	const char *at = address ? strchr(address, ':') : NULL;
	char *end;
	struct rpc_who who = {.uid = -1};
	long long uid;

	if (!at)
		return who;
	uid = strtoll(at + 1, &end, 10);
	at = *end == ':' ? strchr(end + 1, ':') : NULL;
	if (end != address && at && uid >= 0 && uid <= UINT32_MAX)
		who = (struct rpc_who){uid, (uint32_t)strtoul(at + 1, NULL, 10)};
	return who;
}

/* One message, if there is any: the routing id and one part. */
static bool take_message(struct rpc_listener *l)
{
	struct rpc_peer peer = {0};
	zmq_msg_t id, body;

	zmq_msg_init(&id);
	zmq_msg_init(&body);
	if (zmq_msg_recv(&id, l->socket, ZMQ_DONTWAIT) < 0)
		return false;
	peer.len = (uint8_t)MIN(zmq_msg_size(&id), (size_t)PEER_MAX);
	memcpy(peer.id, zmq_msg_data(&id), peer.len);
	if (zmq_msg_more(&id) && zmq_msg_recv(&body, l->socket, ZMQ_DONTWAIT) >= 0 && !zmq_msg_more(&body)) {
		peer.who = who_sent(&body);
		rpc_take_request(l, &peer, zmq_msg_data(&body), zmq_msg_size(&body));
	} else {
		skip_parts(l->socket, &body);
		l->server->counts.malformed++;
	}
	zmq_msg_close(&body);
	zmq_msg_close(&id);
	return true;
}

static bool readable(struct rpc_listener *l)
{
	int events = 0;
	size_t size = sizeof events;

	return zmq_getsockopt(l->socket, ZMQ_EVENTS, &events, &size) == 0 && events & ZMQ_POLLIN;
}

static void no_op(uv_idle_t *idle)
{
	(void)idle;
}

/* ZMQ_FD tells of changes only, and sending may swallow one: so the state is looked at before each sleep. */
static void look(uv_prepare_t *prepare)
{
	struct rpc_server *s = prepare->data;
	bool more = false;

	for (uint32_t i = 0; i < s->n_listeners; i++) {
		struct rpc_listener *l = &s->listener[i];
		uint32_t n = 0;

		while (n < ROUND_MAX && readable(l) && take_message(l))
			n++;
		more |= readable(l);
	}
	if (more)
		uv_idle_start(&s->idle, no_op);
	else
		uv_idle_stop(&s->idle);
}

/* The loop has woken: look() does the rest. */
static void woken(uv_poll_t *poll, int status, int events)
{
	(void)poll, (void)status, (void)events;
}

int rpc_server_open(struct rpc_server **out, struct uv_loop_s *loop)
{
	struct rpc_server *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->zmq = zmq_ctx_new();
	if (!s->zmq) {
		free(s);
		return -errno;
	}
	uv_prepare_init(loop, &s->prepare);
	uv_idle_init(loop, &s->idle);
	uv_timer_init(loop, &s->tick);
	s->prepare.data = s->idle.data = s->tick.data = s;
	s->open_handles = 3;
	uv_prepare_start(&s->prepare, look);
	*out = s;
	return 0;
}

void rpc_server_add(struct rpc_server *server, const struct rpc_service *service)
{
	assert(server->n_services < SERVICES_MAX);
	server->service[server->n_services++] = *service;
}

int rpc_server_listen(struct rpc_server *server, const struct rpc_listen *listen)
{
	struct rpc_listener *l = &server->listener[server->n_listeners];
	void *socket = zmq_socket(server->zmq, ZMQ_ROUTER);
	int fd, err;
	size_t size = sizeof fd;

	assert(server->n_listeners < LISTENERS_MAX);
	if (!socket)
		return -errno;
	err = set_options(socket, listen->role);
	if (!err)
		err = bind_ipc(socket, listen);
	if (!err && zmq_getsockopt(socket, ZMQ_FD, &fd, &size))
		err = -errno;
	if (!err)
		err = uv_poll_init(server->loop, &l->poll, fd);
	if (err) {
		zmq_close(socket);
		return err;
	}
	l->server = server;
	l->socket = socket;
	l->role = listen->role;
	snprintf(l->path, sizeof l->path, "%s", listen->endpoint + sizeof "ipc://" - 1);
	l->poll.data = server;
	server->n_listeners++;
	server->open_handles++;
	return uv_poll_start(&l->poll, UV_READABLE, woken);
}

void rpc_server_counts(const struct rpc_server *server, struct rpc_counts *counts)
{
	*counts = server->counts;
}

static void closed(uv_handle_t *handle)
{
	struct rpc_server *s = handle->data;

	if (--s->open_handles)
		return;
	for (uint32_t i = 0; i < s->n_listeners; i++) {
		zmq_close(s->listener[i].socket);
		unlink(s->listener[i].path);
	}
	zmq_ctx_term(s->zmq);
	free(s);
}

void rpc_server_close(struct rpc_server *server)
{
	rpc_end_all(server);
	for (uint32_t i = 0; i < server->n_listeners; i++)
		uv_close((uv_handle_t *)&server->listener[i].poll, closed);
	uv_close((uv_handle_t *)&server->prepare, closed);
	uv_close((uv_handle_t *)&server->idle, closed);
	uv_close((uv_handle_t *)&server->tick, closed);
}
