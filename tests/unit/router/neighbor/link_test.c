/* Links that are lost and come back (Linux neigh_carrier_down, arp_notify, addrconf_notify): port 0's; port
 * 1's lasts. */
#include <criterion/criterion.h>

#include "common/wire/arp.h"
#include "common/wire/nd.h"
#include "tests/unit/router/neighbor/setup.h"

#define NOW (T0 + 10 * SEC)

static struct setup s;
static struct ip6_addr us4, us6;

static void begin(uint8_t transmits, uint8_t announcements)
{
	setup_init(&s);
	s.cut = true;
	us4 = s.region->address[0].addr;
	us6 = s.region->address[2].addr;
	s.region->address[2].flags = 0;
	s.region->port[0].dad_transmits = transmits;
	s.region->port[0].gratuitous_arp = announcements;
	setup_publish(&s);
	setup_adopt(&s, T0);
	setup_link(&s, P0, 1, 0, true);
	setup_link(&s, P1, 2, 0, true);
	setup_until(&s, NOW);
	setup_forget(&s);
}

static struct ip6_addr host4(uint32_t i)
{
	return mapped(0x0a000000 + i);
}

/* A neighbor says its MAC, and is answered. */
static void meet4(nanos_t now, uint32_t i, uint32_t m)
{
	struct verdict v = setup_arp(&s, now, P0, PKT_BROADCAST, ARP_OP_REQUEST, mac(m), v4(0x0a000000 + i),
	        (struct mac_addr){{0}}, us4.w32[3]);

	cr_assert_eq(v.kind, VERDICT_DELIVERED);
}

static void meet6(nanos_t now, struct port_id port, uint32_t i, uint32_t m)
{
	struct ip6_addr them = host6(i), own = port.v ? s.region->address[4].addr : us6,
	                group = ip6_solicited_node(&own);
	struct mac_addr its = mac(m);

	cr_assert_eq(setup_ns(&s, now, port, &them, &group, &own, &its).kind, VERDICT_DELIVERED);
}

static bool goes_to(nanos_t now, const struct ip6_addr *to, uint32_t m)
{
	struct mac_addr got, want = mac(m);
	struct verdict v = setup_send(&s, now, P0, to, 1);

	got = setup_mac(&s, P0, to);
	return v.kind == VERDICT_PASS && mac_equal(&got, &want);
}

Test(link, takes_what_was_learnt_behind_it_along_when_it_is_lost)
{
	struct ip6_addr four = host4(9), six = host6(9), other = host6(8), none = host4(77);

	begin(1, 0);
	meet4(NOW, 9, 100);
	meet6(NOW, P0, 9, 100);
	meet6(NOW, P1, 8, 200);
	setup_send(&s, NOW, P0, &none, 1);
	setup_send(&s, NOW, P0, &none, 2);
	cr_assert_eq(setup_state(&s, P0, &none), NUD_INCOMPLETE);
	setup_forget(&s);

	setup_link(&s, P0, 1, 1, false);
	cr_assert_eq(neighbor_next_timer(&s.n), 0, "it has to be looked at");
	setup_until(&s, NOW);
	cr_assert_eq(setup_state(&s, P0, &four), NUD_NONE);
	cr_assert_eq(setup_state(&s, P0, &six), NUD_NONE);
	cr_assert_eq(setup_state(&s, P0, &none), NUD_NONE);
	cr_assert_eq(setup_count(&s, VERDICT_DROP, DROP_NEIGH_DEAD), 2, "what waited is dropped");
	cr_assert_neq(setup_state(&s, P1, &other), NUD_NONE, "the other port's link lasts");
	cr_assert_gt(neighbor_next_timer(&s.n), NOW);
	setup_free(&s);
}

Test(link, leaves_the_neighbors_that_are_given)
{
	struct ip6_addr given = host4(50);
	struct verdict v;

	begin(0, 0);
	s.region->neighbor[0] = (struct epoch_neighbor){.addr = given, .port = P0, .mac = mac(50)};
	s.region->h.neighbors.count = 1;
	setup_publish(&s);
	setup_adopt(&s, NOW);
	setup_link(&s, P0, 1, 1, true);
	setup_until(&s, NOW);
	v = setup_send(&s, NOW, P0, &given, 1);
	cr_assert_eq(v.kind, VERDICT_PASS);
	setup_free(&s);
}

