/* By tcp with CURVE: who is let in, as what, and what is said to the others.  The server is on a thread of
 * its own, on a port of the loopback that the kernel chooses. */
#include "tests/unit/rpc/bed.h"

#include "proto/control.pb-c.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

static char endpoint[64];
static struct rpc_key_pair own, alice, bob, mallory;
static struct rpc_allowed allowed[2];
static uint32_t n_allowed;

static void confirm(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	Sluice__ConfirmReply reply = SLUICE__CONFIRM_REPLY__INIT;

	(void)context, (void)request;
	rpc_reply(call, &reply.base);
}

static const struct rpc_method read_methods[] = {{"Status", bed_status, false}};
static const struct rpc_method admin_methods[] = {{"Confirm", confirm, false}, {"Buffers", bed_keep, true}};
static const struct rpc_service services[] = {
        {&sluice__read__descriptor, RPC_READER, read_methods, ARRAY_LEN(read_methods)},
        {&sluice__admin__descriptor, RPC_ADMIN, admin_methods, ARRAY_LEN(admin_methods)},
};

static void allow_others(void)
{
	cr_assert_eq(rpc_server_allow(bed.server, allowed, n_allowed), 0);
}

static void unlisten(void)
{
	rpc_server_unlisten(bed.server, endpoint);
}

/* A socket at a port of its own, where nobody is heard until it listens. */
static int bound_socket(uint16_t *l4_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&at, len));
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
	int fd = bound_socket(&l4_port);

	cr_assert_eq(listen(fd, 16), 0);
	cr_assert(!rpc_key_make(&own) && !rpc_key_make(&alice) && !rpc_key_make(&bob) &&
	          !rpc_key_make(&mallory));
	allow(&allowed[0], "alice", &alice, RPC_READER);
	allow(&allowed[1], "bob", &bob, RPC_ADMIN);
	n_allowed = 2;
	snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", l4_port);
	bed_open(services, ARRAY_LEN(services));
	allow_others();
	cr_assert_eq(rpc_server_listen(bed.server, &(struct rpc_listen){endpoint, .fd = fd, .key = &own}), 0);
	bed_run();
}

TestSuite(rpc_tcp, .init = setup, .fini = bed_close, .timeout = 250);

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

static enum rpc_status call_confirm(struct rpc_client *c)
{
	Sluice__ConfirmRequest request = SLUICE__CONFIRM_REQUEST__INIT;

	return bed_call(c, &sluice__admin__descriptor, "Confirm", &request.base, WAIT_MS);
}

/* It is counted when the server's thread looks, which may be behind what a client sees. */
static void await_failed_handshake(void)
{
	while (bed_counts().handshakes < 1)
		poll(NULL, 0, 5);
}

Test(rpc_tcp, a_key_has_the_role_that_the_list_gives_it)
{
	struct rpc_client *reader = client(&alice), *admin = client(&bob);

	cr_expect_eq(bed_ask_status(reader), RPC_OK);
	cr_expect_str_eq(bed.asked.key, "alice");
	cr_expect_str_eq(bed.by, endpoint + strlen("tcp://"));
	cr_expect_eq(bed.asked.uid, -1);
	cr_expect_eq(call_confirm(reader), RPC_PERMISSION_DENIED);
	cr_expect(strstr(bed.error.message, "the key alice may only read"), "%s", bed.error.message);
	cr_expect_eq(bed_ask_status(admin), RPC_OK);
	cr_expect_str_eq(bed.asked.key, "bob");
	cr_expect_eq(call_confirm(admin), RPC_OK);
	cr_expect_eq(bed_counts().refused, 1);
	bed_await_clients(2);
	rpc_client_close(reader);
	rpc_client_close(admin);
}

Test(rpc_tcp, a_key_that_is_not_on_the_list_is_refused_and_counted)
{
	struct rpc_client *c;

	cr_expect_eq(open_as(&c, &mallory), -EKEYREJECTED);
	cr_expect_null(c);
	cr_expect_geq(bed_counts().unauthorized, 1);
	cr_expect_eq(bed_counts().requests, 0);
}

Test(rpc_tcp, a_public_key_alone_is_not_enough)
{
	struct rpc_key_pair pretended = mallory;
	struct rpc_client *c;

	memcpy(pretended.public_key, bob.public_key, sizeof bob.public_key);
	cr_expect_eq(open_as(&c, &pretended), -EPROTO);
	cr_expect_eq(bed_counts().requests, 0);
}

Test(rpc_tcp, another_server_is_not_trusted)
{
	struct rpc_client *c;

	cr_expect_eq(rpc_client_open_tcp(&c, endpoint, mallory.public_key, &alice, WAIT_MS), -EPROTO);
	await_failed_handshake();
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
	await_failed_handshake();
	cr_expect_eq(bed_counts().requests, 0);
	zmq_close(socket);
	zmq_ctx_term(zmq);
}

Test(rpc_tcp, nobody_there_and_no_such_host_are_told)
{
	uint16_t l4_port;
	int fd = bound_socket(&l4_port);
	struct rpc_client *c;
	char to[64];

	snprintf(to, sizeof to, "tcp://127.0.0.1:%u", l4_port);
	cr_expect_eq(rpc_client_open_tcp(&c, to, own.public_key, &alice, WAIT_MS), -ECONNREFUSED);
	close(fd);
	cr_expect_eq(rpc_client_open_tcp(&c, "tcp://127.0.0.1", own.public_key, &alice, WAIT_MS), -EINVAL);
	cr_expect_eq(
	        rpc_client_open_tcp(&c, "tcp://127.0.0.1:no-such", own.public_key, &alice, WAIT_MS), -ENXIO);
	cr_expect_eq(rpc_client_open_tcp(&c, "udp://127.0.0.1:1", own.public_key, &alice, WAIT_MS),
	        -EPROTONOSUPPORT);
}

Test(rpc_tcp, a_change_of_the_list_holds_for_who_is_connected)
{
	struct rpc_client *reader = client(&alice), *admin = client(&bob), *again;
	ProtobufCMessage *piece;

	cr_expect_eq(bed_ask_status(reader), RPC_OK);
	bed_start_kept(admin);
	allow(&allowed[0], "bob", &bob, RPC_READER);
	n_allowed = 1;
	bed.on_change = allow_others;
	uv_async_send(&bed.change);
	bed_await(&bed.cancelled, 1);
	cr_expect_eq(rpc_client_next(admin, WAIT_MS, &piece, &bed.error), RPC_UNAUTHENTICATED);
	cr_expect_eq(bed_ask_status(admin), RPC_OK);
	cr_expect_eq(call_confirm(admin), RPC_PERMISSION_DENIED);
	cr_expect_eq(bed_ask_status(reader), RPC_UNAUTHENTICATED);
	cr_expect_eq(open_as(&again, &alice), -EKEYREJECTED);
	rpc_client_close(reader);
	rpc_client_close(admin);
}

Test(rpc_tcp, an_endpoint_that_is_closed_ends_its_calls)
{
	struct rpc_client *admin = client(&bob), *again;
	ProtobufCMessage *piece;

	bed_start_kept(admin);
	bed.on_change = unlisten;
	uv_async_send(&bed.change);
	bed_await(&bed.cancelled, 1);
	cr_expect_eq(rpc_client_next(admin, WAIT_MS, &piece, &bed.error), RPC_UNAVAILABLE);
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
