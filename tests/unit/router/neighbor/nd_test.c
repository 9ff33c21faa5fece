/* Neighbor discovery: what is answered and with what, what is refused (RFC 4861 7; Linux ndisc_recv_ns,
 * ndisc_recv_na). What NA and NS do to the states is in state_test.c. */
#include <criterion/criterion.h>

#include "common/wire/nd.h"
#include "tests/unit/router/neighbor/setup.h"

static struct setup s;
static struct ip6_addr them, us, group;
static struct mac_addr their_mac;

#define NOW (T0 + 100 * SEC)

static void begin(void)
{
	setup_init(&s);
	setup_adopt(&s, T0);
	setup_until(&s, T0 + 100 * SEC);
	setup_forget(&s);
	s.cut = true;
	them = host6(9);
	us = s.region->address[2].addr;
	group = ip6_solicited_node(&us);
	their_mac = mac(9);
}

struct got {
	struct ether_hdr ether;
	struct ipv6_view ip;
	struct icmp6_view icmp;
	struct nd_view nd;
};

/* The one message of neighbor discovery of this type among what was sent. */
static struct got expect_message(uint8_t type)
{
	uint32_t i = setup_find_icmp6(&s, 0, type), len;
	const uint8_t *l3;
	struct got g;

	cr_assert_neq(i, UINT32_MAX, "no message of type %u", type);
	cr_assert_eq(setup_find_icmp6(&s, i + 1, type), UINT32_MAX, "two of type %u", type);
	l3 = s.sent[i].frame + ETHER_HDR_LEN;
	memcpy(&g.ether, s.sent[i].frame, sizeof g.ether);
	cr_assert_eq(ipv6_check(l3, s.sent[i].len - ETHER_HDR_LEN, &g.ip), IPV6_OK);
	len = g.ip.total_len - IPV6_HDR_LEN;
	cr_assert_eq(s.sent[i].len, ETHER_HDR_LEN + g.ip.total_len);
	cr_assert_eq(icmp6_check(l3 + IPV6_HDR_LEN, len,
	                     csum_pseudo_ipv6(&g.ip.src, &g.ip.dst, IP_PROTO_ICMP6, len), &g.icmp),
	        ICMP6_OK);
	struct icmp6_origin origin = {g.ip.src, g.ip.dst, g.ip.hop_limit, false};

	cr_assert_eq(nd_check(l3 + IPV6_HDR_LEN, &g.icmp, &origin, &g.nd), ND_OK);
	return g;
}

static bool same(const struct ip6_addr *a, const struct ip6_addr *b)
{
	return ip6_addr_equal(a, b);
}

Test(nd, a_solicitation_to_the_group_is_answered_with_our_mac)
{
	struct got g;

	begin();
	cr_assert_eq(setup_ns(&s, NOW, P0, &them, &group, &us, &their_mac).kind, VERDICT_DELIVERED);
	g = expect_message(ICMP6_TYPE_NEIGHBOR_ADVERT);
	cr_assert(mac_equal(&g.ether.dst, &their_mac) && mac_equal(&g.ether.src, &s.region->port[0].mac));
	cr_assert(same(&g.ip.src, &us) && same(&g.ip.dst, &them) && same(&g.nd.target, &us));
	cr_assert_eq(g.nd.flags, ND_NA_SOLICITED | ND_NA_ROUTER | ND_NA_OVERRIDE);
	cr_assert(g.nd.has_target_lladdr && mac_equal(&g.nd.target_lladdr, &s.region->port[0].mac));
	cr_assert_eq(fixture_stat(&s.f, STAT_ICMP6_IN_NEIGHBOR_SOLICITS), 1);
	cr_assert_eq(fixture_stat(&s.f, STAT_ICMP6_OUT_NEIGHBOR_ADVERTISEMENTS), 1);
	setup_free(&s);
}

Test(nd, a_solicitation_to_ourselves_is_answered_without_override_as_linux_does)
{
	struct got g;

	begin();
	s.region->port[0].flags &= (uint16_t)~EPOCH_PORT_FORWARD6;
	setup_ns(&s, NOW, P0, &them, &us, &us, &their_mac);
	g = expect_message(ICMP6_TYPE_NEIGHBOR_ADVERT);
	cr_assert_eq(g.nd.flags, ND_NA_SOLICITED);
	cr_assert_not(g.nd.has_target_lladdr);
	setup_free(&s);
}

