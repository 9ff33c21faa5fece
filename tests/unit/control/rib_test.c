/* Dynamic routes in the FIBs of a real appliance, beside a naive keeper of the same. */
#include "tests/unit/control/rib_bed.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMES      24u
#define METRICS    3u
#define SOURCES    3u
#define OPERATIONS 6000u

TestSuite(rib, .init = bed_setup, .fini = bed_teardown, .timeout = 250);

static const uint32_t sources[SOURCES] = {MAIN, RIB_SOURCE(RIB_NETLINK, 1), ZEBRA};

/* What was told: gateways by source, name and metric; 0: nothing. */
struct told {
	uint32_t gateway;
	bool stale;
};

static struct told told[SOURCES][NAMES][METRICS];
static bool third;

static bool leads(uint32_t gateway)
{
	uint32_t net = gateway >> 8;

	return net == IN(0) >> 8 || net == OUT(0) >> 8 || (third && net == THIRD(0) >> 8);
}

static void judge(void)
{
	for (uint32_t n = 0; n < NAMES; n++)
		for (uint32_t m = 0; m < METRICS; m++) {
			const struct fib_group *group = NULL;
			struct fib_route found;
			bool there = bed_find(NET(n), m, &found, &group);
			uint32_t s = 0;

			if (n == 0 && m == 1) {
				cr_assert(there && found.origin == 0, "the configuration goes before");
				continue;
			}
			while (s < SOURCES && !(told[s][n][m].gateway && leads(told[s][n][m].gateway)))
				s++;
			cr_assert_eq(there, s < SOURCES, "route %u metric %u", n, m);
			if (!there)
				continue;
			cr_assert_eq(found.origin, sources[s]);
			cr_assert_eq(be32_to_host(group->hop.gateway.w32[3]), told[s][n][m].gateway);
		}
}

static void judge_counts(void)
{
	for (uint32_t s = 0; s < SOURCES; s++) {
		struct rib_counts counts;
		uint32_t n = 0, stale = 0, all = 0;

		rib_counts(rib, sources[s], &counts);
		for (uint32_t k = 0; k < NAMES * METRICS; k++) {
			n += (&told[s][0][0])[k].gateway != 0;
			stale += (&told[s][0][0])[k].stale;
		}
		for (uint32_t k = 0; k < RIB_STATES; k++)
			all += counts.state[k];
		cr_assert_eq(all, n);
		cr_assert_eq(counts.stale, stale);
		cr_assert_eq(counts.state[RIB_NEW], 0);
	}
}

static void one_route(uint64_t random, uint32_t s)
{
	const uint32_t gateways[] = {IN(2), IN(3), OUT(2), THIRD(2), NOWHERE};
	uint32_t n = (uint32_t)(random >> 8) % NAMES, m = (uint32_t)(random >> 16) % METRICS;
	struct rtnl_route r = route_to(NET(n), m, gateways[(random >> 24) % ARRAY_LEN(gateways)]);
	struct told *t = &told[s][n][m];

	if (random >> 40 & 1) {
		cr_assert_eq(rib_put(rib, sources[s], &r), 0);
		*t = (struct told){be32_to_host(r.hop[0].gateway.w32[3]), false};
	} else {
		rib_del(rib, sources[s], &r.to, m);
		*t = (struct told){0};
	}
}

static void mark_or_sweep(enum rib_feed feed, bool sweep)
{
	for (uint32_t k = 0; k < SOURCES * NAMES * METRICS; k++) {
		struct told *t = &told[0][0][0] + k;

		if (k / (NAMES * METRICS) / 2 != feed) /* two are the kernel's */
			continue;
		if (sweep && t->stale)
			*t = (struct told){0};
		else if (!sweep)
			t->stale = t->gateway;
	}
	if (sweep)
		rib_sweep(rib, feed);
	else
		rib_mark(rib, feed);
}

Test(rib, is_as_a_naive_keeper_has_it)
{
	uint64_t state = 42;

	for (uint32_t i = 0; i < OPERATIONS; i++) {
		uint64_t random = random_next(&state);
		uint32_t s = (uint32_t)(random >> 48) % SOURCES;

		one_route(random, s);
		if (i % 97 == 0)
			mark_or_sweep(random >> 43 & 1 ? RIB_FPM : RIB_NETLINK, random >> 44 & 1);
		if (i % 211 == 0) {
			third = !third;
			bed_configure(third, 1000);
		}
		if (i % 13 == 0)
			whole_round(&whole);
		if (i % 29 == 0) {
			bed_flush();
			judge();
			judge_counts();
		}
	}
}

