/* IPv6 packets that ask for nothing but forwarding, in passes over the burst; as fast4.c. */
#include "services/router/router_internal.h"

#define PREFETCH_AHEAD 6u
#define NEIGHBOR_SLOTS 256u

struct fast6 {
	uint32_t n;
	struct ip6_addr dst[BURST_MAX];
	uint32_t group[BURST_MAX];
	uint16_t at[BURST_MAX];
	uint16_t total[BURST_MAX];
	uint64_t received, received_bytes, forwarded_bytes;
	const struct neighbor_entry *known[NEIGHBOR_SLOTS];
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

static always_inline void check(
        const struct router_call *c, const struct pkt *p, const uint8_t *l3, struct fast6 *f, uint32_t i)
{
	const struct port_view *in = &c->view->port[p->port.v % EPOCH_PORTS_MAX];
	uint32_t here = (uint32_t)p->len - p->l3_off, k = f->n, total;
	uint64_t w;
	bool plain;

	if (unlikely((p->ethertype != ETHER_TYPE_IPV6) | (p->type != PKT_HOST) | (p->trace != 0) |
	             (p->csum == PKT_CSUM_PARTIAL) | (p->len != p->total_len) | (here < IPV6_HDR_LEN) |
	             !(in->plain & PORT_IN6) | (p->port.v >= EPOCH_PORTS_MAX) |
	             ((uint32_t)p->data_off + p->l3_off < PKT_META_BYTES + ETHER_HDR_LEN)))
		return;
	w = wire_load_raw64(l3);
	total = IPV6_HDR_LEN + __builtin_bswap16((uint16_t)(w >> 32));
	plain = plain_addr(wire_load_u8(l3 + 8));
	plain &= plain_addr(wire_load_u8(l3 + 24));
	if (unlikely(((uint8_t)w >> 4 != 6) | ((uint8_t)(w >> 48) == IP_PROTO_HOP_BY_HOP) |
	             ((uint8_t)(w >> 56) <= 1) | (total > here) | !plain))
		return;
	f->dst[k] = wire_load_ip6(l3 + 24);
	f->at[k] = (uint16_t)i;
	f->total[k] = (uint16_t)total;
	f->n = k + 1;
}

static void check_all(const struct router_call *c, struct fast6 *f)
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

/* The way of packet k: out port and next hop; false where it is not plain. */
static always_inline bool choose(const struct router_call *c, const struct fast6 *f, uint32_t k,
        struct port_id *port, struct ip6_addr *next_hop)
{
	const struct pkt *p = &c->burst->pkt[f->at[k]];
	const struct fib_group *g = fib_group(&c->view->fib, f->group[k]);
	const struct fib_hop *hop = &g->hop;
	const struct port_view *out;
	uint32_t mtu;

	if (unlikely(g->n_hops > 1)) {
		struct ip6_addr src = wire_load_ip6(c->burst->frame[f->at[k]] + p->l3_off + 8);

		hop = fib_hops_select(&c->view->fib, g, route_hash(c, p, &src, &f->dst[k]));
	}
	out = &c->view->port[hop->port.v % EPOCH_PORTS_MAX];
	mtu = MAX(g->mtu ? MIN(g->mtu, (uint32_t)out->mtu) : out->mtu, IPV6_MTU_MIN);
	if (unlikely((g->type != FIB_UNICAST) & (g->type != FIB_CONNECTED)) ||
	        unlikely(!(out->plain & PORT_OUT6) | (hop->port.v >= EPOCH_PORTS_MAX) | (f->total[k] > mtu) |
	                 (port_id_equal(hop->port, p->port) & out->redirects)))
		return false;
	*port = hop->port;
	*next_hop = g->type == FIB_CONNECTED ? f->dst[k] : hop->gateway;
	return true;
}

static always_inline bool find_neighbor(const struct router_call *c, struct fast6 *f, uint32_t group,
        struct port_id port, const struct ip6_addr *next_hop, struct mac_addr *mac)
{
	const struct neighbor_entry *e = f->known[group % NEIGHBOR_SLOTS];

	if (likely(e && neighbor_usable(e, port, next_hop, mac)))
		return true;
	e = neighbor_find(&c->router->table, port, next_hop);
	if (!e || !neighbor_usable(e, port, next_hop, mac))
		return false;
	f->known[group % NEIGHBOR_SLOTS] = e;
	return true;
}

static always_inline void rewrite(const struct router_call *c, struct fast6 *f, uint32_t k,
        struct port_id out, const struct mac_addr *mac)
{
	struct burst *b = c->burst;
	uint32_t i = f->at[k];
	struct pkt *p = &b->pkt[i];
	uint8_t *l3 = b->frame[i] + p->l3_off;

	l3[7]--;
	ether_write(l3 - ETHER_HDR_LEN, mac, &c->view->port[out.v].mac, ETHER_TYPE_IPV6);
	f->received++;
	f->received_bytes += (uint32_t)p->len - p->l3_off;
	f->forwarded_bytes += f->total[k];
	b->frame[i] = l3 - ETHER_HDR_LEN;
	p->data_off = (uint16_t)(p->data_off + p->l3_off - ETHER_HDR_LEN);
	p->len = (uint16_t)(ETHER_HDR_LEN + f->total[k]);
	p->total_len = p->len;
	p->l4_off = p->l4_off > p->l3_off ? (uint16_t)(p->l4_off - p->l3_off + ETHER_HDR_LEN) : 0;
	p->l3_off = ETHER_HDR_LEN;
	p->flags &= (uint16_t) ~(PKT_F_TAGGED | PKT_F_TAGGED2);
	p->out = out;
	burst_pass(b, i, out_id(OUT_TX, b->lane));
}

void fast6(const struct router_call *c)
{
	struct fast6 *f = c->router->fast6;

	f->received = f->received_bytes = f->forwarded_bytes = 0;
	if (!c->view->has_fib)
		return;
	check_all(c, f);
	if (!f->n)
		return;
	fib6_lookup_bulk(&c->view->fib, f->dst, f->group, f->n);
	for (uint32_t k = 0; k < f->n; k++) {
		struct ip6_addr next_hop;
		struct mac_addr mac;
		struct port_id out;

		if (likely(choose(c, f, k, &out, &next_hop)) &&
		        likely(find_neighbor(c, f, f->group[k], out, &next_hop, &mac)))
			rewrite(c, f, k, out, &mac);
	}
	if (!f->received)
		return;
	burst_count(c->burst, STAT_IP6_IN_RECEIVES, f->received);
	burst_count(c->burst, STAT_IP6_IN_OCTETS, f->received_bytes);
	burst_count(c->burst, STAT_IP6_OUT_FORW_DATAGRAMS, f->received);
	burst_count(c->burst, STAT_IP6_OUT_OCTETS, f->forwarded_bytes);
}
