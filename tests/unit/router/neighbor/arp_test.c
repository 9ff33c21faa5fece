/* ARP as Linux arp_process takes it (RFC 826, 5227, 1812 3.3.2). */
#include <criterion/criterion.h>

#include "common/wire/arp.h"
#include "tests/unit/router/neighbor/setup.h"

static struct setup s;

static void begin(void)
{
	setup_init(&s);
	setup_adopt(&s, T0);
	setup_until(&s, T0 + 100 * SEC);
	setup_forget(&s);
	s.cut = true;
}

#define NOW    (T0 + 100 * SEC)
#define US     v4(0x0a000001)
#define US1    v4(0x0a010001) /* ours on the other port */
#define THEM   v4(0x0a000063)
#define NOBODY ((struct mac_addr){})

static struct ip6_addr them;

static struct verdict request(struct be32 sip, struct be32 tip)
{
	them = mapped(0x0a000063);
	return setup_arp(&s, NOW, P0, PKT_BROADCAST, ARP_OP_REQUEST, mac(9), sip, NOBODY, tip);
}

static void expect_reply(struct be32 of, struct be32 to)
{
	uint32_t i = setup_find_arp(&s, 0, ARP_OP_REPLY);
	struct mac_addr dst = mac(9), src = s.region->port[0].mac;
	struct arp_view got;

	cr_assert_neq(i, UINT32_MAX, "no reply");
	cr_assert_eq(arp_check(s.sent[i].frame + ETHER_HDR_LEN, s.sent[i].len - ETHER_HDR_LEN, &got), ARP_OK);
	cr_assert_eq(memcmp(s.sent[i].frame, &dst, 6), 0);
	cr_assert_eq(memcmp(s.sent[i].frame + 6, &src, 6), 0);
	cr_assert(mac_equal(&got.sender_mac, &src) && mac_equal(&got.target_mac, &dst));
	cr_assert(got.sender_ip.raw == of.raw && got.target_ip.raw == to.raw);
	cr_assert_eq(s.sent[i].len, ETHER_HDR_LEN + ARP_HDR_LEN);
	cr_assert_eq(s.sent[i].port.v, 0);
}

static void expect_no_reply(void)
{
	cr_assert_eq(setup_find_arp(&s, 0, ARP_OP_REPLY), UINT32_MAX, "a reply");
}

Test(arp, a_request_for_us_is_answered_and_its_sender_learned)
{
	begin();
	cr_assert_eq(request(THEM, US).kind, VERDICT_DELIVERED);
	expect_reply(US, THEM);
	cr_assert_eq(setup_state(&s, P0, &them), NUD_STALE);
	cr_assert_eq(fixture_stat(&s.f, STAT_ARP_IN_REQUESTS), 1);
	cr_assert_eq(fixture_stat(&s.f, STAT_ARP_OUT_REPLIES), 1);
	setup_free(&s);
}

Test(arp, an_address_of_another_port_is_ours_too)
{
	begin();
	cr_assert_eq(request(THEM, US1).kind, VERDICT_DELIVERED);
	expect_reply(US1, THEM);
	setup_free(&s);
}

Test(arp, a_request_for_another_is_ignored_and_teaches_nothing_new)
{
	begin();
	cr_assert_eq(request(THEM, v4(0x0a000042)).reason, DROP_ARP_IGNORED);
	expect_no_reply();
	cr_assert_eq(setup_state(&s, P0, &them), NUD_NONE);
	setup_free(&s);
}

Test(arp, a_probe_is_answered_and_teaches_nothing)
{
	begin();
	cr_assert_eq(request(v4(0), US).kind, VERDICT_DELIVERED);
	expect_reply(US, v4(0));
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_ALLOCS), 0);
	setup_free(&s);
}

Test(arp, senders_that_can_not_be_are_not_answered)
{
	static const uint32_t bad[] = {0xe0000001, 0x7f000001, 0xffffffff, 0x0a000001, 0x0a010001};

	begin();
	for (uint32_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_assert_eq(request(v4(bad[i]), US).reason, DROP_ARP_IGNORED, "%x", bad[i]);
	expect_no_reply();
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_ALLOCS), 0);
	setup_free(&s);
}

Test(arp, targets_that_can_not_be_are_ignored)
{
	begin();
	cr_assert_eq(request(THEM, v4(0xe0000001)).reason, DROP_ARP_IGNORED);
	cr_assert_eq(request(THEM, v4(0x7f000001)).reason, DROP_ARP_IGNORED);
	expect_no_reply();
	setup_free(&s);
}

Test(arp, a_group_or_no_address_is_nobodys_mac)
{
	begin();
	cr_assert_eq(
	        setup_arp(&s, NOW, P0, PKT_BROADCAST, ARP_OP_REQUEST, MAC_BROADCAST, THEM, NOBODY, US).reason,
	        DROP_ARP_MALFORMED);
	cr_assert_eq(setup_arp(&s, NOW, P0, PKT_BROADCAST, ARP_OP_REQUEST, NOBODY, THEM, NOBODY, US).reason,
	        DROP_ARP_MALFORMED);
	setup_free(&s);
}

