#include <criterion/criterion.h>

#include "common/wire/mld.h"
#include "common/wire/nd.h"
#include "tests/unit/wire/guard.h"

#define US                                                                                                   \
	{                                                                                                    \
		.b = { 0xfe, 0x80, [15] = 1 }                                                                \
	}
#define THEM                                                                                                 \
	{                                                                                                    \
		.b = { 0xfe, 0x80, [15] = 2 }                                                                \
	}

static const struct ip6_addr us = US, them = THEM;
static const struct mac_addr mac = {{2, 0, 0, 0, 0, 0x17}};

static enum icmp6_flaw check(
        const uint8_t *b, uint32_t len, const struct icmp6_origin *o, struct icmp6_view *v)
{
	return icmp6_check(b, len, csum_pseudo_ipv6(&o->src, &o->dst, IP_PROTO_ICMP6, len), v);
}

Test(icmp6, reads_what_it_wrote)
{
	const struct icmp6_origin o = {us, them, 64, false};
	uint8_t *b = guard_zeros(11);
	struct icmp6_view v;

	cr_assert_eq(icmp6_write(b, ICMP6_TYPE_ECHO, 0, 0x12340007), ICMP6_HDR_LEN);
	memcpy(b + 8, (uint8_t[]){'p', 'n', 'g'}, 3);
	icmp6_checksum_set(b, 11, &us, &them);
	cr_assert_eq(check(b, 11, &o, &v), ICMP6_OK);
	cr_assert(v.type == ICMP6_TYPE_ECHO && v.len == 11 && icmp6_id(&v) == 0x1234 &&
	          icmp6_sequence(&v) == 7);
	for (uint32_t bit = 0; bit < 88; bit++) {
		b[bit / 8] ^= 0x80 >> bit % 8;
		cr_assert_eq(check(b, 11, &o, &v), ICMP6_CHECKSUM);
		b[bit / 8] ^= 0x80 >> bit % 8;
	}
	for (uint32_t len = 0; len < 8; len++)
		cr_assert_eq(check(guard_zeros(len), len, &o, &v), ICMP6_TRUNCATED);
	cr_assert(icmp6_is_error(ICMP6_TYPE_PARAM_PROBLEM) && !icmp6_is_error(ICMP6_TYPE_ECHO));
}

/* An error that quotes a packet with a fragment header of field `field` and `l4_len` bytes behind it. */
static enum icmp6_flaw quote(uint16_t field, uint32_t l4_len, struct icmp6_quote *q)
{
	uint32_t len = 8 + 40 + 8 + l4_len;
	uint8_t *b = guard_zeros(len);
	struct icmp6_view v = {.len = len, .type = ICMP6_TYPE_DEST_UNREACH};

	icmp6_write(b, ICMP6_TYPE_DEST_UNREACH, ICMP6_UNREACH_PORT, 0);
	ipv6_write(b + 8, &(struct ipv6_fields){.payload_len = 1200, .next_header = IP_PROTO_FRAGMENT});
	ipv6_fragment_write(b + 48, IP_PROTO_UDP, field, 1);
	for (uint32_t i = 0; i < l4_len; i++)
		b[56 + i] = (uint8_t)(i + 1);
	return icmp6_quote_check(b, &v, q);
}

Test(icmp6, finds_what_an_error_quotes)
{
	struct icmp6_quote q;

	cr_assert_eq(quote(IPV6_FRAGMENT_MORE, 8, &q), ICMP6_OK);
	cr_assert(q.l4_offset == 56 && q.l4_len == 8 && q.src_port == 0x0102 && q.dst_port == 0x0304);
	cr_assert(q.chain.upper == IP_PROTO_UDP && q.ip.payload_len == 1200);
	cr_assert_eq(quote(IPV6_FRAGMENT_MORE, 3, &q), ICMP6_OK);
	cr_assert(q.l4_len == 3 && q.src_port == 0);
	cr_assert_eq(quote(8, 8, &q), ICMP6_OK);
	cr_assert(q.src_port == 0 && q.dst_port == 0);
}

