/* Rules at ingress and egress: what they see, what they do, what they count. */
#include <criterion/criterion.h>

#include "common/wire/dissect.h"
#include "common/wire/ether.h"
#include "common/wire/icmp6.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv6_ext.h"
#include "common/wire/tcp.h"
#include "services/filter/state.h"
#include "tests/unit/filter/bed.h"

static struct bed bed;
static struct classify_rule one;

static void setup(void)
{
	bed_init(&bed);
	one = (struct classify_rule){.verdict = CLASSIFY_DROP};
}

static void teardown(void)
{
	cr_assert_null(filter_stage.check(bed.worker));
	bed_free(&bed);
}

TestSuite(filter_rules, .init = setup, .fini = teardown);

static uint64_t matched(enum filter_direction direction, uint32_t rule)
{
	uint64_t count[64];

	filter_rule_counts(bed.f.state, &bed.epoch, direction, count, 64);
	return count[rule];
}

/* Runs one received frame through rule `one`; whether it matches, by verdict, reason and count. */
static bool ingress_matches(const void *frame, uint32_t len, struct port_id port)
{
	static uint32_t number;
	uint64_t before;
	bool dropped;

	bed_epoch(&bed, ++number, (struct bed_rules){&one, 1, CLASSIFY_PASS}, (struct bed_rules){0});
	before = matched(FILTER_INGRESS, 0);
	fixture_begin(&bed.f, INPUT_RX, 1);
	fixture_add(&bed.f, frame, len, port);
	bed_run(&bed);
	dropped = bed.f.burst.verdict[0].reason == DROP_TC_INGRESS;
	fixture_end(&bed.f);
	cr_assert_eq(matched(FILTER_INGRESS, 0) - before, dropped);
	return dropped;
}

static uint32_t tcp4(uint8_t *frame, uint8_t flags, uint16_t fragment, uint32_t l4_len)
{
	struct ipv4_fields ip = {.src = be32_from_host(IPV4_ADDR(10, 0, 0, 2)),
	        .dst = be32_from_host(IPV4_ADDR(10, 9, 8, 7)),
	        .payload_len = (uint16_t)l4_len,
	        .fragment = fragment,
	        .ttl = 9,
	        .proto = IP_PROTO_TCP};
	struct tcp_fields tcp = {.src_port = 1234, .dst_port = 80, .flags = flags, .header_len = 20};
	uint32_t at = ether_write(frame, &bed_mac, &bed_peer, ETHER_TYPE_IPV4);

	at += ipv4_write(frame + at, &ip);
	tcp_write(frame + at, &tcp);
	return at + l4_len;
}

