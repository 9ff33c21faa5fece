/* An IPv4 packet (first byte even) or an IPv6 packet (odd), whose checksum the target makes right, so that
 * the fuzzer need not guess it. */
#include <stdlib.h>

#include "common/wire/ipv4.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/wire/exercise.h"

static void repair_ipv4(uint8_t *b, uint32_t len)
{
	uint32_t header_len = len > 0 ? (b[0] & 15u) * 4 : 0;

	if (header_len >= IPV4_HDR_LEN && header_len <= len)
		ipv4_checksum_set(b, header_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len = (uint32_t)size - 1;

	if (size == 0)
		return 0;
	/* A copy of exactly this size: one byte too far is a report. */
	uint8_t *b = malloc(len + (len == 0));

	memcpy(b, data + 1, len);
	if (data[0] & 1) {
		exercise_ipv6(b, len);
	} else {
		repair_ipv4(b, len);
		exercise_ipv4(b, len);
	}
	free(b);
	return 0;
}
