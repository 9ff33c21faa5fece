/* udp: the UDP header (RFC 768; over IPv6 RFC 8200 8.1, RFC 6936).
 *
 * Part of the library `wire` (see wire.h).  The session's hot path: udp_check, then, unless the view says
 * that there is none, csum_verify with the pseudo-header over payload and header of view.len bytes.
 */
#ifndef SLUICE_COMMON_WIRE_UDP_H
#define SLUICE_COMMON_WIRE_UDP_H

#include "common/wire/checksum.h"
#include "common/wire/ip.h"
#include "common/wire/wire.h"

#define UDP_HDR_LEN        8u
#define UDP_CHECKSUM_FIELD 6u

struct udp_hdr {
	struct be16 src_port;
	struct be16 dst_port;
	struct be16 len;
	struct be16 checksum;
};

static_assert(sizeof(struct udp_hdr) == UDP_HDR_LEN && alignof(struct udp_hdr) == 1, "overlaid on the wire");

enum udp_flaw {
	UDP_OK,
	UDP_TRUNCATED,   /* less than a header (InErrors) */
	UDP_LENGTH,      /* a length below 8 or past the packet (InErrors) */
	UDP_NO_CHECKSUM, /* none, over IPv6 (InCsumErrors) */
};

struct udp_view {
	uint16_t src_port;
	uint16_t dst_port;
	uint32_t len; /* header and payload; what lies beyond in the packet does not belong to it */
	struct be16 checksum;
};

/* `bytes` is the header, `len` what the IP packet holds from there on, as its view says (Linux
 * __udp4_lib_rcv). */
static always_inline enum udp_flaw udp_check(const void *bytes, uint32_t len, struct udp_view *view)
{
	uint64_t w;

	if (unlikely(len < UDP_HDR_LEN))
		return UDP_TRUNCATED;
	w = wire_load_raw64(bytes);
	view->src_port = __builtin_bswap16((uint16_t)w);
	view->dst_port = __builtin_bswap16((uint16_t)(w >> 16));
	view->len = __builtin_bswap16((uint16_t)(w >> 32));
	view->checksum = (struct be16){(uint16_t)(w >> 48)};
	return unlikely(view->len < UDP_HDR_LEN || view->len > len) ? UDP_LENGTH : UDP_OK;
}

/* The same over IPv6: a length of 0 is that of the packet (RFC 2675 4; Linux __udp6_lib_rcv takes it for any
 * packet), and there must be a checksum. */
static always_inline enum udp_flaw udp_check_ipv6(const void *bytes, uint32_t len, struct udp_view *view)
{
	enum udp_flaw flaw = udp_check(bytes, len, view);

	if (unlikely(flaw == UDP_LENGTH && view->len == 0)) {
		view->len = len;
		flaw = UDP_OK;
	}
	return unlikely(flaw == UDP_OK && view->checksum.raw == 0) ? UDP_NO_CHECKSUM : flaw;
}

/* Did the sender leave the checksum out (over IPv4)? */
static always_inline bool udp_has_checksum(const struct udp_view *view)
{
	return view->checksum.raw != 0;
}

/* Write a header at `at`, without a checksum, for a payload of `payload_len` bytes.  Gives its length. */
static always_inline uint32_t udp_write(void *at, uint16_t src_port, uint16_t dst_port, uint16_t payload_len)
{
	struct udp_hdr *h = at;

	h->src_port = be16_from_host(src_port);
	h->dst_port = be16_from_host(dst_port);
	h->len = be16_from_host(UDP_HDR_LEN + payload_len);
	h->checksum = (struct be16){0};
	return UDP_HDR_LEN;
}

/* Compute and store the checksum of `len` bytes of header and payload; `pseudo` is the pseudo-header's sum.
 */
static inline void udp_checksum_set(void *at, uint32_t len, struct csum pseudo)
{
	struct udp_hdr *h = at;

	h->checksum = csum_complete(pseudo, at, len, UDP_CHECKSUM_FIELD);
}

#endif
