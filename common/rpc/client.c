#include "common/rpc/rpc.h"

#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define GRACE_MS   500u  /* the server's own word about the deadline comes first */
#define SILENCE_MS 5000u /* after which a stream's server counts as gone; it speaks every second */

/* What became of the connection. */
enum link {
	LINK_WAITING,   /* for the handshake */
	LINK_UP,        /* let in */
	LINK_NOBODY,    /* nobody listens there */
	LINK_REFUSED,   /* the server does not allow the key */
	LINK_CROWDED,   /* it has too many clients */
	LINK_UNSECURED, /* the other side ended the handshake, or speaks something else */
	LINK_BROKEN,
};

struct rpc_client {
	void *zmq, *socket, *monitor;
	enum link link;
	uint64_t id;                              /* of the latest call */
	const ProtobufCMessageDescriptor *output; /* of the stream */
	uint64_t silent_ms; /* waited in vain since the stream's server was last heard of */
	bool streaming;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

__attribute__((format(printf, 3, 4))) static enum rpc_status fail(
        struct rpc_error *error, enum rpc_status status, const char *format, ...)
{
	va_list ap;

	*error = (struct rpc_error){.status = status};
	va_start(ap, format);
	vsnprintf(error->message, sizeof error->message, format, ap);
	va_end(ap);
	return status;
}

void rpc_error_free(struct rpc_error *error)
{
	rpc_free(error->body);
	error->body = NULL;
}

/* ZeroMQ connects when it likes and says nothing where it cannot: whether anybody listens is asked first. */
static int probe(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd, err = 0;

	if (len >= sizeof addr.sun_path)
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr))
		err = -errno;
	close(fd);
	return err;
}

static int set_options(struct rpc_client *c, const char *server_key, const struct rpc_key_pair *own)
{
	const int linger = 200, yes = 1;
	const int64_t most = RPC_REPLY_MAX;
	const struct {
		int name;
		const void *value;
		size_t len;
	} options[] = {
	        {ZMQ_LINGER, &linger, sizeof linger},
	        {ZMQ_MAXMSGSIZE, &most, sizeof most},
	        {ZMQ_IPV6, &yes, sizeof yes}, /* what follows is tcp's */
	        {ZMQ_CURVE_SERVERKEY, server_key, RPC_KEY_TEXT},
	        {ZMQ_CURVE_PUBLICKEY, own ? own->public_key : NULL, RPC_KEY_TEXT},
	        {ZMQ_CURVE_SECRETKEY, own ? own->secret_key : NULL, RPC_KEY_TEXT},
	};

	for (size_t i = 0; i < (own ? ARRAY_LEN(options) : 2); i++)
		if (zmq_setsockopt(c->socket, options[i].name, options[i].value, options[i].len))
			return -errno;
	return 0;
}

/* With `own` by tcp. */
static int make_client(struct rpc_client **out, const char *server_key, const struct rpc_key_pair *own)
{
	static const char watch[] = "inproc://watch";
	const int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
	                   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
	                   ZMQ_EVENT_DISCONNECTED | (own ? ZMQ_EVENT_CONNECT_RETRIED : 0);
	struct rpc_client *c = calloc(1, sizeof *c);
	int err;

	*out = c;
	if (!c)
		return -ENOMEM;
	c->zmq = zmq_ctx_new();
	c->socket = c->zmq ? zmq_socket(c->zmq, ZMQ_DEALER) : NULL;
	c->monitor = c->socket ? zmq_socket(c->zmq, ZMQ_PAIR) : NULL;
	if (!c->monitor)
		return -errno;
	err = set_options(c, server_key, own);
	if (!err && (zmq_socket_monitor(c->socket, watch, events) || zmq_connect(c->monitor, watch)))
		err = -errno;
	return err;
}

