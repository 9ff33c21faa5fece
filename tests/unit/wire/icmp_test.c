#include <criterion/criterion.h>

#include "common/wire/icmp.h"
#include "common/wire/igmp.h"
#include "tests/unit/wire/guard.h"

Test(icmp, reads_what_it_wrote)
{
	uint8_t *b = guard_zeros(12);
	struct icmp_view v;

	cr_assert_eq(icmp_write(b, ICMP_TYPE_ECHO, 0, 0x12340007), ICMP_HDR_LEN);
	memcpy(b + 8, (uint8_t[]){'p', 'i', 'n', 'g'}, 4);
	icmp_checksum_set(b, 12);
	cr_assert_eq(icmp_check(b, 12, &v), ICMP_OK);
	cr_assert(v.type == ICMP_TYPE_ECHO && v.code == 0 && v.len == 12 && icmp_id(&v) == 0x1234 &&
	          icmp_sequence(&v) == 7);
	for (uint32_t bit = 0; bit < 96; bit++) {
		b[bit / 8] ^= 0x80 >> bit % 8;
		cr_assert_eq(icmp_check(b, 12, &v), ICMP_CHECKSUM);
		b[bit / 8] ^= 0x80 >> bit % 8;
	}
	for (uint32_t len = 0; len < 8; len++)
		cr_assert_eq(icmp_check(guard_zeros(len), len, &v), ICMP_TRUNCATED);
	/* A message of zeros has no checksum that is right: 0 is ffff's complement's. */
	cr_assert_eq(icmp_check(guard_zeros(8), 8, &v), ICMP_CHECKSUM);
}

Test(icmp, knows_errors)
{
	uint32_t errors = 0;

	for (uint32_t type = 0; type < 256; type++)
		errors += icmp_is_error((uint8_t)type);
	cr_assert_eq(errors, 5);
	cr_assert(icmp_is_error(ICMP_TYPE_DEST_UNREACH) && icmp_is_error(ICMP_TYPE_TIME_EXCEEDED));
	cr_assert(icmp_is_error(ICMP_TYPE_PARAM_PROBLEM) && icmp_is_error(ICMP_TYPE_REDIRECT));
	cr_assert(icmp_is_error(ICMP_TYPE_SOURCE_QUENCH));
	cr_assert_eq(icmp_mtu(&(struct icmp_view){.rest = 1400}), 1400);
}

/* An error with a quoted UDP packet of which `l4_len` bytes are there. */
static enum icmp_flaw quote(uint16_t fragment, uint32_t l4_len, struct icmp_quote *q)
{
	uint32_t len = ICMP_HDR_LEN + IPV4_HDR_LEN + l4_len;
	uint8_t *b = guard_zeros(len);
	struct icmp_view v;

	icmp_write(b, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_PORT, 0);
	ipv4_write(b + 8,
	        &(struct ipv4_fields){.proto = IP_PROTO_UDP, .payload_len = 1000, .fragment = fragment});
	for (uint32_t i = 0; i < l4_len; i++)
		b[28 + i] = (uint8_t)(i + 1);
	icmp_checksum_set(b, len);
	cr_assert_eq(icmp_check(b, len, &v), ICMP_OK);
	return icmp_quote_check(b, &v, q);
}

Test(icmp, finds_what_an_error_quotes)
{
	struct icmp_quote q;

	cr_assert_eq(quote(0, 8, &q), ICMP_OK);
	cr_assert(q.l4_offset == 28 && q.l4_len == 8 && q.src_port == 0x0102 && q.dst_port == 0x0304);
	cr_assert(q.ip.proto == IP_PROTO_UDP && q.ip.total_len == 1020);
	cr_assert_eq(quote(IPV4_MORE_FRAGMENTS, 8, &q), ICMP_OK);
	cr_assert_eq(q.src_port, 0x0102);
	cr_assert_eq(quote(1, 8, &q), ICMP_OK);
	cr_assert(q.src_port == 0 && q.dst_port == 0);
	for (uint32_t len = 0; len < 8; len++)
		cr_assert_eq(quote(0, len, &q), ICMP_QUOTE);
}

Test(icmp, refuses_a_quote_that_is_no_packet)
{
	uint8_t *b = guard_zeros(40);
	struct icmp_view v;
	struct icmp_quote q;

	icmp_write(b, ICMP_TYPE_TIME_EXCEEDED, 0, 0);
	icmp_checksum_set(b, 40);
	cr_assert_eq(icmp_check(b, 40, &v), ICMP_OK);
	cr_assert_eq(icmp_quote_check(b, &v, &q), ICMP_QUOTE);
	v.len = 8;
	cr_assert_eq(icmp_quote_check(b + 32, &v, &q), ICMP_QUOTE);
}

/* --- IGMP --- */

/* Judge a message of these bytes with its checksum made right. */
static enum igmp_flaw igmp(const char *bytes, uint32_t len, struct igmp_view *v)
{
	uint8_t *b = guard_copy(bytes, len);
	struct be16 check;

	memset(b + 2, 0, 2);
	check = csum_finish(csum_bytes(CSUM_ZERO, b, len));
	memcpy(b + 2, &check, 2);
	return igmp_check(b, len, v);
}

#define IGMP(text, v) igmp(text, sizeof(text) - 1, v)

