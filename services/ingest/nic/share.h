/* share: how the control class (common/urgent) and the rest share a port: each burst received, where the
 * kernel has a ring for each, and the transmit ring.
 *
 *     n = share_ready(&s->hand, ready, at, max);       how many of each ring the next burst takes
 *     share_take(&s->hand, n, at);                     it takes them: before a byte of them is touched
 *
 *     if (!share_has_room(&tx, pending, packet))       drop it: what is left is for the control class
 *
 * The control class is taken first, and gets no more than half of a burst while there is enough of the rest:
 * whoever sends nothing else gets no more than that.  Frames that a dead worker had in hand are taken again
 * (to be dropped), and must be the same, though more have come since: so the hand says how many of each it
 * held.
 *
 * Part of ingest, for its drivers; one thread for one port queue.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_SHARE_H
#define SLUICE_SERVICES_INGEST_NIC_SHARE_H

#include "common/pkt/burst.h"
#include "common/urgent/urgent.h"

/* Frames, or indices in the two rings. */
struct shares {
	uint32_t urgent, rest;
};

/* In a driver's state, in a line of its own that is never journaled. */
struct hand {
	_Alignas(CACHE_LINE) uint32_t whole; /* 0: it was being written */
	struct shares n;
	struct shares at; /* where the rings stood */
};

/* Of at most `max` frames, where so many are `ready` and the rings stand `at`.  No less of each as more get
 * ready, but for the rest's share. */
struct shares share_ready(const struct hand *hand, struct shares ready, struct shares at, uint32_t max);

/* A burst takes n frames. */
void share_take(struct hand *hand, struct shares n, struct shares at);

struct share_tx {
	struct urgent_program urgent;
	uint32_t slots;
	uint32_t rest; /* of them: what the rest may fill */
};

/* A transmit ring of so many slots; `dscp` as in urgent_program. */
void share_tx_init(struct share_tx *tx, uint32_t dscp, uint32_t slots);

bool share_is_urgent(const struct share_tx *tx, const struct pkt_ref *packet);

/* Whether a packet may enter a transmit ring in which `pending` are.  Looks into it only where that matters.
 */
static always_inline bool share_has_room(
        const struct share_tx *tx, uint32_t pending, const struct pkt_ref *packet)
{
	return likely(pending < tx->rest) || (pending < tx->slots && share_is_urgent(tx, packet));
}

#endif
