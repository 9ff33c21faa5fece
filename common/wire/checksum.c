#include "common/wire/checksum.h"

/* Four lanes of 64 bits; the compiler makes one vector register of it where there is one so wide. */
typedef uint64_t __attribute__((vector_size(32), aligned(1), may_alias)) lanes_any;
typedef uint64_t __attribute__((vector_size(32))) lanes;

#define BLOCK     128u
#define HALF_MASK ((lanes){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX})

/* Sums 32-bit halves in 64-bit lanes: no carry is lost in fewer than 2^31 additions.  Two pairs of sums, so
 * that additions need not wait for each other. */
static struct csum sum_blocks(const uint8_t *b, uint32_t blocks)
{
	lanes low[2] = {}, high[2] = {};

	for (; blocks > 0; blocks--, b += BLOCK) {
		lanes x0 = *(const lanes_any *)b, x1 = *(const lanes_any *)(b + 32);
		lanes x2 = *(const lanes_any *)(b + 64), x3 = *(const lanes_any *)(b + 96);

		low[0] += (x0 & HALF_MASK) + (x2 & HALF_MASK);
		low[1] += (x1 & HALF_MASK) + (x3 & HALF_MASK);
		high[0] += (x0 >> 32) + (x2 >> 32);
		high[1] += (x1 >> 32) + (x3 >> 32);
	}
	lanes all_low = low[0] + low[1], all_high = high[0] + high[1];
	uint64_t l = all_low[0] + all_low[1] + all_low[2] + all_low[3];
	uint64_t h = all_high[0] + all_high[1] + all_high[2] + all_high[3];

	return csum_add_u64((struct csum){l}, h << 32 | h >> 32);
}

/* The last 0 to 7 bytes as one word, zeros after them. */
static always_inline uint64_t load_tail(const uint8_t *b, uint32_t len)
{
	uint64_t word = 0;

	if (len & 4) {
		word = load_u32(b);
		b += 4;
	}
	if (len & 2) {
		uint16_t two;

		memcpy(&two, b, sizeof two);
		word |= (uint64_t)two << 8 * (len & 4);
		b += 2;
	}
	if (len & 1)
		word |= (uint64_t)*b << 8 * (len & 6);
	return word;
}

struct csum csum_bytes(struct csum sum, const void *bytes, uint32_t len)
{
	const uint8_t *b = bytes;

	if (len >= BLOCK) {
		sum = csum_add(sum, sum_blocks(b, len / BLOCK));
		b += len / BLOCK * BLOCK;
		len %= BLOCK;
	}
	for (; len >= 8; len -= 8, b += 8)
		sum = csum_add_u64(sum, load_u64(b));
	return len > 0 ? csum_add_u64(sum, load_tail(b, len)) : sum;
}

struct csum csum_append(struct csum sum, uint32_t before, const void *bytes, uint32_t len)
{
	struct csum piece = csum_bytes(CSUM_ZERO, bytes, len);

	if (before & 1)
		piece.v = piece.v << 8 | piece.v >> 56;
	return csum_add(sum, piece);
}

enum csum_state csum_verify(struct csum pseudo, const void *bytes, uint32_t len, uint32_t field)
{
	assert(field + 2 <= len);
	if (likely(csum_is_good(csum_bytes(pseudo, bytes, len))))
		return CSUM_GOOD;
	return wire_load_raw16((const uint8_t *)bytes + field) == csum_fold(pseudo).raw ? CSUM_PARTIAL
	                                                                                : CSUM_BAD;
}

struct be16 csum_complete(struct csum pseudo, const void *bytes, uint32_t len, uint32_t field)
{
	const uint8_t *b = bytes;

	assert(field % 2 == 0 && field + 2 <= len);
	pseudo = csum_bytes(pseudo, b, field);
	return csum_finish_nonzero(csum_bytes(pseudo, b + field + 2, len - field - 2));
}
