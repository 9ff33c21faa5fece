/* A FIB that is filled in slices, with changes between them, beside the one in force, which has them one by
 * one. */
#include "tests/unit/control/rib_bed.h"

#include <criterion/criterion.h>

#define NAMES   12000u /* of them MANY of one 16 bits, more than one slice takes */
#define MANY    5000u
#define FILLS   40u
#define CHANGES 60u         /* between two slices, at the most */
#define ROUTER  0xcb007100u /* 203.0.113.0/24, which NOWHERE is in */

static uint32_t told[NAMES]; /* gateways; 0: nothing */

static struct rtnl_route route_of(uint32_t name, uint32_t gateway)
{
	struct rtnl_route r = route_to(NET(name * 7 % 60000), 0, gateway);

	if (name < MANY)
		r.to = fib_prefix4(be32_from_host(0x64000000u + name * 8), 30);
	return r;
}

static void change_one(uint64_t random, bool recursive)
{
	const uint32_t gateways[] = {IN(2), IN(3), OUT(2), THIRD(2), recursive ? NOWHERE : OUT(3)};
	uint32_t name = (uint32_t)(random >> 8) % NAMES,
	         gateway = gateways[(random >> 40) % ARRAY_LEN(gateways)];
	struct rtnl_route r = route_of(name, gateway);

	if ((random >> 32 & 3) == 0) {
		rib_del(rib, ZEBRA, &r.to, 0);
		told[name] = 0;
	} else {
		cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
		told[name] = gateway;
	}
}

/* By which those that have a gateway elsewhere lead. */
static void change_router(uint64_t random)
{
	struct rtnl_route r = route_to(ROUTER, 0, random & 2 ? IN(9) : OUT(9));

	if (random & 1)
		rib_del(rib, MAIN, &r.to, 0);
	else
		cr_assert_eq(rib_put(rib, MAIN, &r), 0);
}

static void change_some(uint64_t *state, bool recursive)
{
	uint64_t random = random_next(state);

	for (uint32_t i = (uint32_t)(random >> 8) % CHANGES; i > 0; i--)
		change_one(random_next(state), recursive);
	if (recursive && (random >> 32 & 7) == 0)
		change_router(random >> 40);
	if ((random >> 48 & 3) == 0)
		(void)rib_flush(rib);
	if ((random >> 52 & 7) == 0)
		whole_round(&whole);
}

static uint32_t gateway_in(const struct fib_reader *fib, const struct fib_route *route)
{
	return be32_to_host(fib_group(fib, route->group)->hop.gateway.w32[3]);
}

/* Whether both FIBs hold the same routes by the same ways. */
static void compare(void)
{
	const struct fib_reader *one = fib_reader_of(whole.publisher.fib[whole.publisher.number & 1]),
	                        *other = fib_reader_of(whole.publisher.fib[whole.publisher.making & 1]);
	struct fib_route a, b;
	bool more = fib_route_first(one, FIB_IPV4, &a), also = fib_route_first(other, FIB_IPV4, &b);

	while (more && also) {
		cr_assert(a.metric == b.metric && a.origin == b.origin &&
		          memcmp(&a.prefix, &b.prefix, sizeof a.prefix) == 0);
		cr_assert_eq(gateway_in(one, &a), gateway_in(other, &b));
		more = fib_route_next(one, &a);
		also = fib_route_next(other, &b);
	}
	cr_assert(!more && !also, "one has more routes than the other");
}

/* Where a name leads, 0: nowhere. */
static uint32_t leads_to(uint32_t slot, uint32_t name)
{
	const struct fib_reader *fib = fib_reader_of(whole.publisher.fib[slot]);
	struct rtnl_route r = route_of(name, IN(2));
	struct fib_route found;

	return fib_route_find(fib, &r.to, 0, &found) ? gateway_in(fib, &found) : 0;
}

/* The FIB in force is as it was told. */
static void judge(void)
{
	for (uint32_t n = 0; n < NAMES; n++)
		cr_assert_eq(leads_to(whole.publisher.number & 1, n), told[n] == THIRD(2) ? 0 : told[n],
		        "route %u", n);
}

/* What is in force as it was told last is in the other one too. */
static void judge_ready(void)
{
	for (uint32_t n = 0; n < NAMES; n++)
		if (told[n] && leads_to(whole.publisher.number & 1, n) == told[n])
			cr_assert_eq(leads_to(whole.publisher.making & 1, n), told[n], "route %u", n);
}

static uint32_t fill_with_changes(uint64_t *state, bool recursive)
{
	uint32_t slices = 0;
	int more;

	bed_make(false, 20000);
	cr_assert_eq(rib_fill_begin(rib), 0);
	while ((more = rib_fill(rib)) > 0) {
		change_some(state, recursive);
		cr_assert_lt(++slices, 1000, "it does not end");
	}
	cr_assert_eq(more, 0);
	return slices;
}

static void settle_and_offer(void)
{
	publish_offer(&whole.publisher);
	publish_in_force(&whole.publisher);
	cr_assert(whole_settle(&whole));
	bed_flush();
}

/* It may be ahead, by what was told and not flushed yet. */
Test(rib, filled_in_slices_has_what_is_in_force)
{
	uint64_t state = 3;
	uint32_t slices = 0;

	bed_configure(false, 20000);
	for (uint32_t i = 0; i < FILLS; i++) {
		for (uint32_t k = 0; k < 20; k++)
			change_some(&state, false);
		slices += fill_with_changes(&state, false);
		judge_ready();
		bed_flush();
		compare();
		settle_and_offer();
		judge();
	}
	cr_expect_gt(slices, FILLS * 4);
}

Test(rib, filled_in_slices_has_ways_by_other_routes)
{
	uint64_t state = 5;

	bed_configure(false, 20000);
	for (uint32_t i = 0; i < FILLS; i++) {
		for (uint32_t k = 0; k < 20; k++)
			change_some(&state, true);
		(void)fill_with_changes(&state, true);
		bed_flush();
		compare();
		settle_and_offer();
	}
}

/* What was withdrawn leaves nothing behind. */
Test(rib, leaves_nothing_behind_where_a_fill_is_withdrawn)
{
	uint64_t state = 7;

	bed_configure(false, 20000);
	for (uint32_t i = 0; i < FILLS; i++) {
		for (uint32_t k = 0; k < 20; k++)
			change_some(&state, false);
		bed_make(false, 20000);
		cr_assert_eq(rib_fill_begin(rib), 0);
		for (uint32_t k = i % 8; k > 0 && rib_fill(rib) > 0; k--)
			change_some(&state, false);
		publish_withdraw(&whole.publisher);
		rib_fill_end(rib);
		bed_flush();
		judge();
	}
}
