/* xdp_ring: a ring shared with the kernel by an AF_XDP socket, mapped.
 *
 * Indices are free-running; who may store which, and when, is nic_xdp's.  Part of ingest; one thread for one
 * ring.  Source: Linux net/xdp/xsk_queue.h, Documentation/networking/af_xdp.rst.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_XDP_RING_H
#define SLUICE_SERVICES_INGEST_NIC_XDP_RING_H

#include "common/grant/grant.h"

#include <linux/if_xdp.h>

struct xdp_ring {
	uint32_t *producer;
	uint32_t *consumer;
	const uint32_t *flags;
	union {
		void *slots;
		struct xdp_desc *desc; /* rx, tx */
		uint64_t *address;     /* fill, completion */
	};
	uint32_t mask;
	void *map; /* NULL: there is no such ring */
	size_t bytes;
};

/* Maps the ring of socket `fd` at the offset of its kind (XDP_PGOFF_RX_RING, ...), whose slots have so many
 * bytes.  0 or a negative errno. */
[[nodiscard]] int xdp_ring_map(
        struct xdp_ring *ring, const struct grant_xdp_ring *grant, int fd, uint64_t at, size_t slot);

/* What xdp_ring_map made, or zeros. */
void xdp_ring_unmap(struct xdp_ring *ring);

#endif
