/* Towards the wire: ports, lengths, lanes, counters. */
#include <criterion/criterion.h>

#include "common/wire/ether.h"
#include "tests/unit/filter/bed.h"

static struct bed bed;

static void setup(void)
{
	bed_init(&bed);
	bed_epoch(&bed, 1, (struct bed_rules){0}, (struct bed_rules){0});
	fixture_begin(&bed.f, INPUT_TX, 1);
}

static void teardown(void)
{
	bed_free(&bed);
}

TestSuite(filter_tx, .init = setup, .fini = teardown);

static uint32_t add_out(struct port_id out, uint32_t l3_bytes)
{
	static uint8_t frame[2000];
	uint32_t i;

	ether_write(frame, &bed_peer, &bed_mac, ETHER_TYPE_IPV4);
	i = fixture_add(&bed.f, frame, bed_udp4(frame, ETHER_HDR_LEN, l3_bytes, 1, 2), PORT_NONE);
	bed.f.burst.pkt[i].out = out;
	return i;
}

static void expect_reason(uint32_t i, enum drop_reason reason)
{
	struct verdict v = bed.f.burst.verdict[i];

	cr_expect_eq(v.kind, reason ? VERDICT_DROP : VERDICT_PASS);
	cr_expect_eq(v.reason, reason, "%s", drop_reason_label((enum drop_reason)v.reason));
}

Test(filter_tx, the_mtu_is_that_of_the_sub_port)
{
	struct port_id sub = {BED_SUB}, qinq = {BED_SUB + 5};
	uint32_t fits[] = {add_out(BED_ETH0, BED_MTU), add_out(sub, BED_SUB_MTU), add_out(qinq, BED_SUB_MTU)};
	uint32_t more[] = {
	        add_out(BED_ETH0, BED_MTU + 1), add_out(sub, BED_SUB_MTU + 1), add_out(qinq, BED_MTU)};

	bed_run(&bed);
	for (uint32_t k = 0; k < 3; k++) {
		expect_reason(fits[k], DROP_NONE);
		expect_reason(more[k], DROP_TX_LENGTH);
	}
	fixture_end(&bed.f);
	cr_expect_eq(filter_port_count(bed.f.state, sub).tx_packets, 1);
	cr_expect_eq(filter_port_count(bed.f.state, sub).tx_bytes, BED_SUB_MTU + 14);
	cr_expect_eq(filter_port_count(bed.f.state, sub).tx_dropped, 1);
	cr_expect_eq(filter_port_count(bed.f.state, BED_ETH0).tx_packets, 1);
}

Test(filter_tx, ports_that_cannot_send)
{
	uint32_t down = add_out(BED_DOWN, 46), lo = add_out(BED_LO, 46);
	uint32_t sub = add_out((struct port_id){BED_SUB + 2}, 46), none = add_out(PORT_NONE, 46);
	uint32_t hole = add_out((struct port_id){20}, 46);
	uint32_t little = fixture_add(&bed.f, (uint8_t[13]){0}, 13, PORT_NONE);

	bed.f.burst.pkt[little].out = BED_ETH0;
	bed_run(&bed);
	expect_reason(down, DROP_PORT_DOWN);
	expect_reason(lo, DROP_BAD_DESC);
	expect_reason(sub, DROP_PORT_DOWN);
	expect_reason(none, DROP_BAD_DESC);
	expect_reason(hole, DROP_BAD_DESC);
	expect_reason(little, DROP_PKT_TOO_SMALL);
}

Test(filter_tx, the_lane_is_that_of_the_queue)
{
	static const struct {
		uint8_t lane, eth0, eth2;
	} want[] = {{0, 0, 1}, {1, 0, 2}, {2, 0, 1}, {3, 0, 2}};

	for (uint32_t k = 0; k < ARRAY_LEN(want); k++) {
		uint32_t eth0, eth2;

		fixture_begin(&bed.f, INPUT_TX, 1);
		bed.f.burst.lane = want[k].lane;
		bed.f.burst.lanes = 4;
		eth0 = add_out(BED_ETH0, 46);
		eth2 = add_out(BED_ANY, 46);
		bed_run(&bed);
		cr_expect_eq(bed.f.burst.verdict[eth0].out.v, out_id(OUT_TX, want[k].eth0).v);
		cr_expect_eq(bed.f.burst.verdict[eth2].out.v, out_id(OUT_TX, want[k].eth2).v);
		fixture_end(&bed.f);
	}
}

Test(filter_tx, lanes_wrap_around)
{
	uint32_t i;

	bed.f.burst.lane = 1;
	bed.f.burst.lanes = 2;
	i = add_out(BED_ANY, 46);
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[i].out.v, out_id(OUT_TX, 0).v);
}

Test(filter_tx, a_frame_without_headroom_for_its_tags_is_dropped)
{
	uint32_t i = add_out((struct port_id){BED_SUB}, 46);
	struct pkt *p = &bed.f.burst.pkt[i];

	memmove(bed.f.burst.frame[i] - (PKT_HEADROOM_BYTES - 3), bed.f.burst.frame[i], p->len);
	bed.f.burst.frame[i] -= PKT_HEADROOM_BYTES - 3;
	p->data_off -= PKT_HEADROOM_BYTES - 3;
	bed_run(&bed);
	expect_reason(i, DROP_TX_LENGTH);
}

Test(filter_tx, an_unfinished_checksum_moves_with_its_frame)
{
	uint32_t i = add_out((struct port_id){BED_SUB + 5}, 46);
	struct pkt *p = &bed.f.burst.pkt[i];

	p->csum = PKT_CSUM_PARTIAL;
	p->csum_start = 34;
	p->csum_off = 6;
	bed_run(&bed);
	cr_expect_eq(p->csum_start, 42);
	cr_expect_eq(p->csum_off, 6);
}

Test(filter_tx, a_chain_goes_out_as_one)
{
	uint32_t first = add_out((struct port_id){BED_SUB}, 400), second = add_out(PORT_NONE, 400);
	uint32_t alone = add_out(BED_ETH0, 46);

	bed.f.burst.more[first] = 1;
	bed.f.burst.pkt[first].total_len += bed.f.burst.pkt[second].len;
	bed_run(&bed);
	expect_reason(first, DROP_NONE);
	expect_reason(second, DROP_NONE);
	expect_reason(alone, DROP_NONE);
	cr_expect_eq(bed.f.burst.verdict[second].out.v, bed.f.burst.verdict[first].out.v);
	cr_expect_eq(bed.f.burst.pkt[first].len, 414 + 4);
	cr_expect_eq(bed.f.burst.pkt[second].len, 414);
	cr_expect_eq(bed.f.burst.pkt[first].total_len, 2 * 414 + 4);
}

Test(filter_tx, a_chain_is_as_long_as_all_of_it)
{
	uint32_t first = add_out(BED_ETH0, 1000), second = add_out(PORT_NONE, 1000);

	bed.f.burst.more[first] = 1;
	bed.f.burst.pkt[first].total_len += bed.f.burst.pkt[second].len;
	bed_run(&bed);
	expect_reason(first, DROP_TX_LENGTH);
	expect_reason(second, DROP_TX_LENGTH);
}

Test(filter_tx, decisions_are_told)
{
	char text[128];
	uint32_t i = add_out((struct port_id){BED_SUB + 5}, 46);

	bed.f.burst.pkt[i].trace = 7;
	bed_run(&bed);
	cr_assert_eq(bed.f.trace.n, 1);
	trace_format(&bed.f.trace.event[0], NULL, NULL, text, sizeof text);
	cr_expect_str_eq(text, "leaves with 2 VLAN tags, the outer one 100");
}