/* IPv6 with destination options in front of ICMPv6. */
static uint32_t echo6(uint8_t *frame)
{
	struct ipv6_fields ip = {.next_header = IP_PROTO_DST_OPTIONS, .payload_len = 16, .hop_limit = 64};
	uint32_t at = ether_write(frame, &bed_mac, &bed_peer, ETHER_TYPE_IPV6);
	static const uint8_t options[8] = {IP_PROTO_ICMP6, 0, 1, 4};

	memcpy(&ip.src, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
	memcpy(&ip.dst, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	at += ipv6_write(frame + at, &ip);
	memcpy(frame + at, options, sizeof options);
	at += sizeof options;
	return at + icmp6_write(frame + at, ICMP6_TYPE_ECHO, 3, 0);
}

Test(filter_rules, see_layer_2)
{
	uint8_t frame[128];
	uint32_t len;

	ether_write(frame, &bed_mac, &bed_peer, ETHER_TYPE_ARP);
	memset(frame + 14, 0, 46);
	one.fields = CLASSIFY_F_ETHERTYPE | CLASSIFY_F_SMAC | CLASSIFY_F_DMAC | CLASSIFY_F_IN_PORT |
	             CLASSIFY_F_VLAN;
	one.ethertype = ETHER_TYPE_ARP;
	one.smac = (struct classify_mac){bed_peer, {{255, 255, 255, 255, 255, 255}}};
	one.dmac = (struct classify_mac){bed_mac, {{255, 255, 255, 255, 255, 255}}};
	one.in_port = (struct classify_ports){1, {BED_ETH0}};
	one.vlan = CLASSIFY_UNTAGGED;
	cr_expect(ingress_matches(frame, 60, BED_ETH0));
	cr_expect_not(ingress_matches(frame, 60, BED_ANY));
	frame[11]++;
	cr_expect_not(ingress_matches(frame, 60, BED_ETH0));

	one.fields = CLASSIFY_F_IN_PORT | CLASSIFY_F_VLAN | CLASSIFY_F_INNER_VLAN | CLASSIFY_F_PROTO |
	             CLASSIFY_F_L4_DPORT;
	one.in_port.id[0].v = BED_SUB + 5;
	one.vlan = 100;
	one.inner_vlan = 10;
	one.proto = IP_PROTO_UDP;
	one.l4_dport = (struct classify_range){22, 22};
	len = ether_write(frame, &bed_mac, &bed_peer, ETHER_TYPE_QINQ);
	len += vlan_write(frame + len, 0x2000 | 100, ETHER_TYPE_VLAN);
	len += vlan_write(frame + len, 10, ETHER_TYPE_IPV4);
	len = bed_udp4(frame, len, 46, 11, 22);
	cr_expect(ingress_matches(frame, len, BED_ETH0));
	one.inner_vlan = CLASSIFY_UNTAGGED;
	cr_expect_not(ingress_matches(frame, len, BED_ETH0));

	one.in_port.id[0].v = BED_SUB;
	one.vlan = 5;
	len = ether_write(frame, &bed_mac, &bed_peer, ETHER_TYPE_VLAN);
	len += vlan_write(frame + len, 5, ETHER_TYPE_IPV4);
	len = bed_udp4(frame, len, 46, 11, 22);
	cr_expect(ingress_matches(frame, len, BED_ETH0), "one tag is not two");
}

Test(filter_rules, see_layers_3_and_4)
{
	uint8_t frame[256];
	uint32_t len = tcp4(frame, TCP_SYN, 0, 20);

	one.fields = CLASSIFY_F_FAMILY | CLASSIFY_F_SRC | CLASSIFY_F_DST | CLASSIFY_F_PROTO |
	             CLASSIFY_F_L4_SPORT | CLASSIFY_F_L4_DPORT | CLASSIFY_F_TCP_FLAGS;
	one.family = CLASSIFY_IPV4;
	one.src = (struct classify_prefix){ip6_addr_mapped(be32_from_host(IPV4_ADDR(10, 0, 0, 0))), 24};
	one.dst = (struct classify_prefix){ip6_addr_mapped(be32_from_host(IPV4_ADDR(10, 9, 8, 7))), 32};
	one.proto = IP_PROTO_TCP;
	one.l4_sport = (struct classify_range){1000, 2000};
	one.l4_dport = (struct classify_range){80, 80};
	one.tcp_flags = TCP_SYN;
	one.tcp_flags_mask = TCP_SYN | TCP_ACK;
	cr_expect(ingress_matches(frame, len, BED_ETH0));
	len = tcp4(frame, TCP_SYN | TCP_ACK, 0, 20);
	cr_expect_not(ingress_matches(frame, len, BED_ETH0));
	len = tcp4(frame, TCP_SYN, 5, 20);
	cr_expect_not(ingress_matches(frame, len, BED_ETH0), "a later fragment has no ports");

	one.fields = CLASSIFY_F_FRAGMENT;
	one.fragment = CLASSIFY_LATER_FRAGMENT;
	cr_expect(ingress_matches(frame, len, BED_ETH0));
	len = tcp4(frame, TCP_SYN, IPV4_MORE_FRAGMENTS, 24);
	cr_expect_not(ingress_matches(frame, len, BED_ETH0));
	one.fragment = CLASSIFY_FIRST_FRAGMENT;
	cr_expect(ingress_matches(frame, len, BED_ETH0));
}

Test(filter_rules, see_behind_extension_headers)
{
	uint8_t frame[256];
	uint32_t len = echo6(frame);

	one.fields = CLASSIFY_F_FAMILY | CLASSIFY_F_SRC | CLASSIFY_F_DST | CLASSIFY_F_PROTO |
	             CLASSIFY_F_ICMP_TYPE | CLASSIFY_F_ICMP_CODE;
	one.family = CLASSIFY_IPV6;
	memcpy(&one.src.addr, frame + 14 + 8, 16);
	memcpy(&one.dst.addr, frame + 14 + 24, 16);
	one.src.len = one.dst.len = 128;
	one.proto = IP_PROTO_ICMP6;
	one.icmp_type = ICMP6_TYPE_ECHO;
	one.icmp_code = 3;
	cr_expect(ingress_matches(frame, len, BED_ETH0));
	frame[14 + 39] = 9;
	cr_expect_not(ingress_matches(frame, len, BED_ETH0));
}

Test(filter_rules, take_a_malformed_packet_for_no_ip)
{
	uint8_t frame[256];
	uint32_t len = tcp4(frame, TCP_SYN, 0, 20);

	one.fields = CLASSIFY_F_FAMILY;
	one.family = CLASSIFY_IPV4;
	cr_expect(ingress_matches(frame, len, BED_ETH0));
	frame[14] = 0x65;
	cr_expect_not(ingress_matches(frame, len, BED_ETH0));
}

Test(filter_rules, come_before_the_end_of_other_hosts_frames)
{
	uint8_t frame[128];
	uint32_t len;

	ether_write(frame, &bed_other, &bed_peer, 0x88cc);
	len = bed_udp4(frame, ETHER_HDR_LEN, 46, 1, 2);
	cr_expect(ingress_matches(frame, len, BED_ETH0));
	one.fields = CLASSIFY_F_VLAN;
	one.vlan = 5;
	cr_expect_not(ingress_matches(frame, len, BED_ETH0));
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_OTHERHOST);
}

Test(filter_rules, mark_count_and_go_on)
{
	static const struct classify_rule rules[] = {
	        {.verdict = CLASSIFY_CONTINUE, .set_mark = {5, 0xf}},
	        {.verdict = CLASSIFY_DROP, .fields = CLASSIFY_F_MARK, .mark = {4, 0xf}},
	        {.verdict = CLASSIFY_CONTINUE, .fields = CLASSIFY_F_MARK, .mark = {0x305, 0xfff}},
	        {.verdict = CLASSIFY_PASS, .set_mark = {0x50, 0xf0}},
	        {.verdict = CLASSIFY_DROP},
	};
	static const uint64_t want[] = {1, 0, 1, 1, 0};

	bed_epoch(&bed, 1, (struct bed_rules){rules, ARRAY_LEN(rules), CLASSIFY_DROP}, (struct bed_rules){0});
	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_add(&bed, &bed_mac, BED_ETH0);
	bed.f.burst.pkt[0].mark = 0x304;
	bed.f.burst.pkt[0].trace = 1;
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].kind, VERDICT_PASS);
	cr_expect_eq(bed.f.burst.pkt[0].mark, 0x355);
	cr_expect_eq(bed.f.trace.n, 1 + 3);
	fixture_end(&bed.f);
	for (uint32_t i = 0; i < ARRAY_LEN(want); i++)
		cr_expect_eq(matched(FILTER_INGRESS, i), want[i], "rule %u", i);
}

