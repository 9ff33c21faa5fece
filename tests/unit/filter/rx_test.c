/* Towards the router: lengths, packet types, ports, ethertypes, counters. */
#include <criterion/criterion.h>

#include "common/wire/ether.h"
#include "tests/unit/filter/bed.h"

static struct bed bed;

static void setup(void)
{
	bed_init(&bed);
	bed_epoch(&bed, 1, (struct bed_rules){0}, (struct bed_rules){0});
	fixture_begin(&bed.f, INPUT_RX, 1);
}

static void teardown(void)
{
	cr_assert_null(filter_stage.check(bed.worker));
	bed_free(&bed);
}

TestSuite(filter_rx, .init = setup, .fini = teardown);

static void expect_drop(uint32_t i, enum drop_reason reason)
{
	struct verdict v = bed.f.burst.verdict[i];

	cr_expect_eq(v.kind, VERDICT_DROP, "packet %u: kind %u", i, v.kind);
	cr_expect_eq(v.reason, reason, "packet %u: %s", i, drop_reason_label((enum drop_reason)v.reason));
}

static void expect_pass(uint32_t i, enum out_kind kind, uint32_t lane)
{
	struct verdict v = bed.f.burst.verdict[i];

	cr_expect_eq(v.kind, VERDICT_PASS, "packet %u: kind %u, %s", i, v.kind,
	        drop_reason_label((enum drop_reason)v.reason));
	cr_expect_eq(v.out.v, out_id(kind, lane).v);
}

Test(filter_rx, types_are_by_destination_address)
{
	static const struct mac_addr group = {{1, 0, 0x5e, 0, 0, 1}};
	static const struct mac_addr all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	uint32_t host = bed_add(&bed, &bed_mac, BED_ETH0);
	uint32_t multicast = bed_add(&bed, &group, BED_ETH0);
	uint32_t broadcast = bed_add(&bed, &all, BED_ETH0);
	uint32_t other = bed_add(&bed, &bed_other, BED_ETH0);
	uint32_t any = bed_add(&bed, &bed_other, BED_ANY);
	struct port_count count;

	bed_run(&bed);
	cr_expect_eq(bed.f.burst.pkt[host].type, PKT_HOST);
	cr_expect_eq(bed.f.burst.pkt[multicast].type, PKT_MULTICAST);
	cr_expect_eq(bed.f.burst.pkt[broadcast].type, PKT_BROADCAST);
	cr_expect_eq(bed.f.burst.pkt[other].type, PKT_OTHERHOST);
	cr_expect_eq(bed.f.burst.pkt[any].type, PKT_HOST);
	for (uint32_t i = 0; i < 5; i++)
		if (i == other)
			expect_drop(i, DROP_OTHERHOST);
		else
			expect_pass(i, OUT_RX, 0);
	fixture_end(&bed.f);
	count = filter_port_count(bed.f.state, BED_ETH0);
	cr_expect_eq(count.rx_packets, 4);
	cr_expect_eq(count.rx_bytes, 4 * 60);
	cr_expect_eq(count.rx_dropped, 1);
	cr_expect_eq(count.rx_multicast, 2);
	cr_expect_eq(filter_port_count(bed.f.state, BED_ANY).rx_packets, 1);
}

Test(filter_rx, what_the_router_needs_is_set)
{
	uint32_t i = bed_add(&bed, &bed_mac, BED_ETH0);
	struct pkt *p = &bed.f.burst.pkt[i];

	p->flags = PKT_F_TAGGED | PKT_F_TAGGED2 | PKT_F_HASHED;
	bed_run(&bed);
	cr_expect_eq(p->l3_off, 14);
	cr_expect_eq(p->ethertype, 0x0800);
	cr_expect_eq(p->port.v, 0);
	cr_expect_eq(p->flags, PKT_F_HASHED);
}

Test(filter_rx, odd_source_addresses_are_accepted_as_linux_does)
{
	uint8_t frame[64] = {0};
	static const struct mac_addr sources[] = {{{0}}, {{1, 0, 0x5e, 0, 0, 1}}, {{2, 0, 0, 0, 0, 1}}};

	for (uint32_t i = 0; i < ARRAY_LEN(sources); i++) {
		ether_write(frame, &bed_mac, &sources[i], ETHER_TYPE_ARP);
		fixture_add(&bed.f, frame, 60, BED_ETH0);
	}
	bed_run(&bed);
	for (uint32_t i = 0; i < ARRAY_LEN(sources); i++)
		expect_pass(i, OUT_RX, 0);
}