Test(nd, who_asks_without_a_mac_is_resolved_before_the_answer)
{
	struct got g;

	begin();
	cr_assert_eq(setup_ns(&s, NOW, P0, &them, &us, &us, NULL).kind, VERDICT_DELIVERED);
	g = expect_message(ICMP6_TYPE_NEIGHBOR_SOLICIT);
	cr_assert(same(&g.nd.target, &them));
	cr_assert_eq(setup_state(&s, P0, &them), NUD_INCOMPLETE);
	setup_forget(&s);
	setup_na(&s, NOW, P0, &them, &us, &them, &their_mac, ND_NA_SOLICITED);
	g = expect_message(ICMP6_TYPE_NEIGHBOR_ADVERT);
	cr_assert(mac_equal(&g.ether.dst, &their_mac));
	setup_free(&s);
}

Test(nd, what_is_not_ours_or_asked_strangely_is_ignored)
{
	struct ip6_addr other = host6(50), other_port, group_of_other;
	struct mac_addr group_mac = {{1, 0, 0, 0, 0, 1}};
	struct ip6_addr loopback = IP6_LOOPBACK;

	begin();
	other_port = s.region->address[4].addr;
	group_of_other = ip6_solicited_node(&other);
	cr_assert_eq(setup_ns(&s, NOW, P0, &them, &group_of_other, &other, &their_mac).reason,
	        DROP_IPV6_NDISC_IGNORED);
	cr_assert_eq(setup_ns(&s, NOW, P0, &them, &other_port, &other_port, &their_mac).reason,
	        DROP_IPV6_NDISC_IGNORED, "an address of another port");
	cr_assert_eq(setup_ns(&s, NOW, P0, &them, &group, &us, NULL).reason, DROP_IPV6_NDISC_IGNORED,
	        "to a group, and no MAC");
	cr_assert_eq(setup_ns(&s, NOW, P0, &them, &group, &us, &group_mac).reason, DROP_IPV6_NDISC_IGNORED);
	cr_assert_eq(
	        setup_ns(&s, NOW, P0, &loopback, &group, &us, &their_mac).reason, DROP_IPV6_NDISC_IGNORED);
	cr_assert_eq(setup_ns(&s, NOW, P0, &us, &group, &us, &their_mac).reason, DROP_IPV6_NDISC_IGNORED);
	cr_assert_eq(s.n_sent, 0);
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_ALLOCS), 0);
	setup_free(&s);
}

Test(nd, a_group_mac_in_an_advertisement_is_refused)
{
	struct mac_addr group_mac = {{1, 0, 0, 0, 0, 1}};

	begin();
	setup_send(&s, NOW, P0, &them, 1);
	cr_assert_eq(setup_na(&s, NOW, P0, &them, &us, &them, &group_mac, ND_NA_SOLICITED).reason,
	        DROP_IPV6_NDISC_IGNORED);
	cr_assert_eq(setup_state(&s, P0, &them), NUD_INCOMPLETE);
	setup_free(&s);
}

Test(nd, somebody_advertising_our_address_is_ignored)
{
	begin();
	cr_assert_eq(setup_na(&s, NOW, P0, &them, &IP6_ALL_NODES, &us, &their_mac, ND_NA_OVERRIDE).reason,
	        DROP_IPV6_NDISC_IGNORED);
	cr_assert_not(neighbor_address_tentative(&s.n.table, P0, &us));
	setup_free(&s);
}

/* A frame of neighbor discovery to be spoilt. */
static uint32_t make_ns(uint8_t *frame, uint8_t hop_limit)
{
	uint32_t len = nd_solicit_write(
	        frame + ETHER_HDR_LEN + IPV6_HDR_LEN, &them, &group, &us, &their_mac, NULL);

	ipv6_write(frame + ETHER_HDR_LEN, &(struct ipv6_fields){.src = them,
	                                          .dst = group,
	                                          .payload_len = (uint16_t)len,
	                                          .next_header = IP_PROTO_ICMP6,
	                                          .hop_limit = hop_limit});
	return ETHER_HDR_LEN + IPV6_HDR_LEN + len;
}

static uint16_t reason_of(const uint8_t *frame, uint32_t len)
{
	return setup_input(&s, NOW, SETUP_ND, P0, PKT_MULTICAST, frame, len, ETHER_HDR_LEN + IPV6_HDR_LEN)
	        .reason;
}

