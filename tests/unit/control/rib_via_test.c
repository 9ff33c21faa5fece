/* Dynamic routes whose gateways are on no port's network. */
#include "tests/unit/control/rib_bed.h"

#include <criterion/criterion.h>

TestSuite(rib_via, .init = bed_setup, .fini = bed_teardown, .timeout = 250);

static struct rtnl_route leading_to(uint32_t net, uint8_t len, uint32_t metric, uint32_t gateway)
{
	struct rtnl_route r = route_to(net, metric, gateway);

	r.to.len = len;
	return r;
}

#define LOOPBACK 0x0aff0101u /* 10.255.1.1 */

/* A next hop that is on no port's network is where the best of the other routes leads, and follows it. */
Test(rib_via, finds_a_gateway_by_another_route)
{
	struct rtnl_route r = route_to(NET(1), 0, LOOPBACK), wide = leading_to(0x0aff0000, 16, 0, IN(2)),
	                  exact = leading_to(LOOPBACK, 32, 5, OUT(2)), all = leading_to(0, 0, 0, IN(9));
	uint32_t n;

	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	cr_assert_eq(rib_put(rib, ZEBRA, &all), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), 0, "not by the default route");
	cr_assert_eq(rib_put(rib, MAIN, &wide), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), IN(2));
	cr_assert_eq(rib_put(rib, ZEBRA, &exact), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), OUT(2));
	exact.hop[0].gateway = addr4(OUT(3));
	cr_assert_eq(rib_put(rib, ZEBRA, &exact), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), OUT(3));
	bed_configure(true, 1000);
	cr_expect_eq(bed_gateway_of(NET(1), &n), OUT(3), "from the first packet of an epoch on");
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), OUT(3));
	rib_del(rib, ZEBRA, &exact.to, 5);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), IN(2));
	rib_del(rib, MAIN, &wide.to, 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), 0);
}

/* What the kernel tells is on a link of the kernel's: if that is no port's, the route is none of ours. */
Test(rib_via, looks_for_no_gateway_of_an_interface)
{
	struct rtnl_route r = route_to(NET(1), 0, LOOPBACK), way = leading_to(LOOPBACK, 32, 0, OUT(2));
	uint32_t n;

	rib_fpm_interfaces(rib, true);
	r.hop[0].ifindex = 77;
	cr_assert_eq(rib_put(rib, ZEBRA, &way), 0);
	cr_assert_eq(rib_put(rib, MAIN, &r), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), 0);
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), 0, "zebra's are this machine's");
	rib_fpm_interfaces(rib, false);
	rib_refresh(rib);
	bed_flush();
	cr_expect_eq(bed_gateway_of(NET(1), &n), OUT(2));
}

/* Each of two leads by the other, and one by itself: none leads anywhere, until something else holds them. */
Test(rib_via, goes_round_in_no_circle)
{
	struct rtnl_route one = leading_to(NET(1), 24, 0, NET(2) + 1),
	                  two = leading_to(NET(2), 24, 0, NET(1) + 1),
	                  own = leading_to(NET(3), 24, 0, NET(3) + 1), wide = leading_to(NET(0), 8, 0, IN(2));
	uint32_t n;

	cr_assert_eq(rib_put(rib, ZEBRA, &one), 0);
	cr_assert_eq(rib_put(rib, ZEBRA, &two), 0);
	cr_assert_eq(rib_put(rib, ZEBRA, &own), 0);
	for (uint32_t i = 0; i < 2; i++) {
		bed_flush();
		for (uint32_t net = 1; net <= 3; net++)
			cr_expect_eq(bed_gateway_of(NET(net), &n), i ? IN(2) : 0);
		cr_assert_eq(rib_put(rib, ZEBRA, &wide), 0);
	}
}

/* A blackhole for a router is one for all that it leads to (RFC 5635, by destination). */
Test(rib_via, leads_to_nowhere_by_a_route_to_nowhere)
{
	struct rtnl_route r = route_to(NET(1), 0, LOOPBACK), hole = leading_to(LOOPBACK, 32, 0, 0);

	hole.type = RTN_BLACKHOLE;
	hole.n_hops = 0;
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	cr_assert_eq(rib_put(rib, ZEBRA, &hole), 0);
	bed_flush();
	cr_expect_eq(bed_group_of(NET(1))->type, FIB_BLACKHOLE);
}

static void expect_ways(uint32_t net, uint32_t n, const uint32_t (*want)[2])
{
	const struct fib_group *group = bed_group_of(net);
	const struct epoch *epoch = publisher_epoch(&whole.publisher);
	const struct fib_hop *hops;
	struct fib_reader fib;
	uint32_t there;

	cr_assert_eq(fib_attach(epoch->fib, epoch->fib_bytes, &fib), 0);
	hops = fib_group_hops(&fib, group, &there);
	cr_assert_eq(there, n);
	for (uint32_t i = 0; i < n; i++) {
		cr_expect_eq(be32_to_host(hops[i].gateway.w32[3]), want[i][0]);
		cr_expect_eq(hops[i].weight, want[i][1]);
	}
}

