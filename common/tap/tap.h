/* tap: copies of packets on their way, for `sluice capture` and `sluice drop --follow`.
 *
 * Who wants to see packets opens a tap: at which points, on which port, how many bytes, and a classic BPF
 * program that chooses.  Control keeps the taps in one region that stages only read; each worker copies what
 * a tap wants into a ring of its own in its stage's public region; control reads the rings.
 *
 *     control:  tap_open(control, &wish, &slot)      ... tap_reader_next(...) ...      tap_close(control,
 * slot) worker:   tap_look(w) once a burst; tap_add(w, ...) a packet; tap_publish(w) behind the burst's
 * commit
 *
 * Nobody waits for anybody: a worker overwrites what has not been read, and the reader sees from the numbers
 * in the records what it missed.  A copy is no part of the account: copies are published behind the commit of
 * their burst, so a burst that never commits leaves none, half a record is never seen, and the copies of one
 * burst may be lost where its worker dies in between.
 *
 * The parts: this header is what is shared and control's side; filter.h the programs; writer.h a worker's
 * side; reader.h the reader's, who trusts nothing that he finds in a ring.
 */
#ifndef SLUICE_COMMON_TAP_TAP_H
#define SLUICE_COMMON_TAP_TAP_H

#include "common/tap/filter.h"

#define TAPS_MAX       4u
#define TAP_SNAP_MAX   65535u
#define TAP_RING_BYTES (UINT32_C(2) << 20)
#define TAP_MARKS      64u

enum tap_point {
	TAP_INGRESS, /* a frame as its driver gave it */
	TAP_EGRESS,  /* a frame as its driver took it */
	TAP_DROP,    /* a packet as it was when its drop was decided, by any stage */
	TAP_POINTS
};

/* "ingress", "egress", "drop". */
const char *tap_point_name(enum tap_point point);

/* One tap.  Fixed-width: it lies in shared memory. */
struct tap {
	uint32_t number;     /* of this tap among all there ever were, from 1; 0: the slot is unused */
	uint32_t points;     /* 1 << enum tap_point, or several */
	uint32_t snap_bytes; /* of a packet at the most, from 0 to TAP_SNAP_MAX */
	struct port_id port; /* physical, or for drops a sub-port; PORT_NONE: any */
	uint16_t reason;     /* enum drop_reason, of drops; 0: any */
	uint32_t n_insns;    /* 0: no program, all packets */
	uint32_t reserved[3];
	struct tap_insn insn[TAP_INSNS_MAX];
};

static_assert(sizeof(struct tap) == 32 + 8 * TAP_INSNS_MAX, "shared layout");

/* The region that control writes.  A sequence count: odd while it is being changed, another one after each
 * change.  Zero memory is a state without taps. */
struct tap_control {
	_Alignas(CACHE_LINE) uint32_t seq;
	uint32_t opened; /* taps there ever were */
	_Alignas(CACHE_LINE) struct tap tap[TAPS_MAX];
};

#define TAP_F_TAGGED  0x01u /* vlan_outer stood in the frame when it was received */
#define TAP_F_TAGGED2 0x02u /* vlan_inner too */
#define TAP_F_MADE    0x04u /* made by the appliance, not received */

/* What stands before the bytes of a packet in a ring.  At a multiple of 8 bytes. */
struct tap_record {
	uint32_t bytes; /* of the record, this header included: a multiple of 8 */
	uint32_t have;  /* bytes of the packet that follow */
	nanos_t time;
	uint32_t len;        /* bytes that the packet had */
	struct port_id port; /* it came in by; of egress: went out by; may be PORT_NONE */
	struct port_id phys; /* the physical port under it */
	uint16_t reason;     /* enum drop_reason; 0 but for drops */
	uint16_t epoch;      /* low bits of its configuration */
	uint16_t vlan_outer; /* TCI, with TAP_F_TAGGED */
	uint16_t vlan_inner;
	uint8_t stage; /* enum stage_id */
	uint8_t lane;
	uint8_t point; /* enum tap_point */
	uint8_t taps;  /* which want it, a bit a slot */
	uint8_t flags; /* TAP_F_* */
	uint8_t reserved;
	struct port_id out;        /* it would have gone out by, as far as that was known; may be PORT_NONE */
	uint32_t number[TAPS_MAX]; /* of the packet among those of each tap at this worker, from 1 */
};

static_assert(sizeof(struct tap_record) == 56, "shared layout");

/* One a worker, in its stage's public region; zero memory is an empty one.  Indices are free-running bytes;
 * slot index % TAP_RING_BYTES; a record may go on at the front. */
struct tap_ring {
	_Alignas(CACHE_LINE) uint64_t claim; /* bytes may be written up to here: stored before they are */
	uint64_t prod;                       /* records are whole up to here: stored behind them */
	uint32_t number[TAPS_MAX];           /* the tap that since[] and captured[] are of: stored last */
	uint64_t since[TAPS_MAX];            /* records from here on may be for it */
	uint64_t captured[TAPS_MAX];         /* packets that it wanted */
	_Alignas(
	        CACHE_LINE) uint64_t mark[TAP_MARKS]; /* where the first record starts in that part of data */
	_Alignas(CACHE_LINE) uint8_t data[TAP_RING_BYTES];
};

#define TAP_PART (TAP_RING_BYTES / TAP_MARKS)

static_assert((TAP_RING_BYTES & (TAP_RING_BYTES - 1)) == 0 && TAP_RING_BYTES >= 8 * TAP_SNAP_MAX, "ring");

/* Control's side; one thread of one process. */

/* What a predecessor left, even half written, is closed. */
void tap_reset(struct tap_control *control);

/* Opens a tap; `number` of the wish is not looked at.  0 with its slot and number; -EINVAL where the wish has
 * no point, a program that tap_program_check refuses, or bytes beyond TAP_SNAP_MAX; -EBUSY: TAPS_MAX are
 * open. Workers take it up at their next burst. */
[[nodiscard]] int tap_open(
        struct tap_control *control, const struct tap *wish, uint32_t *slot, uint32_t *number);
void tap_close(struct tap_control *control, uint32_t slot);

#endif
