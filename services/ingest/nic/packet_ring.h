/* packet_ring: a receive ring of AF_PACKET: slots of a frame each (TPACKET_V2), or blocks of several (V3).
 *
 *     n = packet_ring_ready(&ring, &at, max);
 *     while (n--) {                                                      `at` is journaled
 *             behind = at;  packet_ring_look(&ring, &behind, &arrival);  ...
 *             packet_ring_pass(&ring, &at, &behind);
 *     }
 *     packet_ring_return(&ring, at.next);                                behind the commit
 *
 * A slot or block says whose it is by its status.  What tells, after a death, those that the last commit took
 * from those that the kernel has filled again since:
 *
 *     V2   we write our index into the slot's padding, which the kernel zeroes with each frame
 *     V3   a block has a number, which is our index and one
 *
 * Of a frame that is longer than a slot of V2 the kernel queues the whole beside it (PACKET_COPY_THRESH), to
 * be read by packet_ring_copy: one at a time, since the next comes up when that slot is given back.  A copy
 * is that of a slot if both begin alike and are of one length: so none is thrown away in place of another,
 * wherever a death comes between.
 *
 * Part of ingest; one thread for one ring.  Source: Linux Documentation/networking/packet_mmap.rst,
 * net/packet/af_packet.c.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_PACKET_RING_H
#define SLUICE_SERVICES_INGEST_NIC_PACKET_RING_H

#include "common/grant/grant.h"

struct packet_ring {
	uint8_t *slots;
	uint32_t bytes; /* of a slot, or block */
	uint32_t mask;
	uint32_t seen; /* those before it have been given back */
	bool v3;
	int fd; /* of the socket */
};

/* In a driver's state; a new ring begins at zeros. */
struct packet_place {
	uint32_t next;   /* slot (V2), or block (V3) */
	uint32_t taken;  /* frames taken from that block */
	uint32_t offset; /* of the next frame in it; 0: of the first */
	uint32_t cut;    /* payload of the segment there that packets have taken already: the driver's */
};

/* A frame in the ring. */
struct arrival {
	const uint8_t *frame; /* its virtio header stands before it */
	uint32_t len;         /* of it in the slot */
	uint32_t wire;        /* as it came */
	uint32_t status;      /* TP_STATUS_... */
	uint16_t tci;
	uint16_t tpid;
};

/* The kernel's virtio header and a frame of IP's greatest length. */
#define PACKET_COPY_BYTES (65536u + 256u)

/* The ring as granted, mapped at `slots`; all of it is looked at again by the first packet_ring_return.  The
 * descriptor stays the caller's.  false: its size is no power of two. */
bool packet_ring_attach(struct packet_ring *ring, const struct grant_packet_ring *grant, bool v3,
        uint8_t *slots, int fd, const struct packet_place *at);

/* Frames from `at` on, at most max. */
uint32_t packet_ring_ready(const struct packet_ring *ring, const struct packet_place *at, uint32_t max);

/* The frame at that place, which moves behind it; changes nothing in the ring.  false: there is none.  Who
 * looks further than packet_ring_ready has said looks no further than ring->mask slots or blocks. */
bool packet_ring_look(const struct packet_ring *ring, struct packet_place *at, struct arrival *arrival);

/* The frame between `at` and `behind` is done with; it stays where it is until it is given back. */
void packet_ring_pass(struct packet_ring *ring, struct packet_place *at, const struct packet_place *behind);

/* Whether a frame is longer than its slot and the kernel has queued it whole. */
bool packet_ring_has_copy(const struct arrival *arrival);

/* Reads such a frame, the virtio header before it, into `to` (PACKET_COPY_BYTES); the kernel keeps it.
 * Returns where the frame begins, or NULL: it is longer than that, or there is no copy of this one. */
const uint8_t *packet_ring_copy(const struct packet_ring *ring, const struct arrival *arrival, uint8_t *to);

/* What lies before `next` is the kernel's again.  Twice is the same as once. */
void packet_ring_return(struct packet_ring *ring, uint32_t next);

#endif
