/* Segments that no socket wants: RFC 9293 3.10.7.1, for all combinations of flags. */
#include <criterion/criterion.h>

#include "common/wire/tcp.h"
#include "tests/unit/session/bed.h"

static struct bed bed;

static void setup(void)
{
	bed_init(&bed);
	bed_adopt(&bed, 1, NULL, 0);
}

static void teardown(void)
{
	bed_free(&bed);
}

TestSuite(session_tcp, .init = setup, .fini = teardown);

#define SEQ UINT32_C(0xfffffff8)
#define ACK UINT32_C(0x01020304)

static struct bed_packet packet(uint8_t family)
{
	return family == 4 ? bed_packet4(0, "") : bed_packet6(0, "");
}

/* The segment into a burst of its own. */
static struct verdict receive(struct bed_packet *p, uint8_t flags, uint32_t len)
{
	uint8_t l4[100] = {0};
	struct tcp_fields f = {.src_port = 1000,
	        .dst_port = 80,
	        .seq = {SEQ},
	        .ack = {ACK},
	        .flags = flags,
	        .window = 77,
	        .header_len = 24};
	struct verdict v;

	tcp_write(l4, &f);
	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_packet_add(&bed, p, IP_PROTO_TCP, l4, len, len >= 18 ? TCP_CHECKSUM_FIELD : 0);
	bed_run(&bed);
	v = bed.f.burst.verdict[0];
	fixture_end(&bed.f);
	return v;
}

static void expect_reset(const struct bed_packet *p, uint8_t flags, uint32_t payload)
{
	uint32_t header = p->family == 4 ? 20 : 40, len;
	uint32_t length = payload + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
	struct csum pseudo;
	struct tcp_view tcp;
	uint8_t l3[200];

	cr_assert_eq(bed.f.burst.n_out, 1);
	cr_assert_eq(bed.f.burst.out[0].verdict.out.v, out_id(OUT_TX, 0).v);
	len = bed_sent(&bed, 0, l3);
	cr_assert_eq(len, header + 20);
	if (p->family == 4) {
		struct ipv4_view ip;

		cr_assert_eq(ipv4_check(l3, len, &ip), IPV4_OK);
		cr_assert_eq(ip.ttl, 64);
		cr_assert_eq(ip.id, 0);
		cr_assert_eq(ip.fragment, IPV4_DONT_FRAGMENT);
		cr_assert_eq(ip.tos, 0x28, "the ECN bits are not reflected");
		cr_assert_eq(ip.src.raw, p->dst.w32[3].raw);
		cr_assert_eq(ip.dst.raw, p->src.w32[3].raw);
		pseudo = csum_pseudo_ipv4(ip.src, ip.dst, IP_PROTO_TCP, 20);
	} else {
		struct ipv6_view ip;

		cr_assert_eq(ipv6_check(l3, len, &ip), IPV6_OK);
		cr_assert_eq(ip.hop_limit, 64);
		cr_assert_eq(ip.flow_label, 0);
		cr_assert_eq(ip.traffic_class, 0x28);
		cr_assert(ip6_addr_equal(&ip.src, &p->dst) && ip6_addr_equal(&ip.dst, &p->src));
		pseudo = csum_pseudo_ipv6(&ip.src, &ip.dst, IP_PROTO_TCP, 20);
	}
	cr_assert(csum_is_good(csum_bytes(pseudo, l3 + header, 20)));
	cr_assert_eq(tcp_check(l3 + header, 20, &tcp), TCP_OK);
	cr_assert_eq(tcp.src_port, 80);
	cr_assert_eq(tcp.dst_port, 1000);
	cr_assert_eq(tcp.window, 0);
	if (flags & TCP_ACK) {
		cr_assert_eq(tcp.flags, TCP_RST);
		cr_assert_eq(tcp.seq.v, ACK);
		cr_assert_eq(tcp.ack.v, 0);
	} else {
		cr_assert_eq(tcp.flags, TCP_RST | TCP_ACK);
		cr_assert_eq(tcp.seq.v, 0);
		cr_assert_eq(tcp.ack.v, SEQ + length);
	}
}

Test(session_tcp, every_combination_of_flags_is_answered_as_the_rfc_says)
{
	uint64_t resets = 0, segments = 0;

	for (uint8_t family = 4; family <= 6; family += 2)
		for (uint32_t flags = 0; flags < 256; flags++)
			for (uint32_t payload = 0; payload < 20; payload += 19) {
				struct bed_packet p = packet(family);

				p.tos = 0x2b;
				cr_assert_eq(
				        receive(&p, (uint8_t)flags, 24 + payload).reason, DROP_NO_SOCKET);
				segments++;
				if (flags & TCP_RST) {
					cr_assert_eq(bed.f.burst.n_out, 0);
					continue;
				}
				expect_reset(&p, (uint8_t)flags, payload);
				resets++;
			}
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_IN_SEGS), segments);
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_OUT_RSTS), resets);
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_OUT_SEGS), resets);
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_IN_ERRS), 0);
}

