/* IPv4 packets that ask for nothing but forwarding, in passes over the burst.  Whatever deviates in the least
 * is left without a verdict and without a trace in state or counters, for input4. */
#include "services/router/router_internal.h"

#define PREFETCH_AHEAD 6u
#define NEIGHBOR_SLOTS 256u /* last known entries, by group */

struct fast4 {
	/* Of those that passed the checks: */
	uint32_t n;
	uint32_t dst[BURST_MAX]; /* host order */
	uint32_t group[BURST_MAX];
	uint16_t at[BURST_MAX];    /* in the burst */
	uint16_t total[BURST_MAX]; /* IP length */
	uint32_t word[BURST_MAX];  /* TTL, protocol, checksum as they are to be */
	/* Of those that have a way: */
	const struct neighbor_entry *entry[BURST_MAX];
	struct ip6_addr next_hop[BURST_MAX];
	struct port_id out[BURST_MAX];
	/* Counted once a burst. */
	uint64_t received, received_bytes, forwarded_bytes;
	/* Outlives the burst; a wrong entry is found out by neighbor_usable. */
	const struct neighbor_entry *known[NEIGHBOR_SLOTS];
};

uint64_t fast4_bytes(void)
{
	return sizeof(struct fast4);
}

/* First bytes of addresses that a plain unicast packet does not bear: 0, 127, 224 and above. */
static always_inline bool plain_addr(uint8_t first)
{
	return (uint8_t)(first - 1) < 223 && first != 127;
}

/* All checks of input4 and forward4 on what the header alone tells; true: plain. */
static always_inline bool check(
        const struct router_call *c, const struct pkt *p, const uint8_t *l3, struct fast4 *f, uint32_t i)
{
	const struct port_view *in = &c->view->port[p->port.v % EPOCH_PORTS_MAX];
	uint32_t here = (uint32_t)p->len - p->l3_off, k = f->n;
	struct ipv4_words w;
	uint32_t total, rest;
	struct be32 src, dst;
	uint8_t ttl;
	bool good, plain;

	if (unlikely((p->ethertype != ETHER_TYPE_IPV4) | (p->type != PKT_HOST) | (p->trace != 0) |
	             (p->csum == PKT_CSUM_PARTIAL) | (p->len != p->total_len) | (here < IPV4_HDR_LEN) |
	             !(in->plain & PORT_IN4) | (p->port.v >= EPOCH_PORTS_MAX) |
	             ((uint32_t)p->data_off + p->l3_off < PKT_META_BYTES + ETHER_HDR_LEN)))
		return false;
	w = ipv4_load_words(l3);
	total = __builtin_bswap16((uint16_t)(w.first >> 16));
	ttl = (uint8_t)w.second;
	src = (struct be32){(uint32_t)(w.second >> 32)};
	dst = (struct be32){w.third};
	good = csum_is_good(csum_words_20(w.first, w.second, w.third));
	plain = plain_addr((uint8_t)src.raw);
	plain &= plain_addr((uint8_t)dst.raw);
	plain &= !local_filter_has(c->view, src);
	if (unlikely(((uint8_t)w.first != 0x45) | (total < IPV4_HDR_LEN) | (total > here) | (ttl <= 1) |
	             !good | !plain))
		return false;
	rest = (uint32_t)w.second;
	f->word[k] = ((rest & 0xffff) - 1) |
	             (uint32_t)csum_ttl_decrement((struct be16){(uint16_t)(rest >> 16)}).raw << 16;
	f->dst[k] = be32_to_host(dst);
	f->at[k] = (uint16_t)i;
	f->total[k] = (uint16_t)total;
	f->n = k + 1;
	f->received_bytes += here;
	return true;
}

static void check_all(const struct router_call *c, struct fast4 *f)
{
	struct burst *b = c->burst;

	f->n = 0;
	for (uint32_t i = 0; i < b->n; i++) {
		if (i + PREFETCH_AHEAD < b->n)
			__builtin_prefetch(
			        b->frame[i + PREFETCH_AHEAD] + b->pkt[i + PREFETCH_AHEAD].l3_off, 1);
		if (likely(!b->more[i]))
			check(c, &b->pkt[i], b->frame[i] + b->pkt[i].l3_off, f, i);
	}
}

/* The way of packet k; false where it is not plain. */
static always_inline bool choose(const struct router_call *c, struct fast4 *f, uint32_t k)
{
	const struct pkt *p = &c->burst->pkt[f->at[k]];
	const struct fib_group *g = fib_group(&c->view->fib, f->group[k]);
	const struct fib_hop *hop = &g->hop;
	const struct port_view *out;

	if (unlikely(g->n_hops > 1)) {
		struct ip6_addr src = ip6_addr_mapped(
		                        wire_load_be32(c->burst->frame[f->at[k]] + p->l3_off + 12)),
		                dst = ip6_addr_mapped(be32_from_host(f->dst[k]));

		hop = fib_hops_select(&c->view->fib, g, route_hash(c, p, &src, &dst));
	}
	out = &c->view->port[hop->port.v % EPOCH_PORTS_MAX];
	if (unlikely((g->type != FIB_UNICAST) & (g->type != FIB_CONNECTED)) ||
	        unlikely(!(out->plain & PORT_OUT4) | (hop->port.v >= EPOCH_PORTS_MAX) |
	                 (f->total[k] > out->mtu) | (g->mtu && f->total[k] > g->mtu) |
	                 (port_id_equal(hop->port, p->port) & out->redirects)))
		return false;
	f->out[k] = hop->port;
	f->next_hop[k] = hop->gateway;
	if (unlikely(g->type == FIB_CONNECTED)) {
		f->next_hop[k] = ip6_addr_mapped(be32_from_host(f->dst[k]));
		f->entry[k] = NULL;
		neighbor_prefetch(&c->router->table, hop->port, &f->next_hop[k]);
		return true;
	}
	f->entry[k] = f->known[f->group[k] % NEIGHBOR_SLOTS];
	return true;
}

