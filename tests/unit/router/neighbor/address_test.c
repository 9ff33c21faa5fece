/* Our addresses: duplicate address detection (RFC 4862 5.4) and announcements (RFC 5227 2.3, RFC 4861 7.2.6).
 */
#include <criterion/criterion.h>

#include "common/wire/arp.h"
#include "common/wire/nd.h"
#include "tests/unit/router/neighbor/setup.h"

static struct setup s;
static struct ip6_addr addr;

/* One address with detection, on port 0: 2001:db8::1 as in the setup. */
static void begin(uint8_t transmits, uint8_t announcements)
{
	setup_init(&s);
	s.cut = true;
	addr = s.region->address[2].addr;
	s.region->address[2].flags = 0;
	s.region->port[0].dad_transmits = transmits;
	s.region->port[0].gratuitous_arp = announcements;
	setup_publish(&s);
	setup_adopt(&s, T0);
}

static bool tentative(void)
{
	return neighbor_address_tentative(&s.n.table, P0, &addr);
}

/* Probes from the unspecified address. */
static uint32_t probes(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; (i = setup_find_icmp6(&s, i, ICMP6_TYPE_NEIGHBOR_SOLICIT)) != UINT32_MAX; i++) {
		const struct ipv6_hdr *ip = (const void *)(s.sent[i].frame + ETHER_HDR_LEN);

		cr_assert(ip6_is_unspecified(&ip->src));
		cr_assert(ip6_is_solicited_node(&ip->dst));
		n++;
	}
	return n;
}

static void until_probed(nanos_t *now)
{
	while (probes() == 0) {
		*now = MAX(*now, neighbor_next_timer(&s.n));
		cr_assert_leq(*now, T0 + SEC + MS);
		setup_until(&s, *now);
	}
}

Test(dad, an_address_is_tentative_until_nobody_has_answered)
{
	nanos_t now = T0;

	begin(2, 0);
	cr_assert(tentative());
	until_probed(&now);
	setup_until(&s, now + 2 * SEC - MS);
	cr_assert(tentative());
	cr_assert_eq(probes(), 2);
	setup_until(&s, now + 2 * SEC);
	cr_assert_not(tentative());
	setup_until(&s, now + 100 * SEC);
	cr_assert_eq(probes(), 2);
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_DAD_FAILED), 0);
	setup_free(&s);
}

static void other_probes(nanos_t now)
{
	struct ip6_addr group = ip6_solicited_node(&addr);

	setup_ns(&s, now, P0, &IP6_UNSPECIFIED, &group, &addr, NULL);
}

static void expect_duplicate(nanos_t now)
{
	struct ip6_addr them = host6(9), group = ip6_solicited_node(&addr);
	struct mac_addr m = mac(9);

	cr_assert(tentative());
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_DAD_FAILED), 1);
	setup_until(&s, now + 100 * SEC);
	cr_assert(tentative(), "it stays so");
	setup_forget(&s);
	cr_assert_eq(
	        setup_ns(&s, now + 100 * SEC, P0, &them, &group, &addr, &m).reason, DROP_IPV6_NDISC_IGNORED);
	other_probes(now + 100 * SEC);
	cr_assert_eq(s.n_sent, 0, "it is not answered for");
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_DAD_FAILED), 1);
	setup_free(&s);
}

Test(dad, another_that_probes_the_same_address_makes_it_a_duplicate)
{
	nanos_t now = T0;

	begin(1, 0);
	until_probed(&now);
	other_probes(now + 500 * MS);
	expect_duplicate(now + 500 * MS);
}

/* A bridge may hand back to us what we send to a group (hairpin). */
Test(dad, our_own_probe_makes_no_duplicate)
{
	nanos_t now = T0;
	uint32_t i;
	struct sent own;

	begin(1, 0);
	until_probed(&now);
	i = setup_find_icmp6(&s, 0, ICMP6_TYPE_NEIGHBOR_SOLICIT);
	cr_assert_neq(i, UINT32_MAX);
	own = s.sent[i];
	cr_assert_eq(setup_input(&s, now, SETUP_ND, P0, PKT_MULTICAST, own.frame, own.len,
	                     ETHER_HDR_LEN + IPV6_HDR_LEN)
	                     .kind,
	        VERDICT_DELIVERED);
	setup_until(&s, now + SEC);
	cr_assert_not(tentative());
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_DAD_FAILED), 0);
	setup_free(&s);
}

