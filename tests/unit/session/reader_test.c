/* The applications: what they read, what they send, in which order. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/wire/udp.h"
#include "tests/unit/session/bed.h"

static struct bed bed;

static void setup(void)
{
	struct epoch_socket sockets[] = {bed_socket(0, 7, EPOCH_APP_ECHO), bed_socket(0, 9, EPOCH_APP_SINK),
	        bed_socket(0, 8, EPOCH_APP_HOLD)};

	for (uint32_t i = 0; i < ARRAY_LEN(sockets); i++)
		sockets[i].rcvbuf = 8 << 20;
	bed_init(&bed);
	bed_adopt(&bed, 1, sockets, ARRAY_LEN(sockets));
}

static void teardown(void)
{
	cr_assert_null(session_stage.check(bed.worker), "%s", session_stage.check(bed.worker));
	bed_free(&bed);
}

TestSuite(session_reader, .init = setup, .fini = teardown, .timeout = 250);

/* The digest as the header says it, one byte after the other. */
static uint64_t digest_oracle(uint64_t digest, const uint8_t *b, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t word = 0;

		for (uint32_t k = 0; k < 8 && i + k < len; k++)
			word |= (uint64_t)b[i + k] << 8 * k;
		digest = hash_mix(digest, word);
	}
	return hash_mix(digest, len);
}

Test(session_reader, sinks_read_all_that_comes)
{
	uint64_t digest = 0, bytes = 0, random = 4;
	static uint8_t payload[5000];

	cr_expect_eq(session_stage.next_timer(bed.worker), NANOS_NEVER);
	for (uint32_t i = 0; i < 100; i++) {
		struct bed_packet p = i % 2 ? bed_packet4(9, "") : bed_packet6(9, "");

		for (uint32_t k = 0; k < sizeof payload; k++)
			payload[k] = (uint8_t)random_next(&random);
		p.payload = payload;
		p.len = (uint32_t)(random_next(&random) % sizeof payload);
		p.pieces = 1 + p.len / 1000;
		cr_assert_eq(bed_receive(&bed, &p).kind, VERDICT_QUEUED);
		cr_assert_eq(session_stage.next_timer(bed.worker), 0);
		digest = digest_oracle(digest, payload, p.len);
		bytes += p.len;
	}
	cr_expect_geq(bed_timers(&bed), 3);
	cr_expect_eq(bed_count(&bed, 9).read, 100);
	cr_expect_eq(bed_count(&bed, 9).read_bytes, bytes);
	cr_expect_eq(bed_count(&bed, 9).digest, digest);
	cr_expect_eq(bed_count(&bed, 9).waiting, 0);
	cr_expect_eq(bed_count(&bed, 9).rmem, 0);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_IN_DATAGRAMS), 50);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP6_IN_DATAGRAMS), 50);
	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		cr_assert_not(bed.f.held[i]);
}

Test(session_reader, buffers_of_what_is_read_are_free)
{
	struct bed_packet p = bed_packet4(9, "text in pieces");

	p.pieces = 3;
	bed_receive(&bed, &p);
	bed_timer(&bed);
	cr_expect_eq(bed.f.burst.n_out, 3);
	for (uint32_t i = 0; i < 3; i++) {
		cr_expect_eq(bed.f.burst.out[i].born, BORN_DELIVERED);
		cr_expect_eq(bed.f.burst.out[i].verdict.kind, VERDICT_DELIVERED);
	}
}

Test(session_reader, holders_never_read)
{
	struct bed_packet p = bed_packet4(8, "text");

	bed_receive(&bed, &p);
	cr_expect_eq(session_stage.next_timer(bed.worker), NANOS_NEVER);
	cr_expect_eq(bed_count(&bed, 8).waiting, 1);
}

/* Outbox entry k as an IP packet with UDP: addresses, ports and payload are those of the question turned
 * round. */
