/* The lookup where one comparison takes a whole line. */
#if defined(__x86_64__)
#include <immintrin.h>

#define FIB_COUNT      count_avx512
#define FIB_TARGET     __attribute__((target("avx512f,avx512bw,avx512vl")))
#define FIB_NAME(name) name##_avx512

#include "common/fib/lookup.h"

FIB_TARGET static always_inline uint32_t count_avx512(const uint32_t *line, uint32_t byte)
{
	__m512i bound = _mm512_set1_epi32((int)(byte << FIB_START_BITS | FIB_VALUE));

	return (uint32_t)__builtin_popcount(_mm512_cmple_epu32_mask(_mm512_load_si512(line), bound));
}

#include "common/fib/lookup_bulk.h"
#endif
