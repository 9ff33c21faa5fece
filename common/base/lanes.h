/* lanes: eight 32-bit numbers at once, for passes that do the same to eight packets.
 *
 *     struct lanes_rows rows = lanes_transpose(bytes);        word k of eight headers, host order
 *     wrong = (rows.word[0] & 0xff) - 0x45;                   the compiler's own vector arithmetic
 *     bad = lanes_negative(wrong);                            a bit for each lane
 *
 * Comparisons give all ones or 0 in each lane.  Where there is no AVX2 the compiler takes narrower vectors.
 */
#ifndef SLUICE_COMMON_BASE_LANES_H
#define SLUICE_COMMON_BASE_LANES_H

#include "common/base/base.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

#define LANES 8u

typedef uint32_t lanes_t __attribute__((vector_size(32)));
typedef int32_t lanes_signed_t __attribute__((vector_size(32)));
typedef uint8_t lanes_bytes_t __attribute__((vector_size(32)));
typedef uint32_t lanes_half_t __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint32_t lanes_loose_t __attribute__((vector_size(32), aligned(1), may_alias));

static always_inline lanes_t lanes_load(const uint32_t *from)
{
	return *(const lanes_loose_t *)from;
}

static always_inline void lanes_store(uint32_t *to, lanes_t x)
{
	*(lanes_loose_t *)to = x;
}

/* The sign of each lane, lane 0 in bit 0. */
static always_inline uint32_t lanes_negative(lanes_t x)
{
#ifdef __AVX2__
	return (uint32_t)_mm256_movemask_ps((__m256)x);
#else
	uint32_t bits = 0;

	for (uint32_t i = 0; i < LANES; i++)
		bits |= (x[i] >> 31) << i;
	return bits;
#endif
}

/* table[at] in each lane, at less than 8. */
static always_inline lanes_t lanes_pick(lanes_t table, lanes_t at)
{
#ifdef __AVX2__
	return (lanes_t)_mm256_permutevar8x32_epi32((__m256i)table, (__m256i)at);
#else
	lanes_t x;

	for (uint32_t i = 0; i < LANES; i++)
		x[i] = table[at[i] % LANES];
	return x;
#endif
}

/* Each lane with its bytes the other way round. */
static always_inline lanes_t lanes_swap(lanes_t x)
{
	lanes_bytes_t b = (lanes_bytes_t)x;

	return (lanes_t)__builtin_shufflevector(b, b, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12,
	        19, 18, 17, 16, 23, 22, 21, 20, 27, 26, 25, 24, 31, 30, 29, 28);
}

/* The first 16 bytes of eight headers: word[k] has word k of each. */
struct lanes_rows {
	lanes_t word[4];
};

static always_inline lanes_t lanes_pair(const uint8_t *low, const uint8_t *high)
{
	lanes_half_t a = *(const lanes_half_t *)low, b = *(const lanes_half_t *)high;

	return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}

static always_inline struct lanes_rows lanes_transpose(uint8_t *const at[LANES])
{
	lanes_t a = lanes_pair(at[0], at[4]), b = lanes_pair(at[1], at[5]), c = lanes_pair(at[2], at[6]),
	        d = lanes_pair(at[3], at[7]);
	lanes_t ab = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13),
	        cd = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13),
	        ab2 = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15),
	        cd2 = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);

	return (struct lanes_rows){{
	        __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13),
	        __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15),
	        __builtin_shufflevector(ab2, cd2, 0, 1, 8, 9, 4, 5, 12, 13),
	        __builtin_shufflevector(ab2, cd2, 2, 3, 10, 11, 6, 7, 14, 15),
	}};
}

/* One word of each, at an offset of bytes. */
static always_inline lanes_t lanes_gather(uint8_t *const at[LANES], uint32_t offset)
{
	return (lanes_t){load_u32(at[0] + offset), load_u32(at[1] + offset), load_u32(at[2] + offset),
	        load_u32(at[3] + offset), load_u32(at[4] + offset), load_u32(at[5] + offset),
	        load_u32(at[6] + offset), load_u32(at[7] + offset)};
}

static always_inline uint32_t lanes_two_bytes(const uint8_t *at)
{
	uint16_t x;

	memcpy(&x, at, sizeof x);
	return x;
}

/* Two bytes of each, each at an offset of its own. */
static always_inline lanes_t lanes_gather16(uint8_t *const at[LANES], lanes_t offset)
{
	return (lanes_t){lanes_two_bytes(at[0] + offset[0]), lanes_two_bytes(at[1] + offset[1]),
	        lanes_two_bytes(at[2] + offset[2]), lanes_two_bytes(at[3] + offset[3]),
	        lanes_two_bytes(at[4] + offset[4]), lanes_two_bytes(at[5] + offset[5]),
	        lanes_two_bytes(at[6] + offset[6]), lanes_two_bytes(at[7] + offset[7])};
}

#endif
