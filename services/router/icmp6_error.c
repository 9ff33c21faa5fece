#include "common/wire/nd.h"
#include "services/router/router_internal.h"

/* An error or a redirect must not be answered by an error; what can not be told may be (Linux is_ineligible).
 */
static bool is_icmp6_error(const struct parts *parts, const struct ipv6_chain *chain)
{
	uint8_t type;

	if (chain->upper != IP_PROTO_ICMP6)
		return false;
	/* The bytes of a later fragment are no header. */
	if (ipv6_chain_has_fragment(chain) && ipv6_chain_fragment_offset(chain))
		return false;
	if (parts->total <= chain->upper_offset)
		return !ipv6_chain_has_fragment(chain);
	parts_copy(parts, chain->upper_offset, &type, 1);
	return icmp6_is_error(type) || type == ICMP6_TYPE_REDIRECT;
}

/* RFC 4443 2.4 (e.3): of what came to many only these are told. */
static bool even_multicast(uint8_t type, uint8_t code, const struct parts *parts, uint32_t info)
{
	uint8_t option = 0;

	if (type == ICMP6_TYPE_PACKET_TOO_BIG)
		return true;
	if (type != ICMP6_TYPE_PARAM_PROBLEM || code != IPV6_PROBLEM_OPTION || info >= parts->total)
		return false;
	parts_copy(parts, info, &option, 1);
	return option >> 6 == IPV6_ACTION_PROBLEM;
}

static bool may_answer(const struct router_call *c, struct pkt_ref r, const struct parts *parts,
        const struct ipv6_view *v, bool excepted)
{
	struct ipv6_chain chain;
	uint32_t here = MIN(packet_l3_here(r), v->total_len);

	(void)c;
	if (r.pkt->type != PKT_HOST && r.pkt->type != PKT_OUTGOING && !excepted)
		return false;
	if (ip6_is_multicast(&v->dst) && !excepted)
		return false;
	if (ip6_is_unspecified(&v->src) || ip6_is_multicast(&v->src) || ip6_is_loopback(&v->src))
		return false;
	if (ipv6_chain_check(packet_l3(r), here, v, &chain))
		return true;
	return !is_icmp6_error(parts, &chain);
}

static bool choose_source(const struct router_call *c, struct pkt_ref r, const struct ipv6_view *v,
        struct ip6_addr *src, uint32_t *mtu)
{
	struct route back;

	route6(c, &(struct pkt){}, &v->src, r.pkt->port, route_hash(c, &(struct pkt){}, &v->dst, &v->src),
	        &back);
	*mtu = MAX(back.mtu, IPV6_MTU_MIN);
	if (!route_is_way(&back) && back.type != FIB_LOCAL)
		return false;
	*src = v->dst;
	if (address_find6(c->epoch, &v->dst, r.pkt->port) &&
	        !neighbor_address_tentative(&c->router->table, r.pkt->port, &v->dst))
		return true;
	*src = back.source;
	if (!ip6_is_unspecified(src))
		return true;
	*src = v->src;
	return back.type == FIB_LOCAL || source_select6(c, back.port, &v->src, src);
}

static uint8_t hop_limit_of(const struct router_call *c, struct pkt_ref r)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);

	return in && in->hop_limit ? (uint8_t)in->hop_limit : IP_TTL_DEFAULT;
}

/* The new packet, but for its body. */
static bool make(
        const struct router_call *c, struct pkt_ref r, const struct ipv6_fields *fields, struct pkt_ref *made)
{
	if (!output_make(c, r.at, BORN_GENERATED, r.pkt, ETHER_TYPE_IPV6, IPV6_HDR_LEN + fields->payload_len,
	            made))
		return false;
	ipv6_write(packet_l3(*made), fields);
	made->pkt->flags |= PKT_F_ICMP_ERROR;
	made->pkt->l4_off = ETHER_HDR_LEN + IPV6_HDR_LEN;
	made->pkt->l4_proto = IP_PROTO_ICMP6;
	if (ip6_is_link_local(&fields->dst))
		made->pkt->out = r.pkt->port;
	return true;
}

void icmp6_error(const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info)
{
	struct parts parts;
	struct ipv6_view v;
	struct ip6_addr src;
	struct pkt_ref error;
	uint32_t quote, mtu;
	uint8_t *message;

	assert(router_owns_links(c));
	if (!packet_parts(c, r, &parts) || ipv6_check_quoted(packet_l3(r), packet_l3_here(r), &v) ||
	        !may_answer(c, r, &parts, &v, even_multicast(type, code, &parts, info)) ||
	        !choose_source(c, r, &v, &src, &mtu)) {
		trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_FORBIDDEN, type, code);
		return;
	}
	if (type != ICMP6_TYPE_PACKET_TOO_BIG && !limit_icmp_error(c, &v.src)) {
		trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_LIMITED, type, code);
		return;
	}
	quote = MIN(MIN(parts.total, v.total_len), IPV6_MTU_MIN - IPV6_HDR_LEN - ICMP6_HDR_LEN);
	if (!make(c, r,
	            &(struct ipv6_fields){.src = src,
	                    .dst = v.src,
	                    .payload_len = (uint16_t)(ICMP6_HDR_LEN + quote),
	                    .next_header = IP_PROTO_ICMP6,
	                    .hop_limit = hop_limit_of(c, r)},
	            &error))
		return;
	message = packet_l3(error) + IPV6_HDR_LEN;
	icmp6_write(message, type, code, info);
	parts_copy(&parts, 0, message + ICMP6_HDR_LEN, quote);
	icmp6_checksum_set(message, ICMP6_HDR_LEN + quote, &src, &v.src);
	trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_ERROR6, type, code, TRACE_IP6(&src), quote);
	icmp_count_out(c, true, type);
	output_local(c, error);
}

