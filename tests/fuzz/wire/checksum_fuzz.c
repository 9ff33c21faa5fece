/* The sum of any bytes, whole and in pieces cut where the first bytes say, against the naive one. */
#include "common/wire/checksum.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/wire/naive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len = (uint32_t)size, done = 0;
	uint16_t naive = naive_sum(data, len);
	struct csum sum = CSUM_ZERO;

	assert(be16_to_host(csum_fold(csum_bytes(CSUM_ZERO, data, len))) == naive);
	for (uint32_t i = 0; done < len; i++) {
		uint32_t piece = MIN(data[i % len] + 1u, len - done);

		sum = csum_append(sum, done, data + done, piece);
		done += piece;
	}
	assert(be16_to_host(csum_fold(sum)) == naive);
	return 0;
}
