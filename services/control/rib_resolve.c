/* Where a route leads, with the ports and addresses of an epoch.  Both a kernel and zebra tell gateways that
 * are on a link, so that no gateway is looked up among the routes themselves. */
#include "common/wire/addr.h"
#include "services/control/rib_internal.h"

static const struct epoch_port *port_named(const struct epoch *epoch, const char *name)
{
	for (uint32_t p = 0; name && *name && p < epoch->n_ports; p++)
		if (epoch->ports[p].kind != EPOCH_PORT_NONE && epoch->ports[p].kind != EPOCH_PORT_LOOPBACK &&
		        strcmp(epoch->ports[p].name, name) == 0)
			return &epoch->ports[p];
	return NULL;
}

static struct port_id id_of(const struct epoch *epoch, const struct epoch_port *port)
{
	return (struct port_id){(uint16_t)(port - epoch->ports)};
}

static bool is_up(const struct epoch *epoch, struct port_id id)
{
	const struct epoch_port *port = epoch_port(epoch, id);

	return port && port->flags & EPOCH_PORT_UP && port->kind != EPOCH_PORT_LOOPBACK;
}

/* The port that the route itself names. */
static const struct epoch_port *port_given(const struct rib *rib, const struct rib_route *r,
        const struct rib_hop *hop, const struct epoch *epoch)
{
	const char *name = hop->port[0] ? hop->port : NULL;
	const struct epoch_port *port;

	if (!name && (r->source != RIB_FPM || rib->fpm_interfaces))
		name = rib_port_of(rib, hop->ifindex);
	port = port_named(epoch, name);
	return port && port->flags & EPOCH_PORT_UP ? port : NULL;
}

/* The port whose network holds the gateway: the one that is named, if it does, else that of the smallest
 * network. PORT_NONE: none does, or the gateway is ourselves. */
static struct port_id port_of_gateway(
        const struct epoch *epoch, const struct ip6_addr *gateway, const struct epoch_port *given)
{
	const struct epoch_address *best = NULL;

	for (uint32_t i = 0; i < epoch->n_addresses; i++) {
		const struct epoch_address *a = &epoch->addresses[i];

		if (ip6_addr_equal(&a->addr, gateway))
			return PORT_NONE;
		if (a->scope != EPOCH_SCOPE_GLOBAL || !is_up(epoch, a->port) ||
		        (a->family == 4) != ip6_addr_is_mapped(gateway) ||
		        !ip6_prefix_equal(&a->addr, gateway, a->prefix_len + (a->family == 4 ? 96u : 0)))
			continue;
		if (given && port_id_equal(a->port, id_of(epoch, given)))
			return a->port;
		if (!best || a->prefix_len > best->prefix_len)
			best = a;
	}
	return best ? best->port : PORT_NONE;
}

static bool resolve_hop(const struct rib *rib, const struct rib_route *r, const struct rib_hop *hop,
        const struct epoch *epoch, struct fib_hop *to)
{
	const struct epoch_port *given = port_given(rib, r, hop, epoch);
	bool direct = ip6_is_unspecified(&hop->gateway);

	*to = (struct fib_hop){.gateway = hop->gateway, .port = PORT_NONE, .weight = hop->weight};
	if (direct || ip6_is_link_local(&hop->gateway)) {
		if (given)
			to->port = id_of(epoch, given);
		return given;
	}
	to->port = port_of_gateway(epoch, &hop->gateway, given);
	if (port_id_equal(to->port, PORT_NONE) && given && hop->onlink) {
		to->port = id_of(epoch, given);
		to->flags = FIB_HOP_ONLINK;
	}
	return !port_id_equal(to->port, PORT_NONE);
}

/* A group's ways are all of one kind: with a gateway or without, as the first that leads anywhere. */
static void add_hop(const struct rib *rib, const struct rib_route *r, const struct rib_hop *hop,
        uint16_t weight, const struct epoch *epoch, struct fib_group_spec *spec)
{
	enum fib_type type = ip6_is_unspecified(&hop->gateway) ? FIB_CONNECTED : FIB_UNICAST;

	if (spec->n_hops == FIB_HOPS_MAX || (spec->n_hops && spec->type != type) ||
	        !resolve_hop(rib, r, hop, epoch, &spec->hops[spec->n_hops]))
		return;
	spec->hops[spec->n_hops++].weight = weight;
	spec->type = type;
}

/* A next hop by number.  False: it is not known. */
static bool add_numbered(const struct rib *rib, const struct rib_route *r, const struct epoch *epoch,
        struct fib_group_spec *spec)
{
	const struct rib_nexthop *h = rib_nexthop_find(rib, rib_feed_of(r->source), r->nexthop), *member;

	if (!h)
		return false;
	if (h->blackhole)
		spec->type = FIB_BLACKHOLE;
	else if (!h->n_members)
		add_hop(rib, r, &h->hop, 1, epoch, spec);
	for (uint32_t i = 0; i < h->n_members; i++) {
		member = rib_nexthop_find(rib, h->feed, h->member[i].id);
		if (member && !member->n_members && !member->blackhole)
			add_hop(rib, r, &member->hop, h->member[i].weight, epoch, spec);
	}
	return true;
}

static bool is_ours(const struct epoch *epoch, const struct ip6_addr *addr)
{
	for (uint32_t i = 0; i < epoch->n_addresses; i++)
		if (ip6_addr_equal(&epoch->addresses[i].addr, addr))
			return true;
	return false;
}

static void begin(struct fib_group_spec *spec, const struct rib_route *r, const struct epoch *epoch)
{
	spec->type = (enum fib_type)r->type;
	spec->mtu = r->mtu >= 68 && r->mtu <= UINT16_MAX ? r->mtu : 0;
	spec->source = (struct ip6_addr){{{0}}};
	/* A source that is the kernel's alone would have answers sent there. */
	if (is_ours(epoch, &r->prefer))
		spec->source = r->prefer;
	spec->n_hops = 0;
}

bool rib_resolve(const struct rib *rib, const struct rib_route *r, const struct epoch *epoch,
        struct fib_group_spec *spec)
{
	begin(spec, r, epoch);
	if (r->type == FIB_UNICAST && (!r->nexthop || !add_numbered(rib, r, epoch, spec)))
		for (uint32_t i = 0; i < r->n_hops; i++)
			add_hop(rib, r, &r->hop[i], r->hop[i].weight, epoch, spec);
	if (spec->type == FIB_UNICAST || spec->type == FIB_CONNECTED)
		return spec->n_hops;
	spec->hops[0] = (struct fib_hop){.port = PORT_NONE, .weight = 1};
	spec->n_hops = 1;
	return true;
}
