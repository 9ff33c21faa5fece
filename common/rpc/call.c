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
        const struct rpc_request *request, bool stream)
{
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
	        .id = request->id,
	        .deadline = stream && !request->deadline_ms ? 0 : now + ms,
	        .sent = now};
	if (!s->counts.calls++)
		uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	s->counts.streams += stream;
	return c;
}

/* Whether there is room for one more. */
static bool has_room(const struct rpc_server *s, uint32_t of_peer, bool stream)
{
	return s->counts.calls < RPC_CALLS_MAX && of_peer < RPC_PEER_CALLS &&
	       (!stream || s->counts.streams < RPC_STREAMS_MAX);
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
	t->method->call(t->service->context, new_call(from, peer, r, t->method->stream), message);
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
	} else if (t.service->role > from->role) {
		s->counts.refused++;
		refuse(from, peer, r->id, RPC_PERMISSION_DENIED,
		        "%s is for administrators, and this socket is for readers: use admin.sock beside it",
		        r->method);
	} else if (same) {
		refuse(from, peer, r->id, RPC_ALREADY_EXISTS, "a call with this id is under way");
	} else if (!has_room(s, of_peer, t.method->stream)) {
		s->counts.refused++;
		refuse(from, peer, r->id, RPC_RESOURCE_EXHAUSTED,
		        "too many calls are under way: end others first, or try again later");
	} else {
		run(from, peer, r, &t);
	}
}

void rpc_take_request(
        struct rpc_listener *from, const struct rpc_peer *peer, const uint8_t *bytes, size_t len)
{
	struct rpc_request request;

	if (rpc_request_decode(&request, bytes, len)) {
		from->server->counts.malformed++;
		return;
	}
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
	const char *slash = strrchr(call->from->path, '/');

	return slash ? slash + 1 : call->from->path;
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

void rpc_end_all(struct rpc_server *server)
{
	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++) {
		struct rpc_call *c = &server->call[i];

		if (!c->used)
			continue;
		refuse(c->from, &c->peer, c->id, RPC_UNAVAILABLE, "control stops");
		cancel_call(c);
	}
}
