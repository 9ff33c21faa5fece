#include <criterion/criterion.h>

#include "common/wire/arp.h"
#include "common/wire/dissect.h"
#include "common/wire/icmp.h"
#include "common/wire/icmp6.h"
#include "common/wire/tcp.h"
#include "common/wire/udp.h"
#include "tests/unit/wire/guard.h"

static const struct mac_addr mac = {{2, 0, 0, 0, 0, 1}};

/* A frame built from its end: put_* writes before what is there. */
struct frame {
	uint8_t *at;
	uint32_t len;
};

static struct frame frame_of(uint32_t payload)
{
	return (struct frame){guard_zeros(2048) + 2048 - payload, payload};
}

static uint8_t *grow(struct frame *f, uint32_t len)
{
	f->at -= len;
	f->len += len;
	return f->at;
}

static void put_tcp(struct frame *f)
{
	tcp_write(grow(f, 20),
	        &(struct tcp_fields){.src_port = 1000, .dst_port = 80, .flags = TCP_SYN, .header_len = 20});
}

static void put_udp(struct frame *f)
{
	uint16_t payload = (uint16_t)f->len;

	udp_write(grow(f, 8), 1000, 53, payload);
}

static void put_ipv4(struct frame *f, uint8_t proto, uint16_t fragment)
{
	struct ipv4_fields fields = {
	        .payload_len = (uint16_t)f->len, .proto = proto, .fragment = fragment, .tos = 0x10, .ttl = 3};

	ipv4_write(grow(f, 20), &fields);
}

static void put_ipv6(struct frame *f, uint8_t next)
{
	struct ipv6_fields fields = {
	        .payload_len = (uint16_t)f->len, .next_header = next, .traffic_class = 0x20, .hop_limit = 4};

	ipv6_write(grow(f, 40), &fields);
}

static void put_ether(struct frame *f, uint16_t type)
{
	ether_write(grow(f, 14), &mac, &mac, type);
}

static struct dissect dissected(const struct frame *f)
{
	struct dissect d;

	memset(&d, 0xa5, sizeof d);
	dissect_frame(f->at, f->len, &d);
	return d;
}

Test(dissect, finds_the_layers_of_tcp_over_ipv4)
{
	struct frame f = frame_of(10);

	put_tcp(&f);
	put_ipv4(&f, IP_PROTO_TCP, IPV4_DONT_FRAGMENT);
	put_ether(&f, ETHER_TYPE_IPV4);
	struct dissect d = dissected(&f);

	cr_assert(d.ether_type == ETHER_TYPE_IPV4 && d.l3 == DISSECT_IPV4 && d.l3_offset == 14 &&
	          d.l3_len == 50);
	cr_assert(
	        d.src_offset == 26 && d.dst_offset == 30 && d.l4_offset == 34 && d.l4_proto == IP_PROTO_TCP);
	cr_assert(d.flags == (DISSECT_L4 | DISSECT_PORTS) && d.src_port == 1000 && d.dst_port == 80);
	cr_assert(d.tcp_flags == TCP_SYN && d.fragment == DISSECT_WHOLE && d.vlan_count == 0);
	cr_assert(d.traffic_class == 0x10 && d.ttl == 3);
}

Test(dissect, finds_the_layers_of_udp_over_ipv6)
{
	struct frame f = frame_of(10);

	put_udp(&f);
	put_ipv6(&f, IP_PROTO_UDP);
	put_ether(&f, ETHER_TYPE_IPV6);
	struct dissect d = dissected(&f);

	cr_assert(d.l3 == DISSECT_IPV6 && d.l3_len == 58 && d.src_offset == 22 && d.dst_offset == 38 &&
	          d.l4_offset == 54);
	cr_assert(d.flags == (DISSECT_L4 | DISSECT_PORTS) && d.src_port == 1000 && d.dst_port == 53 &&
	          d.tcp_flags == 0);
	cr_assert(d.traffic_class == 0x20 && d.ttl == 4);
}

