/* ipv4: the IPv4 header (RFC 791, RFC 1122 3.2.1, RFC 1812 5.2.2).  Its options are in ipv4_options.h.
 *
 * Part of the library `wire` (see wire.h).  A stage calls ipv4_check once a packet (the router; hot,
 * inlined), or ipv4_check_unsummed where the checksum is somebody else's to judge (RSS, the classifier), or
 * ipv4_check_quoted on what an ICMP error quotes.
 */
#ifndef SLUICE_COMMON_WIRE_IPV4_H
#define SLUICE_COMMON_WIRE_IPV4_H

#include "common/wire/addr.h"
#include "common/wire/checksum.h"
#include "common/wire/ip.h"
#include "common/wire/wire.h"

#define IPV4_HDR_LEN         20u
#define IPV4_HDR_LEN_MAX     60u
#define IPV4_LEN_MAX         65535u
#define IPV4_MTU_MIN         68u
#define IPV4_DONT_FRAGMENT   0x4000u
#define IPV4_MORE_FRAGMENTS  0x2000u
#define IPV4_FRAGMENT_OFFSET 0x1fffu

struct ipv4_hdr {
	uint8_t version_ihl;
	uint8_t tos;
	struct be16 total_len;
	struct be16 id;
	struct be16 fragment;
	uint8_t ttl;
	uint8_t proto;
	struct be16 checksum;
	struct be32 src;
	struct be32 dst;
};

static_assert(
        sizeof(struct ipv4_hdr) == IPV4_HDR_LEN && alignof(struct ipv4_hdr) == 1, "overlaid on the wire");

/* In the order in which Linux ip_rcv_core finds them; which of its counters each is. */
enum ipv4_flaw {
	IPV4_OK,
	IPV4_TRUNCATED,        /* less than a header in the buffer (InHdrErrors) */
	IPV4_VERSION,          /* not 4 (InHdrErrors) */
	IPV4_HEADER_LEN,       /* less than 5 words (InHdrErrors) */
	IPV4_HEADER_TRUNCATED, /* the header goes past the buffer (InHdrErrors) */
	IPV4_CHECKSUM,         /* (InCsumErrors) */
	IPV4_TOTAL_TOO_LONG,   /* the total length goes past the buffer (InTruncatedPkts) */
	IPV4_TOTAL_TOO_SHORT,  /* the total length is less than the header's (InHdrErrors) */
};

struct ipv4_view {
	struct be32 src;
	struct be32 dst;
	uint16_t header_len; /* 20 to 60 */
	uint16_t total_len;  /* header_len to what is in the buffer; what lies beyond is padding */
	uint16_t id;
	uint16_t fragment; /* flags and offset as in the header */
	struct be16 checksum;
	uint8_t tos;
	uint8_t ttl;
	uint8_t proto;
};

/* The offset of a fragment's payload in the whole one, in bytes. */
static always_inline uint32_t ipv4_fragment_offset(const struct ipv4_view *v)
{
	return (v->fragment & IPV4_FRAGMENT_OFFSET) * 8u;
}

/* Is it a part of a datagram (the first, the last, or one between)? */
static always_inline bool ipv4_is_fragment(const struct ipv4_view *v)
{
	return v->fragment & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET);
}

static always_inline bool ipv4_has_options(const struct ipv4_view *v)
{
	return v->header_len > IPV4_HDR_LEN;
}

/* The header's 20 fixed bytes as they were loaded, once. */
struct ipv4_words {
	uint64_t first, second;
	uint32_t third;
};

static always_inline struct ipv4_words ipv4_load_words(const void *bytes)
{
	const uint8_t *b = bytes;

	return (struct ipv4_words){wire_load_raw64(b), wire_load_raw64(b + 8), wire_load_raw32(b + 16)};
}

static always_inline void ipv4_view_words(struct ipv4_words w, struct ipv4_view *view)
{
	view->header_len = (w.first & 0x0f) * 4;
	view->tos = (uint8_t)(w.first >> 8);
	view->total_len = __builtin_bswap16((uint16_t)(w.first >> 16));
	view->id = __builtin_bswap16((uint16_t)(w.first >> 32));
	view->fragment = __builtin_bswap16((uint16_t)(w.first >> 48));
	view->ttl = (uint8_t)w.second;
	view->proto = (uint8_t)(w.second >> 8);
	view->checksum = (struct be16){(uint16_t)(w.second >> 16)};
	view->src = (struct be32){(uint32_t)(w.second >> 32)};
	view->dst = (struct be32){w.third};
}

