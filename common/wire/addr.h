/* addr: what kind of address an address is, and the addresses that follow from others.
 *
 * Part of the library `wire` (see wire.h).  The classes are those of RFC 6890's registries, as far as Linux
 * acts on them in ip_route_input_slow and ip6_rcv_core.  Pure functions: any thread may call them.
 */
#ifndef SLUICE_COMMON_WIRE_ADDR_H
#define SLUICE_COMMON_WIRE_ADDR_H

#include "common/base/base.h"

static_assert(sizeof(struct mac_addr) == 6 && alignof(struct mac_addr) == 1, "overlaid on the wire");
static_assert(sizeof(struct be32) == 4 && alignof(struct be32) == 1, "overlaid on the wire");

/* --- Ethernet --- */

#define MAC_BROADCAST ((struct mac_addr){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})

static always_inline uint64_t mac_to_u64(const struct mac_addr *a)
{
	uint32_t high;
	uint16_t low;

	memcpy(&high, a->b, sizeof high);
	memcpy(&low, a->b + 4, sizeof low);
	return (uint64_t)low << 32 | high;
}

static always_inline bool mac_equal(const struct mac_addr *a, const struct mac_addr *b)
{
	return mac_to_u64(a) == mac_to_u64(b);
}

static always_inline bool mac_is_zero(const struct mac_addr *a)
{
	return mac_to_u64(a) == 0;
}

/* A group address; the broadcast address is one too. */
static always_inline bool mac_is_multicast(const struct mac_addr *a)
{
	return a->b[0] & 1;
}

static always_inline bool mac_is_broadcast(const struct mac_addr *a)
{
	return mac_to_u64(a) == UINT64_C(0xffffffffffff);
}

/* May a port or a neighbor have it: neither a group nor all zero (Linux is_valid_ether_addr). */
static always_inline bool mac_is_station(const struct mac_addr *a)
{
	return !mac_is_multicast(a) && !mac_is_zero(a);
}

/* Administered locally, not by its vendor (IEEE 802, bit 1 of the first octet). */
static always_inline bool mac_is_local(const struct mac_addr *a)
{
	return a->b[0] & 2;
}

/* 01:80:c2:00:00:0X, which bridges do not forward (IEEE 802.1D table 7-10; Linux is_link_local_ether_addr).
 */
static always_inline bool mac_is_link_reserved(const struct mac_addr *a)
{
	return (mac_to_u64(a) & UINT64_C(0xf0ffffffffff)) == UINT64_C(0x0000c28001);
}

/* --- IPv4 --- */

#define IPV4_ADDR(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static always_inline bool ipv4_in(struct be32 a, uint32_t prefix, uint32_t length)
{
	return (be32_to_host(a) ^ prefix) >> (32 - length) == 0;
}

/* 0.0.0.0 itself. */
static always_inline bool ipv4_is_unspecified(struct be32 a)
{
	return a.raw == 0;
}

/* 0.0.0.0/8, "this network" (RFC 1122 3.2.1.3; Linux ipv4_is_zeronet since 5.2 knows 0.0.0.0 alone: see
 * ipv4_is_martian_source). */
static always_inline bool ipv4_is_this_network(struct be32 a)
{
	return ipv4_in(a, IPV4_ADDR(0, 0, 0, 0), 8);
}

static always_inline bool ipv4_is_loopback(struct be32 a)
{
	return ipv4_in(a, IPV4_ADDR(127, 0, 0, 0), 8);
}

static always_inline bool ipv4_is_multicast(struct be32 a)
{
	return ipv4_in(a, IPV4_ADDR(224, 0, 0, 0), 4);
}

/* 224.0.0.0/24, never forwarded (RFC 5771 4). */
static always_inline bool ipv4_is_local_multicast(struct be32 a)
{
	return ipv4_in(a, IPV4_ADDR(224, 0, 0, 0), 24);
}

/* 255.255.255.255. */
static always_inline bool ipv4_is_limited_broadcast(struct be32 a)
{
	return a.raw == UINT32_MAX;
}

