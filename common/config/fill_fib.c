#include "common/config/config.h"

#include <stdlib.h>

/* Routes on their way into a FIB. */
struct filling {
	struct fib *fib;
	struct fib_route *routes;
	size_t n, room;
	struct fib_group_spec last; /* the group asked for last: consecutive routes mostly have the same */
	uint32_t last_group;        /* held until another is asked for; 0: none */
};

static size_t spec_bytes(const struct fib_group_spec *s)
{
	return offsetof(struct fib_group_spec, hops) + s->n_hops * sizeof s->hops[0];
}

static int group_of(struct filling *f, const struct fib_group_spec *spec, uint32_t *group)
{
	int fault;

	if (f->last_group && f->last.n_hops == spec->n_hops &&
	        memcmp(&f->last, spec, spec_bytes(spec)) == 0) {
		*group = f->last_group;
		return 0;
	}
	fault = fib_group_get(f->fib, spec, group);
	if (fault)
		return fault;
	if (*group == f->last_group) /* one hold for each run of routes */
		fib_group_put(f->fib, *group);
	memcpy(&f->last, spec, spec_bytes(spec));
	f->last_group = *group;
	return 0;
}

static int add_route(void *context, const struct fib_route *route, const struct fib_group_spec *spec)
{
	struct filling *f = context;
	int fault;

	if (f->n == f->room) {
		size_t room = f->room ? f->room * 2 : 4096;
		struct fib_route *more = realloc(f->routes, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		f->routes = more;
		f->room = room;
	}
	f->routes[f->n] = *route;
	fault = group_of(f, spec, &f->routes[f->n].group);
	f->n += fault == 0;
	return fault;
}

/* The routes hold their groups now, so what was held for the way is let go: once for each run of one group.
 */
static void let_go(struct filling *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (i == 0 || f->routes[i].group != f->routes[i - 1].group)
			fib_group_put(f->fib, f->routes[i].group);
}

int config_fib(const struct config *c, const struct epoch *epoch, struct fib *fib)
{
	struct filling f = {.fib = fib};
	int fault = config_routes(c, epoch, add_route, &f);

	if (!fault)
		fault = fib_route_load(fib, f.routes, f.n, NULL);
	let_go(&f);
	free(f.routes);
	return fault;
}

/* As many configured routes again, or all the dynamic ones, may come. */
static uint32_t routes_limit(uint64_t configured, uint64_t dynamic, uint64_t least)
{
	uint64_t most = MAX(configured * 2, configured + dynamic);

	return (uint32_t)MIN(MAX(most, least), (uint64_t)FIB_ROUTES_MAX);
}

void config_fib_limits(const struct config *c, struct fib_limits *limits)
{
	const struct fib_limits least = FIB_LIMITS_DEFAULT;
	uint64_t n[2] = {1024, 1024}, implied = 0, hops = 0, dynamic;

	for (uint32_t i = 0; i < c->n_routes; i++) {
		n[c->routes[i].to.family == 6]++;
		hops += c->routes[i].n_nexthops > 1 ? c->routes[i].n_nexthops : 0;
	}
	for (uint32_t i = 0; i < c->n_ports; i++)
		implied += (c->ports[i].n_addresses - c->ports[i].n_adopted) * UINT64_C(4);
	for (uint32_t i = 0; i < c->n_vlans; i++)
		implied += c->vlans[i].n_addresses * UINT64_C(4);
	n[0] += implied;
	n[1] += implied;
	dynamic = c->dynamic_routes.item.node ? c->dynamic_routes.limit : 0;
	*limits = (struct fib_limits){
	        .routes4 = routes_limit(n[0], dynamic, least.routes4),
	        .routes6 = routes_limit(n[1], dynamic, least.routes6),
	        .groups = (uint32_t)MIN(MAX(n[0] + n[1], (uint64_t)least.groups), (uint64_t)FIB_GROUPS_MAX),
	        .hops = (uint32_t)MIN(MAX(hops * 2, (uint64_t)least.hops), (uint64_t)FIB_GROUPS_MAX * 4),
	};
}
