#include "common/wire/icmp.h"

/* Of the quoted packet's payload an error holds at least this (RFC 792). */
#define QUOTED_L4_MIN 8u

enum icmp_flaw icmp_check(const void *bytes, uint32_t len, struct icmp_view *view)
{
	if (len < ICMP_HDR_LEN)
		return ICMP_TRUNCATED;
	uint64_t w = wire_load_raw64(bytes);

	view->len = len;
	view->type = (uint8_t)w;
	view->code = (uint8_t)(w >> 8);
	view->rest = __builtin_bswap32((uint32_t)(w >> 32));
	if (!csum_is_good(
	            csum_bytes((struct csum){w}, (const uint8_t *)bytes + ICMP_HDR_LEN, len - ICMP_HDR_LEN)))
		return ICMP_CHECKSUM;
	return ICMP_OK;
}

enum icmp_flaw icmp_quote_check(const void *bytes, const struct icmp_view *view, struct icmp_quote *quote)
{
	const uint8_t *inner = (const uint8_t *)bytes + ICMP_HDR_LEN;
	uint32_t len = view->len - ICMP_HDR_LEN;

	if (ipv4_check_quoted(inner, len, &quote->ip) != IPV4_OK)
		return ICMP_QUOTE;
	if (len < quote->ip.header_len + QUOTED_L4_MIN)
		return ICMP_QUOTE;
	quote->l4_offset = (uint16_t)(ICMP_HDR_LEN + quote->ip.header_len);
	quote->l4_len = (uint16_t)MIN(view->len - quote->l4_offset, (uint32_t)UINT16_MAX);
	quote->src_port = 0;
	quote->dst_port = 0;
	if (ipv4_fragment_offset(&quote->ip) == 0) {
		uint32_t ports = wire_load_u32(inner + quote->ip.header_len);

		quote->src_port = (uint16_t)(ports >> 16);
		quote->dst_port = (uint16_t)ports;
	}
	return ICMP_OK;
}
