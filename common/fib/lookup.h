/* Steps of a lookup, and its code for each instruction set. */
#ifndef SLUICE_COMMON_FIB_LOOKUP_H
#define SLUICE_COMMON_FIB_LOOKUP_H

#include "common/fib/region.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* A word that the writer swings. */
static always_inline uint32_t fib_word_load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE); /* pairs with fib_set */
}

static always_inline const uint32_t *fib_line(const uint32_t *lines, uint32_t n_lines, uint32_t line)
{
	return lines + (size_t)(line < n_lines ? line : 0) * FIB_RUNS;
}

/* The line behind a word of the directory for the byte that follows. */
static always_inline const uint32_t *fib_dir_line(
        const uint32_t *lines, uint32_t n_lines, uint32_t word, uint32_t byte)
{
	return fib_line(lines, n_lines, (word >> FIB_ORDER_BITS) + (byte >> (8 - (word & FIB_ORDER_MASK))));
}

static always_inline const uint32_t *fib_value_line(const uint32_t *lines, uint32_t n_lines, uint32_t value)
{
	return fib_line(lines, n_lines, value & FIB_PAYLOAD);
}

/* How many words of a line start at or before a byte. */
static always_inline uint32_t fib_count_plain(const uint32_t *line, uint32_t byte)
{
	uint32_t most = byte << FIB_START_BITS | FIB_VALUE;
#if defined(__AVX2__)
	__m256i bound = _mm256_set1_epi32((int)most);
	__m256i low = _mm256_load_si256((const void *)line),
	        high = _mm256_load_si256((const void *)(line + 8));
	__m256i low_in = _mm256_cmpeq_epi32(_mm256_max_epu32(low, bound), bound);
	__m256i high_in = _mm256_cmpeq_epi32(_mm256_max_epu32(high, bound), bound);

	return (uint32_t)__builtin_popcount((unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(low_in)) |
	                                    (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(high_in)) << 8);
#else
	uint32_t n = 0;

	for (uint32_t i = 0; i < FIB_RUNS; i++)
		n += line[i] <= most;
	return n;
#endif
}

void fib4_lookup_plain(const struct fib_reader *reader, const uint32_t *dst, uint32_t *group, uint32_t n);
void fib6_lookup_plain(
        const struct fib_reader *reader, const struct ip6_addr *dst, uint32_t *group, uint32_t n);
#if defined(__x86_64__)
void fib4_lookup_avx512(const struct fib_reader *reader, const uint32_t *dst, uint32_t *group, uint32_t n);
void fib6_lookup_avx512(
        const struct fib_reader *reader, const struct ip6_addr *dst, uint32_t *group, uint32_t n);
#endif

#endif
