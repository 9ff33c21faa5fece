/* The lookup where one comparison takes a whole line, and one load sixteen words of the directory.
 *
 * Each word that a gather loads is aligned, so it is whole, and x86 makes every load an acquire: what the
 * word leads to is read after it. */
#if defined(__x86_64__)
#include <immintrin.h>

#define FIB_FIND       find_avx512
#define FIB_FLAT       flat_avx512
#define FIB_START      start_avx512
#define FIB_FIND_ALL   find_all_avx512
#define FIB_OTHERWISE  otherwise_avx512
#define FIB_TARGET     __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define FIB_NAME(name) name##_avx512

#include "common/fib/lookup.h"

FIB_TARGET static always_inline uint32_t find_avx512(const uint32_t *line, uint32_t most)
{
	__mmask16 in = _mm512_cmple_epu32_mask(_mm512_load_si512(line), _mm512_set1_epi32((int)most));

	return *(line - 1 + __builtin_popcount(in));
}

FIB_TARGET static always_inline __mmask16 mask_of(uint32_t n)
{
	return n < 16 ? (__mmask16)((1u << n) - 1) : 0xffff;
}

/* Of a block, the addresses behind whose first byte there ever was a route. */
FIB_TARGET static always_inline __mmask16 flat_used(__m256i used, __m512i addr)
{
	__m512i word = _mm512_permutexvar_epi32(_mm512_srli_epi32(addr, 29), _mm512_castsi256_si512(used));
	__m512i bit = _mm512_sllv_epi32(
	        _mm512_set1_epi32(1), _mm512_and_si512(_mm512_srli_epi32(addr, 24), _mm512_set1_epi32(31)));

	return _mm512_test_epi32_mask(word, bit);
}

/* The flat table's words lie two in each aligned word that is loaded. */
FIB_TARGET static always_inline bool flat_avx512(struct fib_walk *walk, struct fib_table table,
        const uint32_t *dst, uint32_t *value, uint32_t n, bool few)
{
	const __m512i zero = _mm512_setzero_si512(), sixteen = _mm512_set1_epi32(16);
	uint32_t any = 0;
	__m256i used = _mm256_loadu_si256((const void *)table.flat_used);

	for (uint32_t at = 0; at < n; at += FIB_BLOCK) {
		__mmask16 there = mask_of(n - at);
		__m512i addr = _mm512_maskz_loadu_epi32(there, dst + at);
		__mmask16 look = few ? there & flat_used(used, addr) : there;
		__m512i two = _mm512_mask_i32gather_epi32(
		        zero, look, _mm512_srli_epi32(addr, 9), table.flat, 4);
		__m512i shift = _mm512_and_si512(_mm512_srli_epi32(addr, 4), sixteen);
		__m512i word = _mm512_and_si512(_mm512_srlv_epi32(two, shift), _mm512_set1_epi32(0xffff));

		_mm512_mask_storeu_epi32(value + at, there, word);
		walk->deep[at / FIB_BLOCK] = _mm512_test_epi32_mask(word, _mm512_set1_epi32(FIB_WIDE));
		any |= walk->deep[at / FIB_BLOCK];
	}
	return any;
}

/* One by one, which waits for no word of the directory before it asks for a line; to gather the words of a
 * block takes longer. */
FIB_TARGET static always_inline void start_avx512(struct fib_walk *walk, struct fib_table table,
        const struct ip6_addr *dst, uint32_t *value, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += FIB_BLOCK)
		(void)fib_start_block(walk, table, dst, value, at, MIN(FIB_BLOCK, n - at));
}

/* The results of a block, which walk->line holds, where the directory was not the end. */
FIB_TARGET static always_inline void block_settle(
        struct fib_walk *walk, uint32_t *value, uint32_t at, uint32_t n)
{
	__mmask16 there = mask_of(n);
	__m512i word = _mm512_maskz_loadu_epi32(there, value + at);
	__m512i found = _mm512_load_si512(&walk->line[at]);

	word = _mm512_mask_mov_epi32(word, _mm512_movepi32_mask(word), found);
	word = _mm512_and_si512(word, _mm512_set1_epi32(FIB_VALUE));
	_mm512_mask_storeu_epi32(value + at, there, word);
	walk->deep[at / FIB_BLOCK] = _mm512_mask_test_epi32_mask(there, word, _mm512_set1_epi32(FIB_DEEP));
}

/* In two passes: a wide load of what narrow stores have just written would wait for them. */
FIB_TARGET static always_inline void find_all_avx512(
        struct fib_walk *walk, struct fib_table table, uint32_t *value, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += FIB_BLOCK) {
		uint32_t end = walk->on[at / FIB_BLOCK] ? MIN(at + FIB_BLOCK, n) : 0;

		for (uint32_t i = at; i < end; i++)
			walk->line[i] = find_avx512(fib_line_words(table, walk->line[i]), walk->bound[i]);
	}
	for (uint32_t at = 0; at < n; at += FIB_BLOCK) {
		walk->deep[at / FIB_BLOCK] = 0;
		if (walk->on[at / FIB_BLOCK])
			block_settle(walk, value, at, MIN(FIB_BLOCK, n - at));
	}
}

FIB_TARGET static always_inline void otherwise_avx512(uint32_t *value, uint32_t otherwise, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 16) {
		__mmask16 there = mask_of(n - i);
		__m512i have = _mm512_maskz_loadu_epi32(there, value + i);

		_mm512_mask_storeu_epi32(value + i, there & _mm512_testn_epi32_mask(have, have),
		        _mm512_set1_epi32((int)otherwise));
	}
}

#include "common/fib/lookup_bulk.h"
#endif
