/* call: the life of a call, from the request to its one end. */
#include "common/rpc/rpc.h"

#include "common/rpc/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void on_tick(uv_timer_t *timer)
{
	rpc_tick(timer->data);
}

static bool same_peer(const struct rpc_call *c, const struct rpc_listener *from, const struct rpc_peer *peer)
{
	return c->used && c->from == from && c->peer.len == peer->len &&
	       memcmp(c->peer.id, peer->id, peer->len) == 0;
}

static struct rpc_call *find_call(
        const struct rpc_listener *from, const struct rpc_peer *peer, uint64_t id, uint32_t *of_peer)
{
	struct rpc_server *s = from->server;
	struct rpc_call *found = NULL;

	*of_peer = 0;
	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++) {
		if (!same_peer(&s->call[i], from, peer))
			continue;
		++*of_peer;
		if (s->call[i].id == id)
			found = &s->call[i];
	}
	return found;
}

static void end_call(struct rpc_call *c)
{
	struct rpc_server *s = c->from->server;

	s->counts.calls--;
	s->counts.streams -= c->stream;
	c->used = false;
	if (!s->counts.calls)
		uv_timer_stop(&s->tick);
}

/* The call ends without its handler's doing. */
static void cancel_call(struct rpc_call *c)
{
	void (*cancel)(void *, struct rpc_call *) = c->cancel;

	c->cancel = NULL;
	if (cancel)
		cancel(c->cancel_context, c);
	end_call(c);
}

__attribute__((format(printf, 5, 6))) static void refuse(struct rpc_listener *to, const struct rpc_peer *peer,
        uint64_t id, enum rpc_status status, const char *format, ...)
{
	struct rpc_response r = {.id = id, .status = status};
	va_list ap;

	va_start(ap, format);
	vsnprintf(r.message, sizeof r.message, format, ap);
	va_end(ap);
	/* Who asks in vain and does not listen is owed nothing more. */
	(void)rpc_peer_send(to, peer, &r);
}

/* What a request's name stands for. */
struct target {
	const struct rpc_service *service;
	const struct rpc_method *method;
	const ProtobufCMessageDescriptor *input;
};

static bool find_method(const struct rpc_service *service, const char *name, struct target *t)
{
	const ProtobufCMethodDescriptor *d = protobuf_c_service_descriptor_get_method_by_name(
	        service->descriptor, name);

	for (uint32_t i = 0; d && i < service->n_methods; i++) {
		if (strcmp(service->methods[i].name, name) != 0)
			continue;
		*t = (struct target){service, &service->methods[i], d->input};
		return true;
	}
	return false;
}

/* "sluice.Read/Status" */
static bool find_target(const struct rpc_server *s, const char *path, struct target *t)
{
	const char *slash = strchr(path, '/');

	for (uint32_t i = 0; slash && i < s->n_services; i++) {
		const char *name = s->service[i].descriptor->name;

		if (strlen(name) == (size_t)(slash - path) && strncmp(name, path, strlen(name)) == 0)
			return find_method(&s->service[i], slash + 1, t);
	}
	return false;
}

static struct rpc_call *new_call(struct rpc_listener *from, const struct rpc_peer *peer,
        const struct rpc_request *request, const struct target *t)
{
	bool stream = t->method->stream;
	struct rpc_server *s = from->server;
	uint64_t now = uv_now(s->loop);
	uint32_t ms = MIN(request->deadline_ms ? request->deadline_ms : RPC_DEADLINE_MS, RPC_DEADLINE_MAX);
	struct rpc_call *c = s->call;

	while (c->used)
		c++;
	*c = (struct rpc_call){.used = true,
	        .stream = stream,
	        .from = from,
	        .peer = *peer,
	        .needs = t->service->role,
	        .id = request->id,
	        .deadline = stream && !request->deadline_ms ? 0 : now + ms,
	        .sent = now};
	if (!s->counts.calls++)
		uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	s->counts.streams += stream;
	return c;
}