Test(dissect, passes_through_extension_headers)
{
	struct frame f = frame_of(10);

	put_udp(&f);
	memcpy(grow(&f, 8), "\x11\0\1\4\0\0\0\0", 8);
	put_ipv6(&f, IP_PROTO_HOP_BY_HOP);
	put_ether(&f, ETHER_TYPE_IPV6);
	struct dissect d = dissected(&f);

	cr_assert(d.l4_offset == 62 && d.l4_proto == IP_PROTO_UDP && d.dst_port == 53);
	cr_assert_eq(d.flags, DISSECT_L4 | DISSECT_PORTS | DISSECT_OPTIONS);
	f.at[14 + 40 + 1] = 200;
	d = dissected(&f);
	cr_assert(
	        d.l3 == DISSECT_IPV6 && d.l4_offset == 0 && d.flags == (DISSECT_MALFORMED | DISSECT_OPTIONS));
}

Test(dissect, knows_fragments_of_ipv6)
{
	const struct {
		uint16_t field;
		enum dissect_fragment fragment;
	} cases[] = {{0, DISSECT_WHOLE}, {IPV6_FRAGMENT_MORE, DISSECT_FIRST_FRAGMENT},
	        {8, DISSECT_LATER_FRAGMENT}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct frame f = frame_of(8);

		put_udp(&f);
		ipv6_fragment_write(grow(&f, 8), IP_PROTO_UDP, cases[i].field, 1);
		put_ipv6(&f, IP_PROTO_FRAGMENT);
		put_ether(&f, ETHER_TYPE_IPV6);
		struct dissect d = dissected(&f);
		bool later = cases[i].fragment == DISSECT_LATER_FRAGMENT;

		cr_assert(d.fragment == cases[i].fragment && d.l4_proto == IP_PROTO_UDP);
		cr_assert(d.l4_offset == (later ? 0 : 62) && d.dst_port == (later ? 0 : 53));
	}
}

Test(dissect, knows_fragments_of_ipv4)
{
	struct frame f = frame_of(8);

	put_udp(&f);
	put_ipv4(&f, IP_PROTO_UDP, IPV4_MORE_FRAGMENTS);
	put_ether(&f, ETHER_TYPE_IPV4);
	struct dissect d = dissected(&f);

	cr_assert(d.fragment == DISSECT_FIRST_FRAGMENT && d.dst_port == 53);
	f.at[14 + 7] = 1;
	d = dissected(&f);
	cr_assert(d.fragment == DISSECT_LATER_FRAGMENT && d.l4_offset == 0 && d.l4_proto == IP_PROTO_UDP &&
	          d.flags == 0);
}

Test(dissect, looks_behind_two_tags_and_no_more)
{
	struct frame f = frame_of(8);

	put_udp(&f);
	put_ipv4(&f, IP_PROTO_UDP, 0);
	vlan_write(grow(&f, 4), 0x2005, ETHER_TYPE_IPV4);
	put_ether(&f, ETHER_TYPE_VLAN);
	struct dissect d = dissected(&f);

	cr_assert(d.vlan_count == 1 && d.vlan_tci[0] == 0x2005 && d.vlan_tpid[0] == ETHER_TYPE_VLAN &&
	          d.l3_offset == 18);
	cr_assert(d.l3 == DISSECT_IPV4 && d.dst_port == 53);
	f.at += 14;
	f.len -= 14;
	vlan_write(grow(&f, 4), 7, ETHER_TYPE_VLAN);
	put_ether(&f, ETHER_TYPE_QINQ);
	d = dissected(&f);
	cr_assert(d.vlan_count == 2 && d.vlan_tci[0] == 7 && d.vlan_tpid[0] == ETHER_TYPE_QINQ &&
	          d.vlan_tci[1] == 0x2005);
	cr_assert(d.vlan_tpid[1] == ETHER_TYPE_VLAN && d.l3_offset == 22 && d.ether_type == ETHER_TYPE_IPV4 &&
	          d.dst_port == 53);
	f.at += 14;
	f.len -= 14;
	vlan_write(grow(&f, 4), 8, ETHER_TYPE_VLAN);
	put_ether(&f, ETHER_TYPE_VLAN);
	d = dissected(&f);
	cr_assert(d.vlan_count == 2 && d.ether_type == ETHER_TYPE_VLAN && d.l3 == DISSECT_NO_L3 &&
	          d.flags == 0);
}

