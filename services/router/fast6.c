/* IPv6 packets that ask for nothing but forwarding, in passes over the burst (fast.h). */
#include "services/router/fast.h"

#define HOP_LIMIT_FIELD offsetof(struct ipv6_hdr, hop_limit)
#define SRC_FIELD       offsetof(struct ipv6_hdr, src)
#define DST_FIELD       offsetof(struct ipv6_hdr, dst)

struct fast6 {
	struct fast f;
	struct ip6_addr dst[BURST_MAX]; /* of those on the list */
};

uint64_t fast6_bytes(void)
{
	return sizeof(struct fast6);
}

/* Global and unique local unicast: neither 00, fe nor ff in front. */
static always_inline bool plain_addr(uint8_t first)
{
	return (uint8_t)(first - 1) < 0xfd;
}

/* All that input6 and forward6 check of what the header alone tells. */
static always_inline bool check(const uint8_t *l3, uint32_t here, uint32_t *total)
{
	uint64_t w = wire_load_raw64(l3);
	int32_t lacks;

	*total = IPV6_HDR_LEN + __builtin_bswap16((uint16_t)(w >> 32));
	lacks = (int32_t)(here - *total) | ((int32_t)(w >> 56) - 2);
	return likely(lacks >= 0) && likely((w & 0xf0) == 0x60) &&
	       likely((uint8_t)(w >> 48) != IP_PROTO_HOP_BY_HOP) &&
	       likely(plain_addr(wire_load_u8(l3 + SRC_FIELD))) &&
	       likely(plain_addr(wire_load_u8(l3 + DST_FIELD)));
}

static always_inline bool may_be_partial(const uint8_t *l3, uint32_t total)
{
	struct ip6_addr src = wire_load_ip6(l3 + SRC_FIELD), dst = wire_load_ip6(l3 + DST_FIELD);
	uint8_t proto = wire_load_u8(l3 + offsetof(struct ipv6_hdr, next_header));
	uint32_t len = total - IPV6_HDR_LEN;

	return csum_looks_partial(csum_pseudo_ipv6(&src, &dst, proto, len), proto, l3 + IPV6_HDR_LEN, len);
}

/* Whom the checks let pass stays on the list. */
static void check_all(struct fast6 *f6)
{
	struct fast *f = &f6->f;
	uint32_t n = f->n, kept = 0;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t total;

		if (unlikely(!check(f->l3[k], f->here[k], &total)))
			continue;
		if (f->partial && unlikely(may_be_partial(f->l3[k], total)))
			continue;
		f6->dst[kept] = wire_load_ip6(f->l3[k] + DST_FIELD);
		fast_move(f, kept++, k, total);
	}
	f->n = kept;
}

static __attribute__((noinline)) const struct fast_way *find(
        const struct router_call *c, struct fast *f, uint32_t k)
{
	const struct fast6 *f6 = container_of(f, struct fast6, f);
	struct ip6_addr src = wire_load_ip6(f->l3[k] + SRC_FIELD);

	return fast_way_find(c, f, k, &src, &f6->dst[k], ETHER_TYPE_IPV6);
}

static always_inline uint32_t rewrite(struct fast *f, uint32_t k, struct pkt *p)
{
	f->l3[k][HOP_LIMIT_FIELD]--;
	p->flags &= (uint16_t) ~(PKT_F_TAGGED | PKT_F_TAGGED2);
	return p->l4_off > p->l3_off ? p->l4_off - p->l3_off + ETHER_HDR_LEN : 0;
}

uint32_t fast6(const struct router_call *c)
{
	struct fast6 *f6 = c->router->fast6;
	struct fast *f = &f6->f;

	if (!c->view->has_fib || !c->burst->n)
		return 0;
	fast_candidates(c, f, ETHER_TYPE_IPV6, PORT_IN6, IPV6_HDR_LEN);
	check_all(f6);
	if (!f->n)
		return 0;
	fib6_lookup_bulk(&c->view->fib, f6->dst, f->group, f->n);
	fast_forward(c, f, find, rewrite);
	if (!f->forwarded)
		return 0;
	burst_count(c->burst, STAT_IP6_IN_RECEIVES, f->forwarded);
	burst_count(c->burst, STAT_IP6_IN_OCTETS, f->received_bytes);
	burst_count(c->burst, STAT_IP6_OUT_FORW_DATAGRAMS, f->forwarded);
	burst_count(c->burst, STAT_IP6_OUT_OCTETS, f->forwarded_bytes);
	return f->forwarded;
}
