#include <criterion/criterion.h>

#include "common/wire/ipv6_ext.h"
#include "tests/unit/wire/guard.h"

static const struct ipv6_fields fields = {
        .src = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
        .dst = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}},
        .flow_label = 0x5a5a5,
        .traffic_class = 0xb9,
        .hop_limit = 63,
};

/* A packet of these headers and `payload` zeros that ends at the guard. */
static uint8_t *packet(
        uint8_t next, const void *headers, uint32_t headers_len, uint32_t payload, struct ipv6_view *v)
{
	uint32_t len = IPV6_HDR_LEN + headers_len + payload;
	uint8_t *b = guard_zeros(len);
	struct ipv6_fields f = fields;

	f.next_header = next;
	f.payload_len = (uint16_t)(headers_len + payload);
	cr_assert_eq(ipv6_write(b, &f), IPV6_HDR_LEN);
	if (headers_len > 0)
		memcpy(b + IPV6_HDR_LEN, headers, headers_len);
	cr_assert_eq(ipv6_check(b, len, v), IPV6_OK);
	return b;
}

static enum ipv6_chain_flaw chain_of(
        uint8_t next, const void *headers, uint32_t headers_len, uint32_t payload, struct ipv6_chain *c)
{
	struct ipv6_view v;
	const uint8_t *b = packet(next, headers, headers_len, payload, &v);

	return ipv6_chain_check(b, v.total_len, &v, c);
}

#define CHAIN(next, text, payload, c) chain_of(next, text, sizeof(text) - 1, payload, c)

Test(ipv6, reads_what_it_wrote)
{
	struct ipv6_view v;
	const uint8_t *b = packet(IP_PROTO_UDP, "", 0, 8, &v);

	cr_assert(ip6_addr_equal(&v.src, &fields.src) && ip6_addr_equal(&v.dst, &fields.dst));
	cr_assert(v.flow_label == 0x5a5a5 && v.traffic_class == 0xb9 && v.hop_limit == 63);
	cr_assert(v.payload_len == 8 && v.total_len == 48 && v.next_header == IP_PROTO_UDP);
	cr_assert_eq(memcmp(b, "\x6b\x95\xa5\xa5\0\10\x11\x3f", 8), 0);
}

Test(ipv6, refuses_truncations_and_versions)
{
	struct ipv6_view v;
	uint8_t whole[48];

	memcpy(whole, packet(IP_PROTO_UDP, "", 0, 8, &v), 48);
	for (uint32_t len = 0; len < 48; len++) {
		cr_assert_eq(ipv6_check(guard_copy(whole, len), len, &v),
		        len < 40 ? IPV6_TRUNCATED : IPV6_PAYLOAD_TOO_LONG);
		cr_assert_eq(ipv6_check_quoted(guard_copy(whole, len), len, &v),
		        len < 40 ? IPV6_TRUNCATED : IPV6_OK);
	}
	for (uint32_t version = 0; version < 16; version++) {
		whole[0] = (uint8_t)(version << 4);
		cr_assert_eq(
		        ipv6_check(guard_copy(whole, 48), 48, &v), version == 6 ? IPV6_OK : IPV6_VERSION);
	}
}

Test(ipv6, leaves_padding_out)
{
	struct ipv6_view v;
	uint8_t *b = packet(IP_PROTO_UDP, "", 0, 8, &v);

	b[5] = 3;
	cr_assert_eq(ipv6_check(b, 48, &v), IPV6_OK);
	cr_assert_eq(v.total_len, 43);
	b[5] = 0;
	cr_assert_eq(ipv6_check(b, 48, &v), IPV6_OK);
	cr_assert_eq(v.total_len, 40);
	b[6] = IP_PROTO_HOP_BY_HOP;
	cr_assert_eq(ipv6_check(b, 48, &v), IPV6_OK);
	cr_assert_eq(v.total_len, 48);
}

