#include "common/config/check.h"

#include <stdlib.h>

/* A walk over all routes. */
struct walk {
	const struct config *config;
	const struct epoch *epoch;
	int (*visit)(void *context, const struct fib_route *route, const struct fib_group_spec *spec);
	void *context;
	struct fib_group_spec spec;
	const struct config_name *last_name; /* the port asked for last, and its id */
	struct port_id last_id;
};

static struct fib_prefix fib_prefix_of(const struct config_prefix *p)
{
	return (struct fib_prefix){
	        .addr = p->addr, .family = p->family == 4 ? FIB_IPV4 : FIB_IPV6, .len = p->len};
}

static struct port_id port_of(struct walk *w, const struct config_name *name)
{
	if (w->last_name && strcmp(w->last_name->text, name->text) == 0)
		return w->last_id;
	w->last_name = name;
	w->last_id = PORT_NONE;
	for (uint32_t id = 0; id < w->epoch->n_ports; id++)
		if (w->epoch->ports[id].kind != EPOCH_PORT_NONE &&
		        strcmp(w->epoch->ports[id].name, name->text) == 0)
			w->last_id = (struct port_id){(uint16_t)id};
	return w->last_id;
}

static int visit_implied(struct walk *w, const struct config_prefix *to, enum fib_type type,
        struct port_id port, const struct ip6_addr *source)
{
	struct fib_route route = {.prefix = fib_prefix_of(to), .protocol = CONFIG_PROTOCOL_KERNEL};

	w->spec.type = type;
	w->spec.mtu = 0;
	w->spec.n_hops = 1;
	w->spec.source = source ? *source : (struct ip6_addr){{{0}}};
	w->spec.hops[0] = (struct fib_hop){.port = port, .weight = 1};
	return w->visit(w->context, &route, &w->spec);
}

/* The connected network of an address, with the address as preferred source (IPv4: fib_add_ifaddr). */
static int visit_network(struct walk *w, const struct epoch_address *a, const struct config_prefix *own)
{
	struct config_prefix net = prefix_network(own), broadcast = *own;
	bool up = w->epoch->ports[a->port.v].flags & EPOCH_PORT_UP;
	int stop = 0;

	if (!up || own->len == (own->family == 4 ? 32 : 128))
		return 0;
	stop = visit_implied(w, &net, FIB_CONNECTED, a->port, own->family == 4 ? &own->addr : NULL);
	if (stop || !a->broadcast.raw)
		return stop;
	broadcast.addr = ip6_addr_mapped(a->broadcast);
	broadcast.len = 32;
	return visit_implied(w, &broadcast, FIB_BROADCAST, a->port, &own->addr);
}

/* Two addresses in one network give one connected route: of the first. */
static bool network_seen(
        const struct epoch *e, const struct epoch_address *a, const struct config_prefix *net)
{
	for (const struct epoch_address *b = a; b-- > e->addresses && port_id_equal(b->port, a->port);) {
		struct config_prefix other = {.addr = b->addr, .family = b->family, .len = b->prefix_len};

		other = prefix_network(&other);
		if (b->prefix_len == a->prefix_len && b->family == a->family &&
		        ip6_addr_equal(&other.addr, &net->addr))
			return true;
	}
	return false;
}

/* Every router of the network has its lowest address too (RFC 4291 2.6.1). */
static int visit_anycast(struct walk *w, const struct epoch_address *a)
{
	struct config_prefix host = {.family = 6, .len = 128};

	if (!epoch_anycast(w->epoch, a, &host.addr) || !(w->epoch->ports[a->port.v].flags & EPOCH_PORT_UP))
		return 0;
	return visit_implied(w, &host, FIB_LOCAL, a->port, NULL);
}

