/* UDP on its way to a queue: headers, checksums, counters. */
#include <criterion/criterion.h>

#include "common/wire/udp.h"
#include "tests/unit/session/bed.h"

static struct bed bed;

static void setup(void)
{
	struct epoch_socket sockets[] = {
	        bed_socket(0, 53, EPOCH_APP_HOLD), bed_socket(4, 54, EPOCH_APP_HOLD)};

	sockets[0].rcvbuf = 1 << 20;
	bed_init(&bed);
	bed_adopt(&bed, 1, sockets, 2);
}

static void teardown(void)
{
	cr_assert_null(session_stage.check(bed.worker), "%s", session_stage.check(bed.worker));
	bed_free(&bed);
}

TestSuite(session_udp, .init = setup, .fini = teardown);

static void expect(struct verdict v, enum verdict_kind kind, enum drop_reason reason)
{
	cr_expect_eq(v.kind, kind, "kind %u", v.kind);
	cr_expect_eq(v.reason, reason, "%s, not %s", drop_reason_label((enum drop_reason)v.reason),
	        drop_reason_label(reason));
}

static uint64_t udp_stat(uint8_t family, enum stat_id stat)
{
	return fixture_stat(&bed.f,
	        (enum stat_id)(stat + (family == 6 ? STAT_UDP6_IN_DATAGRAMS - STAT_UDP_IN_DATAGRAMS : 0)));
}

static struct bed_packet packet(uint8_t family, uint16_t dport, const char *payload)
{
	return family == 4 ? bed_packet4(dport, payload) : bed_packet6(dport, payload);
}

Test(session_udp, is_queued)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct bed_packet p = packet(family, 53, "question");

		expect(bed_receive(&bed, &p), VERDICT_QUEUED, DROP_NONE);
	}
	cr_expect_eq(bed_count(&bed, 53).waiting, 2);
	cr_expect_eq(bed_count(&bed, 53).queued, 2);
	cr_expect_eq(bed_count(&bed, 53).wakeups, 1, "the second finds the reader woken");
	cr_expect_eq(bed_count(&bed, 53).rmem, 2 * PKT_STRIDE_DEFAULT);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_IN_DATAGRAMS), 0, "counted when it is read, as in Linux");
}

Test(session_udp, without_a_socket_is_refused)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct bed_packet p = packet(family, 99, "?");

		expect(bed_receive(&bed, &p), VERDICT_DROP, DROP_NO_SOCKET);
		cr_expect_eq(udp_stat(family, STAT_UDP_NO_PORTS), 1);
		cr_expect_eq(udp_stat(family, STAT_UDP_IN_ERRORS), 0);
		cr_expect_eq(bed.f.burst.n_out, 1);
	}
}

Test(session_udp, with_a_wrong_checksum_is_dropped_whoever_listens)
{
	for (uint8_t family = 4; family <= 6; family += 2)
		for (uint16_t port = 53; port <= 99; port += 46) {
			struct bed_packet p = packet(family, port, "text");

			p.bad_sum = true;
			expect(bed_receive(&bed, &p), VERDICT_DROP, DROP_UDP_CSUM);
			cr_expect_eq(udp_stat(family, STAT_UDP_IN_CSUM_ERRORS), 1u + (port == 99));
			cr_expect_eq(udp_stat(family, STAT_UDP_IN_ERRORS), 1u + (port == 99));
			cr_expect_eq(bed.f.burst.n_out, 0, "nobody is told");
		}
}

Test(session_udp, may_lack_a_checksum_over_ipv4_alone)
{
	struct bed_packet p4 = bed_packet4(53, "text"), p6 = bed_packet6(53, "text"),
	                  none = bed_packet6(99, "");

	p4.no_sum = p6.no_sum = none.no_sum = true;
	expect(bed_receive(&bed, &p4), VERDICT_QUEUED, DROP_NONE);
	expect(bed_receive(&bed, &p6), VERDICT_DROP, DROP_UDP_CSUM);
	expect(bed_receive(&bed, &none), VERDICT_DROP, DROP_UDP_CSUM);
	cr_expect_eq(udp_stat(6, STAT_UDP_IN_CSUM_ERRORS), 2);
}

Test(session_udp, a_checksum_that_is_known_is_not_looked_at)
{
	struct bed_packet p = bed_packet4(53, "text");
	static const uint8_t known[] = {PKT_CSUM_VALID, PKT_CSUM_PARTIAL};

	p.bad_sum = true;
	for (uint32_t k = 0; k < ARRAY_LEN(known); k++) {
		fixture_begin(&bed.f, INPUT_RX, 1);
		bed.f.burst.pkt[bed_udp(&bed, &p)].csum = known[k];
		bed_run(&bed);
		expect(bed.f.burst.verdict[0], VERDICT_QUEUED, DROP_NONE);
		fixture_end(&bed.f);
	}
}

Test(session_udp, an_unfinished_checksum_is_good_on_a_port_that_says_so)
{
	struct bed_packet p = bed_packet4(53, "text");

	p.pseudo_sum = true;
	expect(bed_receive(&bed, &p), VERDICT_DROP, DROP_UDP_CSUM);
	p.port = BED_ETH1;
	expect(bed_receive(&bed, &p), VERDICT_QUEUED, DROP_NONE);
}

