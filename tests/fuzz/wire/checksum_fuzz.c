/* The sum of any bytes, whole and in pieces cut where the first bytes say, against the naive one. */
#include "common/wire/checksum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint16_t naive_sum(const uint8_t *b, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? b[i] : (uint64_t)b[i] << 8;
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

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
