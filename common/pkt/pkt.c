#include "common/pkt/pkt.h"

uint64_t pool_bytes(uint32_t count, uint32_t stride)
{
	return (uint64_t)count * stride;
}

int pool_view(struct pool *pool, void *base, uint32_t count, uint32_t stride, uint32_t lanes)
{
	uint32_t per_home = lanes ? count / lanes : 0;

	if (stride % (2 * CACHE_LINE) != CACHE_LINE || stride < PKT_FRAME_OFF + CACHE_LINE ||
	        stride > PKT_STRIDE_MAX)
		return -EINVAL;
	if (!per_home || per_home * lanes != count || per_home & (per_home - 1))
		return -EINVAL;
	*pool = (struct pool){
	        .base = base,
	        .count = count,
	        .stride = stride,
	        .lanes = lanes,
	        .home_shift = (uint32_t)__builtin_ctz(per_home),
	};
	return 0;
}
