/* Port unreachable: to whom, what it quotes; and the errors that come in. */
#include <criterion/criterion.h>

#include "common/wire/icmp.h"
#include "common/wire/icmp6.h"
#include "common/wire/udp.h"
#include "tests/unit/session/bed.h"

static struct bed bed;

static void setup(void)
{
	struct epoch_socket s = bed_socket(0, 53, EPOCH_APP_HOLD);

	bed_init(&bed);
	bed_adopt(&bed, 1, &s, 1);
}

static void teardown(void)
{
	bed_free(&bed);
}

TestSuite(session_icmp, .init = setup, .fini = teardown);

Test(session_icmp, quotes_as_much_as_it_may)
{
	static char text[3001];
	static const uint32_t sizes[] = {0, 1, 500, 519, 520, 521, 1183, 1184, 1185, 3000};
	uint8_t l3[2000];

	memset(text, 'q', sizeof text - 1);
	for (uint32_t k = 0; k < ARRAY_LEN(sizes); k++) {
		struct bed_packet p = bed_packet4(99, text);
		struct icmp_view icmp;
		struct ipv4_view ip;
		uint32_t len, want = MIN(sizes[k] + 28, 548u);

		p.len = sizes[k];
		p.pieces = 1 + sizes[k] / 1000;
		p.padding = 3;
		p.tos = 0x3f;
		cr_assert_eq(bed_receive(&bed, &p).reason, DROP_NO_SOCKET);
		cr_assert_eq(bed.f.burst.n_out, 1);
		cr_assert_eq(bed.f.burst.out[0].born, BORN_GENERATED);
		cr_assert_eq(bed.f.burst.out[0].verdict.out.v, out_id(OUT_TX, 0).v);
		cr_assert_eq(bed.f.burst.out[0].pkt.flags, PKT_F_ICMP_ERROR | PKT_F_LOCAL);
		cr_assert_eq(bed.f.burst.out[0].pkt.ethertype, 0x800);
		len = bed_sent(&bed, 0, l3);
		cr_assert_eq(ipv4_check(l3, len, &ip), IPV4_OK);
		cr_assert_eq(len, 28 + want);
		cr_assert_eq(ip.tos, 0xde);
		cr_assert_eq(ip.ttl, 64);
		cr_assert_eq(ip.dst.raw, p.src.w32[3].raw);
		cr_assert_eq(ip.src.raw, p.dst.w32[3].raw);
		cr_assert_eq(icmp_check(l3 + 20, len - 20, &icmp), ICMP_OK);
		cr_assert_eq(icmp.type, ICMP_TYPE_DEST_UNREACH);
		cr_assert_eq(icmp.code, ICMP_UNREACH_PORT);
		cr_assert_eq(icmp.rest, 0);
		cr_assert_arr_eq(
		        l3 + 28, bed.f.burst.frame[0] + 14, MIN(want, (uint32_t)bed.f.burst.pkt[0].len - 14));
	}
}

Test(session_icmp, quotes_as_much_as_it_may_over_ipv6)
{
	static char text[3001];
	static const uint32_t sizes[] = {0, 5, 1183, 1184, 1185, 3000};
	uint8_t l3[2000];

	memset(text, 'q', sizeof text - 1);
	for (uint32_t k = 0; k < ARRAY_LEN(sizes); k++) {
		struct bed_packet p = bed_packet6(99, text);
		struct icmp6_view icmp;
		struct ipv6_view ip;
		uint32_t len, want = MIN(sizes[k] + 48, 1232u);
		struct csum pseudo;

		p.len = sizes[k];
		p.pieces = 1 + sizes[k] / 1000;
		p.src = bed_v6("fe80::5");
		cr_assert_eq(bed_receive(&bed, &p).reason, DROP_NO_SOCKET);
		len = bed_sent(&bed, 0, l3);
		cr_assert_eq(ipv6_check(l3, len, &ip), IPV6_OK);
		cr_assert_eq(len, 48 + want);
		pseudo = csum_pseudo_ipv6(&ip.src, &ip.dst, IP_PROTO_ICMP6, len - 40);
		cr_assert_eq(icmp6_check(l3 + 40, len - 40, pseudo, &icmp), ICMP6_OK);
		cr_assert_eq(icmp.type, ICMP6_TYPE_DEST_UNREACH);
		cr_assert_eq(icmp.code, ICMP6_UNREACH_PORT);
		cr_assert_eq(bed.f.burst.out[0].pkt.out.v, 0, "a link-local peer is on that port");
		cr_assert_arr_eq(
		        l3 + 48, bed.f.burst.frame[0] + 14, MIN(want, (uint32_t)bed.f.burst.pkt[0].len - 14));
	}
}