/* Whether there is room for one more.  Those who may read only leave half of it to administrators. */
static bool has_room(const struct rpc_server *s, const struct rpc_peer *peer, uint32_t of_peer, bool stream)
{
	uint32_t part = peer->role == RPC_ADMIN ? 1 : 2;

	return s->counts.calls < RPC_CALLS_MAX / part && of_peer < RPC_PEER_CALLS &&
	       (!stream || s->counts.streams < RPC_STREAMS_MAX / part);
}

static void refuse_role(struct rpc_listener *from, const struct rpc_peer *peer, const struct rpc_request *r)
{
	from->server->counts.refused++;
	if (from->tcp)
		refuse(from, peer, r->id, RPC_PERMISSION_DENIED,
		        "%s is for administrators, and the key %s may only read", r->method, peer->who.key);
	else
		refuse(from, peer, r->id, RPC_PERMISSION_DENIED,
		        "%s is for administrators, and this socket is for readers: use admin.sock beside it",
		        r->method);
}

static void run(struct rpc_listener *from, const struct rpc_peer *peer, const struct rpc_request *r,
        const struct target *t)
{
	ProtobufCMessage *message = rpc_unpack(t->input, r->body, r->body_len);

	if (!message) {
		from->server->counts.malformed++;
		refuse(from, peer, r->id, RPC_INVALID_ARGUMENT, "the body of %s is no %s", r->method,
		        t->input->name);
		return;
	}
	t->method->call(from->server->context, new_call(from, peer, r, t), message);
	rpc_free(message);
}

static void dispatch(struct rpc_listener *from, const struct rpc_peer *peer, const struct rpc_request *r)
{
	struct rpc_server *s = from->server;
	struct rpc_call *same;
	struct target t;
	uint32_t of_peer;

	same = find_call(from, peer, r->id, &of_peer);
	if (r->cancel) {
		if (same)
			cancel_call(same);
		return;
	}
	s->counts.requests++;
	if (!find_target(s, r->method, &t)) {
		refuse(from, peer, r->id, RPC_UNIMPLEMENTED, "there is no method %s here", r->method);
	} else if (t.service->role > peer->role) {
		refuse_role(from, peer, r);
	} else if (same) {
		refuse(from, peer, r->id, RPC_ALREADY_EXISTS, "a call with this id is under way");
	} else if (!has_room(s, peer, of_peer, t.method->stream)) {
		s->counts.limited++;
		refuse(from, peer, r->id, RPC_RESOURCE_EXHAUSTED,
		        "too many calls are under way: end others first, or try again later");
	} else {
		run(from, peer, r, &t);
	}
}

/* Whether this peer may send anything, and as much; else it is told. */
static bool may_ask(struct rpc_listener *from, const struct rpc_peer *peer, uint64_t id, size_t len)
{
	uint32_t most = peer->role == RPC_ADMIN ? RPC_ADMIN_MAX : RPC_REQUEST_MAX;

	if (from->tcp && !*peer->key) {
		from->server->counts.unauthorized++;
		refuse(from, peer, id, RPC_UNAUTHENTICATED, "this key is not allowed any more");
		return false;
	}
	if (len > most) {
		from->server->counts.oversized++;
		refuse(from, peer, id, RPC_RESOURCE_EXHAUSTED, "the request has %zu bytes, of at most %u",
		        len, most);
		return false;
	}
	return true;
}

void rpc_take_request(
        struct rpc_listener *from, const struct rpc_peer *peer, const uint8_t *bytes, size_t len)
{
	struct rpc_request request;

	if (rpc_request_decode(&request, bytes, len)) {
		from->server->counts.malformed++;
		return;
	}
	if (may_ask(from, peer, request.id, len))
		dispatch(from, peer, &request);
	rpc_request_free(&request);
}

/* Sends one response of the call; what the client does not take is counted. */
static bool answer(struct rpc_call *c, struct rpc_response *r, const ProtobufCMessage *body)
{
	int err = 0;

	r->id = c->id;
	if (body) {
		r->body = rpc_pack(body, &r->body_len);
		err = r->body ? 0 : -ENOMEM;
	}
	if (!err)
		err = rpc_peer_send(c->from, &c->peer, r);
	rpc_response_free(r);
	c->gone |= err == -EHOSTUNREACH;
	if (!err)
		c->sent = uv_now(c->from->server->loop);
	return !err;
}

