#include "tests/fuzz/rpc/made.h"

#include <stdlib.h>

#define DEPTH_MAX 4u
#define SAID_MAX  4096u /* bytes of a text that is said again and again */

/* What is made, with room for MADE_MAX bytes: what is beyond is left out. */
struct making {
	const struct made_words *words;
	struct made_bytes *in;
	uint8_t *to;
	size_t len;
};

uint8_t made_take(struct made_bytes *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static void put(struct making *m, const void *bytes, size_t len)
{
	len = MIN(len, MADE_MAX - m->len);
	if (len)
		memcpy(m->to + m->len, bytes, len);
	m->len += len;
}

static void put_varint(struct making *m, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		put(m, &(uint8_t){(uint8_t)(v | 0x80)}, 1);
	put(m, &(uint8_t){(uint8_t)v}, 1);
}

static void put_tag(struct making *m, const ProtobufCFieldDescriptor *f, uint32_t wire_type)
{
	put_varint(m, (uint64_t)f->id << 3 | wire_type);
}

static uint64_t number(struct made_bytes *in)
{
	static const uint64_t bounds[] = {0, 1, 2, UINT8_MAX, UINT16_MAX, INT32_MAX, UINT32_C(1) << 31,
	        UINT32_MAX, UINT64_C(1) << 32, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX};
	uint8_t kind = made_take(in);

	if (kind < ARRAY_LEN(bounds))
		return bounds[kind];
	if (kind < 128)
		return made_take(in);
	return (uint64_t)made_take(in) << 24 | (uint64_t)made_take(in) << 16 | (uint64_t)made_take(in) << 8 |
	       made_take(in);
}

/* Any bytes: as many as the next one says, or as there are. */
static void put_any(struct making *m)
{
	size_t len = MIN((size_t)made_take(m->in), (size_t)(m->in->end - m->in->at));

	put_varint(m, len);
	put(m, m->in->at, len);
	m->in->at += len;
}

/* A word of those that are known: whole, with one byte of it another, cut off, or again and again. */
static void put_word(struct making *m, uint8_t how)
{
	const struct made_word *word = &m->words->list[made_take(m->in) % m->words->n];
	size_t len = word->len, at = 0, times = 1;
	uint8_t byte = 0;

	if (how % 4 && len)
		at = ((size_t)made_take(m->in) << 8 | made_take(m->in)) % len;
	if (how % 4 == 1)
		byte = made_take(m->in);
	if (how % 4 == 2)
		len = at;
	if (how % 4 == 3)
		times = len ? SAID_MAX / len + 1 : 1;
	put_varint(m, len * times);
	for (size_t i = 0; i < times; i++)
		put(m, word->text, len);
	if (how % 4 == 1 && at < len && m->len >= len && m->len < MADE_MAX)
		m->to[m->len - len + at] = byte;
}

static void put_text(struct making *m)
{
	uint8_t how = made_take(m->in);

	if (how >= 192)
		put_any(m);
	else
		put_word(m, how < 128 ? 0 : how);
}

static void put_fields(struct making *m, const ProtobufCMessageDescriptor *type, uint32_t depth);

static void put_nested(struct making *m, const ProtobufCFieldDescriptor *f, uint32_t depth)
{
	struct making inner = {m->words, m->in, malloc(MADE_MAX), 0};

	assert(inner.to);
	if (depth < DEPTH_MAX)
		put_fields(&inner, f->descriptor, depth + 1);
	put_varint(m, inner.len);
	put(m, inner.to, inner.len);
	free(inner.to);
}

static void put_field(struct making *m, const ProtobufCFieldDescriptor *f, uint32_t depth)
{
	size_t start = m->len;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
		put_tag(m, f, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
		put_text(m);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		put_tag(m, f, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
		put_nested(m, f, depth);
		break;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
		put_tag(m, f, PROTOBUF_C_WIRE_TYPE_VARINT);
		put_varint(m, number(m->in));
		break;
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE: abort(); /* proto/ has none */
	}
	/* Half of a field could not be read. */
	if (m->len == MADE_MAX)
		m->len = start;
}

static void put_fields(struct making *m, const ProtobufCMessageDescriptor *type, uint32_t depth)
{
	for (uint8_t which = made_take(m->in); which && type->n_fields; which = made_take(m->in))
		put_field(m, &type->fields[(which - 1u) % type->n_fields], depth);
}

uint8_t *made_message(const ProtobufCMessageDescriptor *type, const struct made_words *words,
        struct made_bytes *in, size_t *len)
{
	struct making m = {words, in, malloc(MADE_MAX), 0};

	assert(m.to);
	put_fields(&m, type, 0);
	*len = m.len;
	return m.to;
}
