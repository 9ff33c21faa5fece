/* packet_ring: a receive ring of AF_PACKET: slots of a frame each (TPACKET_V2), or blocks of several (V3).
 *
 *     n = packet_ring_ready(&ring, &at, max);
 *     while (n--) { arrival = packet_ring_next(&ring, &at);  ... }       `at` is journaled
 *     packet_ring_return(&ring, at.next);                                behind the commit
 *
 * A slot or block says whose it is by its status.  What tells, after a death, those that the last commit took
 * from those that the kernel has filled again since:
 *
 *     V2   we write our index into the slot's padding, which the kernel zeroes with each frame
 *     V3   a block has a number, which is our index and one
 *
 * Part of ingest; one thread for one ring.  Source: Linux Documentation/networking/packet_mmap.rst,
 * net/packet/af_packet.c.
 */
#ifndef SLUICE_SERVICES_INGEST_PACKET_RING_H
#define SLUICE_SERVICES_INGEST_PACKET_RING_H

#include "common/grant/grant.h"

struct packet_ring {
	uint8_t *slots;
	uint32_t bytes; /* of a slot, or block */
	uint32_t mask;
	uint32_t seen; /* those before it have been given back */
	bool v3;
};

/* In a driver's state; a new ring begins at zeros. */
struct packet_place {
	uint32_t next;   /* slot (V2), or block (V3) */
	uint32_t taken;  /* frames taken from that block */
	uint32_t offset; /* of the next frame in it, once one has been taken */
};

/* A frame in the ring. */
struct arrival {
	const uint8_t *frame; /* its virtio header stands before it */
	uint32_t len;         /* of it in the slot */
	uint32_t wire;        /* as it came */
	uint32_t status;
	uint16_t tci;
	uint16_t tpid;
};

/* The ring as granted, mapped at `slots`; all of it is looked at again by the first packet_ring_return.
 * false: its size is no power of two. */
bool packet_ring_attach(struct packet_ring *ring, const struct grant_packet_ring *grant, bool v3,
        uint8_t *slots, const struct packet_place *at);

/* Frames from `at` on, at most max. */
uint32_t packet_ring_ready(const struct packet_ring *ring, const struct packet_place *at, uint32_t max);

/* The next frame, which packet_ring_ready has promised; it stays where it is until it is given back. */
struct arrival packet_ring_next(struct packet_ring *ring, struct packet_place *at);

/* What lies before `next` is the kernel's again.  Twice is the same as once. */
void packet_ring_return(struct packet_ring *ring, uint32_t next);

#endif
