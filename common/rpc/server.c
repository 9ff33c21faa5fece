/* server: ZeroMQ's sockets on libuv's loop. */
#include "common/rpc/rpc.h"

#include "common/rpc/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define ROUND_MAX 64u /* messages between two looks at everything else */
#define KEPT_MAX  4u  /* requests of one client that are read before their turn */
#define EXCESS                                                                                               \
	2u /* times what is allowed is read, and refused in words; more ends the connection (monitor.c) */

/* Options that bound what strangers can take, before the bind. */
static int set_options(const struct rpc_listener *l)
{
	const struct {
		int name, value;
		bool tcp_only;
	} options[] = {
	        {ZMQ_LINGER, 200, false},
	        {ZMQ_ROUTER_MANDATORY, 1, false}, /* says when a client is gone */
	        {ZMQ_RCVHWM, KEPT_MAX, false},
	        {ZMQ_SNDHWM, 256, false},
	        {ZMQ_HANDSHAKE_IVL, 5000, false},
	        {ZMQ_BACKLOG, 128, false},
	        {ZMQ_IPV6, 1, true},
	        {ZMQ_HEARTBEAT_IVL, 5000, true}, /* a machine may vanish without a word */
	        {ZMQ_HEARTBEAT_TIMEOUT, VANISHED_MS, true},
	};
	int64_t most = (int64_t)EXCESS * (l->role == RPC_ADMIN ? RPC_ADMIN_MAX : RPC_REQUEST_MAX);

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if ((l->tcp || !options[i].tcp_only) && zmq_setsockopt(l->calls.socket, options[i].name,
		                                                &options[i].value, sizeof options[i].value))
			return -errno;
	return zmq_setsockopt(l->calls.socket, ZMQ_MAXMSGSIZE, &most, sizeof most) ? -errno : 0;
}

static const char ipc[] = "ipc://", tcp[] = "tcp://";

/* The file is nobody else's until its mode is set. */
static int bind_ipc(void *socket, const struct rpc_listen *listen)
{
	mode_t mask = umask(0177);
	int err = zmq_bind(socket, listen->endpoint) ? -errno : 0;

	umask(mask);
	if (!err && chmod(listen->endpoint + sizeof ipc - 1, listen->mode))
		err = -errno;
	return err;
}

/* libzmq takes the socket over with the bind; by itself it would look names up. */
static int bind_tcp(void *socket, const struct rpc_listen *listen)
{
	int err = zmq_setsockopt(socket, ZMQ_USE_FD, &listen->fd, sizeof listen->fd) ||
	                          zmq_bind(socket, listen->endpoint)
	                  ? -errno
	                  : 0;

	if (err)
		close(listen->fd);
	return err;
}

/* What ZeroMQ still has to send. */
struct parcel {
	uint64_t *queued;
	size_t len;
};

/* On ZeroMQ's thread, or ours. */
static void parcel_sent(void *bytes, void *hint)
{
	struct parcel *p = hint;

	__atomic_sub_fetch(p->queued, p->len, __ATOMIC_RELAXED);
	free(p);
	free(bytes);
}

static uint64_t *queued_of(struct rpc_listener *l)
{
	return &l->server->queued[l - l->server->listener];
}

