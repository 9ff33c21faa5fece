/* A region that holds anything: readers stay inside it (its ends fault) and come to an end. */
#include "tests/unit/fib/world.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define ADDRS 600u

static const struct fib_limits few = {.routes4 = 1000, .routes6 = 1000, .groups = 64, .hops = 256};

/* What a listing gives is in order, whatever the tree has become, so that it ends. */
static void list_all(const struct world *w, enum fib_family family)
{
	struct fib_route last, route;
	bool more = fib_route_first(&w->reader, family, &route);

	while (more) {
		last = route;
		more = fib_route_next(&w->reader, &route);
		cr_assert(!more || route_compare(&last, &route) < 0);
	}
}

/* Every way to read, with results that go on to be used. */
static void read_all(struct world *w)
{
	uint32_t four[ADDRS], group[ADDRS], n;
	struct ip6_addr six[ADDRS];
	struct fib_route route;

	for (uint32_t i = 0; i < ADDRS; i++) {
		six[i] = random_addr(&w->random, FIB_IPV6);
		four[i] = be32_to_host(random_addr(&w->random, FIB_IPV4).w32[3]);
	}
	for (unsigned vector = 0; vector <= w->reader.vector; vector++) {
		struct fib_reader reader = w->reader;

		reader.vector = vector;
		fib4_lookup_bulk(&reader, four, group, ADDRS);
		fib6_lookup_bulk(&reader, six, group, ADDRS);
	}
	list_all(w, FIB_IPV4);
	list_all(w, FIB_IPV6);
	for (uint32_t i = 0; i < ADDRS; i++) {
		struct ip6_addr mapped = ip6_addr_mapped(be32_from_host(four[i]));

		(void)fib4_lookup(&w->reader, be32_from_host(four[i]));
		(void)fib_route_get(&w->reader, FIB_IPV4, &mapped, &route);
		for (bool more = fib_route_get(&w->reader, FIB_IPV6, &six[i], &route); more;)
			more = fib_route_wider(&w->reader, &route);
		group[i] ^= fib6_lookup(&w->reader, &six[i]);
		cr_assert_leq(fib_group_select(&w->reader, group[i], four[i])->port.v, UINT16_MAX);
		(void)fib_group_hops(&w->reader, fib_group(&w->reader, group[i]), &n);
		cr_assert(n >= 1 && n <= FIB_HOPS_MAX);
	}
}

static struct world *filled(uint64_t seed)
{
	struct world *w = world_new(&few, seed);

	for (uint32_t i = 0; i < 600; i++) {
		struct fib_route route = world_route(w, i % 2 ? FIB_IPV4 : FIB_IPV6);

		cr_assert_eq(fib_route_replace(w->fib, &route), 0);
		world_reclaim(w);
	}
	return w;
}

/* A word of memory that is in use: the flat and wide tables are mostly zeros, which would hide the rest. */
static uint32_t *word_in_use(struct world *w)
{
	uint32_t *words = w->region, n = (uint32_t)(w->size / sizeof *words), at;

	for (uint32_t tries = 0; tries < 200; tries++) {
		at = (uint32_t)((random_next(&w->random) >> 32) * n >> 32);
		if (tries % 2)
			at = (uint32_t)(((uintptr_t)w->reader.lines - (uintptr_t)words) / 4 + at % 20000);
		if (words[at])
			return &words[at];
	}
	return &words[at];
}

Test(fib_hostile, words_spoilt_at_random_lead_nowhere)
{
	struct world *w = filled(1);

	for (uint32_t round = 0; round < 400; round++) {
		for (uint32_t i = 0; i < 50; i++) {
			uint32_t *word = word_in_use(w), value = (uint32_t)(random_next(&w->random) >> 32);

			*word = i % 3 == 0 ? value : i % 3 == 1 ? *word ^ 1u << value % 32 : *word | 0xc00000;
		}
		read_all(w);
	}
	world_free(w);
}

/* Each kind of loop and end: lines that lead to themselves for ever, the last line, past the end. */
Test(fib_hostile, words_of_every_kind_come_to_an_end)
{
	static const uint32_t value[] = {0xffffffff, 0x80000000, 0xc00000, 0xffffff, 0x800000, 0xbfffff,
	        0x7fffff, 0x80ffffff, 0xfffffff8, 0x80000007, 0xff000000, 0x00c00001, 1};
	struct world *w = filled(2);
	size_t after_header = 4096;

	for (uint32_t i = 0; i < ARRAY_LEN(value); i++) {
		uint32_t *words = (uint32_t *)((uint8_t *)w->region + after_header);

		for (size_t at = 0; at < (w->size - after_header) / sizeof *words; at++)
			words[at] = value[i];
		for (uint32_t h = 7; h < 1024; h++)
			((uint32_t *)w->region)[h] = value[i];
		read_all(w);
	}
	world_free(w);
}

Test(fib_hostile, headers_are_refused_or_bounded)
{
	struct world *w = filled(3);
	uint32_t *words = w->region, saved[32];

	memcpy(saved, words, sizeof saved);
	for (uint32_t round = 0; round < 3000; round++) {
		struct fib_reader reader;

		memcpy(words, saved, sizeof saved);
		words[(random_next(&w->random) >> 32) % 32] = (uint32_t)(random_next(&w->random) >> 32);
		if (fib_attach(w->region, w->size, &reader))
			continue;
		w->reader = reader;
		if (round % 16 == 0)
			read_all(w);
	}
	world_free(w);
}
