#include "common/rpc/rpc.h"

#include "proto/control.pb-c.h"
#include "proto/rpc.pb-c.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct rpc_request sample(void)
{
	struct rpc_request r = {.id = UINT64_MAX, .method = "sluice.Read/Status", .deadline_ms = 250};

	r.body = malloc(3);
	memcpy(r.body, "abc", 3);
	r.body_len = 3;
	return r;
}

Test(rpc_frame, a_request_comes_back_as_it_was)
{
	struct rpc_request in = sample(), out;
	uint8_t *bytes;
	size_t len;

	cr_assert_eq(rpc_request_encode(&in, &bytes, &len), 0);
	cr_assert_eq(rpc_request_decode(&out, bytes, len), 0);
	cr_expect_eq(out.id, in.id);
	cr_expect_str_eq(out.method, in.method);
	cr_expect_eq(out.deadline_ms, 250);
	cr_expect_not(out.cancel);
	cr_assert_eq(out.body_len, 3);
	cr_expect_arr_eq(out.body, "abc", 3);
	rpc_request_free(&in);
	rpc_request_free(&out);
	free(bytes);
}

Test(rpc_frame, a_response_comes_back_as_it_was_and_a_status_from_the_future_is_unknown)
{
	struct rpc_response in = {.id = 7, .status = RPC_NOT_FOUND, .message = "no such port", .more = true},
	                    out;
	uint8_t *bytes;
	size_t len;

	cr_assert_eq(rpc_response_encode(&in, &bytes, &len), 0);
	cr_assert_eq(rpc_response_decode(&out, bytes, len), 0);
	cr_expect_eq(out.id, 7);
	cr_expect_eq(out.status, RPC_NOT_FOUND);
	cr_expect_str_eq(out.message, "no such port");
	cr_expect(out.more);
	rpc_response_free(&out);
	free(bytes);
	in.status = (enum rpc_status)99;
	cr_assert_eq(rpc_response_encode(&in, &bytes, &len), 0);
	cr_assert_eq(rpc_response_decode(&out, bytes, len), 0);
	cr_expect_eq(out.status, RPC_UNKNOWN);
	rpc_response_free(&out);
	free(bytes);
}

/* Bytes that hold a request with this name of a method. */
static int decode_method(const char *method, bool cancel)
{
	Sluice__RpcRequest m = SLUICE__RPC_REQUEST__INIT;
	struct rpc_request out;
	uint8_t *bytes;
	size_t len;
	int err;

	m.method = (char *)method;
	m.cancel = cancel;
	bytes = rpc_pack(&m.base, &len);
	err = rpc_request_decode(&out, bytes, len);
	rpc_request_free(&out);
	free(bytes);
	return err;
}

Test(rpc_frame, names_of_methods_are_short_and_printable)
{
	char name[RPC_METHOD_MAX + 1];

	memset(name, 'x', sizeof name);
	name[RPC_METHOD_MAX] = 0;
	cr_expect_eq(decode_method(name, false), -EBADMSG);
	name[RPC_METHOD_MAX - 1] = 0;
	cr_expect_eq(decode_method(name, false), 0);
	cr_expect_eq(decode_method("", false), -EBADMSG);
	cr_expect_eq(decode_method("", true), 0);
	cr_expect_eq(decode_method("a b", false), -EBADMSG);
	cr_expect_eq(decode_method("a\x1b[2J", false), -EBADMSG);
	cr_expect_eq(decode_method("\xc3\xa4", false), -EBADMSG);
}

Test(rpc_frame, any_cut_and_any_flipped_bit_is_survived)
{
	struct rpc_request in = sample(), out;
	uint8_t *bytes;
	size_t len;

	cr_assert_eq(rpc_request_encode(&in, &bytes, &len), 0);
	for (size_t cut = 0; cut < len; cut++)
		if (rpc_request_decode(&out, bytes, cut) == 0)
			rpc_request_free(&out);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (rpc_request_decode(&out, bytes, len) == 0)
			rpc_request_free(&out);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	rpc_request_free(&in);
	free(bytes);
}

/* Two bytes each on the wire, some hundred in memory. */
Test(rpc_frame, many_empty_parts_do_not_take_memory_without_bound)
{
	size_t len = 1u << 20;
	uint8_t *bytes = malloc(len);
	ProtobufCMessage *m;

	for (size_t i = 0; i < len; i += 2) {
		bytes[i] = 1 << 3 | 2; /* PortsReply.ports, of length ... */
		bytes[i + 1] = 0;
	}
	cr_expect_null(rpc_unpack(&sluice__ports_reply__descriptor, bytes, len));
	m = rpc_unpack(&sluice__ports_reply__descriptor, bytes, 64);
	cr_expect_not_null(m);
	rpc_free(m);
	free(bytes);
}

Test(rpc_frame, statuses_have_the_names_of_grpc)
{
	cr_expect_str_eq(rpc_status_name(RPC_OK), "OK");
	cr_expect_str_eq(rpc_status_name(RPC_UNAUTHENTICATED), "UNAUTHENTICATED");
	cr_expect_eq(RPC_UNAUTHENTICATED, 16);
	cr_expect_str_eq(rpc_status_name((enum rpc_status)17), "UNKNOWN");
}
