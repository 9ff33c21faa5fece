/* What a server does with anything that comes: messages of any number of parts, whole requests of every
 * method, cancellations, connections that come, go, are cut off or do not take what is sent, questions of who
 * may connect, keys that change, time that passes; and what its handlers do meanwhile with the calls they
 * keep.
 *
 * Input: a byte that says what happens, then what that takes (struct step).  At any time each call is known
 * to its handler as long as it is to the server, within its bounds; what is sent can be read; when clients
 * are gone and their time is over, nothing is left.  ZeroMQ is played by wire.c, and the loop's clock is the
 * input's. */
#include "common/rpc/internal.h"
#include "proto/capture.pb-c.h"
#include "proto/control.pb-c.h"
#include "proto/health.pb-c.h"
#include "proto/monitor.pb-c.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rpc/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define LISTENERS  3u /* readers', administrators', by tcp */
#define PEERS      12u
#define PARTS_MAX  4u
#define QUIET_MS   (2u * HEARTBEAT_MS)
#define FOREVER_MS (RPC_DEADLINE_MAX + QUIET_MS)

struct input {
	const uint8_t *at, *end;
};

/* A client: of listener i % LISTENERS. */
struct peer {
	int near, far; /* its connection's two ends; -1: there is none */
	bool gone, slow;
	uint32_t i;
};

static struct rpc_server *server;
static uv_loop_t loop;
static struct peer peer[PEERS];
static struct rpc_call *kept[RPC_CALLS_MAX];
static uint32_t n_kept, too_large;
static char folder[64];
static const struct rpc_key_pair own = {"", ""};

static uint8_t take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* As many bytes as the next one says, or as there are. */
static struct wire_part take_bytes(struct input *in)
{
	size_t len = take(in);
	struct wire_part p = {.bytes = in->at};

	p.len = MIN(len, (size_t)(in->end - in->at));
	in->at += p.len;
	return p;
}

/* ---- handlers ---- */

static void forget(void *context, struct rpc_call *call)
{
	(void)context;
	for (uint32_t i = 0; i < n_kept; i++) {
		if (kept[i] != call)
			continue;
		kept[i] = kept[--n_kept];
		return;
	}
	REQUIRE(!"a call ended that was not under way");
}

static void keep(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	(void)context, (void)request;
	REQUIRE(n_kept < RPC_CALLS_MAX);
	kept[n_kept++] = call;
	rpc_on_cancel(call, forget, NULL);
}

static void answer(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	struct rpc_who who = rpc_caller(call);

	(void)context;
	REQUIRE(memchr(who.key, 0, sizeof who.key) && rpc_socket_name(call) && rpc_left_ms(call));
	rpc_reply(call, request);
}

static void fail(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	(void)context;
	rpc_fail_body(call, RPC_NOT_FOUND, "there is none", request);
}

static const struct rpc_method read_methods[] = {{"Status", answer, false}, {"Account", keep, false},
        {"Counters", fail, false}, {"ConfigText", answer, false}};
static const struct rpc_method admin_methods[] = {{"Apply", answer, false}, {"Buffers", keep, false}};
static const struct rpc_method tap_methods[] = {{"Capture", keep, true}};
static const struct rpc_method monitor_methods[] = {{"Events", keep, true}};
static const struct rpc_service services[] = {
        {&sluice__read__descriptor, RPC_READER, read_methods, ARRAY_LEN(read_methods)},
        {&sluice__admin__descriptor, RPC_ADMIN, admin_methods, ARRAY_LEN(admin_methods)},
        {&sluice__taps__descriptor, RPC_ADMIN, tap_methods, ARRAY_LEN(tap_methods)},
        {&sluice__monitor__descriptor, RPC_READER, monitor_methods, ARRAY_LEN(monitor_methods)},
};

static const char *const names[] = {"sluice.Read/Status", "sluice.Read/Account", "sluice.Read/Counters",
        "sluice.Read/ConfigText", "sluice.Admin/Apply", "sluice.Admin/Buffers", "sluice.Taps/Capture",
        "sluice.Monitor/Events", "sluice.Read/Ports", "sluice.Nobody/Status", "Status", "/"};

/* Something is done with a call that was kept. */
static void act(struct input *in)
{
	Sluice__StatusReply body = SLUICE__STATUS_REPLY__INIT;
	uint8_t which = take(in), how = take(in);
	struct rpc_call *call = n_kept ? kept[which % n_kept] : NULL;

	if (!call)
		return;
	body.epoch = which;
	if (how % 4)
		forget(NULL, call);
	switch (how % 4) {
	case 0: REQUIRE(rpc_send(call, &body.base) || rpc_missed(call)); break;
	case 1: rpc_reply(call, &body.base); break;
	case 2: rpc_fail(call, RPC_ABORTED, "%s", "it was given up"); break;
	case 3: rpc_end(call); break;
	}
}

/* ---- clients ---- */

static size_t id_of(const struct peer *p, uint8_t id[PEER_MAX])
{
	size_t len = 1 + p->i * (PEER_MAX - 1) / (PEERS - 1);

	memset(id, (int)p->i, len);
	return len;
}

