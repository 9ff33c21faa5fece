/* By tcp with CURVE: who is let in, as what, and what is said to the others.  The server is on a thread of
 * its own, on a port of the loopback that the kernel chooses. */
#include "common/rpc/rpc.h"

#include "proto/control.pb-c.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#define WAIT_MS 30000u

static uv_loop_t loop;
static uv_async_t stop, change;
static struct rpc_server *server;
static pthread_t thread;
static char endpoint[64];
static struct rpc_key_pair own, alice, bob, mallory;
static struct rpc_allowed allowed[2];
static uint32_t n_allowed, cancelled, kept;
static bool listening;
static struct rpc_who last;
static struct rpc_error error;

static void status(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	Sluice__StatusReply reply = SLUICE__STATUS_REPLY__INIT;

	(void)context, (void)request;
	last = rpc_caller(call);
	reply.config = (char *)rpc_socket_name(call);
	rpc_reply(call, &reply.base);
}

static void on_cancel(void *context, struct rpc_call *call)
{
	(void)context, (void)call;
	__atomic_add_fetch(&cancelled, 1, __ATOMIC_SEQ_CST);
}

static void keep(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	(void)context, (void)request;
	rpc_on_cancel(call, on_cancel, NULL);
	__atomic_add_fetch(&kept, 1, __ATOMIC_SEQ_CST);
}

static void confirm(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	Sluice__ConfirmReply reply = SLUICE__CONFIRM_REPLY__INIT;

	(void)context, (void)request;
	rpc_reply(call, &reply.base);
}

static const struct rpc_method read_methods[] = {{"Status", status, false}};
static const struct rpc_method admin_methods[] = {{"Confirm", confirm, false}, {"Buffers", keep, true}};
static const struct rpc_service services[] = {
        {&sluice__read__descriptor, RPC_READER, read_methods, ARRAY_LEN(read_methods), NULL},
        {&sluice__admin__descriptor, RPC_ADMIN, admin_methods, ARRAY_LEN(admin_methods), NULL},
};

static void on_stop(uv_async_t *handle)
{
	rpc_server_close(server);
	uv_close((uv_handle_t *)&change, NULL);
	uv_close((uv_handle_t *)handle, NULL);
}

static void on_change(uv_async_t *handle)
{
	(void)handle;
	cr_assert_eq(rpc_server_allow(server, allowed, n_allowed), 0);
	if (!listening)
		rpc_server_unlisten(server, endpoint);
}

static void *serve(void *arg)
{
	(void)arg;
	uv_run(&loop, UV_RUN_DEFAULT);
	return NULL;
}

static int listening_socket(uint16_t *l4_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&at, len) && !listen(fd, 16));
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*l4_port = ntohs(at.sin_port);
	return fd;
}

static void allow(
        struct rpc_allowed *to, const char *name, const struct rpc_key_pair *pair, enum rpc_role role)
{
	*to = (struct rpc_allowed){.role = role};
	snprintf(to->name, sizeof to->name, "%s", name);
	memcpy(to->key, pair->public_key, sizeof to->key);
}