Test(ipv6_chain, of_no_header_is_the_upper_layer)
{
	const uint8_t uppers[] = {
	        IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP6, IP_PROTO_ESP, IP_PROTO_NONE, 253};
	struct ipv6_chain c;

	for (size_t i = 0; i < ARRAY_LEN(uppers); i++) {
		cr_assert_eq(CHAIN(uppers[i], "", 8, &c), IPV6_CHAIN_OK);
		cr_assert(c.count == 0 && c.upper == uppers[i] && c.upper_offset == 40 &&
		          c.upper_named_at == 6);
		cr_assert(!ipv6_chain_has_fragment(&c) && c.hop_by_hop == IPV6_EXT_MAX &&
		          c.routing == IPV6_EXT_MAX);
	}
}

/* Hop-by-hop, destination options, routing, AH (of 24 bytes), mobility, HIP, shim, then UDP. */
Test(ipv6_chain, passes_through_every_kind)
{
	static const char headers[] = "\x3c\0\1\4\0\0\0\0"
	                              "\x2b\0\1\4\0\0\0\0"
	                              "\x33\0\2\7\0\0\0\0"
	                              "\x87\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	                              "\x8b\0\0\0\0\0\0\0"
	                              "\x8c\0\0\0\0\0\0\0"
	                              "\x11\0\0\0\0\0\0\0";
	static const uint8_t types[] = {IP_PROTO_HOP_BY_HOP, IP_PROTO_DST_OPTIONS, IP_PROTO_ROUTING,
	        IP_PROTO_AH, IP_PROTO_MOBILITY, IP_PROTO_HIP, IP_PROTO_SHIM6};
	struct ipv6_chain c;

	cr_assert_eq(CHAIN(IP_PROTO_HOP_BY_HOP, headers, 8, &c), IPV6_CHAIN_OK);
	cr_assert_eq(c.count, ARRAY_LEN(types));
	for (uint32_t i = 0; i < c.count; i++) {
		cr_assert_eq(c.ext[i].type, types[i]);
		cr_assert_eq(c.ext[i].len, types[i] == IP_PROTO_AH ? 24 : 8);
		cr_assert_eq(c.ext[i].named_at, i == 0 ? 6 : c.ext[i - 1].offset);
	}
	cr_assert(c.hop_by_hop == 0 && c.routing == 2 && c.routing_type == 2 && c.segments_left == 7);
	cr_assert(c.upper == IP_PROTO_UDP && c.upper_offset == 40 + 72 && c.upper_named_at == 40 + 64);
}

Test(ipv6_chain, refuses_hop_by_hop_elsewhere_than_first)
{
	struct ipv6_chain c;

	cr_assert_eq(CHAIN(IP_PROTO_HOP_BY_HOP, "\0\0\1\4\0\0\0\0\x11\0\1\4\0\0\0\0", 8, &c),
	        IPV6_CHAIN_HOP_BY_HOP);
	cr_assert(c.problem.wanted && c.problem.code == IPV6_PROBLEM_NEXT_HEADER && c.problem.pointer == 40);
	cr_assert_eq(CHAIN(IP_PROTO_DST_OPTIONS, "\0\0\1\4\0\0\0\0\x11\0\1\4\0\0\0\0", 8, &c),
	        IPV6_CHAIN_HOP_BY_HOP);
	cr_assert_eq(c.problem.pointer, 40);
}

Test(ipv6_chain, is_bounded_in_headers)
{
	uint8_t headers[10 * 8] = {};
	struct ipv6_chain c;

	for (uint32_t i = 0; i < 10; i++)
		headers[8 * i] = IP_PROTO_DST_OPTIONS;
	headers[7 * 8] = IP_PROTO_UDP;
	cr_assert_eq(chain_of(IP_PROTO_DST_OPTIONS, headers, 64, 8, &c), IPV6_CHAIN_OK);
	cr_assert_eq(c.count, IPV6_EXT_MAX);
	headers[7 * 8] = IP_PROTO_DST_OPTIONS;
	headers[8 * 8] = IP_PROTO_UDP;
	cr_assert_eq(chain_of(IP_PROTO_DST_OPTIONS, headers, 72, 8, &c), IPV6_CHAIN_TOO_MANY);
	cr_assert(!c.problem.wanted);
}

