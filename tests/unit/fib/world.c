#include "tests/unit/fib/world.h"
#include "common/fib/lookup.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>

#define GUARD 4096u

struct fib_group_spec world_spec(uint32_t number)
{
	return (struct fib_group_spec){
	        .type = FIB_UNICAST,
	        .n_hops = 1,
	        .hops = {{.gateway = ip6_addr_mapped(be32_from_host(0x0a000000 + number)),
	                .port = {1},
	                .weight = 1}},
	};
}

void *region_map(size_t size)
{
	uint8_t *all = mmap(
	        NULL, size + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert(all != MAP_FAILED);
	cr_assert_eq(mprotect(all + GUARD, size, PROT_READ | PROT_WRITE), 0);
	return all + GUARD;
}

void region_unmap(void *region, size_t size)
{
	munmap((uint8_t *)region - GUARD, size + 2 * GUARD);
}

struct world *world_new(const struct fib_limits *limits, uint64_t seed)
{
	struct world *w = calloc(1, sizeof *w);

	cr_assert(w != NULL);
	w->size = fib_region_size(limits);
	w->random = seed;
	cr_assert_gt(w->size, 0);
	w->region = region_map(w->size);
	cr_assert_eq(fib_init(w->region, w->size, limits), 0);
	cr_assert_eq(fib_open(w->region, w->size, &w->fib), 0);
	cr_assert_eq(fib_attach(w->region, w->size, &w->reader), 0);
	for (uint32_t i = 0; i < WORLD_GROUPS && i < limits->groups; i++) {
		struct fib_group_spec spec = world_spec(i);

		cr_assert_eq(fib_group_get(w->fib, &spec, &w->group[i]), 0);
	}
	return w;
}

void world_free(struct world *w)
{
	fib_close(w->fib);
	region_unmap(w->region, w->size);
	free(w);
}

struct fib_route world_route(struct world *w, enum fib_family family)
{
	return (struct fib_route){
	        .prefix = random_prefix(&w->random, family),
	        .protocol = (uint8_t)(random_next(&w->random) >> 32),
	        .metric = (uint32_t)(random_next(&w->random) >> 32) % 3,
	        .group = w->group[(random_next(&w->random) >> 32) % WORLD_GROUPS],
	};
}

void world_reclaim(struct world *w)
{
	fib_reclaim(w->fib, fib_retired(w->fib));
}

/* Group, protocol and prefix of one address by the reader's walk. */
static void compare_get(const struct world *w, const struct fib_route *want, enum fib_family family,
        const struct ip6_addr *dst)
{
	struct fib_route got;
	bool found = fib_route_get(&w->reader, family, dst, &got);

	cr_assert_eq(found, want != NULL);
	if (!want)
		return;
	cr_assert(prefix_equal(&got.prefix, &want->prefix));
	cr_assert_eq(got.metric, want->metric);
	cr_assert_eq(got.group, want->group);
	cr_assert_eq(got.protocol, want->protocol);
}

/* All that hold the address, from the one in force on. */
static void compare_wider(const struct world *w, const struct oracle *o, const struct fib_route *want)
{
	struct fib_route got = want ? *want : (struct fib_route){0};

	while (want) {
		bool found = fib_route_wider(&w->reader, &got);

		want = oracle_wider(o, want);
		cr_assert_eq(found, want != NULL);
		cr_assert(!want || (prefix_equal(&got.prefix, &want->prefix) && got.metric == want->metric &&
		                           got.group == want->group));
	}
}

static void bulk(const struct world *w, bool vector, enum fib_family family, const struct ip6_addr *dst,
        const uint32_t *dst4, uint32_t *group, uint32_t n)
{
	struct fib_reader reader = w->reader;

	reader.vector = vector;
	if (family == FIB_IPV4)
		fib4_lookup_bulk(&reader, dst4, group, n);
	else
		fib6_lookup_bulk(&reader, dst, group, n);
}

void world_compare(struct world *w, const struct oracle *o, enum fib_family family, uint32_t n)
{
	struct ip6_addr *dst = calloc(2 * n, sizeof *dst);
	uint32_t *dst4 = calloc(2 * n, sizeof *dst4);
	uint32_t *plain = calloc(2 * n, sizeof *plain), *vector = calloc(2 * n, sizeof *vector);

	cr_assert(dst && dst4 && plain && vector);
	for (uint32_t i = 0; i < 2 * n; i++) {
		const struct fib_route *near = &o->route[(random_next(&w->random) >> 32) % (o->n ? o->n : 1)];
		bool use = i < n && o->n && near->prefix.family == family;

		dst[i] = use ? random_addr_near(&w->random, &near->prefix) : random_addr(&w->random, family);
		dst4[i] = be32_to_host(dst[i].w32[3]);
	}
	bulk(w, false, family, dst, dst4, plain, 2 * n);
	bulk(w, w->reader.vector, family, dst, dst4, vector, 2 * n);
	for (uint32_t i = 0; i < 2 * n; i++) {
		const struct fib_route *want = oracle_get(o, family, &dst[i]);
		uint32_t group = want ? want->group : 0;

		cr_assert_eq(plain[i], group);
		cr_assert_eq(vector[i], group);
		cr_assert_eq(family == FIB_IPV4 ? fib4_lookup(&w->reader, dst[i].w32[3])
		                                : fib6_lookup(&w->reader, &dst[i]),
		        group);
		compare_get(w, want, family, &dst[i]);
		if (i % 16 == 0)
			compare_wider(w, o, want);
	}
	free(dst);
	free(dst4);
	free(plain);
	free(vector);
}

void world_compare_routes(struct world *w, const struct oracle *o, enum fib_family family)
{
	struct fib_route *want = calloc(o->n + 1, sizeof *want), got;
	uint32_t n = 0, at = 0;
	bool more;

	cr_assert(want != NULL);
	for (uint32_t i = 0; i < o->n; i++) {
		if (o->route[i].prefix.family == family)
			want[n++] = o->route[i];
	}
	qsort(want, n, sizeof *want, route_compare);
	cr_assert_eq(fib_route_count(w->fib, family), n);
	for (more = fib_route_first(fib_reader_of(w->fib), family, &got); more;
	        more = fib_route_next(fib_reader_of(w->fib), &got), at++) {
		cr_assert_lt(at, n);
		cr_assert(route_compare(&got, &want[at]) == 0 && got.group == want[at].group);
	}
	cr_assert_eq(at, n);
	free(want);
}