Test(dissect, finds_icmp_and_the_id_of_an_echo)
{
	struct frame f = frame_of(0);

	icmp_write(grow(&f, 8), ICMP_TYPE_ECHO, 0, 0xbeef0001);
	put_ipv4(&f, IP_PROTO_ICMP, 0);
	put_ether(&f, ETHER_TYPE_IPV4);
	struct dissect d = dissected(&f);

	cr_assert(d.flags == (DISSECT_L4 | DISSECT_ICMP) && d.icmp_type == ICMP_TYPE_ECHO &&
	          d.icmp_id == 0xbeef);
	f.at[34] = ICMP_TYPE_TIME_EXCEEDED;
	f.at[35] = 1;
	d = dissected(&f);
	cr_assert(d.icmp_type == ICMP_TYPE_TIME_EXCEEDED && d.icmp_code == 1 && d.icmp_id == 0);
	f = frame_of(0);
	icmp6_write(grow(&f, 8), ICMP6_TYPE_ECHO_REPLY, 0, 0xbeef0001);
	put_ipv6(&f, IP_PROTO_ICMP6);
	put_ether(&f, ETHER_TYPE_IPV6);
	d = dissected(&f);
	cr_assert(d.flags == (DISSECT_L4 | DISSECT_ICMP) && d.icmp_type == ICMP6_TYPE_ECHO_REPLY &&
	          d.icmp_id == 0xbeef);
}

/* ICMPv6 over IPv4 and ICMP over IPv6 are protocols like any other. */
Test(dissect, takes_no_icmp_of_the_other_family)
{
	struct frame f = frame_of(8);

	put_ipv4(&f, IP_PROTO_ICMP6, 0);
	put_ether(&f, ETHER_TYPE_IPV4);
	cr_assert_eq(dissected(&f).flags, DISSECT_L4);
	f = frame_of(8);
	put_ipv6(&f, IP_PROTO_ICMP);
	put_ether(&f, ETHER_TYPE_IPV6);
	cr_assert_eq(dissected(&f).flags, DISSECT_L4);
}

Test(dissect, finds_the_addresses_of_arp)
{
	const struct arp_view request = {.op = ARP_OP_REQUEST};
	struct frame f = frame_of(18);

	arp_write(grow(&f, ARP_HDR_LEN), &request);
	put_ether(&f, ETHER_TYPE_ARP);
	struct dissect d = dissected(&f);

	cr_assert(d.l3 == DISSECT_ARP && d.l3_len == 28 && d.src_offset == 28 && d.dst_offset == 38 &&
	          d.l4_proto == 1);
	f.at[14] = 9;
	d = dissected(&f);
	cr_assert(d.l3 == DISSECT_NO_L3 && d.flags == DISSECT_MALFORMED);
}

Test(dissect, leaves_other_types_alone)
{
	struct frame f = frame_of(46);

	put_ether(&f, ETHER_TYPE_LLDP);
	cr_assert(dissected(&f).l3 == DISSECT_NO_L3 && dissected(&f).flags == 0);
	f.at[12] = 0;
	f.at[13] = 46;
	cr_assert(dissected(&f).flags == DISSECT_802_3 && dissected(&f).ether_type == 46);
}

Test(dissect, sees_options_and_the_padding_behind_a_packet)
{
	struct frame f = frame_of(30);

	put_ipv4(&f, 253, 0);
	f.at[0] = 0x46;
	f.at[3] = 30;
	put_ether(&f, ETHER_TYPE_IPV4);
	struct dissect d = dissected(&f);

	cr_assert(d.flags == (DISSECT_OPTIONS | DISSECT_L4) && d.l4_offset == 38 && d.l3_len == 30);
}