Test(filter_rx, every_length_below_a_header_is_too_small)
{
	uint8_t frame[ETHER_HDR_LEN];

	ether_write(frame, &bed_mac, &bed_peer, ETHER_TYPE_IPV4);
	for (uint32_t len = 0; len <= ETHER_HDR_LEN; len++)
		fixture_add(&bed.f, frame, len, BED_ETH0);
	bed_run(&bed);
	for (uint32_t len = 0; len < ETHER_HDR_LEN; len++)
		expect_drop(len, DROP_PKT_TOO_SMALL);
	expect_pass(ETHER_HDR_LEN, OUT_RX, 0);
}

Test(filter_rx, three_protocols_go_on)
{
	static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0, 46, 0x05ff, 0x0600, 0x0801, 0x8035,
	        0x88cc, 0x8847, 0x888e, 0xffff};
	uint8_t frame[64] = {0};

	for (uint32_t i = 0; i < ARRAY_LEN(types); i++) {
		ether_write(frame, &bed_mac, &bed_peer, types[i]);
		fixture_add(&bed.f, frame, 60, BED_ETH0);
	}
	bed_run(&bed);
	for (uint32_t i = 0; i < ARRAY_LEN(types); i++)
		if (i < 3)
			expect_pass(i, OUT_RX, 0);
		else
			expect_drop(i, DROP_UNHANDLED_PROTO);
}

Test(filter_rx, ports_that_cannot_receive)
{
	uint32_t down = bed_add(&bed, &bed_mac, BED_DOWN);
	uint32_t lo = bed_add(&bed, &bed_mac, BED_LO);
	uint32_t hole = bed_add(&bed, &bed_mac, (struct port_id){20});
	uint32_t sub = bed_add(&bed, &bed_mac, (struct port_id){BED_SUB});
	uint32_t beyond = bed_add(&bed, &bed_mac, (struct port_id){5000});
	uint32_t none = bed_add(&bed, &bed_mac, PORT_NONE);

	bed_run(&bed);
	expect_drop(down, DROP_PORT_DOWN);
	expect_drop(lo, DROP_BAD_DESC);
	expect_drop(hole, DROP_BAD_DESC);
	expect_drop(sub, DROP_BAD_DESC);
	expect_drop(beyond, DROP_BAD_DESC);
	expect_drop(none, DROP_BAD_DESC);
	fixture_end(&bed.f);
	cr_expect_eq(filter_port_count(bed.f.state, BED_DOWN).rx_dropped, 1);
	cr_expect_eq(filter_port_count(bed.f.state, (struct port_id){5000}).rx_packets, 0);
}

Test(filter_rx, the_lane_is_kept)
{
	uint32_t i = bed_add(&bed, &bed_mac, BED_ETH0);

	bed.f.burst.lane = 3;
	bed.f.burst.lanes = 4;
	bed_run(&bed);
	expect_pass(i, OUT_RX, 3);
}

Test(filter_rx, a_chain_has_the_verdict_of_its_first)
{
	bed_add(&bed, &bed_other, BED_ETH0);
	bed_add(&bed, &bed_mac, BED_ETH0);
	bed.f.burst.more[0] = 1;
	bed_run(&bed);
	expect_drop(0, DROP_OTHERHOST);
	expect_drop(1, DROP_OTHERHOST);
}

Test(filter_rx, decisions_are_told)
{
	char text[128];
	uint32_t i = bed_add(&bed, &bed_mac, BED_ETH0);

	bed.f.burst.pkt[i].trace = 7;
	bed_run(&bed);
	cr_assert_eq(bed.f.trace.n, 1);
	trace_format(&bed.f.trace.event[0], NULL, NULL, text, sizeof text);
	cr_expect_str_eq(text, "from 02:00:00:00:01:01 to 02:00:00:00:00:01, ethertype 0x800");
}