Test(icmp6, refuses_a_quote_that_is_no_packet)
{
	struct icmp6_view v = {.len = 48};
	struct icmp6_quote q;
	uint8_t *b = guard_zeros(48);

	cr_assert_eq(icmp6_quote_check(b, &v, &q), ICMP6_QUOTE);
	b[8] = 0x60;
	b[8 + 6] = IP_PROTO_DST_OPTIONS;
	cr_assert_eq(icmp6_quote_check(b, &v, &q), ICMP6_QUOTE);
	b[8 + 6] = IP_PROTO_UDP;
	cr_assert_eq(icmp6_quote_check(b, &v, &q), ICMP6_OK);
	v.len = 47;
	cr_assert_eq(icmp6_quote_check(b, &v, &q), ICMP6_QUOTE);
}

/* --- Neighbor discovery --- */

/* Judge a message of these bytes that came from `o`, as icmp6_check would pass it on. */
static enum nd_flaw nd(const char *bytes, uint32_t len, const struct icmp6_origin *o, struct nd_view *v)
{
	const uint8_t *b = guard_copy(bytes, len);
	struct icmp6_view icmp = {.len = len, .type = b[0], .code = b[1], .rest = wire_load_u32(b + 4)};

	return nd_check(b, &icmp, o, v);
}

#define ND(text, o, v) nd(text, sizeof(text) - 1, o, v)

/* fe80::2, ff02::1 and 2001:db8::5 as bytes. */
#define LL2    "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\2"
#define GROUP  "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define GLOBAL "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\5"

static const struct icmp6_origin near_by = {US, THEM, 255, false};

Test(nd, takes_a_solicitation)
{
	struct nd_view v;

	cr_assert_eq(ND("\x87\0..\0\0\0\0" LL2 "\1\1\2\0\0\0\0\x17\x0e\1abcdef", &near_by, &v), ND_OK);
	cr_assert(
	        ip6_addr_equal(&v.target, &them) && v.has_source_lladdr && mac_equal(&v.source_lladdr, &mac));
	cr_assert(v.nonce_offset == 34 && v.nonce_len == 6 && !v.has_target_lladdr);
	cr_assert_eq(ND("\x87\0..\0\0\0\0" LL2, &near_by, &v), ND_OK);
	cr_assert(!v.has_source_lladdr && v.nonce_offset == 0);
}

Test(nd, takes_an_advertisement)
{
	struct nd_view v;

	cr_assert_eq(
	        ND("\x88\0..\xe0\0\0\0" LL2 "\2\1\2\0\0\0\0\x17\2\1\2\0\0\0\0\x18", &near_by, &v), ND_OK);
	cr_assert_eq(v.flags, ND_NA_ROUTER | ND_NA_SOLICITED | ND_NA_OVERRIDE);
	cr_assert(v.has_target_lladdr && mac_equal(&v.target_lladdr, &mac));
}

Test(nd, takes_a_router_advertisement)
{
	static const char ra[] =
	        "\x86\0..\x40\xc0\7\x08\0\0\x75\x30\0\0\3\xe8"
	        "\1\1\2\0\0\0\0\x17"
	        "\5\1\0\0\0\0\5\xdc"
	        "\3\4\x40\xc0\0\0\x0e\x10\0\0\7\x08\0\0\0\0\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0"
	        "\3\4\x81\xc0\0\0\x0e\x10\0\0\7\x08\0\0\0\0\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0"
	        "\x63\1unknwn";
	struct nd_option_view o;
	struct nd_prefix p = {};
	struct nd_view v;
	uint32_t at = 0, options = 0, prefixes = 0;

	cr_assert_eq(nd(ra, sizeof ra - 1, &near_by, &v), ND_OK);
	cr_assert(v.hop_limit == 64 && v.flags == (ND_RA_MANAGED | ND_RA_OTHER) && v.lifetime_s == 1800);
	cr_assert(v.reachable_ms == 30000 && v.retransmit_ms == 1000 && v.mtu == 1500 && v.has_source_lladdr);
	const uint8_t *b = guard_copy(ra, sizeof ra - 1);

	while (nd_option_next(b, &v, &at, &o)) {
		struct nd_prefix one;

		options++;
		if (nd_prefix_read(b, &o, &one) && prefixes++ == 0)
			p = one;
	}
	cr_assert(options == 5 && prefixes == 1 && p.prefix_len == 64 && p.valid_s == 3600 &&
	          p.preferred_s == 1800);
	cr_assert(p.flags == (ND_PREFIX_ON_LINK | ND_PREFIX_AUTONOMOUS) && p.prefix.b[0] == 0x20);
}

