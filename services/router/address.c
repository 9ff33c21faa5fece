#include "services/router/router_internal.h"

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
