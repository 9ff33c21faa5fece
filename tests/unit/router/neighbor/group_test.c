/* Memberships: what is reported when a group is joined, left or asked for (RFC 3376, 2236, 1112, 3810, 2710).
 */
#include <criterion/criterion.h>

#include "common/wire/igmp.h"
#include "common/wire/ipv4_options.h"
#include "common/wire/mld.h"
#include "tests/unit/router/neighbor/setup.h"

static struct setup s;

#define NOW (T0 + 1000 * SEC)
#define G4  0xefa00001u /* 239.160.0.1 */

static struct ip6_addr g4, g6;

/* Port 1 joins an IPv4 and an IPv6 group, or `extra` more of each. */
static void begin_with(uint32_t extra)
{
	setup_init(&s);
	g4 = mapped(G4);
	g6 = (struct ip6_addr){.b = {0xff, 0x05, [15] = 0x42}};
	s.region->group[0] = g4;
	s.region->group[1] = g6;
	for (uint32_t i = 0; i < extra; i++) {
		s.region->group[2 + 2 * i] = mapped(G4 + 1 + i);
		s.region->group[3 + 2 * i] = g6;
		s.region->group[3 + 2 * i].b[14] = (uint8_t)(i + 1);
	}
	s.region->port[1].groups.count = 2 + 2 * extra;
	setup_publish(&s);
}

static void begin(void)
{
	begin_with(0);
	setup_adopt(&s, T0);
	setup_until(&s, NOW);
	setup_forget(&s);
	s.cut = true;
}

/* A report as it stands in a frame of ours. */
struct report {
	uint32_t family, version;
	struct ip6_addr dst;
	uint32_t count;
	struct ip6_addr group[64];
	uint8_t type[64];
};

static void read_v3(const uint8_t *b, const struct igmp_view *v, struct report *r)
{
	struct igmp_record record;

	for (uint32_t at = 0; igmp_record_next(b, v, &at, &record); r->count++) {
		r->group[r->count] = ip6_addr_mapped(record.group);
		r->type[r->count] = record.type;
	}
}

static bool read_igmp(const struct sent *f, struct report *r)
{
	const uint8_t *l3 = f->frame + ETHER_HDR_LEN;
	struct ipv4_options_view options;
	struct ipv4_view ip;
	struct igmp_view v;

	if (ipv4_check(l3, f->len - ETHER_HDR_LEN, &ip) != IPV4_OK || ip.proto != IP_PROTO_IGMP)
		return false;
	cr_assert(ip.ttl == 1 && ip.tos == 0xc0 && ip.header_len == 24);
	cr_assert_eq(ipv4_options_check(l3, 24, &options), IPV4_OPTIONS_OK);
	cr_assert(options.router_alert);
	cr_assert_eq(igmp_check(l3 + 24, ip.total_len - 24, &v), IGMP_OK);
	*r = (struct report){.family = FAMILY_IGMP, .version = v.version, .dst = ip6_addr_mapped(ip.dst)};
	if (v.version == 3) {
		read_v3(l3 + 24, &v, r);
	} else {
		r->group[0] = ip6_addr_mapped(v.group);
		r->type[r->count++] = v.type == IGMP_TYPE_V2_LEAVE ? GROUP_CHANGE_TO_INCLUDE
		                                                   : GROUP_MODE_IS_EXCLUDE;
	}
	return true;
}

