#include <criterion/criterion.h>

#include "common/wire/arp.h"
#include "common/wire/ether.h"
#include "tests/unit/wire/guard.h"

static const struct mac_addr dst = {{1, 2, 3, 4, 5, 6}}, src = {{7, 8, 9, 10, 11, 12}};

Test(ether, reads_what_it_wrote)
{
	uint8_t *b = guard_zeros(ETHER_HDR_LEN);
	struct ether_view v;

	cr_assert_eq(ether_write(b, &dst, &src, ETHER_TYPE_IPV6), ETHER_HDR_LEN);
	cr_assert_eq(memcmp(b, "\1\2\3\4\5\6\7\10\11\12\13\14\x86\xdd", 14), 0);
	cr_assert_eq(ether_check(b, ETHER_HDR_LEN, &v), ETHER_OK);
	cr_assert(mac_equal(&v.dst, &dst) && mac_equal(&v.src, &src));
	cr_assert_eq(v.type, ETHER_TYPE_IPV6);
}

Test(ether, refuses_every_truncation)
{
	for (uint32_t len = 0; len < ETHER_HDR_LEN; len++) {
		struct ether_view v;

		cr_assert_eq(ether_check(guard_zeros(len), len, &v), ETHER_TRUNCATED);
	}
}

Test(vlan, reads_what_it_wrote)
{
	uint8_t *b = guard_zeros(VLAN_HDR_LEN);
	struct vlan_view v;

	cr_assert_eq(vlan_write(b, 0xb123, ETHER_TYPE_IPV4), VLAN_HDR_LEN);
	cr_assert_eq(memcmp(b, "\xb1\x23\x08\x00", 4), 0);
	cr_assert_eq(vlan_check(b, VLAN_HDR_LEN, &v), ETHER_OK);
	cr_assert_eq(v.tci, 0xb123);
	cr_assert_eq(vlan_id(v.tci), 0x123);
	cr_assert_eq(vlan_priority(v.tci), 5);
	cr_assert(v.tci & VLAN_DEI);
	cr_assert_eq(v.type, ETHER_TYPE_IPV4);
	for (uint32_t len = 0; len < VLAN_HDR_LEN; len++)
		cr_assert_eq(vlan_check(guard_zeros(len), len, &v), ETHER_TRUNCATED);
}

Test(vlan, takes_the_tag_protocols_that_linux_takes)
{
	uint32_t taken = 0;

	for (uint32_t type = 0; type < 65536; type++)
		taken += vlan_is_tpid((uint16_t)type);
	cr_assert_eq(taken, 2);
	cr_assert(vlan_is_tpid(ETHER_TYPE_VLAN) && vlan_is_tpid(ETHER_TYPE_QINQ) &&
	          !vlan_is_tpid(ETHER_TYPE_QINQ1));
}

Test(llc, tells_plain_snap_and_raw_apart)
{
	const uint8_t stp[] = {0x42, 0x42, 0x03, 1, 2, 3, 0, 0};
	const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00, 9};
	const uint8_t ipx[] = {0xff, 0xff, 0x00, 0x22};
	struct llc_view v;

	cr_assert_eq(llc_check(guard_copy(stp, sizeof stp), sizeof stp, 6, &v), ETHER_OK);
	cr_assert(v.kind == LLC_PLAIN && v.dsap == 0x42 && v.ssap == 0x42 && v.control == 3);
	cr_assert(v.payload_offset == 3 && v.payload_len == 3);
	cr_assert_eq(llc_check(guard_copy(snap, sizeof snap), sizeof snap, 9, &v), ETHER_OK);
	cr_assert(v.kind == LLC_SNAP && v.oui == 0x0c && v.type == 0x2000 && v.payload_offset == 8 &&
	          v.payload_len == 1);
	cr_assert_eq(llc_check(guard_copy(ipx, sizeof ipx), sizeof ipx, 4, &v), ETHER_OK);
	cr_assert(v.kind == LLC_RAW && v.payload_offset == 0 && v.payload_len == 4);
}

Test(llc, refuses_lengths_that_do_not_hold)
{
	const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00};
	struct llc_view v;

	for (uint16_t length = 0; length < 8; length++)
		cr_assert_eq(llc_check(guard_copy(snap, length), length, length, &v), ETHER_TRUNCATED);
	cr_assert_eq(llc_check(guard_copy(snap, 8), 8, 8, &v), ETHER_OK);
	cr_assert_eq(llc_check(guard_copy(snap, 8), 8, 9, &v), ETHER_LENGTH);
}

static const struct arp_view request = {
        .sender_mac = {{7, 8, 9, 10, 11, 12}},
        .sender_ip = {0x010200c0},
        .target_ip = {0x020200c0},
        .op = ARP_OP_REQUEST,
};

Test(arp, reads_what_it_wrote)
{
	static const uint8_t bytes[ARP_HDR_LEN] = {
	        0, 1, 8, 0, 6, 4, 0, 1, 7, 8, 9, 10, 11, 12, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2};
	uint8_t *b = guard_zeros(ARP_HDR_LEN);
	struct arp_view v;

	cr_assert_eq(arp_write(b, &request), ARP_HDR_LEN);
	cr_assert_eq(memcmp(b, bytes, sizeof bytes), 0);
	cr_assert_eq(arp_check(b, ARP_HDR_LEN, &v), ARP_OK);
	cr_assert(mac_equal(&v.sender_mac, &request.sender_mac) && mac_is_zero(&v.target_mac));
	cr_assert(v.sender_ip.raw == request.sender_ip.raw && v.target_ip.raw == request.target_ip.raw);
	cr_assert_eq(v.op, ARP_OP_REQUEST);
}

Test(arp, refuses_each_field_that_is_not_ours)
{
	const struct {
		uint8_t at, value;
		enum arp_flaw flaw;
	} cases[] = {
	        {1, 2, ARP_HTYPE},
	        {1, ARP_HTYPE_IEEE802, ARP_OK},
	        {0, 1, ARP_HTYPE},
	        {2, 0x86, ARP_PTYPE},
	        {4, 8, ARP_HLEN},
	        {5, 16, ARP_PLEN},
	        {7, 0, ARP_OP},
	        {7, ARP_OP_REPLY, ARP_OK},
	        {7, 3, ARP_OP},
	        {6, 1, ARP_OP},
	};
	struct arp_view v;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t *b = guard_zeros(ARP_HDR_LEN);

		arp_write(b, &request);
		b[cases[i].at] = cases[i].value;
		cr_assert_eq(arp_check(b, ARP_HDR_LEN, &v), cases[i].flaw, "byte %u", cases[i].at);
	}
	for (uint32_t len = 0; len < ARP_HDR_LEN; len++)
		cr_assert_eq(arp_check(guard_zeros(len), len, &v), ARP_TRUNCATED);
}
