#include "common/wire/tcp.h"
#include "services/router/router_internal.h"

/* What a port's setting allows: an MSS, or 0 where it does not care. */
static uint32_t port_limit(uint16_t setting, uint32_t mtu, bool ipv6)
{
	uint32_t headers = (ipv6 ? IPV6_HDR_LEN : IPV4_HDR_LEN) + TCP_HDR_LEN;

	if (setting != 1)
		return setting;
	return mtu > headers ? mtu - headers : 0;
}

static uint32_t clamp_of(const struct router_call *c, struct pkt_ref r, const struct route *route, bool ipv6)
{
	const struct epoch_port *port[2] = {
	        epoch_port(c->epoch, r.pkt->port), epoch_port(c->epoch, route->port)};
	uint32_t mtu = port[0] ? MIN(route->mtu, (uint32_t)port[0]->mtu) : route->mtu;
	uint32_t least = 0;

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t limit;

		if (!port[i])
			continue;
		limit = port_limit(ipv6 ? port[i]->mss_clamp6 : port[i]->mss_clamp4, mtu, ipv6);
		if (limit && (!least || limit < least))
			least = limit;
	}
	return least;
}

/* A word at an odd offset counts with its bytes swapped (RFC 1071 2.B). */
static struct be16 as_summed(uint16_t value, uint32_t at)
{
	struct be16 x = be16_from_host(value);

	return at & 1 ? (struct be16){__builtin_bswap16(x.raw)} : x;
}

void mss_clamp(
        const struct router_call *c, struct pkt_ref r, const struct route *route, bool ipv6, uint32_t l4)
{
	uint32_t limit = clamp_of(c, r, route, ipv6), here = packet_l3_here(r), at;
	uint8_t *tcp = packet_l3(r) + l4;
	struct tcp_hdr *h = (void *)tcp;
	struct tcp_options_view options;
	struct tcp_view v;

	if (!limit || l4 > here || tcp_check(tcp, here - l4, &v) || !(v.flags & TCP_SYN))
		return;
	/* With a flaw the view holds what came before it. */
	(void)tcp_options_check(tcp, v.header_len, &options);
	if (!options.mss_offset || options.mss <= limit || options.has_signature)
		return;
	at = options.mss_offset + 2u;
	wire_store_u16(tcp + at, (uint16_t)limit);
	if (r.pkt->csum != PKT_CSUM_PARTIAL)
		h->checksum = csum_replace_be16(
		        v.checksum, as_summed(options.mss, at), as_summed((uint16_t)limit, at));
	burst_count(c->burst, STAT_MSS_CLAMPED, 1);
	trace(c->burst->trace, r.pkt->trace, TRACE_MSS_CLAMPED, options.mss, limit);
}
