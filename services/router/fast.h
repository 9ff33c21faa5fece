/* fast: the passes over a burst that forward what is plain, of both families (fast4.c, fast6.c).  Part of the
 * router.
 *
 *     fast_candidates(c, f, ...);          who may be plain, by the metadata
 *     [check]                              by the header; who is not leaves the list
 *     fib_lookup_bulk(..., f->group, f->n);
 *     fast_forward(c, f, ...);             header, Ethernet header, metadata, verdict
 *
 * Checksums that may be partial (PORT_PARTIAL) are only compared with their pseudo-header's sum, which one in
 * 65,536 whole ones equals too: what it is, the long way finds out.
 *
 * Whatever deviates in the least is left without a verdict and without a trace in state or counters, for the
 * long way (input4, input6).
 *
 * Packets of one burst that have the same next-hop group with one gateway go the same way: it is looked up
 * once a burst and kept in a small cache.  What is in it is as good as the moment at which the burst began,
 * and no better: the neighbor's word is asked for again in each burst.
 */
#ifndef SLUICE_SERVICES_ROUTER_FAST_H
#define SLUICE_SERVICES_ROUTER_FAST_H

#include "common/base/lanes.h"
#include "services/router/router_internal.h"

#define FAST_WAYS 256u /* by group */

/* Where the packets of a group go in this burst. */
struct fast_way {
	uint64_t key; /* burst and group */
	uint16_t mtu; /* 0: not a plain way */
	uint16_t port;
	uint16_t redirect_port; /* what comes in on it deserves a redirect: PORT_NONE's number if nothing does
	                         */
	uint16_t unused;
	uint8_t ether[ETHER_HDR_LEN];
	uint16_t unused2;
};

static_assert(sizeof(struct fast_way) == 32, "two in a line");

/* Scratch of a burst.  Lists have room for a whole block of lanes behind their last. */
struct fast {
	uint32_t n;                        /* on the list */
	bool partial;                      /* checksums may be */
	uint16_t at[BURST_MAX + LANES];    /* in the burst */
	uint8_t *l3[BURST_MAX + LANES];    /* network header */
	uint32_t here[BURST_MAX + LANES];  /* bytes from there on */
	uint32_t total[BURST_MAX + LANES]; /* IP length */
	uint32_t group[BURST_MAX];
	uint32_t serial; /* of the burst */
	/* Counted once a burst. */
	uint32_t forwarded;
	uint32_t received_bytes, forwarded_bytes;
	struct fast_way way[FAST_WAYS];
	/* Of a group with several hops (key 0), or of one without a gateway, then for other_dst alone. */
	struct fast_way other;
	struct ip6_addr other_dst;
};

/* The way of packet k of the list, whose addresses these are, where the cache has none (fast.c). */
const struct fast_way *fast_way_find(const struct router_call *c, struct fast *f, uint32_t k,
        const struct ip6_addr *src, const struct ip6_addr *dst, uint16_t ethertype);

/* Where the metadata of a packet is that of a plain one: not traced, in one buffer, for our MAC, from a port
 * (one of `in`) that asks for nothing more, with room for an Ethernet header, and `least` of its `len` bytes
 * behind it. */
static always_inline bool fast_is_plain(const struct router_call *c, const struct pkt *p, uint32_t len,
        uint16_t ethertype, uint8_t in, uint32_t least)
{
	uint32_t odd = (uint32_t)(p->ethertype ^ ethertype) | p->type | (p->csum & PKT_CSUM_PARTIAL) |
	               p->trace | (p->len ^ p->total_len);
	int32_t lacks = (int32_t)(len - p->l3_off - least) |
	                ((int32_t)p->data_off + p->l3_off - (int32_t)(PKT_META_BYTES + ETHER_HDR_LEN)) |
	                ((int32_t)EPOCH_PORTS_MAX - 1 - p->port.v);

	return likely(!(odd | (uint32_t)(lacks < 0))) && likely(c->view->port[p->port.v].plain & in);
}

static_assert(
        PKT_HOST == 0 && PKT_CSUM_PARTIAL == 2 && !((PKT_CSUM_NONE | PKT_CSUM_VALID) & PKT_CSUM_PARTIAL),
        "tested by bits");

/* Whether what holds for the first packet holds for all. */
static always_inline bool fast_alike(const struct burst *b)
{
	const struct pkt *d = &b->alike.differ;

	return burst_is_plain(b) &&
	       !(d->ethertype | d->type | (d->csum & PKT_CSUM_PARTIAL) | d->data_off | d->l3_off | d->port.v);
}

static always_inline void fast_add(struct fast *f, const struct burst *b, uint32_t i)
{
	const struct pkt *p = &b->pkt[i];
	uint32_t k = f->n++;

	f->at[k] = (uint16_t)i;
	f->l3[k] = b->frame[i] + p->l3_off;
	f->here[k] = (uint32_t)p->len - p->l3_off;
}