static void sum(uint8_t *frame, uint32_t len)
{
	icmp6_checksum_set(
	        frame + ETHER_HDR_LEN + IPV6_HDR_LEN, len - ETHER_HDR_LEN - IPV6_HDR_LEN, &them, &group);
}

Test(nd, each_flaw_has_its_reason)
{
	uint8_t frame[128] = {0}, *icmp = frame + ETHER_HDR_LEN + IPV6_HDR_LEN;
	struct port_id none = {900};
	uint32_t len;

	begin();
	len = make_ns(frame, 64);
	cr_assert_eq(reason_of(frame, len), DROP_IPV6_NDISC_HOP_LIMIT);
	len = make_ns(frame, 255);
	icmp[1] = 1;
	sum(frame, len);
	cr_assert_eq(reason_of(frame, len), DROP_IPV6_NDISC_BAD_CODE);
	len = make_ns(frame, 255);
	icmp[25] = 0;
	sum(frame, len);
	cr_assert_eq(reason_of(frame, len), DROP_IPV6_NDISC_BAD_OPTIONS);
	len = make_ns(frame, 255);
	icmp[8] = 0xff;
	sum(frame, len);
	cr_assert_eq(reason_of(frame, len), DROP_IPV6_NDISC_MALFORMED);
	len = make_ns(frame, 255);
	icmp[9] ^= 1;
	cr_assert_eq(reason_of(frame, len), DROP_IPV6_NDISC_MALFORMED, "checksum");
	len = make_ns(frame, 255);
	cr_assert_eq(reason_of(frame, len - 20), DROP_IPV6_NDISC_MALFORMED, "cut short");
	cr_assert_eq(setup_input(&s, NOW, SETUP_ND, P0, PKT_MULTICAST, frame, len, 0).reason,
	        DROP_IPV6_NDISC_MALFORMED, "no layer 4");
	cr_assert_eq(
	        setup_input(&s, NOW, SETUP_ND, none, PKT_MULTICAST, frame, len, 54).reason, DROP_PORT_DOWN);
	setup_free(&s);
}

static void fragment_event(struct setup *x, nanos_t now, const void *arg)
{
	struct burst *b = &x->f.burst;
	uint8_t frame[128] = {0};
	uint32_t len = make_ns(frame, 255), i = fixture_add(&x->f, frame, len, P0);

	(void)arg;
	b->pkt[i].l3_off = ETHER_HDR_LEN;
	b->pkt[i].l4_off = ETHER_HDR_LEN + IPV6_HDR_LEN;
	nd_input(&x->n, &x->epoch, now, b, burst_ref(b, i), true);
	cr_assert_eq(b->verdict[i].reason, DROP_IPV6_NDISC_FRAG);
}

Test(nd, fragments_are_refused)
{
	begin();
	setup_burst(&s, NOW, INPUT_RX, fragment_event, NULL);
	setup_free(&s);
}

/* A message that routers ignore, from a link-local source where that is asked for. */
static struct verdict other_message(uint8_t type)
{
	uint8_t frame[128] = {0}, *icmp = frame + ETHER_HDR_LEN + IPV6_HDR_LEN;
	struct ip6_addr src = {.b = {0xfe, 0x80, [15] = 9}};
	uint32_t len = type == ICMP6_TYPE_REDIRECT ? 40 : type == ICMP6_TYPE_ROUTER_ADVERT ? 16 : 8;

	icmp6_write(icmp, type, 0, 0);
	if (type == ICMP6_TYPE_REDIRECT) {
		memcpy(icmp + 8, &them, 16);
		memcpy(icmp + 24, &them, 16);
	}
	icmp6_checksum_set(icmp, len, &src, &us);
	ipv6_write(frame + ETHER_HDR_LEN, &(struct ipv6_fields){.src = src,
	                                          .dst = us,
	                                          .payload_len = (uint16_t)len,
	                                          .next_header = IP_PROTO_ICMP6,
	                                          .hop_limit = 255});
	return setup_input(&s, NOW, SETUP_ND, P0, PKT_HOST, frame, ETHER_HDR_LEN + IPV6_HDR_LEN + len,
	        ETHER_HDR_LEN + IPV6_HDR_LEN);
}

