/* reader: what control reads out of a worker's tap ring for one tap.
 *
 *     tap_reader_start(&r, ring, slot, number);
 *     while ((got = tap_reader_next(&r, &record, bytes, &budget)) == TAP_GOT) ...
 *     ... tap_close ...  tap_reader_end(&r)           the rest is counted as missed
 *     r.delivered, r.missed
 *
 * The ring may be overwritten while it is read, and its writer may be hostile: every record is copied, then
 * checked, and what was overwritten meanwhile is missed, not shown.  Work a call is bounded by the budget.
 * One thread a reader; several readers may read one ring.
 */
#ifndef SLUICE_COMMON_TAP_READER_H
#define SLUICE_COMMON_TAP_READER_H

#include "common/tap/tap.h"

struct tap_reader {
	const struct tap_ring *ring;
	uint32_t slot;
	uint32_t number;    /* of the tap */
	uint64_t at;        /* next record */
	uint32_t seen;      /* number of the tap's last packet known of */
	uint64_t delivered; /* packets of the tap that were given to the caller */
	uint64_t missed;    /* packets of the tap that were not */
	uint64_t broken;    /* times that the ring made no sense */
};

enum tap_got {
	TAP_GOT,   /* a packet of the tap */
	TAP_EMPTY, /* all that is published was looked at */
	TAP_LATER, /* the budget is used up */
};

/* From what is published from now on. */
void tap_reader_start(struct tap_reader *r, const struct tap_ring *ring, uint32_t slot, uint32_t number);

/* The next packet of the tap: its record, and record->have bytes into `bytes`, which has room for
 * TAP_SNAP_MAX; they are all of the packet that any tap wanted.  Each record looked at takes one of the
 * budget. */
enum tap_got tap_reader_next(
        struct tap_reader *r, struct tap_record *record, uint8_t *bytes, uint32_t *budget);

/* The tap is closed, nothing more will be read: what its worker has captured and was not delivered is missed.
 */
void tap_reader_end(struct tap_reader *r);

#endif
