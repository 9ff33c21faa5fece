#include "services/router/router_internal.h"

static uint8_t plain_uses(const struct epoch_port *p)
{
	uint8_t plain = 0;

	if (!(p->flags & EPOCH_PORT_UP) || p->kind == EPOCH_PORT_LOOPBACK)
		return 0;
	if (p->flags & EPOCH_PORT_CSUM_PARTIAL)
		plain |= PORT_PARTIAL;
	if (!p->rp_filter) {
		if (p->flags & EPOCH_PORT_FORWARD4 && !p->mss_clamp4)
			plain |= PORT_IN4;
		if (p->flags & EPOCH_PORT_FORWARD6 && p->flags & EPOCH_PORT_IPV6 && !p->mss_clamp6)
			plain |= PORT_IN6;
	}
	if (!p->mss_clamp4)
		plain |= PORT_OUT4;
	if (!p->mss_clamp6 && p->flags & EPOCH_PORT_IPV6)
		plain |= PORT_OUT6;
	return plain;
}

static void view_ports(struct router_view *v, const struct epoch *e)
{
	memset(v->port, 0, sizeof v->port);
	for (uint32_t i = 0; i < e->n_ports && i < EPOCH_PORTS_MAX; i++) {
		const struct epoch_port *p = &e->ports[i];

		if (p->kind == EPOCH_PORT_NONE || !(p->flags & EPOCH_PORT_UP))
			continue;
		v->port[i] = (struct port_view){
		        .mac = p->mac,
		        .mtu = p->mtu,
		        .plain = plain_uses(p),
		        .redirects = !!(p->flags & EPOCH_PORT_REDIRECTS),
		};
	}
}

static void view_addresses(struct router_view *v, const struct epoch *e)
{
	memset(v->local, 0, sizeof v->local);
	memset(v->local_coarse, 0, sizeof v->local_coarse);
	for (uint32_t i = 0; i < e->n_addresses; i++) {
		uint32_t bit = local_filter_bit(e->addresses[i].addr.w32[3]);

		if (e->addresses[i].family != 4)
			continue;
		v->local[bit / 64] |= UINT64_C(1) << (bit % 64);
		v->local_coarse[bit / 16 / 32] |= 1u << (bit / 16 % 32);
	}
}

const struct router_view *router_view_of(struct router *router, const struct epoch *epoch)
{
	struct router_view *v = &router->view[epoch->number & 1];

	if (likely(v->number == epoch->number))
		return v;
	view_ports(v, epoch);
	view_addresses(v, epoch);
	v->has_fib = epoch->fib && fib_attach(epoch->fib, epoch->fib_bytes, &v->fib) == 0;
	v->number = epoch->number;
	return v;
}
