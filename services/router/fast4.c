/* IPv4 packets that ask for nothing but forwarding, in passes over the burst.  Whatever deviates in the least
 * is left without a verdict and without a trace in state or counters, for input4. */
#include "services/router/fast.h"

struct fast4 {
	/* Of those that passed the checks: */
	uint32_t n;
	uint32_t dst[BURST_MAX]; /* host order */
	uint32_t group[BURST_MAX];
	uint16_t at[BURST_MAX];    /* in the burst */
	uint16_t total[BURST_MAX]; /* IP length */
	/* Counted once a burst. */
	uint64_t received, received_bytes, forwarded_bytes;
	uint32_t serial; /* of the burst */
	struct fast_way way[FAST_WAYS];
	struct fast_way other; /* of a group with several hops, or without a gateway */
};

uint64_t fast4_bytes(void)
{
	return sizeof(struct fast4);
}

/* First bytes of addresses that a plain unicast packet bears: not 0, 127, 224 and above. */
static const uint8_t plain_first[256] = {[1 ... 126] = 1, [128 ... 223] = 1};

/* The header's words add up to a multiple of 65,535, which a multiplication by its inverse tells (never to 0:
 * the version is in them). */
static always_inline bool sum_is_good(struct ipv4_words w)
{
	uint64_t s = (w.first >> 32) + (uint32_t)w.first + (w.second >> 32) + (uint32_t)w.second + w.third;

	return s * UINT64_C(0xfffefffefffeffff) <= UINT64_MAX / 65535;
}

/* All that input4 and forward4 check of what the header alone tells; counts it in where it is plain. */
static always_inline void check(
        const struct router_call *c, const struct pkt *p, const uint8_t *l3, struct fast4 *f, uint32_t i)
{
	uint32_t here = (uint32_t)p->len - p->l3_off, k = f->n, total;
	struct ipv4_words w;
	int32_t lacks;
	struct be32 src;

	if (unlikely(fast_odd(p, ETHER_TYPE_IPV4, IPV4_HDR_LEN)))
		return;
	w = ipv4_load_words(l3);
	total = __builtin_bswap16((uint16_t)(w.first >> 16));
	src = (struct be32){(uint32_t)(w.second >> 32)};
	lacks = (int32_t)(total - IPV4_HDR_LEN) | (int32_t)(here - total) | ((int32_t)(uint8_t)w.second - 2);
	if (unlikely(lacks < 0) || unlikely((uint8_t)w.first != 0x45) || unlikely(!sum_is_good(w)) ||
	        unlikely(!(plain_first[src.raw & 0xff] & plain_first[w.third & 0xff])) ||
	        unlikely(!(c->view->port[p->port.v].plain & PORT_IN4)) ||
	        unlikely(local_filter_has(c->view, src)))
		return;
	f->dst[k] = __builtin_bswap32(w.third);
	f->at[k] = (uint16_t)i;
	f->total[k] = (uint16_t)total;
	f->n = k + 1;
}

static void check_all(const struct router_call *c, struct fast4 *f)
{
	struct burst *b = c->burst;

	f->n = 0;
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t ahead = MIN(i + FAST_AHEAD, b->n - 1);

		__builtin_prefetch(b->frame[ahead] + b->pkt[ahead].l3_off, 1);
		if (likely(!b->more[i]))
			check(c, &b->pkt[i], b->frame[i] + b->pkt[i].l3_off, f, i);
	}
}

/* The way of a group with several gateways, or of a neighbor's own address. */
static struct fast_way *way_of_other(
        const struct router_call *c, struct fast4 *f, const struct fib_group *g, uint32_t k)
{
	const struct pkt *p = &c->burst->pkt[f->at[k]];
	struct ip6_addr dst = ip6_addr_mapped(be32_from_host(f->dst[k]));
	const struct fib_hop *hop = &g->hop;

	if (g->n_hops > 1) {
		const uint8_t *l3 = c->burst->frame[f->at[k]] + p->l3_off;
		struct ip6_addr src = ip6_addr_mapped(wire_load_be32(l3 + offsetof(struct ipv4_hdr, src)));

		hop = fib_hops_select(&c->view->fib, g, route_hash(c, p, &src, &dst));
	}
	fast_way_resolve(
	        c, &f->other, g, hop, g->type == FIB_UNICAST ? &hop->gateway : &dst, ETHER_TYPE_IPV4);
	return &f->other;
}

