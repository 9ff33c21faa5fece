/* checksum: the Internet checksum, whole, in pieces, and changed in place (RFC 1071, RFC 1624).
 *
 * Part of the library `wire` (see wire.h).  A sum in progress is a struct csum: begin with CSUM_ZERO or a
 * pseudo-header, add pieces, finish.
 *
 *	struct csum sum = csum_pseudo_ipv4(src, dst, IP_PROTO_UDP, len);
 *	header->checksum = csum_finish(csum_bytes(sum, segment, len));
 *
 * The sum is taken over 64-bit words in the host's order, which comes to the same (RFC 1071 2.B); only what
 *leaves (struct be16) has an order.
 */
#ifndef SLUICE_COMMON_WIRE_CHECKSUM_H
#define SLUICE_COMMON_WIRE_CHECKSUM_H

#include "common/wire/wire.h"

/* A one's complement sum in progress, modulo 2^64 - 1. */
struct csum {
	uint64_t v;
};

#define CSUM_ZERO ((struct csum){0})

/* The sum of two sums. */
static always_inline struct csum csum_add(struct csum a, struct csum b)
{
	uint64_t s;
	bool carry = __builtin_add_overflow(a.v, b.v, &s);

	return (struct csum){s + carry};
}

static always_inline struct csum csum_add_u64(struct csum a, uint64_t x)
{
	return csum_add(a, (struct csum){x});
}

static always_inline struct csum csum_add_be16(struct csum a, struct be16 x)
{
	return csum_add_u64(a, x.raw);
}

static always_inline struct csum csum_add_be32(struct csum a, struct be32 x)
{
	return csum_add_u64(a, x.raw);
}

static always_inline struct csum csum_add_ip6(struct csum a, const struct ip6_addr *x)
{
	return csum_add_u64(csum_add_u64(a, load_u64(x->b)), load_u64(x->b + 8));
}

/* The sum folded to 16 bits, not complemented: what stands in the checksum field while only the pseudo-header
 * is summed. It is 0 only for a sum of nothing but zeros. */
static always_inline struct be16 csum_fold(struct csum sum)
{
	uint64_t s = sum.v;

	s = (s >> 32) + (s & UINT32_MAX);
	s = (s >> 32) + (s & UINT32_MAX);
	s = (s >> 16) + (s & UINT16_MAX);
	s = (s >> 16) + (s & UINT16_MAX);
	return (struct be16){(uint16_t)s};
}

/* The checksum itself: folded and complemented. */
static always_inline struct be16 csum_finish(struct csum sum)
{
	return (struct be16){(uint16_t)~csum_fold(sum).raw};
}

/* As csum_finish, where a checksum of 0 says that there is none (UDP: RFC 768, RFC 8200 8.1). */
static always_inline struct be16 csum_finish_nonzero(struct csum sum)
{
	struct be16 check = csum_finish(sum);

	return check.raw == 0 ? (struct be16){UINT16_MAX} : check;
}

/* Add `len` bytes that begin at an even distance from the start of what is summed.  With an odd `len` they
 * are taken as followed by a zero (the end of what is summed, or csum_append goes on). */
struct csum csum_bytes(struct csum sum, const void *bytes, uint32_t len);

/* Add a piece that comes after `before` bytes already summed, which may be odd (RFC 1071 2.B: the piece's own
 * sum is swapped). */
struct csum csum_append(struct csum sum, uint32_t before, const void *bytes, uint32_t len);

/* The checksum of an IPv4 header of 20 bytes is right if the sum of all of it folds to ones. */
static always_inline struct csum csum_words_20(uint64_t first, uint64_t second, uint32_t third)
{
	return csum_add_u64(csum_add_u64((struct csum){first}, second), third);
}

static always_inline bool csum_is_good(struct csum sum)
{
	return csum_fold(sum).raw == UINT16_MAX;
}

/* The pseudo-headers (RFC 768, RFC 9293 3.1; RFC 8200 8.1).  `len` is that of the upper layer, header
 * included. */
static always_inline struct csum csum_pseudo_ipv4(
        struct be32 src, struct be32 dst, uint8_t proto, uint32_t len)
{
	uint64_t s = (uint64_t)src.raw + dst.raw + ((uint32_t)proto << 8) + __builtin_bswap32(len);

	return (struct csum){s};
}

static always_inline struct csum csum_pseudo_ipv6(
        const struct ip6_addr *src, const struct ip6_addr *dst, uint8_t proto, uint32_t len)
{
	struct csum s = {((uint64_t)proto << 24) + __builtin_bswap32(len)};

	return csum_add_ip6(csum_add_ip6(s, src), dst);
}

/* What an upper layer's checksum proved to be. */
enum csum_state {
	CSUM_GOOD,
	CSUM_BAD,
	CSUM_PARTIAL, /* the pseudo-header's sum alone: a peer left the rest to its offload, to be completed
	                 on leaving */
};

/* Judge the checksum of `len` bytes of an upper layer whose checksum field is at `field` (field + 2 <= len).
 * A sum that is good is GOOD even where the field is the pseudo-header's sum too. */
enum csum_state csum_verify(struct csum pseudo, const void *bytes, uint32_t len, uint32_t field);

/* Make a PARTIAL checksum whole: to be stored by the caller (UDP: csum_finish_nonzero's rule is applied,
 * which is right for TCP too, since both are the same number to a receiver). */
struct be16 csum_complete(struct csum pseudo, const void *bytes, uint32_t len, uint32_t field);

/* The checksum after a 16-bit word of what it covers went from `was` to `now` (RFC 1624 equation 3). */
static always_inline struct be16 csum_replace_be16(struct be16 check, struct be16 was, struct be16 now)
{
	uint32_t s = (uint16_t)~check.raw + (uint32_t)(uint16_t)~was.raw + now.raw;

	s = (s >> 16) + (s & UINT16_MAX);
	s = (s >> 16) + (s & UINT16_MAX);
	return (struct be16){(uint16_t)~s};
}

/* The same for a 32-bit word at an even offset. */
static always_inline struct be16 csum_replace_be32(struct be16 check, struct be32 was, struct be32 now)
{
	uint64_t s = (uint64_t)(uint16_t)~check.raw + (uint32_t)~was.raw + now.raw;

	return csum_finish((struct csum){s});
}

/* The same for an IPv6 address. */
static always_inline struct be16 csum_replace_ip6(
        struct be16 check, const struct ip6_addr *was, const struct ip6_addr *now)
{
	struct csum s = {(uint16_t)~check.raw};

	s = csum_add_u64(csum_add_u64(s, ~load_u64(was->b)), ~load_u64(was->b + 8));
	return csum_finish(csum_add_ip6(s, now));
}

/* The IPv4 header checksum after the TTL went down by one (RFC 1141, corrected by RFC 1624; Linux
 * ip_decrease_ttl). */
static always_inline struct be16 csum_ttl_decrement(struct be16 check)
{
	uint32_t s = check.raw + 0x0001u;

	return (struct be16){(uint16_t)(s + (s >= UINT16_MAX))};
}

#endif
