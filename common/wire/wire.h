/* wire: the protocols as they stand on the wire; checked once, then seen through views.
 *
 * One header a protocol: ether.h (with VLAN and 802.3), arp.h, ip.h (what IPv4 and IPv6 share), ipv4.h,
 * ipv4_options.h, ipv6.h, ipv6_ext.h, icmp.h, icmp6.h, nd.h, mld.h, igmp.h, udp.h, tcp.h; beside them addr.h
 *(what an address is), checksum.h, dissect.h (a whole frame at a glance) and text.h (addresses as people
 *write them).  This header holds what they share and includes none of them.
 *
 * The loop in which it is used, a stage's check pass:
 *
 *	for each packet of the burst:
 *		flaw = ipv4_check(frame + l3, len - l3, &view[i]);
 *		if (flaw) verdict[i] = drop(reason of flaw);
 *	... later passes read view[i] and never the header's lengths again.
 *
 * The pool is writable by every stage, so the bytes may change while they are read.  Hence the rule of this
 *library: a check loads each field that it decides by, or that says where something lies, exactly once (the
 *wire_load functions below, which the compiler may not repeat), and puts it into the view.  Offsets and
 *lengths are from then on those of the view, which lies in memory of the reader's own.  A writer that races
 *can spoil what a packet says; it can not make a reader leave the buffer.
 *
 * Conventions.  X_check(bytes, len, ..., &view) gives an enum X_flaw, 0 (X_OK) for a sound header; the view
 *is whole only then.  `len` is what is in the buffer from `bytes` on.  Offsets in a view are in bytes, from
 *the pointer that was given to the check.  Numbers in a view are in the host's order; addresses stay as on
 *the wire.  Structs named X_hdr overlay the wire (alignment 1).  X_write puts a header into the caller's
 *memory and gives its length.
 *
 * Any thread of any process may call anything here: no state, no clock, no allocation, no I/O.
 */
#ifndef SLUICE_COMMON_WIRE_WIRE_H
#define SLUICE_COMMON_WIRE_WIRE_H

#include "common/base/base.h"

/* Integers at any alignment which may alias anything. */
typedef uint16_t __attribute__((aligned(1), may_alias)) wire_u16_any;
typedef uint32_t __attribute__((aligned(1), may_alias)) wire_u32_any;
typedef uint64_t __attribute__((aligned(1), may_alias)) wire_u64_any;

/* Load exactly once: volatile, so that the value which was checked is the value that is used.  The raw ones
 * keep the order of memory, the others give the host's order. */
static always_inline uint8_t wire_load_u8(const void *p)
{
	return *(const volatile uint8_t *)p;
}

static always_inline uint16_t wire_load_raw16(const void *p)
{
	return *(const volatile wire_u16_any *)p;
}

static always_inline uint32_t wire_load_raw32(const void *p)
{
	return *(const volatile wire_u32_any *)p;
}

static always_inline uint64_t wire_load_raw64(const void *p)
{
	return *(const volatile wire_u64_any *)p;
}

static always_inline uint16_t wire_load_u16(const void *p)
{
	return __builtin_bswap16(wire_load_raw16(p));
}

static always_inline uint32_t wire_load_u32(const void *p)
{
	return __builtin_bswap32(wire_load_raw32(p));
}

static always_inline struct be32 wire_load_be32(const void *p)
{
	return (struct be32){wire_load_raw32(p)};
}

static always_inline struct mac_addr wire_load_mac(const void *p)
{
	const uint8_t *b = p;
	uint32_t high = wire_load_raw32(b);
	uint16_t low = wire_load_raw16(b + 4);
	struct mac_addr mac;

	memcpy(mac.b, &high, sizeof high);
	memcpy(mac.b + 4, &low, sizeof low);
	return mac;
}

static always_inline struct ip6_addr wire_load_ip6(const void *p)
{
	const uint8_t *b = p;
	uint64_t high = wire_load_raw64(b), low = wire_load_raw64(b + 8);
	struct ip6_addr a;

	memcpy(a.b, &high, sizeof high);
	memcpy(a.b + 8, &low, sizeof low);
	return a;
}

/* Put a number in network order at any alignment. */
static always_inline void wire_store_u16(void *p, uint16_t x)
{
	*(wire_u16_any *)p = __builtin_bswap16(x);
}

static always_inline void wire_store_u32(void *p, uint32_t x)
{
	*(wire_u32_any *)p = __builtin_bswap32(x);
}

#endif
