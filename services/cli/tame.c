#include "services/cli/tame.h"

#include "common/base/utf8.h"

static void tame_value(ProtobufCType type, void *const *value)
{
	if (!*value)
		return;
	if (type == PROTOBUF_C_TYPE_STRING)
		utf8_tame(*value);
	else
		tame_message(*value);
}

/* A text that was not sent is protobuf-c's own, is empty, and is not written to. */
static void tame_field(const ProtobufCFieldDescriptor *f, uint8_t *message)
{
	void *at = message + f->offset;
	size_t n = 1;

	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		memcpy(&n, message + f->quantifier_offset, sizeof n);
		memcpy(&at, at, sizeof at);
	}
	for (size_t i = 0; i < n; i++)
		tame_value(f->type, (void *const *)at + i);
}

void tame_message(ProtobufCMessage *message)
{
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &message->descriptor->fields[i];

		if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE)
			tame_field(f, (uint8_t *)message);
	}
}

void tame_lines(char *text)
{
	for (char *end; text; text = end ? end + 1 : NULL) {
		end = strchr(text, '\n');
		if (end)
			*end = 0;
		utf8_tame(text);
		if (end)
			*end = '\n';
	}
}

void tame_error(struct rpc_error *error)
{
	utf8_tame(error->message);
	if (error->body)
		tame_message(error->body);
}
