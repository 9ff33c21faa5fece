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