static bool read_mld(const struct sent *f, struct report *r)
{
	const uint8_t *l3 = f->frame + ETHER_HDR_LEN, *l4 = l3 + IPV6_HDR_LEN + 8;
	struct icmp6_view icmp;
	struct ipv6_view ip;
	struct mld_view v;
	uint32_t len;

	if (ipv6_check(l3, f->len - ETHER_HDR_LEN, &ip) != IPV6_OK || ip.next_header != IP_PROTO_HOP_BY_HOP)
		return false;
	len = ip.total_len - IPV6_HDR_LEN - 8;
	cr_assert_eq(icmp6_check(l4, len, csum_pseudo_ipv6(&ip.src, &ip.dst, IP_PROTO_ICMP6, len), &icmp),
	        ICMP6_OK);
	struct icmp6_origin origin = {ip.src, ip.dst, ip.hop_limit, true};

	cr_assert_eq(mld_check(l4, &icmp, &origin, &v), MLD_OK);
	*r = (struct report){.family = FAMILY_MLD, .version = v.version, .dst = ip.dst};
	if (v.version == 1) {
		r->group[0] = v.group;
		r->type[r->count++] = v.type == ICMP6_TYPE_MLD_DONE ? GROUP_CHANGE_TO_INCLUDE
		                                                    : GROUP_MODE_IS_EXCLUDE;
		return true;
	}
	struct mld_record record;

	for (uint32_t at = 0; mld_record_next(l4, &v, &at, &record); r->count++) {
		r->group[r->count] = record.group;
		r->type[r->count] = record.type;
	}
	return true;
}

/* Records on port 1 about the group, of this version and type (0: any); the time does not matter here. */
static uint32_t records(const struct ip6_addr *group, uint32_t version, uint8_t type)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s.n_sent; i++) {
		struct report r;

		if (s.sent[i].port.v != 1 || s.sent[i].verdict.kind != VERDICT_PASS)
			continue;
		if (!read_igmp(&s.sent[i], &r) && !read_mld(&s.sent[i], &r))
			continue;
		for (uint32_t k = 0; k < r.count; k++)
			n += r.version == version && (!type || r.type[k] == type) &&
			     ip6_addr_equal(&r.group[k], group);
	}
	return n;
}

static uint32_t messages(void)
{
	return s.n_sent;
}

static void igmp_query(nanos_t now, uint32_t version, uint32_t group, uint8_t max_resp)
{
	uint8_t frame[ETHER_HDR_LEN + IPV4_HDR_LEN + IGMP_V3_QUERY_LEN] = {0},
	                                             *m = frame + ETHER_HDR_LEN + IPV4_HDR_LEN;
	uint16_t len = version == 3 ? IGMP_V3_QUERY_LEN : IGMP_HDR_LEN;
	struct igmp_hdr *h = (void *)m;

	*h = (struct igmp_hdr){
	        .type = IGMP_TYPE_QUERY, .max_resp = version == 1 ? 0 : max_resp, .group = v4(group)};
	m[8] = 2;
	m[9] = 125;
	h->checksum = csum_finish(csum_bytes(CSUM_ZERO, m, len));
	ipv4_write(frame + ETHER_HDR_LEN, &(struct ipv4_fields){.src = v4(0x0a010063),
	                                          .dst = v4(0xe0000001),
	                                          .payload_len = len,
	                                          .ttl = 1,
	                                          .proto = IP_PROTO_IGMP});
	cr_assert_eq(setup_input(&s, now, SETUP_IGMP, P1, PKT_MULTICAST, frame,
	                     ETHER_HDR_LEN + IPV4_HDR_LEN + len, 34)
	                     .kind,
	        VERDICT_DELIVERED);
}

static struct verdict mld_message(nanos_t now, const uint8_t *message, uint32_t len, uint8_t hop_limit)
{
	uint8_t frame[256] = {0}, *l3 = frame + ETHER_HDR_LEN;
	struct ip6_addr src = {.b = {0xfe, 0x80, [15] = 0x99}}, dst = IP6_ALL_NODES;

