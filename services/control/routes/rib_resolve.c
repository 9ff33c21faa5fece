/* Where a route leads, with the ports and addresses of an epoch, and with what else is in its FIB: a kernel
 * tells gateways that are on a link of its own, but what is on a link of a zebra elsewhere need not be on one
 * here. */
#include "common/wire/addr.h"
#include "services/control/routes/rib_internal.h"

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

/* Whether numbers of interfaces in the route are this machine's. */
static bool names_interfaces(const struct rib *rib, const struct rib_route *r)
{
	return rib_feed_of(r->source) != RIB_FPM || rib->fpm_interfaces;
}

/* The port that the route itself names. */
static const struct epoch_port *port_given(const struct rib *rib, const struct rib_route *r,
        const struct rib_hop *hop, const struct epoch *epoch)
{
	const char *name = hop->port[0] ? hop->port : NULL;
	const struct epoch_port *port;

	if (!name && names_interfaces(rib, r))
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

/* A route being resolved. */
struct resolving {
	struct rib *rib;
	const struct rib_route *route;
	const struct epoch *epoch;
	uint32_t slot;
	struct rib_lead *lead;
};

static bool is_ours(const struct epoch *epoch, const struct ip6_addr *addr)
{
	for (uint32_t i = 0; i < epoch->n_addresses; i++)
		if (ip6_addr_equal(&epoch->addresses[i].addr, addr))
			return true;
	return false;
}

/* The way out over a port.  False: none of them leads to it. */
static bool resolve_hop(const struct resolving *v, const struct rib_hop *hop, struct fib_hop *to)
{
	const struct epoch_port *given = port_given(v->rib, v->route, hop, v->epoch);
	bool direct = ip6_is_unspecified(&hop->gateway);

	*to = (struct fib_hop){.gateway = hop->gateway, .port = PORT_NONE};
	if (direct || ip6_is_link_local(&hop->gateway)) {
		if (given)
			to->port = id_of(v->epoch, given);
		return given;
	}
	to->port = port_of_gateway(v->epoch, &hop->gateway, given);
	if (port_id_equal(to->port, PORT_NONE) && given && hop->onlink) {
		to->port = id_of(v->epoch, given);
		to->flags = FIB_HOP_ONLINK;
	}
	return !port_id_equal(to->port, PORT_NONE);
}

/* A group's ways are all of one kind, as the first that leads anywhere. */
static bool may_add(const struct fib_group_spec *group, enum fib_type type)
{
	return group->n_hops < FIB_HOPS_MAX && (!group->n_hops || group->type == type);
}

static void add_way(
        struct fib_group_spec *group, enum fib_type type, const struct fib_hop *way, uint32_t weight)
{
	if (!may_add(group, type))
		return;
	group->hops[group->n_hops] = *way;
	group->hops[group->n_hops++].weight = (uint16_t)MIN(weight, (uint32_t)UINT16_MAX);
	group->type = type;
}

/* As add_way; where two gateways are reached by one way it counts for both. */
static void join_way(
        struct fib_group_spec *group, enum fib_type type, const struct fib_hop *way, uint32_t weight)
{
	for (uint32_t i = 0; group->type == type && i < group->n_hops; i++) {
		struct fib_hop *there = &group->hops[i];

		if (port_id_equal(there->port, way->port) && ip6_addr_equal(&there->gateway, &way->gateway)) {
			there->weight = (uint16_t)MIN(there->weight + weight, (uint32_t)UINT16_MAX);
			return;
		}
	}
	add_way(group, type, way, weight);
}

static bool is_nowhere(enum fib_type type)
{
	return type == FIB_BLACKHOLE || type == FIB_UNREACHABLE || type == FIB_PROHIBIT;
}

/* The ways of the route that a gateway meets.  Over a link without a gateway of its own it is on that link.
 */
static void add_through(const struct resolving *v, const struct ip6_addr *gateway, uint32_t weight)
{
	const struct fib_group *met = rib_via(v->rib, gateway, v->slot);
	const struct fib_hop *hops;
	uint32_t n = 0;

	v->lead->recursive = true;
	if (met && is_nowhere((enum fib_type)met->type))
		add_way(&v->lead->group, (enum fib_type)met->type, &(struct fib_hop){.port = PORT_NONE}, 1);
	if (!met || (met->type != FIB_UNICAST && met->type != FIB_CONNECTED))
		return;
	hops = fib_group_hops(fib_reader_of(v->rib->publisher->fib[v->slot]), met, &n);
	for (uint32_t i = 0; i < n; i++) {
		struct fib_hop way = {
		        .gateway = hops[i].gateway, .port = hops[i].port, .flags = hops[i].flags};

		if (met->type == FIB_CONNECTED) {
			way.gateway = *gateway;
			way.flags = FIB_HOP_ONLINK;
		}
		join_way(&v->lead->group, FIB_UNICAST, &way, weight * hops[i].weight);
	}
}

static void add_hop(const struct resolving *v, const struct rib_hop *hop, uint16_t weight)
{
	bool direct = ip6_is_unspecified(&hop->gateway),
	     named = hop->port[0] || (hop->ifindex && names_interfaces(v->rib, v->route));
	enum fib_type type = direct ? FIB_CONNECTED : FIB_UNICAST;
	struct fib_hop way;

	if (!may_add(&v->lead->group, type))
		return;
	if (resolve_hop(v, hop, &way))
		add_way(&v->lead->group, type, &way, weight);
	else if (!direct && !named && !ip6_is_link_local(&hop->gateway) && !is_ours(v->epoch, &hop->gateway))
		add_through(v, &hop->gateway, weight);
}

/* A next hop by number.  False: it is not known. */
static bool add_numbered(const struct resolving *v)
{
	enum rib_feed feed = rib_feed_of(v->route->source);
	const struct rib_nexthop *h = rib_nexthop_find(v->rib, feed, v->route->nexthop), *member;

	if (!h)
		return false;
	if (h->blackhole)
		v->lead->group.type = FIB_BLACKHOLE;
	else if (!h->n_members)
		add_hop(v, &h->hop, 1);
	for (uint32_t i = 0; i < h->n_members; i++) {
		member = rib_nexthop_find(v->rib, feed, h->member[i].id);
		if (member && !member->n_members && !member->blackhole)
			add_hop(v, &member->hop, h->member[i].weight);
	}
	return true;
}

/* Products of weights, in the range of weights. */
static void scale_weights(struct fib_group_spec *group)
{
	uint32_t most = FIB_WEIGHT_MAX;

	for (uint32_t i = 0; i < group->n_hops; i++)
		most = MAX(most, (uint32_t)group->hops[i].weight);
	for (uint32_t i = 0; i < group->n_hops && most > FIB_WEIGHT_MAX; i++)
		group->hops[i].weight = (uint16_t)MAX(group->hops[i].weight * FIB_WEIGHT_MAX / most, 1u);
}

static void begin(struct fib_group_spec *group, const struct rib_route *r, const struct epoch *epoch)
{
	group->type = (enum fib_type)r->type;
	group->mtu = r->mtu >= 68 && r->mtu <= UINT16_MAX ? r->mtu : 0;
	group->source = (struct ip6_addr){{{0}}};
	/* A source that is the kernel's alone would have answers sent there. */
	if (is_ours(epoch, &r->prefer))
		group->source = r->prefer;
	group->n_hops = 0;
}

bool rib_resolve(struct rib *rib, const struct rib_route *r, uint32_t slot)
{
	const struct resolving v = {rib, r, &rib->publisher->view[slot], slot, &rib->lead};
	struct fib_group_spec *group = &rib->lead.group;

	rib->lead.recursive = false;
	begin(group, r, v.epoch);
	if (r->type == FIB_UNICAST && (!r->nexthop || !add_numbered(&v)))
		for (uint32_t i = 0; i < r->n_hops; i++)
			add_hop(&v, &r->hop[i], r->hop[i].weight);
	scale_weights(group);
	if (group->n_hops || group->type == FIB_UNICAST || group->type == FIB_CONNECTED)
		return group->n_hops;
	group->hops[0] = (struct fib_hop){.port = PORT_NONE, .weight = 1};
	group->n_hops = 1;
	return true;
}
