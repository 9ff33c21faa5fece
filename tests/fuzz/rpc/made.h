/* made: a message of any type, of a fuzzer's bytes: what a peer can put on the wire that can be read.
 *
 *     struct made_bytes in = {data, data + size};
 *     uint8_t *body = made_message(&type, &words, &in, &len);          wire format, for rpc_unpack
 *
 * Fields come in any order, several times or not at all; numbers near every bound; texts of the words that
 * the reader knows, with a byte of them changed, cut off or said many times, and of bytes that are no text;
 * messages within messages.  The same bytes make the same message.
 */
#ifndef SLUICE_TESTS_FUZZ_RPC_MADE_H
#define SLUICE_TESTS_FUZZ_RPC_MADE_H

#include "common/base/base.h"

#include <protobuf-c/protobuf-c.h>

#define MADE_MAX (UINT32_C(1) << 16) /* bytes of a message */

struct made_bytes {
	const uint8_t *at, *end;
};

/* A text, or bytes, that the reader knows. */
struct made_word {
	const char *text;
	size_t len;
};

#define MADE_WORD(text)                                                                                      \
	{                                                                                                    \
		text, sizeof(text) - 1                                                                       \
	}

struct made_words {
	const struct made_word *list;
	uint32_t n; /* 1 at the least */
};

/* The next byte; 0 behind the last. */
uint8_t made_take(struct made_bytes *in);

/* malloc'd, MADE_MAX at the most. */
uint8_t *made_message(const ProtobufCMessageDescriptor *type, const struct made_words *words,
        struct made_bytes *in, size_t *len);

#endif
