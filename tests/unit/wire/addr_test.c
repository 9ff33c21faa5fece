#include <criterion/criterion.h>

#include "common/wire/addr.h"
#include "common/wire/text.h"

static struct be32 v4(const char *s)
{
	struct be32 a;

	cr_assert_eq(text_parse_ipv4(s, strlen(s), &a, NULL), 0, "%s", s);
	return a;
}

static struct ip6_addr v6(const char *s)
{
	struct ip6_addr a;

	cr_assert_eq(text_parse_ip6(s, strlen(s), &a, NULL), 0, "%s", s);
	return a;
}

static struct mac_addr mac(const char *s)
{
	struct mac_addr a;

	cr_assert_eq(text_parse_mac(s, strlen(s), &a, NULL), 0, "%s", s);
	return a;
}

enum class {
	UNSPECIFIED = 1,
	LOOPBACK = 2,
	MULTICAST = 4,
	LINK_LOCAL = 8,
	PRIVATE = 16,
	RESERVED = 32,
	BAD_SOURCE = 64,
	BAD_DESTINATION = 128
};

static uint32_t classes4(struct be32 a)
{
	return (ipv4_is_unspecified(a) ? UNSPECIFIED : 0) | (ipv4_is_loopback(a) ? LOOPBACK : 0) |
	       (ipv4_is_multicast(a) ? MULTICAST : 0) | (ipv4_is_link_local(a) ? LINK_LOCAL : 0) |
	       (ipv4_is_private(a) ? PRIVATE : 0) | (ipv4_is_reserved(a) ? RESERVED : 0) |
	       (ipv4_is_martian_source(a) ? BAD_SOURCE : 0) |
	       (ipv4_is_martian_destination(a) ? BAD_DESTINATION : 0);
}

