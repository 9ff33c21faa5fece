#include "services/ingest/nic/share.h"

#define RESERVE 16u /* of a transmit ring one part in so many is the control class's */

/* Whether what the hand holds stands where the rings do: a commit would have moved them. */
static bool in_hand(const struct hand *hand, struct shares at)
{
	return hand->whole && hand->at.urgent == at.urgent && hand->at.rest == at.rest;
}

struct shares share_ready(const struct hand *hand, struct shares ready, struct shares at, uint32_t max)
{
	uint32_t others = max - MIN(ready.rest, max), urgent = MIN(ready.urgent, MAX((max + 1) / 2, others));

	if (unlikely(in_hand(hand, at)))
		urgent = MIN(hand->n.urgent, max);
	return (struct shares){urgent, MIN(ready.rest, max - urgent)};
}

void share_take(struct hand *hand, struct shares n, struct shares at)
{
	hand->whole = 0;
	order_stores();
	hand->n = n;
	hand->at = at;
	order_stores();
	hand->whole = 1;
}

void share_tx_init(struct share_tx *tx, uint32_t dscp, uint32_t slots)
{
	urgent_program(&tx->urgent, dscp);
	tx->slots = slots;
	tx->rest = slots - slots / RESERVE;
}

bool share_is_urgent(const struct share_tx *tx, const struct pkt_ref *packet)
{
	return urgent_frame(&tx->urgent, *packet->frame, packet->pkt->len);
}