Test(filter_rules, the_policy_decides_where_no_rule_does)
{
	one = (struct classify_rule){.verdict = CLASSIFY_PASS, .fields = CLASSIFY_F_MARK, .mark = {1, 1}};
	bed_epoch(&bed, 1, (struct bed_rules){&one, 1, CLASSIFY_DROP}, (struct bed_rules){0});
	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_add(&bed, &bed_mac, BED_ETH0);
	bed_add(&bed, &bed_mac, BED_ETH0);
	bed.f.burst.pkt[1].mark = 1;
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_TC_INGRESS);
	cr_expect_eq(bed.f.burst.verdict[1].kind, VERDICT_PASS);
	fixture_end(&bed.f);
	cr_expect_eq(matched(FILTER_INGRESS, 0), 1);
	bed_epoch(&bed, 2, (struct bed_rules){&one, 0, CLASSIFY_DROP}, (struct bed_rules){0});
	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_add(&bed, &bed_mac, BED_ETH0);
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_TC_INGRESS, "an empty ruleset has a policy too");
	fixture_end(&bed.f);
}

Test(filter_rules, at_egress_see_where_it_came_in_and_goes_out)
{
	uint8_t frame[128];
	uint32_t len;

	one.fields = CLASSIFY_F_IN_PORT | CLASSIFY_F_OUT_PORT | CLASSIFY_F_VLAN | CLASSIFY_F_INNER_VLAN |
	             CLASSIFY_F_L4_SPORT;
	one.in_port = (struct classify_ports){1, {BED_ANY}};
	one.out_port = (struct classify_ports){1, {{BED_SUB + 5}}};
	one.vlan = 100;
	one.inner_vlan = 10;
	one.l4_sport = (struct classify_range){7, 7};
	bed_epoch(&bed, 1, (struct bed_rules){0}, (struct bed_rules){&one, 1, CLASSIFY_PASS});
	fixture_begin(&bed.f, INPUT_TX, 1);
	ether_write(frame, &bed_peer, &bed_mac, ETHER_TYPE_IPV4);
	len = bed_udp4(frame, ETHER_HDR_LEN, 46, 7, 2);
	for (uint32_t i = 0; i < 3; i++) {
		fixture_add(&bed.f, frame, len, i == 1 ? BED_ETH0 : BED_ANY);
		bed.f.burst.pkt[i].out = i == 2 ? BED_ETH0 : (struct port_id){BED_SUB + 5};
		bed.f.burst.pkt[i].trace = i == 0;
	}
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_TC_EGRESS);
	cr_expect_eq(bed.f.burst.pkt[0].len, len, "no tags on what does not leave");
	cr_expect_eq(bed.f.burst.verdict[1].kind, VERDICT_PASS);
	cr_expect_eq(bed.f.burst.verdict[2].kind, VERDICT_PASS);
	cr_expect_eq(bed.f.trace.event[0].code, TRACE_RULE_EGRESS);
	cr_expect_eq(bed.f.trace.event[0].arg[0], 1, "the first rule, as people count");
	fixture_end(&bed.f);
	cr_expect_eq(matched(FILTER_EGRESS, 0), 1);
	cr_expect_eq(matched(FILTER_INGRESS, 0), 0);
	cr_expect_eq(filter_port_count(bed.f.state, (struct port_id){BED_SUB + 5}).tx_dropped, 1);
}