Test(addr, classes_ipv4_at_the_edges_of_each_block)
{
	const struct {
		const char *addr;
		uint32_t classes;
	} cases[] = {
	        {"0.0.0.0", UNSPECIFIED | BAD_SOURCE | BAD_DESTINATION},
	        {"0.0.0.1", 0},
	        {"1.0.0.0", 0},
	        {"9.255.255.255", 0},
	        {"10.0.0.0", PRIVATE},
	        {"10.255.255.255", PRIVATE},
	        {"11.0.0.0", 0},
	        {"126.255.255.255", 0},
	        {"127.0.0.0", LOOPBACK | BAD_SOURCE | BAD_DESTINATION},
	        {"127.255.255.255", LOOPBACK | BAD_SOURCE | BAD_DESTINATION},
	        {"128.0.0.0", 0},
	        {"169.253.255.255", 0},
	        {"169.254.0.0", LINK_LOCAL},
	        {"169.254.255.255", LINK_LOCAL},
	        {"169.255.0.0", 0},
	        {"172.15.255.255", 0},
	        {"172.16.0.0", PRIVATE},
	        {"172.31.255.255", PRIVATE},
	        {"172.32.0.0", 0},
	        {"192.167.255.255", 0},
	        {"192.168.0.0", PRIVATE},
	        {"192.168.255.255", PRIVATE},
	        {"192.169.0.0", 0},
	        {"223.255.255.255", 0},
	        {"224.0.0.0", MULTICAST | BAD_SOURCE},
	        {"239.255.255.255", MULTICAST | BAD_SOURCE},
	        {"240.0.0.0", RESERVED},
	        {"255.255.255.254", RESERVED},
	        {"255.255.255.255", RESERVED | BAD_SOURCE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_assert_eq(classes4(v4(cases[i].addr)), cases[i].classes, "%s", cases[i].addr);
	cr_assert(ipv4_is_this_network(v4("0.1.2.3")) && !ipv4_is_this_network(v4("1.0.0.0")));
	cr_assert(ipv4_is_local_multicast(v4("224.0.0.255")) && !ipv4_is_local_multicast(v4("224.0.1.0")));
	cr_assert(ipv4_is_limited_broadcast(v4("255.255.255.255")) &&
	          !ipv4_is_limited_broadcast(v4("255.255.255.254")));
}

Test(addr, masks_of_ipv4_prefixes)
{
	cr_assert_eq(ipv4_mask(0).raw, 0);
	cr_assert_eq(ipv4_mask(1).raw, v4("128.0.0.0").raw);
	cr_assert_eq(ipv4_mask(22).raw, v4("255.255.252.0").raw);
	cr_assert_eq(ipv4_mask(32).raw, UINT32_MAX);
}

Test(addr, knows_what_a_mac_is)
{
	struct mac_addr group = mac("01:00:5e:00:00:01"), broadcast = MAC_BROADCAST, zero = {},
	                station = mac("00:1b:21:01:02:03");
	struct mac_addr local = mac("02:00:00:00:00:01");

	cr_assert(mac_is_multicast(&group) && !mac_is_broadcast(&group) && !mac_is_station(&group));
	cr_assert(mac_is_multicast(&broadcast) && mac_is_broadcast(&broadcast));
	cr_assert(mac_is_zero(&zero) && !mac_is_station(&zero) && !mac_is_zero(&station));
	cr_assert(mac_is_station(&station) && !mac_is_local(&station) && mac_is_local(&local));
	cr_assert(mac_equal(&station, &station) && !mac_equal(&station, &local));
}

Test(addr, knows_the_link_reserved_macs)
{
	for (uint32_t last = 0; last < 256; last++) {
		struct mac_addr a = {{0x01, 0x80, 0xc2, 0, 0, (uint8_t)last}};

		cr_assert_eq(mac_is_link_reserved(&a), last < 16);
		for (uint32_t i = 0; i < 5; i++) {
			struct mac_addr b = a;

			b.b[i] ^= 0x10;
			cr_assert(!mac_is_link_reserved(&b));
		}
	}
}

Test(addr, classes_ipv6)
{
	const struct {
		const char *addr;
		enum ip6_scope scope;
		bool bad_source, bad_destination;
	} cases[] = {
	        {"::", IP6_SCOPE_GLOBAL, false, true},
	        {"::1", IP6_SCOPE_LINK, true, true},
	        {"::2", IP6_SCOPE_GLOBAL, false, false},
	        {"2001:db8::1", IP6_SCOPE_GLOBAL, false, false},
	        {"fe80::1", IP6_SCOPE_LINK, false, false},
	        {"febf::1", IP6_SCOPE_LINK, false, false},
	        {"fec0::1", IP6_SCOPE_SITE, false, false},
	        {"fe7f::1", IP6_SCOPE_GLOBAL, false, false},
	        {"fd00::1", IP6_SCOPE_GLOBAL, false, false},
	        {"::ffff:192.0.2.1", IP6_SCOPE_GLOBAL, true, false},
	        {"ff00::1", IP6_SCOPE_RESERVED, true, true},
	        {"ff01::1", IP6_SCOPE_INTERFACE, true, true},
	        {"ff02::1", IP6_SCOPE_LINK, true, false},
	        {"ff03::1", IP6_SCOPE_REALM, true, false},
	        {"ff34::1", IP6_SCOPE_ADMIN, true, false},
	        {"ff15::1", IP6_SCOPE_SITE, true, false},
	        {"ff08::1", IP6_SCOPE_ORGANIZATION, true, false},
	        {"ff0e::1", IP6_SCOPE_GLOBAL, true, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip6_addr a = v6(cases[i].addr);

		cr_assert_eq(ip6_scope(&a), cases[i].scope, "%s", cases[i].addr);
		cr_assert_eq(ip6_is_martian_source(&a), cases[i].bad_source, "%s", cases[i].addr);
		cr_assert_eq(ip6_is_martian_destination(&a), cases[i].bad_destination, "%s", cases[i].addr);
	}
	struct ip6_addr ula = v6("fdff::"), not_ula = v6("fe00::"), site = v6("feff::");

	cr_assert(ip6_is_unique_local(&ula) && !ip6_is_unique_local(&not_ula) && ip6_is_site_local(&site));
	cr_assert(ip6_is_unspecified(&IP6_UNSPECIFIED) && ip6_is_loopback(&IP6_LOOPBACK));
	cr_assert(!ip6_is_unspecified(&IP6_LOOPBACK) && !ip6_is_loopback(&IP6_UNSPECIFIED));
}

/* RFC 1112 6.4, RFC 2464 7, RFC 4291 2.7.1 and appendix A. */
Test(addr, derives_addresses_from_addresses)
{
	char text[TEXT_IP6_SIZE];
	struct ip6_addr a = v6("4037::01:800:200e:8c6c"), group = ip6_solicited_node(&a),
	                other = v6("ff02::1:fe00:1");
	struct mac_addr m = mac_of_ip6_multicast(&group), eui = mac("00:aa:00:3f:2a:1c");
	struct ip6_addr ll = ip6_link_local_of(&eui);

	cr_assert_str_eq(text_ip6(text, &group), "ff02::1:ff0e:8c6c");
	cr_assert(ip6_is_solicited_node(&group) && !ip6_is_solicited_node(&other));
	cr_assert_str_eq(text_mac(text, &m), "33:33:ff:0e:8c:6c");
	m = mac_of_ipv4_multicast(v4("239.255.1.2"));
	cr_assert_str_eq(text_mac(text, &m), "01:00:5e:7f:01:02");
	cr_assert_str_eq(text_ip6(text, &ll), "fe80::2aa:ff:fe3f:2a1c");
	cr_assert_str_eq(text_ip6(text, &IP6_ALL_NODES), "ff02::1");
	cr_assert_str_eq(text_ip6(text, &IP6_ALL_ROUTERS), "ff02::2");
	cr_assert_str_eq(text_ip6(text, &IP6_MLDV2_ROUTERS), "ff02::16");
}

Test(addr, compares_ipv6_prefixes_bit_by_bit)
{
	struct ip6_addr a = v6("2001:db8:a5a5:5a5a:1234:5678:9abc:def0");

	for (uint32_t bit = 0; bit < 128; bit++) {
		struct ip6_addr b = a;

		b.b[bit / 8] ^= 0x80 >> bit % 8;
		for (uint32_t len = 0; len <= 128; len++)
			cr_assert_eq(ip6_prefix_equal(&a, &b, len), len <= bit);
	}
}
