#include "tests/fuzz/rpc/wire.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#define SOCKETS_MAX 16u
#define ID_MAX      255u

/* A part of a message, by which side it may go. */
struct part {
	struct part *next;
	uint8_t *bytes;
	size_t len;
	bool more;
	const char *address, *user;
	zmq_free_fn *release; /* of the bytes; NULL: free() */
	void *hint;
};

struct socket {
	int type;      /* 0: closed */
	int fd, given; /* given: by ZMQ_USE_FD; -1: none */
	struct part *first, **end;
	void *monitored; /* of a PAIR: the socket that it tells of */
	uint8_t to[ID_MAX];
	size_t to_len;
};

static struct socket sockets[SOCKETS_MAX];
static struct part *leaving; /* sent, and not released */
static void *watched;        /* the socket that the next zmq_connect is to hear of */

int (*wire_takes)(const uint8_t *id, size_t len);
void (*wire_sent)(const uint8_t *id, size_t id_len, const uint8_t *bytes, size_t len);

static int fail(int err)
{
	errno = err;
	return -1;
}

static void free_part(struct part *p)
{
	if (p && p->release)
		p->release(p->bytes, p->hint);
	else if (p)
		free(p->bytes);
	free(p);
}

static void append(struct socket *s, const struct wire_part *from, bool more)
{
	struct part *p = calloc(1, sizeof *p);

	p->bytes = malloc(from->len ? from->len : 1);
	if (from->len)
		memcpy(p->bytes, from->bytes, from->len);
	p->len = from->len;
	p->more = more;
	p->address = from->address;
	p->user = from->user;
	*s->end = p;
	s->end = &p->next;
}

static struct part *take(struct socket *s)
{
	struct part *p = s->first;

	if (!p)
		return NULL;
	s->first = p->next;
	if (!s->first)
		s->end = &s->first;
	return p;
}

void wire_put(void *socket, const struct wire_part *parts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		append(socket, &parts[i], i + 1 < n);
}

void wire_event(void *socket, uint16_t number, int32_t value)
{
	uint8_t event[sizeof number + sizeof value];
	const struct wire_part parts[] = {{event, sizeof event}, {(const uint8_t *)"ipc://", 6}};

	memcpy(event, &number, sizeof number);
	memcpy(event + sizeof number, &value, sizeof value);
	for (uint32_t i = 0; i < SOCKETS_MAX; i++)
		if (sockets[i].type && sockets[i].monitored == socket)
			wire_put(&sockets[i], parts, ARRAY_LEN(parts));
}

void wire_release(void)
{
	while (leaving) {
		struct part *p = leaving;

		leaving = p->next;
		free_part(p);
	}
}

uint32_t wire_open(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SOCKETS_MAX; i++)
		n += sockets[i].type != 0;
	return n;
}

/* ---- contexts and sockets ---- */

void *zmq_ctx_new(void)
{
	return sockets;
}

/* Waits until all is sent, or given up. */
int zmq_ctx_term(void *context)
{
	(void)context;
	wire_release();
	return 0;
}

void *zmq_socket(void *context, int type)
{
	struct socket *s = sockets;

	(void)context;
	while (s < sockets + SOCKETS_MAX && s->type)
		s++;
	if (s == sockets + SOCKETS_MAX) {
		errno = EMFILE;
		return NULL;
	}
	*s = (struct socket){.type = type + 1, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .given = -1};
	s->end = &s->first;
	return s;
}

int zmq_close(void *socket)
{
	struct socket *s = socket;

	for (struct part *p = take(s); p; p = take(s))
		free_part(p);
	close(s->fd);
	if (s->given >= 0)
		close(s->given);
	s->type = 0;
	return 0;
}