Test(session_udp, padding_does_not_belong_to_it)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct bed_packet p = packet(family, 53, "x");

		p.padding = 17;
		expect(bed_receive(&bed, &p), VERDICT_QUEUED, DROP_NONE);
	}
}

Test(session_udp, every_wrong_length_is_malformed)
{
	for (uint8_t family = 4; family <= 6; family += 2)
		for (uint32_t said = 0; said <= 16; said++) {
			uint8_t l4[12] = {0, 1, 0, 53, 0, (uint8_t)said};
			struct bed_packet p = packet(family, 53, "");
			bool whole = family == 6 && said == 0;
			struct verdict v;

			fixture_begin(&bed.f, INPUT_RX, 1);
			bed_packet_add(&bed, &p, IP_PROTO_UDP, l4, sizeof l4, 0);
			bed.f.burst.pkt[0].csum = PKT_CSUM_VALID;
			l4[6] = 1;
			memcpy(bed.f.burst.frame[0] + bed.f.burst.pkt[0].l4_off, l4, sizeof l4);
			bed_run(&bed);
			v = bed.f.burst.verdict[0];
			fixture_end(&bed.f);
			if (whole || (said >= 8 && said <= 12))
				expect(v, VERDICT_QUEUED, DROP_NONE);
			else
				expect(v, VERDICT_DROP, DROP_UDP_MALFORMED);
		}
	cr_expect_eq(udp_stat(4, STAT_UDP_IN_ERRORS), 12);
	cr_expect_eq(udp_stat(6, STAT_UDP_IN_ERRORS), 11, "a length of 0 is all of the packet");
}

Test(session_udp, what_is_less_than_a_header_is_malformed)
{
	uint8_t l4[8] = {0};

	for (uint32_t len = 0; len < 8; len++) {
		struct bed_packet p = bed_packet4(53, "");

		fixture_begin(&bed.f, INPUT_RX, 1);
		bed_packet_add(&bed, &p, IP_PROTO_UDP, l4, len, 0);
		bed_run(&bed);
		expect(bed.f.burst.verdict[0], VERDICT_DROP, DROP_UDP_MALFORMED);
		fixture_end(&bed.f);
	}
}

Test(session_udp, in_several_buffers_is_summed_over_all)
{
	static char payload[6000];

	for (uint32_t i = 0; i < sizeof payload - 1; i++)
		payload[i] = (char)('a' + i % 23);
	for (uint32_t pieces = 4; pieces < 12; pieces++)
		for (uint8_t family = 4; family <= 6; family += 2) {
			struct bed_packet p = packet(family, 53, payload);
			uint32_t queued = bed_count(&bed, 53).waiting;

			p.pieces = pieces;
			expect(bed_receive(&bed, &p), VERDICT_QUEUED, DROP_NONE);
			cr_expect_eq(bed_count(&bed, 53).waiting, queued + 1);
			p.bad_sum = true;
			expect(bed_receive(&bed, &p), VERDICT_DROP, DROP_UDP_CSUM);
			for (uint32_t k = 0; k < bed.f.burst.n; k++)
				expect(bed.f.burst.verdict[k], VERDICT_DROP, DROP_UDP_CSUM);
		}
	cr_expect_gt(bed_count(&bed, 53).rmem, 90 * PKT_STRIDE_DEFAULT);
}

Test(session_udp, a_packet_that_is_not_what_the_router_said_is_refused)
{
	for (uint32_t kind = 0; kind < 7; kind++) {
		struct bed_packet p = bed_packet4(53, "text"), q = bed_packet6(53, "text");
		struct pkt *pkt = &bed.f.burst.pkt[0];

		fixture_begin(&bed.f, INPUT_RX, 1);
		bed_udp(&bed, kind == 5 ? &q : &p);
		switch (kind) {
		case 0: pkt->l4_off = 10; break;
		case 1: pkt->ethertype = 0x806; break;
		case 2: pkt->ethertype = 0x86dd; break;
		case 3: bed.f.burst.frame[0][14 + 3] += 9; break;
		case 4: pkt->l4_off = 14 + 16; break;
		case 5: bed.f.burst.frame[0][14 + 5] += 9; break;
		case 6: pkt->l4_proto = 99; break;
		}
		bed_run(&bed);
		expect(bed.f.burst.verdict[0], VERDICT_DROP, kind == 6 ? DROP_IP_NOPROTO : DROP_BAD_DESC);
		fixture_end(&bed.f);
	}
}

Test(session_udp, decisions_are_told)
{
	struct bed_packet p = bed_packet4(53, "text"), q = bed_packet4(99, "text");
	char text[2][128];

	fixture_begin(&bed.f, INPUT_RX, 1);
	bed.f.burst.pkt[bed_udp(&bed, &p)].trace = 1;
	bed.f.burst.pkt[bed_udp(&bed, &q)].trace = 2;
	bed_run(&bed);
	cr_assert_eq(bed.f.trace.n, 3);
	trace_format(&bed.f.trace.event[0], NULL, NULL, text[0], sizeof text[0]);
	trace_format(&bed.f.trace.event[2], NULL, NULL, text[1], sizeof text[1]);
	cr_expect_str_eq(text[0], "socket 0 takes it, 1 datagrams wait there");
	cr_expect_str_eq(text[1], "the sender is told: port unreachable, 32 bytes quoted");
	cr_expect_eq(bed.f.burst.out[0].pkt.trace, 2);
	fixture_end(&bed.f);
}
