/* Routes come and go: every way to ask gives what a naive list gives. */
#include "tests/unit/fib/world.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* ThreadSanitizer makes all of it some thirty times slower, and looks for what these tests do not have:
 * threads. */
#ifdef __SANITIZE_THREAD__
#define CHURN 200u
#else
#define CHURN 3000u
#endif

static const struct fib_limits small = {.routes4 = 4000, .routes6 = 4000, .groups = 64, .hops = 256};

/* One random change, done to both. */
static void change(struct world *w, struct oracle *o, enum fib_family family, bool grow)
{
	struct fib_route route = world_route(w, family);
	unsigned kind = (unsigned)(random_next(&w->random) >> 32) % 8;
	const struct fib_route *old = &o->route[(random_next(&w->random) >> 32) % (o->n ? o->n : 1)];
	bool of_old = o->n && old->prefix.family == family;

	if (kind < (grow ? 5 : 2)) {
		cr_assert_eq(fib_route_add(w->fib, &route), oracle_add(o, &route, false));
	} else if (kind == 5) {
		route.prefix = of_old ? old->prefix : route.prefix;
		cr_assert_eq(fib_route_replace(w->fib, &route), oracle_add(o, &route, true));
	} else if (of_old && kind != 6) {
		struct fib_prefix prefix = old->prefix;
		uint32_t metric = old->metric;

		cr_assert_eq(fib_route_del(w->fib, &prefix, metric), oracle_del(o, &prefix, metric));
	} else {
		cr_assert_eq(fib_route_del(w->fib, &route.prefix, route.metric),
		        oracle_del(o, &route.prefix, route.metric));
	}
}

static void churn(enum fib_family family, uint64_t seed)
{
	struct world *w = world_new(&small, seed);
	struct oracle *o = calloc(1, sizeof *o);

	for (uint32_t i = 0; i < CHURN; i++) {
		change(w, o, family, i % 1500 < 1000);
		world_compare(w, o, family, 6);
		if (i % 16 == 0)
			world_reclaim(w);
		if (i % 250 == 0) {
			world_compare(w, o, family, 300);
			world_compare_routes(w, o, family);
		}
	}
	while (o->n > 0) {
		struct fib_route last = o->route[o->n - 1];

		cr_assert_eq(fib_route_del(w->fib, &last.prefix, last.metric), 0);
		cr_assert_eq(oracle_del(o, &last.prefix, last.metric), 0);
		world_reclaim(w);
	}
	world_compare(w, o, family, 300);
	free(o);
	world_free(w);
}

Test(fib, agrees_with_a_list_of_routes_of_ipv4_as_they_come_and_go)
{
	churn(FIB_IPV4, 1);
	churn(FIB_IPV4, 2);
}

Test(fib, agrees_with_a_list_of_routes_of_ipv6_as_they_come_and_go)
{
	churn(FIB_IPV6, 3);
	churn(FIB_IPV6, 4);
}

Test(fib, holds_nothing_more_than_at_first_when_all_routes_are_gone)
{
	struct world *w = world_new(&small, 5);
	struct oracle *o = calloc(1, sizeof *o);
	struct fib_usage before, after;

	fib_usage(w->fib, &before);
	for (uint32_t i = 0; i < 2000; i++) {
		struct fib_route route = world_route(w, i % 2 ? FIB_IPV4 : FIB_IPV6);

		cr_assert_eq(fib_route_replace(w->fib, &route), oracle_add(o, &route, true));
		world_reclaim(w);
	}
	for (uint32_t i = 0; i < o->n; i++)
		cr_assert_eq(fib_route_del(w->fib, &o->route[i].prefix, o->route[i].metric), 0);
	world_reclaim(w);
	fib_usage(w->fib, &after);
	cr_assert_eq(before.line_bytes, after.line_bytes);
	cr_assert_eq(before.node_bytes, after.node_bytes);
	cr_assert_eq(after.retired, 0);
	cr_assert_eq(fib_route_count(w->fib, FIB_IPV4) + fib_route_count(w->fib, FIB_IPV6), 0);
	free(o);
	world_free(w);
}

/* The groups that a load displaced and the routes that stood before are as after single ones. */
Test(fib, loads_many_routes_as_if_one_by_one)
{
	struct world *w = world_new(&small, 6);
	struct oracle *o = calloc(1, sizeof *o);
	struct fib_route *routes = calloc(3000, sizeof *routes);

	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 2000; i++) {
			routes[i] = world_route(w, i % 3 ? FIB_IPV4 : FIB_IPV6);
			if (i % 7 == 6)
				routes[i].prefix = routes[i - 3].prefix;
			if (o->n + 1 < ORACLE_MAX)
				oracle_add(o, &routes[i], true);
		}
		cr_assert_eq(fib_route_load(w->fib, routes, 2000, NULL), 0);
		world_reclaim(w);
		for (unsigned family = FIB_IPV4; family <= FIB_IPV6; family++) {
			world_compare(w, o, family, 800);
			world_compare_routes(w, o, family);
		}
		for (uint32_t i = 0; i < 500; i++)
			change(w, o, i % 2 ? FIB_IPV4 : FIB_IPV6, false);
		world_reclaim(w);
	}
	world_compare(w, o, FIB_IPV4, 800);
	world_compare(w, o, FIB_IPV6, 800);
	free(routes);
	free(o);
	world_free(w);
}