static int takes(const uint8_t *id, size_t len)
{
	const struct peer *p = &peer[id[0]];

	REQUIRE(len && id[0] < PEERS);
	return p->gone ? EHOSTUNREACH : p->slow ? EAGAIN : 0;
}

static void sent(const uint8_t *id, size_t id_len, const uint8_t *bytes, size_t len)
{
	uint8_t expected[PEER_MAX];
	struct rpc_response r;

	REQUIRE(id_of(&peer[id[0]], expected) == id_len && !memcmp(id, expected, id_len));
	REQUIRE(rpc_response_decode(&r, bytes, len) == 0);
	rpc_response_free(&r);
}

static struct rpc_listener *listener_of(const struct peer *p)
{
	struct rpc_listener *l = server ? &server->listener[p->i % LISTENERS] : NULL;

	return l && l->calls.socket && !l->closing ? l : NULL;
}

static const char *user_of(const struct peer *p)
{
	static const char *const users[] = {"", "reader-key", "admin-key", "other-key"};

	return users[p->i / LISTENERS % ARRAY_LEN(users)];
}

static void deliver(const struct peer *p, struct wire_part *parts, uint32_t n)
{
	uint8_t id[PEER_MAX];

	parts[0] = (struct wire_part){id, id_of(p, id)};
	for (uint32_t i = 0; i < n; i++) {
		parts[i].address = p->i % 2 ? "localhost:0:0:77" : "::";
		parts[i].user = user_of(p);
	}
	if (listener_of(p))
		wire_put(listener_of(p)->calls.socket, parts, n);
}

/* Any parts. */
static void send_parts(struct input *in, const struct peer *p)
{
	struct wire_part parts[PARTS_MAX + 1];
	uint32_t n = take(in) % PARTS_MAX;

	for (uint32_t i = 1; i <= n; i++)
		parts[i] = take_bytes(in);
	deliver(p, parts, n + 1);
}

/* What can be read as a request. */
static void send_request(struct input *in, const struct peer *p)
{
	struct rpc_request r = {.id = take(in) % 32};
	struct wire_part parts[2], body;
	uint8_t what = take(in), *bytes;
	size_t len;

	r.cancel = what >= 192;
	r.deadline_ms = (uint32_t)take(in) * 50;
	snprintf(r.method, sizeof r.method, "%s", names[what % ARRAY_LEN(names)]);
	body = take_bytes(in);
	r.body = (uint8_t *)(uintptr_t)body.bytes;
	r.body_len = body.len;
	REQUIRE(rpc_request_encode(&r, &bytes, &len) == 0);
	parts[1] = (struct wire_part){bytes, len};
	deliver(p, parts, 2);
	free(bytes);
}

/* More than a reader may send, or an administrator of readers' size. */
static void send_large(struct input *in, const struct peer *p)
{
	struct rpc_request r = {.id = take(in), .method = "sluice.Admin/Apply"};
	struct wire_part parts[2];
	uint8_t *bytes;
	size_t len;

	r.body_len = RPC_REQUEST_MAX + take(in);
	r.body = calloc(1, r.body_len);
	REQUIRE(r.body && rpc_request_encode(&r, &bytes, &len) == 0);
	parts[1] = (struct wire_part){bytes, len};
	deliver(p, parts, 2);
	rpc_request_free(&r);
	free(bytes);
	too_large++;
}

static void arrive(struct peer *p)
{
	int pair[2];

	if (p->near >= 0 || !listener_of(p))
		return;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	p->near = pair[0];
	p->far = pair[1];
	p->gone = p->slow = false;
	wire_event(listener_of(p)->calls.socket, ZMQ_EVENT_ACCEPTED, p->near);
}

/* Of itself, or by ZeroMQ.  The number may be another's before it is told. */
static void leave(struct peer *p, bool by_itself)
{
	p->gone = true;
	if (p->near < 0)
		return;
	if (by_itself)
		close(p->far);
	if (listener_of(p))
		wire_event(listener_of(p)->calls.socket, ZMQ_EVENT_DISCONNECTED, p->near);
	too_large += !by_itself;
	close(p->near);
	if (!by_itself)
		close(p->far);
	p->near = p->far = -1;
}

static void handshake_fails(const struct peer *p)
{
	if (listener_of(p))
		wire_event(listener_of(p)->calls.socket, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, EPROTO);
}

/* As ZeroMQ's RFC 27 has it: version, request, domain, address, routing id, mechanism, credentials. */
static void ask_whether(struct input *in)
{
	static const char curve[] = "CURVE";
	uint32_t domain = take(in), n = 6 + take(in) % 4;
	char text[4];
	struct wire_part parts[9];

	snprintf(text, sizeof text, "%u", domain % 12);
	for (uint32_t i = 0; i < n; i++)
		parts[i] = take_bytes(in);
	parts[2] = (struct wire_part){(const uint8_t *)text, strlen(text)};
	parts[5] = (struct wire_part){(const uint8_t *)curve, domain % 2 ? sizeof curve - 1 : 2};
	wire_put(server->zap.socket, parts, n);
}