Test(ipv6_chain, is_bounded_in_bytes)
{
	uint8_t headers[2048 + 8] = {IP_PROTO_UDP, 255};
	struct ipv6_chain c;

	cr_assert_eq(chain_of(IP_PROTO_DST_OPTIONS, headers, 2048, 8, &c), IPV6_CHAIN_OK);
	headers[0] = IP_PROTO_DST_OPTIONS;
	headers[2048] = IP_PROTO_UDP;
	cr_assert_eq(chain_of(IP_PROTO_DST_OPTIONS, headers, 2056, 8, &c), IPV6_CHAIN_TOO_LONG);
}

Test(ipv6_chain, refuses_truncated_headers)
{
	struct ipv6_chain c;

	cr_assert_eq(CHAIN(IP_PROTO_DST_OPTIONS, "\x11\1\1\4\0\0\0\0", 7, &c), IPV6_CHAIN_TRUNCATED);
	cr_assert(!c.problem.wanted);
	cr_assert_eq(CHAIN(IP_PROTO_DST_OPTIONS, "\x11\1\1\4\0\0\0\0", 8, &c), IPV6_CHAIN_OK);
	cr_assert_eq(CHAIN(IP_PROTO_DST_OPTIONS, "\x11\0\1\4\0\0\0", 0, &c), IPV6_CHAIN_TRUNCATED);
	cr_assert_eq(CHAIN(IP_PROTO_FRAGMENT, "\x3c\0\0\1\0\0\0\1\x11\1\1\4\0\0\0\0", 0, &c),
	        IPV6_CHAIN_TRUNCATED);
	cr_assert(
	        c.problem.wanted && c.problem.code == IPV6_PROBLEM_FIRST_FRAGMENT && c.problem.pointer == 0);
	/* An atomic fragment is whole: nothing special about it. */
	cr_assert_eq(CHAIN(IP_PROTO_FRAGMENT, "\x3c\0\0\0\0\0\0\1\x11\1\1\4\0\0\0\0", 0, &c),
	        IPV6_CHAIN_TRUNCATED);
	cr_assert(!c.problem.wanted);
}

Test(ipv6_chain, ends_at_a_later_fragment)
{
	struct ipv6_chain c;

	cr_assert_eq(
	        CHAIN(IP_PROTO_FRAGMENT, "\x3c\0\5\xa9\1\2\3\4\0\xff\0\0\0\0\0\0", 0, &c), IPV6_CHAIN_OK);
	cr_assert(c.count == 1 && c.fragment == 0 && c.upper == IP_PROTO_DST_OPTIONS && c.upper_offset == 48);
	cr_assert(ipv6_chain_fragment_offset(&c) == 1448 && ipv6_chain_more_fragments(&c) &&
	          c.fragment_id == 0x01020304);
	cr_assert_eq(CHAIN(IP_PROTO_FRAGMENT, "\x3c\0\0\1\1\2\3\4\x11\0\1\4\0\0\0\0", 8, &c), IPV6_CHAIN_OK);
	cr_assert(c.count == 2 && c.upper == IP_PROTO_UDP && c.upper_offset == 56);
}

Test(ipv6_chain, ends_at_a_second_fragment_header)
{
	struct ipv6_chain c;

	cr_assert_eq(
	        CHAIN(IP_PROTO_FRAGMENT, "\x2c\0\0\1\1\2\3\4\x11\0\0\x09\5\6\7\x08", 8, &c), IPV6_CHAIN_OK);
	cr_assert(c.count == 1 && c.upper == IP_PROTO_FRAGMENT && c.upper_offset == 48 &&
	          c.fragment_id == 0x01020304);
}