/* Weights multiply; what two gateways have in common counts for both; what is too much is scaled. */
Test(rib_via, shares_among_the_ways_to_its_gateways)
{
	struct rtnl_route r = route_to(NET(1), 0, LOOPBACK), one = leading_to(LOOPBACK, 32, 0, OUT(2)),
	                  two = leading_to(LOOPBACK + 1, 32, 0, OUT(2));

	r.n_hops = 2;
	r.hop[0].weight = 3;
	r.hop[1] = (struct rtnl_hop){.gateway = addr4(LOOPBACK + 1), .weight = 2};
	one.n_hops = 2;
	one.hop[0].weight = 2;
	one.hop[1] = (struct rtnl_hop){.gateway = addr4(OUT(3)), .weight = 1};
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	cr_assert_eq(rib_put(rib, ZEBRA, &one), 0);
	bed_flush();
	expect_ways(NET(1), 2, (const uint32_t[][2]){{OUT(2), 6}, {OUT(3), 3}});
	cr_assert_eq(rib_put(rib, ZEBRA, &two), 0);
	bed_flush();
	expect_ways(NET(1), 2, (const uint32_t[][2]){{OUT(2), 8}, {OUT(3), 3}});
	one.hop[0].weight = 256;
	cr_assert_eq(rib_put(rib, ZEBRA, &one), 0);
	bed_flush();
	expect_ways(NET(1), 2, (const uint32_t[][2]){{OUT(2), 256}, {OUT(3), 1}});
}

/* A route without a gateway over a port leads to routers on its link. */
Test(rib_via, finds_a_gateway_on_a_link)
{
	struct rtnl_link link = {.ifindex = 11, .name = "in"};
	struct rtnl_route r = route_to(NET(1), 0, LOOPBACK), way = leading_to(LOOPBACK, 32, 0, 0);

	way.hop[0] = (struct rtnl_hop){.ifindex = 11, .weight = 1};
	rib_link(rib, &link, false);
	cr_assert_eq(rib_put(rib, MAIN, &way), 0);
	cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	bed_flush();
	cr_expect_eq(bed_group_of(NET(1))->type, FIB_UNICAST);
	cr_expect_eq(bed_group_of(NET(1))->hop.flags, FIB_HOP_ONLINK);
	expect_ways(NET(1), 1, (const uint32_t[][2]){{LOOPBACK, 1}});
}

#define WAYS       4u /* of lengths 8, 16, 24, 32, around each of two loopbacks */
#define LEADING    40u
#define OPERATIONS 6000u

/* What each way to a loopback leads to, 0: it is not there; and by which loopback each route leads. */
struct ways {
	uint32_t to[2][WAYS];
	uint32_t by[LEADING];
};

static uint32_t loopback(uint32_t i)
{
	return i ? 0x0cff0101u : 0x0bff0101u;
}

static void change_ways(struct ways *w, uint64_t random)
{
	uint32_t i = random >> 8 & 1, k = (random >> 9) % WAYS, net = (uint32_t)(random >> 16) % LEADING;
	uint8_t len = (uint8_t)(8 * (k + 1));
	struct rtnl_route way = leading_to(loopback(i) & ~(uint32_t)((UINT64_C(1) << (32 - len)) - 1), len, 0,
	        OUT(2) + (random >> 32 & 7));
	struct rtnl_route r = route_to(NET(net), 0, loopback(i));

	switch (random >> 40 & 3) {
	case 0:
		cr_assert_eq(rib_put(rib, MAIN, &way), 0);
		w->to[i][k] = be32_to_host(way.hop[0].gateway.w32[3]);
		break;
	case 1:
		rib_del(rib, MAIN, &way.to, 0);
		w->to[i][k] = 0;
		break;
	default:
		cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
		w->by[net] = loopback(i);
		break;
	}
}

static void judge_ways(const struct ways *w)
{
	for (uint32_t net = 0; net < LEADING; net++) {
		uint32_t want = 0, n;

		for (uint32_t k = 0; w->by[net] && k < WAYS; k++)
			if (w->to[w->by[net] == loopback(1)][k])
				want = w->to[w->by[net] == loopback(1)][k];
		cr_assert_eq(bed_gateway_of(NET(net), &n), want, "route %u", net);
	}
}

Test(rib_via, leads_by_the_longest_of_the_routes_to_a_gateway)
{
	struct ways w = {0};
	uint64_t state = 7;

	for (uint32_t i = 0; i < OPERATIONS; i++) {
		change_ways(&w, random_next(&state));
		if (i % 307 == 0) {
			bed_configure(i / 307 % 2, 1000);
		}
		if (i % 13 == 0)
			whole_round(&whole);
		if (i % 7 == 0) {
			bed_flush();
			judge_ways(&w);
		}
	}
}

/* Gateways beyond what is looked for are held back until others are not asked for any more. */
Test(rib_via, looks_for_so_many_gateways)
{
	struct rtnl_route wide = leading_to(0x0b000000, 8, 0, IN(2));
	struct rib_counts counts;

	bed_configure(false, RIB_VIAS_MAX + 10);
	cr_assert_eq(rib_put(rib, MAIN, &wide), 0);
	for (uint32_t i = 0; i < RIB_VIAS_MAX + 5; i++) {
		struct rtnl_route r = route_to(NET(i + 1), 0, 0x0b000001u + i);

		cr_assert_eq(rib_put(rib, ZEBRA, &r), 0);
	}
	bed_flush();
	rib_counts(rib, ZEBRA, &counts);
	cr_expect_eq(counts.state[RIB_UNRESOLVED], 5);
	for (uint32_t i = 0; i < 4; i++)
		rib_del(rib, ZEBRA, &(struct fib_prefix){.addr = addr4(NET(i + 1)), .len = 24}, 0);
	rib_refresh(rib);
	bed_flush();
	rib_counts(rib, ZEBRA, &counts);
	cr_expect_eq(counts.state[RIB_UNRESOLVED], 1);
}