	ipv6_write(l3, &(struct ipv6_fields){.src = src,
	                       .dst = dst,
	                       .payload_len = (uint16_t)(8 + len),
	                       .next_header = IP_PROTO_HOP_BY_HOP,
	                       .hop_limit = hop_limit});
	mld_hop_by_hop_write(l3 + IPV6_HDR_LEN);
	memcpy(l3 + IPV6_HDR_LEN + 8, message, len);
	icmp6_checksum_set(l3 + IPV6_HDR_LEN + 8, len, &src, &dst);
	return setup_input(&s, now, SETUP_MLD, P1, PKT_MULTICAST, frame,
	        ETHER_HDR_LEN + IPV6_HDR_LEN + 8 + len, ETHER_HDR_LEN + IPV6_HDR_LEN + 8);
}

static void mld_query(nanos_t now, uint32_t version, const struct ip6_addr *group, uint16_t max_ms)
{
	uint8_t m[MLD_V2_QUERY_LEN] = {0};

	icmp6_write(m, ICMP6_TYPE_MLD_QUERY, 0, (uint32_t)max_ms << 16);
	memcpy(m + 8, group, 16);
	m[24] = 2;
	m[25] = 125;
	cr_assert_eq(
	        mld_message(now, m, version == 2 ? MLD_V2_QUERY_LEN : MLD_LEN, 1).kind, VERDICT_DELIVERED);
}

static void heard_igmp(nanos_t now)
{
	uint8_t frame[ETHER_HDR_LEN + IPV4_HDR_LEN + IGMP_HDR_LEN] = {0};

	igmp_write(frame + ETHER_HDR_LEN + IPV4_HDR_LEN, IGMP_TYPE_V2_REPORT, v4(G4));
	ipv4_write(frame + ETHER_HDR_LEN, &(struct ipv4_fields){.src = v4(0x0a010064),
	                                          .dst = v4(G4),
	                                          .payload_len = IGMP_HDR_LEN,
	                                          .ttl = 1,
	                                          .proto = IP_PROTO_IGMP});
	setup_input(&s, now, SETUP_IGMP, P1, PKT_MULTICAST, frame, sizeof frame, 34);
}

static void heard_mld(nanos_t now)
{
	uint8_t m[MLD_LEN];

	icmp6_write(m, ICMP6_TYPE_MLD_REPORT, 0, 0);
	memcpy(m + 8, &g6, 16);
	cr_assert_eq(mld_message(now, m, MLD_LEN, 1).kind, VERDICT_DELIVERED);
}

Test(groups, are_reported_twice_when_joined)
{
	struct ip6_addr node, routers = IP6_ALL_ROUTERS;

	begin_with(0);
	node = ip6_solicited_node(&s.region->address[4].addr);
	s.cut = true;
	setup_adopt(&s, T0);
	setup_until(&s, T0 + 60 * SEC);
	cr_assert_eq(records(&g4, 3, GROUP_CHANGE_TO_EXCLUDE), 2);
	cr_assert_eq(records(&g6, 2, GROUP_CHANGE_TO_EXCLUDE), 2);
	cr_assert_eq(records(&node, 2, GROUP_CHANGE_TO_EXCLUDE), 2);
	cr_assert_eq(records(&routers, 2, GROUP_CHANGE_TO_EXCLUDE), 2);
	cr_assert(neighbor_group_joined(&s.n.table, P1, &g4) && neighbor_group_joined(&s.n.table, P1, &g6));
	cr_assert(neighbor_group_joined(&s.n.table, P0, &IP6_ALL_NODES));
	cr_assert_not(neighbor_group_joined(&s.n.table, P0, &g4));
	cr_assert_gt(fixture_stat(&s.f, STAT_IGMP_OUT_REPORTS), 1u);
	cr_assert_gt(fixture_stat(&s.f, STAT_ICMP6_OUT_MLD_REPORTS), 1u);
	setup_free(&s);
}

Test(groups, that_are_left_are_reported_twice_and_forgotten)
{
	begin();
	s.region->port[1].groups.count = 0;
	setup_publish(&s);
	setup_adopt(&s, NOW);
	cr_assert_not(neighbor_group_joined(&s.n.table, P1, &g4));
	setup_until(&s, NOW + 60 * SEC);
	cr_assert_eq(records(&g4, 3, GROUP_CHANGE_TO_INCLUDE), 2);
	cr_assert_eq(records(&g6, 2, GROUP_CHANGE_TO_INCLUDE), 2);
	cr_assert_eq(group_find(&s.n.table, P1, &g4), NEIGHBOR_NONE);
	setup_free(&s);
}

