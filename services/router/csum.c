#include "common/wire/tcp.h"
#include "common/wire/udp.h"
#include "services/router/router_internal.h"

static uint32_t checksum_field(uint8_t proto)
{
	switch (proto) {
	case IP_PROTO_TCP: return TCP_CHECKSUM_FIELD;
	case IP_PROTO_UDP: return UDP_CHECKSUM_FIELD;
	}
	return 0;
}

bool csum_looks_partial(struct csum pseudo, uint8_t proto, const uint8_t *l4, uint32_t l4_len)
{
	uint32_t field = checksum_field(proto);

	return field && field + 2 <= l4_len && wire_load_raw16(l4 + field) == csum_fold(pseudo).raw;
}

void csum_recognize(const struct router_call *c, struct pkt_ref r, struct csum pseudo, uint8_t proto,
        uint32_t l4, uint32_t l4_len)
{
	uint32_t field = checksum_field(proto);
	const uint8_t *at = packet_l3(r) + l4;

	if (r.pkt->csum != PKT_CSUM_NONE || l4 + l4_len > packet_l3_here(r))
		return;
	if (!csum_looks_partial(pseudo, proto, at, l4_len) ||
	        csum_verify(pseudo, at, l4_len, field) != CSUM_PARTIAL)
		return;
	r.pkt->csum = PKT_CSUM_PARTIAL;
	r.pkt->csum_start = (uint16_t)(r.pkt->l3_off + l4);
	r.pkt->csum_off = (uint16_t)field;
	trace(c->burst->trace, r.pkt->trace, TRACE_CSUM_PARTIAL);
}

void csum_complete_packet(const struct router_call *c, struct pkt_ref r)
{
	struct pkt *p = r.pkt;
	uint32_t at = (uint32_t)p->csum_start + p->csum_off;
	struct be16 sum;

	if (p->csum != PKT_CSUM_PARTIAL)
		return;
	p->csum = PKT_CSUM_NONE;
	/* Another stage's word: where it points outside the packet there is nothing to be completed. */
	if (p->csum_start < p->l3_off || at + 2 > p->len)
		return;
	sum = csum_finish_nonzero(csum_bytes(CSUM_ZERO, *r.frame + p->csum_start, p->len - p->csum_start));
	memcpy(*r.frame + at, &sum, sizeof sum);
	p->csum = PKT_CSUM_VALID;
	burst_count(c->burst, STAT_CSUM_PARTIAL_COMPLETED, 1);
	trace(c->burst->trace, p->trace, TRACE_CSUM_COMPLETED);
}
