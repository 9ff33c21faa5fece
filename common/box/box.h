/* box: the black box: what a worker had in hand when its process died by its own fault.
 *
 *     box_begin(&w, box, &head); box_add(&w, &packet, frame) ...; box_end(&w)     its successor, recovering
 *     box_read(box, slot, &head)          control, of each slot:
 *     box_packet(box, slot, &head, k, &packet, bytes)     and of each packet that is there
 *
 * Each worker has one in its stage's public region: it alone writes it, and it outlives stages and control.
 * It holds the last BOX_RECORDS records, each in a fixed number of bytes; memory is taken as it is written.
 *
 * A record comes into being in three steps, each one store: `number`, behind its head; `have`, behind each
 * packet; `ended`, when nothing more comes.  Its writer may die between any two of them, so that what a
 * reader finds is whole as far as it goes, and says how far that is.  Readers trust nothing: what they copy
 * is checked, and thrown away where it was overwritten meanwhile.
 */
#ifndef SLUICE_COMMON_BOX_BOX_H
#define SLUICE_COMMON_BOX_BOX_H

#include "common/pkt/burst.h"

#define BOX_RECORDS 4u
#define BOX_BYTES   (UINT32_C(128) << 10) /* of a record's packets */
#define BOX_DUMP    128u

/* How the process ended, as its attendant says. */
struct box_death {
	uint64_t at;     /* CLOCK_MONOTONIC, nanos_t */
	uint64_t starts; /* of its stage until then */
	uint64_t faults; /* of these, those that ended so */
	uint32_t crash;  /* its number among all of the appliance, from 1 */
	int32_t pid;
	int32_t signal;   /* 0: it exited ... */
	int32_t status;   /* ... with this */
	uint32_t stalled; /* 1: it was killed, since it made no progress */
	uint32_t reserved;
};

/*  X(NAME, "word", "what it was about, for a person") */
#define BOX_STEPS(X)                                                                                         \
	X(NONE, "none", "it was between two bursts")                                                         \
	X(RX, "rx", "packets towards the applications")                                                      \
	X(TX, "tx", "packets towards the wire")                                                              \
	X(PUNT, "punt", "packets that another lane had passed on")                                           \
	X(PORT, "port", "frames of a port")                                                                  \
	X(BUFFERS, "buffers", "free buffers")                                                                \
	X(TIMER, "timer", "what was due")                                                                    \
	X(CONFIG, "config", "taking up a configuration")                                                     \
	X(RECOVERY, "recovery", "what the process before it had died with")

enum box_step {
#define X(name, word, text) BOX_STEP_##name,
	BOX_STEPS(X)
#undef X
	        BOX_STEP_COUNT
};

/*  X(NAME, "word")  What a timer worked on: an entry of the stage's state. */
#define BOX_CULPRITS(X)                                                                                      \
	X(NONE, "")                                                                                          \
	X(NEIGHBOR, "neighbor")                                                                              \
	X(ADDRESS, "address")     /* of ours: probing and announcing it */                                   \
	X(GROUP, "group")         /* that we listen to: reporting it */                                      \
	X(QUERY, "query")         /* about groups, to be answered on a port */                               \
	X(FRAGMENTS, "fragments") /* of one datagram */

enum box_culprit_kind {
#define X(name, word) BOX_CULPRIT_##name,
	BOX_CULPRITS(X)
#undef X
	        BOX_CULPRIT_COUNT
};

struct box_culprit {
	uint32_t what; /* journal_in_hand's number; 0: the burst did not say */
	uint8_t kind;  /* enum box_culprit_kind; NONE where it is unknown, or gone */
	uint8_t proto; /* of a datagram of IPv4 */
	struct port_id port;
	uint32_t id; /* of a datagram */
	uint32_t bytes;
	struct ip6_addr addr;   /* IPv4 mapped; of a datagram its source */
	struct ip6_addr to;     /* its destination */
	uint8_t dump[BOX_DUMP]; /* the entry itself, `bytes` of it */
};

/* Puts bytes behind those in the dump, as far as there is room. */
static inline void box_dump(struct box_culprit *c, const void *entry, size_t bytes)
{
	uint32_t n = (uint32_t)MIN(bytes, (size_t)(BOX_DUMP - c->bytes));

	memcpy(c->dump + c->bytes, entry, n);
	c->bytes += n;
}

struct box_head {
	_Alignas(
	        CACHE_LINE) uint64_t number; /* of the record among this worker's, from 1; 0: there is none */
	uint32_t have;                       /* packets that are there */
	uint32_t ended;                      /* 1: no more come */
	struct box_death death;
	uint32_t n;          /* packets that were in hand */
	uint8_t step;        /* enum box_step */
	uint8_t from;        /* the worker at the other end of a ring; else 0 */
	struct port_id port; /* whose frames they are; else PORT_NONE */
	struct box_culprit culprit;
};

static_assert(sizeof(struct box_death) == 48 && sizeof(struct box_culprit) == 176, "shared layout");
static_assert(sizeof(struct box_head) == 256, "shared layout");

#define BOX_F_NO_BUFFER 0x1u /* its descriptor names none */
#define BOX_F_SPOILT    0x2u /* its metadata is not sound: the bytes are those where a frame usually starts */

/* A buffer that was in hand; its bytes follow. */
struct box_packet {
	uint64_t desc; /* as it stood in the ring; of a port the buffer alone */
	uint32_t have; /* bytes */
	uint32_t flags;
	struct pkt pkt; /* its metadata, as it was found */
};

static_assert(sizeof(struct box_packet) == 80, "shared layout");

struct black_box {
	struct box_head head[BOX_RECORDS]; /* record `number` stands in slot number % BOX_RECORDS */
	_Alignas(CACHE_LINE) uint8_t data[BOX_RECORDS][BOX_BYTES];
};

/* Bytes from packet to packet where there are n of them, of which the packet's own are all but
 * sizeof(struct box_packet). */
static inline uint32_t box_stride(uint32_t n)
{
	return MIN(BOX_BYTES / MAX(n, 1u), PKT_STRIDE_MAX + (uint32_t)sizeof(struct box_packet)) & ~15u;
}

static_assert(BOX_BYTES / BURST_MAX >= 256, "a packet's headers find room in a full burst");

/* The worker's side: private, and gone with its process. */
struct box_writer {
	struct black_box *box;
	struct box_head *head; /* NULL: no record is being written */
	uint32_t slot;
	uint32_t n, have;
};

/* Begins a record in place of the oldest one: `head` without number, have and ended. */
void box_begin(struct box_writer *w, struct black_box *box, const struct box_head *head);
/* The next packet: `have` of its bytes at the most.  More than head->n of them are left out. */
void box_add(struct box_writer *w, const struct box_packet *packet, const uint8_t *bytes);
void box_end(struct box_writer *w);

/* A checked copy of a record's head.  false: there is none, or it is being replaced. */
bool box_read(const struct black_box *box, uint32_t slot, struct box_head *copy);

#define BOX_SNAP PKT_STRIDE_MAX

/* Packet k of copy->have, and its bytes into `bytes`, which has room for BOX_SNAP.  false: the record was
 * replaced meanwhile. */
bool box_packet(const struct black_box *box, uint32_t slot, const struct box_head *copy, uint32_t k,
        struct box_packet *packet, uint8_t *bytes);

/* Words, as above; "?" for what is none. */
const char *box_step_name(uint32_t step);
const char *box_step_text(uint32_t step);
const char *box_culprit_name(uint32_t kind);

#endif