static void expect_echo(uint32_t k, const struct bed_packet *question, bool source_left_open)
{
	struct pkt *pkt = &bed.f.burst.out[k].pkt;
	static uint8_t l3[70000];
	uint32_t len = bed_sent(&bed, k, l3), header = question->family == 4 ? 20 : 40;
	struct csum pseudo;
	struct udp_view udp;
	struct ip6_addr src, dst;
	uint8_t ttl = question->port.v == 1 ? 33 : 64;

	cr_assert_eq(bed.f.burst.out[k].verdict.out.v, out_id(OUT_TX, 0).v);
	cr_assert_eq(pkt->total_len - pkt->l3_off, len);
	cr_assert_eq(pkt->l3_off, 14);
	cr_assert_eq(pkt->l4_off, 14 + header);
	cr_assert_eq(pkt->l4_proto, IP_PROTO_UDP);
	cr_assert(pkt->flags & PKT_F_LOCAL);
	if (question->family == 4) {
		struct ipv4_view ip;

		cr_assert_eq(ipv4_check(l3, len, &ip), IPV4_OK);
		cr_assert_eq(ip.total_len, len);
		cr_assert_eq(ip.ttl, ttl);
		cr_assert_eq(ip.fragment, 0);
		src = ip6_addr_mapped(ip.src);
		dst = ip6_addr_mapped(ip.dst);
		pseudo = csum_pseudo_ipv4(ip.src, ip.dst, IP_PROTO_UDP, len - header);
	} else {
		struct ipv6_view ip;

		cr_assert_eq(ipv6_check(l3, len, &ip), IPV6_OK);
		cr_assert_eq(ip.total_len, len);
		cr_assert_eq(ip.hop_limit, ttl);
		src = ip.src;
		dst = ip.dst;
		pseudo = csum_pseudo_ipv6(&ip.src, &ip.dst, IP_PROTO_UDP, len - header);
	}
	cr_assert_eq(udp_check(l3 + header, len - header, &udp), UDP_OK);
	cr_assert(csum_is_good(csum_bytes(pseudo, l3 + header, len - header)));
	cr_assert(udp_has_checksum(&udp));
	cr_assert(ip6_addr_equal(&dst, &question->src));
	if (source_left_open)
		cr_assert(ip6_is_unspecified(&src) || ipv4_is_unspecified(src.w32[3]));
	else
		cr_assert(ip6_addr_equal(&src, &question->dst));
	cr_assert_eq(udp.src_port, question->dport);
	cr_assert_eq(udp.dst_port, question->sport);
	cr_assert_eq(udp.len, 8 + question->len);
	cr_assert_arr_eq(l3 + header + 8, question->payload, question->len);
}

Test(session_reader, echoes_of_every_size)
{
	static const uint32_t sizes[] = {
	        0, 1, 7, 1400, 1472, 1801, 1814, 1815, 1816, 1821, 1822, 1823, 3700, 9000, 30000, 65507};
	static uint8_t payload[65536];

	for (uint32_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
	for (uint32_t k = 0; k < ARRAY_LEN(sizes); k++)
		for (uint8_t family = 4; family <= 6; family += 2) {
			struct bed_packet p = family == 4 ? bed_packet4(7, "") : bed_packet6(7, "");

			p.payload = payload;
			p.len = sizes[k];
			p.pieces = 1 + sizes[k] / 1400;
			p.port.v = k % 2;
			cr_assert_eq(bed_receive(&bed, &p).kind, VERDICT_QUEUED);
			bed_timer(&bed);
			expect_echo(0, &p, false);
			cr_assert_eq(bed.f.burst.out[0].born, BORN_GENERATED);
		}
	cr_expect_eq(bed_count(&bed, 7).sent, 2 * ARRAY_LEN(sizes));
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_OUT_DATAGRAMS), ARRAY_LEN(sizes));
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP6_OUT_DATAGRAMS), ARRAY_LEN(sizes));
}

Test(session_reader, identifications_differ)
{
	struct bed_packet p = bed_packet4(7, "text");
	uint8_t l3[2][200];

	for (uint32_t i = 0; i < 2; i++) {
		bed_receive(&bed, &p);
		bed_timer(&bed);
		bed_sent(&bed, 0, l3[i]);
	}
	cr_expect_arr_neq(l3[0] + 4, l3[1] + 4, 2);
}

Test(session_reader, an_echo_of_what_went_to_many_has_its_source_chosen_later)
{
	struct bed_packet p[] = {bed_packet4(7, "a"), bed_packet4(7, "b"), bed_packet4(7, "c"),
	        bed_packet6(7, "d"), bed_packet4(7, "e")};

	p[0].dst = bed_v4(224, 0, 0, 1);
	p[1].dst = bed_v4(255, 255, 255, 255);
	p[2].dst = bed_v4(10, 0, 0, 255);
	p[3].dst = bed_v6("ff02::1");
	p[4].dst = bed_v4(10, 1, 0, 255);
	for (uint32_t i = 0; i < ARRAY_LEN(p); i++) {
		bed_receive(&bed, &p[i]);
		bed_timer(&bed);
		expect_echo(0, &p[i], true);
	}
}

Test(session_reader, a_link_local_peer_is_answered_over_its_port)
{
	struct bed_packet p = bed_packet6(7, "text");

	p.src = bed_v6("fe80::9");
	p.port = BED_ETH1;
	bed_receive(&bed, &p);
	bed_timer(&bed);
	expect_echo(0, &p, false);
	cr_expect_eq(bed.f.burst.out[0].pkt.out.v, 1);
	p.src = bed_v6("2001:db8::9");
	bed_receive(&bed, &p);
	bed_timer(&bed);
	cr_expect_eq(bed.f.burst.out[0].pkt.out.v, PORT_NONE.v);
}

