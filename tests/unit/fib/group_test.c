/* Next-hop groups: one for each content, counted, and dealt to flows by weight. */
#include "tests/unit/fib/world.h"

#include <criterion/criterion.h>

static const struct fib_limits small = {.routes4 = 1000, .routes6 = 1000, .groups = 100, .hops = 256};

static struct fib_group_spec multipath(uint32_t n, const uint16_t *weights)
{
	struct fib_group_spec spec = {.type = FIB_UNICAST, .n_hops = n};

	for (uint32_t i = 0; i < n; i++) {
		spec.hops[i].gateway = ip6_addr_mapped(be32_from_host(0x0a000001 + i));
		spec.hops[i].port.v = (uint16_t)i;
		spec.hops[i].weight = weights ? weights[i] : 1;
	}
	return spec;
}

Test(fib_group, is_one_for_each_content_and_lives_while_used)
{
	struct world *w = world_new(&small, 1);
	struct fib_group_spec one = multipath(1, NULL), two = multipath(2, NULL), lan = one;
	struct fib_prefix all = fib_prefix4(be32_from_host(0), 0);
	uint32_t a, b, c, d;

	cr_assert_eq(fib_group_get(w->fib, &two, &a), 0);
	cr_assert_eq(fib_group_get(w->fib, &two, &b), 0);
	cr_assert_eq(a, b);
	lan.type = FIB_CONNECTED;
	cr_assert_eq(fib_group_get(w->fib, &one, &c), 0);
	cr_assert_eq(fib_group_get(w->fib, &lan, &d), 0);
	cr_assert_neq(c, d);
	cr_assert_eq(fib_route_add(w->fib, &(struct fib_route){.prefix = all, .group = a}), 0);
	fib_group_put(w->fib, a);
	fib_group_put(w->fib, a);
	/* The route alone holds it. */
	cr_assert_eq(fib_group(&w->reader, a)->n_hops, 2);
	cr_assert_eq(fib_group_get(w->fib, &two, &b), 0);
	cr_assert_eq(b, a);
	fib_group_put(w->fib, b);
	cr_assert_eq(fib_route_del(w->fib, &all, 0), 0);
	/* Gone for the writer, but readers may hold it till they say otherwise. */
	cr_assert_eq(fib_group_get(w->fib, &two, &b), 0);
	cr_assert_neq(b, a);
	fib_group_put(w->fib, b);
	cr_assert_eq(fib_group(&w->reader, a)->n_hops, 2);
	world_reclaim(w);
	cr_assert_eq(fib_group_get(w->fib, &two, &c), 0);
	cr_assert(c == a || c == b);
	world_free(w);
}

Test(fib_group, keeps_what_was_asked_for)
{
	struct world *w = world_new(&small, 2);
	struct fib_group_spec spec = multipath(3, (uint16_t[]){1, 2, 3});
	const struct fib_hop *hops;
	uint32_t id, n;

	spec.mtu = 1400;
	spec.source = ip6_addr_mapped(be32_from_host(0x0a0000fe));
	spec.hops[1].flags = FIB_HOP_ONLINK;
	cr_assert_eq(fib_group_get(w->fib, &spec, &id), 0);
	cr_assert_eq(fib_group(&w->reader, id)->type, FIB_UNICAST);
	cr_assert_eq(fib_group(&w->reader, id)->mtu, 1400);
	cr_assert(ip6_addr_equal(&fib_group(&w->reader, id)->source, &spec.source));
	hops = fib_group_hops(&w->reader, fib_group(&w->reader, id), &n);
	cr_assert_eq(n, 3);
	for (uint32_t i = 0; i < n; i++) {
		cr_assert(ip6_addr_equal(&hops[i].gateway, &spec.hops[i].gateway));
		cr_assert(port_id_equal(hops[i].port, spec.hops[i].port));
		cr_assert_eq(hops[i].weight, spec.hops[i].weight);
		cr_assert_eq(hops[i].flags, spec.hops[i].flags);
	}
	cr_assert_eq(fib_group(&w->reader, 0)->type, FIB_NONE);
	cr_assert_eq(fib_group(&w->reader, UINT32_MAX)->type, FIB_NONE);
	world_free(w);
}

/* Upper bounds as Linux has them: the first takes hashes to w0 / total of 2^31, the last all the rest. */
Test(fib_group, deals_flows_by_weight)
{
	static const uint16_t weights[][4] = {{1, 1, 1, 1}, {1, 2, 3, 4}, {256, 1, 1, 1}, {7, 256, 13, 100}};
	struct world *w = world_new(&small, 3);

	for (uint32_t k = 0; k < ARRAY_LEN(weights); k++) {
		struct fib_group_spec spec = multipath(4, weights[k]);
		uint32_t id, total = 0, count[4] = {0}, n = 200000;

		cr_assert_eq(fib_group_get(w->fib, &spec, &id), 0);
		for (uint32_t i = 0; i < 4; i++)
			total += weights[k][i];
		for (uint32_t i = 0; i < n; i++)
			count[fib_group_select(&w->reader, id, (uint32_t)(random_next(&w->random) >> 32))
			                ->port.v]++;
		for (uint32_t i = 0; i < 4; i++) {
			double want = (double)n * weights[k][i] / total;

			cr_assert_float_eq(count[i], want, 0.01 * n);
		}
		cr_assert_eq(fib_group_select(&w->reader, id, 0)->port.v, 0);
		cr_assert_eq(fib_group_select(&w->reader, id, UINT32_MAX)->port.v, 3);
	}
	world_free(w);
}

