/* partial: a checksum that holds the pseudo-header's sum alone is computed before the frame leaves for a wire
 * or a driver that knows of no such thing.
 *
 *     if (p->csum == PKT_CSUM_PARTIAL && !partial_complete(burst, &packet)) drop TX_FAILED
 *
 * Part of ingest; on the worker's thread.  Source: Linux skb_checksum_help.
 */
#ifndef SLUICE_SERVICES_INGEST_PARTIAL_H
#define SLUICE_SERVICES_INGEST_PARTIAL_H

#include "common/stage/stage.h"
#include "common/wire/checksum.h"

/* Sums the packet's bytes from csum_start to its end in place, a single buffer of len bytes; the buffer stays
 * the caller's.  Counted.  false where csum_start or csum_off lie outside: nothing is changed. */
static inline bool partial_complete(struct burst *b, const struct pkt_ref *packet)
{
	struct pkt *p = packet->pkt;
	uint8_t *start = *packet->frame + p->csum_start;
	struct be16 sum;

	if (p->csum_start >= p->len || p->csum_off + 2u > (uint32_t)p->len - p->csum_start)
		return false;
	sum = csum_finish_nonzero(csum_bytes(CSUM_ZERO, start, (uint32_t)p->len - p->csum_start));
	memcpy(start + p->csum_off, &sum, sizeof sum);
	p->csum = PKT_CSUM_VALID;
	burst_count(b, STAT_CSUM_PARTIAL_COMPLETED, 1);
	return true;
}

#endif
