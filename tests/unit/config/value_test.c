#include <arpa/inet.h>
#include <criterion/criterion.h>

#include "common/config/value.h"

Test(value, numbers_are_decimal_or_hexadecimal_and_bounded)
{
	static const char *const wrong[] = {
	        "", "-1", "+1", "01", "1 ", " 1", "0x", "0xg", "1e3", "18446744073709551616"};
	uint64_t v = 7;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		cr_expect_not(value_u64(wrong[i], &v), "%s", wrong[i]);
	cr_expect_eq(v, 7);
	cr_expect(value_u64("18446744073709551615", &v) && v == UINT64_MAX);
	cr_expect(value_u64("0xFFffFFffFFffFFff", &v) && v == UINT64_MAX);
	cr_expect(value_u64("0", &v) && v == 0);
	cr_expect(value_part("65535,", 5, 65535, &v) && v == 65535);
	cr_expect_not(value_part("65536", 5, 65535, &v));
}

Test(value, units_multiply_without_overflow)
{
	uint64_t v;

	cr_expect(value_bytes("4MiB", &v) && v == 4 << 20);
	cr_expect(value_bytes("4 KiB", &v) && v == 4096);
	cr_expect(value_bytes("12", &v) && v == 12);
	cr_expect_not(value_bytes("17179869184GiB", &v));
	cr_expect_not(value_bytes("MiB", &v));
	cr_expect_not(value_bytes("4mib", &v));
	cr_expect(value_duration_ms("30s", &v) && v == 30000);
	cr_expect(value_duration_ms("2h", &v) && v == 7200000);
	cr_expect(value_duration_ms("0", &v) && v == 0);
	cr_expect_not(value_duration_ms("30", &v));
	cr_expect_not(value_duration_ms("18446744073709551615s", &v));
}

Test(value, shares_are_parts_per_million)
{
	static const struct {
		const char *text;
		uint32_t ppm;
	} right[] = {{"0", 0}, {"1", 1000000}, {"0.5", 500000}, {"0.000001", 1}, {"1%", 10000},
	        {"100%", 1000000}, {"2.5%", 25000}, {"0.25", 250000}};
	static const char *const wrong[] = {
	        "", "2", "1.1", "101%", "0.", ".5", "-1", "0.5%%", "50 %", "0x1", "%"};
	uint32_t ppm;

	for (size_t i = 0; i < ARRAY_LEN(right); i++)
		cr_expect(value_share_ppm(right[i].text, &ppm) && ppm == right[i].ppm, "%s", right[i].text);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		cr_expect_not(value_share_ppm(wrong[i], &ppm), "%s", wrong[i]);
}

Test(value, rates_have_a_burst)
{
	static const char *const wrong[] = {
	        "", "5", "/s", "0/s", "5/m", "5/s burst", "5/s burst 0", "5/s  burst 1", "5/sec"};
	struct epoch_rate r;

	cr_expect(value_rate("1000/s burst 50", &r) && r.per_second == 1000 && r.burst == 50);
	cr_expect(value_rate("5/s", &r) && r.per_second == 5 && r.burst == 5);
	cr_expect(value_rate("unlimited", &r) && r.per_second == 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		cr_expect_not(value_rate(wrong[i], &r), "%s", wrong[i]);
}

Test(value, addresses_endpoints_and_macs)
{
	static const char *const no_mac[] = {
	        "", "02:00:00:00:00", "02:00:00:00:00:0g", "02-00-00-00-00-01", "2:0:0:0:0:1:"};
	static const char *const no_endpoint[] = {"", ":53", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0",
	        "1.2.3.4:65536", "::1:53", "[::1]53", "[1.2.3.4]:53", "[::1]", "[]:1"};
	static const char *const no_prefix[] = {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0/8",
	        "::/129", "::/-1", "::ffff:1.2.3.4/128", "/8", "10.0.0.0/0x8"};
	struct config_endpoint e;
	struct config_prefix p;
	struct mac_addr m;

	for (size_t i = 0; i < ARRAY_LEN(no_mac); i++)
		cr_expect_not(value_mac(no_mac[i], &m), "%s", no_mac[i]);
	for (size_t i = 0; i < ARRAY_LEN(no_endpoint); i++)
		cr_expect_not(value_endpoint(no_endpoint[i], &e), "%s", no_endpoint[i]);
	for (size_t i = 0; i < ARRAY_LEN(no_prefix); i++)
		cr_expect_not(value_prefix(no_prefix[i], &p), "%s", no_prefix[i]);
	cr_expect(value_mac("02:aB:00:00:00:fF", &m) && m.b[1] == 0xab && m.b[5] == 0xff);
	cr_expect(value_endpoint("[2001:db8::1]:53", &e) && e.family == 6 && e.l4_port == 53);
	cr_expect(value_endpoint("1.2.3.4:65535", &e) && e.family == 4 && e.l4_port == 65535);
	cr_expect(
	        value_prefix("10.0.0.0/8", &p) && p.family == 4 && p.len == 8 && ip6_addr_is_mapped(&p.addr));
}

/* The network of random addresses, bit by bit. */
Test(value, a_network_keeps_the_first_bits)
{
	uint64_t random = 42;

	for (int n = 0; n < 20000; n++) {
		struct config_prefix p = {.family = n & 1 ? 4 : 6}, net;
		uint32_t skip = p.family == 4 ? 96 : 0;
		bool host_bits = false;

		for (uint32_t i = 0; i < 16; i++)
			p.addr.b[i] = (uint8_t)(random_next(&random) >> 13);
		if (p.family == 4)
			p.addr = ip6_addr_mapped(p.addr.w32[3]);
		p.len = (uint8_t)(random_next(&random) % (129 - skip));
		net = prefix_network(&p);
		for (uint32_t bit = 0; bit < 128; bit++) {
			bool was = p.addr.b[bit / 8] >> (7 - bit % 8) & 1,
			     is = net.addr.b[bit / 8] >> (7 - bit % 8) & 1;
			bool kept = bit < skip + p.len;

			cr_assert_eq(is, kept && was);
			host_bits |= !kept && was;
		}
		cr_assert_eq(prefix_has_host_bits(&p), host_bits);
		cr_assert(prefix_holds(&net, &p));
	}
}
