/* grant: what the port opener says to ingest about the queues of live ports.
 *
 * The opener (ingest's attendant, which alone has the privileges) opens a port's queue and hands it to ingest
 * as one message: a struct grant with the queue's descriptors beside it (SCM_RIGHTS), over the same socket as
 * all other handles, at any time; a copy goes to the keeper, so that the descriptors outlive the opener.
 *
 *     opener    OPEN 7 [socket]                    queue 0 of port 3 has rings, incarnation 7, everything at
 * index 0 LINK 7                             its carrier went or came; its MAC or MTU changed CLOSE 7 let go
 * of it: unmap, close; its buffers stay where they are GONE 7                             the kernel touches
 * none of its buffers any more: take them back ingest    grant_check(...), ingest_grant(...)
 *
 * Incarnations of a queue only grow, over restarts of the opener too.  What says X says also: every
 * incarnation before X is gone.  So the opener says GONE, or OPEN of a new incarnation, only when nobody
 * holds the old one's descriptors or no frame can be written any more (its device vanished, its program is
 * detached).  A new ingest is told the last word about each queue before anything else, a GONE too: until it
 * hears of a queue it keeps that queue's buffers.
 *
 * Native integers: both ends run on one machine, of one build.  Any thread.
 */
#ifndef SLUICE_COMMON_GRANT_GRANT_H
#define SLUICE_COMMON_GRANT_GRANT_H

#include "common/epoch/epoch.h"

#define GRANT_MAGIC      0x544e5247u /* "GRNT" */
#define GRANT_FDS_MAX    4u
#define GRANT_REASON_LEN 96u
#define GRANT_RING_MAX   65536u /* frames of a kernel's ring */

enum grant_what { GRANT_OPEN = 1, GRANT_LINK, GRANT_CLOSE, GRANT_GONE };

/* How the queue was opened, of the driver that the epoch names. */
enum grant_mode {
	GRANT_MODE_NONE,   /* tap; CLOSE and GONE */
	GRANT_XDP_GENERIC, /* copies, behind the kernel's own allocation */
	GRANT_XDP_NATIVE,  /* copies, in the driver */
	GRANT_XDP_ZEROCOPY,
	GRANT_PACKET_V2,
	GRANT_PACKET_V3,
};

/* Where a ring of an AF_XDP socket is in its mapping (struct xdp_ring_offset). */
struct grant_xdp_ring {
	uint64_t producer, consumer, desc, flags;
	uint32_t slots; /* a power of two */
	uint32_t reserved;
};

/* The whole pool is the UMEM (unaligned chunks; buffer i is at i * stride).  Descriptor 0 is the socket,
 * bound; its four rings are not mapped by the opener.  Descriptor 1, where `urgent` has slots, is the socket
 * of the control class, which has that receive ring and shares the fill ring. */
struct grant_xdp {
	struct grant_xdp_ring rx, tx, fill, completion, urgent;
	uint32_t headroom; /* as the UMEM was registered: a frame starts this and XDP_PACKET_HEADROOM behind
	                      its chunk */
	uint32_t need_wakeup;  /* 1: bound with XDP_USE_NEED_WAKEUP */
	uint32_t chunks;       /* 1: bound with XDP_USE_SG: a frame may come in several buffers */
	uint32_t control_dscp; /* common/urgent */
};

/* Descriptor 0 is the socket, bound, with both rings set up (PACKET_RX_RING, then PACKET_TX_RING: one
 * mapping, in this order), not mapped by the opener. */
struct grant_packet_ring {
	uint32_t block_size, block_nr, frame_size, frame_nr; /* struct tpacket_req */
};

struct grant_packet {
	struct grant_packet_ring rx, tx;
	struct grant_packet_ring urgent; /* V2, of the control class: descriptor 1, a mapping of its own; all
	                                    0: there is none */
	uint32_t vnet_hdr_len;           /* 0: none */
	uint32_t tx_offset;              /* of the frame (or vnet header) in a slot of the transmit ring */
	uint32_t control_dscp;           /* common/urgent */
	uint32_t segments;               /* 1: a frame may be several packets, of up to 64 KiB */
};

/* Descriptor 0 is the queue of the TAP, non-blocking. */
struct grant_tap {
	uint32_t vnet_hdr_len; /* before each frame, both ways: 10 or 12; 0: none */
	uint32_t reserved;
};

struct grant {
	uint32_t magic;
	uint16_t what;        /* enum grant_what */
	uint16_t driver;      /* enum epoch_driver */
	uint64_t incarnation; /* from 1 */
	uint16_t phys;        /* the physical port's number in the epoch */
	uint16_t queue, queues;
	uint16_t mode; /* enum grant_mode */
	uint16_t n_fds;
	uint16_t link; /* 1: there is a carrier, and the interface is up */
	uint16_t mtu;
	struct mac_addr mac;
	uint32_t ifindex;
	char interface[EPOCH_NAME_LEN]; /* terminated */
	char reason[GRANT_REASON_LEN];  /* terminated: why there is no link, why it was closed, or empty */
	union {
		struct grant_xdp xdp;
		struct grant_packet packet;
		struct grant_tap tap;
	};
};

static_assert(sizeof(struct grant) % 8 == 0, "of one shape in every process");

/* Whether what was received is a grant that makes sense: its size, magic, numbers within bounds, strings
 * terminated, and as many descriptors as it says (n_fds, and at least one with OPEN alone).  NULL, or a
 * sentence about what is wrong; then the receiver closes the descriptors and goes on. */
const char *grant_check(const void *message, size_t bytes, uint32_t n_fds);

#endif