static void change_keys(uint8_t which)
{
	static const struct rpc_allowed list[] = {
	        {"reader", "reader-key", RPC_READER}, {"admin", "admin-key", RPC_ADMIN}};
	uint32_t first = which % 2;

	REQUIRE(rpc_server_allow(server, list + first, ARRAY_LEN(list) - first - which / 2 % 2) == 0);
}

/* ---- the server ---- */

/* As the loop would, on a clock of ours. */
static void run_once(void)
{
	server->prepare.prepare_cb(&server->prepare);
}

static void pass(uint64_t ms)
{
	run_once();
	loop.time += ms;
	if (uv_is_active((uv_handle_t *)&server->tick))
		server->tick.timer_cb(&server->tick);
	run_once();
}

static void listen_at(uint32_t i)
{
	char endpoint[128] = "tcp://127.0.0.1:1";

	if (i < 2)
		snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", folder, i ? "admin" : "read");
	REQUIRE(rpc_server_listen(server, &(struct rpc_listen){endpoint, 0600, i ? RPC_ADMIN : RPC_READER,
	                                          .fd = -1, .key = &own}) == 0);
}

static void listen_anew(void)
{
	uint64_t now = loop.time;

	rpc_server_unlisten(server, "tcp://127.0.0.1:1");
	uv_run(&loop, UV_RUN_NOWAIT);
	loop.time = now;
	REQUIRE(!server->listener[2].calls.socket);
	for (uint32_t i = 2; i < PEERS; i += LISTENERS)
		leave(&peer[i], true);
	listen_at(2);
}

static void start(void)
{
	const char *temporary = getenv("TMPDIR");

	snprintf(folder, sizeof folder, "%.40s/fuzz.XXXXXX", temporary ? temporary : "/tmp");
	REQUIRE(mkdtemp(folder) && uv_loop_init(&loop) == 0 &&
	        rpc_server_open(&server, &loop, services, ARRAY_LEN(services), NULL) == 0);
	for (uint32_t i = 0; i < LISTENERS; i++)
		listen_at(i);
	change_keys(0);
	for (uint32_t i = 0; i < PEERS; i++)
		peer[i] = (struct peer){.near = -1, .far = -1, .i = i};
	n_kept = too_large = 0;
	wire_takes = takes;
	wire_sent = sent;
}

static void check(void)
{
	uint32_t calls = 0, streams = 0;

	for (uint32_t i = 0; i < RPC_CALLS_MAX; i++) {
		calls += server->call[i].used;
		streams += server->call[i].used && server->call[i].stream;
	}
	REQUIRE(calls == n_kept && calls == server->counts.calls && streams == server->counts.streams);
	REQUIRE(streams <= RPC_STREAMS_MAX && server->counts.oversized <= too_large);
	REQUIRE((calls > 0) == uv_is_active((uv_handle_t *)&server->tick));
}

/* Nobody is left, and no time. */
static void end(void)
{
	run_once();
	for (uint32_t i = 0; i < PEERS; i++)
		leave(&peer[i], true);
	for (uint32_t i = 0; i < 3; i++)
		pass(FOREVER_MS);
	check();
	REQUIRE(n_kept == 0);
	for (uint32_t i = 0; i < LISTENERS; i++)
		REQUIRE(server->listener[i].clients == 0 && server->listener[i].n_connections == 0);
	wire_release();
	for (uint32_t i = 0; i < LISTENERS; i++)
		REQUIRE(server->queued[i] == 0);
}

static void step(struct input *in)
{
	uint8_t what = take(in), who = take(in);
	struct peer *p = &peer[who % PEERS];

	switch (what % 14) {
	case 0: send_parts(in, p); break;
	case 1:
	case 2: send_request(in, p); break;
	case 3: send_large(in, p); break;
	case 4: arrive(p); break;
	case 5: leave(p, true); break;
	case 6: leave(p, false); break;
	case 7: p->slow = !p->slow; break;
	case 8: handshake_fails(p); break;
	case 9: ask_whether(in); break;
	case 10: change_keys(who); break;
	case 11: act(in); break;
	case 12: pass((uint64_t)who * 100); break;
	case 13: who % 8 ? wire_release() : listen_anew(); break;
	}
	if (what < 128)
		run_once();
	check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	int free_before = dup(STDIN_FILENO), free_after;

	close(free_before);
	start();
	while (in.at < in.end)
		step(&in);
	/* With what is under way still there, or with nothing left. */
	if (size % 2)
		end();
	rpc_server_close(server);
	REQUIRE(n_kept == 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	server = NULL;
	REQUIRE(uv_loop_close(&loop) == 0 && wire_open() == 0 && rmdir(folder) == 0);
	for (uint32_t i = 0; i < PEERS; i++)
		leave(&peer[i], true);
	wire_release();
	free_after = dup(STDIN_FILENO);
	close(free_after);
	REQUIRE(free_after == free_before);
	return 0;
}