static void expect_silence(const struct bed_packet *p)
{
	cr_expect_eq(bed_receive(&bed, p).reason, DROP_NO_SOCKET);
	cr_expect_eq(bed.f.burst.n_out, 0);
}

Test(session_icmp, is_not_sent_about_what_went_to_many)
{
	struct bed_packet p = bed_packet4(99, "x"), q = bed_packet6(99, "x");
	struct ip6_addr to[] = {bed_v4(224, 0, 0, 1), bed_v4(255, 255, 255, 255), bed_v4(10, 0, 0, 255),
	        bed_v4(10, 1, 0, 255)};

	for (uint32_t k = 0; k < ARRAY_LEN(to); k++) {
		p.dst = to[k];
		expect_silence(&p);
	}
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_IGNORED_MULTI), 3);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_NO_PORTS), 1, "of another port's network");
	q.dst = bed_v6("ff02::1");
	expect_silence(&q);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP6_IGNORED_MULTI), 1);
}

/* RFC 4443 2.2: from an address of our own, which the router chooses. */
Test(session_icmp, about_what_went_to_an_anycast_address_comes_from_our_own)
{
	struct bed_packet p = bed_packet6(99, "x");
	struct ipv6_view ip;
	uint8_t l3[200];

	p.dst = bed_v6("2001:db8::");
	cr_assert_eq(bed_receive(&bed, &p).reason, DROP_NO_SOCKET);
	cr_assert_eq(ipv6_check(l3, bed_sent(&bed, 0, l3), &ip), IPV6_OK);
	cr_expect(ip6_is_unspecified(&ip.src));
}

Test(session_icmp, is_not_sent_to_who_is_no_single_host)
{
	struct bed_packet p = bed_packet4(99, "x"), q = bed_packet6(99, "x");
	struct ip6_addr from[] = {bed_v4(0, 0, 0, 0), bed_v4(127, 0, 0, 1), bed_v4(224, 0, 0, 9),
	        bed_v4(255, 255, 255, 255), bed_v4(240, 0, 0, 1)};

	for (uint32_t k = 0; k < ARRAY_LEN(from); k++) {
		p.src = from[k];
		expect_silence(&p);
	}
	q.src = bed_v6("ff02::9");
	expect_silence(&q);
	q.src = bed_v6("::");
	expect_silence(&q);
}

Test(session_icmp, is_not_sent_about_a_frame_to_many)
{
	struct bed_packet q = bed_packet6(99, "x");

	fixture_begin(&bed.f, INPUT_RX, 1);
	bed.f.burst.pkt[bed_udp(&bed, &q)].type = PKT_MULTICAST;
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.n_out, 0);
	fixture_end(&bed.f);
}

Test(session_icmp, without_a_buffer_nobody_is_told)
{
	struct bed_packet p = bed_packet4(99, "x");

	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_udp(&bed, &p);
	bed.f.spare.n = 0;
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_NO_SOCKET);
	cr_expect_eq(bed.f.burst.no_buffer, 1);
	fixture_end(&bed.f);
}

struct error {
	uint8_t family, type, code;
	uint16_t port;
	uint8_t proto;
	uint32_t cut;
	uint16_t flags; /* of the packet that bears it */
};

static const struct error unreachable4 = {
        4, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_PORT, 53, IP_PROTO_UDP, 100};
static const struct error unreachable6 = {
        6, ICMP6_TYPE_DEST_UNREACH, ICMP6_UNREACH_PORT, 53, IP_PROTO_UDP, 100};