/* Takes the bytes over, and gives them to be sent.  0 or a negative errno. */
static int send_parcel(struct rpc_listener *to, const struct rpc_peer *peer, uint8_t *bytes, size_t len)
{
	struct parcel *p = malloc(sizeof *p);
	zmq_msg_t msg;
	int err = 0;

	if (!p) {
		free(bytes);
		return -ENOMEM;
	}
	*p = (struct parcel){queued_of(to), len};
	__atomic_add_fetch(p->queued, len, __ATOMIC_RELAXED);
	if (zmq_msg_init_data(&msg, bytes, len, parcel_sent, p)) {
		parcel_sent(bytes, p);
		return -ENOMEM;
	}
	if (zmq_send(to->calls.socket, peer->id, peer->len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 ||
	        zmq_msg_send(&msg, to->calls.socket, ZMQ_DONTWAIT) < 0)
		err = -errno;
	if (err)
		zmq_msg_close(&msg);
	return err;
}

int rpc_peer_send(struct rpc_listener *to, const struct rpc_peer *peer, const struct rpc_response *response)
{
	uint64_t queued = __atomic_load_n(queued_of(to), __ATOMIC_RELAXED);
	uint8_t *bytes;
	size_t len;
	int err = rpc_response_encode(response, &bytes, &len);

	if (err)
		return err;
	if (queued && queued + len > RPC_QUEUED_MAX) {
		free(bytes);
		return -ENOBUFS;
	}
	return send_parcel(to, peer, bytes, len);
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

/* Who sent it, and what that may: by tcp as the list of keys has it now. */
static void identify(const struct rpc_listener *l, zmq_msg_t *msg, struct rpc_peer *peer)
{
	const char *key = l->tcp ? zmq_msg_gets(msg, "User-Id") : NULL;
	const struct rpc_allowed *allowed = key ? rpc_admit_find(l->server, key) : NULL;

	peer->role = l->tcp ? RPC_READER : l->role;
	peer->who = (struct rpc_who){.uid = -1};
	if (!l->tcp) {
		peer->who = who_sent(msg);
	} else if (allowed) {
		peer->role = allowed->role;
		memcpy(peer->key, allowed->key, sizeof peer->key);
		memcpy(peer->who.key, allowed->name, sizeof peer->who.key);
	}
}

/* One message, if there is any: the routing id and one part. */
static bool take_message(struct rpc_listener *l)
{
	struct rpc_peer peer = {0};
	zmq_msg_t id, body;

	zmq_msg_init(&id);
	zmq_msg_init(&body);
	if (zmq_msg_recv(&id, l->calls.socket, ZMQ_DONTWAIT) < 0)
		return false;
	peer.len = (uint8_t)MIN(zmq_msg_size(&id), (size_t)PEER_MAX);
	memcpy(peer.id, zmq_msg_data(&id), peer.len);
	if (zmq_msg_more(&id) && zmq_msg_recv(&body, l->calls.socket, ZMQ_DONTWAIT) >= 0 &&
	        !zmq_msg_more(&body)) {
		identify(l, &body, &peer);
		rpc_take_request(l, &peer, zmq_msg_data(&body), zmq_msg_size(&body));
	} else {
		skip_parts(l->calls.socket, &body);
		l->server->counts.malformed++;
	}
	zmq_msg_close(&body);
	zmq_msg_close(&id);
	return true;
}

static bool readable(const struct rpc_watched *w)
{
	int events = 0;
	size_t size = sizeof events;

	return zmq_getsockopt(w->socket, ZMQ_EVENTS, &events, &size) == 0 && events & ZMQ_POLLIN;
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

	rpc_admit_look(s);
	for (uint32_t i = 0; i < LISTENERS_MAX; i++) {
		struct rpc_listener *l = &s->listener[i];
		uint32_t n = 0;

		while (!l->closing && l->calls.socket && n < ROUND_MAX && readable(&l->calls) &&
		        take_message(l))
			n++;
		more |= n == ROUND_MAX;
	}
	more |= readable(&s->zap);
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

/* Has the loop wake for a socket of ZeroMQ's. */
static int watch(struct rpc_server *s, struct rpc_watched *w, void *data)
{
	size_t size = sizeof(int);
	int fd, err;

	if (zmq_getsockopt(w->socket, ZMQ_FD, &fd, &size))
		return -errno;
	err = uv_poll_init(s->loop, &w->poll, fd);
	if (err)
		return err;
	w->poll.data = data;
	s->open_handles++;
	return uv_poll_start(&w->poll, UV_READABLE, woken);
}

static void close_socket(struct rpc_watched *w)
{
	if (w->socket)
		zmq_close(w->socket);
	w->socket = NULL;
}

static void free_server(struct rpc_server *s)
{
	close_socket(&s->zap);
	zmq_ctx_term(s->zmq);
	free(s->allowed);
	free(s);
}

int rpc_server_open(struct rpc_server **out, struct uv_loop_s *loop, const struct rpc_service *services,
        uint32_t n, void *context)
{
	struct rpc_server *s = calloc(1, sizeof *s);
	int err = s ? 0 : -ENOMEM;

	*out = NULL;
	if (!s)
		return err;
	s->loop = loop;
	s->service = services;
	s->n_services = n;
	s->context = context;
	s->zmq = zmq_ctx_new();
	err = s->zmq ? rpc_admit_open(s) : -errno;
	if (!err)
		err = watch(s, &s->zap, s);
	if (err) {
		free_server(s);
		return err;
	}
	uv_prepare_init(loop, &s->prepare);
	uv_idle_init(loop, &s->idle);
	uv_timer_init(loop, &s->tick);
	s->prepare.data = s->idle.data = s->tick.data = s;
	s->open_handles += 3;
	uv_prepare_start(&s->prepare, look);
	*out = s;
	return 0;
}

/* ---- endpoints ---- */

static void close_sockets(struct rpc_listener *l)
{
	rpc_monitor_end(l);
	close_socket(&l->monitor);
	close_socket(&l->calls);
	if (!l->tcp)
		unlink(l->endpoint + sizeof ipc - 1);
	l->closing = false;
}

static int bind_listener(struct rpc_listener *l, const struct rpc_listen *listen)
{
	int err = set_options(l);

	if (!err)
		err = rpc_admit_ask(l, listen);
	if (!err)
		err = rpc_monitor_open(l);
	if (!err)
		return l->tcp ? bind_tcp(l->calls.socket, listen) : bind_ipc(l->calls.socket, listen);
	if (l->tcp)
		close(listen->fd);
	return err;
}

static struct rpc_listener *free_listener(struct rpc_server *s)
{
	uint32_t i = 0;

	while (i < LISTENERS_MAX && s->listener[i].calls.socket)
		i++;
	assert(i < LISTENERS_MAX);
	return &s->listener[i];
}

static void closed(uv_handle_t *handle)
{
	struct rpc_server *s = handle->data;

	if (!--s->open_handles && s->closing)
		free_server(s);
}

static void listener_closed(uv_handle_t *handle)
{
	struct rpc_listener *l = handle->data;

	if (!--l->handles)
		close_sockets(l);
	handle->data = l->server;
	closed(handle);
}

static void close_listener(struct rpc_listener *l)
{
	uint8_t handles = l->handles;

	rpc_end_all(l->server, l);
	l->closing = true;
	if (!handles)
		close_sockets(l);
	if (handles > 0)
		uv_close((uv_handle_t *)&l->calls.poll, listener_closed);
	if (handles > 1)
		uv_close((uv_handle_t *)&l->monitor.poll, listener_closed);
}

int rpc_server_listen(struct rpc_server *server, const struct rpc_listen *listen)
{
	struct rpc_listener *l = free_listener(server);
	int err;

	*l = (struct rpc_listener){.server = server, .role = listen->role};
	l->tcp = !strncmp(listen->endpoint, tcp, sizeof tcp - 1);
	l->role = l->tcp ? RPC_ADMIN : listen->role;
	if (!l->tcp && strncmp(listen->endpoint, ipc, sizeof ipc - 1) != 0)
		return -EPROTONOSUPPORT;
	snprintf(l->endpoint, sizeof l->endpoint, "%s", listen->endpoint);
	l->calls.socket = zmq_socket(server->zmq, ZMQ_ROUTER);
	if (!l->calls.socket)
		return -errno;
	err = bind_listener(l, listen);
	for (uint32_t i = 0; !err && i < 2; i++) {
		err = watch(server, i ? &l->monitor : &l->calls, l);
		l->handles += !err;
	}
	if (err)
		close_listener(l);
	return err;
}

void rpc_server_unlisten(struct rpc_server *server, const char *endpoint)
{
	for (uint32_t i = 0; i < LISTENERS_MAX; i++) {
		struct rpc_listener *l = &server->listener[i];

		if (l->calls.socket && !l->closing && !strcmp(l->endpoint, endpoint))
			close_listener(l);
	}
}

void rpc_server_counts(const struct rpc_server *server, struct rpc_counts *counts)
{
	*counts = server->counts;
	for (uint32_t i = 0; i < LISTENERS_MAX; i++)
		counts->clients += server->listener[i].calls.socket ? server->listener[i].clients : 0;
}

void rpc_server_close(struct rpc_server *server)
{
	for (uint32_t i = 0; i < LISTENERS_MAX; i++)
		if (server->listener[i].calls.socket && !server->listener[i].closing)
			close_listener(&server->listener[i]);
	server->closing = true;
	uv_close((uv_handle_t *)&server->zap.poll, closed);
	uv_close((uv_handle_t *)&server->prepare, closed);
	uv_close((uv_handle_t *)&server->idle, closed);
	uv_close((uv_handle_t *)&server->tick, closed);
}
