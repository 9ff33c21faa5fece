#include <criterion/criterion.h>

#include "common/wire/ipv4_options.h"
#include "tests/unit/wire/guard.h"

static const struct ipv4_fields fields = {
        .src = {0x010200c0},
        .dst = {0x026433c6},
        .payload_len = 12,
        .id = 0x1234,
        .fragment = IPV4_DONT_FRAGMENT,
        .tos = 0xb8,
        .ttl = 64,
        .proto = IP_PROTO_UDP,
};

/* A packet of header and 12 bytes that ends at the guard. */
static uint8_t *packet(void)
{
	uint8_t *b = guard_zeros(32);

	cr_assert_eq(ipv4_write(b, &fields), IPV4_HDR_LEN);
	return b;
}

static enum ipv4_flaw check(const uint8_t *b, uint32_t len)
{
	struct ipv4_view v, u;
	enum ipv4_flaw flaw = ipv4_check(b, len, &v), unsummed = ipv4_check_unsummed(b, len, &u);

	cr_assert(flaw == IPV4_CHECKSUM || flaw == unsummed);
	return flaw;
}

Test(ipv4, reads_what_it_wrote)
{
	struct ipv4_view v;
	uint8_t *b = packet();

	cr_assert_eq(ipv4_check(b, 32, &v), IPV4_OK);
	cr_assert(v.src.raw == fields.src.raw && v.dst.raw == fields.dst.raw);
	cr_assert(v.header_len == 20 && v.total_len == 32 && v.id == 0x1234 && v.tos == 0xb8 && v.ttl == 64);
	cr_assert(v.proto == IP_PROTO_UDP && v.fragment == IPV4_DONT_FRAGMENT && !ipv4_is_fragment(&v));
	cr_assert_eq(memcmp(&v.checksum, b + 10, 2), 0);
	cr_assert(!ipv4_has_options(&v));
	cr_assert_eq(b[12], 192);
	cr_assert_eq(b[16], 198);
}

