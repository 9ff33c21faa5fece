#include "services/router/router_internal.h"

void too_big4(const struct router_call *c, struct pkt_ref r, const struct icmp_quote *quote, uint32_t rest)
{
	/* What routers older than RFC 1191 say nothing about; its section 5 takes the plateau below. */
	static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};
	struct ip6_addr dst = ip6_addr_mapped(quote->ip.dst);
	uint32_t mtu = rest & 0xffff;

	for (uint32_t i = 0; !mtu && i < ARRAY_LEN(plateau); i++)
		if (plateau[i] < quote->ip.total_len)
			mtu = plateau[i];
	pmtu_update(c, pmtu_use_of(quote->ip.proto), &dst, mtu);
	trace(c->burst->trace, r.pkt->trace, TRACE_PMTU4, be32_to_host(quote->ip.dst), mtu);
}

void too_big6(const struct router_call *c, struct pkt_ref r, const struct icmp6_quote *quote, uint32_t rest)
{
	pmtu_update(c, pmtu_use_of(quote->chain.upper), &quote->ip.dst, rest);
	trace(c->burst->trace, r.pkt->trace, TRACE_PMTU6, TRACE_IP6(&quote->ip.dst), rest);
}

static bool vouched4(const struct router_call *c, struct pkt_ref r, const uint8_t *message, uint32_t len)
{
	struct icmp_view view = {.len = len};
	struct icmp_quote quote;

	if (!icmp_is_too_big(wire_load_u8(message), wire_load_u8(message + 1)) ||
	        icmp_quote_check(message, &view, &quote))
		return false;
	too_big4(c, r, &quote, wire_load_u32(message + 4));
	return true;
}

static bool vouched6(const struct router_call *c, struct pkt_ref r, const uint8_t *message, uint32_t len)
{
	struct icmp6_view view = {.len = len};
	struct icmp6_quote quote;

	if (wire_load_u8(message) != ICMP6_TYPE_PACKET_TOO_BIG || icmp6_quote_check(message, &view, &quote))
		return false;
	too_big6(c, r, &quote, wire_load_u32(message + 4));
	return true;
}

/* Read anew: since the router has checked it another process may have changed it. */
void too_big_vouched(const struct router_call *c, struct pkt_ref r)
{
	const uint8_t *message = *r.frame + r.pkt->l4_off;
	uint32_t len = (uint32_t)r.pkt->len - r.pkt->l4_off;
	bool ipv6 = r.pkt->ethertype == ETHER_TYPE_IPV6;

	if (len >= ICMP_HDR_LEN && (ipv6 ? vouched6 : vouched4)(c, r, message, len))
		ref_deliver(r);
	else
		ref_drop(r, DROP_BAD_DESC);
}