/* 240.0.0.0/4, with the limited broadcast in it (RFC 1112 4). */
static always_inline bool ipv4_is_reserved(struct be32 a)
{
	return ipv4_in(a, IPV4_ADDR(240, 0, 0, 0), 4);
}

/* 169.254.0.0/16 (RFC 3927). */
static always_inline bool ipv4_is_link_local(struct be32 a)
{
	return ipv4_in(a, IPV4_ADDR(169, 254, 0, 0), 16);
}

/* 10/8, 172.16/12, 192.168/16 (RFC 1918). */
static always_inline bool ipv4_is_private(struct be32 a)
{
	return ipv4_in(a, IPV4_ADDR(10, 0, 0, 0), 8) || ipv4_in(a, IPV4_ADDR(172, 16, 0, 0), 12) ||
	       ipv4_in(a, IPV4_ADDR(192, 168, 0, 0), 16);
}

/* A source that no packet from a wire may bear, whatever the routes say: multicast, limited broadcast,
 * 0.0.0.0 and 127/8 (Linux ip_route_input_slow, with route_localnet off; RFC 1812 5.3.7).  Linux lets 0.0.0.0
 * pass to 255.255.255.255 (a DHCP client); so does the caller, who asks this afterwards. */
static always_inline bool ipv4_is_martian_source(struct be32 a)
{
	return ipv4_is_multicast(a) || ipv4_is_limited_broadcast(a) || ipv4_is_unspecified(a) ||
	       ipv4_is_loopback(a);
}

/* A destination that no packet from a wire may bear: 0.0.0.0 and 127/8 (Linux ip_route_input_slow). */
static always_inline bool ipv4_is_martian_destination(struct be32 a)
{
	return ipv4_is_unspecified(a) || ipv4_is_loopback(a);
}

/* The mask of a prefix length (0 to 32), in network order. */
static always_inline struct be32 ipv4_mask(uint32_t length)
{
	return be32_from_host(length == 0 ? 0 : UINT32_MAX << (32 - length));
}

/* 01:00:5e and the low 23 bits of the group (RFC 1112 6.4). */
static always_inline struct mac_addr mac_of_ipv4_multicast(struct be32 group)
{
	uint32_t g = be32_to_host(group);

	return (struct mac_addr){{0x01, 0x00, 0x5e, g >> 16 & 0x7f, g >> 8 & 0xff, g & 0xff}};
}

/* --- IPv6 --- */

#define IP6_UNSPECIFIED ((struct ip6_addr){})
#define IP6_LOOPBACK    ((struct ip6_addr){.b = {[15] = 1}})
#define IP6_ALL_NODES   ((struct ip6_addr){.b = {0xff, 0x02, [15] = 1}})
#define IP6_ALL_ROUTERS ((struct ip6_addr){.b = {0xff, 0x02, [15] = 2}})
/* All MLDv2-capable routers (RFC 3810 5.2.14). */
#define IP6_MLDV2_ROUTERS ((struct ip6_addr){.b = {0xff, 0x02, [15] = 0x16}})

/* Scopes, by the values in a multicast address (RFC 4291 2.7, RFC 7346). */
enum ip6_scope {
	IP6_SCOPE_RESERVED = 0,
	IP6_SCOPE_INTERFACE = 1,
	IP6_SCOPE_LINK = 2,
	IP6_SCOPE_REALM = 3,
	IP6_SCOPE_ADMIN = 4,
	IP6_SCOPE_SITE = 5,
	IP6_SCOPE_ORGANIZATION = 8,
	IP6_SCOPE_GLOBAL = 14,
};

static always_inline bool ip6_is_unspecified(const struct ip6_addr *a)
{
	return (load_u64(a->b) | load_u64(a->b + 8)) == 0;
}

static always_inline bool ip6_is_loopback(const struct ip6_addr *a)
{
	return load_u64(a->b) == 0 && load_u64(a->b + 8) == UINT64_C(1) << 56;
}

