#include "common/wire/tcp.h"

/* NOP, NOP, timestamps: what nearly every segment of a connection bears (RFC 7323 appendix A). */
#define ALIGNED_TIMESTAMPS_LEN 12u
#define ALIGNED_TIMESTAMPS     0x0101080au

static void read_sack(const uint8_t *b, uint32_t len, struct tcp_options_view *v)
{
	uint32_t count = len / 8;

	if (len % 8 != 0 || count == 0 || count > TCP_SACK_MAX)
		return;
	for (uint32_t i = 0; i < count; i++) {
		v->sack[i].left.v = wire_load_u32(b + 8 * i);
		v->sack[i].right.v = wire_load_u32(b + 8 * i + 4);
	}
	v->sack_count = (uint8_t)count;
}

static void read_timestamps(const uint8_t *b, struct tcp_options_view *v)
{
	v->has_timestamps = true;
	v->ts_value = wire_load_u32(b);
	v->ts_echo = wire_load_u32(b + 4);
}

/* One option whose `len` bytes, type and length among them, are in the header; `at` is its offset. */
static void read_option(
        const uint8_t *header, uint32_t at, uint8_t type, uint32_t len, struct tcp_options_view *v)
{
	const uint8_t *value = header + at + 2;

	switch (type) {
	case TCP_OPTION_MSS:
		if (len == 4) {
			v->mss = wire_load_u16(value);
			v->mss_offset = (uint8_t)at;
		}
		return;
	case TCP_OPTION_WSCALE:
		if (len == 3) {
			v->has_wscale = true;
			v->wscale = wire_load_u8(value);
		}
		return;
	case TCP_OPTION_SACK_PERMITTED: v->sack_permitted |= len == 2; return;
	case TCP_OPTION_SACK: read_sack(value, len - 2, v); return;
	case TCP_OPTION_TIMESTAMPS:
		if (len == 10)
			read_timestamps(value, v);
		return;
	case TCP_OPTION_MD5:
	case TCP_OPTION_AO: v->has_signature = true; return;
	}
}

enum tcp_options_flaw tcp_options_check(const void *bytes, uint32_t header_len, struct tcp_options_view *view)
{
	const uint8_t *b = bytes;
	uint32_t at = TCP_HDR_LEN;

	assert(header_len >= TCP_HDR_LEN && header_len <= TCP_HDR_LEN_MAX);
	*view = (struct tcp_options_view){};
	if (likely(header_len == TCP_HDR_LEN + ALIGNED_TIMESTAMPS_LEN) &&
	        wire_load_u32(b + at) == ALIGNED_TIMESTAMPS) {
		read_timestamps(b + at + 4, view);
		return TCP_OPTIONS_OK;
	}
	while (at < header_len) {
		uint8_t type = wire_load_u8(b + at);
		uint32_t len;

		if (type == TCP_OPTION_END)
			break;
		if (type == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (header_len - at < 2)
			return TCP_OPTIONS_LENGTH;
		len = wire_load_u8(b + at + 1);
		if (len < 2 || len > header_len - at)
			return TCP_OPTIONS_LENGTH;
		read_option(b, at, type, len, view);
		at += len;
	}
	return TCP_OPTIONS_OK;
}

uint32_t tcp_write(void *at, const struct tcp_fields *fields)
{
	assert(fields->header_len >= TCP_HDR_LEN && fields->header_len <= TCP_HDR_LEN_MAX &&
	        fields->header_len % 4 == 0);
	*(struct tcp_hdr *)at = (struct tcp_hdr){
	        .src_port = be16_from_host(fields->src_port),
	        .dst_port = be16_from_host(fields->dst_port),
	        .seq = be32_from_host(fields->seq.v),
	        .ack = be32_from_host(fields->ack.v),
	        .data_offset = (uint8_t)(fields->header_len / 4 << 4),
	        .flags = fields->flags,
	        .window = be16_from_host(fields->window),
	};
	return TCP_HDR_LEN;
}

uint32_t tcp_reset_write(void *at, const struct tcp_view *segment)
{
	struct tcp_fields f = {
	        .src_port = segment->dst_port,
	        .dst_port = segment->src_port,
	        .flags = TCP_RST,
	        .header_len = TCP_HDR_LEN,
	};

	if (segment->flags & TCP_RST)
		return 0;
	if (segment->flags & TCP_ACK) {
		f.seq = segment->ack;
	} else {
		f.flags |= TCP_ACK;
		f.ack = tcp_seq_add(segment->seq, tcp_seq_len(segment));
	}
	return tcp_write(at, &f);
}