/* Keeps those that have a way, in order. */
static void choose_all(const struct router_call *c, struct fast4 *f)
{
	uint32_t kept = 0;

	for (uint32_t k = 0; k < f->n; k++) {
		if (unlikely(!choose(c, f, k))) {
			f->received_bytes -= (uint32_t)c->burst->pkt[f->at[k]].len -
			                     c->burst->pkt[f->at[k]].l3_off;
			continue;
		}
		if (unlikely(kept != k)) {
			f->at[kept] = f->at[k];
			f->total[kept] = f->total[k];
			f->word[kept] = f->word[k];
			f->group[kept] = f->group[k];
			f->entry[kept] = f->entry[k];
			f->next_hop[kept] = f->next_hop[k];
			f->out[kept] = f->out[k];
		}
		kept++;
	}
	f->n = kept;
}

static always_inline bool find_neighbor(
        const struct router_call *c, struct fast4 *f, uint32_t k, struct mac_addr *mac)
{
	const struct neighbor_entry *e = f->entry[k];

	if (likely(e && neighbor_usable(e, f->out[k], &f->next_hop[k], mac)))
		return true;
	e = neighbor_find(&c->router->table, f->out[k], &f->next_hop[k]);
	if (!e || !neighbor_usable(e, f->out[k], &f->next_hop[k], mac))
		return false;
	f->known[f->group[k] % NEIGHBOR_SLOTS] = e;
	return true;
}

/* Nothing can go wrong any more: TTL, Ethernet header, metadata. */
static always_inline void rewrite(
        const struct router_call *c, struct fast4 *f, uint32_t k, const struct mac_addr *mac)
{
	struct burst *b = c->burst;
	uint32_t i = f->at[k];
	struct pkt *p = &b->pkt[i];
	uint8_t *l3 = b->frame[i] + p->l3_off;
	uint16_t fragment = wire_load_u16(l3 + 6) & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET);

	memcpy(l3 + 8, &f->word[k], sizeof f->word[k]);
	ether_write(l3 - ETHER_HDR_LEN, mac, &c->view->port[f->out[k].v].mac, ETHER_TYPE_IPV4);
	b->frame[i] = l3 - ETHER_HDR_LEN;
	p->data_off = (uint16_t)(p->data_off + p->l3_off - ETHER_HDR_LEN);
	p->len = (uint16_t)(ETHER_HDR_LEN + f->total[k]);
	p->total_len = p->len;
	p->l3_off = ETHER_HDR_LEN;
	p->l4_off = ETHER_HDR_LEN + IPV4_HDR_LEN;
	p->l4_proto = (uint8_t)(f->word[k] >> 8);
	p->flags = (uint16_t)((p->flags & ~(PKT_F_TAGGED | PKT_F_TAGGED2)) | (fragment ? PKT_F_FRAGMENT : 0));
	p->out = f->out[k];
	burst_pass(b, i, out_id(OUT_TX, b->lane));
	f->forwarded_bytes += f->total[k];
}

static void rewrite_all(const struct router_call *c, struct fast4 *f)
{
	uint32_t done = 0;

	for (uint32_t k = 0; k < f->n; k++) {
		struct mac_addr mac;

		if (unlikely(!find_neighbor(c, f, k, &mac))) {
			const struct pkt *p = &c->burst->pkt[f->at[k]];

			f->received_bytes -= (uint32_t)p->len - p->l3_off;
			continue;
		}
		rewrite(c, f, k, &mac);
		done++;
	}
	f->received = done;
}

void fast4(const struct router_call *c)
{
	struct fast4 *f = c->router->fast4;

	f->received = f->received_bytes = f->forwarded_bytes = 0;
	if (!c->view->has_fib)
		return;
	check_all(c, f);
	if (!f->n)
		return;
	fib4_lookup_bulk(&c->view->fib, f->dst, f->group, f->n);
	choose_all(c, f);
	rewrite_all(c, f);
	if (!f->received)
		return;
	burst_count(c->burst, STAT_IP_IN_RECEIVES, f->received);
	burst_count(c->burst, STAT_IP_EXT_IN_OCTETS, f->received_bytes);
	burst_count(c->burst, STAT_IP_FORW_DATAGRAMS, f->received);
	burst_count(c->burst, STAT_IP_EXT_OUT_OCTETS, f->forwarded_bytes);
}