Test(groups, that_are_joined_again_while_they_are_left)
{
	begin();
	s.region->port[1].groups.count = 0;
	setup_publish(&s);
	setup_adopt(&s, NOW);
	s.region->port[1].groups.count = 2;
	setup_publish(&s);
	setup_adopt(&s, NOW);
	cr_assert(neighbor_group_joined(&s.n.table, P1, &g4));
	setup_until(&s, NOW + 60 * SEC);
	cr_assert_eq(records(&g4, 3, GROUP_CHANGE_TO_EXCLUDE), 2);
	setup_free(&s);
}

Test(groups, all_nodes_and_what_stays_in_the_node_are_never_reported)
{
	struct ip6_addr local = {.b = {0xff, 0x01, [15] = 5}};

	begin_with(0);
	s.region->group[0] = mapped(0xe0000001);
	s.region->group[1] = local;
	setup_publish(&s);
	setup_adopt(&s, T0);
	setup_until(&s, NOW);
	g4 = mapped(0xe0000001);
	cr_assert_eq(records(&g4, 3, 0) + records(&local, 2, 0), 0);
	cr_assert(neighbor_group_joined(&s.n.table, P1, &local));
	s.region->port[1].groups.count = 0;
	setup_publish(&s);
	setup_adopt(&s, NOW);
	cr_assert_not(neighbor_group_joined(&s.n.table, P1, &local));
	setup_free(&s);
}

Test(groups, a_general_query_is_answered_in_one_report_within_its_time)
{
	begin();
	igmp_query(NOW, 3, 0, 100);
	cr_assert_eq(messages(), 0);
	setup_until(&s, NOW + 10 * SEC);
	cr_assert_eq(messages(), 1);
	cr_assert_eq(records(&g4, 3, GROUP_MODE_IS_EXCLUDE), 1);
	mld_query(NOW + 20 * SEC, 2, &IP6_UNSPECIFIED, 10000);
	setup_until(&s, NOW + 30 * SEC);
	cr_assert_eq(messages(), 2);
	cr_assert_eq(records(&g6, 2, GROUP_MODE_IS_EXCLUDE), 1);
	cr_assert_eq(fixture_stat(&s.f, STAT_IGMP_IN_QUERIES), 1);
	cr_assert_eq(fixture_stat(&s.f, STAT_ICMP6_IN_GROUP_MEMB_QUERIES), 1);
	setup_free(&s);
}

Test(groups, many_are_answered_for_in_several_reports)
{
	begin_with(60);
	setup_adopt(&s, T0);
	setup_until(&s, NOW);
	setup_forget(&s);
	s.cut = true;
	igmp_query(NOW, 3, 0, 10);
	mld_query(NOW, 2, &IP6_UNSPECIFIED, 1000);
	setup_until(&s, NOW + SEC);
	cr_assert_geq(messages(), 4);
	for (uint32_t i = 0; i < 122; i++)
		cr_assert_eq(
		        records(&s.region->group[i], i % 2 ? 2 : 3, GROUP_MODE_IS_EXCLUDE), 1, "group %u", i);
	setup_free(&s);
}

