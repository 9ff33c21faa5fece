/* icmp6: ICMP for IPv6 (RFC 4443).  Neighbor discovery is in nd.h, multicast listener discovery in mld.h.
 *
 * Part of the library `wire` (see wire.h).  Router and session: icmp6_check on what is delivered to us,
 * icmp6_quote_check on an error to find whom it concerns, icmp6_write and icmp6_checksum_set for what is
 * sent.
 */
#ifndef SLUICE_COMMON_WIRE_ICMP6_H
#define SLUICE_COMMON_WIRE_ICMP6_H

#include "common/wire/checksum.h"
#include "common/wire/ipv6_ext.h"

enum icmp6_type {
	ICMP6_TYPE_DEST_UNREACH = 1,
	ICMP6_TYPE_PACKET_TOO_BIG = 2,
	ICMP6_TYPE_TIME_EXCEEDED = 3,
	ICMP6_TYPE_PARAM_PROBLEM = 4,
	ICMP6_TYPE_ECHO = 128,
	ICMP6_TYPE_ECHO_REPLY = 129,
	ICMP6_TYPE_MLD_QUERY = 130,
	ICMP6_TYPE_MLD_REPORT = 131,
	ICMP6_TYPE_MLD_DONE = 132,
	ICMP6_TYPE_ROUTER_SOLICIT = 133,
	ICMP6_TYPE_ROUTER_ADVERT = 134,
	ICMP6_TYPE_NEIGHBOR_SOLICIT = 135,
	ICMP6_TYPE_NEIGHBOR_ADVERT = 136,
	ICMP6_TYPE_REDIRECT = 137,
	ICMP6_TYPE_MLDV2_REPORT = 143,
};

/* Of ICMP6_TYPE_DEST_UNREACH. */
enum icmp6_unreach_code {
	ICMP6_UNREACH_NO_ROUTE = 0,
	ICMP6_UNREACH_PROHIBITED = 1,
	ICMP6_UNREACH_SCOPE = 2,
	ICMP6_UNREACH_ADDRESS = 3,
	ICMP6_UNREACH_PORT = 4,
	ICMP6_UNREACH_POLICY = 5,
	ICMP6_UNREACH_REJECT = 6,
};

/* Of ICMP6_TYPE_TIME_EXCEEDED.  Those of ICMP6_TYPE_PARAM_PROBLEM are enum ipv6_problem_code. */
enum icmp6_exceeded_code {
	ICMP6_EXCEEDED_HOP_LIMIT = 0,
	ICMP6_EXCEEDED_REASSEMBLY = 1,
};

#define ICMP6_HDR_LEN        8u
#define ICMP6_CHECKSUM_FIELD 2u

struct icmp6_hdr {
	uint8_t type;
	uint8_t code;
	struct be16 checksum;
	struct be32 rest; /* by type: identifier and sequence number, MTU, pointer, flags */
};

static_assert(
        sizeof(struct icmp6_hdr) == ICMP6_HDR_LEN && alignof(struct icmp6_hdr) == 1, "overlaid on the wire");

enum icmp6_flaw {
	ICMP6_OK,
	ICMP6_TRUNCATED, /* less than a header (Icmp6InErrors) */
	ICMP6_CHECKSUM,  /* (Icmp6InCsumErrors) */
	ICMP6_QUOTE,     /* an error whose quoted packet is no header with something of what it carried */
};

struct icmp6_view {
	uint32_t len;  /* of the whole message */
	uint32_t rest; /* host order */
	uint8_t type;
	uint8_t code;
};

/* How a message came: what neighbor discovery and listener discovery judge it by. */
struct icmp6_origin {
	struct ip6_addr src;
	struct ip6_addr dst;
	uint8_t hop_limit;
	bool alert_mld; /* a hop-by-hop router alert with the value of MLD */
};

/* `bytes` is the header, `len` all that the IP packet holds from there on; `pseudo` is csum_pseudo_ipv6 of
 * src, the final destination, IP_PROTO_ICMP6 and len (Linux icmpv6_rcv). */
enum icmp6_flaw icmp6_check(const void *bytes, uint32_t len, struct csum pseudo, struct icmp6_view *view);

static always_inline uint16_t icmp6_id(const struct icmp6_view *v)
{
	return (uint16_t)(v->rest >> 16);
}

static always_inline uint16_t icmp6_sequence(const struct icmp6_view *v)
{
	return (uint16_t)v->rest;
}

/* Is it an error (RFC 4443 2.1)?  It must never be answered by an error. */
static always_inline bool icmp6_is_error(uint8_t type)
{
	return type < 128;
}

/* What an error quotes; offsets of the chain are from the quoted header, which is at ICMP6_HDR_LEN. */
struct icmp6_quote {
	struct ipv6_view ip;
	struct ipv6_chain chain;
	uint16_t l4_offset; /* from the ICMPv6 header */
	uint16_t l4_len;    /* what is there of it; may be little */
	uint16_t src_port;  /* 0 where the quote ends before, or is of a later fragment */
	uint16_t dst_port;
};

/* The packet in an error that icmp6_check found sound; `bytes` is the ICMPv6 header. */
enum icmp6_flaw icmp6_quote_check(
        const void *bytes, const struct icmp6_view *view, struct icmp6_quote *quote);

/* Write a header at `at` with a checksum of 0, to be set when the message is whole.  Gives its length. */
static inline uint32_t icmp6_write(void *at, uint8_t type, uint8_t code, uint32_t rest)
{
	*(struct icmp6_hdr *)at = (struct icmp6_hdr){
	        .type = type, .code = code, .rest = be32_from_host(rest)};
	return ICMP6_HDR_LEN;
}

/* Compute and store the checksum of the message of `len` bytes. */
static inline void icmp6_checksum_set(
        void *at, uint32_t len, const struct ip6_addr *src, const struct ip6_addr *dst)
{
	struct csum pseudo = csum_pseudo_ipv6(src, dst, IP_PROTO_ICMP6, len);
	struct icmp6_hdr *h = at;

	h->checksum = (struct be16){0};
	h->checksum = csum_finish(csum_bytes(pseudo, at, len));
}

#endif
