#include "services/ingest/nic/xdp_ring.h"

#include <errno.h>
#include <sys/mman.h>

int xdp_ring_map(struct xdp_ring *r, const struct grant_xdp_ring *g, int fd, uint64_t at, size_t slot)
{
	size_t bytes = (size_t)g->desc + (size_t)g->slots * slot;
	uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)at);

	if (map == MAP_FAILED)
		return -errno;
	*r = (struct xdp_ring){
	        .producer = (uint32_t *)(void *)(map + g->producer),
	        .consumer = (uint32_t *)(void *)(map + g->consumer),
	        .flags = (const uint32_t *)(const void *)(map + g->flags),
	        .slots = map + g->desc,
	        .mask = g->slots - 1,
	        .map = map,
	        .bytes = bytes,
	};
	return 0;
}

void xdp_ring_unmap(struct xdp_ring *r)
{
	if (r->map)
		munmap(r->map, r->bytes);
}