Test(nd, takes_a_redirect)
{
	struct nd_view v;

	cr_assert_eq(
	        ND("\x89\0..\0\0\0\0" LL2 GLOBAL "\4\2\0\0\0\0\0\0quoted..\4\1\0\0\0\0\0\0", &near_by, &v),
	        ND_OK);
	cr_assert(ip6_addr_equal(&v.target, &them) && v.destination.b[15] == 5);
	cr_assert(v.redirected_offset == 48 && v.redirected_len == 8);
	/* To the destination itself: it is on the link. */
	cr_assert_eq(ND("\x89\0..\0\0\0\0" GLOBAL GLOBAL, &near_by, &v), ND_OK);
	cr_assert_eq(ND("\x89\0..\0\0\0\0" GLOBAL LL2, &near_by, &v), ND_TARGET);
	cr_assert_eq(ND("\x89\0..\0\0\0\0" LL2 GROUP, &near_by, &v), ND_DESTINATION);
}

/* RFC 4861 6.1.1, 6.1.2, 7.1.1, 7.1.2, 8.1: what every message must obey. */
Test(nd, refuses_what_came_from_afar_and_wrong_codes)
{
	static const char messages[][41] = {"\x85\0..\0\0\0\0", "\x86\0..\0\0\0\0\0\0\0\0\0\0\0\0",
	        "\x87\0..\0\0\0\0" LL2, "\x88\0..\0\0\0\0" LL2, "\x89\0..\0\0\0\0" LL2 LL2};
	static const uint32_t lens[] = {8, 16, 24, 24, 40};

	for (uint32_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct icmp6_origin far = near_by;
		char message[40];
		struct nd_view v;

		memcpy(message, messages[i], sizeof message);
		cr_assert_eq(nd(message, lens[i], &near_by, &v), ND_OK, "%u", i);
		for (uint32_t len = 8; len < lens[i]; len++)
			cr_assert_eq(nd(message, len, &near_by, &v), ND_TRUNCATED);
		far.hop_limit = 254;
		cr_assert_eq(nd(message, lens[i], &far, &v), ND_HOP_LIMIT_LOW);
		message[1] = 1;
		cr_assert_eq(nd(message, lens[i], &near_by, &v), ND_CODE);
	}
}

Test(nd, refuses_wrong_addresses)
{
	const struct ip6_addr global = {.b = {0x20, 1, 0x0d, 0xb8, [15] = 5}};
	const struct icmp6_origin from_global = {global, them, 255, false},
	                          to_group = {us, IP6_ALL_NODES, 255, false};
	const struct icmp6_origin dad = {IP6_UNSPECIFIED, ip6_solicited_node(&them), 255, false};
	const struct icmp6_origin bad_dad = {IP6_UNSPECIFIED, them, 255, false};
	struct nd_view v;

	cr_assert_eq(ND("\x87\0..\0\0\0\0" GROUP, &near_by, &v), ND_TARGET);
	cr_assert_eq(ND("\x88\0..\0\0\0\0" GROUP, &near_by, &v), ND_TARGET);
	cr_assert_eq(ND("\x87\0..\0\0\0\0" LL2, &dad, &v), ND_OK);
	cr_assert_eq(ND("\x87\0..\0\0\0\0" LL2, &bad_dad, &v), ND_DESTINATION);
	cr_assert_eq(ND("\x87\0..\0\0\0\0" LL2 "\1\1\2\0\0\0\0\x17", &dad, &v), ND_LLADDR_UNWANTED);
	cr_assert_eq(ND("\x85\0..\0\0\0\0\1\1\2\0\0\0\0\x17", &dad, &v), ND_LLADDR_UNWANTED);
	cr_assert_eq(ND("\x88\0..\x40\0\0\0" LL2, &to_group, &v), ND_DESTINATION);
	cr_assert_eq(ND("\x88\0..\x20\0\0\0" LL2, &to_group, &v), ND_OK);
	cr_assert_eq(ND("\x86\0..\0\0\0\0\0\0\0\0\0\0\0\0", &from_global, &v), ND_SOURCE);
	cr_assert_eq(ND("\x89\0..\0\0\0\0" LL2 LL2, &from_global, &v), ND_SOURCE);
}