Test(ipv6_fragment, reads_what_it_wrote)
{
	struct ipv6_chain c;
	uint8_t header[8];

	cr_assert_eq(ipv6_fragment_write(header, IP_PROTO_UDP, 1448 | IPV6_FRAGMENT_MORE, 0xa1b2c3d4), 8);
	cr_assert_eq(chain_of(IP_PROTO_FRAGMENT, header, 8, 8, &c), IPV6_CHAIN_OK);
	cr_assert(ipv6_chain_fragment_offset(&c) == 1448 && ipv6_chain_more_fragments(&c));
	cr_assert(c.fragment_id == 0xa1b2c3d4 && c.upper == IP_PROTO_UDP);
}

static bool fragment(uint8_t next, uint16_t field, uint32_t payload, struct ipv6_problem *problem)
{
	struct ipv6_chain c;
	struct ipv6_view v;
	uint8_t header[8];
	const uint8_t *b;

	ipv6_fragment_write(header, next, field, 1);
	b = packet(IP_PROTO_FRAGMENT, header, 8, payload, &v);
	cr_assert_eq(ipv6_chain_check(b, v.total_len, &v, &c), IPV6_CHAIN_OK);
	return ipv6_fragment_is_sound(&c, v.total_len, problem);
}

Test(ipv6_fragment, must_be_a_multiple_of_8_unless_last)
{
	struct ipv6_problem p;

	cr_assert(fragment(IP_PROTO_UDP, IPV6_FRAGMENT_MORE, 16, &p) && !p.wanted);
	cr_assert(!fragment(IP_PROTO_UDP, IPV6_FRAGMENT_MORE, 15, &p));
	cr_assert(p.wanted && p.code == IPV6_PROBLEM_FIELD && p.pointer == 4);
	cr_assert(fragment(IP_PROTO_UDP, 16, 15, &p));
}

Test(ipv6_fragment, must_not_go_past_65535)
{
	struct ipv6_problem p;

	cr_assert(fragment(IP_PROTO_UDP, 65528, 7, &p));
	cr_assert(!fragment(IP_PROTO_UDP, 65528, 8, &p));
	cr_assert(p.wanted && p.code == IPV6_PROBLEM_FIELD && p.pointer == 42);
}

/* RFC 7112: what a first one must hold of its upper layer. */
Test(ipv6_fragment, must_hold_the_upper_header_if_first)
{
	const struct {
		uint8_t proto;
		uint32_t least;
	} cases[] = {{IP_PROTO_TCP, 20}, {IP_PROTO_UDP, 8}, {IP_PROTO_ICMP6, 8}, {IP_PROTO_SCTP, 1}};
	struct ipv6_problem p;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_assert(fragment(cases[i].proto, 0, cases[i].least, &p));
		cr_assert(!fragment(cases[i].proto, 0, cases[i].least - 1, &p));
		cr_assert(p.wanted && p.code == IPV6_PROBLEM_FIRST_FRAGMENT && p.pointer == 0);
		cr_assert(fragment(cases[i].proto, 8, cases[i].least - 1, &p));
	}
}

Test(ipv6_routing, is_skipped_only_without_segments_left)
{
	struct ipv6_chain c;
	struct ipv6_problem p;

	cr_assert_eq(CHAIN(IP_PROTO_UDP, "", 8, &c), IPV6_CHAIN_OK);
	cr_assert(ipv6_routing_is_skippable(&c, &p) && !p.wanted);
	cr_assert_eq(CHAIN(IP_PROTO_ROUTING, "\x11\0\0\0\0\0\0\0", 8, &c), IPV6_CHAIN_OK);
	cr_assert(ipv6_routing_is_skippable(&c, &p) && !p.wanted);
	cr_assert_eq(CHAIN(IP_PROTO_ROUTING, "\x2b\0\0\1\0\0\0\0\x11\0\0\0\0\0\0\0", 16, &c), IPV6_CHAIN_OK);
	cr_assert(!ipv6_routing_is_skippable(&c, &p));
	cr_assert(p.wanted && p.code == IPV6_PROBLEM_FIELD && p.pointer == 42);
	cr_assert_eq(CHAIN(IP_PROTO_ROUTING, "\x2b\0\0\0\0\0\0\0\x11\0\0\1\0\0\0\0", 16, &c), IPV6_CHAIN_OK);
	cr_assert(!ipv6_routing_is_skippable(&c, &p) && p.pointer == 50, "each of them is looked at");
}

