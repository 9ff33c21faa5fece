/* Any bytes as a request and as a response; what can be read is written and read again to the same. */
#include "common/rpc/rpc.h"

#include "proto/control.pb-c.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void again(const struct rpc_request *r)
{
	struct rpc_request twin;
	uint8_t *bytes;
	size_t len;

	REQUIRE(rpc_request_encode(r, &bytes, &len) == 0 && rpc_request_decode(&twin, bytes, len) == 0);
	REQUIRE(twin.id == r->id && twin.cancel == r->cancel && twin.deadline_ms == r->deadline_ms);
	REQUIRE(strcmp(twin.method, r->method) == 0 && twin.body_len == r->body_len);
	REQUIRE(r->body_len == 0 || memcmp(twin.body, r->body, r->body_len) == 0);
	rpc_request_free(&twin);
	free(bytes);
}

/* A body as each method's request would have it. */
static void bodies(const ProtobufCServiceDescriptor *service, const uint8_t *body, size_t len)
{
	for (unsigned i = 0; i < service->n_methods; i++) {
		rpc_free(rpc_unpack(service->methods[i].input, body, len));
		rpc_free(rpc_unpack(service->methods[i].output, body, len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_request request;
	struct rpc_response response;

	if (rpc_request_decode(&request, data, size) == 0) {
		again(&request);
		bodies(&sluice__read__descriptor, request.body, request.body_len);
		bodies(&sluice__admin__descriptor, request.body, request.body_len);
		rpc_request_free(&request);
	}
	if (rpc_response_decode(&response, data, size) == 0) {
		REQUIRE(strlen(response.message) < sizeof response.message);
		rpc_response_free(&response);
	}
	return 0;
}
