/* ipv6: the IPv6 header (RFC 8200 3).  Its extension headers are in ipv6_ext.h.
 *
 * Part of the library `wire` (see wire.h).  A stage calls ipv6_check once a packet (hot, inlined), and where
 * ipv6_is_extension(view.next_header) goes on with ipv6_chain_check.
 */
#ifndef SLUICE_COMMON_WIRE_IPV6_H
#define SLUICE_COMMON_WIRE_IPV6_H

#include "common/wire/addr.h"
#include "common/wire/checksum.h"
#include "common/wire/ip.h"
#include "common/wire/wire.h"

static_assert(IP_PROTO_HOP_BY_HOP == 0, "ipv6_check asks for it as a zero");

#define IPV6_HDR_LEN           40u
#define IPV6_MTU_MIN           1280u
#define IPV6_PAYLOAD_MAX       65535u
#define IPV6_PAYLOAD_LEN_FIELD 4u
#define IPV6_NEXT_HEADER_FIELD 6u

struct ipv6_hdr {
	struct be32 version_class_flow;
	struct be16 payload_len;
	uint8_t next_header;
	uint8_t hop_limit;
	struct ip6_addr src;
	struct ip6_addr dst;
};

static_assert(
        sizeof(struct ipv6_hdr) == IPV6_HDR_LEN && alignof(struct ipv6_hdr) == 1, "overlaid on the wire");

/* In the order in which Linux ip6_rcv_core finds them. */
enum ipv6_flaw {
	IPV6_OK,
	IPV6_TRUNCATED,        /* less than a header in the buffer (Ip6InHdrErrors) */
	IPV6_VERSION,          /* not 6 (Ip6InHdrErrors) */
	IPV6_PAYLOAD_TOO_LONG, /* the payload goes past the buffer (Ip6InTruncatedPkts) */
};

struct ipv6_view {
	struct ip6_addr src;
	struct ip6_addr dst;
	uint32_t flow_label;
	uint32_t total_len; /* header and payload; at most what is in the buffer */
	uint16_t payload_len;
	uint8_t traffic_class;
	uint8_t next_header;
	uint8_t hop_limit;
};

/* `bytes` is the header, `len` what is in the buffer from there on (Linux ip6_rcv_core, its judgement of
 * addresses apart, for which see ip6_is_martian_source).  A payload length of 0 before a hop-by-hop header
 * may be a jumbogram: total_len is then all of the buffer, and ipv6_options_check judges the jumbo option. */
static always_inline enum ipv6_flaw ipv6_check(const void *bytes, uint32_t len, struct ipv6_view *view)
{
	const uint8_t *b = bytes;

	if (unlikely(len < IPV6_HDR_LEN))
		return IPV6_TRUNCATED;
	uint64_t w = __builtin_bswap64(wire_load_raw64(b));

	view->flow_label = (uint32_t)(w >> 32) & 0xfffff;
	view->traffic_class = (uint8_t)(w >> 52);
	view->payload_len = (uint16_t)(w >> 16);
	view->next_header = (uint8_t)(w >> 8);
	view->hop_limit = (uint8_t)w;
	view->src = wire_load_ip6(b + 8);
	view->dst = wire_load_ip6(b + 24);
	view->total_len = IPV6_HDR_LEN + view->payload_len;
	if (unlikely(w >> 60 != 6))
		return IPV6_VERSION;
	/* Payload length and next header are both 0; asked of the word, since reading the view back would
	 * stall. */
	if (unlikely((w & 0xffffff00) == 0))
		view->total_len = len;
	return unlikely(view->total_len > len) ? IPV6_PAYLOAD_TOO_LONG : IPV6_OK;
}

/* A header quoted in an ICMPv6 error: the quote may end before the payload does.  total_len of the view is
 * what the header says, and may go past `len`. */
static inline enum ipv6_flaw ipv6_check_quoted(const void *bytes, uint32_t len, struct ipv6_view *view)
{
	enum ipv6_flaw flaw = ipv6_check(bytes, len, view);

	return flaw == IPV6_PAYLOAD_TOO_LONG ? IPV6_OK : flaw;
}

/* What ipv6_write puts into a header. */
struct ipv6_fields {
	struct ip6_addr src;
	struct ip6_addr dst;
	uint32_t flow_label;
	uint16_t payload_len;
	uint8_t traffic_class;
	uint8_t next_header;
	uint8_t hop_limit;
};

/* Write a header of 40 bytes at `at`.  Gives its length. */
static inline uint32_t ipv6_write(void *at, const struct ipv6_fields *fields)
{
	*(struct ipv6_hdr *)at = (struct ipv6_hdr){
	        .version_class_flow = be32_from_host(
	                6u << 28 | (uint32_t)fields->traffic_class << 20 | (fields->flow_label & 0xfffff)),
	        .payload_len = be16_from_host(fields->payload_len),
	        .next_header = fields->next_header,
	        .hop_limit = fields->hop_limit,
	        .src = fields->src,
	        .dst = fields->dst,
	};
	return IPV6_HDR_LEN;
}

#endif