static void answer_last(struct rpc_call *c, struct rpc_response *r, const ProtobufCMessage *body)
{
	if (!answer(c, r, body))
		c->from->server->counts.missed++;
	end_call(c);
}

void rpc_reply(struct rpc_call *call, const ProtobufCMessage *body)
{
	answer_last(call, &(struct rpc_response){.status = RPC_OK}, body);
}

void rpc_end(struct rpc_call *call)
{
	answer_last(call, &(struct rpc_response){.status = RPC_OK}, NULL);
}

void rpc_fail(struct rpc_call *call, enum rpc_status status, const char *format, ...)
{
	struct rpc_response r = {.status = status};
	va_list ap;

	va_start(ap, format);
	vsnprintf(r.message, sizeof r.message, format, ap);
	va_end(ap);
	answer_last(call, &r, NULL);
}

void rpc_fail_body(
        struct rpc_call *call, enum rpc_status status, const char *message, const ProtobufCMessage *body)
{
	struct rpc_response r = {.status = status};

	snprintf(r.message, sizeof r.message, "%s", message);
	answer_last(call, &r, body);
}

bool rpc_send(struct rpc_call *call, const ProtobufCMessage *piece)
{
	if (answer(call, &(struct rpc_response){.status = RPC_OK, .more = true}, piece))
		return true;
	call->missed++;
	call->from->server->counts.missed++;
	return false;
}

uint64_t rpc_missed(const struct rpc_call *call)
{
	return call->missed;
}

void rpc_on_cancel(struct rpc_call *call, void (*cancel)(void *context, struct rpc_call *call), void *context)
{
	call->cancel = cancel;
	call->cancel_context = context;
}

struct rpc_who rpc_caller(const struct rpc_call *call)
{
	return call->peer.who;
}

const char *rpc_socket_name(const struct rpc_call *call)
{
	return strrchr(call->from->endpoint, '/') + 1;
}

uint32_t rpc_left_ms(const struct rpc_call *call)
{
	uint64_t now = uv_now(call->from->server->loop);

	if (!call->deadline)
		return UINT32_MAX;
	return call->deadline > now ? (uint32_t)(call->deadline - now) : 0;
}

static void tick_call(struct rpc_call *c, uint64_t now)
{
	if (c->deadline && now >= c->deadline) {
		refuse(c->from, &c->peer, c->id, RPC_DEADLINE_EXCEEDED, "not done within the time given");
		cancel_call(c);
		return;
	}
	if (c->stream && now - c->sent >= HEARTBEAT_MS)
		(void)answer(c, &(struct rpc_response){.status = RPC_OK, .more = true}, NULL);
	if (c->gone)
		cancel_call(c);
}

void rpc_tick(struct rpc_server *server)
{
	uint64_t now = uv_now(server->loop);

	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++)
		if (server->call[i].used)
			tick_call(&server->call[i], now);
}

static void end_badly(struct rpc_call *c, enum rpc_status status, const char *why)
{
	refuse(c->from, &c->peer, c->id, status, "%s", why);
	cancel_call(c);
}

void rpc_end_all(struct rpc_server *server, const struct rpc_listener *from)
{
	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++)
		if (server->call[i].used && server->call[i].from == from)
			end_badly(&server->call[i], RPC_UNAVAILABLE, "control stops");
}

void rpc_end_disallowed(struct rpc_server *server)
{
	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++) {
		struct rpc_call *c = &server->call[i];
		const struct rpc_allowed *now = c->used && c->from->tcp ? rpc_admit_find(server, c->peer.key)
		                                                        : NULL;

		if (c->used && c->from->tcp && (!now || now->role < c->needs))
			end_badly(c, RPC_UNAUTHENTICATED, "this key is not allowed that any more");
	}
}
