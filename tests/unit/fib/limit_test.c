/* What does not fit changes nothing; what is retired is not used again before its time. */
#include "tests/unit/fib/world.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(fib_limit, refuses_sizes_that_are_none)
{
	struct fib_limits limits = {.routes4 = FIB_ROUTES_MAX, .routes6 = 1, .groups = 1};
	struct fib_limits good = {.routes4 = 10, .routes6 = 10, .groups = 10, .hops = 64};
	size_t size = fib_region_size(&good);
	struct fib_reader reader;
	struct fib *fib, *again;
	void *region;

	cr_assert_eq(fib_region_size(&limits), 0);
	limits = (struct fib_limits){.groups = FIB_GROUPS_MAX + 1};
	cr_assert_eq(fib_region_size(&limits), 0);
	region = region_map(size);
	cr_assert_eq(fib_attach(region, size, &reader), -EINVAL);
	cr_assert_eq(fib_init(region, size - 1, &good), -EINVAL);
	cr_assert_eq(fib_init((uint8_t *)region + 8, size, &good), -EINVAL);
	cr_assert_eq(fib_init(region, size, &good), 0);
	cr_assert_eq(fib_attach(region, size - 1, &reader), -EINVAL);
	cr_assert_eq(fib_attach(region, size, &reader), 0);
	cr_assert_eq(fib_open(region, size, &fib), 0);
	cr_assert_eq(fib_open(region, size, &again), -EINVAL);
	fib_close(fib);
	region_unmap(region, size);
}

Test(fib_limit, of_routes_is_exact_and_by_family)
{
	static const struct fib_limits few = {.routes4 = 20, .routes6 = 10, .groups = 64, .hops = 64};
	struct world *w = world_new(&few, 1);
	struct oracle *o = calloc(1, sizeof *o);
	struct fib_route routes[21];

	for (uint32_t i = 0; i < 20; i++) {
		routes[i] = (struct fib_route){
		        .prefix = fib_prefix4(be32_from_host(i << 24), 8), .group = w->group[i]};
		cr_assert_eq(fib_route_add(w->fib, &routes[i]), 0);
		oracle_add(o, &routes[i], false);
	}
	routes[20] = (struct fib_route){
	        .prefix = fib_prefix4(be32_from_host(0x50000000), 8), .group = w->group[1]};
	cr_assert_eq(fib_route_add(w->fib, &routes[20]), -ENOSPC);
	cr_assert_eq(fib_route_add(w->fib, &routes[0]), -EEXIST);
	routes[3].group = w->group[30];
	cr_assert_eq(fib_route_replace(w->fib, &routes[3]), 0);
	oracle_add(o, &routes[3], true);
	/* A load of which the last does not fit does nothing. */
	for (uint32_t i = 0; i < 20; i++)
		routes[i].group = w->group[35];
	cr_assert_eq(fib_route_load(w->fib, routes, 21, NULL), -ENOSPC);
	world_compare_routes(w, o, FIB_IPV4);
	world_compare(w, o, FIB_IPV4, 200);
	for (uint32_t i = 0; i < 10; i++) {
		struct fib_route six = {
		        .prefix = random_prefix(&w->random, FIB_IPV6), .metric = i, .group = w->group[i]};

		cr_assert_eq(fib_route_add(w->fib, &six), 0);
		oracle_add(o, &six, false);
	}
	world_compare(w, o, FIB_IPV6, 200);
	free(o);
	world_free(w);
}

/* Nothing is reclaimed until the pools are empty: then every change fails, and changes nothing, till there is
 * room again. */
Test(fib_limit, of_what_is_retired_leaves_all_as_it_was)
{
	static const struct fib_limits few = {.routes4 = 300, .routes6 = 300, .groups = 64, .hops = 64};
	struct world *w = world_new(&few, 2);
	struct oracle *o = calloc(1, sizeof *o);
	uint32_t failed = 0;

	for (uint32_t i = 0; i < 200; i++) {
		struct fib_route route = world_route(w, i % 2 ? FIB_IPV4 : FIB_IPV6);

		cr_assert_eq(fib_route_replace(w->fib, &route), oracle_add(o, &route, true));
		world_reclaim(w);
	}
	for (uint32_t i = 0; i < 20000 && failed < 100; i++) {
		struct fib_route route = o->route[(random_next(&w->random) >> 32) % o->n];
		int error;

		if (i % 3 == 0)
			route.prefix = random_prefix(&w->random, i % 2 ? FIB_IPV4 : FIB_IPV6);
		route.group = w->group[i % WORLD_GROUPS];
		error = i % 3 == 1 ? fib_route_del(w->fib, &route.prefix, route.metric)
		                   : fib_route_replace(w->fib, &route);
		if (error == -ENOSPC && ++failed)
			world_compare(w, o, route.prefix.family, 20);
		else if (i % 3 == 1)
			cr_assert_eq(error, oracle_del(o, &route.prefix, route.metric));
		else
			cr_assert_eq(error, oracle_add(o, &route, true));
		if (o->n < 20 || o->n > 280)
			break;
	}
	cr_assert_eq(failed, 100);
	for (unsigned family = FIB_IPV4; family <= FIB_IPV6; family++) {
		world_compare(w, o, family, 500);
		world_compare_routes(w, o, family);
	}
	world_reclaim(w);
	for (uint32_t i = 0; i < 50; i++) {
		struct fib_route route = o->route[i % o->n];

		route.group = w->group[(i + 1) % WORLD_GROUPS];
		cr_assert_eq(fib_route_replace(w->fib, &route), 0);
		oracle_add(o, &route, true);
		world_reclaim(w);
	}
	world_compare(w, o, FIB_IPV4, 500);
	world_compare(w, o, FIB_IPV6, 500);
	free(o);
	world_free(w);
}

/* A short prefix above many longer ones needs a line for each of them: where they run out midway, the words
 * of the flat table that were already changed, and seen, are put back. */
Test(fib_limit, reached_midway_takes_back_what_was_published)
{
	static const struct fib_limits few = {.routes4 = 300, .routes6 = 10, .groups = 64, .hops = 64};
	struct world *w = world_new(&few, 3);
	struct oracle *o = calloc(1, sizeof *o);
	struct fib_route net = {.prefix = fib_prefix4(be32_from_host(0x0a000000), 8), .group = w->group[0]};
	uint32_t last = 0;
	int error = 0;

	for (uint32_t i = 0; i < 200; i++) {
		struct fib_route route = {.prefix = fib_prefix4(be32_from_host(0x0a000080 | i << 16), 26),
		        .group = w->group[2 + i % 30]};

		cr_assert_eq(fib_route_add(w->fib, &route), 0);
		oracle_add(o, &route, false);
	}
	cr_assert_eq(fib_route_add(w->fib, &net), 0);
	for (uint32_t i = 1; i < 200 && !error; i++) {
		last = net.group;
		net.group = w->group[i % 2];
		error = fib_route_replace(w->fib, &net);
	}
	cr_assert_eq(error, -ENOSPC);
	net.group = last;
	oracle_add(o, &net, false);
	for (uint32_t i = 0; i < 256; i++)
		cr_assert_eq(fib4_lookup(&w->reader, be32_from_host(0x0a000100 | i << 16)), last);
	world_compare(w, o, FIB_IPV4, 1000);
	world_reclaim(w);
	net.group = w->group[35];
	cr_assert_eq(fib_route_replace(w->fib, &net), 0);
	oracle_add(o, &net, true);
	world_compare(w, o, FIB_IPV4, 1000);
	free(o);
	world_free(w);
}
