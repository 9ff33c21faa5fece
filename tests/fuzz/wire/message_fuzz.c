/* A control message, by its first byte: ICMP, IGMP, ICMPv6 as from a neighbor, from a querier and from DAD,
 * ARP, 802.2. Checksums are made right by the target, so that the fuzzer need not guess them. */
#include <stdlib.h>

#include "common/wire/checksum.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/wire/exercise.h"

static const struct ip6_addr us = {.b = {0xfe, 0x80, [15] = 1}};

static void repair(uint8_t *b, uint32_t len, struct csum pseudo)
{
	struct be16 check;

	if (len < 8)
		return;
	memset(b + 2, 0, 2);
	check = csum_finish(csum_bytes(pseudo, b, len));
	memcpy(b + 2, &check, 2);
}

static void exercise_origin(uint8_t *b, uint32_t len, struct icmp6_origin origin)
{
	repair(b, len, csum_pseudo_ipv6(&origin.src, &origin.dst, IP_PROTO_ICMP6, len));
	exercise_icmp6(b, len, &origin);
}

static void exercise_message(uint8_t kind, uint8_t *b, uint32_t len)
{
	switch (kind % 7) {
	case 0: repair(b, len, CSUM_ZERO); return exercise_icmp(b, len);
	case 1: repair(b, len, CSUM_ZERO); return exercise_igmp(b, len);
	case 2: return exercise_origin(b, len, (struct icmp6_origin){us, us, 255, false});
	case 3: return exercise_origin(b, len, (struct icmp6_origin){us, IP6_ALL_NODES, 1, true});
	case 4:
		return exercise_origin(
		        b, len, (struct icmp6_origin){IP6_UNSPECIFIED, ip6_solicited_node(&us), 255, false});
	case 5: return exercise_arp(b, len);
	case 6: return exercise_llc(b, len, (uint16_t)(kind / 7 * 2));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len = (uint32_t)size - 1;

	if (size == 0)
		return 0;
	uint8_t *b = malloc(len + (len == 0));

	memcpy(b, data + 1, len);
	exercise_message(data[0], b, len);
	free(b);
	return 0;
}