Test(nd, refuses_options_that_do_not_hold)
{
	struct nd_view v;

	cr_assert_eq(ND("\x85\0..\0\0\0\0\1\0\2\0\0\0\0\x17", &near_by, &v), ND_OPTION_LENGTH);
	cr_assert_eq(ND("\x85\0..\0\0\0\0\1\2\2\0\0\0\0\x17", &near_by, &v), ND_OPTION_LENGTH);
	cr_assert_eq(ND("\x85\0..\0\0\0\0\1\1\2\0\0\0\0\x17\1", &near_by, &v), ND_OPTION_LENGTH);
	cr_assert_eq(ND("\x85\0..\0\0\0\0\1\2\2\0\0\0\0\x17\0\0\0\0\0\0\0\0", &near_by, &v), ND_LLADDR);
	cr_assert_eq(
	        ND("\x88\0..\0\0\0\0" LL2 "\2\2\2\0\0\0\0\x17\0\0\0\0\0\0\0\0", &near_by, &v), ND_LLADDR);
	cr_assert_eq(ND("\x85\0..\0\0\0\0\x63\1\0\0\0\0\0\0", &near_by, &v), ND_OK);
}

Test(nd, reads_no_other_option_as_a_prefix)
{
	const uint8_t *b = guard_zeros(32);
	const struct nd_option_view short_one = {0, 24, ND_OPTION_PREFIX}, other = {0, 32, ND_OPTION_ROUTE};
	struct nd_prefix p;

	cr_assert(!nd_prefix_read(b, &short_one, &p) && !nd_prefix_read(b, &other, &p));
}

/* What was written by nd_*_write passes all checks. */
static enum nd_flaw written(const uint8_t *b, uint32_t len, const struct icmp6_origin *o, struct nd_view *v)
{
	struct icmp6_view icmp;

	cr_assert_eq(check(b, len, o, &icmp), ICMP6_OK);
	return nd_check(b, &icmp, o, v);
}

Test(nd, reads_the_messages_it_writes)
{
	static const uint8_t nonce[6] = "nonce!";
	const struct icmp6_origin dad = {IP6_UNSPECIFIED, ip6_solicited_node(&them), 255, false};
	uint8_t b[ND_WRITE_MAX];
	struct nd_view v;

	cr_assert_eq(nd_solicit_write(b, &us, &them, &them, &mac, NULL), 32);
	cr_assert_eq(written(b, 32, &near_by, &v), ND_OK);
	cr_assert(v.type == ICMP6_TYPE_NEIGHBOR_SOLICIT && ip6_addr_equal(&v.target, &them));
	cr_assert(v.has_source_lladdr && mac_equal(&v.source_lladdr, &mac) && v.nonce_offset == 0);
	cr_assert_eq(nd_solicit_write(b, &dad.src, &dad.dst, &them, NULL, nonce), 32);
	cr_assert_eq(written(b, 32, &dad, &v), ND_OK);
	cr_assert(v.nonce_len == 6 && memcmp(b + v.nonce_offset, nonce, 6) == 0);
	cr_assert_eq(nd_solicit_write(b, &us, &them, &them, &mac, nonce), ND_WRITE_MAX);
	cr_assert_eq(written(b, ND_WRITE_MAX, &near_by, &v), ND_OK);
	cr_assert_eq(nd_advert_write(b, &us, &them, &us, &mac, ND_NA_SOLICITED | ND_NA_ROUTER), 32);
	cr_assert_eq(written(b, 32, &near_by, &v), ND_OK);
	cr_assert(v.type == ICMP6_TYPE_NEIGHBOR_ADVERT && v.flags == (ND_NA_SOLICITED | ND_NA_ROUTER));
	cr_assert(v.has_target_lladdr && ip6_addr_equal(&v.target, &us));
	cr_assert_eq(nd_router_solicit_write(b, &us, &them, &mac), 16);
	cr_assert_eq(written(b, 16, &near_by, &v), ND_OK);
	cr_assert(v.type == ICMP6_TYPE_ROUTER_SOLICIT && v.has_source_lladdr);
}

