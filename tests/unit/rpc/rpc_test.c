/* Both sides over a socket in a folder of the test's own; the server on a thread of its own. */
#include "tests/unit/rpc/bed.h"

#include "proto/control.pb-c.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

static char dir[64], read_endpoint[128], admin_endpoint[128];
static struct rpc_call *unfinished;
static uint32_t flooded, pieces_lost;

/* One counter with this name. */
static bool send_piece(struct rpc_call *call, const char *name)
{
	Sluice__CountersReply piece = SLUICE__COUNTERS_REPLY__INIT;
	Sluice__Counter counter = SLUICE__COUNTER__INIT, *list = &counter;

	counter.name = (char *)name;
	piece.counters = &list;
	piece.n_counters = 1;
	return rpc_send(call, &piece.base);
}

static void end_unfinished(void)
{
	send_piece(unfinished, "last");
	rpc_end(unfinished);
}

/* A stream of three pieces and its end. */
static void counters(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	(void)context, (void)request;
	cr_assert(send_piece(call, "one"));
	cr_assert(send_piece(call, "one"));
	unfinished = call;
	bed.on_change = end_unfinished;
	uv_async_send(&bed.change);
}

/* Far more pieces than a client that does not read is owed. */
static void flood(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	Sluice__PortsReply piece = SLUICE__PORTS_REPLY__INIT;
	Sluice__Port port = SLUICE__PORT__INIT, *list = &port;
	static char text[16384];

	(void)context, (void)request;
	memset(text, 'x', sizeof text - 1);
	port.name = text;
	piece.ports = &list;
	piece.n_ports = 1;
	for (uint32_t i = 0; i < 4000; i++)
		pieces_lost += !rpc_send(call, &piece.base);
	cr_assert_eq(rpc_missed(call), pieces_lost);
	rpc_on_cancel(call, bed_cancelled, NULL);
	__atomic_store_n(&flooded, 1, __ATOMIC_SEQ_CST);
}

static void apply(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__ApplyRequest *r = (const void *)request;
	Sluice__ApplyReply reply = SLUICE__APPLY_REPLY__INIT;

	(void)context;
	reply.epoch = (uint32_t)r->text.len;
	if (r->text.len == 1)
		rpc_fail_body(call, RPC_INVALID_ARGUMENT, "a byte is not enough", &reply.base);
	else
		rpc_reply(call, &reply.base);
}

static const struct rpc_method read_methods[] = {{"Status", bed_status, false}, {"Account", bed_keep, false},
        {"Counters", counters, true}, {"Ports", flood, true}};
static const struct rpc_method admin_methods[] = {{"Apply", apply, false}, {"Buffers", bed_keep, true}};
static const struct rpc_service services[] = {
        {&sluice__read__descriptor, RPC_READER, read_methods, ARRAY_LEN(read_methods)},
        {&sluice__admin__descriptor, RPC_ADMIN, admin_methods, ARRAY_LEN(admin_methods)},
};