static void setup(void)
{
	uint16_t l4_port;
	int fd = listening_socket(&l4_port);

	cr_assert(!rpc_key_make(&own) && !rpc_key_make(&alice) && !rpc_key_make(&bob) &&
	          !rpc_key_make(&mallory));
	allow(&allowed[0], "alice", &alice, RPC_READER);
	allow(&allowed[1], "bob", &bob, RPC_ADMIN);
	n_allowed = 2;
	listening = true;
	snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", l4_port);
	uv_loop_init(&loop);
	uv_async_init(&loop, &stop, on_stop);
	uv_async_init(&loop, &change, on_change);
	cr_assert_eq(rpc_server_open(&server, &loop), 0);
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		rpc_server_add(server, &services[i]);
	cr_assert_eq(rpc_server_allow(server, allowed, n_allowed), 0);
	cr_assert_eq(rpc_server_listen(server, &(struct rpc_listen){endpoint, .fd = fd, .key = &own}), 0);
	cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void teardown(void)
{
	uv_async_send(&stop);
	pthread_join(thread, NULL);
	cr_expect_eq(uv_loop_close(&loop), 0);
}

TestSuite(rpc_tcp, .init = setup, .fini = teardown, .timeout = 120);

static int open_as(struct rpc_client **c, const struct rpc_key_pair *pair)
{
	return rpc_client_open_tcp(c, endpoint, own.public_key, pair, WAIT_MS);
}

static struct rpc_client *client(const struct rpc_key_pair *pair)
{
	struct rpc_client *c;

	cr_assert_eq(open_as(&c, pair), 0);
	return c;
}

static enum rpc_status call_status(struct rpc_client *c)
{
	Sluice__StatusRequest request = SLUICE__STATUS_REQUEST__INIT;
	ProtobufCMessage *reply;
	enum rpc_status s = rpc_client_call(
	        c, &sluice__read__descriptor, "Status", &request.base, WAIT_MS, &reply, &error);

	if (s == RPC_OK)
		cr_expect_str_eq(((Sluice__StatusReply *)reply)->config, endpoint + 6);
	rpc_free(reply);
	return s;
}

static enum rpc_status call_confirm(struct rpc_client *c)
{
	Sluice__ConfirmRequest request = SLUICE__CONFIRM_REQUEST__INIT;
	ProtobufCMessage *reply;
	enum rpc_status s = rpc_client_call(
	        c, &sluice__admin__descriptor, "Confirm", &request.base, WAIT_MS, &reply, &error);

	rpc_free(reply);
	return s;
}

static struct rpc_counts counts(void)
{
	struct rpc_counts n;

	rpc_server_counts(server, &n);
	return n;
}

static void await(const uint32_t *what, uint32_t value)
{
	while (__atomic_load_n(what, __ATOMIC_SEQ_CST) != value)
		poll(NULL, 0, 5);
}

Test(rpc_tcp, a_key_has_the_role_that_the_list_gives_it)
{
	struct rpc_client *reader = client(&alice), *admin = client(&bob);

	cr_expect_eq(call_status(reader), RPC_OK);
	cr_expect_str_eq(last.key, "alice");
	cr_expect_eq(last.uid, -1);
	cr_expect_eq(call_confirm(reader), RPC_PERMISSION_DENIED);
	cr_expect(strstr(error.message, "the key alice may only read"), "%s", error.message);
	cr_expect_eq(call_status(admin), RPC_OK);
	cr_expect_str_eq(last.key, "bob");
	cr_expect_eq(call_confirm(admin), RPC_OK);
	cr_expect_eq(counts().refused, 1);
	cr_expect_eq(counts().clients, 2);
	rpc_client_close(reader);
	rpc_client_close(admin);
}

Test(rpc_tcp, a_key_that_is_not_on_the_list_is_refused_and_counted)
{
	struct rpc_client *c;

	cr_expect_eq(open_as(&c, &mallory), -EKEYREJECTED);
	cr_expect_null(c);
	cr_expect_geq(counts().unauthorized, 1);
	cr_expect_eq(counts().requests, 0);
}

Test(rpc_tcp, a_public_key_alone_is_not_enough)
{
	struct rpc_key_pair pretended = mallory;
	struct rpc_client *c;

	memcpy(pretended.public_key, bob.public_key, sizeof bob.public_key);
	cr_expect_eq(open_as(&c, &pretended), -EPROTO);
	cr_expect_eq(counts().requests, 0);
}

Test(rpc_tcp, another_server_is_not_trusted)
{
	struct rpc_client *c;

	cr_expect_eq(rpc_client_open_tcp(&c, endpoint, mallory.public_key, &alice, WAIT_MS), -EPROTO);
	cr_expect_geq(counts().handshakes, 1);
}

Test(rpc_tcp, who_has_no_key_is_not_heard)
{
	struct rpc_request r = {.id = 1, .method = "sluice.Read/Status"};
	void *zmq = zmq_ctx_new(), *socket = zmq_socket(zmq, ZMQ_DEALER);
	const int none = 0;
	uint8_t *bytes;
	size_t len;

	cr_assert_eq(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none), 0);
	cr_assert_eq(zmq_connect(socket, endpoint), 0);
	cr_assert_eq(rpc_request_encode(&r, &bytes, &len), 0);
	cr_assert_geq(zmq_send(socket, bytes, len, 0), 0);
	free(bytes);
	while (counts().handshakes < 1)
		poll(NULL, 0, 5);
	cr_expect_eq(counts().requests, 0);
	zmq_close(socket);
	zmq_ctx_term(zmq);
}

