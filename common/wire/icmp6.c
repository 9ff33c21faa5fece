#include "common/wire/icmp6.h"

#define PORTS_LEN 4u

enum icmp6_flaw icmp6_check(const void *bytes, uint32_t len, struct csum pseudo, struct icmp6_view *view)
{
	if (len < ICMP6_HDR_LEN)
		return ICMP6_TRUNCATED;
	uint64_t w = wire_load_raw64(bytes);
	struct csum sum = csum_add_u64(pseudo, w);

	view->len = len;
	view->type = (uint8_t)w;
	view->code = (uint8_t)(w >> 8);
	view->rest = __builtin_bswap32((uint32_t)(w >> 32));
	if (!csum_is_good(csum_bytes(sum, (const uint8_t *)bytes + ICMP6_HDR_LEN, len - ICMP6_HDR_LEN)))
		return ICMP6_CHECKSUM;
	return ICMP6_OK;
}

enum icmp6_flaw icmp6_quote_check(const void *bytes, const struct icmp6_view *view, struct icmp6_quote *quote)
{
	const uint8_t *inner = (const uint8_t *)bytes + ICMP6_HDR_LEN;
	uint32_t len = view->len - ICMP6_HDR_LEN;
	uint32_t left;

	if (ipv6_check_quoted(inner, len, &quote->ip) != IPV6_OK)
		return ICMP6_QUOTE;
	if (ipv6_chain_check(inner, len, &quote->ip, &quote->chain) != IPV6_CHAIN_OK)
		return ICMP6_QUOTE;
	quote->l4_offset = (uint16_t)(ICMP6_HDR_LEN + quote->chain.upper_offset);
	left = len - quote->chain.upper_offset;
	quote->l4_len = (uint16_t)MIN(left, (uint32_t)UINT16_MAX);
	quote->src_port = 0;
	quote->dst_port = 0;
	if (left >= PORTS_LEN && ipv6_chain_fragment_offset(&quote->chain) == 0) {
		uint32_t ports = wire_load_u32(inner + quote->chain.upper_offset);

		quote->src_port = (uint16_t)(ports >> 16);
		quote->dst_port = (uint16_t)ports;
	}
	return ICMP6_OK;
}
