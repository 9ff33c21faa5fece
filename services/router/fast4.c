/* IPv4 packets that ask for nothing but forwarding, in passes over the burst (fast.h): their headers are
 * checked eight at a time. */
#include "common/wire/tcp.h"
#include "common/wire/udp.h"
#include "services/router/fast.h"

struct fast4 {
	struct fast f;
	/* Of those on the list: */
	uint32_t dst[BURST_MAX + LANES];   /* host order */
	uint32_t ttl[BURST_MAX + LANES];   /* the third word of the header as it will be */
	uint32_t flags[BURST_MAX + LANES]; /* of the packet */
};

uint64_t fast4_bytes(void)
{
	return sizeof(struct fast4);
}

/* What eight headers say. */
struct block {
	lanes_t src;
	lanes_t dst; /* host order, as are the next */
	lanes_t total;
	lanes_t ttl; /* the third word as it will be */
	lanes_t flags;
};

/* The sum of the header's words but for one carry, which is 65,535 where the checksum is right (it is never
 * 0: the version is in it). */
static always_inline lanes_t header_sum(const struct lanes_rows *w, lanes_t dst)
{
	lanes_t sum = (dst & 0xffff) + (dst >> 16);

	for (uint32_t k = 0; k < 4; k++)
		sum += (w->word[k] & 0xffff) + (w->word[k] >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Negative unless the first byte of an address is one that a plain unicast packet bears: not 0, 127, 224 and
 * above. */
static always_inline lanes_t odd_address(lanes_t addr)
{
	lanes_t first = addr & 0xff;

	return (first - 1) | (223 - first) | (lanes_t)(first == 127);
}

/* The word of TTL, protocol and checksum, one hop on (csum_ttl_decrement). */
static always_inline lanes_t next_hop_word(lanes_t word)
{
	lanes_t sum = (word >> 16) + 1;

	sum -= (lanes_t)(sum >= UINT16_MAX);
	return ((word & 0xffff) - 1) | sum << 16;
}

#define FRAGMENT_BITS                                                                                        \
	((uint32_t)__builtin_bswap16(IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)                             \
	        << 16) /* of the second word */

/* Those of the eight packets from k on of the list that a check of input4 or forward4 would not let pass; all
 * that the header alone tells but for its source's being ours. */
static always_inline uint32_t block_check(const struct fast *f, uint32_t k, struct block *block)
{
	struct lanes_rows w = lanes_transpose(&f->l3[k]);
	lanes_t dst = lanes_gather(&f->l3[k], offsetof(struct ipv4_hdr, dst)), src = w.word[3];
	lanes_t total = lanes_swap(w.word[0]) & 0xffff, ttl = w.word[2] & 0xff;
	lanes_t bad = (total - IPV4_HDR_LEN) | (lanes_load(&f->here[k]) - total) | (ttl - 2) |
	              odd_address(src) | odd_address(dst) | (lanes_t)((w.word[0] & 0xff) != 0x45) |
	              (lanes_t)(header_sum(&w, dst) != UINT16_MAX);

	*block = (struct block){
	        .src = src,
	        .dst = lanes_swap(dst),
	        .total = total,
	        .ttl = next_hop_word(w.word[2]),
	        .flags = (lanes_t)((w.word[1] & FRAGMENT_BITS) != 0) & PKT_F_FRAGMENT,
	};
	return lanes_negative(bad);
}

/* Those whose source may be an address of ours. */
static always_inline uint32_t block_from_us(const struct router_view *v, lanes_t src)
{
	lanes_t hash = src * LOCAL_FILTER_FACTOR;
	lanes_t word = lanes_pick(lanes_load(v->local_coarse), hash >> 29);
	uint32_t coarse = lanes_negative(word << (31 - (hash >> 24 & 31))), fine = 0;

	for (; unlikely(coarse); coarse &= coarse - 1) {
		uint32_t lane = (uint32_t)__builtin_ctz(coarse);

		fine |= (uint32_t)local_filter_has(v, (struct be32){src[lane]}) << lane;
	}
	return fine;
}

/* The sum of the pseudo-headers, as csum_fold has it. */
static always_inline lanes_t pseudo_sum(const struct block *block, lanes_t proto)
{
	lanes_t sum = lanes_swap(block->dst), len = lanes_swap(block->total - IPV4_HDR_LEN) >> 16;

	sum = (sum & 0xffff) + (sum >> 16) + (block->src & 0xffff) + (block->src >> 16) + (proto << 8) + len;
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Those whose TCP or UDP checksum may be partial (csum_looks_partial).  The packets may be any: none is read
 * where it has no bytes. */
static uint32_t block_partial(const struct fast *f, uint32_t k, const struct block *block)
{
	lanes_t proto = block->ttl >> 8 & 0xff;
	lanes_t field = ((lanes_t)(proto == IP_PROTO_UDP) & (IPV4_HDR_LEN + UDP_CHECKSUM_FIELD)) |
	                ((lanes_t)(proto == IP_PROTO_TCP) & (IPV4_HDR_LEN + TCP_CHECKSUM_FIELD));
	lanes_t has = (lanes_t)(field != 0) & (lanes_t)(block->flags == 0) &
	              (lanes_t)(block->total >= field + 2) & (lanes_t)(lanes_load(&f->here[k]) >= field + 2);

	field = lanes_gather16(&f->l3[k], field & has);
	return lanes_negative(has & (lanes_t)(field == pseudo_sum(block, proto)));
}

/* Of eight packets, from k on, those of `good` go to place `to` of the list. */
static uint32_t block_keep(
        struct fast4 *f4, uint32_t to, uint32_t k, const struct block *block, uint32_t good)
{
	for (; good; good &= good - 1, to++) {
		uint32_t lane = (uint32_t)__builtin_ctz(good);

		fast_move(&f4->f, to, k + lane, block->total[lane]);
		f4->dst[to] = block->dst[lane];
		f4->ttl[to] = block->ttl[lane];
		f4->flags[to] = block->flags[lane];
	}
	return to;
}

/* All eight stay where they are. */
static always_inline void block_keep_all(struct fast4 *f4, uint32_t k, const struct block *block)
{
	lanes_store(&f4->f.total[k], block->total);
	lanes_store(&f4->dst[k], block->dst);
	lanes_store(&f4->ttl[k], block->ttl);
	lanes_store(&f4->flags[k], block->flags);
}

/* Whom the checks let pass stays on the list. */
static void check_all(const struct router_view *v, struct fast4 *f4)
{
	uint32_t n = f4->f.n, kept = 0;

	for (uint32_t k = n; k < ALIGN_UP(n, LANES); k++) {
		f4->f.l3[k] = f4->f.l3[0];
		f4->f.here[k] = f4->f.here[0];
	}
	for (uint32_t k = 0; k < n; k += LANES) {
		uint32_t all = n - k >= LANES ? 0xff : (1u << (n - k)) - 1, good;
		struct block block;

		good = all & ~block_check(&f4->f, k, &block);
		good &= ~block_from_us(v, block.src);
		if (f4->f.partial)
			good &= ~block_partial(&f4->f, k, &block);
		if (likely(good == all && kept == k)) {
			block_keep_all(f4, k, &block);
			kept += MIN(n - k, LANES);
		} else {
			kept = block_keep(f4, kept, k, &block, good);
		}
	}
	f4->f.n = kept;
}

static __attribute__((noinline)) const struct fast_way *find(
        const struct router_call *c, struct fast *f, uint32_t k)
{
	const struct fast4 *f4 = container_of(f, struct fast4, f);
	struct ip6_addr src = ip6_addr_mapped(wire_load_be32(f->l3[k] + offsetof(struct ipv4_hdr, src))),
	                dst = ip6_addr_mapped(be32_from_host(f4->dst[k]));

	return fast_way_find(c, f, k, &src, &dst, ETHER_TYPE_IPV4);
}

static always_inline uint32_t rewrite(struct fast *f, uint32_t k, struct pkt *p)
{
	const struct fast4 *f4 = container_of(f, struct fast4, f);
	uint32_t word = f4->ttl[k];

	memcpy(f->l3[k] + offsetof(struct ipv4_hdr, ttl), &word, sizeof word);
	p->l4_proto = (uint8_t)(word >> 8);
	p->flags = (uint16_t)((p->flags & ~(PKT_F_TAGGED | PKT_F_TAGGED2)) | f4->flags[k]);
	return ETHER_HDR_LEN + IPV4_HDR_LEN;
}

uint32_t fast4(const struct router_call *c)
{
	struct fast4 *f4 = c->router->fast4;
	struct fast *f = &f4->f;

	if (!c->view->has_fib || !c->burst->n)
		return 0;
	fast_candidates(c, f, ETHER_TYPE_IPV4, PORT_IN4, IPV4_HDR_LEN);
	check_all(c->view, f4);
	if (!f->n)
		return 0;
	fib4_lookup_bulk(&c->view->fib, f4->dst, f->group, f->n);
	fast_forward(c, f, find, rewrite);
	if (!f->forwarded)
		return 0;
	burst_count(c->burst, STAT_IP_IN_RECEIVES, f->forwarded);
	burst_count(c->burst, STAT_IP_EXT_IN_OCTETS, f->received_bytes);
	burst_count(c->burst, STAT_IP_FORW_DATAGRAMS, f->forwarded);
	burst_count(c->burst, STAT_IP_EXT_OUT_OCTETS, f->forwarded_bytes);
	return f->forwarded;
}