static always_inline bool ip6_is_multicast(const struct ip6_addr *a)
{
	return a->b[0] == 0xff;
}

/* fe80::/10. */
static always_inline bool ip6_is_link_local(const struct ip6_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* fec0::/10, deprecated by RFC 3879. */
static always_inline bool ip6_is_site_local(const struct ip6_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0xc0;
}

/* fc00::/7 (RFC 4193). */
static always_inline bool ip6_is_unique_local(const struct ip6_addr *a)
{
	return (a->b[0] & 0xfe) == 0xfc;
}

/* The scope of an address: of a group that in its low nibble (values without a name are given as they are),
 * of the loopback address the link (RFC 4007 4), of other unicast link, site or global. */
static always_inline enum ip6_scope ip6_scope(const struct ip6_addr *a)
{
	if (ip6_is_multicast(a))
		return (enum ip6_scope)(a->b[1] & 0x0f);
	if (ip6_is_link_local(a) || ip6_is_loopback(a))
		return IP6_SCOPE_LINK;
	if (ip6_is_site_local(a))
		return IP6_SCOPE_SITE;
	return IP6_SCOPE_GLOBAL;
}

/* A source that no packet from a wire may bear: a group, ::1, an IPv4-mapped one (Linux ip6_rcv_core; RFC
 * 4291 2.5.3, 2.7). */
static always_inline bool ip6_is_martian_source(const struct ip6_addr *a)
{
	return ip6_is_multicast(a) || ip6_is_loopback(a) || ip6_addr_is_mapped(a);
}

/* A destination that no packet from a wire may bear: ::, ::1, a group of reserved or interface-local scope
 * (Linux ip6_rcv_core; RFC 4291 2.5.2, 2.7). */
static always_inline bool ip6_is_martian_destination(const struct ip6_addr *a)
{
	if (ip6_is_multicast(a))
		return (a->b[1] & 0x0f) <= IP6_SCOPE_INTERFACE;
	return ip6_is_loopback(a) || ip6_is_unspecified(a);
}

/* ff02::1:ff00:0/104 and the low 24 bits of the address (RFC 4291 2.7.1). */
static always_inline struct ip6_addr ip6_solicited_node(const struct ip6_addr *a)
{
	return (struct ip6_addr){
	        .b = {0xff,
	                0x02, [11] = 0x01, [12] = 0xff, [13] = a->b[13], [14] = a->b[14], [15] = a->b[15]}};
}

static always_inline bool ip6_is_solicited_node(const struct ip6_addr *a)
{
	static const uint8_t prefix[13] = {0xff, 0x02, [11] = 0x01, [12] = 0xff};

	return memcmp(a, prefix, sizeof prefix) == 0;
}

/* 33:33 and the low 32 bits of the group (RFC 2464 7). */
static always_inline struct mac_addr mac_of_ip6_multicast(const struct ip6_addr *group)
{
	return (struct mac_addr){{0x33, 0x33, group->b[12], group->b[13], group->b[14], group->b[15]}};
}

/* fe80::/64 with the modified EUI-64 of an Ethernet address (RFC 4291 appendix A). */
static always_inline struct ip6_addr ip6_link_local_of(const struct mac_addr *m)
{
	return (struct ip6_addr){
	        .b = {0xfe, 0x80, [8] = m->b[0] ^ 2, [9] = m->b[1], [10] = m->b[2], [11] = 0xff, [12] = 0xfe,
	                [13] = m->b[3], [14] = m->b[4], [15] = m->b[5]}};
}

/* Do the first `length` bits (0 to 128) agree? */
static inline bool ip6_prefix_equal(const struct ip6_addr *a, const struct ip6_addr *b, uint32_t length)
{
	uint32_t whole = length / 8;

	if (memcmp(a->b, b->b, whole) != 0)
		return false;
	return length % 8 == 0 || (a->b[whole] ^ b->b[whole]) >> (8 - length % 8) == 0;
}

#endif