static int visit_address(struct walk *w, const struct epoch_address *a)
{
	struct config_prefix own = {.addr = a->addr, .family = a->family, .len = a->prefix_len}, host = own,
	                     net;
	int stop;

	if (a->scope == EPOCH_SCOPE_LINK)
		return 0;
	host.len = a->family == 4 ? 32 : 128;
	if (a->scope == EPOCH_SCOPE_HOST) { /* all of 127.0.0.0/8 is ours */
		net = prefix_network(&own);
		return visit_implied(w, &net, FIB_LOCAL, a->port, NULL);
	}
	stop = visit_implied(w, &host, FIB_LOCAL, a->port, a->family == 4 ? &own.addr : NULL);
	net = prefix_network(&own);
	if (stop || network_seen(w->epoch, a, &net))
		return stop;
	stop = visit_network(w, a, &own);
	return stop ? stop : visit_anycast(w, a);
}

static enum fib_type type_of(const struct config_route *r)
{
	switch ((enum config_route_type)r->type) {
	case CONFIG_ROUTE_UNICAST: return r->nexthops[0].via.family ? FIB_UNICAST : FIB_CONNECTED;
	case CONFIG_ROUTE_LOCAL: return FIB_LOCAL;
	case CONFIG_ROUTE_BROADCAST: return FIB_BROADCAST;
	case CONFIG_ROUTE_BLACKHOLE: return FIB_BLACKHOLE;
	case CONFIG_ROUTE_UNREACHABLE: return FIB_UNREACHABLE;
	case CONFIG_ROUTE_PROHIBIT: return FIB_PROHIBIT;
	}
	return FIB_NONE;
}

/* The hops whose ports are up. */
static void spec_hops(struct walk *w, const struct config_route *r)
{
	for (uint32_t i = 0; i < r->n_nexthops; i++) {
		const struct config_nexthop *h = &r->nexthops[i];
		struct port_id port = port_of(w, &h->port);

		if (r->type == CONFIG_ROUTE_UNICAST && !(w->epoch->ports[port.v].flags & EPOCH_PORT_UP))
			continue;
		w->spec.hops[w->spec.n_hops++] = (struct fib_hop){
		        .gateway = h->via.addr,
		        .port = port,
		        .weight = (uint16_t)h->weight,
		        .flags = h->onlink ? FIB_HOP_ONLINK : 0,
		};
	}
}

static int visit_given(struct walk *w, const struct config_route *r, uint8_t protocol)
{
	struct fib_route route = {.prefix = fib_prefix_of(&r->to), .protocol = protocol, .metric = r->metric};

	w->spec.type = type_of(r);
	w->spec.mtu = r->mtu;
	w->spec.source = r->src.addr;
	w->spec.n_hops = 0;
	spec_hops(w, r);
	if (w->spec.n_hops == 0 && r->type == CONFIG_ROUTE_UNICAST)
		return 0;
	if (w->spec.n_hops == 0)
		w->spec.hops[w->spec.n_hops++] = (struct fib_hop){
		        .port = r->type == CONFIG_ROUTE_LOCAL ? (struct port_id){EPOCH_PORT_LO} : PORT_NONE,
		        .weight = 1};
	return w->visit(w->context, &route, &w->spec);
}

int config_routes(const struct config *c, const struct epoch *epoch,
        int (*visit)(void *context, const struct fib_route *route, const struct fib_group_spec *spec),
        void *context)
{
	struct walk w = {.config = c, .epoch = epoch, .visit = visit, .context = context};
	int stop = 0;

	for (uint32_t i = 0; i < epoch->n_addresses && !stop; i++)
		stop = visit_address(&w, &epoch->addresses[i]);
	for (uint32_t i = 0; i < c->n_routes && !stop; i++)
		stop = visit_given(&w, &c->routes[i], CONFIG_PROTOCOL_STATIC);
	for (uint32_t i = 0; i < c->n_adopted && !stop; i++)
		stop = visit_given(&w, &c->adopted[i], CONFIG_PROTOCOL_ADOPTED);
	return stop;
}
