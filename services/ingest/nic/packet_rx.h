/* packet_rx: the receiving side of packet.c, and what both sides share.  Not for anyone else; one
 * thread for one port queue. */
#ifndef SLUICE_SERVICES_INGEST_NIC_PACKET_RX_H
#define SLUICE_SERVICES_INGEST_NIC_PACKET_RX_H

#include "services/ingest/nic/nic.h"
#include "services/ingest/nic/packet_ring.h"
#include "services/ingest/nic/share.h"

struct packet_state {
	/* Journaled. */
	_Alignas(CACHE_LINE) struct packet_place rx;
	struct packet_place urgent;
	uint32_t tx; /* next slot */
	/* Never journaled. */
	struct hand hand;
};

static_assert(offsetof(struct packet_state, hand) == CACHE_LINE, "one line a burst");

/* A segment that no slot has room for. */
struct packet_whole {
	const uint8_t *frame; /* in bytes; NULL: none */
	uint32_t slot;        /* whose */
	uint8_t bytes[PACKET_COPY_BYTES];
};

/* A ring that frames come by. */
struct packet_source {
	struct packet_ring ring;
	struct packet_whole *whole; /* NULL: segments do not come */
};

struct packet {
	uint8_t *map, *urgent_map; /* of each socket; the second NULL: there is none */
	size_t bytes, urgent_bytes;
	struct packet_source rx, urgent;
	uint8_t *tx;
	uint32_t tx_bytes;
	uint32_t tx_mask;
	uint32_t tx_offset; /* of the virtio header in a slot */
	uint32_t tx_seen;   /* transmit slots before it have been handed over */
	uint32_t kicked;    /* of them the kernel has been told of those before it */
	struct share_tx share;
	int fd;
	bool v3;
	bool segments; /* a frame may be several packets, to be cut here */
};

/* As in struct nic_ops. */
uint32_t packet_rx_ready(struct nic *nic, nanos_t now, uint32_t max);
void packet_rx(struct nic *nic, nanos_t now, struct burst *burst, uint32_t first, uint32_t n);

#endif