Test(fib_group, changes_hands_at_the_upper_bound)
{
	struct world *w = world_new(&small, 4);
	struct fib_group_spec spec = multipath(3, (uint16_t[]){1, 1, 2});
	const uint32_t bound[] = {0x1fffffff, 0x3fffffff, 0x7fffffff};
	const struct fib_hop *hops;
	uint32_t id, n;

	cr_assert_eq(fib_group_get(w->fib, &spec, &id), 0);
	hops = fib_group_hops(&w->reader, fib_group(&w->reader, id), &n);
	for (uint32_t i = 0; i < 3; i++) {
		cr_assert_eq(hops[i].upper_bound, bound[i]);
		cr_assert_eq(fib_group_select(&w->reader, id, bound[i] << 1 | 1)->port.v, i);
		if (i < 2)
			cr_assert_eq(fib_group_select(&w->reader, id, (bound[i] + 1) << 1)->port.v, i + 1);
	}
	world_free(w);
}

Test(fib_group, refuses_what_is_none)
{
	struct world *w = world_new(&small, 5);
	struct fib_group_spec good = multipath(2, NULL), spec = good;
	uint32_t id;

	spec.n_hops = 0;
	cr_assert_eq(fib_group_get(w->fib, &spec, &id), -EINVAL);
	spec.n_hops = FIB_HOPS_MAX + 1;
	cr_assert_eq(fib_group_get(w->fib, &spec, &id), -EINVAL);
	spec = good;
	spec.hops[1].weight = 0;
	cr_assert_eq(fib_group_get(w->fib, &spec, &id), -EINVAL);
	spec.hops[1].weight = FIB_WEIGHT_MAX + 1;
	cr_assert_eq(fib_group_get(w->fib, &spec, &id), -EINVAL);
	spec = good;
	spec.type = FIB_LOCAL;
	cr_assert_eq(fib_group_get(w->fib, &spec, &id), -EINVAL);
	spec.type = FIB_NONE;
	cr_assert_eq(fib_group_get(w->fib, &spec, &id), -EINVAL);
	world_free(w);
}

Test(fib_group, runs_out_with_nothing_changed)
{
	struct world *w = world_new(&small, 6);
	struct fib_group_spec wide = multipath(FIB_HOPS_MAX, NULL);
	struct fib_usage before, after;
	uint32_t id, n = 0;

	for (; n < 100; n++) {
		wide.mtu = 1000 + n;
		if (fib_group_get(w->fib, &wide, &id))
			break;
	}
	cr_assert_eq(n, 256 / FIB_HOPS_MAX);
	fib_usage(w->fib, &before);
	cr_assert_eq(fib_group_get(w->fib, &wide, &id), -ENOSPC);
	fib_usage(w->fib, &after);
	cr_assert_arr_eq(&before, &after, sizeof before);
	for (n = 0; n < 200; n++) {
		struct fib_group_spec spec = world_spec(1000 + n);

		if (fib_group_get(w->fib, &spec, &id))
			break;
	}
	cr_assert_eq(n, 100 - WORLD_GROUPS - 256 / FIB_HOPS_MAX);
	world_free(w);
}

/* More groups than the flat table's 15 bits hold: those above stand in the wide one. */
Test(fib_group, is_found_whatever_its_number)
{
	static const struct fib_limits many = {.routes4 = 50000, .routes6 = 100, .groups = 40000, .hops = 0};
	struct world *w = world_new(&many, 7);
	uint32_t id = 0, out[2], first = 0x0b000000;

	for (uint32_t i = 0; i < 40000 - WORLD_GROUPS; i++) {
		struct fib_group_spec spec = world_spec(5000 + i);

		cr_assert_eq(fib_group_get(w->fib, &spec, &id), 0);
		if (id < 0x7ff0 || (id > 0x8010 && id < 39990))
			continue;
		cr_assert_eq(fib_route_replace(w->fib,
		                     &(struct fib_route){
		                             .prefix = fib_prefix4(be32_from_host(first), 23), .group = id}),
		        0);
		for (unsigned vector = 0; vector <= w->reader.vector; vector++) {
			struct fib_reader reader = w->reader;

			reader.vector = vector;
			fib4_lookup_bulk(&reader, (uint32_t[]){first, first + 0x100}, out, 2);
			cr_assert(out[0] == id && out[1] == id);
		}
		cr_assert_eq(fib4_lookup(&w->reader, be32_from_host(first + 511)), id);
		/* Every other route is the last one replaced, from wide to flat and back. */
		first += id % 2 ? 0x200 : 0;
	}
	world_free(w);
}