int rpc_client_open(struct rpc_client **out, const char *endpoint)
{
	static const char ipc[] = "ipc://";
	int err;

	*out = NULL;
	if (strncmp(endpoint, ipc, sizeof ipc - 1) != 0)
		return -EPROTONOSUPPORT;
	err = probe(endpoint + sizeof ipc - 1);
	if (err)
		return err;
	err = make_client(out, NULL, NULL);
	if (!err && zmq_connect((*out)->socket, endpoint))
		err = -errno;
	if (err) {
		rpc_client_close(*out);
		*out = NULL;
	}
	return err;
}

/* ---- how the connection is ---- */

static enum link link_after(enum link link, uint16_t event, uint32_t value)
{
	switch (event) {
	case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return LINK_UP;
	case ZMQ_EVENT_CONNECT_RETRIED: return link == LINK_WAITING ? LINK_NOBODY : link;
	case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return value == 400 ? LINK_REFUSED : LINK_CROWDED;
	case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
	case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return LINK_UNSECURED;
	case ZMQ_EVENT_DISCONNECTED: return link == LINK_UP ? LINK_BROKEN : LINK_UNSECURED;
	default: return link;
	}
}

/* Takes what the monitor tells, as long as it tells no failure, which stays. */
static void take_events(struct rpc_client *c)
{
	struct {
		uint16_t event;
		uint32_t value;
	} __attribute__((packed)) e;

	while (c->link <= LINK_UP && zmq_recv(c->monitor, &e, sizeof e, ZMQ_DONTWAIT) == (int)sizeof e) {
		(void)!zmq_recv(c->monitor, NULL, 0, ZMQ_DONTWAIT);
		c->link = link_after(c->link, e.event, e.value);
	}
}

static int link_error(enum link link)
{
	switch (link) {
	case LINK_WAITING: return -ETIMEDOUT;
	case LINK_UP: return 0;
	case LINK_NOBODY: return -ECONNREFUSED;
	case LINK_REFUSED: return -EKEYREJECTED;
	case LINK_CROWDED: return -EUSERS;
	case LINK_UNSECURED: return -EPROTO;
	case LINK_BROKEN: return -ECONNRESET;
	}
	return -EINVAL;
}

/* `broken` is what is said of a connection that was good. */
static enum rpc_status link_fail(const struct rpc_client *c, struct rpc_error *error, const char *broken)
{
	if (c->link == LINK_CROWDED)
		return fail(error, RPC_RESOURCE_EXHAUSTED,
		        "control has as many clients as it takes: end others first, or try again later");
	if (c->link == LINK_REFUSED)
		return fail(error, RPC_UNAUTHENTICATED, "this key is not allowed any more");
	return fail(error, RPC_UNAVAILABLE, "%s", broken);
}

/* 0 or a negative errno, of one address. */
static int connect_to(struct rpc_client *c, const char *host, const char *l4_port, uint64_t end)
{
	char endpoint[128];

	snprintf(endpoint, sizeof endpoint, strchr(host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s", host,
	        l4_port);
	if (zmq_connect(c->socket, endpoint))
		return -errno;
	for (uint64_t now = now_ms(); now < end && c->link == LINK_WAITING; now = now_ms()) {
		zmq_pollitem_t item = {.socket = c->monitor, .events = ZMQ_POLLIN};

		(void)zmq_poll(&item, 1, (long)(end - now));
		take_events(c);
	}
	return link_error(c->link);
}

/* The first address that HOST:PORT stands for. */
static int resolve(const char *target, char host[NI_MAXHOST], char l4_port[NI_MAXSERV])
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const char *colon = strrchr(target, ':');
	size_t len = colon ? (size_t)(colon - target) : 0;
	struct addrinfo *found;
	char name[NI_MAXHOST];
	bool brackets = len > 2 && target[0] == '[' && target[len - 1] == ']';
	int err;

	if (!len || len >= sizeof name)
		return -EINVAL;
	snprintf(name, sizeof name, "%.*s", (int)(len - 2 * brackets), target + brackets);
	if (getaddrinfo(name, colon + 1, &hints, &found))
		return -ENXIO;
	err = getnameinfo(found->ai_addr, found->ai_addrlen, host, NI_MAXHOST, l4_port, NI_MAXSERV,
	        NI_NUMERICHOST | NI_NUMERICSERV);
	freeaddrinfo(found);
	return err ? -ENXIO : 0;
}