Test(filter_rules, more_matches_than_lines_are_counted_together)
{
	static struct classify_rule rules[4000];
	uint32_t n = ARRAY_LEN(rules);
	uint64_t count[ARRAY_LEN(rules)], sum = 0;

	for (uint32_t i = 0; i < n; i++)
		rules[i] = (struct classify_rule){.verdict = CLASSIFY_CONTINUE};
	bed_epoch(&bed, 1, (struct bed_rules){rules, n, CLASSIFY_PASS}, (struct bed_rules){0});
	fixture_begin(&bed.f, INPUT_RX, 1);
	bed.f.journal.undo_max = 256;
	bed_add(&bed, &bed_mac, BED_ETH0);
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].kind, VERDICT_PASS);
	fixture_end(&bed.f);
	filter_rule_counts(bed.f.state, &bed.epoch, FILTER_INGRESS, count, n);
	for (uint32_t i = 0; i < n; i++)
		sum += count[i];
	cr_expect_gt(sum, 500);
	cr_expect_lt(sum, n);
	cr_expect_eq(sum + filter_rules_uncounted(bed.f.state), n);
}

Test(filter_rules, a_ruleset_that_cannot_be_read_lets_nothing_pass)
{
	bed_epoch(&bed, 1, (struct bed_rules){&one, 1, CLASSIFY_PASS}, (struct bed_rules){0});
	memset((uint8_t *)bed.region[1] + bed.epoch.header->ingress.off, 0xff, 16);
	bed_restart(&bed);
	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_add(&bed, &bed_mac, BED_ETH0);
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_TC_INGRESS);
	fixture_end(&bed.f);
}

/* The key as the dissection alone gives it. */
static struct classify_key key_oracle(const uint8_t *frame, uint32_t len)
{
	struct classify_key key = {.ethertype = ETHER_TYPE_IPV4};
	struct dissect d;
	static const enum classify_fragment fragment[] = {
	        CLASSIFY_WHOLE, CLASSIFY_FIRST_FRAGMENT, CLASSIFY_LATER_FRAGMENT};

