#include "services/cli/json.h"

#include "common/base/utf8.h"

#include <inttypes.h>

/* One character of `bytes`; 0: a byte that is none, in whose place U+FFFD stands. */
static void json_character(FILE *to, const char *c, uint32_t bytes)
{
	if (!bytes)
		fputs("\\ufffd", to);
	else if (*c == '"' || *c == '\\')
		fprintf(to, "\\%c", *c);
	else if (*c == '\n')
		fputs("\\n", to);
	else if (utf8_steers(c))
		fprintf(to, "\\u%04x", (unsigned)(uint8_t)c[bytes - 1]);
	else
		(void)fwrite(c, 1, bytes, to);
}

void json_text(FILE *to, const char *text)
{
	const char *end = text + strlen(text);

	fputc('"', to);
	while (text < end) {
		uint32_t bytes = utf8_bytes(text, (size_t)(end - text));

		json_character(to, text, bytes);
		text += MAX(bytes, 1u);
	}
	fputc('"', to);
}

/* Bytes of one value of a repeated field. */
static size_t value_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_ENUM: return 4;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE: return 8;
	case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	}
	return 0;
}

static void json_hex(FILE *to, const ProtobufCBinaryData *data)
{
	fputc('"', to);
	for (size_t i = 0; i < data->len; i++)
		fprintf(to, "%02x", (unsigned)data->data[i]);
	fputc('"', to);
}

static void json_nested(FILE *to, const ProtobufCMessage *message)
{
	if (message)
		json_message(to, message);
	else
		fputs("null", to);
}

static void json_value(FILE *to, ProtobufCType type, const void *value)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_ENUM: fprintf(to, "%" PRId32, *(const int32_t *)value); break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: fprintf(to, "%" PRIu32, *(const uint32_t *)value); break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64: fprintf(to, "%" PRId64, *(const int64_t *)value); break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: fprintf(to, "%" PRIu64, *(const uint64_t *)value); break;
	case PROTOBUF_C_TYPE_FLOAT: fprintf(to, "%g", (double)*(const float *)value); break;
	case PROTOBUF_C_TYPE_DOUBLE: fprintf(to, "%g", *(const double *)value); break;
	case PROTOBUF_C_TYPE_BOOL: fputs(*(const protobuf_c_boolean *)value ? "true" : "false", to); break;
	case PROTOBUF_C_TYPE_STRING: json_text(to, *(const char *const *)value); break;
	case PROTOBUF_C_TYPE_BYTES: json_hex(to, value); break;
	case PROTOBUF_C_TYPE_MESSAGE: json_nested(to, *(const ProtobufCMessage *const *)value); break;
	}
}

static void json_list(FILE *to, const ProtobufCFieldDescriptor *f, const uint8_t *message)
{
	size_t n = *(const size_t *)(const void *)(message + f->quantifier_offset);
	const uint8_t *list = *(const uint8_t *const *)(const void *)(message + f->offset);

	fputc('[', to);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? "," : "", to);
		json_value(to, f->type, list + i * value_size(f->type));
	}
	fputc(']', to);
}

void json_fields(FILE *to, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *d = message->descriptor;

	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];

		fprintf(to, "%s\"%s\":", i ? "," : "", f->name);
		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			json_list(to, f, (const uint8_t *)message);
		else
			json_value(to, f->type, (const uint8_t *)message + f->offset);
	}
}

void json_message(FILE *to, const ProtobufCMessage *message)
{
	fputc('{', to);
	json_fields(to, message);
	fputc('}', to);
}

void json_line(const ProtobufCMessage *message)
{
	json_message(stdout, message);
	fputc('\n', stdout);
}
