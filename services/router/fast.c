#include "services/router/fast.h"

/* Whether this is a plain way now; fills in all but the key. */
static void way_resolve(const struct router_call *c, struct fast_way *way, uint32_t group_mtu,
        const struct fib_hop *hop, const struct ip6_addr *next_hop, uint16_t ethertype)
{
	const struct port_view *out = &c->view->port[hop->port.v % EPOCH_PORTS_MAX];
	uint8_t plain = ethertype == ETHER_TYPE_IPV4 ? PORT_OUT4 : PORT_OUT6;
	struct mac_addr mac;

	way->mtu = 0;
	if (hop->port.v >= EPOCH_PORTS_MAX || !(out->plain & plain))
		return;
	if (!neighbor_mac(&c->router->table, c->epoch, hop->port, next_hop, &mac))
		return;
	way->mtu = (uint16_t)(group_mtu ? MIN(group_mtu, (uint32_t)out->mtu) : out->mtu);
	way->port = hop->port.v;
	way->redirect_port = out->redirects ? hop->port.v : PORT_NONE.v;
	ether_write(way->ether, &mac, &out->mac, ethertype);
}

const struct fast_way *fast_way_find(const struct router_call *c, struct fast *f, uint32_t k,
        const struct ip6_addr *src, const struct ip6_addr *dst, uint16_t ethertype)
{
	const struct fib_group *g = fib_group(&c->view->fib, f->group[k]);
	uint64_t key = (uint64_t)f->serial << 32 | f->group[k];
	const struct pkt *p = &c->burst->pkt[f->at[k]];
	const struct fib_hop *hop = &g->hop;
	struct fast_way *way = &f->other;

	if (way->key == key && ip6_addr_equal(&f->other_dst, dst))
		return way;
	way->mtu = 0;
	way->key = 0;
	if (g->type != FIB_UNICAST && g->type != FIB_CONNECTED)
		return way;
	if (g->n_hops > 1) {
		hop = fib_hops_select(&c->view->fib, g, route_hash(c, p, src, dst));
	} else if (g->type == FIB_UNICAST) {
		way = &f->way[f->group[k] % FAST_WAYS];
		way->key = key;
	} else {
		way->key = key;
		f->other_dst = *dst;
	}
	way_resolve(c, way, g->mtu, hop, g->type == FIB_UNICAST ? &hop->gateway : dst, ethertype);
	return way;
}
