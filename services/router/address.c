#include "services/router/router_internal.h"

static const struct epoch_address *port_addresses(const struct epoch *e, const struct epoch_port *port)
{
	return (const void *)((const char *)e->header + port->addresses.off);
}

const struct epoch_address *address_find4(const struct epoch *e, struct be32 addr)
{
	for (uint32_t i = 0; i < e->n_addresses; i++)
		if (e->addresses[i].family == 4 && e->addresses[i].addr.w32[3].raw == addr.raw)
			return &e->addresses[i];
	return NULL;
}

const struct epoch_address *address_find6(
        const struct epoch *e, const struct ip6_addr *addr, struct port_id port)
{
	bool scoped = ip6_is_link_local(addr);

	for (uint32_t i = 0; i < e->n_addresses; i++) {
		const struct epoch_address *a = &e->addresses[i];

		if (a->family == 6 && ip6_addr_equal(&a->addr, addr) && (!scoped || a->port.v == port.v))
			return a;
	}
	return NULL;
}

static bool joined_by_configuration(
        const struct epoch *e, const struct epoch_port *port, const struct ip6_addr *group)
{
	const struct ip6_addr *g = (const void *)((const char *)e->header + port->groups.off);

	for (uint32_t i = 0; i < port->groups.count; i++)
		if (ip6_addr_equal(&g[i], group))
			return true;
	return false;
}

bool address_joined4(const struct epoch *e, struct port_id id, struct be32 group)
{
	const struct epoch_port *port = epoch_port(e, id);
	struct ip6_addr mapped = ip6_addr_mapped(group);

	if (!port)
		return false;
	return be32_to_host(group) == IPV4_ADDR(224, 0, 0, 1) || joined_by_configuration(e, port, &mapped);
}

/* The groups that IPv6 joins by itself (RFC 4291 2.8; Linux adds the interface-local ones, which no wire
 * brings). */
static bool joined_by_role6(
        const struct epoch *e, const struct epoch_port *port, const struct ip6_addr *group)
{
	const struct epoch_address *a = port_addresses(e, port);

	if (ip6_addr_equal(group, &IP6_ALL_NODES))
		return true;
	if (port->flags & EPOCH_PORT_FORWARD6) {
		static const struct ip6_addr site_routers = {.b = {0xff, 0x05, [15] = 2}};

		if (ip6_addr_equal(group, &IP6_ALL_ROUTERS) || ip6_addr_equal(group, &site_routers))
			return true;
	}
	if (!ip6_is_solicited_node(group))
		return false;
	for (uint32_t i = 0; i < port->addresses.count; i++)
		if (a[i].family == 6 && memcmp(a[i].addr.b + 13, group->b + 13, 3) == 0)
			return true;
	return false;
}

bool address_joined6(const struct epoch *e, struct port_id id, const struct ip6_addr *group)
{
	const struct epoch_port *port = epoch_port(e, id);

	return port && (joined_by_role6(e, port, group) || joined_by_configuration(e, port, group));
}
