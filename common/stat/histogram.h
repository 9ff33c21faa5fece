/* histogram: how often a number was how large, by powers of two.
 *
 *     histogram_add(&h, nanos, shift)       bucket 0 counts what is 2^shift at the most, each further one
 *                                           what is at most twice as much; the last all that is larger
 *
 * One writer; anybody reads it at any time, word by word, so that a reader may find a number in the sum and
 * not yet in its bucket.
 */
#ifndef SLUICE_COMMON_STAT_HISTOGRAM_H
#define SLUICE_COMMON_STAT_HISTOGRAM_H

#include "common/base/base.h"

#define HISTOGRAM_BUCKETS 23u

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS];
	uint64_t sum;
};

static_assert(sizeof(struct histogram) == 3 * CACHE_LINE, "shared layout");

static inline uint32_t histogram_bucket(uint64_t value, uint32_t shift)
{
	uint32_t log = value <= 1 ? 0 : 64u - (uint32_t)__builtin_clzll(value - 1);

	return log <= shift ? 0 : MIN(log - shift, HISTOGRAM_BUCKETS - 1);
}

static inline void histogram_add(struct histogram *h, uint64_t value, uint32_t shift)
{
	uint64_t *bucket = &h->bucket[histogram_bucket(value, shift)];

	__atomic_store_n(&h->sum, h->sum + value, __ATOMIC_RELAXED);
	__atomic_store_n(bucket, *bucket + 1, __ATOMIC_RELAXED);
}

/* Adds what another one holds. */
static inline void histogram_merge(struct histogram *to, const struct histogram *from)
{
	for (uint32_t b = 0; b < HISTOGRAM_BUCKETS; b++)
		to->bucket[b] += __atomic_load_n(&from->bucket[b], __ATOMIC_RELAXED);
	to->sum += __atomic_load_n(&from->sum, __ATOMIC_RELAXED);
}

#endif