Test(nd, a_router_ignores_routers)
{
	begin();
	cr_assert_eq(other_message(ICMP6_TYPE_ROUTER_SOLICIT).reason, DROP_IPV6_NDISC_IGNORED);
	cr_assert_eq(other_message(ICMP6_TYPE_ROUTER_ADVERT).reason, DROP_IPV6_NDISC_IGNORED);
	cr_assert_eq(other_message(ICMP6_TYPE_REDIRECT).reason, DROP_IPV6_NDISC_IGNORED);
	cr_assert_eq(fixture_stat(&s.f, STAT_ICMP6_IN_ROUTER_SOLICITS), 1);
	cr_assert_eq(fixture_stat(&s.f, STAT_ICMP6_IN_ROUTER_ADVERTISEMENTS), 1);
	cr_assert_eq(fixture_stat(&s.f, STAT_ICMP6_IN_REDIRECTS), 1);
	setup_free(&s);
}

Test(nd, asks_the_group_first_and_itself_when_probing)
{
	struct ip6_addr their_group, ll;
	struct mac_addr group_mac;
	struct got g;

	begin();
	ll = s.region->address[1].addr;
	their_group = ip6_solicited_node(&them);
	group_mac = mac_of_ip6_multicast(&their_group);
	setup_send(&s, NOW, P0, &them, 1);
	g = expect_message(ICMP6_TYPE_NEIGHBOR_SOLICIT);
	cr_assert(
	        mac_equal(&g.ether.dst, &group_mac) && same(&g.ip.dst, &their_group) && same(&g.ip.src, &ll));
	cr_assert(g.nd.has_source_lladdr && mac_equal(&g.nd.source_lladdr, &s.region->port[0].mac));
	setup_na(&s, NOW, P0, &them, &IP6_ALL_NODES, &them, &their_mac, ND_NA_OVERRIDE);
	setup_forget(&s);
	setup_until(&s, NOW + 5 * SEC);
	g = expect_message(ICMP6_TYPE_NEIGHBOR_SOLICIT);
	cr_assert(mac_equal(&g.ether.dst, &their_mac) && same(&g.ip.dst, &them));
	setup_free(&s);
}

Test(nd, without_an_address_nobody_is_asked)
{
	begin();
	s.region->port[0].addresses.count = 1; /* the IPv4 one */
	cr_assert_eq(setup_send(&s, NOW, P0, &them, 1).kind, VERDICT_HELD);
	cr_assert_eq(s.n_sent, 0);
	setup_until(&s, NOW + 3 * SEC);
	cr_assert_eq(setup_state(&s, P0, &them), NUD_FAILED);
	setup_free(&s);
}

/* Where the solicitation for a packet from `source` comes from, and the one that repeats it. */
static struct ip6_addr asked_from(struct ip6_addr source, uint32_t host)
{
	struct ip6_addr to = host6(host), first, again;
	nanos_t now = NOW + host * 10 * SEC;

	setup_until(&s, now);
	setup_forget(&s);
	s.source = source;
	setup_send(&s, now, P0, &to, 1);
	first = expect_message(ICMP6_TYPE_NEIGHBOR_SOLICIT).ip.src;
	setup_forget(&s);
	setup_until(&s, now + SEC + 100 * MS);
	again = expect_message(ICMP6_TYPE_NEIGHBOR_SOLICIT).ip.src;
	cr_assert(same(&again, &first));
	setup_na(&s, now + SEC + 200 * MS, P0, &to, &us, &to, &their_mac, ND_NA_SOLICITED);
	setup_forget(&s);
	return first;
}

/* RFC 4861 7.2.2. */
Test(nd, a_solicitation_comes_from_the_source_of_what_waits_where_that_is_ours)
{
	struct ip6_addr link_local, got;

	begin();
	link_local = *nd_source(&s.n.table, &s.epoch, P0);
	cr_assert(ip6_is_link_local(&link_local) && !same(&us, &link_local));
	got = asked_from(us, 60);
	cr_expect(same(&got, &us));
	got = asked_from(host6(61), 62);
	cr_expect(same(&got, &link_local), "what is forwarded says nothing of us");
	got = asked_from(s.region->address[4].addr, 63);
	cr_expect(same(&got, &link_local), "an address of another port");
	setup_free(&s);
}