Test(groups, that_are_forgotten_before_they_are_answered_for)
{
	begin();
	heard_igmp(NOW);
	igmp_query(NOW, 2, G4 + 1, 100); /* an older querier: who has not reported leaves in silence */
	heard_igmp(NOW);
	mld_query(NOW, 2, &IP6_UNSPECIFIED, 10000);
	igmp_query(NOW, 2, 0, 100);
	s.region->port[1].groups.count = 0;
	s.region->port[1].addresses.count = 0;
	s.region->port[1].flags &= (uint16_t)~EPOCH_PORT_FORWARD6;
	s.region->h.addresses.count = 3;
	setup_publish(&s);
	setup_adopt(&s, NOW);
	cr_assert_eq(group_find(&s.n.table, P1, &g4), NEIGHBOR_NONE);
	setup_until(&s, NOW + 20 * SEC);
	cr_assert_eq(records(&g4, 2, 0) + records(&g4, 3, 0), 0);
	setup_free(&s);
}

Test(groups, many_answer_an_older_querier_each_in_its_time)
{
	nanos_t first = NANOS_NEVER;

	begin_with(60);
	setup_adopt(&s, T0);
	setup_until(&s, NOW);
	setup_forget(&s);
	s.cut = true;
	igmp_query(NOW, 2, 0, 100);
	for (nanos_t now = NOW; now <= NOW + 10 * SEC; now += SEC) {
		setup_until(&s, now);
		if (messages() && first == NANOS_NEVER)
			first = now;
	}
	cr_assert_leq(first, NOW + 2 * SEC, "not all together");
	cr_assert_eq(messages(), 61);
	for (uint32_t i = 0; i < 122; i += 2)
		cr_assert_eq(records(&s.region->group[i], 2, GROUP_MODE_IS_EXCLUDE), 1, "group %u", i);
	setup_free(&s);
}

Test(groups, a_query_for_one_is_answered_for_that_one)
{
	struct ip6_addr other = mapped(G4 + 77);

	begin();
	igmp_query(NOW, 3, G4, 10);
	igmp_query(NOW, 3, G4 + 77, 10);
	mld_query(NOW, 2, &g6, 1000);
	setup_until(&s, NOW + SEC);
	cr_assert_eq(records(&g4, 3, GROUP_MODE_IS_EXCLUDE), 1);
	cr_assert_eq(records(&g6, 2, GROUP_MODE_IS_EXCLUDE), 1);
	cr_assert_eq(records(&other, 3, 0), 0);
	cr_assert_eq(messages(), 2);
	setup_free(&s);
}

Test(groups, an_older_querier_gets_older_reports_for_its_time)
{
	struct be32 dst;
	uint32_t first;

	begin();
	igmp_query(NOW, 2, 0, 100);
	mld_query(NOW, 1, &IP6_UNSPECIFIED, 10000);
	setup_until(&s, NOW + 10 * SEC);
	cr_assert_eq(records(&g4, 2, GROUP_MODE_IS_EXCLUDE), 1);
	cr_assert_eq(records(&g6, 1, GROUP_MODE_IS_EXCLUDE), 1);
	for (first = 0; s.sent[first].frame[12] != 0x08; first++)
		;
	memcpy(&dst, s.sent[first].frame + ETHER_HDR_LEN + 16, 4);
	cr_assert_eq(be32_to_host(dst), G4, "to the group itself");
	setup_forget(&s);
	igmp_query(NOW + 20 * SEC, 1, 0, 0);
	setup_until(&s, NOW + 30 * SEC);
	cr_assert_eq(records(&g4, 1, GROUP_MODE_IS_EXCLUDE), 1);
	igmp_query(NOW + 300 * SEC, 3, 0, 100); /* 20 + 260 s are over */
	setup_until(&s, NOW + 310 * SEC);
	cr_assert_eq(records(&g4, 3, GROUP_MODE_IS_EXCLUDE), 1);
	setup_free(&s);
}

Test(groups, with_an_older_querier_one_report_on_the_link_is_enough)
{
	begin();
	heard_igmp(NOW); /* without an older querier it means nothing */
	igmp_query(NOW, 2, G4, 100);
	mld_query(NOW, 1, &g6, 10000);
	heard_igmp(NOW);
	heard_mld(NOW);
	setup_until(&s, NOW + 20 * SEC);
	cr_assert_eq(messages(), 0);
	/* Who has not reported last has no leave to send. */
	s.region->port[1].groups.count = 0;
	setup_publish(&s);
	setup_adopt(&s, NOW + 20 * SEC);
	setup_until(&s, NOW + 40 * SEC);
	cr_assert_eq(messages(), 0);
	setup_free(&s);
}