Test(rpc_tcp, nobody_there_and_no_such_host_are_told)
{
	uint16_t l4_port;
	int fd = listening_socket(&l4_port);
	struct rpc_client *c;
	char to[64];

	close(fd);
	snprintf(to, sizeof to, "tcp://127.0.0.1:%u", l4_port);
	cr_expect_eq(rpc_client_open_tcp(&c, to, own.public_key, &alice, WAIT_MS), -ECONNREFUSED);
	cr_expect_eq(rpc_client_open_tcp(&c, "tcp://127.0.0.1", own.public_key, &alice, WAIT_MS), -EINVAL);
	cr_expect_eq(
	        rpc_client_open_tcp(&c, "tcp://127.0.0.1:no-such", own.public_key, &alice, WAIT_MS), -ENXIO);
	cr_expect_eq(rpc_client_open_tcp(&c, "udp://127.0.0.1:1", own.public_key, &alice, WAIT_MS),
	        -EPROTONOSUPPORT);
}

Test(rpc_tcp, a_change_of_the_list_holds_for_who_is_connected)
{
	Sluice__BuffersRequest request = SLUICE__BUFFERS_REQUEST__INIT;
	struct rpc_client *reader = client(&alice), *admin = client(&bob), *again;
	ProtobufCMessage *piece;

	cr_expect_eq(call_status(reader), RPC_OK);
	cr_assert_eq(rpc_client_start(admin, &sluice__admin__descriptor, "Buffers", &request.base, 0, &error),
	        RPC_OK);
	await(&kept, 1);
	allow(&allowed[0], "bob", &bob, RPC_READER);
	n_allowed = 1;
	uv_async_send(&change);
	await(&cancelled, 1);
	cr_expect_eq(rpc_client_next(admin, WAIT_MS, &piece, &error), RPC_UNAUTHENTICATED);
	cr_expect_eq(call_status(admin), RPC_OK);
	cr_expect_eq(call_confirm(admin), RPC_PERMISSION_DENIED);
	cr_expect_eq(call_status(reader), RPC_UNAUTHENTICATED);
	cr_expect_eq(open_as(&again, &alice), -EKEYREJECTED);
	rpc_client_close(reader);
	rpc_client_close(admin);
}

Test(rpc_tcp, an_endpoint_that_is_closed_ends_its_calls)
{
	Sluice__BuffersRequest request = SLUICE__BUFFERS_REQUEST__INIT;
	struct rpc_client *admin = client(&bob), *again;
	ProtobufCMessage *piece;

	cr_assert_eq(rpc_client_start(admin, &sluice__admin__descriptor, "Buffers", &request.base, 0, &error),
	        RPC_OK);
	await(&kept, 1);
	listening = false;
	uv_async_send(&change);
	await(&cancelled, 1);
	cr_expect_eq(rpc_client_next(admin, WAIT_MS, &piece, &error), RPC_UNAVAILABLE);
	rpc_client_close(admin);
	while (open_as(&again, &bob) != -ECONNREFUSED)
		poll(NULL, 0, 5);
}

Test(rpc_key, a_pair_is_completed_from_its_secret_half)
{
	struct rpc_key_pair made, half;

	cr_assert_eq(rpc_key_make(&made), 0);
	cr_expect(rpc_key_good(made.public_key) && rpc_key_good(made.secret_key));
	half = made;
	half.public_key[0] = 0;
	cr_assert_eq(rpc_key_complete(&half), 0);
	cr_expect_str_eq(half.public_key, made.public_key);
	half.secret_key[3] = '"';
	cr_expect_eq(rpc_key_complete(&half), -EINVAL);
	cr_expect_not(rpc_key_good("short"));
	cr_expect_not(rpc_key_good("%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"));
}