/* --- Redirect (RFC 4861 4.5, 8.2) --- */

/* Our link-local address on the port, which a redirect must come from. */
static bool link_local_of(const struct router_call *c, struct port_id port, struct ip6_addr *src)
{
	for (uint32_t i = 0; i < c->epoch->n_addresses; i++) {
		const struct epoch_address *a = &c->epoch->addresses[i];

		if (a->family != 6 || !port_id_equal(a->port, port) || !ip6_is_link_local(&a->addr) ||
		        neighbor_address_tentative(&c->router->table, port, &a->addr))
			continue;
		*src = a->addr;
		return true;
	}
	return false;
}

/* Is the sender on the link, and may the target be named to it? */
static bool redirect_makes_sense(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, const struct route *route)
{
	struct route back;

	if (route->gateway && !ip6_is_link_local(&route->next_hop))
		return false;
	route6(c, &(struct pkt){}, &ip->v.src, r.pkt->port, 0, &back);
	return back.type == FIB_CONNECTED && port_id_equal(back.port, r.pkt->port);
}

/* The target's MAC, where we know it: 8 bytes, or none. */
static uint32_t write_target_lladdr(
        const struct router_call *c, const struct route *route, struct nd_lladdr_hdr *option)
{
	struct mac_addr mac;

	if (!neighbor_mac(&c->router->table, c->epoch, route->port, &route->next_hop, &mac))
		return 0;
	*option = (struct nd_lladdr_hdr){.type = ND_OPTION_TARGET_LLADDR, .len = 1, .mac = mac};
	return sizeof *option;
}

#define REDIRECTED_HDR_LEN 8u

static void write_redirect(uint8_t *at, const struct ip6 *ip, const struct route *route,
        const struct nd_lladdr_hdr *lladdr, uint32_t lladdr_len, const struct parts *parts, uint32_t quote)
{
	struct nd_redirect_hdr *h = (void *)at;
	uint8_t *option = at + sizeof *h + lladdr_len;

	icmp6_write(at, ICMP6_TYPE_REDIRECT, 0, 0);
	h->target = route->next_hop;
	h->destination = ip->v.dst;
	memcpy(at + sizeof *h, lladdr, lladdr_len);
	memset(option, 0, REDIRECTED_HDR_LEN);
	option[0] = ND_OPTION_REDIRECTED;
	option[1] = (uint8_t)((REDIRECTED_HDR_LEN + quote) / 8);
	parts_copy(parts, 0, option + REDIRECTED_HDR_LEN, quote);
}

void icmp6_redirect(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, const struct route *route)
{
	struct nd_lladdr_hdr lladdr;
	struct pkt_ref redirect;
	struct ip6_addr src;
	struct parts parts;
	uint32_t lladdr_len, quote, len;

	if (!redirect_makes_sense(c, r, ip, route) || !link_local_of(c, r.pkt->port, &src) ||
	        !packet_parts(c, r, &parts) || !limit_peer(c, &ip->v.src))
		return;
	lladdr_len = write_target_lladdr(c, route, &lladdr);
	len = (uint32_t)sizeof(struct nd_redirect_hdr) + lladdr_len + REDIRECTED_HDR_LEN;
	quote = MIN(parts.total, IPV6_MTU_MIN - IPV6_HDR_LEN - len) & ~7u;
	len += quote;
	if (!make(c, r,
	            &(struct ipv6_fields){.src = src,
	                    .dst = ip->v.src,
	                    .payload_len = (uint16_t)len,
	                    .next_header = IP_PROTO_ICMP6,
	                    .hop_limit = ND_HOP_LIMIT},
	            &redirect))
		return;
	redirect.pkt->out = r.pkt->port;
	write_redirect(packet_l3(redirect) + IPV6_HDR_LEN, ip, route, &lladdr, lladdr_len, &parts, quote);
	icmp6_checksum_set(packet_l3(redirect) + IPV6_HDR_LEN, len, &src, &ip->v.src);
	icmp_count_out(c, true, ICMP6_TYPE_REDIRECT);
	trace(c->burst->trace, r.pkt->trace, TRACE_ICMP_ERROR6, ICMP6_TYPE_REDIRECT, 0, TRACE_IP6(&src),
	        quote);
	output_local(c, redirect);
}
