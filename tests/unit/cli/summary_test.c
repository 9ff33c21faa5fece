#include <criterion/criterion.h>
#include <stdlib.h>

#include "services/cli/watch/summary.h"

static uint8_t frame[256];
static uint32_t len;

/* Bytes in hexadecimal, spaces between them. */
static const char *line(const char *hex)
{
	static char text[SUMMARY_BYTES];

	for (len = 0; *hex; hex += 2 + (hex[2] == ' '))
		frame[len++] = (uint8_t)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
	return summary_frame(frame, len, len, text);
}

#define MACS "02534cbb0001 02534caa0002 "
#define IPV4 "0800 4500001c 00000000 40"

Test(summary, tells_of_a_frame_what_tcpdump_does)
{
	cr_assert_str_eq(line(MACS IPV4 "110000 c0000202 c6336402 0050 d431 0008 0000"),
	        "IP 192.0.2.2.80 > 198.51.100.2.54321: UDP, length 42");
	cr_assert_str_eq(line(MACS IPV4 "010000 c0000202 c6336402 0800 0000 0007 0001"),
	        "IP 192.0.2.2 > 198.51.100.2: ICMP echo request, id 7, seq 1, length 42");
	cr_assert_str_eq(line(MACS "8100 000a 0800 45000028 00000000 01060000 c0000202 c6336402 0050 d431 "
	                           "00000000 00000000 5012 "
	                           "0000 00000000"),
	        "vlan 10, IP 192.0.2.2.80 > 198.51.100.2.54321: Flags [S.], ttl 1, length 58");
	cr_assert_str_eq(line(MACS "0806 0001 0800 0604 0001 02534caa0002 c0000202 000000000000 c0000201"),
	        "ARP who-has 192.0.2.1 tell 192.0.2.2, length 42");
	cr_assert_str_eq(
	        line(MACS "88cc 0000"), "02:53:4c:aa:00:02 > 02:53:4c:bb:00:01, ethertype 0x88cc, length 16");
	cr_assert_str_eq(line("0253"), "no Ethernet header, length 2, malformed");
}

Test(summary, reads_nothing_but_the_frame)
{
	uint64_t seed = 9;
	char text[SUMMARY_BYTES];

	for (uint32_t round = 0; round < 300000; round++) {
		uint32_t have = (uint32_t)(random_next(&seed) >> 40) % 100;
		uint8_t *bytes = malloc(have ? have : 1);
		static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x0010};
		uint16_t type = types[(random_next(&seed) >> 40) % ARRAY_LEN(types)];

		for (uint32_t k = 0; k < have; k++)
			bytes[k] = (uint8_t)(random_next(&seed) >> 50);
		for (uint32_t at = 12; at + 2 <= have && at < 22; at += 4) {
			bytes[at] = (uint8_t)(type >> 8);
			bytes[at + 1] = (uint8_t)type;
		}
		if (have > 23 && type == 0x0800)
			bytes[14] = 0x45, bytes[16] = 0, bytes[17] = (uint8_t)have;
		if (have > 20 && type == 0x86dd)
			bytes[14] = 0x60;
		summary_frame(bytes, have, have + round % 3, text);
		cr_assert_lt(strnlen(text, sizeof text), sizeof text);
		for (const char *c = text; *c; c++)
			cr_assert(*c >= ' ' && *c < 127);
		free(bytes);
	}
}