static char changes[256];

static void note_change(void *context, const struct rib_change *change)
{
	size_t len = strlen(changes);

	(void)context;
	snprintf(changes + len, sizeof changes - len, "%s %u;", change->what,
	        change->group ? be32_to_host(change->group->hops[0].gateway.w32[3]) & 0xff : 0);
}

static void expect_changes(const char *want)
{
	bed_flush();
	cr_expect_str_eq(changes, want);
	changes[0] = 0;
}

/* Of a name, not of a source: what another source takes over has changed, and only where it leads elsewhere.
 */
Test(rib, tells_of_each_change_of_the_newest_fib_once)
{
	struct rtnl_route r = route_to(NET(3), 5, IN(9)), nowhere = route_to(NET(4), 5, NOWHERE);

	bed_flush();
	rib_on_change(rib, note_change, NULL);
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	cr_assert_eq(rib_put(rib, ZEBRA, &nowhere), 0);
	expect_changes("added 9;");
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	expect_changes("");
	r.hop[0].gateway = addr4(IN(8));
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	expect_changes("changed 8;");
	r.hop[0].gateway = addr4(IN(7));
	cr_assert_eq(rib_put(rib, MAIN, &r), 0);
	expect_changes("changed 7;");
	rib_del(rib, ZEBRA, &r.to, 5);
	expect_changes("");
	rib_del(rib, MAIN, &r.to, 5);
	rib_del(rib, ZEBRA, &nowhere.to, 5);
	expect_changes("deleted 0;");
}

/* Both epochs' packets meet a route that comes while both are under way. */
Test(rib, reaches_every_live_fib)
{
	struct rtnl_route r = route_to(NET(3), 5, OUT(9));
	struct fib_reader fib;
	struct fib_route found;

	bed_configure(true, 1000); /* nobody has taken it up yet */
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	(void)!rib_flush(rib);
	for (uint32_t slot = 0; slot < 2; slot++) {
		const struct appliance *a = &whole.a;

		cr_assert_eq(fib_attach(a->map[REGION_FIB0 + slot], a->bytes[REGION_FIB0 + slot], &fib), 0);
		cr_expect(fib_route_find(&fib, &r.to, 5, &found), "slot %u", slot);
	}
}

Test(rib, is_bounded)
{
	struct rib_counts counts;

	bed_configure(false, 10);
	for (uint32_t i = 0; i < 20; i++) {
		struct rtnl_route r = route_to(NET(i), 0, IN(2));

		cr_expect_eq(rib_put(rib, ZEBRA, &r), i < 10 ? 0 : -ENOSPC);
	}
	bed_flush();
	rib_counts(rib, ZEBRA, &counts);
	cr_expect_eq(counts.state[RIB_IN_FORCE], 10);
	cr_expect_eq(counts.refused, 10);
	cr_expect_not(rib_lacks(rib, RIB_FPM), "there is no room");
	bed_configure(false, 20);
	cr_expect_not(rib_lacks(rib, RIB_NETLINK));
	cr_expect(rib_lacks(rib, RIB_FPM) && !rib_lacks(rib, RIB_FPM));
}

/* What a kernel makes by itself, and what is no unicast destination, is nobody's route here. */
Test(rib, ignores_what_is_not_to_be_routed)
{
	struct rtnl_route r = route_to(NET(1), 0, IN(2));
	struct rib_counts counts;

	r.protocol = RTPROT_KERNEL;
	cr_expect_eq(rib_put(rib, ZEBRA, &r), -EOPNOTSUPP);
	r.protocol = RTPROT_BGP;
	r.type = RTN_LOCAL;
	cr_expect_eq(rib_put(rib, ZEBRA, &r), -EOPNOTSUPP);
	r = route_to(0xe0000000u, 0, IN(2));
	cr_expect_eq(rib_put(rib, ZEBRA, &r), -EOPNOTSUPP);
	rib_counts(rib, ZEBRA, &counts);
	cr_expect_eq(counts.ignored, 3);
	cr_expect_eq(counts.state[RIB_NEW], 0);
}