static void begin_anycast(struct ip6_addr *anycast, struct ip6_addr *their_group)
{
	begin();
	cr_assert(epoch_anycast(&s.epoch, &s.region->address[2], anycast));
	cr_assert_not(same(anycast, &us));
	*their_group = ip6_solicited_node(anycast);
}

static void expect_anycast_answer(const struct ip6_addr *anycast, bool with_mac)
{
	struct got g = expect_message(ICMP6_TYPE_NEIGHBOR_ADVERT);

	cr_expect(same(&g.nd.target, anycast) && same(&g.ip.dst, &them) && same(&g.ip.src, &us));
	cr_expect_eq(g.nd.flags, ND_NA_SOLICITED | ND_NA_ROUTER, "the others' answers stay");
	cr_expect_eq(g.nd.has_target_lladdr, with_mac);
	cr_expect(mac_equal(&g.ether.dst, &their_mac));
}

/* RFC 4291 2.6.1, RFC 4861 7.2.7. */
Test(nd, the_routers_of_a_network_answer_for_its_anycast_address_each_in_its_time)
{
	struct ip6_addr anycast, asked;

	begin_anycast(&anycast, &asked);
	cr_expect(neighbor_group_joined(&s.n.table, P0, &asked));
	cr_assert_eq(setup_ns(&s, NOW, P0, &them, &asked, &anycast, &their_mac).kind, VERDICT_DELIVERED);
	cr_expect_eq(setup_find_icmp6(&s, 0, ICMP6_TYPE_NEIGHBOR_ADVERT), UINT32_MAX, "not at once");
	cr_assert_eq(setup_ns(&s, NOW, P0, &them, &asked, &anycast, &their_mac).kind, VERDICT_DELIVERED);
	setup_until(&s, NOW + SEC + 10 * MS);
	expect_anycast_answer(&anycast, true);
	setup_forget(&s);
	setup_until(&s, NOW + 4 * SEC);
	cr_expect_eq(setup_find_icmp6(&s, 0, ICMP6_TYPE_NEIGHBOR_ADVERT), UINT32_MAX, "once");
	setup_free(&s);
}

Test(nd, asked_alone_a_router_answers_for_the_anycast_address_at_once)
{
	struct ip6_addr anycast, asked;

	begin_anycast(&anycast, &asked);
	setup_ns(&s, NOW, P0, &them, &anycast, &anycast, &their_mac);
	expect_anycast_answer(&anycast, false);
	setup_free(&s);
}

Test(nd, delays_of_answers_differ)
{
	struct ip6_addr anycast, asked;
	uint32_t early = 0;

	begin_anycast(&anycast, &asked);
	for (uint32_t i = 0; i < 40; i++) {
		struct ip6_addr asker = host6(100 + i);

		setup_ns(&s, NOW, P0, &asker, &asked, &anycast, &their_mac);
	}
	setup_forget(&s);
	setup_until(&s, NOW + SEC / 2);
	for (uint32_t at = 0; (at = setup_find_icmp6(&s, at, ICMP6_TYPE_NEIGHBOR_ADVERT)) != UINT32_MAX; at++)
		early++;
	cr_expect(early > 5 && early < 35, "%u of 40 in the first half", early);
	setup_free(&s);
}

Test(nd, a_host_and_an_entry_that_is_gone_answer_nothing_for_the_anycast_address)
{
	struct ip6_addr anycast, asked, probe = IP6_UNSPECIFIED;

	begin_anycast(&anycast, &asked);
	cr_expect_eq(setup_ns(&s, NOW, P0, &probe, &asked, &anycast, NULL).kind, VERDICT_DELIVERED);
	setup_ns(&s, NOW, P0, &them, &asked, &anycast, &their_mac);
	s.region->port[0].flags &= (uint16_t)~EPOCH_PORT_FORWARD6;
	setup_publish(&s);
	setup_adopt(&s, NOW + 1);
	cr_expect_eq(setup_ns(&s, NOW + 2, P0, &them, &asked, &anycast, &their_mac).reason,
	        DROP_IPV6_NDISC_IGNORED);
	setup_until(&s, NOW + 2 * SEC);
	cr_expect_eq(setup_find_icmp6(&s, 0, ICMP6_TYPE_NEIGHBOR_ADVERT), UINT32_MAX);
	cr_expect_not(neighbor_group_joined(&s.n.table, P0, &asked));
	setup_free(&s);
}