Test(nd, knows_its_messages)
{
	for (uint32_t type = 0; type < 256; type++) {
		cr_assert_eq(nd_is_message((uint8_t)type), type >= 133 && type <= 137);
		cr_assert_eq(mld_is_message((uint8_t)type), (type >= 130 && type <= 132) || type == 143);
	}
}

/* --- Multicast listener discovery --- */

static const struct icmp6_origin querier = {US, {.b = {0xff, 0x02, [15] = 1}}, 1, true};

static enum mld_flaw mld(const char *bytes, uint32_t len, const struct icmp6_origin *o, struct mld_view *v)
{
	const uint8_t *b = guard_copy(bytes, len);
	struct icmp6_view icmp = {.len = len, .type = b[0], .code = b[1], .rest = wire_load_u32(b + 4)};

	return mld_check(b, &icmp, o, v);
}

#define MLD(text, o, v) mld(text, sizeof(text) - 1, o, v)
#define NO_GROUP        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

Test(mld, tells_queries_apart_by_length)
{
	struct mld_view v;

	cr_assert_eq(MLD("\x82\0..\x27\x10\0\0" NO_GROUP, &querier, &v), MLD_OK);
	cr_assert(v.version == 1 && v.max_resp_ms == 10000 && ip6_is_unspecified(&v.group));
	cr_assert_eq(MLD("\x82\0..\x27\x10\0\0" GROUP "\x0a\x7d\0\1" LL2, &querier, &v), MLD_OK);
	cr_assert(v.version == 2 && v.max_resp_ms == 10000 && v.suppress && v.robustness == 2);
	cr_assert(v.query_interval_s == 125 && v.sources == 1 && ip6_addr_equal(&v.group, &IP6_ALL_NODES));
	cr_assert_eq(MLD("\x82\0..\x91\x23\0\0" GROUP "\0\xff\0\0", &querier, &v), MLD_OK);
	cr_assert(v.max_resp_ms == 0x1123u << 4 && v.query_interval_s == 31744);
}

Test(mld, refuses_bad_queries)
{
	struct mld_view v;

	for (uint32_t len = 8; len < 28; len++) {
		enum mld_flaw flaw = mld("\x82\0..\x27\x10\0\0" GROUP "\0\0\0\0", len, &querier, &v);

		cr_assert_eq(flaw, len == 24 ? MLD_OK : MLD_TRUNCATED, "%u", len);
	}
	cr_assert_eq(MLD("\x82\0..\x27\x10\0\0" GROUP "\0\0\0\1", &querier, &v), MLD_SOURCES);
	for (uint32_t len = 28; len < 44; len++)
		cr_assert_eq(
		        mld("\x82\0..\x27\x10\0\0" GROUP "\0\0\0\1" LL2, len, &querier, &v), MLD_SOURCES);
	cr_assert_eq(MLD("\x82\0..\x27\x10\0\0" LL2, &querier, &v), MLD_GROUP);
	cr_assert_eq(MLD("\x83\0..\0\0\0\0" LL2, &querier, &v), MLD_GROUP);
	cr_assert_eq(MLD("\x84\0..\0\0\0\0" GROUP, &querier, &v), MLD_OK);
}

Test(mld, refuses_what_no_neighbor_of_ours_sent)
{
	struct icmp6_origin o = querier;
	struct mld_view v;

	o.hop_limit = 2;
	cr_assert_eq(MLD("\x82\0..\0\0\0\0" GROUP, &o, &v), MLD_HOP_LIMIT);
	o = querier;
	o.alert_mld = false;
	cr_assert_eq(MLD("\x82\0..\0\0\0\0" GROUP, &o, &v), MLD_NO_ALERT);
	o = querier;
	o.src.b[0] = 0x20;
	cr_assert_eq(MLD("\x82\0..\0\0\0\0" GROUP, &o, &v), MLD_SOURCE);
	o.src = IP6_UNSPECIFIED;
	cr_assert_eq(MLD("\x82\0..\0\0\0\0" GROUP, &o, &v), MLD_SOURCE);
	cr_assert_eq(MLD("\x83\0..\0\0\0\0" GROUP, &o, &v), MLD_OK);
}