/* --- Options --- */

/* Judge the options (padded with zeros to a multiple of 8 less 2) of the first header of a packet to `dst`.
 */
static enum ipv6_options_flaw options(
        uint8_t header, const char *bytes, uint32_t len, struct ipv6_options_view *o)
{
	uint32_t header_len = ALIGN_UP(len + 2, 8u);
	uint8_t headers[256] = {IP_PROTO_UDP, (uint8_t)(header_len / 8 - 1)};
	struct ipv6_view v;
	struct ipv6_chain c;
	const uint8_t *b;

	memcpy(headers + 2, bytes, len);
	b = packet(header, headers, header_len, 0, &v);
	cr_assert_eq(ipv6_chain_check(b, v.total_len, &v, &c), IPV6_CHAIN_OK);
	return ipv6_options_check(b, v.total_len, &v, &c.ext[0], o);
}

#define HBH(text, o) options(IP_PROTO_HOP_BY_HOP, text, sizeof(text) - 1, o)
#define DST(text, o) options(IP_PROTO_DST_OPTIONS, text, sizeof(text) - 1, o)

Test(ipv6_options, finds_the_router_alert)
{
	struct ipv6_options_view o;

	cr_assert_eq(HBH("\5\2\0\7\1\0", &o), IPV6_OPTIONS_OK);
	cr_assert(o.router_alert && o.router_alert_value == 7 && o.count == 1);
	cr_assert_eq(HBH("\5\3\0\0\0\0", &o), IPV6_OPTIONS_LENGTH);
	/* In a destination options header it is an option like any other. */
	cr_assert_eq(DST("\5\2\0\0\1\0", &o), IPV6_OPTIONS_OK);
	cr_assert(!o.router_alert && o.count == 1);
}

Test(ipv6_options, judges_padding)
{
	struct ipv6_options_view o;

	cr_assert_eq(HBH("\0\0\0\0\0\0", &o), IPV6_OPTIONS_OK);
	cr_assert_eq(HBH("\1\4\0\0\0\0", &o), IPV6_OPTIONS_OK);
	cr_assert_eq(HBH("\1\4\0\0\1\0", &o), IPV6_OPTIONS_PADDING);
	cr_assert_eq(HBH("\1\5\0\0\0\0\0\x1e\5\0\0\0\0\0", &o), IPV6_OPTIONS_OK);
	cr_assert_eq(HBH("\1\6\0\0\0\0\0\0\0\0\0\0\0\0", &o), IPV6_OPTIONS_PADDING);
	cr_assert_eq(HBH("\0\0\0\0\0\0\0\0\x1e\4\0\0\0\0", &o), IPV6_OPTIONS_PADDING);
	cr_assert_eq(HBH("\0\0\0\0\0\0\0\x1e\5\0\0\0\0\0", &o), IPV6_OPTIONS_OK);
	/* Another option between begins the count anew. */
	cr_assert_eq(HBH("\0\0\0\0\0\x1e\0\0\0\0\0\0\0\0", &o), IPV6_OPTIONS_OK);
	cr_assert_eq(o.count, 1);
}

Test(ipv6_options, refuses_options_past_the_header)
{
	struct ipv6_options_view o;

	cr_assert_eq(HBH("\0\0\0\0\0\x1e", &o), IPV6_OPTIONS_LENGTH);
	cr_assert_eq(HBH("\x1e\5\0\0\0\0", &o), IPV6_OPTIONS_LENGTH);
	cr_assert_eq(HBH("\x1e\xff\0\0\0\0", &o), IPV6_OPTIONS_LENGTH);
}

Test(ipv6_options, is_bounded_in_options)
{
	struct ipv6_options_view o;

	cr_assert_eq(
	        HBH("\x1e\0\x1e\0\x1e\0\x1e\0\x1e\0\x1e\0\x1e\0\x1e\0\1\4\0\0\0\0", &o), IPV6_OPTIONS_OK);
	cr_assert_eq(o.count, 8);
	cr_assert_eq(HBH("\x1e\0\x1e\0\x1e\0\x1e\0\x1e\0\x1e\0\x1e\0\x1e\0\x1e\2\0\0\0\0", &o),
	        IPV6_OPTIONS_TOO_MANY);
}

