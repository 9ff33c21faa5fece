/* fake: a kernel's rings without a kernel: a memfd that a driver maps in place of a socket, and the other end
 * of the rings played by hand.  Frames carry a number.  Rings are small and start near the wrap of their
 * indices. */
#ifndef SLUICE_TESTS_UNIT_DRIVERS_FAKE_H
#define SLUICE_TESTS_UNIT_DRIVERS_FAKE_H

#include "common/wire/ether.h"
#include "common/wire/tcp.h"
#include "services/ingest/nic/nic.h"

#define FAKE_SLOTS 32u
#define FAKE_START 0xffffff90u /* of all indices: a few turns before the wrap, and at slot 16 of a ring */
#define FAKE_FRAME 64u

/* Of each packet of a large segment. */
#define FAKE_PAYLOAD (FAKE_FRAME - ETHER_HDR_LEN - 20u - TCP_HDR_LEN)

struct fake {
	int fd;
	struct grant grant;
	uint8_t state[NIC_STATE_BYTES]; /* in which the driver begins */
	const struct pool *pool;

	/* A frame comes in, or a large segment, whose packets have numbers from this one on; how many.  0: no
	 * room. */
	uint32_t (*receive)(struct fake *f, uint32_t number);
	/* The kernel sends the next frame handed over; false: there is none. */
	bool (*send)(struct fake *f, uint32_t *number);
	/* ops->apply, but the process dies somewhere in it. */
	void (*cut_apply)(struct fake *f, struct nic *nic, uint64_t *random);

	uint8_t *map; /* of the memfd */
	size_t bytes;
	union {
		struct {
			uint32_t rx, fill, tx, completion; /* the kernel's own */
		} xdp;
		struct {
			uint32_t rx, tx, frames; /* frames in the open block of V3 */
			uint32_t offset, last;
			bool v3, segments;
		} packet;
	};
};

/* With `chunks`, frames also come as large segments over several buffers. */
void fake_xdp(struct fake *f, const struct pool *pool, bool chunks);

/* With `segments` too; in V2 some are longer than a slot. */
void fake_packet(struct fake *f, const struct pool *pool, bool v3, bool segments);
void fake_free(struct fake *f);

/* Writes a large segment of n packets: its sequence number says the first's number, and each one's payload
 * its own.  Its length. */
uint32_t fake_segment(uint8_t *frame, uint32_t number, uint32_t n);

#endif