/* More runs in one byte than a line holds, in the directory's part and behind it, then fewer again. */
Test(fib, holds_as_many_results_in_one_byte_as_it_has_values)
{
	struct world *w = world_new(&small, 7);
	struct oracle *o = calloc(1, sizeof *o);

	for (uint32_t i = 0; i < 1024; i++) {
		uint32_t at = i & 255, deep = i >> 8;
		struct fib_route route = {.group = w->group[i % 3 + deep]};
		struct ip6_addr six = {.b = {0x20, 1, 0xd, 0xb8, [7] = (uint8_t)at}};

		if (deep == 0)
			route.prefix = fib_prefix4(be32_from_host(0x0a010000 | at << 8), 24);
		else if (deep == 1)
			route.prefix = fib_prefix4(be32_from_host(0x0a020300 | at), 32);
		else if (deep == 2)
			route.prefix = fib_prefix6(six, 64);
		else
			route.prefix = fib_prefix4(be32_from_host(0x0a030000 | at << 7), 25);
		cr_assert_eq(fib_route_add(w->fib, &route), 0);
		cr_assert_eq(oracle_add(o, &route, false), 0);
		if (i % 16 == 0)
			world_reclaim(w);
		if (i % 64 == 63)
			world_compare(w, o, i % 2 ? FIB_IPV4 : FIB_IPV6, 200);
	}
	world_compare(w, o, FIB_IPV4, 2000);
	world_compare(w, o, FIB_IPV6, 2000);
	while (o->n > 0) {
		struct fib_route route = o->route[(random_next(&w->random) >> 32) % o->n];

		cr_assert_eq(fib_route_del(w->fib, &route.prefix, 0), 0);
		cr_assert_eq(oracle_del(o, &route.prefix, 0), 0);
		world_reclaim(w);
		if (o->n % 64 == 0) {
			world_compare(w, o, FIB_IPV4, 200);
			world_compare(w, o, FIB_IPV6, 200);
		}
	}
	free(o);
	world_free(w);
}

Test(fib, falls_back_to_the_next_metric_and_then_to_the_shorter_prefix)
{
	struct world *w = world_new(&small, 8);
	struct fib_prefix lan = fib_prefix4(be32_from_host(0xc0a80100), 24),
	                  all = fib_prefix4(be32_from_host(0), 0);
	struct be32 host = be32_from_host(0xc0a80107);

	cr_assert_eq(
	        fib_route_add(w->fib, &(struct fib_route){.prefix = all, .metric = 9, .group = w->group[0]}),
	        0);
	cr_assert_eq(
	        fib_route_add(w->fib, &(struct fib_route){.prefix = lan, .metric = 20, .group = w->group[1]}),
	        0);
	cr_assert_eq(fib4_lookup(&w->reader, host), w->group[1]);
	cr_assert_eq(
	        fib_route_add(w->fib, &(struct fib_route){.prefix = lan, .metric = 10, .group = w->group[2]}),
	        0);
	cr_assert_eq(fib4_lookup(&w->reader, host), w->group[2]);
	cr_assert_eq(
	        fib_route_add(w->fib, &(struct fib_route){.prefix = lan, .metric = 30, .group = w->group[3]}),
	        0);
	cr_assert_eq(fib4_lookup(&w->reader, host), w->group[2]);
	cr_assert_eq(fib_route_del(w->fib, &lan, 10), 0);
	cr_assert_eq(fib4_lookup(&w->reader, host), w->group[1]);
	cr_assert_eq(fib_route_del(w->fib, &lan, 10), -ENOENT);
	cr_assert_eq(fib_route_del(w->fib, &lan, 20), 0);
	cr_assert_eq(fib4_lookup(&w->reader, host), w->group[3]);
	cr_assert_eq(fib_route_del(w->fib, &lan, 30), 0);
	cr_assert_eq(fib4_lookup(&w->reader, host), w->group[0]);
	cr_assert_eq(fib_route_del(w->fib, &all, 9), 0);
	cr_assert_eq(fib4_lookup(&w->reader, host), FIB_NO_ROUTE);
	world_free(w);
}

Test(fib, refuses_routes_that_are_none)
{
	struct world *w = world_new(&small, 9);
	struct fib_route route = {
	        .prefix = fib_prefix4(be32_from_host(0x0a000001), 24), .group = w->group[0]};
	size_t at = 0;

	cr_assert_eq(fib_route_add(w->fib, &route), -EINVAL);
	cr_assert_eq(
	        fib_route_load(w->fib,
	                (struct fib_route[]){
	                        {.prefix = fib_prefix4(be32_from_host(0), 1), .group = w->group[0]}, route},
	                2, &at),
	        -EINVAL);
	cr_assert_eq(at, 1);
	route.prefix.len = 33;
	cr_assert_eq(fib_route_add(w->fib, &route), -EINVAL);
	route.prefix.len = 32;
	route.group = WORLD_GROUPS + 1;
	cr_assert_eq(fib_route_add(w->fib, &route), -EINVAL);
	route.group = 0;
	cr_assert_eq(fib_route_add(w->fib, &route), -EINVAL);
	route.group = w->group[0];
	route.prefix = fib_prefix6((struct ip6_addr){.b = {[15] = 1}}, 127);
	cr_assert_eq(fib_route_add(w->fib, &route), -EINVAL);
	route.prefix.len = 129;
	cr_assert_eq(fib_route_add(w->fib, &route), -EINVAL);
	route.prefix.family = 2;
	cr_assert_eq(fib_route_add(w->fib, &route), -EINVAL);
	cr_assert_eq(fib_route_count(w->fib, FIB_IPV4), 0);
	cr_assert_eq(fib4_lookup(&w->reader, be32_from_host(1)), FIB_NO_ROUTE);
	world_free(w);
}
