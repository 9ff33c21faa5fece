/* limits: token buckets in the router's journaled state.
 *
 * A bucket is one number: the time at which it will be full again.  With a rate of one in T and a depth of b,
 * one more is allowed while that time is less than (b - 1) T ahead of now, and moves it T further (the
 * virtual scheduling algorithm of ITU-T I.371).  Zeroed memory is full buckets.
 */
#ifndef SLUICE_SERVICES_ROUTER_LIMITS_H
#define SLUICE_SERVICES_ROUTER_LIMITS_H

#include "services/router/router_internal.h"

#define LIMIT_PEERS 4096u /* buckets by hash of the peer: peers that collide share one */

struct limits {
	_Alignas(CACHE_LINE) nanos_t icmp_error;
	nanos_t local[EPOCH_CLASSES];
	_Alignas(CACHE_LINE) nanos_t peer[LIMIT_PEERS];
};

static_assert(sizeof(struct limits) == CACHE_LINE + LIMIT_PEERS * sizeof(nanos_t), "journaled layout");

/* Whether a bucket full again at `full_at` has a token. */
static inline bool bucket_has(nanos_t full_at, struct epoch_rate rate, nanos_t now)
{
	nanos_t step;

	if (rate.per_second == 0)
		return true;
	step = NANOS_PER_SEC / rate.per_second;
	return full_at <= now || full_at - now <= step * (MAX(rate.burst, 1u) - 1);
}

static inline nanos_t bucket_take(nanos_t full_at, struct epoch_rate rate, nanos_t now)
{
	return rate.per_second == 0 ? full_at : MAX(full_at, now) + NANOS_PER_SEC / rate.per_second;
}

#endif