/* Version and header length of the first byte, against `len` bytes in the buffer. */
static always_inline enum ipv4_flaw ipv4_check_first(uint8_t version_ihl, uint32_t len)
{
	if (likely(version_ihl == 0x45))
		return IPV4_OK;
	if (version_ihl >> 4 != 4)
		return IPV4_VERSION;
	if ((version_ihl & 0x0f) < 5)
		return IPV4_HEADER_LEN;
	return (version_ihl & 0x0f) * 4u > len ? IPV4_HEADER_TRUNCATED : IPV4_OK;
}

static always_inline enum ipv4_flaw ipv4_check_total(const struct ipv4_view *view, uint32_t len)
{
	if (unlikely(view->total_len > len))
		return IPV4_TOTAL_TOO_LONG;
	return unlikely(view->total_len < view->header_len) ? IPV4_TOTAL_TOO_SHORT : IPV4_OK;
}

/* The sum of the header, of which the fixed part is in `w` and any options are at `bytes` + 20. */
static always_inline struct csum ipv4_header_sum(struct ipv4_words w, const void *bytes, uint32_t header_len)
{
	struct csum sum = csum_words_20(w.first, w.second, w.third);

	if (unlikely(header_len > IPV4_HDR_LEN))
		sum = csum_bytes(sum, (const uint8_t *)bytes + IPV4_HDR_LEN, header_len - IPV4_HDR_LEN);
	return sum;
}

static always_inline enum ipv4_flaw ipv4_check_summed(
        const void *bytes, uint32_t len, bool summed, struct ipv4_view *view)
{
	enum ipv4_flaw flaw;

	if (unlikely(len < IPV4_HDR_LEN))
		return IPV4_TRUNCATED;
	struct ipv4_words w = ipv4_load_words(bytes);

	flaw = ipv4_check_first((uint8_t)w.first, len);
	if (unlikely(flaw))
		return flaw;
	ipv4_view_words(w, view);
	if (summed && unlikely(!csum_is_good(ipv4_header_sum(w, bytes, view->header_len))))
		return IPV4_CHECKSUM;
	return ipv4_check_total(view, len);
}

/* All that Linux ip_rcv_core checks, in its order.  `bytes` is the header, `len` what is in the buffer from
 * there on. */
static always_inline enum ipv4_flaw ipv4_check(const void *bytes, uint32_t len, struct ipv4_view *view)
{
	return ipv4_check_summed(bytes, len, true, view);
}

/* The same without the header's checksum. */
static always_inline enum ipv4_flaw ipv4_check_unsummed(
        const void *bytes, uint32_t len, struct ipv4_view *view)
{
	return ipv4_check_summed(bytes, len, false, view);
}

/* A header quoted in an ICMP error: its checksum may have become stale, and the quote ends before the total
 * length does. total_len of the view is what the header says, and may go past `len`. */
static inline enum ipv4_flaw ipv4_check_quoted(const void *bytes, uint32_t len, struct ipv4_view *view)
{
	enum ipv4_flaw flaw;

	*view = (struct ipv4_view){0};
	flaw = ipv4_check_unsummed(bytes, len, view);
	return flaw == IPV4_TOTAL_TOO_LONG && view->total_len >= view->header_len ? IPV4_OK : flaw;
}

/* What ipv4_write puts into a header without options. */
struct ipv4_fields {
	struct be32 src;
	struct be32 dst;
	uint16_t payload_len;
	uint16_t id;
	uint16_t fragment; /* flags and offset as in the header */
	uint8_t tos;
	uint8_t ttl;
	uint8_t proto;
};

/* Write a header of 20 bytes with its checksum at `at`.  Gives its length. */
uint32_t ipv4_write(void *at, const struct ipv4_fields *fields);

/* Compute and store the checksum of the header at `at`, which is `header_len` bytes long. */
void ipv4_checksum_set(void *at, uint32_t header_len);

#endif
