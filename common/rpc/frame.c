#include "common/rpc/rpc.h"

#include "proto/rpc.pb-c.h"

#include <stdlib.h>

static const char *const status_names[] = {
#define X(name, number) #name,
        RPC_STATUSES(X)
#undef X
};

static_assert(ARRAY_LEN(status_names) == RPC_STATUS_COUNT, "numbered without gaps");

const char *rpc_status_name(enum rpc_status status)
{
	return (unsigned)status < RPC_STATUS_COUNT ? status_names[status] : "UNKNOWN";
}

/* Memory that reading a message may take: so that a small message of many empty parts is not a large one. */
struct budget {
	size_t left;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *b = data;

	if (size > b->left)
		return NULL;
	b->left -= size;
	return malloc(size);
}

static void budget_free(void *data, void *pointer)
{
	(void)data;
	free(pointer);
}

ProtobufCMessage *rpc_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t len)
{
	struct budget budget = {16 * len + (64u << 10)};
	ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};

	return protobuf_c_message_unpack(type, &allocator, len, bytes);
}

void rpc_free(ProtobufCMessage *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

uint8_t *rpc_pack(const ProtobufCMessage *message, size_t *len)
{
	uint8_t *bytes;

	*len = protobuf_c_message_get_packed_size(message);
	bytes = malloc(*len + 1);
	if (bytes)
		*len = protobuf_c_message_pack(message, bytes);
	return bytes;
}

/* Takes the bytes over. */
static void take_body(ProtobufCBinaryData *from, uint8_t **body, size_t *len)
{
	*body = from->data;
	*len = from->len;
	*from = (ProtobufCBinaryData){0};
}

/* Printable ASCII that fits, or nothing. */
static bool take_name(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size);

	if (len == size)
		return false;
	for (size_t i = 0; i < len; i++)
		if (from[i] <= ' ' || from[i] > '~')
			return false;
	memcpy(to, from, len + 1);
	return true;
}

int rpc_request_decode(struct rpc_request *out, const uint8_t *bytes, size_t len)
{
	Sluice__RpcRequest *m = (void *)rpc_unpack(&sluice__rpc_request__descriptor, bytes, len);
	bool good;

	*out = (struct rpc_request){0};
	if (!m)
		return -EBADMSG;
	good = take_name(out->method, sizeof out->method, m->method) && (m->cancel || *m->method);
	if (good) {
		out->id = m->id;
		out->deadline_ms = m->deadline_ms;
		out->cancel = m->cancel;
		take_body(&m->body, &out->body, &out->body_len);
	}
	rpc_free(&m->base);
	return good ? 0 : -EBADMSG;
}

int rpc_response_decode(struct rpc_response *out, const uint8_t *bytes, size_t len)
{
	Sluice__RpcReply *m = (void *)rpc_unpack(&sluice__rpc_reply__descriptor, bytes, len);

	*out = (struct rpc_response){0};
	if (!m)
		return -EBADMSG;
	out->id = m->id;
	out->status = m->status < RPC_STATUS_COUNT ? (enum rpc_status)m->status : RPC_UNKNOWN;
	out->more = m->more;
	memcpy(out->message, m->message, strnlen(m->message, sizeof out->message - 1));
	take_body(&m->body, &out->body, &out->body_len);
	rpc_free(&m->base);
	return 0;
}

void rpc_request_free(struct rpc_request *request)
{
	free(request->body);
	request->body = NULL;
}

void rpc_response_free(struct rpc_response *response)
{
	free(response->body);
	response->body = NULL;
}

/* protobuf-c's generated structures know no const; packing only reads. */
static char *unconst(const char *s)
{
	return (char *)s;
}

int rpc_request_encode(const struct rpc_request *request, uint8_t **out, size_t *len)
{
	Sluice__RpcRequest m = SLUICE__RPC_REQUEST__INIT;

	m.id = request->id;
	m.method = unconst(request->method);
	m.deadline_ms = request->deadline_ms;
	m.cancel = request->cancel;
	m.body = (ProtobufCBinaryData){request->body_len, request->body};
	*out = rpc_pack(&m.base, len);
	return *out ? 0 : -ENOMEM;
}

int rpc_response_encode(const struct rpc_response *response, uint8_t **out, size_t *len)
{
	Sluice__RpcReply m = SLUICE__RPC_REPLY__INIT;

	m.id = response->id;
	m.status = (uint32_t)response->status;
	m.message = unconst(response->message);
	m.body = (ProtobufCBinaryData){response->body_len, response->body};
	m.more = response->more;
	*out = rpc_pack(&m.base, len);
	return *out ? 0 : -ENOMEM;
}