/* A socket file is there, as behind a real bind. */
int zmq_bind(void *socket, const char *endpoint)
{
	static const char ipc[] = "ipc://";
	int fd;

	(void)socket;
	if (strncmp(endpoint, ipc, sizeof ipc - 1) != 0)
		return 0;
	fd = open(endpoint + sizeof ipc - 1, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : close(fd);
}

int zmq_socket_monitor(void *socket, const char *endpoint, int events)
{
	(void)events;
	if (endpoint)
		watched = socket;
	return 0;
}

int zmq_connect(void *socket, const char *endpoint)
{
	(void)endpoint;
	((struct socket *)socket)->monitored = watched;
	return 0;
}

int zmq_setsockopt(void *socket, int option, const void *value, size_t len)
{
	(void)len;
	if (option == ZMQ_USE_FD)
		((struct socket *)socket)->given = *(const int *)value;
	return 0;
}

int zmq_getsockopt(void *socket, int option, void *value, size_t *len)
{
	const struct socket *s = socket;

	assert(*len == sizeof(int) && (option == ZMQ_FD || option == ZMQ_EVENTS));
	*(int *)value = option == ZMQ_FD ? s->fd : s->first ? ZMQ_POLLIN : 0;
	return 0;
}

/* ---- messages ---- */

static struct part *part_of(const zmq_msg_t *msg)
{
	struct part *p;

	memcpy(&p, msg, sizeof(void *));
	return p;
}

static void set_part(zmq_msg_t *msg, struct part *p)
{
	memcpy(msg, &p, sizeof(void *));
}

int zmq_msg_init(zmq_msg_t *msg)
{
	set_part(msg, NULL);
	return 0;
}

int zmq_msg_init_data(zmq_msg_t *msg, void *bytes, size_t len, zmq_free_fn *release, void *hint)
{
	struct part *p = calloc(1, sizeof *p);

	*p = (struct part){.bytes = bytes, .len = len, .release = release, .hint = hint};
	set_part(msg, p);
	return 0;
}

int zmq_msg_close(zmq_msg_t *msg)
{
	free_part(part_of(msg));
	return zmq_msg_init(msg);
}

void *zmq_msg_data(zmq_msg_t *msg)
{
	const struct part *p = part_of(msg);

	return p ? p->bytes : NULL;
}

size_t zmq_msg_size(const zmq_msg_t *msg)
{
	const struct part *p = part_of(msg);

	return p ? p->len : 0;
}

int zmq_msg_more(const zmq_msg_t *msg)
{
	const struct part *p = part_of(msg);

	return p && p->more;
}

const char *zmq_msg_gets(const zmq_msg_t *msg, const char *property)
{
	const struct part *p = part_of(msg);

	return !p ? NULL : strcmp(property, "User-Id") ? p->address : p->user;
}

int zmq_msg_recv(zmq_msg_t *msg, void *socket, int flags)
{
	struct part *p = take(socket);

	assert(flags & ZMQ_DONTWAIT);
	if (!p)
		return fail(EAGAIN);
	free_part(part_of(msg));
	set_part(msg, p);
	return (int)p->len;
}

int zmq_recv(void *socket, void *to, size_t room, int flags)
{
	struct part *p = take(socket);
	int len;

	assert(flags & ZMQ_DONTWAIT);
	if (!p)
		return fail(EAGAIN);
	len = (int)p->len;
	if (MIN(room, p->len))
		memcpy(to, p->bytes, MIN(room, p->len));
	free_part(p);
	return len;
}

/* A ROUTER's first part says to whom; a REP's answer is read by nobody. */
int zmq_send(void *socket, const void *bytes, size_t len, int flags)
{
	struct socket *s = socket;
	int err;

	assert(flags & ZMQ_DONTWAIT && len <= ID_MAX);
	if (s->type != ZMQ_ROUTER + 1)
		return (int)len;
	err = wire_takes(bytes, len);
	if (err)
		return fail(err);
	memcpy(s->to, bytes, len);
	s->to_len = len;
	return (int)len;
}

int zmq_msg_send(zmq_msg_t *msg, void *socket, int flags)
{
	struct socket *s = socket;
	struct part *p = part_of(msg);

	assert(flags == ZMQ_DONTWAIT);
	wire_sent(s->to, s->to_len, p->bytes, p->len);
	p->next = leaving;
	leaving = p;
	set_part(msg, NULL);
	return (int)p->len;
}