/* Every truncation of a frame: never a read too far, and what is set holds. */
Test(dissect, marks_every_truncation)
{
	for (uint32_t kind = 0; kind < 6; kind++) {
		struct frame f = frame_of(0);
		uint8_t whole[200];

		if (kind % 2)
			put_tcp(&f);
		else
			icmp_write(grow(&f, 8), kind < 4 ? ICMP_TYPE_ECHO : ICMP6_TYPE_ECHO, 0, 0);
		if (kind < 4)
			put_ipv4(&f, kind % 2 ? IP_PROTO_TCP : IP_PROTO_ICMP, 0);
		else
			put_ipv6(&f, kind % 2 ? IP_PROTO_TCP : IP_PROTO_ICMP6);
		if (kind == 2 || kind == 3)
			vlan_write(grow(&f, 4), 1, ETHER_TYPE_IPV4);
		put_ether(&f, kind >= 4 ? ETHER_TYPE_IPV6 : kind >= 2 ? ETHER_TYPE_VLAN : ETHER_TYPE_IPV4);
		memcpy(whole, f.at, f.len);
		cr_assert_eq(dissected(&f).flags & DISSECT_MALFORMED, 0);
		for (uint32_t len = 0; len < f.len; len++) {
			struct frame cut = {guard_copy(whole, len), len};

			cr_assert(dissected(&cut).flags & DISSECT_MALFORMED, "kind %u len %u", kind, len);
		}
	}
}

/* The same, where the IP header says itself that there is no more. */
Test(dissect, marks_upper_layers_that_their_packet_cuts)
{
	const struct {
		uint8_t proto;
		uint32_t least;
	} cases[] = {{IP_PROTO_TCP, 14}, {IP_PROTO_UDP, 4}, {IP_PROTO_UDPLITE, 4}, {IP_PROTO_SCTP, 4},
	        {IP_PROTO_ICMP, 8}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (uint32_t len = 0; len < 20; len++) {
			struct frame f = frame_of(len);

			put_ipv4(&f, cases[i].proto, 0);
			put_ether(&f, ETHER_TYPE_IPV4);
			struct dissect d = dissected(&f);

			cr_assert_eq(!!(d.flags & DISSECT_MALFORMED), len < cases[i].least);
			cr_assert(d.l3 == DISSECT_IPV4 && d.flags & DISSECT_L4);
		}
	}
}

Test(dissect, takes_a_packet_without_its_frame)
{
	struct frame f = frame_of(8);
	struct dissect d;

	put_udp(&f);
	put_ipv4(&f, IP_PROTO_UDP, 0);
	dissect_packet(f.at, f.len, ETHER_TYPE_IPV4, &d);
	cr_assert(d.l3 == DISSECT_IPV4 && d.l3_offset == 0 && d.l4_offset == 20 && d.src_offset == 12 &&
	          d.dst_port == 53);
}

Test(dissect, looks_at_no_more_than_offsets_can_tell)
{
	uint8_t *b = guard_zeros(GUARD_MAX);
	struct dissect d;

	ether_write(b, &mac, &mac, ETHER_TYPE_IPV6);
	ipv6_write(b + 14, &(struct ipv6_fields){.payload_len = 65482, .next_header = IP_PROTO_UDP});
	dissect_frame(b, GUARD_MAX, &d);
	cr_assert(d.l3 == DISSECT_NO_L3 && d.flags == DISSECT_MALFORMED);
	ipv6_write(b + 14, &(struct ipv6_fields){.payload_len = 65481, .next_header = IP_PROTO_UDP});
	dissect_frame(b, GUARD_MAX, &d);
	cr_assert(d.l3 == DISSECT_IPV6 && d.l3_len == 65521);
}