/* A header that other software made: a DNS query, as printed in many a textbook. */
Test(ipv4, takes_a_header_of_others)
{
	const uint8_t header[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61,
	        0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
	uint8_t *b = guard_zeros(0x73);
	struct ipv4_view v;

	memcpy(b, header, sizeof header);
	cr_assert_eq(ipv4_check(b, 0x73, &v), IPV4_OK);
	b[8]--;
	cr_assert_eq(ipv4_check(b, 0x73, &v), IPV4_CHECKSUM);
	cr_assert_eq(ipv4_check_unsummed(b, 0x73, &v), IPV4_OK);
}

Test(ipv4, refuses_every_truncation)
{
	for (uint32_t len = 0; len < 32; len++) {
		uint8_t whole[32];

		memcpy(whole, packet(), 32);
		cr_assert_eq(
		        check(guard_copy(whole, len), len), len < 20 ? IPV4_TRUNCATED : IPV4_TOTAL_TOO_LONG);
	}
}

Test(ipv4, refuses_every_other_first_byte)
{
	for (uint32_t first = 0; first < 256; first++) {
		uint8_t *b = packet();
		enum ipv4_flaw flaw;

		b[0] = (uint8_t)first;
		flaw = check(b, 32);
		if (first >> 4 != 4)
			cr_assert_eq(flaw, IPV4_VERSION);
		else if ((first & 15) < 5)
			cr_assert_eq(flaw, IPV4_HEADER_LEN);
		else if ((first & 15) > 8)
			cr_assert_eq(flaw, IPV4_HEADER_TRUNCATED);
		else
			cr_assert_eq(flaw, first == 0x45 ? IPV4_OK : IPV4_CHECKSUM);
	}
}

Test(ipv4, notices_every_flipped_bit)
{
	for (uint32_t bit = 8; bit < 160; bit++) {
		uint8_t *b = packet();

		b[bit / 8] ^= 0x80 >> bit % 8;
		cr_assert_eq(check(b, 32), IPV4_CHECKSUM, "bit %u", bit);
	}
}

Test(ipv4, judges_the_total_length)
{
	for (uint32_t total = 0; total < 70; total++) {
		uint8_t *b = packet();

		b[3] = (uint8_t)total;
		ipv4_checksum_set(b, 20);
		enum ipv4_flaw flaw = check(b, 32);

		cr_assert_eq(flaw, total > 32   ? IPV4_TOTAL_TOO_LONG
		                   : total < 20 ? IPV4_TOTAL_TOO_SHORT
		                                : IPV4_OK);
	}
}

Test(ipv4, takes_quotes_that_end_early)
{
	struct ipv4_view v;
	uint8_t *b = packet();

	b[10] ^= 1;
	cr_assert_eq(ipv4_check_quoted(b, 28, &v), IPV4_OK);
	cr_assert_eq(v.total_len, 32);
	cr_assert_eq(ipv4_check_quoted(b, 19, &v), IPV4_TRUNCATED);
	b[3] = 19;
	cr_assert_eq(ipv4_check_quoted(b, 28, &v), IPV4_TOTAL_TOO_SHORT);
	b[0] = 0x4f;
	b[3] = 40;
	cr_assert_eq(ipv4_check_quoted(b, 28, &v), IPV4_HEADER_TRUNCATED);
}

Test(ipv4, knows_fragments)
{
	struct ipv4_view v = {.fragment = IPV4_DONT_FRAGMENT};

	cr_assert(!ipv4_is_fragment(&v) && ipv4_fragment_offset(&v) == 0);
	v.fragment = IPV4_MORE_FRAGMENTS;
	cr_assert(ipv4_is_fragment(&v) && ipv4_fragment_offset(&v) == 0);
	v.fragment = 185;
	cr_assert(ipv4_is_fragment(&v) && ipv4_fragment_offset(&v) == 1480);
	v.fragment = 0x3fff;
	cr_assert_eq(ipv4_fragment_offset(&v), 65528);
}

/* --- Options --- */

/* Judge `len` bytes of options (padded with zeros to a word) that end at the guard. */
static enum ipv4_options_flaw options(const char *bytes, uint32_t len, struct ipv4_options_view *v)
{
	uint32_t header_len = 20 + ALIGN_UP(len, 4u);
	uint8_t *b = guard_zeros(header_len);
	struct ipv4_view ip;

	ipv4_write(b, &(struct ipv4_fields){.payload_len = (uint16_t)(header_len - 20)});
	b[0] = (uint8_t)(0x40 | header_len / 4);
	memcpy(b + 20, bytes, len);
	ipv4_checksum_set(b, header_len);
	cr_assert_eq(ipv4_check(b, header_len, &ip), IPV4_OK);
	cr_assert(ip.header_len == header_len && (len == 0 || ipv4_has_options(&ip)));
	return ipv4_options_check(b, header_len, v);
}

#define OPTIONS(text, v) options(text, sizeof(text) - 1, v)

Test(ipv4_options, takes_none_and_padding)
{
	struct ipv4_options_view v;

	cr_assert_eq(OPTIONS("", &v), IPV4_OPTIONS_OK);
	cr_assert_eq(OPTIONS("\1\1\1\0", &v), IPV4_OPTIONS_OK);
	/* What follows the end is not looked at. */
	cr_assert_eq(OPTIONS("\0\x83\1\1", &v), IPV4_OPTIONS_OK);
}

Test(ipv4_options, finds_the_source_route)
{
	struct ipv4_options_view v;

	cr_assert_eq(OPTIONS("\1\x83\x0b\x04\12\0\0\1\12\0\0\2", &v), IPV4_OPTIONS_OK);
	cr_assert(v.source_route == 21 && !v.strict && v.source_route_next == 24 && !v.source_route_broken);
	cr_assert_eq(OPTIONS("\x89\x07\x08\12\0\0\1", &v), IPV4_OPTIONS_OK);
	cr_assert(v.source_route == 20 && v.strict && v.source_route_next == 0 && !v.source_route_broken);
	cr_assert_eq(OPTIONS("\x89\x07\x05\12\0\0\1", &v), IPV4_OPTIONS_OK);
	cr_assert(v.source_route == 20 && v.source_route_next == 0 && v.source_route_broken);
}

Test(ipv4_options, finds_the_slot_of_a_record_route)
{
	struct ipv4_options_view v;

	cr_assert_eq(OPTIONS("\7\x0b\x08\12\0\0\1\0\0\0\0", &v), IPV4_OPTIONS_OK);
	cr_assert(v.record_route == 20 && v.record_slot == 27);
	cr_assert_eq(OPTIONS("\7\x0b\x0c\12\0\0\1\12\0\0\2", &v), IPV4_OPTIONS_OK);
	cr_assert(v.record_route == 20 && v.record_slot == 0);
}

Test(ipv4_options, finds_the_slots_of_a_timestamp)
{
	struct ipv4_options_view v;

	cr_assert_eq(OPTIONS("\x44\x0c\x05\x00\0\0\0\0\0\0\0\0", &v), IPV4_OPTIONS_OK);
	cr_assert(v.timestamp == 20 && v.timestamp_slot == 24 && v.timestamp_addr_slot == 0);
	cr_assert_eq(OPTIONS("\x44\x0c\x05\x01\0\0\0\0\0\0\0\0", &v), IPV4_OPTIONS_OK);
	cr_assert(v.timestamp_kind == IPV4_TIMESTAMP_AND_ADDR && v.timestamp_slot == 28 &&
	          v.timestamp_addr_slot == 24);
	cr_assert_eq(OPTIONS("\x44\x0c\x05\x03\0\0\0\0\0\0\0\0", &v), IPV4_OPTIONS_OK);
	cr_assert(v.timestamp_kind == IPV4_TIMESTAMP_PRESPECIFIED && v.timestamp_slot == 28);
	/* Full: the overflow may count on, or nobody counts (prespecified). */
	cr_assert_eq(OPTIONS("\x44\x08\x09\xe0\0\0\0\0", &v), IPV4_OPTIONS_OK);
	cr_assert(v.timestamp == 20 && v.timestamp_slot == 0);
	cr_assert_eq(OPTIONS("\x44\x08\x09\xf3\0\0\0\0", &v), IPV4_OPTIONS_OK);
}

Test(ipv4_options, finds_router_alert_and_cipso)
{
	struct ipv4_options_view v;

	cr_assert_eq(OPTIONS("\1\1\1\1\x94\x04\0\0", &v), IPV4_OPTIONS_OK);
	cr_assert_eq(v.router_alert, 24);
	cr_assert_eq(OPTIONS("\x94\x04\0\1", &v), IPV4_OPTIONS_OK);
	cr_assert_eq(v.router_alert, 0);
	cr_assert_eq(OPTIONS("\x86\x06\0\0\0\1", &v), IPV4_OPTIONS_OK);
	cr_assert_eq(v.cipso, 20);
}

/* Where Linux's ip_options_compile points at. */
Test(ipv4_options, points_at_what_is_wrong)
{
	static const struct {
		const char *bytes;
		uint32_t len;
		enum ipv4_options_flaw flaw;
		uint8_t at;
	} cases[] = {
	        {"\1\1\1\7", 4, IPV4_OPTIONS_LENGTH, 23},                   /* no length */
	        {"\7\1\4\0", 4, IPV4_OPTIONS_LENGTH, 20},                   /* less than 2 */
	        {"\7\0\4\0", 4, IPV4_OPTIONS_LENGTH, 20},                   /* 0 would never end */
	        {"\1\7\4\4", 4, IPV4_OPTIONS_LENGTH, 21},                   /* past the header */
	        {"\x83\2\0\0", 4, IPV4_OPTIONS_LENGTH, 21},                 /* no pointer */
	        {"\x83\7\3\0\0\0\0", 7, IPV4_OPTIONS_POINTER, 22},          /* pointer below 4 */
	        {"\x83\3\4\x89\3\4", 6, IPV4_OPTIONS_TWICE, 23},            /* a second source route */
	        {"\7\2\0\0", 4, IPV4_OPTIONS_LENGTH, 21},                   /* record route: no pointer */
	        {"\7\7\3\0\0\0\0", 7, IPV4_OPTIONS_POINTER, 22},            /* below 4 */
	        {"\7\7\5\0\0\0\0", 7, IPV4_OPTIONS_POINTER, 22},            /* a slot cut by the end */
	        {"\7\3\4\7\3\4", 6, IPV4_OPTIONS_TWICE, 23},                /* a second record route */
	        {"\x44\3\5\0", 4, IPV4_OPTIONS_LENGTH, 21},                 /* timestamp: no flags */
	        {"\x44\4\4\0", 4, IPV4_OPTIONS_POINTER, 22},                /* pointer below 5 */
	        {"\x44\x08\6\0\0\0\0\0", 8, IPV4_OPTIONS_POINTER, 22},      /* a slot cut by the end */
	        {"\x44\x08\5\1\0\0\0\0", 8, IPV4_OPTIONS_POINTER, 22},      /* no room for address and time */
	        {"\x44\x08\5\2\0\0\0\0", 8, IPV4_OPTIONS_OK, 0},            /* kind 2: passed over */
	        {"\x44\x08\x09\xf0\0\0\0\0", 8, IPV4_OPTIONS_OVERFLOW, 23}, /* the count is full */
	        {"\x44\4\5\0\x44\4\5\0", 8, IPV4_OPTIONS_TWICE, 24},        /* a second timestamp */
	        {"\x94\3\0\0", 4, IPV4_OPTIONS_LENGTH, 21},                 /* router alert below 4 */
	        {"\x86\2\x86\2", 4, IPV4_OPTIONS_TWICE, 22},                /* a second CIPSO */
	        {"\x82\2\0\0", 4, IPV4_OPTIONS_OK, 0},                      /* security: passed over */
	        {"\1\1\x99\2", 4, IPV4_OPTIONS_OK, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ipv4_options_view v;

		cr_assert_eq(options(cases[i].bytes, cases[i].len, &v), cases[i].flaw, "case %zu", i);
		cr_assert_eq(v.bad_offset, cases[i].at, "case %zu: %u", i, v.bad_offset);
	}
}

/* The last of forty bytes begins an option: there is no length to look at. */
Test(ipv4_options, does_not_look_past_a_full_header)
{
	struct ipv4_options_view v;
	char bytes[40];

	memset(bytes, IPV4_OPTION_NOP, sizeof bytes);
	bytes[39] = IPV4_OPTION_RECORD_ROUTE;
	cr_assert_eq(options(bytes, sizeof bytes, &v), IPV4_OPTIONS_LENGTH);
	cr_assert_eq(v.bad_offset, 59);
}

Test(ipv4_options, survives_every_type_length_and_pointer)
{
	for (uint32_t type = 0; type < 256; type++) {
		for (uint32_t len = 0; len < 14; len++) {
			for (uint32_t pointer = 0; pointer < 256; pointer++) {
				char bytes[12] = {(char)type, (char)len, (char)pointer, (char)(pointer >> 2)};
				struct ipv4_options_view v;

				if (options(bytes, sizeof bytes, &v) != IPV4_OPTIONS_OK)
					cr_assert(v.bad_offset >= 20 && v.bad_offset < 24);
				cr_assert(v.record_slot <= 28 && v.timestamp_slot <= 28 &&
				          v.source_route_next <= 28);
			}
		}
	}
}
