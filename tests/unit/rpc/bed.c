#include "tests/unit/rpc/bed.h"

#include "proto/control.pb-c.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>

struct bed bed;

static void on_stop(uv_async_t *handle)
{
	rpc_server_close(bed.server);
	uv_close((uv_handle_t *)&bed.change, NULL);
	uv_close((uv_handle_t *)handle, NULL);
}

static void on_change(uv_async_t *handle)
{
	(void)handle;
	bed.on_change();
}

static void *serve(void *arg)
{
	(void)arg;
	uv_run(&bed.loop, UV_RUN_DEFAULT);
	return NULL;
}

void bed_open(const struct rpc_service *services, uint32_t n)
{
	uv_loop_init(&bed.loop);
	uv_async_init(&bed.loop, &bed.stop, on_stop);
	uv_async_init(&bed.loop, &bed.change, on_change);
	cr_assert_eq(rpc_server_open(&bed.server, &bed.loop, services, n, NULL), 0);
}

void bed_run(void)
{
	cr_assert_eq(pthread_create(&bed.thread, NULL, serve, NULL), 0);
}

void bed_close(void)
{
	uv_async_send(&bed.stop);
	pthread_join(bed.thread, NULL);
	cr_expect_eq(uv_loop_close(&bed.loop), 0);
}

void bed_status(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	Sluice__StatusReply reply = SLUICE__STATUS_REPLY__INIT;

	(void)context, (void)request;
	bed.asked = rpc_caller(call);
	snprintf(bed.by, sizeof bed.by, "%s", rpc_socket_name(call));
	reply.epoch = 7;
	rpc_reply(call, &reply.base);
}

void bed_cancelled(void *context, struct rpc_call *call)
{
	(void)context, (void)call;
	__atomic_add_fetch(&bed.cancelled, 1, __ATOMIC_SEQ_CST);
}

void bed_keep(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	(void)context, (void)request;
	rpc_on_cancel(call, bed_cancelled, NULL);
	__atomic_add_fetch(&bed.kept, 1, __ATOMIC_SEQ_CST);
}

enum rpc_status bed_call(struct rpc_client *c, const ProtobufCServiceDescriptor *service, const char *method,
        const ProtobufCMessage *request, uint32_t deadline_ms)
{
	ProtobufCMessage *reply;
	enum rpc_status s = rpc_client_call(c, service, method, request, deadline_ms, &reply, &bed.error);

	rpc_free(reply);
	return s;
}

enum rpc_status bed_ask_status(struct rpc_client *c)
{
	Sluice__StatusRequest request = SLUICE__STATUS_REQUEST__INIT;
	ProtobufCMessage *reply;
	enum rpc_status s = rpc_client_call(
	        c, &sluice__read__descriptor, "Status", &request.base, WAIT_MS, &reply, &bed.error);

	if (s == RPC_OK)
		cr_expect_eq(((Sluice__StatusReply *)reply)->epoch, 7);
	rpc_free(reply);
	return s;
}

void bed_start_kept(struct rpc_client *c)
{
	Sluice__BuffersRequest request = SLUICE__BUFFERS_REQUEST__INIT;
	uint32_t before = __atomic_load_n(&bed.kept, __ATOMIC_SEQ_CST);

	cr_assert_eq(
	        rpc_client_start(c, &sluice__admin__descriptor, "Buffers", &request.base, 0, &bed.error), 0);
	bed_await(&bed.kept, before + 1);
}

void bed_await(const uint32_t *what, uint32_t value)
{
	while (__atomic_load_n(what, __ATOMIC_SEQ_CST) != value)
		poll(NULL, 0, 5);
}

void bed_await_clients(uint32_t clients)
{
	while (bed_counts().clients != clients)
		poll(NULL, 0, 5);
}

struct rpc_counts bed_counts(void)
{
	struct rpc_counts counts;

	rpc_server_counts(bed.server, &counts);
	return counts;
}