Test(session_tcp, a_segment_in_pieces_is_answered_too)
{
	for (uint32_t pieces = 2; pieces < 8; pieces++) {
		struct bed_packet p = packet(4);

		p.tos = 0x28;
		p.pieces = pieces;
		cr_expect_eq(receive(&p, TCP_SYN, 60).reason, DROP_NO_SOCKET);
		expect_reset(&p, TCP_SYN, 36);
		p.bad_sum = true;
		cr_expect_eq(receive(&p, TCP_SYN, 60).reason, DROP_TCP_CSUM);
	}
}

Test(session_tcp, what_is_cut_short_counts_as_linux_counts_it)
{
	for (uint8_t family = 4; family <= 6; family += 2)
		for (uint32_t len = 0; len < 24; len++) {
			struct bed_packet p = packet(family);

			cr_expect_eq(receive(&p, TCP_SYN, len).reason, DROP_TCP_MALFORMED);
			cr_expect_eq(bed.f.burst.n_out, 0);
		}
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_IN_SEGS), 48);
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_IN_ERRS), 0);
}

Test(session_tcp, a_header_below_five_words_is_an_error)
{
	for (uint8_t words = 0; words < 5; words++) {
		struct bed_packet p = packet(4);
		uint8_t l4[20] = {0, 1, 0, 2, [12] = (uint8_t)(words << 4)};

		fixture_begin(&bed.f, INPUT_RX, 1);
		bed_packet_add(&bed, &p, IP_PROTO_TCP, l4, sizeof l4, TCP_CHECKSUM_FIELD);
		bed_run(&bed);
		cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_TCP_MALFORMED);
		fixture_end(&bed.f);
		cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_IN_ERRS), words + 1u);
	}
}

Test(session_tcp, a_wrong_checksum_is_an_error)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct bed_packet p = packet(family);

		p.bad_sum = true;
		cr_expect_eq(receive(&p, TCP_SYN, 30).reason, DROP_TCP_CSUM);
		cr_expect_eq(bed.f.burst.n_out, 0);
	}
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_IN_CSUM_ERRORS), 2);
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_IN_ERRS), 2);
}

Test(session_tcp, an_unfinished_checksum_is_good_where_the_port_says_so)
{
	struct bed_packet p = packet(4);

	p.pseudo_sum = true;
	p.port = BED_ETH1;
	cr_expect_eq(receive(&p, TCP_SYN, 30).reason, DROP_NO_SOCKET);
	cr_expect_eq(bed.f.burst.n_out, 1);
	p.port = BED_ETH0;
	cr_expect_eq(receive(&p, TCP_SYN, 30).reason, DROP_TCP_CSUM);
}

Test(session_tcp, nothing_to_many_is_answered)
{
	struct ip6_addr to[] = {bed_v4(224, 0, 0, 1), bed_v4(255, 255, 255, 255), bed_v4(10, 0, 0, 255),
	        bed_v4(10, 1, 0, 255), bed_v6("ff02::1")};

	for (uint32_t k = 0; k < ARRAY_LEN(to); k++) {
		struct bed_packet p = packet(k == 4 ? 6 : 4);

		p.dst = to[k];
		cr_expect_eq(receive(&p, TCP_SYN, 30).reason, DROP_NO_SOCKET);
		cr_expect_eq(bed.f.burst.n_out, 0);
	}
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_OUT_RSTS), 0);
}

Test(session_tcp, without_a_buffer_there_is_no_reset)
{
	uint8_t l4[24] = {0, 1, 0, 2, [12] = 0x60};
	struct bed_packet p = packet(4);

	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_packet_add(&bed, &p, IP_PROTO_TCP, l4, sizeof l4, TCP_CHECKSUM_FIELD);
	bed.f.spare.n = 0;
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_NO_SOCKET);
	fixture_end(&bed.f);
	cr_expect_eq(fixture_stat(&bed.f, STAT_TCP_OUT_RSTS), 0);
}

Test(session_tcp, a_reset_is_told)
{
	uint8_t l4[24] = {0, 1, 0, 80, [11] = 7, [12] = 0x60, [13] = TCP_ACK};
	struct bed_packet p = packet(4);
	char text[128];

	fixture_begin(&bed.f, INPUT_RX, 1);
	bed.f.burst.pkt[bed_packet_add(&bed, &p, IP_PROTO_TCP, l4, sizeof l4, TCP_CHECKSUM_FIELD)].trace = 1;
	bed_run(&bed);
	cr_assert_eq(bed.f.trace.n, 2);
	trace_format(&bed.f.trace.event[1], NULL, NULL, text, sizeof text);
	cr_expect_str_eq(text, "the sender is told: RST, sequence 7, acknowledgment 0");
	fixture_end(&bed.f);
}

/* As Linux: an anycast address is no end of a connection, and who else has it would be reset too. */
Test(session_tcp, a_segment_to_an_anycast_address_is_not_reset)
{
	struct bed_packet p = packet(6);

	cr_assert_eq(receive(&p, TCP_SYN, 24).reason, DROP_NO_SOCKET);
	cr_expect_eq(bed.f.burst.n_out, 1);
	p.dst = bed_v6("2001:db8::");
	cr_assert_eq(receive(&p, TCP_SYN, 24).reason, DROP_NO_SOCKET);
	cr_expect_eq(bed.f.burst.n_out, 0);
}