static always_inline bool fast_may_be_partial(const struct router_call *c, const struct pkt *p)
{
	return c->view->port[p->port.v].plain & PORT_PARTIAL;
}

/* Lists who may be plain. */
static always_inline void fast_candidates(
        const struct router_call *c, struct fast *f, uint16_t ethertype, uint8_t in, uint32_t least)
{
	const struct burst *b = c->burst;
	bool alike = fast_alike(b);

	f->n = 0;
	f->partial = false;
	if (alike && !fast_is_plain(c, &b->pkt[0], b->alike.len_least, ethertype, in, least))
		return;
	if (likely(alike)) {
		f->partial = fast_may_be_partial(c, &b->pkt[0]);
		for (uint32_t i = 0; i < b->n; i++)
			fast_add(f, b, i);
		return;
	}
	for (uint32_t i = 0; i < b->n; i++) {
		const struct pkt *p = &b->pkt[i];

		if (b->more[i] || !fast_is_plain(c, p, p->len, ethertype, in, least))
			continue;
		f->partial |= fast_may_be_partial(c, p);
		fast_add(f, b, i);
	}
}

/* Packet `from` of the list becomes packet `to`, which is not behind it. */
static always_inline void fast_move(struct fast *f, uint32_t to, uint32_t from, uint32_t total)
{
	f->at[to] = f->at[from];
	f->l3[to] = f->l3[from];
	f->here[to] = f->here[from];
	f->total[to] = total;
}

/* The Ethernet header goes in front of the network header, and the metadata follows.  Nothing can go wrong
 * any more. */
static always_inline void fast_send(struct burst *b, uint32_t i, uint8_t *l3, uint32_t l3_bytes,
        uint32_t l4_off, const struct fast_way *way)
{
	struct pkt *p = &b->pkt[i];
	uint64_t layout = load_u64(&p->data_off); /* data_off, len, l3_off, l4_off: one word */

	layout = ((layout + (layout >> 32) - ETHER_HDR_LEN) & UINT16_MAX) |
	         (uint64_t)(ETHER_HDR_LEN + l3_bytes) << 16 | (uint64_t)ETHER_HDR_LEN << 32 |
	         (uint64_t)l4_off << 48;
	memcpy(l3 - ETHER_HDR_LEN, way->ether, 8);
	memcpy(l3 - 8, way->ether + 6, 8);
	memcpy(&p->data_off, &layout, sizeof layout);
	p->total_len = ETHER_HDR_LEN + l3_bytes;
	p->out.v = way->port;
	b->frame[i] = l3 - ETHER_HDR_LEN;
}

static_assert(offsetof(struct pkt, len) == offsetof(struct pkt, data_off) + 2 &&
                      offsetof(struct pkt, l3_off) == offsetof(struct pkt, data_off) + 4 &&
                      offsetof(struct pkt, l4_off) == offsetof(struct pkt, data_off) + 6,
        "stored as one word");

/* The sum of a list, whose last block is filled up with zeros. */
static inline uint32_t fast_sum(uint32_t *list, uint32_t n)
{
	lanes_t sum = {};
	uint32_t all = 0;

	for (uint32_t k = n; k < ALIGN_UP(n, LANES); k++)
		list[k] = 0;
	for (uint32_t k = 0; k < n; k += LANES)
		sum += lanes_load(&list[k]);
	for (uint32_t k = 0; k < LANES; k++)
		all += sum[k];
	return all;
}

/* What a family does of its own for packet k of the list: the way that the cache does not have; its header
 * and its flags, after which it gives l4_off as it will be. */
typedef const struct fast_way *fast_find(const struct router_call *c, struct fast *f, uint32_t k);
typedef uint32_t fast_rewrite(struct fast *f, uint32_t k, struct pkt *p);

/* Sends what is on the list, whose groups are known. */
static always_inline void fast_forward(
        const struct router_call *c, struct fast *f, fast_find *find, fast_rewrite *rewrite)
{
	uint64_t serial = (uint64_t)++f->serial << 32;
	uint32_t n = f->n, refused = 0;
	struct burst *b = c->burst;
	struct out_id out = out_id(OUT_TX, b->lane);

	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = f->at[k], total = f->total[k];
		const struct fast_way *way = &f->way[f->group[k] % FAST_WAYS];
		struct pkt *p = &b->pkt[i];

		if (unlikely(way->key != (serial | f->group[k])))
			way = find(c, f, k);
		if (unlikely(total > way->mtu) || unlikely(way->redirect_port == p->port.v)) {
			f->here[k] = f->total[k] = 0;
			refused++;
			continue;
		}
		fast_send(b, i, f->l3[k], total, rewrite(f, k, p), way);
		burst_pass(b, i, out);
	}
	f->forwarded = n - refused;
	f->received_bytes = fast_sum(f->here, n);
	f->forwarded_bytes = fast_sum(f->total, n);
}

#endif
