#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>

#include "common/wire/text.h"

/* RFC 5952 2 and 4: what is written in many ways is given back in one. */
Test(text, writes_ipv6_as_rfc5952_says)
{
	const char *cases[][2] = {
	        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
	        {"2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
	        {"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
	        {"2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"},
	        {"2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"},
	        {"2001:db8:0:0:1::1", "2001:db8::1:0:0:1"},
	        {"2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"},
	        {"2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"},
	        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
	        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
	        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
	        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
	        {"0:0:0:0:0:0:0:0", "::"},
	        {"0:0:0:0:0:0:0:1", "::1"},
	        {"1:0:0:0:0:0:0:0", "1::"},
	        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
	        {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
	        {"0:2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
	        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
	        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
	        {"ABCD:EF01::", "abcd:ef01::"},
	        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
	        {"::FFFF:c000:0201", "::ffff:192.0.2.1"},
	        {"0:0:0:0:0:ffff:0.0.0.0", "::ffff:0.0.0.0"},
	        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
	        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
	        {"10:100:1000:1:20:200:2000:2", "10:100:1000:1:20:200:2000:2"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[TEXT_IP6_SIZE];
		struct ip6_addr a;

		cr_assert_eq(
		        text_parse_ip6(cases[i][0], strlen(cases[i][0]), &a, NULL), 0, "%s", cases[i][0]);
		cr_assert_str_eq(text_ip6(text, &a), cases[i][1]);
	}
}

Test(text, says_where_an_ipv6_address_goes_wrong)
{
	const struct {
		const char *text;
		size_t at;
	} cases[] = {
	        {"", 0},
	        {":", 1},
	        {":1::", 1},
	        {":::", 2},
	        {"1", 1},
	        {"1:", 2},
	        {"1:2:3:4:5:6:7", 13},
	        {"1:2:3:4:5:6:7:", 14},
	        {"1:2:3:4:5:6:7:8:", 15},
	        {"1:2:3:4:5:6:7:8:9", 15},
	        {"1:2:3:4:5:6:7::8", 15},
	        {"::1:2:3:4:5:6:7:8", 15},
	        {"1::2::3", 5},
	        {"12345::", 4},
	        {"g::", 0},
	        {"1::g", 3},
	        {"::1%eth0", 3},
	        {"::1 ", 3},
	        {" ::1", 0},
	        {"1::2:", 5},
	        {"::1.2.3", 7},
	        {"::1.2.3.4.5", 9},
	        {"::1.2.3.256", 10},
	        {"::1.2.3.04", 9},
	        {"::1.2.3.4:5", 9},
	        {"1:2:3:4:5:6:7:1.2.3.4", 15},
	        {"::2:3:4:5:6:7:1.2.3.4", 15},
	        {"::a.2.3.4", 3},
	        {"::1920.2.3.4", 6},
	        {"1.2.3.4::", 7},
	        {"::1/64", 3},
	        {"::ffff:1.2.3.", 13},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t at = 99;
		struct ip6_addr a;

		cr_assert_eq(text_parse_ip6(cases[i].text, strlen(cases[i].text), &a, &at), -EINVAL, "%s",
		        cases[i].text);
		cr_assert_eq(at, cases[i].at, "'%s' at %zu", cases[i].text, at);
	}
}

/* The C library as oracle, on texts near to addresses. */
Test(text, takes_the_ipv6_addresses_that_inet_pton_takes)
{
	static const char alphabet[] = "0123456789abcdefABCDEF::::::::.....g";
	uint64_t seed = 7;
	uint32_t taken = 0;

	for (uint32_t round = 0; round < 400000; round++) {
		char text[TEXT_IP6_SIZE];
		struct ip6_addr a;
		uint8_t theirs[16];

		for (uint32_t i = 0; i < 16; i++)
			a.b[i] = random_next(&seed) % 3 ? 0 : (uint8_t)(random_next(&seed) >> 40);
		text_ip6(text, &a);
		for (uint32_t edits = random_next(&seed) % 3; edits > 0; edits--)
			text[random_next(&seed) % strlen(text)] =
			        alphabet[random_next(&seed) % (sizeof alphabet - 1)];
		bool they = inet_pton(AF_INET6, text, theirs) == 1;
		bool we = text_parse_ip6(text, strlen(text), &a, NULL) == 0;

		cr_assert_eq(we, they, "%s", text);
		cr_assert(!we || memcmp(&a, theirs, 16) == 0, "%s", text);
		taken += we;
	}
	cr_assert_gt(taken, 100000);
}

Test(text, reads_back_every_ipv6_address_it_writes)
{
	uint64_t seed = 8;

	for (uint32_t round = 0; round < 100000; round++) {
		char text[TEXT_IP6_SIZE];
		struct ip6_addr a, b;

		for (uint32_t i = 0; i < 8; i++)
			a.w16[i] = be16_from_host(
			        random_next(&seed) % 2
			                ? 0
			                : (uint16_t)(random_next(&seed) >> random_next(&seed) % 16));
		text_ip6(text, &a);
		cr_assert_eq(text_parse_ip6(text, strlen(text), &b, NULL), 0, "%s", text);
		cr_assert(ip6_addr_equal(&a, &b), "%s", text);
	}
}

Test(text, writes_and_reads_ipv4)
{
	uint64_t seed = 9;

	for (uint32_t round = 0; round < 100000; round++) {
		struct be32 a = {(uint32_t)(random_next(&seed) >> random_next(&seed) % 32)}, b;
		char ours[TEXT_IPV4_SIZE], theirs[INET_ADDRSTRLEN];

		text_ipv4(ours, a);
		cr_assert_str_eq(ours, inet_ntop(AF_INET, &a, theirs, sizeof theirs));
		cr_assert_eq(text_parse_ipv4(ours, strlen(ours), &b, NULL), 0);
		cr_assert_eq(a.raw, b.raw);
	}
}

Test(text, says_where_an_ipv4_address_goes_wrong)
{
	const struct {
		const char *text;
		size_t at;
	} cases[] = {
	        {"", 0},
	        {"1", 1},
	        {"1.", 2},
	        {"1.2.3", 5},
	        {"1.2.3.", 6},
	        {"1.2.3.4.", 7},
	        {"1.2.3.4 ", 7},
	        {" 1.2.3.4", 0},
	        {"256.1.1.1", 2},
	        {"1.2.3.256", 8},
	        {"1.2.3.1000", 9},
	        {"01.2.3.4", 1},
	        {"1.2.00.4", 5},
	        {"1..2.3", 2},
	        {"a.b.c.d", 0},
	        {"1.2.3.4/24", 7},
	        {"0x1.2.3.4", 1},
	        {"-1.2.3.4", 0},
	        {"+1.2.3.4", 0},
	        {"1,2,3,4", 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t at = 99;
		struct be32 a = {42};

		cr_assert_eq(text_parse_ipv4(cases[i].text, strlen(cases[i].text), &a, &at), -EINVAL, "%s",
		        cases[i].text);
		cr_assert_eq(at, cases[i].at, "'%s' at %zu", cases[i].text, at);
		cr_assert_eq(a.raw, 42);
	}
}

Test(text, looks_at_no_byte_past_the_length)
{
	struct be32 a;
	struct ip6_prefix p;

	cr_assert_eq(text_parse_ipv4("10.0.0.1234", 8, &a, NULL), 0);
	cr_assert_eq(a.raw, be32_from_host(0x0a000001).raw);
	cr_assert_eq(text_parse_ip6_prefix("::/1289", 6, &p, NULL), 0);
	cr_assert_eq(p.len, 128);
}

Test(text, writes_and_reads_macs)
{
	const struct mac_addr mac = {{0x02, 0x00, 0x5e, 0xab, 0xcd, 0xef}};
	struct mac_addr read;
	char text[TEXT_MAC_SIZE];

	cr_assert_str_eq(text_mac(text, &mac), "02:00:5e:ab:cd:ef");
	cr_assert_eq(text_parse_mac(text, 17, &read, NULL), 0);
	cr_assert_eq(memcmp(&mac, &read, 6), 0);
	cr_assert_eq(text_parse_mac("02-00-5E-AB-CD-EF", 17, &read, NULL), 0);
	cr_assert_eq(memcmp(&mac, &read, 6), 0);
}

Test(text, says_where_a_mac_goes_wrong)
{
	const struct {
		const char *text;
		size_t at;
	} cases[] = {
	        {"", 0},
	        {"0", 1},
	        {"02:00:5e:ab:cd", 14},
	        {"02:00:5e:ab:cd:", 15},
	        {"02:00:5e:ab:cd:e", 16},
	        {"02:00:5e:ab:cd:ef:", 17},
	        {"02:00:5e:ab:cd:eg", 16},
	        {"02:00-5e:ab:cd:ef", 5},
	        {"02-00:5e-ab-cd-ef", 5},
	        {"2:00:5e:ab:cd:ef", 1},
	        {"020:0:5e:ab:cd:ef", 2},
	        {"02005eabcdef", 2},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t at = 99;
		struct mac_addr a;

		cr_assert_eq(text_parse_mac(cases[i].text, strlen(cases[i].text), &a, &at), -EINVAL, "%s",
		        cases[i].text);
		cr_assert_eq(at, cases[i].at, "'%s' at %zu", cases[i].text, at);
	}
}

Test(text, writes_and_reads_prefixes)
{
	char text[TEXT_IP6_PREFIX_SIZE];
	struct ipv4_prefix p4;
	struct ip6_prefix p6;

	cr_assert_eq(text_parse_ipv4_prefix("192.0.2.1/24", 12, &p4, NULL), 0);
	cr_assert_str_eq(text_ipv4_prefix(text, &p4), "192.0.2.1/24");
	cr_assert_eq(text_parse_ipv4_prefix("255.255.255.255/32", 18, &p4, NULL), 0);
	cr_assert_str_eq(text_ipv4_prefix(text, &p4), "255.255.255.255/32");
	cr_assert_eq(text_parse_ip6_prefix("2001:db8::/0", 12, &p6, NULL), 0);
	cr_assert_str_eq(text_ip6_prefix(text, &p6), "2001:db8::/0");
	memset(&p6, 0xff, sizeof p6);
	p6.len = 128;
	cr_assert_eq(strlen(text_ip6_prefix(text, &p6)), 43);
}

Test(text, says_where_a_prefix_goes_wrong)
{
	const struct {
		const char *text;
		size_t at;
		bool ipv6;
	} cases[] = {
	        {"10.0.0.0", 8, false},
	        {"10.0.0.0/", 9, false},
	        {"10.0.0.0/33", 10, false},
	        {"10.0.0.0/08", 10, false},
	        {"10.0.0/8", 6, false},
	        {"10.0.0.256/8", 9, false},
	        {"10.0.0.0/8/", 10, false},
	        {"/8", 0, false},
	        {"", 0, false},
	        {"10.0.0.0/ 8", 9, false},
	        {"::", 2, true},
	        {"::/", 3, true},
	        {"::/129", 5, true},
	        {"::/-1", 3, true},
	        {"1:/64", 2, true},
	        {"::g/64", 2, true},
	        {"/64", 0, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *s = cases[i].text;
		struct ipv4_prefix p4;
		struct ip6_prefix p6;
		size_t at = 99;
		int error = cases[i].ipv6 ? text_parse_ip6_prefix(s, strlen(s), &p6, &at)
		                          : text_parse_ipv4_prefix(s, strlen(s), &p4, &at);

		cr_assert_eq(error, -EINVAL, "%s", s);
		cr_assert_eq(at, cases[i].at, "'%s' at %zu", s, at);
	}
}

Test(text, finds_host_bits)
{
	for (uint32_t len = 0; len <= 128; len++) {
		for (uint32_t bit = 0; bit < 128; bit++) {
			struct ip6_prefix p6 = {.len = (uint8_t)len};
			struct ipv4_prefix p4 = {be32_from_host(1u << (31 - bit % 32)), (uint8_t)(len % 33)};

			p6.addr.b[bit / 8] = 0x80 >> bit % 8;
			cr_assert_eq(ip6_prefix_has_host_bits(&p6), bit >= len);
			cr_assert_eq(ipv4_prefix_has_host_bits(&p4), bit % 32 >= len % 33);
		}
	}
}