Test(ipv6_options, act_on_unknown_types_as_their_bits_say)
{
	for (uint32_t multicast = 0; multicast < 2; multicast++) {
		for (uint32_t type = 2; type < 256; type++) {
			uint8_t headers[8] = {IP_PROTO_UDP, 0, (uint8_t)type, 0, 1, 2, 0, 0};
			struct ipv6_options_view o;
			struct ipv6_chain c;
			struct ipv6_view v;
			const uint8_t *b = packet(IP_PROTO_DST_OPTIONS, headers, 8, 0, &v);

			v.dst = multicast ? IP6_ALL_NODES : v.dst;
			cr_assert_eq(ipv6_chain_check(b, v.total_len, &v, &c), IPV6_CHAIN_OK);
			enum ipv6_options_flaw flaw = ipv6_options_check(b, v.total_len, &v, &c.ext[0], &o);
			uint32_t action = type >> 6;

			cr_assert_eq(
			        flaw, action == IPV6_ACTION_SKIP ? IPV6_OPTIONS_OK : IPV6_OPTIONS_UNKNOWN);
			cr_assert_eq(o.problem.wanted,
			        action == IPV6_ACTION_PROBLEM ||
			                (action == IPV6_ACTION_PROBLEM_UNICAST && !multicast));
			cr_assert_eq(o.problem.even_multicast, action == IPV6_ACTION_PROBLEM);
			cr_assert(!o.problem.wanted ||
			          (o.problem.code == IPV6_PROBLEM_OPTION && o.problem.pointer == 42));
		}
	}
}

Test(ipv6_options, judges_jumbo_payloads)
{
	struct ipv6_options_view o;

	cr_assert_eq(HBH("\xc2\3\0\0\0\0", &o), IPV6_OPTIONS_LENGTH);
	cr_assert_eq(HBH("\0\xc2\4\0\1\0\0\0\0\0\0\0\0\0", &o), IPV6_OPTIONS_LENGTH);
	cr_assert_eq(HBH("\xc2\4\0\0\xff\xff", &o), IPV6_OPTIONS_JUMBO);
	cr_assert(o.problem.wanted && o.problem.code == IPV6_PROBLEM_FIELD && o.problem.pointer == 44);
	cr_assert_eq(HBH("\xc2\4\0\1\0\0", &o), IPV6_OPTIONS_JUMBO);
	cr_assert(o.problem.wanted && o.problem.code == IPV6_PROBLEM_FIELD && o.problem.pointer == 42);
}

static enum ipv6_options_flaw jumbogram(uint32_t jumbo_len, uint32_t len, struct ipv6_options_view *o)
{
	static uint8_t b[70000];
	struct ipv6_view v;
	struct ipv6_chain c;

	memcpy(b + IPV6_HDR_LEN, (uint8_t[]){IP_PROTO_UDP, 0, IPV6_OPTION_JUMBO, 4}, 4);
	wire_store_u32(b + IPV6_HDR_LEN + 4, jumbo_len);
	ipv6_write(b, &fields);
	cr_assert_eq(ipv6_check(b, len, &v), IPV6_OK);
	cr_assert_eq(v.total_len, len);
	cr_assert_eq(ipv6_chain_check(b, len, &v, &c), IPV6_CHAIN_OK);
	return ipv6_options_check(b, len, &v, &c.ext[0], o);
}

Test(ipv6_options, takes_a_true_jumbogram)
{
	struct ipv6_options_view o;

	cr_assert_eq(jumbogram(66000, 66040, &o), IPV6_OPTIONS_OK);
	cr_assert_eq(o.jumbo_len, 66000);
	cr_assert_eq(jumbogram(66001, 66040, &o), IPV6_OPTIONS_JUMBO_LENGTH);
	cr_assert(!o.problem.wanted);
}