Test(dad, another_that_defends_the_address_makes_it_a_duplicate)
{
	struct ip6_addr them = host6(9);
	struct mac_addr m = mac(9);
	nanos_t now = T0;

	begin(1, 3);
	until_probed(&now);
	cr_assert_eq(setup_na(&s, now, P0, &them, &IP6_ALL_NODES, &addr, &m, ND_NA_OVERRIDE).kind,
	        VERDICT_DELIVERED);
	expect_duplicate(now);
}

Test(dad, our_address_is_defended_against_who_probes_it)
{
	const struct ipv6_hdr *ip;
	uint32_t i;

	begin(1, 0);
	setup_until(&s, T0 + 10 * SEC);
	setup_forget(&s);
	other_probes(T0 + 10 * SEC);
	i = setup_find_icmp6(&s, 0, ICMP6_TYPE_NEIGHBOR_ADVERT);
	cr_assert_neq(i, UINT32_MAX);
	ip = (const void *)(s.sent[i].frame + ETHER_HDR_LEN);
	cr_assert(ip6_addr_equal(&ip->dst, &IP6_ALL_NODES) && ip6_addr_equal(&ip->src, &addr));
	cr_assert_eq(s.sent[i].frame[ETHER_HDR_LEN + IPV6_HDR_LEN + 4], ND_NA_OVERRIDE | ND_NA_ROUTER);
	cr_assert_not(tentative());
	setup_free(&s);
}

Test(dad, a_tentative_address_is_not_spoken_from_nor_answered_for)
{
	struct ip6_addr them = host6(9), group;
	struct mac_addr m = mac(9);

	setup_init(&s);
	addr = s.region->address[2].addr;
	group = ip6_solicited_node(&addr);
	s.region->address[1].flags = s.region->address[2].flags = 0; /* link-local and global */
	setup_publish(&s);
	setup_adopt(&s, T0);
	cr_assert_null(nd_source(&s.n.table, &s.epoch, P0));
	cr_assert_eq(setup_ns(&s, T0, P0, &them, &group, &addr, &m).reason, DROP_IPV6_NDISC_IGNORED);
	setup_until(&s, T0 + 10 * SEC);
	cr_assert(ip6_is_link_local(nd_source(&s.n.table, &s.epoch, P0)));
	setup_free(&s);
}

Test(dad, none_where_it_is_not_wanted)
{
	begin(0, 0);
	cr_assert_not(tentative());
	setup_until(&s, T0 + 10 * SEC);
	cr_assert_eq(probes(), 0);
	setup_free(&s);
}

/* Gratuitous ARP requests and unsolicited advertisements so far. */
static uint32_t announcements(bool v6)
{
	uint32_t n = 0;

	if (v6) {
		for (uint32_t i = 0; (i = setup_find_icmp6(&s, i, ICMP6_TYPE_NEIGHBOR_ADVERT)) != UINT32_MAX;
		        i++)
			n += ip6_addr_equal((const void *)(s.sent[i].frame + ETHER_HDR_LEN + 8), &addr);
		return n;
	}
	for (uint32_t i = 0; (i = setup_find_arp(&s, i, ARP_OP_REQUEST)) != UINT32_MAX; i++) {
		const struct arp_hdr *h = (const void *)(s.sent[i].frame + ETHER_HDR_LEN);

		cr_assert_eq(h->sender_ip.raw, h->target_ip.raw);
		cr_assert(mac_is_broadcast((const void *)s.sent[i].frame));
		n++;
	}
	return n;
}