Test(session_reader, nobody_to_answer_is_no_echo)
{
	struct bed_packet p = bed_packet4(7, "text"), q = bed_packet4(7, "text");

	p.sport = 0;
	q.src = bed_v4(0, 0, 0, 0);
	q.dst = bed_v4(255, 255, 255, 255);
	bed_receive(&bed, &p);
	bed_receive(&bed, &q);
	bed_timers(&bed);
	cr_expect_eq(bed_count(&bed, 7).read, 2);
	cr_expect_eq(bed_count(&bed, 7).sent, 0);
	cr_expect_eq(bed_count(&bed, 7).send_failed, 2);
}

Test(session_reader, without_a_buffer_the_echo_is_lost_and_the_datagram_read)
{
	struct bed_packet p = bed_packet4(7, "text");

	bed_receive(&bed, &p);
	fixture_begin(&bed.f, INPUT_TIMER, 1);
	bed.f.spare.n = 0;
	session_stage.timer(bed.worker, &bed.epoch, 1, &bed.f.burst);
	cr_expect_eq(bed.f.burst.no_buffer, 1);
	fixture_end(&bed.f);
	cr_expect_eq(bed_count(&bed, 7).send_failed, 1);
	cr_expect_eq(bed_count(&bed, 7).waiting, 0);
}

Test(session_reader, sockets_take_turns)
{
	struct bed_packet many = bed_packet4(9, "x"), one = bed_packet4(7, "y");

	for (uint32_t i = 0; i < 60; i++)
		bed_receive(&bed, &many);
	bed_receive(&bed, &one);
	bed_timer(&bed);
	cr_expect_eq(bed_count(&bed, 7).read, 1);
	cr_expect_lt(bed_count(&bed, 9).read, 60);
	cr_expect_eq(session_stage.next_timer(bed.worker), 0);
	bed_timers(&bed);
	cr_expect_eq(bed_count(&bed, 9).read, 60);
}

Test(session_reader, large_datagrams_are_read_as_far_as_the_outbox_goes)
{
	static uint8_t payload[60000];
	struct bed_packet p = bed_packet4(7, "");

	p.payload = payload;
	p.len = sizeof payload;
	p.pieces = 120;
	for (uint32_t i = 0; i < 8; i++)
		bed_receive(&bed, &p);
	cr_assert_geq(bed_count(&bed, 7).waiting, 3);
	bed_timer(&bed);
	cr_expect_gt(bed_count(&bed, 7).waiting, 0);
	bed_timers(&bed);
	cr_expect_eq(bed_count(&bed, 7).waiting, 0);
}

/* A stage that writes into buffers that it does not own. */
Test(session_reader, spoilt_buffers_do_no_harm)
{
	uint64_t random = 8;

	for (uint32_t round = 0; round < 3000; round++) {
		struct bed_packet p = round % 2 ? bed_packet4(7, "some text") : bed_packet6(7, "some text");
		uint32_t k, at;
		uint8_t *buffer;

		p.pieces = 1 + round % 3;
		bed_receive(&bed, &p);
		k = (uint32_t)random_next(&random) % p.pieces;
		buffer = pool_buffer(&bed.f.pool, bed.f.burst.index[k]);
		for (uint32_t hits = 0; hits < 3; hits++) {
			at = (uint32_t)random_next(&random) % (hits ? 64 : PKT_FRAME_OFF + 80);
			buffer[at] = (uint8_t)random_next(&random);
		}
		bed_timers(&bed);
	}
	cr_expect_eq(bed_count(&bed, 7).waiting, 0);
	cr_expect_lt(bed_count(&bed, 7).read, 3000);
	cr_expect_gt(bed_count(&bed, 7).read, 1000);
	cr_expect_eq(bed_count(&bed, 7).queued, 3000);
}

Test(session_reader, reading_is_told)
{
	struct bed_packet p = bed_packet4(9, "text");
	char text[128];

	fixture_begin(&bed.f, INPUT_RX, 1);
	bed.f.burst.pkt[bed_udp(&bed, &p)].trace = 5;
	bed_run(&bed);
	fixture_end(&bed.f);
	bed_timer(&bed);
	cr_assert_eq(bed.f.trace.n, 1);
	trace_format(&bed.f.trace.event[0], NULL, NULL, text, sizeof text);
	cr_expect_str_eq(text, "socket 1 reads 4 bytes");
}
