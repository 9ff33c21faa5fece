/* fib_limits: how large a FIB a configuration needs. */
#include "common/config/check.h"

/* Routes of each family beside those that are counted, for changes. */
#define SPARE_ROUTES 1024u

struct fib_demand fib_demand(const struct config *c)
{
	struct fib_demand d = {.routes = {SPARE_ROUTES, SPARE_ROUTES}};
	uint64_t implied = 0;

	for (uint32_t i = 0; i < c->n_routes; i++) {
		d.routes[c->routes[i].to.family == 6]++;
		d.hops += c->routes[i].n_nexthops > 1 ? c->routes[i].n_nexthops : 0;
	}
	for (uint32_t i = 0; i < c->n_adopted; i++)
		d.routes[c->adopted[i].to.family == 6]++;
	for (uint32_t i = 0; i < c->n_ports; i++)
		implied += c->ports[i].n_addresses * UINT64_C(4);
	for (uint32_t i = 0; i < c->n_vlans; i++)
		implied += c->vlans[i].n_addresses * UINT64_C(4);
	d.routes[0] += implied;
	d.routes[1] += implied;
	d.dynamic = c->dynamic_routes.item.node ? c->dynamic_routes.limit : 0;
	return d;
}

static struct fib_limits least(const struct fib_demand *d)
{
	const struct fib_limits usual = FIB_LIMITS_DEFAULT;
	uint64_t routes = d->routes[0] + d->routes[1];

	return (struct fib_limits){
	        .routes4 = (uint32_t)MIN(d->routes[0] + d->dynamic, (uint64_t)FIB_ROUTES_MAX),
	        .routes6 = (uint32_t)MIN(d->routes[1] + d->dynamic, (uint64_t)FIB_ROUTES_MAX),
	        .groups = (uint32_t)MIN(MAX(routes, (uint64_t)usual.groups), (uint64_t)FIB_GROUPS_MAX),
	        .hops = (uint32_t)MIN(MAX(d->hops * 2, (uint64_t)usual.hops), (uint64_t)FIB_GROUPS_MAX * 4),
	};
}

/* Up to `most` of a family, as far as a FIB has room beside the other. */
static uint32_t raised(uint32_t routes, uint64_t most, uint32_t other)
{
	uint64_t room = FIB_ROUTES_MAX - MIN(other, FIB_ROUTES_MAX);

	return (uint32_t)MAX((uint64_t)routes, MIN(most, room));
}

/* As many configured routes again, and at the least as many as is usual. */
static struct fib_limits roomy(const struct fib_demand *d)
{
	const struct fib_limits usual = FIB_LIMITS_DEFAULT;
	struct fib_limits l = least(d);

	l.routes4 = raised(l.routes4, MAX(d->routes[0] * 2, (uint64_t)usual.routes4), l.routes6);
	l.routes6 = raised(l.routes6, MAX(d->routes[1] * 2, (uint64_t)usual.routes6), l.routes4);
	return l;
}

uint64_t config_fib_bytes(const struct config *c)
{
	struct fib_demand d = fib_demand(c);
	struct fib_limits l;

	if (d.routes[0] + d.routes[1] + UINT64_C(2) * CONFIG_DYNAMIC_ROOM <= FIB_ROUTES_MAX)
		d.dynamic = MAX(d.dynamic, UINT64_C(1) * CONFIG_DYNAMIC_ROOM);
	l = roomy(&d);
	return fib_region_size(&l);
}

int config_fib_limits(const struct config *c, uint64_t bytes, struct fib_limits *limits, uint64_t *needed)
{
	struct fib_demand d = fib_demand(c);

	*limits = roomy(&d);
	*needed = fib_region_size(limits);
	if (*needed && *needed <= bytes)
		return 0;
	*limits = least(&d);
	*needed = fib_region_size(limits);
	return *needed && *needed <= bytes ? 0 : -ENOSPC;
}
