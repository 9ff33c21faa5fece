#include "services/router/router_internal.h"

/* Where a packet stands: its place in the burst, or its outbox entry. */
static bool in_burst(const struct burst *b, struct pkt_ref r, uint32_t *i)
{
	uintptr_t first = (uintptr_t)b->pkt, at = (uintptr_t)r.pkt;

	*i = (uint32_t)((at - first) / sizeof b->pkt[0]);
	return at >= first && at < first + sizeof b->pkt;
}

bool packet_has_more(const struct router_call *c, struct pkt_ref r)
{
	uint32_t i;

	if (in_burst(c->burst, r, &i))
		return c->burst->more[i] && i + 1 < c->burst->n;
	return container_of(r.pkt, struct outbox_entry, pkt)->more;
}

static bool part_add(struct parts *parts, uint8_t *at, uint32_t len)
{
	if (parts->n == PARTS_MAX)
		return false;
	parts->part[parts->n].at = at;
	parts->part[parts->n++].len = len;
	parts->total += len;
	return true;
}

/* The packet behind `r`, the next buffer of the same packet.  false: there is none. */
static bool packet_next(const struct router_call *c, struct pkt_ref *r)
{
	struct burst *b = c->burst;
	struct outbox_entry *e;
	uint32_t i;

	if (!packet_has_more(c, *r))
		return false;
	if (in_burst(b, *r, &i)) {
		*r = burst_ref(b, i + 1);
		return true;
	}
	e = container_of(r->pkt, struct outbox_entry, pkt) + 1;
	if (e >= b->out + b->n_out)
		return false;
	*r = outbox_ref(e);
	return true;
}

bool packet_parts(const struct router_call *c, struct pkt_ref r, struct parts *parts)
{
	parts->n = 0;
	parts->total = 0;
	part_add(parts, packet_l3(r), packet_l3_here(r));
	while (packet_next(c, &r))
		if (!part_add(parts, *r.frame, r.pkt->len))
			return false;
	return true;
}

void parts_copy(const struct parts *parts, uint32_t off, void *to, uint32_t len)
{
	uint8_t *out = to;

	assert(off + len <= parts->total);
	for (uint32_t i = 0; len; i++) {
		uint32_t n = parts->part[i].len;

		if (off >= n) {
			off -= n;
			continue;
		}
		n = MIN(n - off, len);
		memcpy(out, parts->part[i].at + off, n);
		out += n;
		len -= n;
		off = 0;
	}
}

struct csum parts_sum(struct csum sum, const struct parts *parts, uint32_t off, uint32_t len)
{
	uint32_t before = 0;

	assert(off + len <= parts->total);
	for (uint32_t i = 0; len; i++) {
		uint32_t n = parts->part[i].len;

		if (off >= n) {
			off -= n;
			continue;
		}
		n = MIN(n - off, len);
		sum = csum_append(sum, before, parts->part[i].at + off, n);
		before += n;
		len -= n;
		off = 0;
	}
	return sum;
}

void packet_settle(const struct router_call *c, struct pkt_ref r)
{
	struct verdict v = *r.verdict;

	while (packet_next(c, &r))
		*r.verdict = v;
}
