/* partial: a checksum that holds the pseudo-header's sum alone is computed before the frame leaves for a wire
 * or a driver that knows of no such thing.
 *
 *     if (p->csum == PKT_CSUM_PARTIAL && !partial_complete(burst, &packet)) drop TX_FAILED
 *
 * Part of ingest; on the worker's thread.  Source: Linux skb_checksum_help.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_PARTIAL_H
#define SLUICE_SERVICES_INGEST_NIC_PARTIAL_H

#include "common/stage/stage.h"
#include "common/wire/checksum.h"
#include "common/wire/dissect.h"
#include "common/wire/tcp.h"
#include "common/wire/udp.h"

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

/* The pseudo-header of a frame that dissect_frame has found an IP header in. */
static inline struct csum partial_pseudo(const uint8_t *frame, const struct dissect *d, uint32_t l4_len)
{
	struct ip6_addr src, dst;

	if (d->l3 == DISSECT_IPV4)
		return csum_pseudo_ipv4((struct be32){load_u32(frame + d->src_offset)},
		        (struct be32){load_u32(frame + d->dst_offset)}, d->l4_proto, l4_len);
	memcpy(&src, frame + d->src_offset, sizeof src);
	memcpy(&dst, frame + d->dst_offset, sizeof dst);
	return csum_pseudo_ipv6(&src, &dst, d->l4_proto, l4_len);
}

/* Finds out whether TCP's or UDP's checksum in a received frame is so, where its driver does not know, and
 * notes it in the metadata. */
static inline void partial_recognize(const struct pkt_ref *packet)
{
	struct pkt *p = packet->pkt;
	const uint8_t *frame = *packet->frame;
	struct dissect d;
	uint32_t field, len;

	dissect_frame(frame, p->len, &d);
	field = d.l4_proto == IP_PROTO_TCP ? TCP_CHECKSUM_FIELD : UDP_CHECKSUM_FIELD;
	len = p->len - d.l4_offset;
	if (p->csum != PKT_CSUM_NONE || d.fragment != DISSECT_WHOLE || !(d.flags & DISSECT_L4) ||
	        (d.l4_proto != IP_PROTO_TCP && d.l4_proto != IP_PROTO_UDP) || field + 2 > len ||
	        d.l3_offset + d.l3_len != p->len ||
	        csum_verify(partial_pseudo(frame, &d, len), frame + d.l4_offset, len, field) != CSUM_PARTIAL)
		return;
	p->csum = PKT_CSUM_PARTIAL;
	p->csum_start = d.l4_offset;
	p->csum_off = (uint16_t)field;
}

#endif