static __attribute__((noinline)) struct fast_way *way_resolve(
        const struct router_call *c, struct fast4 *f, uint32_t k)
{
	const struct fib_group *g = fib_group(&c->view->fib, f->group[k]);
	struct fast_way *way = &f->way[f->group[k] % FAST_WAYS];

	if (g->type == FIB_UNICAST && g->n_hops == 1) {
		fast_way_resolve(c, way, g, &g->hop, &g->hop.gateway, ETHER_TYPE_IPV4);
		way->key = (uint64_t)f->serial << 32 | f->group[k];
		return way;
	}
	if (g->type == FIB_UNICAST || g->type == FIB_CONNECTED)
		return way_of_other(c, f, g, k);
	f->other.mtu = 0;
	return &f->other;
}

/* TTL and its checksum, Ethernet header, metadata. */
static always_inline void forward(struct burst *b, struct fast4 *f, uint32_t k, const struct fast_way *way)
{
	uint32_t i = f->at[k], total = f->total[k], word;
	struct pkt *p = &b->pkt[i];
	uint8_t *l3 = b->frame[i] + p->l3_off;
	uint16_t fragment = wire_load_u16(l3 + 6) & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET);

	word = wire_load_raw32(l3 + 8);
	p->l4_proto = (uint8_t)(word >> 8);
	word = (word & 0xffff00ff) | (uint32_t)p->l4_proto << 8;
	word = (word & 0xffff) - 1 +
	       ((uint32_t)csum_ttl_decrement((struct be16){(uint16_t)(word >> 16)}).raw << 16);
	memcpy(l3 + 8, &word, sizeof word);
	p->flags = (uint16_t)((p->flags & ~(PKT_F_TAGGED | PKT_F_TAGGED2)) | (fragment ? PKT_F_FRAGMENT : 0));
	f->received_bytes += (uint32_t)p->len - p->l3_off;
	f->forwarded_bytes += total;
	f->received++;
	fast_send(b, i, l3, total, ETHER_HDR_LEN + IPV4_HDR_LEN, way);
}

static void forward_all(const struct router_call *c, struct fast4 *f)
{
	uint64_t serial = (uint64_t)f->serial << 32;

	for (uint32_t k = 0; k < f->n; k++) {
		const struct fast_way *way = &f->way[f->group[k] % FAST_WAYS];

		if (unlikely(way->key != (serial | f->group[k])))
			way = way_resolve(c, f, k);
		if (unlikely(f->total[k] > way->mtu) ||
		        unlikely(way->redirect_port == c->burst->pkt[f->at[k]].port.v))
			continue;
		forward(c->burst, f, k, way);
	}
}

uint32_t fast4(const struct router_call *c)
{
	struct fast4 *f = c->router->fast4;

	f->received = f->received_bytes = f->forwarded_bytes = 0;
	if (!c->view->has_fib || !c->burst->n)
		return 0;
	check_all(c, f);
	if (!f->n)
		return 0;
	fib4_lookup_bulk(&c->view->fib, f->dst, f->group, f->n);
	f->serial++;
	forward_all(c, f);
	if (!f->received)
		return 0;
	burst_count(c->burst, STAT_IP_IN_RECEIVES, f->received);
	burst_count(c->burst, STAT_IP_EXT_IN_OCTETS, f->received_bytes);
	burst_count(c->burst, STAT_IP_FORW_DATAGRAMS, f->received);
	burst_count(c->burst, STAT_IP_EXT_OUT_OCTETS, f->forwarded_bytes);
	return (uint32_t)f->received;
}
