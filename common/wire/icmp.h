/* icmp: ICMP for IPv4 (RFC 792, RFC 1122 3.2.2, RFC 1191).
 *
 * Part of the library `wire` (see wire.h).  Router and session: icmp_check on what is delivered to us,
 * icmp_quote_check on an error to find whom it concerns, icmp_write and icmp_checksum_set for what is sent.
 */
#ifndef SLUICE_COMMON_WIRE_ICMP_H
#define SLUICE_COMMON_WIRE_ICMP_H

#include "common/wire/checksum.h"
#include "common/wire/ipv4.h"

enum icmp_type {
	ICMP_TYPE_ECHO_REPLY = 0,
	ICMP_TYPE_DEST_UNREACH = 3,
	ICMP_TYPE_SOURCE_QUENCH = 4,
	ICMP_TYPE_REDIRECT = 5,
	ICMP_TYPE_ECHO = 8,
	ICMP_TYPE_ROUTER_ADVERT = 9,
	ICMP_TYPE_ROUTER_SOLICIT = 10,
	ICMP_TYPE_TIME_EXCEEDED = 11,
	ICMP_TYPE_PARAM_PROBLEM = 12,
	ICMP_TYPE_TIMESTAMP = 13,
	ICMP_TYPE_TIMESTAMP_REPLY = 14,
	ICMP_TYPE_ADDRESS_MASK = 17,
	ICMP_TYPE_ADDRESS_MASK_REPLY = 18,
	ICMP_TYPE_EXT_ECHO = 42,
	ICMP_TYPE_EXT_ECHO_REPLY = 43,
};

/* Of ICMP_TYPE_DEST_UNREACH. */
enum icmp_unreach_code {
	ICMP_UNREACH_NET = 0,
	ICMP_UNREACH_HOST = 1,
	ICMP_UNREACH_PROTOCOL = 2,
	ICMP_UNREACH_PORT = 3,
	ICMP_UNREACH_FRAG_NEEDED = 4,
	ICMP_UNREACH_SOURCE_ROUTE = 5,
	ICMP_UNREACH_NET_UNKNOWN = 6,
	ICMP_UNREACH_HOST_UNKNOWN = 7,
	ICMP_UNREACH_HOST_ISOLATED = 8,
	ICMP_UNREACH_NET_PROHIBITED = 9,
	ICMP_UNREACH_HOST_PROHIBITED = 10,
	ICMP_UNREACH_NET_TOS = 11,
	ICMP_UNREACH_HOST_TOS = 12,
	ICMP_UNREACH_FILTERED = 13,
	ICMP_UNREACH_PRECEDENCE = 14,
	ICMP_UNREACH_PRECEDENCE_CUTOFF = 15,
};

/* Of ICMP_TYPE_REDIRECT. */
enum icmp_redirect_code {
	ICMP_REDIRECT_NET = 0,
	ICMP_REDIRECT_HOST = 1,
	ICMP_REDIRECT_NET_TOS = 2,
	ICMP_REDIRECT_HOST_TOS = 3,
};

/* Of ICMP_TYPE_TIME_EXCEEDED. */
enum icmp_exceeded_code {
	ICMP_EXCEEDED_TTL = 0,
	ICMP_EXCEEDED_REASSEMBLY = 1,
};

/* Of ICMP_TYPE_PARAM_PROBLEM. */
enum icmp_problem_code {
	ICMP_PROBLEM_POINTER = 0,
	ICMP_PROBLEM_MISSING_OPTION = 1,
	ICMP_PROBLEM_LENGTH = 2,
};

#define ICMP_HDR_LEN        8u
#define ICMP_CHECKSUM_FIELD 2u
/* An error holds as much of the packet as fits into this (RFC 1812 4.3.2.3). */
#define ICMP_ERROR_LEN_MAX 576u

struct icmp_hdr {
	uint8_t type;
	uint8_t code;
	struct be16 checksum;
	struct be32 rest; /* by type: identifier and sequence number, gateway, MTU, pointer */
};

static_assert(
        sizeof(struct icmp_hdr) == ICMP_HDR_LEN && alignof(struct icmp_hdr) == 1, "overlaid on the wire");

enum icmp_flaw {
	ICMP_OK,
	ICMP_TRUNCATED, /* less than a header (IcmpInErrors) */
	ICMP_CHECKSUM,  /* (IcmpInCsumErrors) */
	ICMP_QUOTE, /* an error whose quoted packet is no header and 8 bytes of what it carried (IcmpInErrors)
	             */
};

struct icmp_view {
	uint32_t len;  /* of the whole message */
	uint32_t rest; /* host order */
	uint8_t type;
	uint8_t code;
};

/* `bytes` is the header, `len` all that the IP packet holds from there on (Linux icmp_rcv). */
enum icmp_flaw icmp_check(const void *bytes, uint32_t len, struct icmp_view *view);

/* Echo and timestamp. */
static always_inline uint16_t icmp_id(const struct icmp_view *v)
{
	return (uint16_t)(v->rest >> 16);
}

static always_inline uint16_t icmp_sequence(const struct icmp_view *v)
{
	return (uint16_t)v->rest;
}

/* The next hop's MTU in a "fragmentation needed"; 0 from a router older than RFC 1191. */
static always_inline uint16_t icmp_mtu(const struct icmp_view *v)
{
	return (uint16_t)v->rest;
}

/* Is it an error, which quotes a packet and must never be answered by an error (RFC 1122 3.2.2)? */
/* Whether a router says that a packet did not fit and might not be fragmented. */
static always_inline bool icmp_is_too_big(uint8_t type, uint8_t code)
{
	return type == ICMP_TYPE_DEST_UNREACH && code == ICMP_UNREACH_FRAG_NEEDED;
}

static always_inline bool icmp_is_error(uint8_t type)
{
	return type == ICMP_TYPE_DEST_UNREACH || type == ICMP_TYPE_SOURCE_QUENCH ||
	       type == ICMP_TYPE_REDIRECT || type == ICMP_TYPE_TIME_EXCEEDED ||
	       type == ICMP_TYPE_PARAM_PROBLEM;
}

/* What an error quotes; offsets from the ICMP header. */
struct icmp_quote {
	struct ipv4_view ip;
	uint16_t l4_offset;
	uint16_t l4_len;   /* what is there of it; at least 8 */
	uint16_t src_port; /* the first two words, the ports of TCP and UDP; 0 where it is not a first
	                      fragment */
	uint16_t dst_port;
};

/* The packet in an error that icmp_check found sound; `bytes` is the ICMP header. */
enum icmp_flaw icmp_quote_check(const void *bytes, const struct icmp_view *view, struct icmp_quote *quote);

/* Write a header at `at` with a checksum of 0, to be set when the message is whole.  Gives its length. */
static inline uint32_t icmp_write(void *at, uint8_t type, uint8_t code, uint32_t rest)
{
	*(struct icmp_hdr *)at = (struct icmp_hdr){.type = type, .code = code, .rest = be32_from_host(rest)};
	return ICMP_HDR_LEN;
}

/* Compute and store the checksum of the message of `len` bytes. */
static inline void icmp_checksum_set(void *at, uint32_t len)
{
	struct icmp_hdr *h = at;

	h->checksum = (struct be16){0};
	h->checksum = csum_finish(csum_bytes(CSUM_ZERO, at, len));
}

#endif