/* Lost and back before anybody looked: the number of losses tells. */
Test(link, brings_back_a_peer_with_another_mac)
{
	struct ip6_addr four = host4(9), six = host6(9);

	begin(0, 0);
	meet4(NOW, 9, 100);
	meet6(NOW, P0, 9, 100);
	cr_assert(goes_to(NOW, &four, 100));
	cr_assert(goes_to(NOW, &six, 100));
	setup_link(&s, P0, 1, 1, true);
	setup_until(&s, NOW);
	setup_forget(&s);
	cr_assert_eq(setup_send(&s, NOW, P0, &four, 1).kind, VERDICT_HELD);
	cr_assert_neq(setup_find_arp(&s, 0, ARP_OP_REQUEST), UINT32_MAX);
	cr_assert_eq(setup_send(&s, NOW, P0, &six, 1).kind, VERDICT_HELD);
	cr_assert_neq(setup_find_icmp6(&s, 0, ICMP6_TYPE_NEIGHBOR_SOLICIT), UINT32_MAX);
	meet4(NOW + MS, 9, 101);
	meet6(NOW + MS, P0, 9, 101);
	cr_assert(goes_to(NOW + MS, &four, 101));
	cr_assert(goes_to(NOW + MS, &six, 101));
	setup_free(&s);
}

Test(link, that_is_told_of_for_the_first_time_was_not_lost)
{
	struct ip6_addr four = host4(9);

	setup_init(&s);
	us4 = s.region->address[0].addr;
	setup_adopt(&s, T0);
	meet4(T0, 9, 100);
	setup_link(&s, P0, 7, 3, true);
	setup_until(&s, T0);
	cr_assert_neq(setup_state(&s, P0, &four), NUD_NONE);
	setup_free(&s);
}

/* Its question was lost while there was no link: the next would come a second later. */
Test(link, that_is_back_asks_again_for_whom_packets_wait)
{
	struct ip6_addr four = host4(9);

	begin(0, 0);
	setup_link(&s, P0, 1, 1, false);
	setup_until(&s, NOW);
	cr_assert_eq(setup_send(&s, NOW, P0, &four, 1).kind, VERDICT_HELD);
	setup_forget(&s);
	setup_link(&s, P0, 1, 1, true);
	setup_until(&s, NOW + 100 * MS);
	cr_assert_neq(setup_find_arp(&s, 0, ARP_OP_REQUEST), UINT32_MAX);
	cr_assert_eq(
	        setup_state(&s, P0, &four), NUD_INCOMPLETE, "it was asked for after the loss, and stays");
	setup_free(&s);
}

static void one_timer(struct setup *setup, nanos_t now, const void *arg)
{
	(void)arg;
	neighbor_timer(&setup->n, &setup->epoch, now, &setup->f.burst);
}

/* As many as there is room for, on both ports. */
static uint32_t fill_table(void)
{
	uint32_t most = s.epoch.header->limits.neigh_gc_thresh3, i = 0;

	s.cut = false;
	s.unchecked = true; /* that is for the end: the table is large */
	for (; i < most; i++) {
		meet6(NOW, i % 2 ? P1 : P0, 1000 + i, i);
		setup_forget(&s);
	}
	return most;
}

static uint32_t met(struct port_id port, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < most; i++) {
		struct ip6_addr a = host6(1000 + i);

		n += setup_state(&s, port, &a) != NUD_NONE;
	}
	return n;
}

Test(link, is_followed_in_parts_and_what_is_learnt_meanwhile_stays)
{
	struct ip6_addr new = host6(9);
	uint32_t most, bursts = 0, before;

	begin(0, 0);
	most = fill_table();
	before = met(P0, most);
	cr_assert_gt(before, 500, "of %u", most);
	setup_link(&s, P0, 1, 1, true);
	setup_burst(&s, NOW, INPUT_TIMER, one_timer, NULL);
	cr_assert_gt(met(P0, most), 0, "not all at once");
	meet6(NOW, P0, 9, 900);
	/* The process dies here, and the next goes on. */
	neighbor_attach(&s.n, s.f.state, &s.f.params, &(struct neighbor_hooks){.ctx = &s, .links = &s.links});
	for (; neighbor_next_timer(&s.n) == 0; bursts++)
		setup_burst(&s, NOW, INPUT_TIMER, one_timer, NULL);
	setup_check(&s);
	cr_assert_gt(bursts, 2);
	cr_assert_eq(met(P0, most), 0);
	cr_assert_eq(met(P1, most), most / 2);
	cr_assert_neq(setup_state(&s, P0, &new), NUD_NONE);
	setup_free(&s);
}

/* --- announcements --- */