Test(arp, what_is_malformed_or_for_others_is_dropped)
{
	uint8_t frame[ETHER_HDR_LEN + ARP_HDR_LEN] = {0};
	struct arp_view m = {mac(9), NOBODY, THEM, US, ARP_OP_REQUEST};
	struct port_id none = {900};

	begin();
	arp_write(frame + ETHER_HDR_LEN, &m);
	cr_assert_eq(setup_input(&s, NOW, SETUP_ARP, P0, PKT_HOST, frame, sizeof frame - 1, 0).reason,
	        DROP_ARP_MALFORMED);
	cr_assert_eq(setup_input(&s, NOW, SETUP_ARP, P0, PKT_OTHERHOST, frame, sizeof frame, 0).reason,
	        DROP_OTHERHOST);
	cr_assert_eq(setup_input(&s, NOW, SETUP_ARP, none, PKT_HOST, frame, sizeof frame, 0).reason,
	        DROP_PORT_DOWN);
	frame[ETHER_HDR_LEN + 7] = 3;
	cr_assert_eq(setup_input(&s, NOW, SETUP_ARP, P0, PKT_HOST, frame, sizeof frame, 0).reason,
	        DROP_ARP_MALFORMED);
	setup_free(&s);
}

static struct verdict reply(nanos_t now, uint8_t type, uint32_t m)
{
	return setup_arp(&s, now, P0, type, ARP_OP_REPLY, mac(m), THEM, s.region->port[0].mac, US);
}

static uint32_t mac_now(void)
{
	return setup_mac(&s, P0, &them).b[5];
}

Test(arp, a_reply_to_us_confirms_and_one_to_all_does_not)
{
	begin();
	them = mapped(0x0a000063);
	cr_assert_eq(reply(NOW, PKT_HOST, 9).reason, DROP_ARP_IGNORED, "nobody had asked");
	setup_send(&s, NOW, P0, &them, 1);
	cr_assert_eq(reply(NOW, PKT_HOST, 9).kind, VERDICT_DELIVERED);
	cr_assert_eq(setup_state(&s, P0, &them), NUD_REACHABLE);
	reply(NOW + 2 * SEC, PKT_BROADCAST, 10);
	cr_assert_eq(setup_state(&s, P0, &them), NUD_STALE);
	cr_assert_eq(mac_now(), 10);
	cr_assert_eq(fixture_stat(&s.f, STAT_ARP_IN_REPLIES), 3);
	setup_free(&s);
}

Test(arp, the_first_of_several_replies_wins_for_a_second)
{
	begin();
	them = mapped(0x0a000063);
	setup_send(&s, NOW, P0, &them, 1);
	reply(NOW, PKT_HOST, 9);
	reply(NOW + 500 * MS, PKT_HOST, 10);
	cr_assert_eq(mac_now(), 9);
	reply(NOW + 1001 * MS, PKT_HOST, 10);
	cr_assert_eq(mac_now(), 10);
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_MOVES), 1);
	setup_free(&s);
}

Test(arp, a_gratuitous_announcement_moves_who_is_known_and_makes_nobody_known)
{
	begin();
	them = mapped(0x0a000063);
	setup_arp(&s, NOW, P0, PKT_BROADCAST, ARP_OP_REQUEST, mac(9), THEM, NOBODY, THEM);
	cr_assert_eq(setup_state(&s, P0, &them), NUD_NONE);
	setup_send(&s, NOW, P0, &them, 1);
	reply(NOW, PKT_HOST, 9);
	setup_arp(&s, NOW + MS, P0, PKT_BROADCAST, ARP_OP_REQUEST, mac(11), THEM, NOBODY, THEM);
	cr_assert_eq(mac_now(), 11, "at once, though it has just changed");
	cr_assert_eq(setup_state(&s, P0, &them), NUD_STALE);
	/* A gratuitous reply counts as one only if it names its sender twice. */
	setup_arp(&s, NOW + 2 * MS, P0, PKT_BROADCAST, ARP_OP_REPLY, mac(12), THEM, mac(13), THEM);
	cr_assert_eq(mac_now(), 11);
	setup_arp(&s, NOW + 2 * MS, P0, PKT_BROADCAST, ARP_OP_REPLY, mac(12), THEM, mac(12), THEM);
	cr_assert_eq(mac_now(), 12);
	s.region->port[0].flags |= EPOCH_PORT_DROP_GRATUITOUS;
	setup_arp(&s, NOW + 9 * SEC, P0, PKT_BROADCAST, ARP_OP_REQUEST, mac(14), THEM, NOBODY, THEM);
	cr_assert_eq(mac_now(), 12);
	setup_free(&s);
}

Test(arp, a_proxy_answers_for_who_lies_behind_another_port)
{
	begin();
	cr_assert_eq(request(THEM, v4(0x0a010042)).reason, DROP_ARP_IGNORED);
	s.region->port[0].flags |= EPOCH_PORT_PROXY_ARP;
	cr_assert_eq(request(THEM, v4(0x0a000042)).reason, DROP_ARP_IGNORED);
	expect_no_reply();
	cr_assert_eq(request(THEM, v4(0x0a010042)).kind, VERDICT_DELIVERED);
	expect_reply(v4(0x0a010042), THEM);
	setup_free(&s);
}

Test(arp, asks_from_an_address_of_the_targets_subnet)
{
	struct ip6_addr inside = mapped(0x0a010042), outside = mapped(0x0b000001);
	struct arp_view got;

	begin();
	setup_send(&s, NOW, P1, &inside, 1);
	setup_send(&s, NOW, P0, &outside, 1);
	cr_assert_eq(s.n_sent, 2);
	arp_check(s.sent[0].frame + ETHER_HDR_LEN, ARP_HDR_LEN, &got);
	cr_assert(got.sender_ip.raw == US1.raw && got.target_ip.raw == v4(0x0a010042).raw);
	arp_check(s.sent[1].frame + ETHER_HDR_LEN, ARP_HDR_LEN, &got);
	cr_assert_eq(got.sender_ip.raw, US.raw);
	setup_free(&s);
}
