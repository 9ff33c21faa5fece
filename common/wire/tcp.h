/* tcp: the TCP header and its options (RFC 9293 3.1, 3.2; RFC 7323; RFC 2018; RFC 2883).
 *
 * Part of the library `wire` (see wire.h).  The session: tcp_check on each segment, csum_verify with the
 * pseudo-header, then tcp_options_check where tcp_has_options.  Router: for RST and MSS clamp.
 */
#ifndef SLUICE_COMMON_WIRE_TCP_H
#define SLUICE_COMMON_WIRE_TCP_H

#include "common/wire/checksum.h"
#include "common/wire/ip.h"
#include "common/wire/wire.h"

#define TCP_HDR_LEN        20u
#define TCP_HDR_LEN_MAX    60u
#define TCP_CHECKSUM_FIELD 16u
#define TCP_FLAGS_FIELD    13u
#define TCP_SACK_MAX       4u
/* A greater window scale is taken as this (RFC 7323 2.3). */
#define TCP_WSCALE_MAX 14u

/* The eight flags in the byte at TCP_FLAGS_FIELD. */
enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

enum tcp_option {
	TCP_OPTION_END = 0,
	TCP_OPTION_NOP = 1,
	TCP_OPTION_MSS = 2,
	TCP_OPTION_WSCALE = 3,
	TCP_OPTION_SACK_PERMITTED = 4,
	TCP_OPTION_SACK = 5,
	TCP_OPTION_TIMESTAMPS = 8,
	TCP_OPTION_MD5 = 19,
	TCP_OPTION_AO = 29,
	TCP_OPTION_FAST_OPEN = 34,
};

/* A sequence number: counts modulo 2^32, so that only differences have an order (RFC 9293 3.4). */
struct tcp_seq {
	uint32_t v;
};

static always_inline struct tcp_seq tcp_seq_add(struct tcp_seq a, uint32_t n)
{
	return (struct tcp_seq){a.v + n};
}

/* How far a is past b; negative where it is before it. */
static always_inline int32_t tcp_seq_diff(struct tcp_seq a, struct tcp_seq b)
{
	return (int32_t)(a.v - b.v);
}

static always_inline bool tcp_seq_before(struct tcp_seq a, struct tcp_seq b)
{
	return tcp_seq_diff(a, b) < 0;
}

struct tcp_hdr {
	struct be16 src_port;
	struct be16 dst_port;
	struct be32 seq;
	struct be32 ack;
	uint8_t data_offset; /* in words, in the high nibble */
	uint8_t flags;
	struct be16 window;
	struct be16 checksum;
	struct be16 urgent;
};

static_assert(sizeof(struct tcp_hdr) == TCP_HDR_LEN && alignof(struct tcp_hdr) == 1, "overlaid on the wire");

enum tcp_flaw {
	TCP_OK,
	TCP_TRUNCATED,   /* less than a header (TcpInErrs) */
	TCP_DATA_OFFSET, /* less than 5 words, or past the packet (TcpInErrs) */
};

struct tcp_view {
	struct tcp_seq seq;
	struct tcp_seq ack;
	uint32_t len; /* header and payload */
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t window;
	uint16_t urgent;
	struct be16 checksum;
	uint8_t header_len; /* 20 to 60, at most len */
	uint8_t flags;      /* enum tcp_flag */
};

/* `bytes` is the header, `len` what the IP packet holds from there on (Linux tcp_v4_rcv). */
static always_inline enum tcp_flaw tcp_check(const void *bytes, uint32_t len, struct tcp_view *view)
{
	const uint8_t *b = bytes;

	if (unlikely(len < TCP_HDR_LEN))
		return TCP_TRUNCATED;
	uint64_t first = wire_load_raw64(b), second = wire_load_raw64(b + 8);
	uint32_t third = wire_load_raw32(b + 16);

	view->len = len;
	view->src_port = __builtin_bswap16((uint16_t)first);
	view->dst_port = __builtin_bswap16((uint16_t)(first >> 16));
	view->seq.v = __builtin_bswap32((uint32_t)(first >> 32));
	view->ack.v = __builtin_bswap32((uint32_t)second);
	view->header_len = (uint8_t)((second >> 36 & 0x0f) * 4);
	view->flags = (uint8_t)(second >> 40);
	view->window = __builtin_bswap16((uint16_t)(second >> 48));
	view->checksum = (struct be16){(uint16_t)third};
	view->urgent = __builtin_bswap16((uint16_t)(third >> 16));
	return unlikely(view->header_len < TCP_HDR_LEN || view->header_len > len) ? TCP_DATA_OFFSET : TCP_OK;
}

static always_inline bool tcp_has_options(const struct tcp_view *v)
{
	return v->header_len > TCP_HDR_LEN;
}

/* The length that a segment has in the sequence space: payload, SYN and FIN (RFC 9293 3.4). */
static always_inline uint32_t tcp_seq_len(const struct tcp_view *v)
{
	return v->len - v->header_len + !!(v->flags & TCP_SYN) + !!(v->flags & TCP_FIN);
}

enum tcp_options_flaw {
	TCP_OPTIONS_OK,
	TCP_OPTIONS_LENGTH, /* a length below 2 or past the header: what came before it holds (RFC 9293 3.1
	                       MUST-7) */
};

struct tcp_sack_block {
	struct tcp_seq left;
	struct tcp_seq right;
};

struct tcp_options_view {
	uint32_t ts_value;
	uint32_t ts_echo;
	struct tcp_sack_block sack[TCP_SACK_MAX];
	uint8_t sack_count;
	uint8_t mss_offset; /* of the option, from the TCP header; 0: none (the clamp writes there) */
	uint16_t mss;       /* 0: none */
	uint8_t wscale;     /* as it stands, not limited to TCP_WSCALE_MAX */
	bool has_wscale;
	bool has_timestamps;
	bool sack_permitted;
	bool has_signature; /* MD5 or AO: what is in the header may not be changed on the way */
};

/* The options of a header that tcp_check found sound (`bytes` is the header).  An option that is known and
 * has a wrong length is ignored, as Linux tcp_parse_options does; window scale and SACK permitted count only
 * in a SYN: the caller's to know. With a flaw the view holds what came before it. */
enum tcp_options_flaw tcp_options_check(
        const void *bytes, uint32_t header_len, struct tcp_options_view *view);

/* What tcp_write puts into a header without options. */
struct tcp_fields {
	struct tcp_seq seq;
	struct tcp_seq ack;
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t window;
	uint8_t flags;
	uint8_t header_len; /* 20 plus what options will follow, a multiple of 4 */
};

/* Write a header at `at` with a checksum of 0, to be set when the segment is whole.  Gives TCP_HDR_LEN;
 * options of header_len - 20 bytes are the caller's to write. */
uint32_t tcp_write(void *at, const struct tcp_fields *fields);

/* Write the RST that answers `segment`, which no socket wants (RFC 9293 3.10.7.1), with a checksum of 0.
 * Gives its length, or 0 where there must be none (the segment is a RST). */
uint32_t tcp_reset_write(void *at, const struct tcp_view *segment);

/* Compute and store the checksum of `len` bytes of header and payload; `pseudo` is the pseudo-header's sum.
 */
static inline void tcp_checksum_set(void *at, uint32_t len, struct csum pseudo)
{
	struct tcp_hdr *h = at;

	h->checksum = (struct be16){0};
	h->checksum = csum_finish(csum_bytes(pseudo, at, len));
}

#endif
