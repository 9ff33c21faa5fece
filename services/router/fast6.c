/* IPv6 packets that ask for nothing but forwarding, in passes over the burst; as fast4.c. */
#include "services/router/fast.h"

struct fast6 {
	uint32_t n;
	struct ip6_addr dst[BURST_MAX];
	uint32_t group[BURST_MAX];
	uint16_t at[BURST_MAX];
	uint16_t total[BURST_MAX];
	uint64_t received, received_bytes, forwarded_bytes;
	uint32_t serial;
	struct fast_way way[FAST_WAYS];
	struct fast_way other;
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
	uint32_t here = (uint32_t)p->len - p->l3_off, k = f->n, total;
	int32_t lacks;
	uint64_t w;

	if (unlikely(fast_odd(p, ETHER_TYPE_IPV6, IPV6_HDR_LEN)))
		return;
	w = wire_load_raw64(l3);
	total = IPV6_HDR_LEN + __builtin_bswap16((uint16_t)(w >> 32));
	lacks = (int32_t)(here - total) | ((int32_t)(w >> 56) - 2);
	if (unlikely(lacks < 0) || unlikely((w & 0xf0) != 0x60) ||
	        unlikely((uint8_t)(w >> 48) == IP_PROTO_HOP_BY_HOP) ||
	        unlikely(!plain_addr(wire_load_u8(l3 + 8))) || unlikely(!plain_addr(wire_load_u8(l3 + 24))) ||
	        unlikely(!(c->view->port[p->port.v].plain & PORT_IN6)))
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
		uint32_t ahead = MIN(i + FAST_AHEAD, b->n - 1);

		__builtin_prefetch(b->frame[ahead] + b->pkt[ahead].l3_off, 1);
		if (likely(!b->more[i]))
			check(c, &b->pkt[i], b->frame[i] + b->pkt[i].l3_off, f, i);
	}
}

static struct fast_way *way_of_other(
        const struct router_call *c, struct fast6 *f, const struct fib_group *g, uint32_t k)
{
	const struct pkt *p = &c->burst->pkt[f->at[k]];
	const struct fib_hop *hop = &g->hop;

	if (g->n_hops > 1) {
		struct ip6_addr src = wire_load_ip6(c->burst->frame[f->at[k]] + p->l3_off + 8);

		hop = fib_hops_select(&c->view->fib, g, route_hash(c, p, &src, &f->dst[k]));
	}
	fast_way_resolve(
	        c, &f->other, g, hop, g->type == FIB_UNICAST ? &hop->gateway : &f->dst[k], ETHER_TYPE_IPV6);
	return &f->other;
}

static __attribute__((noinline)) struct fast_way *way_resolve(
        const struct router_call *c, struct fast6 *f, uint32_t k)
{
	const struct fib_group *g = fib_group(&c->view->fib, f->group[k]);
	struct fast_way *way = &f->way[f->group[k] % FAST_WAYS];

	if (g->type == FIB_UNICAST && g->n_hops == 1) {
		fast_way_resolve(c, way, g, &g->hop, &g->hop.gateway, ETHER_TYPE_IPV6);
		way->key = (uint64_t)f->serial << 32 | f->group[k];
		return way;
	}
	if (g->type == FIB_UNICAST || g->type == FIB_CONNECTED)
		return way_of_other(c, f, g, k);
	f->other.mtu = 0;
	return &f->other;
}

static always_inline void forward(struct burst *b, struct fast6 *f, uint32_t k, const struct fast_way *way)
{
	uint32_t i = f->at[k], total = f->total[k];
	struct pkt *p = &b->pkt[i];
	uint8_t *l3 = b->frame[i] + p->l3_off;

	l3[7]--;
	p->flags &= (uint16_t) ~(PKT_F_TAGGED | PKT_F_TAGGED2);
	f->received_bytes += (uint32_t)p->len - p->l3_off;
	f->forwarded_bytes += total;
	f->received++;
	fast_send(b, i, l3, total, p->l4_off > p->l3_off ? p->l4_off - p->l3_off + ETHER_HDR_LEN : 0, way);
}

static void forward_all(const struct router_call *c, struct fast6 *f)
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

uint32_t fast6(const struct router_call *c)
{
	struct fast6 *f = c->router->fast6;

	f->received = f->received_bytes = f->forwarded_bytes = 0;
	if (!c->view->has_fib || !c->burst->n)
		return 0;
	check_all(c, f);
	if (!f->n)
		return 0;
	fib6_lookup_bulk(&c->view->fib, f->dst, f->group, f->n);
	f->serial++;
	forward_all(c, f);
	if (!f->received)
		return 0;
	burst_count(c->burst, STAT_IP6_IN_RECEIVES, f->received);
	burst_count(c->burst, STAT_IP6_IN_OCTETS, f->received_bytes);
	burst_count(c->burst, STAT_IP6_OUT_FORW_DATAGRAMS, f->received);
	burst_count(c->burst, STAT_IP6_OUT_OCTETS, f->forwarded_bytes);
	return (uint32_t)f->received;
}