int rpc_client_open_tcp(struct rpc_client **out, const char *endpoint, const char *server_key,
        const struct rpc_key_pair *own, uint32_t timeout_ms)
{
	static const char tcp[] = "tcp://";
	char host[NI_MAXHOST], l4_port[NI_MAXSERV];
	int err;

	*out = NULL;
	if (strncmp(endpoint, tcp, sizeof tcp - 1) != 0)
		return -EPROTONOSUPPORT;
	err = resolve(endpoint + sizeof tcp - 1, host, l4_port);
	if (err)
		return err;
	err = make_client(out, server_key, own);
	if (!err)
		err = connect_to(*out, host, l4_port, now_ms() + timeout_ms);
	if (err) {
		rpc_client_close(*out);
		*out = NULL;
	}
	return err;
}

void rpc_client_close(struct rpc_client *c)
{
	if (!c)
		return;
	if (c->streaming)
		rpc_client_cancel(c);
	if (c->socket) {
		zmq_socket_monitor(c->socket, NULL, 0);
		zmq_close(c->socket);
	}
	if (c->monitor)
		zmq_close(c->monitor);
	if (c->zmq)
		zmq_ctx_term(c->zmq);
	free(c);
}

static int send_request(struct rpc_client *c, const struct rpc_request *r)
{
	uint8_t *bytes;
	size_t len;
	int err = rpc_request_encode(r, &bytes, &len);

	if (err)
		return err;
	if (len > RPC_ADMIN_MAX)
		err = -EMSGSIZE;
	else if (zmq_send(c->socket, bytes, len, ZMQ_DONTWAIT) < 0)
		err = -errno;
	free(bytes);
	return err;
}

static enum rpc_status ask(struct rpc_client *c, const ProtobufCServiceDescriptor *service,
        const char *method, const ProtobufCMessage *message, uint32_t deadline_ms, struct rpc_error *error)
{
	const ProtobufCMethodDescriptor *d = protobuf_c_service_descriptor_get_method_by_name(
	        service, method);
	struct rpc_request r = {.id = ++c->id, .deadline_ms = deadline_ms};
	int err;

	assert(d && d->input == message->descriptor);
	c->output = d->output;
	c->silent_ms = 0;
	snprintf(r.method, sizeof r.method, "%s/%s", service->name, method);
	r.body = rpc_pack(message, &r.body_len);
	err = r.body ? send_request(c, &r) : -ENOMEM;
	rpc_request_free(&r);
	if (err == -EMSGSIZE)
		return fail(error, RPC_RESOURCE_EXHAUSTED, "%s: the request is larger than %u bytes",
		        r.method, RPC_ADMIN_MAX);
	return err ? fail(error, RPC_UNAVAILABLE, "%s: %s", r.method, zmq_strerror(-err)) : RPC_OK;
}

/* Waits for something to read.  1: a message; 0: nothing in that time, or a signal; -1: the connection broke.
 */
static int wait_message(struct rpc_client *c, uint64_t timeout_ms)
{
	zmq_pollitem_t items[2] = {
	        {.socket = c->socket, .events = ZMQ_POLLIN}, {.socket = c->monitor, .events = ZMQ_POLLIN}};
	uint64_t now = now_ms(), end = now + timeout_ms;

	for (;;) {
		if (zmq_poll(items, 2, (long)MIN(end - now, (uint64_t)3600000)) <= 0)
			return 0;
		if (items[0].revents & ZMQ_POLLIN)
			return 1;
		take_events(c);
		if (c->link > LINK_UP)
			return -1;
		now = MIN(now_ms(), end);
	}
}

