/* sockets: as `ss` shows a kernel's; a socket has a part in each lane, told as one. */
#include "services/control/internal.h"

#include "common/wire/addr.h"
#include "common/wire/text.h"
#include "proto/tables.pb-c.h"
#include "services/session/session.h"

#include <stdio.h>
#include <stdlib.h>

#define ENDPOINT (TEXT_IP6_SIZE + 8)

struct socket_message {
	Sluice__Socket socket;
	struct epoch_socket binding;
	char name[EPOCH_NAME_LEN], local[ENDPOINT], remote[ENDPOINT];
};

static const char *app_name(uint8_t app)
{
	switch ((enum epoch_app)app) {
	case EPOCH_APP_SINK: return "sink";
	case EPOCH_APP_ECHO: return "echo";
	case EPOCH_APP_HOLD: return "hold";
	case EPOCH_APP_PROCESS: return "process";
	}
	return "unknown";
}

static bool is_any(const struct ip6_addr *addr)
{
	return ip6_addr_is_mapped(addr) ? ipv4_is_unspecified(addr->w32[3]) : ip6_is_unspecified(addr);
}

/* As `ss` writes it: 0.0.0.0:53, [::]:53, *:53 for both families. */
static char *endpoint(char text[ENDPOINT], uint8_t family, const struct ip6_addr *addr, uint16_t port)
{
	char at[TEXT_IP6_SIZE], number[8] = "*";

	if (port)
		snprintf(number, sizeof number, "%u", port);
	if (family == 0 && is_any(addr))
		snprintf(text, ENDPOINT, "*:%s", number);
	else if (family == 4)
		snprintf(text, ENDPOINT, "%s:%s", text_ipv4(at, addr->w32[3]), number);
	else
		snprintf(text, ENDPOINT, "[%s]:%s", text_ip6(at, addr), number);
	return text;
}

static void fill(struct socket_message *m, const struct epoch *epoch, const struct epoch_socket *s)
{
	const struct epoch_port *port = epoch_port(epoch, s->port);

	sluice__socket__init(&m->socket);
	m->binding = *s;
	memcpy(m->name, s->name, sizeof m->name - 1);
	m->socket.name = m->name;
	m->socket.protocol = (char *)"udp";
	m->socket.local = endpoint(m->local, s->family, &s->local, s->local_port);
	m->socket.remote = endpoint(m->remote, s->family, &s->remote, s->remote_port);
	if (port)
		m->socket.port = (char *)port->name;
	m->socket.app = (char *)app_name(s->app);
	m->socket.rcvbuf = s->rcvbuf;
}

static void add_counts(Sluice__Socket *to, const struct session_socket_count *from)
{
	to->recv_q += from->rmem;
	to->waiting += from->waiting;
	to->received += from->queued;
	to->read += from->read;
	to->sent += from->sent;
	to->drops += from->drops;
	to->errors += from->errors;
}

static bool same_binding(const struct epoch_socket *a, const struct epoch_socket *b)
{
	return a->family == b->family && a->local_port == b->local_port && a->remote_port == b->remote_port &&
	       port_id_equal(a->port, b->port) && !memcmp(&a->local, &b->local, sizeof a->local) &&
	       !memcmp(&a->remote, &b->remote, sizeof a->remote);
}

struct listing {
	const struct epoch *epoch;
	struct socket_message *message; /* SESSION_SOCKETS_MAX */
	uint32_t n;
	uint32_t next; /* where the next of a lane mostly stands: behind the one before */
};

/* The lanes have a socket mostly, not always, in the same slot. */
static struct socket_message *find(struct listing *l, const struct epoch_socket *s)
{
	for (uint32_t tried = 0; tried < l->n; tried++) {
		uint32_t at = (l->next + tried) % l->n;

		if (!same_binding(&l->message[at].binding, s))
			continue;
		l->next = at + 1;
		return &l->message[at];
	}
	return NULL;
}

static void add_lane(struct listing *l, const void *state)
{
	struct session_socket_count count;
	struct socket_message *m;

	l->next = 0;
	for (uint32_t slot = 0; slot < SESSION_SOCKETS_MAX; slot++) {
		if (!session_socket_read(state, slot, &count))
			continue;
		m = find(l, &count.socket);
		if (!m && l->n == SESSION_SOCKETS_MAX)
			return;
		if (!m) {
			m = &l->message[l->n++];
			fill(m, l->epoch, &count.socket);
		}
		add_counts(&m->socket, &count);
	}
}

static void reply_sockets(
        const struct control *c, struct rpc_call *call, struct listing *l, Sluice__Socket **list)
{
	Sluice__SocketsReply reply = SLUICE__SOCKETS_REPLY__INIT;

	for (uint32_t lane = 0; lane < c->appliance->plan.params.lanes; lane++)
		add_lane(l, control_state(c, STAGE_SESSION, lane));
	for (uint32_t i = 0; i < l->n; i++)
		list[i] = &l->message[i].socket;
	reply.sockets = list;
	reply.n_sockets = l->n;
	rpc_reply(call, &reply.base);
}

void control_sockets(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const struct control *c = context;
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	struct listing l = {
	        .epoch = epoch, .message = calloc(SESSION_SOCKETS_MAX, sizeof(struct socket_message))};
	Sluice__Socket **list = calloc(SESSION_SOCKETS_MAX, sizeof(void *));

	(void)request;
	if (!epoch)
		rpc_fail(call, RPC_FAILED_PRECONDITION, "no configuration is in force yet");
	else if (l.message && list)
		reply_sockets(c, call, &l, list);
	else
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	free(list);
	free(l.message);
}
