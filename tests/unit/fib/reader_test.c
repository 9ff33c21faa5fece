/* A reader looks up while a writer changes: what it sees is the old or the new.
 *
 * Prefixes of every kind switch between two groups each, or come and go above a covering one; an address
 * under one of them has one of its own two results at every moment and never another prefix's or none.  The
 * reader passes its quiescent point after each burst, and the writer reclaims only what it has passed, so
 * that a piece that is used again too early shows as a foreign result.
 */
#include "tests/unit/fib/world.h"

#include <criterion/criterion.h>
#include <pthread.h>

#define PREFIXES 12u
#define CHANGES  6000u
#define BURST    96u

struct race {
	struct world *w;
	struct fib_prefix prefix[2 * PREFIXES]; /* IPv4, then IPv6 */
	bool vector;
	uint64_t passed; /* bursts that the reader has ended */
	bool stop;
	uint32_t wrong;
	uint64_t looked;
};

/* Under prefix i: group 2i or 2i + 1; the covers of both families are the last two groups. */
static bool allowed(const struct race *r, uint32_t i, uint32_t group)
{
	uint32_t cover = r->w->group[WORLD_GROUPS - 1];
	uint32_t base = i % PREFIXES * 2;

	return group == r->w->group[base] || group == r->w->group[base + 1] || (i % 3 == 2 && group == cover);
}

static struct ip6_addr addr_in(const struct fib_prefix *prefix, uint64_t *random)
{
	struct ip6_addr addr = prefix->addr;
	unsigned bits = prefix->len + (prefix->family == FIB_IPV4 ? 96 : 0);

	for (unsigned b = bits / 8; b < 16; b++)
		addr.b[b] |= (uint8_t)((random_next(random) >> 56) &
		                       (b == bits / 8 ? 0xffu >> bits % 8 : 0xff));
	return addr;
}

static void *read_on(void *arg)
{
	struct race *r = arg;
	struct fib_reader reader = r->w->reader;
	uint64_t random = 99;

	reader.vector = r->vector && reader.vector;
	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		uint32_t four[BURST], group[2][BURST], which[BURST];
		struct ip6_addr six[BURST];

		for (uint32_t i = 0; i < BURST; i++) {
			which[i] = (uint32_t)(random_next(&random) >> 32) % PREFIXES;
			four[i] = be32_to_host(addr_in(&r->prefix[which[i]], &random).w32[3]);
			six[i] = addr_in(&r->prefix[PREFIXES + which[i]], &random);
		}
		fib4_lookup_bulk(&reader, four, group[0], BURST);
		fib6_lookup_bulk(&reader, six, group[1], BURST);
		for (uint32_t i = 0; i < BURST; i++) {
			struct fib_route route;

			r->wrong += !allowed(r, which[i], group[0][i]);
			r->wrong += !allowed(r, which[i], group[1][i]);
			r->wrong += !fib_route_get(&reader, FIB_IPV6, &six[i], &route) ||
			            !allowed(r, which[i], route.group);
		}
		r->looked += BURST;
		__atomic_fetch_add(&r->passed, 1, __ATOMIC_ACQ_REL); /* pairs with reclaim_passed */
	}
	return NULL;
}

/* What was retired up to a number is reclaimed once the reader has ended the burst that it was in then. */
static void reclaim_passed(struct race *r, uint64_t *mark, uint64_t *burst)
{
	uint64_t passed = __atomic_load_n(&r->passed, __ATOMIC_ACQUIRE);

	if (*mark && passed < *burst + 2)
		return;
	if (*mark)
		fib_reclaim(r->w->fib, *mark);
	*mark = fib_retired(r->w->fib);
	*burst = passed;
}

static void prefixes_make(struct race *r)
{
	static const uint8_t len4[PREFIXES] = {8, 12, 16, 18, 20, 24, 25, 28, 30, 32, 32, 23};
	static const uint8_t len6[PREFIXES] = {12, 16, 20, 24, 32, 40, 48, 56, 64, 96, 127, 128};

	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip6_addr six = {.b = {(uint8_t)(0x20 + i), (uint8_t)(i << 4)}};

		r->prefix[i] = fib_prefix4(be32_from_host((0x10 + i) << 24), len4[i]);
		r->prefix[PREFIXES + i] = fib_prefix6(six, len6[i]);
		r->prefix[PREFIXES + i].addr.b[1] &= (uint8_t)(len6[i] < 16 ? 0xf0 : 0xff);
	}
}

static void change(struct race *r, uint32_t step)
{
	uint32_t i = (uint32_t)(random_next(&r->w->random) >> 32) % (2 * PREFIXES);
	struct fib_route route = {.prefix = r->prefix[i],
	        .group = r->w->group[i % PREFIXES * 2 + (random_next(&r->w->random) >> 63)]};
	int error;

	/* One prefix in three comes and goes; the others only change. */
	if (i % PREFIXES % 3 == 2 && step % 2)
		error = fib_route_del(r->w->fib, &route.prefix, 0);
	else
		error = fib_route_replace(r->w->fib, &route);
	cr_assert(error == 0 || error == -ENOENT || error == -ENOSPC);
}

static void race(bool vector)
{
	static const struct fib_limits few = {.routes4 = 1000, .routes6 = 1000, .groups = 64, .hops = 64};
	struct race r = {.w = world_new(&few, 7), .vector = vector};
	uint64_t mark = 0, burst = 0;
	pthread_t thread;

	prefixes_make(&r);
	for (uint32_t f = 0; f < 2; f++) {
		struct fib_prefix all = {.family = (uint8_t)f};

		all.addr = f ? all.addr : ip6_addr_mapped((struct be32){0});
		cr_assert_eq(fib_route_add(r.w->fib, &(struct fib_route){.prefix = all,
		                                             .group = r.w->group[WORLD_GROUPS - 1]}),
		        0);
	}
	for (uint32_t i = 0; i < 2 * PREFIXES; i++)
		cr_assert_eq(fib_route_add(r.w->fib, &(struct fib_route){.prefix = r.prefix[i],
		                                             .group = r.w->group[i % PREFIXES * 2]}),
		        0);
	cr_assert_eq(pthread_create(&thread, NULL, read_on, &r), 0);
	for (uint32_t step = 0; step < CHANGES; step++) {
		change(&r, step);
		reclaim_passed(&r, &mark, &burst);
	}
	while (__atomic_load_n(&r.passed, __ATOMIC_ACQUIRE) < 10)
		change(&r, 0);
	__atomic_store_n(&r.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	cr_assert_eq(r.wrong, 0);
	cr_assert_gt(r.looked, 0);
	world_free(r.w);
}

Test(fib_reader, sees_the_old_or_the_new_while_a_writer_changes)
{
	race(false);
}

Test(fib_reader, sees_the_old_or_the_new_with_wide_instructions)
{
	race(true);
}