/* The next response to the latest call; false: what came was none. */
static bool take_response(struct rpc_client *c, struct rpc_response *r)
{
	zmq_msg_t msg;
	bool good;

	zmq_msg_init(&msg);
	good = zmq_msg_recv(&msg, c->socket, ZMQ_DONTWAIT) >= 0 &&
	       rpc_response_decode(r, zmq_msg_data(&msg), zmq_msg_size(&msg)) == 0;
	zmq_msg_close(&msg);
	if (good && r->id == c->id)
		return true;
	if (good)
		rpc_response_free(r);
	return false;
}

/* A response's end: a message, or what went wrong. */
static enum rpc_status judge(
        struct rpc_client *c, struct rpc_response *r, ProtobufCMessage **out, struct rpc_error *error)
{
	ProtobufCMessage *body = r->body_len || r->status == RPC_OK
	                                 ? rpc_unpack(c->output, r->body, r->body_len)
	                                 : NULL;

	if (r->status == RPC_OK && !body)
		return fail(error, RPC_INTERNAL,
		        "the answer cannot be read: are command and control of one "
		        "version?");
	if (r->status == RPC_OK) {
		*out = body;
		return RPC_OK;
	}
	fail(error, r->status, "%s", r->message);
	error->body = body;
	return r->status;
}

enum rpc_status rpc_client_call(struct rpc_client *client, const ProtobufCServiceDescriptor *service,
        const char *method, const ProtobufCMessage *request, uint32_t deadline_ms, ProtobufCMessage **reply,
        struct rpc_error *error)
{
	uint64_t end = now_ms() + deadline_ms + GRACE_MS;
	enum rpc_status status = ask(client, service, method, request, deadline_ms, error);
	struct rpc_response r;

	*reply = NULL;
	if (status != RPC_OK)
		return status;
	for (uint64_t now = now_ms(); now < end; now = now_ms()) {
		int got = wait_message(client, end - now);

		if (got < 0)
			return link_fail(client, error,
			        "the connection broke before the answer came: control was restarted, or "
			        "refused the message; try again");
		if (got == 0 || !take_response(client, &r))
			continue;
		status = judge(client, &r, reply, error);
		rpc_response_free(&r);
		return status;
	}
	return fail(error, RPC_DEADLINE_EXCEEDED, "no answer within %u ms", deadline_ms);
}

enum rpc_status rpc_client_start(struct rpc_client *client, const ProtobufCServiceDescriptor *service,
        const char *method, const ProtobufCMessage *request, uint32_t deadline_ms, struct rpc_error *error)
{
	enum rpc_status status;

	assert(!client->streaming);
	status = ask(client, service, method, request, deadline_ms, error);
	client->streaming = status == RPC_OK;
	return status;
}

enum rpc_status rpc_client_next(
        struct rpc_client *client, uint32_t timeout_ms, ProtobufCMessage **piece, struct rpc_error *error)
{
	uint64_t end = now_ms() + timeout_ms;
	struct rpc_response r;
	enum rpc_status status;

	*piece = NULL;
	for (;;) {
		uint64_t now = now_ms(), wait = end > now ? end - now : 0;
		int got = wait_message(client, wait);

		/* Of a time in which we were stopped, not more than we meant to wait. */
		client->silent_ms = got ? 0 : client->silent_ms + MIN(now_ms() - now, wait);
		if (got < 0 || client->silent_ms > SILENCE_MS) {
			client->streaming = false;
			return link_fail(client, error, "control is gone, or was restarted; try again");
		}
		if (got == 0)
			return RPC_QUIET;
		if (!take_response(client, &r))
			continue;
		if (r.more && !r.body_len) /* it lives, no more */
			continue;
		client->streaming = r.more;
		status = r.status == RPC_OK && !r.more ? RPC_OK : judge(client, &r, piece, error);
		rpc_response_free(&r);
		return client->streaming && status == RPC_OK ? RPC_MORE : status;
	}
}

void rpc_client_cancel(struct rpc_client *client)
{
	struct rpc_request r = {.id = client->id, .cancel = true};

	client->streaming = false;
	/* Where it cannot be sent the server notices by itself. */
	(void)send_request(client, &r);
}