	memcpy(key.dmac.b, frame, 6);
	memcpy(key.smac.b, frame + 6, 6);
	dissect_frame(frame, len, &d);
	if (d.l3 != DISSECT_IPV4)
		return key;
	key.saddr = (uint32_t)frame[26] << 24 | frame[27] << 16 | frame[28] << 8 | frame[29];
	key.daddr = (uint32_t)frame[30] << 24 | frame[31] << 16 | frame[32] << 8 | frame[33];
	key.ip_proto = d.l4_proto;
	key.tcp_flags = d.tcp_flags;
	key.l4_sport = d.flags & DISSECT_ICMP ? d.icmp_type : d.src_port;
	key.l4_dport = d.flags & DISSECT_ICMP ? d.icmp_code : d.dst_port;
	key.shape = classify_shape(CLASSIFY_IPV4, fragment[d.fragment],
	        d.flags & DISSECT_PORTS  ? CLASSIFY_L4_PORTS
	        : d.flags & DISSECT_ICMP ? CLASSIFY_L4_ICMP
	                                 : CLASSIFY_L4_NONE);
	return key;
}

Test(filter_rules, the_short_way_to_a_key_gives_the_same_key)
{
	static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP, IP_PROTO_SCTP, 99};
	uint64_t random = 9;
	uint8_t frame[128];

	for (uint32_t round = 0; round < 100000; round++) {
		uint64_t r = random_next(&random);
		uint32_t len = 14 + r % 70;
		struct pkt p = {.l3_off = 14, .len = (uint16_t)len};
		struct classify_key key = {.ethertype = ETHER_TYPE_IPV4}, want;

		for (uint32_t i = 0; i < sizeof frame; i++)
			frame[i] = (uint8_t)random_next(&random);
		frame[12] = 8;
		frame[13] = 0;
		frame[14] = (uint8_t)(r >> 8 & 3 ? 0x45 : 0x40 | (r >> 10 & 15));
		frame[16] = 0;
		frame[17] = (uint8_t)(len - 14 - (r >> 14 & 7) % 5);
		if (r >> 17 & 3)
			frame[20] = frame[21] = 0;
		frame[23] = protos[(r >> 20) % ARRAY_LEN(protos)];
		key_dissect(&key, frame, &p);
		want = key_oracle(frame, len);
		cr_assert_arr_eq(&key, &want, sizeof key, "round %u, %u bytes", round, len);
	}
}

/* Matches wait on a list before they are in their counters: who reads does not see it. */
Test(filter_rules, count_exactly_whenever_one_looks)
{
	struct classify_rule rules[2] = {one, one};
	uint32_t seen[2] = {0};

	rules[0].fields = CLASSIFY_F_IN_PORT;
	rules[0].in_port = (struct classify_ports){1, {BED_ANY}};
	bed_epoch(&bed, 1, (struct bed_rules){rules, 2, CLASSIFY_PASS}, (struct bed_rules){0});
	for (uint32_t round = 0; round < 100; round++) {
		struct port_id port = round % 3 ? BED_ETH0 : BED_ANY;

		fixture_begin(&bed.f, INPUT_RX, 1);
		for (uint32_t i = 0; i <= round % 50; i++)
			bed_add(&bed, &bed_mac, port);
		bed_run(&bed);
		fixture_end(&bed.f);
		seen[round % 3 != 0] += round % 50 + 1;
		cr_assert_eq(matched(FILTER_INGRESS, 0), seen[0]);
		cr_assert_eq(matched(FILTER_INGRESS, 1), seen[1]);
		cr_assert_null(filter_stage.check(bed.worker));
	}
	bed_epoch(&bed, 2, (struct bed_rules){&one, 1, CLASSIFY_PASS}, (struct bed_rules){0});
	bed_epoch(&bed, 3, (struct bed_rules){rules, 2, CLASSIFY_PASS}, (struct bed_rules){0});
	cr_assert_eq(matched(FILTER_INGRESS, 1), seen[1], "another ruleset takes nothing away");
	cr_assert_eq(filter_rules_uncounted(bed.f.state), 0);
}