/* An error about a UDP packet that 10.0.0.1 (2001:db8::1) sent from `port`, into the burst. */
static uint32_t add_error(const struct error *e)
{
	struct bed_packet p = e->family == 4 ? bed_packet4(0, "") : bed_packet6(0, "");
	uint8_t l4[8 + 40 + 8] = {0};
	uint32_t len = 8, i;

	if (e->family == 4) {
		icmp_write(l4, e->type, e->code, 1200);
		len += ipv4_write(l4 + 8, &(struct ipv4_fields){.src = p.dst.w32[3],
		                                  .dst = p.src.w32[3],
		                                  .payload_len = 8,
		                                  .ttl = 1,
		                                  .proto = e->proto});
	} else {
		icmp6_write(l4, e->type, e->code, 1300);
		len += ipv6_write(l4 + 8,
		        &(struct ipv6_fields){
		                .src = p.dst, .dst = p.src, .payload_len = 8, .next_header = e->proto});
	}
	len += udp_write(l4 + len, e->port, 4444, 0);
	i = bed_packet_add(
	        &bed, &p, e->family == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6, l4, MIN(len, e->cut), 0);
	bed.f.burst.pkt[i].flags |= e->flags;
	return i;
}

static struct verdict receive_error(const struct error *e)
{
	struct verdict v;

	fixture_begin(&bed.f, INPUT_RX, 1);
	add_error(e);
	bed_run(&bed);
	v = bed.f.burst.verdict[0];
	fixture_end(&bed.f);
	return v;
}

Test(session_icmp, errors_find_the_socket_that_they_concern)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		enum stat_id errors = family == 4 ? STAT_ICMP_IN_ERRORS : STAT_ICMP6_IN_ERRORS;
		struct error e = family == 4 ? unreachable4 : unreachable6, other = e, tcp = e;

		other.port = 54;
		tcp.proto = IP_PROTO_TCP;
		cr_expect_eq(receive_error(&e).kind, VERDICT_DELIVERED);
		cr_expect_eq(fixture_stat(&bed.f, errors), 0);
		cr_expect_eq(receive_error(&other).reason, DROP_NO_SOCKET);
		cr_expect_eq(receive_error(&tcp).reason, DROP_NO_SOCKET);
		cr_expect_eq(fixture_stat(&bed.f, errors), 2);
		for (e.cut = 0; e.cut < 30; e.cut++)
			cr_expect_eq(receive_error(&e).reason, DROP_ICMP_MALFORMED);
	}
	cr_expect_eq(bed_count(&bed, 53).errors, 2);
}

/* The router believes no word about a path that the session has not vouched for. */
Test(session_icmp, what_tells_a_path_mtu_goes_back_to_the_router)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct error e = family == 4 ? unreachable4 : unreachable6;
		const struct burst *b = &bed.f.burst;

		e.type = family == 4 ? ICMP_TYPE_DEST_UNREACH : ICMP6_TYPE_PACKET_TOO_BIG;
		e.code = family == 4 ? ICMP_UNREACH_FRAG_NEEDED : 0;
		fixture_begin(&bed.f, INPUT_RX, 1);
		add_error(&e);
		bed_run(&bed);
		cr_expect_eq(b->verdict[0].kind, VERDICT_PASS);
		cr_expect_eq(b->verdict[0].out.v, out_id(OUT_TX, 0).v);
		cr_expect(b->pkt[0].flags & PKT_F_VOUCHED);
		fixture_end(&bed.f);
		e.flags = PKT_F_LOCAL;
		cr_expect_eq(receive_error(&e).kind, VERDICT_DELIVERED, "the router has said it by itself");
		e.flags = 0;
		e.port = 54;
		cr_expect_eq(receive_error(&e).reason, DROP_NO_SOCKET);
	}
	cr_expect_eq(bed_count(&bed, 53).errors, 4);
	cr_expect_eq(fixture_stat(&bed.f, STAT_ICMP_IN_ERRORS), 1);
	cr_expect_eq(fixture_stat(&bed.f, STAT_ICMP6_IN_ERRORS), 1);
}

Test(session_icmp, an_error_of_the_other_family_is_malformed)
{
	struct bed_packet p = bed_packet4(0, "");
	uint8_t l4[64] = {0};

	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_packet_add(&bed, &p, IP_PROTO_ICMP6, l4, sizeof l4, 0);
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_ICMP_MALFORMED);
	fixture_end(&bed.f);
}