Test(mld, walks_the_records_of_a_report)
{
	static const char report[] = "\x8f\0..\0\0\0\2"
	                             "\5\0\0\1" GROUP LL2 "\4\1\0\0" GROUP "aux.";
	struct mld_record r;
	struct mld_view v;
	uint32_t at = 0;

	cr_assert_eq(mld(report, sizeof report - 1, &querier, &v), MLD_OK);
	cr_assert(v.version == 2 && v.records == 2);
	const uint8_t *b = guard_copy(report, sizeof report - 1);

	cr_assert(mld_record_next(b, &v, &at, &r));
	cr_assert(r.type == GROUP_ALLOW_NEW_SOURCES && r.sources == 1 && r.sources_offset == 28);
	cr_assert(mld_record_next(b, &v, &at, &r));
	cr_assert(r.type == GROUP_CHANGE_TO_EXCLUDE && r.sources == 0 &&
	          ip6_addr_equal(&r.group, &IP6_ALL_NODES));
	cr_assert(!mld_record_next(b, &v, &at, &r));
	for (uint32_t len = 8; len < sizeof report - 1; len++)
		cr_assert_eq(mld(report, len, &querier, &v), MLD_SOURCES, "%u", len);
}

Test(mld, reads_the_messages_it_writes)
{
	const struct ip6_addr groups[] = {ip6_solicited_node(&us), IP6_ALL_ROUTERS};
	const uint8_t types[] = {GROUP_CHANGE_TO_EXCLUDE, GROUP_CHANGE_TO_INCLUDE};
	const struct icmp6_origin report = {us, IP6_MLDV2_ROUTERS, 1, true},
	                          done = {us, IP6_ALL_ROUTERS, 1, true};
	uint8_t *b = guard_zeros(48);
	struct icmp6_view icmp;
	struct mld_record r;
	struct mld_view v;
	uint32_t at = 0;

	cr_assert_eq(mld_report_write(b, groups, types, 2, &us), 48);
	cr_assert_eq(check(b, 48, &report, &icmp), ICMP6_OK);
	cr_assert_eq(mld_check(b, &icmp, &report, &v), MLD_OK);
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert(mld_record_next(b, &v, &at, &r));
		cr_assert(ip6_addr_equal(&r.group, &groups[i]) && r.type == types[i]);
	}
	cr_assert_eq(mld_write(b, ICMP6_TYPE_MLD_DONE, &groups[0], &us, &done.dst), MLD_LEN);
	cr_assert_eq(check(b, MLD_LEN, &done, &icmp), ICMP6_OK);
	cr_assert_eq(mld_check(b, &icmp, &done, &v), MLD_OK);
	cr_assert(v.type == ICMP6_TYPE_MLD_DONE && ip6_addr_equal(&v.group, &groups[0]));
}

Test(mld, writes_the_hop_by_hop_header_that_it_asks_for)
{
	uint8_t *b = guard_zeros(48);
	struct ipv6_options_view o;
	struct ipv6_chain c;
	struct ipv6_view v;

	ipv6_write(b, &(struct ipv6_fields){.payload_len = 8, .next_header = IP_PROTO_HOP_BY_HOP});
	cr_assert_eq(mld_hop_by_hop_write(b + 40), MLD_HOP_BY_HOP_LEN);
	cr_assert_eq(ipv6_check(b, 48, &v), IPV6_OK);
	cr_assert_eq(ipv6_chain_check(b, 48, &v, &c), IPV6_CHAIN_OK);
	cr_assert_eq(c.upper, IP_PROTO_ICMP6);
	cr_assert_eq(ipv6_options_check(b, 48, &v, &c.ext[0], &o), IPV6_OPTIONS_OK);
	cr_assert(o.router_alert && o.router_alert_value == IPV6_ROUTER_ALERT_MLD);
}