Test(announcements, are_sent_as_often_as_configured_once_an_address_is_ours)
{
	begin(1, 3);
	setup_until(&s, T0 + 1);
	cr_assert_eq(announcements(false), 1);
	cr_assert_eq(announcements(true), 0, "not while it is tentative");
	setup_until(&s, T0 + 60 * SEC);
	cr_assert_eq(announcements(false), 3);
	cr_assert_eq(announcements(true), 3);
	setup_publish(&s);
	setup_adopt(&s, T0 + 60 * SEC);
	setup_until(&s, T0 + 90 * SEC);
	cr_assert_eq(announcements(false), 3, "an address that stays is not announced again");
	setup_free(&s);
}

Test(announcements, and_detection_begin_anew_when_a_port_comes_up)
{
	begin(1, 1);
	setup_until(&s, T0 + 60 * SEC);
	s.region->port[0].flags &= (uint16_t)~EPOCH_PORT_UP;
	setup_publish(&s);
	setup_adopt(&s, T0 + 60 * SEC);
	setup_forget(&s);
	s.region->port[0].flags |= EPOCH_PORT_UP;
	setup_publish(&s);
	setup_adopt(&s, T0 + 70 * SEC);
	cr_assert(tentative());
	setup_until(&s, T0 + 90 * SEC);
	cr_assert_eq(announcements(false), 1);
	cr_assert_eq(probes(), 1);
	setup_free(&s);
}

Test(addresses, that_are_gone_are_forgotten_with_their_timers)
{
	begin(3, 3);
	cr_assert(tentative());
	cr_assert_eq(s.n.header->addresses, 5);
	s.region->h.addresses.count = 2;
	s.region->port[0].addresses.count = 2;
	s.region->port[1].addresses.count = 0;
	setup_publish(&s);
	setup_adopt(&s, T0 + 100 * MS);
	cr_assert_eq(s.n.header->addresses, 2);
	cr_assert_eq(s.n.header->unusable, 0);
	setup_forget(&s);
	setup_until(&s, T0 + 90 * SEC);
	cr_assert_eq(probes(), 0);
	setup_free(&s);
}

/* A live port is opened after the epoch that names it was adopted. */
Test(addresses, are_probed_and_announced_once_their_port_is_open)
{
	begin(2, 1);
	s.link_waits = true;
	setup_until(&s, T0 + 60 * SEC);
	cr_assert_eq(probes(), 0);
	cr_assert_eq(announcements(false), 0);
	cr_assert(tentative(), "nobody was asked");
	s.link_waits = false;
	setup_until(&s, T0 + 60 * SEC + NEIGHBOR_LINK_LOOK);
	cr_assert_eq(probes(), 1);
	setup_until(&s, T0 + 90 * SEC);
	cr_assert_eq(probes(), 2);
	cr_assert_eq(announcements(false), 1);
	cr_assert_not(tentative());
	setup_free(&s);
}

Test(addresses, a_port_that_goes_down_while_one_is_probed)
{
	begin(3, 0);
	s.region->port[0].flags &= (uint16_t)~EPOCH_PORT_UP;
	setup_until(&s, T0 + 90 * SEC);
	cr_assert_eq(probes(), 0);
	cr_assert_not(tentative());
	setup_free(&s);
}

Test(addresses, beyond_the_tables_room_are_taken_as_ours)
{
	static struct epoch_address many[NEIGHBOR_ADDRESSES + 10];
	struct epoch wide;

	begin(1, 0);
	wide = s.epoch;
	for (uint32_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct epoch_address){
		        .addr = host6(1000 + i), .family = 6, .prefix_len = 64, .port = P1};
	wide.addresses = many;
	wide.n_addresses = ARRAY_LEN(many);
	wide.number++;
	s.epoch = wide;
	s.cut = false;
	setup_adopt(&s, T0);
	/* Those of the epoch before stood in the table still when these came. */
	cr_assert_eq(s.n.header->addresses, NEIGHBOR_ADDRESSES - 5);
	cr_assert(neighbor_address_tentative(&s.n.table, P1, &many[0].addr));
	cr_assert_not(neighbor_address_tentative(&s.n.table, P1, &many[ARRAY_LEN(many) - 1].addr));
	setup_free(&s);
}