Test(groups, who_has_reported_last_to_an_older_querier_says_that_it_leaves)
{
	begin();
	igmp_query(NOW, 2, G4, 100);
	mld_query(NOW, 1, &g6, 10000);
	setup_until(&s, NOW + 20 * SEC);
	setup_forget(&s);
	s.region->port[1].groups.count = 0;
	setup_publish(&s);
	setup_adopt(&s, NOW + 20 * SEC);
	setup_until(&s, NOW + 40 * SEC);
	cr_assert_eq(records(&g4, 2, GROUP_CHANGE_TO_INCLUDE), 1);
	cr_assert_eq(records(&g6, 1, GROUP_CHANGE_TO_INCLUDE), 1);
	cr_assert_eq(messages(), 2);
	setup_free(&s);
}

Test(groups, version_1_knows_no_leave)
{
	begin();
	igmp_query(NOW, 1, 0, 0);
	setup_until(&s, NOW + 20 * SEC);
	setup_forget(&s);
	s.region->port[1].groups.count = 0;
	setup_publish(&s);
	setup_adopt(&s, NOW + 20 * SEC);
	setup_until(&s, NOW + 40 * SEC);
	cr_assert_eq(records(&g4, 1, 0), 0);
	cr_assert_eq(records(&g4, 2, 0), 0);
	setup_free(&s);
}

Test(groups, of_a_port_that_went_down_are_forgotten)
{
	begin();
	igmp_query(NOW, 3, 0, 100);
	mld_query(NOW, 2, &g6, 10000);
	s.region->port[1].flags &= (uint16_t)~EPOCH_PORT_UP;
	setup_until(&s, NOW + 20 * SEC);
	cr_assert_eq(messages(), 0);
	cr_assert_eq(group_find(&s.n.table, P1, &g6), NEIGHBOR_NONE, "its timer came");
	setup_publish(&s);
	setup_adopt(&s, NOW + 20 * SEC);
	cr_assert_eq(group_find(&s.n.table, P1, &g4), NEIGHBOR_NONE);
	cr_assert_eq(messages(), 0);
	setup_free(&s);
}

Test(groups, what_is_malformed_is_refused)
{
	uint8_t m[MLD_LEN] = {0}, frame[64] = {0};
	struct port_id none = {900};

	begin();
	icmp6_write(m, ICMP6_TYPE_MLD_QUERY, 0, 0);
	cr_assert_eq(mld_message(NOW, m, MLD_LEN, 2).reason, DROP_IGMP_MALFORMED, "hop limit");
	cr_assert_eq(mld_message(NOW, m, MLD_LEN - 1, 1).reason, DROP_IGMP_MALFORMED);
	cr_assert_eq(
	        setup_input(&s, NOW, SETUP_MLD, P1, 0, frame, sizeof frame, 54).reason, DROP_IGMP_MALFORMED);
	cr_assert_eq(
	        setup_input(&s, NOW, SETUP_MLD, P1, 0, frame, sizeof frame, 0).reason, DROP_IGMP_MALFORMED);
	cr_assert_eq(
	        setup_input(&s, NOW, SETUP_IGMP, P1, 0, frame, sizeof frame, 34).reason, DROP_IGMP_MALFORMED);
	cr_assert_eq(
	        setup_input(&s, NOW, SETUP_IGMP, none, 0, frame, sizeof frame, 34).reason, DROP_PORT_DOWN);
	cr_assert_eq(
	        setup_input(&s, NOW, SETUP_MLD, none, 0, frame, sizeof frame, 34).reason, DROP_PORT_DOWN);
	setup_free(&s);
}