static struct rtnl_nexthop nexthop(uint32_t id, uint32_t gateway)
{
	return (struct rtnl_nexthop){.id = id, .hop = {.gateway = addr4(gateway), .weight = 1}};
}

/* Next hops by number: changed under a route, in a group, and frozen when the numbers mean others. */
Test(rib, follows_next_hops_of_their_own)
{
	struct rtnl_nexthop one = nexthop(7, IN(2)), two = nexthop(8, OUT(2)),
	                    group = {.id = 9, .n_members = 2};
	struct rtnl_route r = route_to(NET(1), 0, 0);
	uint32_t n;

	r.n_hops = 0;
	r.nexthop = 7;
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), 0, "it is not known yet");
	cr_assert_eq(rib_nexthop_put(rib, RIB_FPM, &one), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), IN(2));
	one = nexthop(7, IN(3));
	cr_assert_eq(rib_nexthop_put(rib, RIB_FPM, &one), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), IN(3));
	cr_assert_eq(rib_nexthop_put(rib, RIB_FPM, &two), 0);
	group.member[0].id = 7;
	group.member[1].id = 8;
	group.member[0].weight = group.member[1].weight = 1;
	cr_assert_eq(rib_nexthop_put(rib, RIB_FPM, &group), 0);
	r.nexthop = 9;
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	bed_flush();
	cr_expect(bed_gateway_of(NET(1), &n) && n == 2);
	rib_freeze(rib, RIB_FPM);
	bed_flush();
	cr_expect(bed_gateway_of(NET(1), &n) && n == 2, "it keeps the ways that it had");
	cr_assert_eq(rib_nexthop_put(rib, RIB_NETLINK, &one), 0);
	r.nexthop = 7;
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), 0, "the kernel's number 7 is another");
}

/* A control that dies leaves the FIB; the next one has its routes again, stale, until they are told. */
Test(rib, inherits_what_a_predecessor_left)
{
	struct rtnl_route r = route_to(NET(2), 0, OUT(2)), other = route_to(NET(3), 0, IN(2));
	struct rib_counts counts;
	uint32_t n;

	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	cr_assert_eq(rib_put(rib, sources[1], &other), 0);
	bed_flush();
	rib_close(rib);
	cr_assert(whole_settle(&whole));
	publisher_end(&whole.publisher);
	cr_assert_eq(publisher_resume(&whole.publisher, &whole.a), 0);
	cr_assert_eq(rib_open(&rib, &whole.publisher, 2), 0);
	rib_inherit(rib);
	while (rib_inherits(rib))
		cr_expect_neq(rib_flush(rib), 0);
	cr_expect_eq(rib_flush(rib), -1, "there is no writer yet");
	bed_configure(false, 1000);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(2), &n), OUT(2));
	cr_expect_eq(bed_gateway_of(NET(3), &n), IN(2));
	rib_counts(rib, ZEBRA, &counts);
	cr_expect_eq(counts.stale, 1);
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	rib_sweep(rib, RIB_FPM);
	rib_sweep(rib, RIB_NETLINK);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(2), &n), OUT(2));
	cr_expect_eq(bed_gateway_of(NET(3), &n), 0);
}

/* Interfaces: a route without a gateway, over one that a port has taken. */
Test(rib, leads_over_interfaces_that_ports_have)
{
	struct rtnl_link link = {.ifindex = 11, .name = "in"};
	struct rtnl_route r = route_to(NET(4), 0, 0);
	const struct fib_group *group = NULL;
	struct fib_route found;

	r.hop[0] = (struct rtnl_hop){.ifindex = 11, .weight = 1};
	cr_assert_eq(rib_put(rib, MAIN, &r), 0);
	bed_flush();
	cr_expect_not(bed_find(NET(4), 0, &found, &group));
	rib_link(rib, &link, false);
	bed_flush();
	cr_expect(bed_find(NET(4), 0, &found, &group) && group->type == FIB_CONNECTED);
	rib_link(rib, &link, true);
	bed_flush();
	cr_expect_not(bed_find(NET(4), 0, &found, &group));
}