static void name_endpoints(void)
{
	snprintf(dir, sizeof dir, "/tmp/sluice-rpc-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(read_endpoint, sizeof read_endpoint, "ipc://%s/read.sock", dir);
	snprintf(admin_endpoint, sizeof admin_endpoint, "ipc://%s/admin.sock", dir);
}

static void serve(void)
{
	bed_open(services, ARRAY_LEN(services));
	cr_assert_eq(rpc_server_listen(bed.server, &(struct rpc_listen){read_endpoint, 0666, RPC_READER}), 0);
	cr_assert_eq(rpc_server_listen(bed.server, &(struct rpc_listen){admin_endpoint, 0600, RPC_ADMIN}), 0);
	bed_run();
}

static void setup(void)
{
	name_endpoints();
	serve();
}

static void teardown(void)
{
	bed_close();
	/* The socket files are gone. */
	cr_expect_eq(rmdir(dir), 0);
}

TestSuite(rpc, .init = setup, .fini = teardown, .timeout = 250);

static struct rpc_client *client(const char *endpoint)
{
	struct rpc_client *c;

	cr_assert_eq(rpc_client_open(&c, endpoint), 0);
	return c;
}

/* The status that a call gives; *epoch of the reply where it has one. */
static enum rpc_status call_apply(struct rpc_client *c, size_t len, uint32_t *epoch)
{
	Sluice__ApplyRequest request = SLUICE__APPLY_REQUEST__INIT;
	ProtobufCMessage *reply;
	enum rpc_status s;

	request.text.data = calloc(1, len);
	request.text.len = len;
	s = rpc_client_call(
	        c, &sluice__admin__descriptor, "Apply", &request.base, WAIT_MS, &reply, &bed.error);
	*epoch = s == RPC_OK ? ((Sluice__ApplyReply *)reply)->epoch : 0;
	rpc_free(reply);
	free(request.text.data);
	return s;
}

Test(rpc, a_call_is_answered)
{
	struct rpc_client *c = client(read_endpoint);

	for (int i = 0; i < 100; i++)
		cr_assert_eq(bed_ask_status(c), RPC_OK);
	rpc_client_close(c);
}

Test(rpc, sockets_have_the_modes_they_were_given)
{
	struct stat st;

	cr_assert_eq(stat(read_endpoint + 6, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0666);
	cr_assert_eq(stat(admin_endpoint + 6, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
}

Test(rpc, what_administers_is_refused_to_a_reader)
{
	struct rpc_client *reader = client(read_endpoint), *admin = client(admin_endpoint);
	uint32_t epoch;

	cr_expect_eq(call_apply(reader, 10, &epoch), RPC_PERMISSION_DENIED);
	cr_expect(strstr(bed.error.message, "admin.sock"));
	cr_expect_eq(call_apply(admin, 10, &epoch), RPC_OK);
	cr_expect_eq(epoch, 10);
	cr_expect_eq(bed_ask_status(admin), RPC_OK);
	rpc_client_close(reader);
	rpc_client_close(admin);
}

Test(rpc, a_failure_may_have_details)
{
	struct rpc_client *c = client(admin_endpoint);
	uint32_t epoch;

	cr_assert_eq(call_apply(c, 1, &epoch), RPC_INVALID_ARGUMENT);
	cr_expect_str_eq(bed.error.message, "a byte is not enough");
	cr_assert_not_null(bed.error.body);
	cr_expect_eq(((Sluice__ApplyReply *)bed.error.body)->epoch, 1);
	rpc_error_free(&bed.error);
	rpc_client_close(c);
}

Test(rpc, large_requests_are_for_administrators)
{
	struct rpc_client *reader = client(read_endpoint), *admin = client(admin_endpoint);
	uint32_t epoch;

	cr_expect_eq(call_apply(admin, 8u << 20, &epoch), RPC_OK);
	cr_expect_eq(epoch, 8u << 20);
	cr_expect_eq(call_apply(admin, RPC_ADMIN_MAX, &epoch), RPC_RESOURCE_EXHAUSTED);
	cr_expect_eq(call_apply(reader, RPC_REQUEST_MAX, &epoch), RPC_RESOURCE_EXHAUSTED);
	cr_expect_eq(bed_ask_status(reader), RPC_OK);
	cr_expect_eq(bed_ask_status(admin), RPC_OK);
	cr_expect_eq(bed_counts().oversized, 1); /* the other was not sent */
	rpc_client_close(reader);
	rpc_client_close(admin);
}

static bool counted(uint64_t oversized)
{
	while (bed_counts().oversized < oversized)
		poll(NULL, 0, 5);
	return bed_counts().oversized == oversized;
}

/* The server tells a cut from a leave where it has seen the connection come: the first answer says that. */
Test(rpc, who_sends_what_is_not_read_at_all_is_cut_off_and_counted)
{
	struct rpc_client *other = client(read_endpoint);
	uint32_t epoch;

	for (uint64_t i = 1; i <= 3; i++) {
		struct rpc_client *reader = client(read_endpoint);

		bed_await_clients(2);
		cr_expect_eq(bed_ask_status(reader), RPC_OK);
		cr_expect_eq(call_apply(reader, 1u << 20, &epoch), RPC_UNAVAILABLE);
		cr_expect(counted(i));
		rpc_client_close(reader);
		bed_await_clients(1);
	}
	cr_expect_eq(bed_ask_status(other), RPC_OK);
	rpc_client_close(other);
}

Test(rpc, who_leaves_is_not_taken_for_one_that_was_cut_off)
{
	for (uint32_t i = 0; i < 50; i++) {
		struct rpc_client *c = client(admin_endpoint);

		cr_expect_eq(bed_ask_status(c), RPC_OK);
		bed_start_kept(c);
		rpc_client_close(c);
		bed_await(&bed.cancelled, i + 1);
	}
	bed_await_clients(0);
	cr_expect_eq(bed_counts().oversized, 0);
}

Test(rpc, a_deadline_ends_the_call_on_both_sides)
{
	Sluice__AccountRequest request = SLUICE__ACCOUNT_REQUEST__INIT;
	struct rpc_client *c = client(read_endpoint);

	cr_expect_eq(
	        bed_call(c, &sluice__read__descriptor, "Account", &request.base, 100), RPC_DEADLINE_EXCEEDED);
	bed_await(&bed.cancelled, 1);
	cr_expect_eq(bed_ask_status(c), RPC_OK);
	rpc_client_close(c);
}

static enum rpc_status start(struct rpc_client *c, const char *method, const ProtobufCMessage *request)
{
	return rpc_client_start(c, &sluice__read__descriptor, method, request, 0, &bed.error);
}

Test(rpc, a_stream_ends)
{
	Sluice__CountersRequest request = SLUICE__COUNTERS_REQUEST__INIT;
	struct rpc_client *c = client(read_endpoint);
	ProtobufCMessage *piece;
	enum rpc_status s = start(c, "Counters", &request.base);
	uint32_t pieces = 0;

	cr_assert_eq(s, RPC_OK);
	while ((s = rpc_client_next(c, WAIT_MS, &piece, &bed.error)) == RPC_MORE) {
		cr_expect_str_eq(
		        ((Sluice__CountersReply *)piece)->counters[0]->name, pieces < 2 ? "one" : "last");
		pieces++;
		rpc_free(piece);
	}
	cr_expect_eq(s, RPC_OK);
	cr_expect_eq(pieces, 3);
	cr_expect_eq(bed_ask_status(c), RPC_OK);
	rpc_client_close(c);
}

static struct rpc_client *start_kept(void)
{
	struct rpc_client *c = client(admin_endpoint);

	bed_start_kept(c);
	return c;
}

Test(rpc, a_stream_is_cancelled_by_its_client)
{
	struct rpc_client *c = start_kept();

	rpc_client_cancel(c);
	bed_await(&bed.cancelled, 1);
	rpc_client_close(c);
}

/* A process of its own that starts a stream of Buffers once a byte comes on `begin`, and lives on. */
static pid_t fork_caller(int begin)
{
	Sluice__BuffersRequest request = SLUICE__BUFFERS_REQUEST__INIT;
	pid_t pid = fork();
	char byte;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(begin, &byte, 1) == 1 && rpc_client_start(client(admin_endpoint), &sluice__admin__descriptor,
	                                          "Buffers", &request.base, 0, &bed.error) == RPC_OK)
		poll(NULL, 0, -1);
	_exit(1);
}

/* No suite's setup: the process is forked while no thread of the server holds a lock that it would inherit.
 */
Test(rpc_gone, a_quiet_stream_ends_when_its_client_is_gone, .init = name_endpoints, .fini = teardown,
        .timeout = 250)
{
	int begin[2], err = pipe2(begin, O_CLOEXEC);
	pid_t pid;

	cr_assert_eq(err, 0);
	pid = fork_caller(begin[0]);
	cr_assert_gt(pid, 0);
	serve();
	cr_assert_eq(write(begin[1], "", 1), 1);
	bed_await(&bed.kept, 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	bed_await(&bed.cancelled, 1);
	close(begin[0]);
	close(begin[1]);
}

Test(rpc, streams_are_bounded_and_room_comes_back)
{
	struct rpc_client *c[RPC_STREAMS_MAX + 1];
	Sluice__BuffersRequest request = SLUICE__BUFFERS_REQUEST__INIT;
	ProtobufCMessage *piece;

	for (uint32_t i = 0; i < RPC_STREAMS_MAX; i++)
		c[i] = start_kept();
	c[RPC_STREAMS_MAX] = client(admin_endpoint);
	cr_assert_eq(rpc_client_start(c[RPC_STREAMS_MAX], &sluice__admin__descriptor, "Buffers",
	                     &request.base, 0, &bed.error),
	        0);
	cr_expect_eq(
	        rpc_client_next(c[RPC_STREAMS_MAX], WAIT_MS, &piece, &bed.error), RPC_RESOURCE_EXHAUSTED);
	rpc_client_cancel(c[0]);
	bed_await(&bed.cancelled, 1);
	rpc_client_close(c[0]);
	c[0] = start_kept();
	for (uint32_t i = 0; i <= RPC_STREAMS_MAX; i++)
		rpc_client_close(c[i]);
}

Test(rpc, a_slow_client_loses_pieces_and_they_are_counted)
{
	Sluice__PortsRequest request = SLUICE__PORTS_REQUEST__INIT;
	struct rpc_client *c = client(read_endpoint), *other = client(read_endpoint);

	cr_assert_eq(start(c, "Ports", &request.base), RPC_OK);
	bed_await(&flooded, 1);
	cr_expect_gt(pieces_lost, 0);
	cr_expect_eq(bed_ask_status(other), RPC_OK);
	rpc_client_close(c);
	bed_await(&bed.cancelled, 1);
	rpc_client_close(other);
}

static void send_raw(void *socket, const void *bytes, size_t len, int flags)
{
	cr_assert_geq(zmq_send(socket, bytes, len, flags), 0);
}

Test(rpc, rubbish_is_dropped_and_counted)
{
	void *zmq = zmq_ctx_new(), *socket = zmq_socket(zmq, ZMQ_DEALER);
	struct rpc_client *c = client(read_endpoint);
	uint8_t noise[512];
	uint64_t random = 1;

	cr_assert_eq(zmq_connect(socket, read_endpoint), 0);
	for (uint32_t i = 0; i < 200; i++) {
		for (size_t k = 0; k < sizeof noise; k++)
			noise[k] = (uint8_t)random_next(&random);
		send_raw(socket, noise, random_next(&random) % sizeof noise, 0);
	}
	send_raw(socket, "a", 1, ZMQ_SNDMORE);
	send_raw(socket, "b", 1, ZMQ_SNDMORE);
	send_raw(socket, "c", 1, 0);
	do {
		cr_assert_eq(bed_ask_status(c), RPC_OK);
	} while (bed_counts().malformed < 201);
	cr_expect_eq(bed_counts().malformed, 201);
	zmq_close(socket);
	zmq_ctx_term(zmq);
	rpc_client_close(c);
}

Test(rpc, what_is_not_there_and_bodies_that_cannot_be_read_are_said)
{
	struct rpc_request r = {.id = 3, .method = "sluice.Read/Nothing", .deadline_ms = 100};
	static const char *const methods[] = {
	        "sluice.Read/Nothing", "sluice.Nobody/Status", "Status", "/", "sluice.Admin/Status"};
	void *zmq = zmq_ctx_new(), *socket = zmq_socket(zmq, ZMQ_DEALER);
	struct rpc_response answer;
	uint8_t *bytes, got[4096];
	size_t len;
	int n;

	cr_assert_eq(zmq_connect(socket, admin_endpoint), 0);
	for (size_t i = 0; i <= ARRAY_LEN(methods); i++) {
		bool body = i == ARRAY_LEN(methods);

		snprintf(r.method, sizeof r.method, "%s", body ? "sluice.Read/Status" : methods[i]);
		r.body = (uint8_t[]){0xff, 0xff};
		r.body_len = body ? 2 : 0;
		cr_assert_eq(rpc_request_encode(&r, &bytes, &len), 0);
		send_raw(socket, bytes, len, 0);
		free(bytes);
		n = zmq_recv(socket, got, sizeof got, 0);
		cr_assert(n > 0 && rpc_response_decode(&answer, got, (size_t)n) == 0);
		cr_expect_eq(answer.status, body ? RPC_INVALID_ARGUMENT : RPC_UNIMPLEMENTED, "%s", r.method);
		cr_expect_eq(answer.id, 3);
	}
	zmq_close(socket);
	zmq_ctx_term(zmq);
}

Test(rpc, nobody_there_is_told_at_once)
{
	struct rpc_client *c;
	char endpoint[160];

	snprintf(endpoint, sizeof endpoint, "ipc://%s/none.sock", dir);
	cr_expect_eq(rpc_client_open(&c, endpoint), -ENOENT);
	cr_expect_null(c);
}

Test(rpc, a_server_that_stops_says_so)
{
	struct rpc_client *c = start_kept();
	ProtobufCMessage *piece;

	teardown();
	cr_expect_eq(bed.cancelled, 1);
	cr_expect_eq(rpc_client_next(c, WAIT_MS, &piece, &bed.error), RPC_UNAVAILABLE);
	rpc_client_close(c);
	setup();
}