static uint32_t announced4(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; (i = setup_find_arp(&s, i, ARP_OP_REQUEST)) != UINT32_MAX; i++) {
		const struct arp_hdr *h = (const void *)(s.sent[i].frame + ETHER_HDR_LEN);

		n += h->sender_ip.raw == h->target_ip.raw;
	}
	return n;
}

static uint32_t announced6(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; (i = setup_find_icmp6(&s, i, ICMP6_TYPE_NEIGHBOR_ADVERT)) != UINT32_MAX; i++)
		n += ip6_addr_equal((const void *)(s.sent[i].frame + ETHER_HDR_LEN + 8), &us6);
	return n;
}

static uint32_t probed(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; (i = setup_find_icmp6(&s, i, ICMP6_TYPE_NEIGHBOR_SOLICIT)) != UINT32_MAX; i++)
		n += ip6_is_unspecified((const void *)(s.sent[i].frame + ETHER_HDR_LEN + 8));
	return n;
}

Test(link, that_is_back_hears_our_addresses_again)
{
	begin(1, 2);
	setup_link(&s, P0, 1, 1, false);
	setup_until(&s, NOW + 5 * SEC);
	cr_assert_eq(announced4() + announced6() + probed(), 0);
	setup_link(&s, P0, 1, 1, true);
	setup_until(&s, NOW + 5 * SEC);
	cr_assert_eq(announced4(), 1, "at once");
	cr_assert_eq(announced6(), 1);
	setup_until(&s, NOW + 60 * SEC);
	cr_assert_eq(announced4(), 2, "as often as configured");
	cr_assert_eq(announced6(), 2);
	cr_assert_eq(probed(), 0, "it was ours, and is (Linux addrconf_notify)");
	cr_assert_not(neighbor_address_tentative(&s.n.table, P0, &us6));
	setup_free(&s);
}

Test(link, of_another_interface_has_our_addresses_probed_first)
{
	begin(1, 1);
	setup_link(&s, P0, 1, 0, false);
	setup_until(&s, NOW);
	setup_link(&s, P0, 5, 0, true);
	setup_until(&s, NOW);
	cr_assert(neighbor_address_tentative(&s.n.table, P0, &us6));
	cr_assert_eq(announced6(), 0);
	setup_until(&s, NOW + 60 * SEC);
	cr_assert_eq(probed(), 1);
	cr_assert_eq(announced4(), 1);
	cr_assert_eq(announced6(), 1);
	setup_free(&s);
}

Test(link, that_was_lost_while_an_address_was_probed_has_it_probed_anew)
{
	setup_init(&s);
	us6 = s.region->address[2].addr;
	s.region->address[2].flags = 0;
	s.region->port[0].dad_transmits = 3;
	setup_publish(&s);
	setup_adopt(&s, T0);
	setup_link(&s, P0, 1, 0, true);
	setup_until(&s, T0 + 2 * SEC);
	cr_assert_geq(probed(), 1);
	setup_forget(&s);
	setup_link(&s, P0, 1, 1, true);
	setup_until(&s, T0 + 60 * SEC);
	cr_assert_eq(probed(), 3);
	setup_free(&s);
}

Test(link, that_comes_and_goes_is_not_talked_to_more_than_once_a_second)
{
	nanos_t now = NOW;
	uint32_t losses = 0;

	begin(1, 1);
	for (; now < NOW + 10 * SEC; now += 50 * MS) {
		setup_link(&s, P0, 1, ++losses, false);
		setup_until(&s, now);
		setup_link(&s, P0, 1, losses, true);
		setup_until(&s, now);
	}
	cr_assert_geq(announced4(), 9);
	cr_assert_leq(announced4(), 11);
	cr_assert_eq(announced6(), announced4());
	setup_forget(&s);
	setup_until(&s, now + 5 * SEC);
	cr_assert_eq(announced4(), 1, "after the last time it is told");
	setup_free(&s);
}

static uint32_t reports(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; (i = setup_find_icmp6(&s, i, ICMP6_TYPE_MLDV2_REPORT)) != UINT32_MAX; i++)
		n++;
	return n;
}

Test(link, that_is_back_hears_our_groups_again)
{
	begin(0, 0);
	setup_until(&s, NOW + 20 * SEC);
	setup_forget(&s);
	setup_until(&s, NOW + 40 * SEC);
	cr_assert_eq(reports(), 0);
	setup_link(&s, P0, 1, 1, true);
	setup_until(&s, NOW + 40 * SEC);
	cr_assert_gt(reports(), 0);
	setup_free(&s);
}
