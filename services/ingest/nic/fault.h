/* fault: what a bad wire does to frames, between a driver and ingest: loses, repeats, reorders, delays,
 * corrupts and cuts them, both ways, by chance and yet always the same.
 *
 * Each way draws its numbers from a generator of its own, seeded by the settings and the port, whose place is
 * journaled; what becomes of a frame depends on those before it alone, not on how they fell into bursts.
 * After a death it goes on as if nothing had been.
 *
 * In the account: a frame that is lost is dropped (FAULT); one that is delayed or overtaken is held in its
 * buffer; at most FAULT_HELD at a time, what goes beyond is dropped (FAULT).  A frame received twice is
 * received twice; a frame sent twice counts once, and is only repeated where the driver copies
 * (nic_ops.copies).  An overtaken frame waits for the next one, at most FAULT_OVERTAKE.
 *
 * It is itself a driver (nic.h), over the one in nic->wire.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_FAULT_H
#define SLUICE_SERVICES_INGEST_NIC_FAULT_H

#include "services/ingest/nic/nic.h"

#define FAULT_HELD        256u
#define FAULT_OVERTAKE    (10 * NANOS_PER_MS)
#define FAULT_REPEAT_ROOM 2048u /* a longer frame is not repeated on reception */
#define FAULT_STATE_BYTES (CACHE_LINE + FAULT_HELD * 16u + 2 * FAULT_REPEAT_ROOM)

extern const struct nic_ops nic_fault;

#endif