Test(igmp, tells_queries_apart_by_length_and_code)
{
	struct igmp_view v;

	cr_assert_eq(IGMP("\x11\0..\0\0\0\0", &v), IGMP_OK);
	cr_assert(v.version == 1 && v.max_resp_ms == 10000 && v.group.raw == 0);
	cr_assert_eq(IGMP("\x11\x64..\xe0\1\2\3", &v), IGMP_OK);
	cr_assert(v.version == 2 && v.max_resp_ms == 10000 && be32_to_host(v.group) == 0xe0010203);
	cr_assert_eq(IGMP("\x11\x64..\xe0\1\2\3\x0a\x7d\0\1\12\0\0\1", &v), IGMP_OK);
	cr_assert(v.version == 3 && v.suppress && v.robustness == 2 && v.query_interval_s == 125 &&
	          v.sources == 1);
	cr_assert_eq(IGMP("\x11\x8a..\0\0\0\0\0\xff\0\0", &v), IGMP_OK);
	cr_assert(v.max_resp_ms == 26 * 8 * 100 && v.query_interval_s == 31744 && !v.suppress);
}

Test(igmp, refuses_bad_queries)
{
	struct igmp_view v;

	cr_assert_eq(IGMP("\x11\x64..\0\0\0\0\0", &v), IGMP_QUERY_LEN);
	cr_assert_eq(IGMP("\x11\x64..\0\0\0\0\0\0\0", &v), IGMP_QUERY_LEN);
	cr_assert_eq(IGMP("\x11\x64..\xe0\0\0\1\0\0\0\1", &v), IGMP_SOURCES);
	cr_assert_eq(IGMP("\x11\x64..\xe0\0\0\1\0\0\xff\xff\0\0\0\0", &v), IGMP_SOURCES);
	cr_assert_eq(IGMP("\x11\x64..\12\0\0\1", &v), IGMP_GROUP);
}

Test(igmp, knows_reports_and_what_is_none)
{
	struct igmp_view v;

	cr_assert_eq(IGMP("\x12\0..\xe0\1\2\3", &v), IGMP_OK);
	cr_assert_eq(v.version, 1);
	cr_assert_eq(IGMP("\x16\0..\xe0\1\2\3", &v), IGMP_OK);
	cr_assert_eq(v.version, 2);
	cr_assert_eq(IGMP("\x17\0..\xe0\1\2\3", &v), IGMP_OK);
	cr_assert_eq(IGMP("\x16\0..\12\1\2\3", &v), IGMP_GROUP);
	cr_assert_eq(IGMP("\x13\0..\xe0\1\2\3", &v), IGMP_TYPE);
	for (uint32_t len = 0; len < 8; len++)
		cr_assert_eq(igmp_check(guard_zeros(len), len, &v), IGMP_TRUNCATED);
	cr_assert_eq(igmp_check(guard_zeros(8), 8, &v), IGMP_CHECKSUM);
}

Test(igmp, walks_the_records_of_a_report)
{
	static const char report[] = "\x22\0..\0\0\0\3"
	                             "\4\0\0\0\xe0\0\1\1"
	                             "\5\0\0\2\xe0\0\1\2\12\0\0\1\12\0\0\2"
	                             "\2\1\0\1\xe0\0\1\3\12\0\0\3"
	                             "aux.";
	struct igmp_view v;
	struct igmp_record r;
	uint32_t at = 0;

	cr_assert_eq(igmp(report, sizeof report - 1, &v), IGMP_OK);
	cr_assert(v.version == 3 && v.records == 3 && v.group.raw == 0);
	const uint8_t *b = guard_copy(report, sizeof report - 1);

	cr_assert(igmp_record_next(b, &v, &at, &r));
	cr_assert(r.type == GROUP_CHANGE_TO_EXCLUDE && r.sources == 0 && be32_to_host(r.group) == 0xe0000101);
	cr_assert(igmp_record_next(b, &v, &at, &r));
	cr_assert(r.type == GROUP_ALLOW_NEW_SOURCES && r.sources == 2 && r.sources_offset == 24);
	cr_assert(igmp_record_next(b, &v, &at, &r));
	cr_assert(r.type == GROUP_MODE_IS_EXCLUDE && r.sources == 1 && r.sources_offset == 40);
	cr_assert(!igmp_record_next(b, &v, &at, &r));
	for (uint32_t len = 8; len < sizeof report - 1; len++)
		cr_assert_eq(igmp(report, len, &v), IGMP_SOURCES, "%u", len);
}

Test(igmp, reads_the_messages_it_writes)
{
	const struct be32 groups[] = {{0x010000e0}, {0xfbffffef}};
	const uint8_t types[] = {GROUP_CHANGE_TO_EXCLUDE, GROUP_CHANGE_TO_INCLUDE};
	uint8_t *b = guard_zeros(24);
	struct igmp_view v;
	struct igmp_record r;
	uint32_t at = 0;

	cr_assert_eq(igmp_write(b, IGMP_TYPE_V2_REPORT, groups[1]), 8);
	cr_assert_eq(igmp_check(b, 8, &v), IGMP_OK);
	cr_assert(v.type == IGMP_TYPE_V2_REPORT && v.group.raw == groups[1].raw);
	cr_assert_eq(igmp_report_write(b, groups, types, 2), 24);
	cr_assert_eq(igmp_check(b, 24, &v), IGMP_OK);
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert(igmp_record_next(b, &v, &at, &r));
		cr_assert(r.group.raw == groups[i].raw && r.type == types[i] && r.sources == 0);
	}
}
