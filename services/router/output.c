#include "common/wire/tcp.h"
#include "common/wire/udp.h"
#include "services/router/router_internal.h"

uint16_t output_ident4(const struct router_call *c)
{
	struct router_state *s = c->router->state;

	journal_touch(c->burst->journal, &s->ident);
	return (uint16_t)s->ident++;
}

uint32_t output_ident6(const struct router_call *c)
{
	struct router_state *s = c->router->state;

	journal_touch(c->burst->journal, &s->ident6);
	return (uint32_t)hash_mix(s->ident6++, c->router->params.hash_key + c->router->lane);
}

bool output_make(const struct router_call *c, uint32_t at, enum born born, const struct pkt *cause,
        uint16_t ethertype, uint32_t l3_bytes, struct pkt_ref *r)
{
	struct outbox_entry *e;

	assert(ETHER_HDR_LEN + l3_bytes <= pool_frame_max(c->router->pool));
	e = burst_make(c->burst, at, born, cause);
	if (!e)
		return false;
	e->pkt.len = (uint16_t)(ETHER_HDR_LEN + l3_bytes);
	e->pkt.total_len = e->pkt.len;
	e->pkt.l3_off = ETHER_HDR_LEN;
	e->pkt.ethertype = ethertype;
	*r = outbox_ref(e);
	return true;
}

void output_hop(
        const struct router_call *c, struct pkt_ref r, struct port_id out, const struct ip6_addr *next_hop)
{
	struct router *router = c->router;

	r.pkt->out = out;
	r.pkt->flags &= (uint16_t) ~(PKT_F_TAGGED | PKT_F_TAGGED2);
	if (likely(neighbor_send(&router->table, c->epoch, c->burst, r, next_hop))) {
		trace(c->burst->trace, r.pkt->trace, TRACE_SENT_TO,
		        TRACE_MAC((const struct mac_addr *)*r.frame), out.v);
		return;
	}
	if (router_owns_links(c)) {
		neighbor_output(&router->neighbor, c->epoch, c->now, c->burst, r, next_hop);
		return;
	}
	punt(c, r, &(struct punt_note){.why = PUNT_HOP, .next_hop = *next_hop});
}

/* The field of an upper layer's checksum that covers the pseudo-header, from its start; 0: none. */
static uint32_t pseudo_field(uint8_t proto, bool ipv6)
{
	switch (proto) {
	case IP_PROTO_TCP: return TCP_CHECKSUM_FIELD;
	case IP_PROTO_UDP: return UDP_CHECKSUM_FIELD;
	case IP_PROTO_ICMP6: return ipv6 ? ICMP6_CHECKSUM_FIELD : 0;
	}
	return 0;
}

/* The upper layer's checksum was made with an unspecified source, which is now known. */
static void fix_pseudo(struct pkt_ref r, uint32_t l4, uint8_t proto, bool ipv6, const struct ip6_addr *src)
{
	uint32_t field = pseudo_field(proto, ipv6);
	uint8_t *at = packet_l3(r) + l4 + field;
	struct be16 sum;

	if (!field || l4 + field + 2 > packet_l3_here(r))
		return;
	memcpy(&sum, at, sizeof sum);
	if (proto == IP_PROTO_UDP && sum.raw == 0)
		return;
	if (r.pkt->csum == PKT_CSUM_PARTIAL)
		sum.raw = (uint16_t)~sum.raw;
	sum = ipv6 ? csum_replace_ip6(sum, &IP6_UNSPECIFIED, src)
	           : csum_replace_be32(sum, (struct be32){0}, src->w32[3]);
	if (r.pkt->csum == PKT_CSUM_PARTIAL)
		sum.raw = (uint16_t)~sum.raw;
	else if (proto == IP_PROTO_UDP && sum.raw == 0)
		sum.raw = UINT16_MAX;
	memcpy(at, &sum, sizeof sum);
}

static bool set_source4(
        const struct router_call *c, struct pkt_ref r, const struct route *route, struct ipv4_view *v)
{
	struct ipv4_hdr *h = (void *)packet_l3(r);
	struct ip6_addr src;

	if (v->src.raw)
		return true;
	v->src = route->source.w32[3];
	if (route->type == FIB_LOCAL)
		v->src = v->dst;
	else if (!v->src.raw && !source_select4(c, route->port, route->next_hop.w32[3], &v->src))
		return false;
	h->src = v->src;
	ipv4_checksum_set(h, v->header_len);
	src = ip6_addr_mapped(v->src);
	if (!ipv4_fragment_offset(v))
		fix_pseudo(r, v->header_len, v->proto, false, &src);
	return true;
}

static bool set_source6(
        const struct router_call *c, struct pkt_ref r, const struct route *route, struct ipv6_view *v)
{
	struct ipv6_hdr *h = (void *)packet_l3(r);

	if (!ip6_is_unspecified(&v->src))
		return true;
	v->src = route->source;
	if (route->type == FIB_LOCAL)
		v->src = v->dst;
	else if (ip6_is_unspecified(&v->src) && !source_select6(c, route->port, &v->dst, &v->src))
		return false;
	h->src = v->src;
	fix_pseudo(r, IPV6_HDR_LEN, v->next_header, true, &v->src);
	return true;
}

/* Where a multicast or broadcast of ours goes: the port that its maker named, else what the FIB says. */
static void route_group(
        const struct router_call *c, struct pkt_ref r, const struct ip6_addr *dst, struct route *route)
{
	const struct epoch_port *port = epoch_port(c->epoch, r.pkt->out);

	if (!port)
		return;
	*route = (struct route){
	        .type = FIB_CONNECTED, .port = r.pkt->out, .mtu = port->mtu, .next_hop = *dst};
}

static void drop_no_route(const struct router_call *c, struct pkt_ref r, bool ipv6, enum fib_type type)
{
	burst_count(c->burst, ipv6 ? STAT_IP6_OUT_NO_ROUTES : STAT_IP_OUT_NO_ROUTES, 1);
	switch (type) {
	case FIB_BLACKHOLE: ref_drop(r, DROP_ROUTE_BLACKHOLE); return;
	case FIB_UNREACHABLE: ref_drop(r, DROP_ROUTE_UNREACHABLE); return;
	case FIB_PROHIBIT: ref_drop(r, DROP_ROUTE_PROHIBIT); return;
	case FIB_NONE:
	case FIB_UNICAST:
	case FIB_CONNECTED:
	case FIB_LOCAL:
	case FIB_BROADCAST: break;
	}
	ref_drop(r, DROP_IP_INNOROUTES);
}

/* To an address of ours: as if it had come in on the port that holds the address. */
static void loop_back4(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, struct port_id port)
{
	r.pkt->type = PKT_HOST;
	r.pkt->port = port;
	r.pkt->out = PORT_NONE;
	burst_count(c->burst, STAT_IP_IN_RECEIVES, 1);
	burst_count(c->burst, STAT_IP_EXT_IN_OCTETS, ip->v.total_len);
	if (ipv4_has_options(&ip->v) && ipv4_options_check(packet_l3(r), ip->v.header_len, &ip->o)) {
		ref_drop(r, DROP_IP_OPTIONS);
		return;
	}
	local4(c, r, ip, false);
}

static void output4(const struct router_call *c, struct pkt_ref r, struct ip4 *ip)
{
	struct ip6_addr src = ip6_addr_mapped(ip->v.src), dst = ip6_addr_mapped(ip->v.dst);
	struct route route = {.type = FIB_NONE, .port = PORT_NONE};
	bool group = ipv4_is_multicast(ip->v.dst) || ipv4_is_limited_broadcast(ip->v.dst);
	uint32_t mtu;

	if (group)
		route_group(c, r, &dst, &route);
	if (!group || (!route_is_way(&route) && ipv4_is_multicast(ip->v.dst)))
		route4(c, r.pkt, ip->v.dst, route_hash(c, r.pkt, &src, &dst), &route);
	if (route.type == FIB_BROADCAST)
		route = (struct route){.type = FIB_CONNECTED,
		        .port = route.port,
		        .next_hop = dst,
		        .mtu = c->view->port[route.port.v % EPOCH_PORTS_MAX].mtu};
	if (!epoch_port(c->epoch, route.port) || (!route_is_way(&route) && route.type != FIB_LOCAL) ||
	        !set_source4(c, r, &route, &ip->v)) {
		drop_no_route(c, r, false, route.type);
		return;
	}
	burst_count(c->burst, STAT_IP_OUT_REQUESTS, 1);
	burst_count(c->burst, STAT_IP_EXT_OUT_OCTETS, ip->v.total_len);
	if (route.type == FIB_LOCAL) {
		loop_back4(c, r, ip, route.port);
		return;
	}
	if (group)
		burst_count(c->burst, STAT_IP_EXT_OUT_MCAST_PKTS, ipv4_is_multicast(ip->v.dst));
	mtu = group ? route.mtu : pmtu_lookup(c, pmtu_use_of(ip->v.proto), &dst, route.mtu);
	if (!(epoch_port(c->epoch, route.port)->flags & EPOCH_PORT_CSUM_PARTIAL) || ip->v.total_len > mtu)
		csum_complete_packet(c, r);
	if (ip->v.total_len > mtu && ip->v.fragment & IPV4_DONT_FRAGMENT) {
		burst_count(c->burst, STAT_IP_FRAG_FAILS, 1);
		icmp_error_drop(
		        c, r, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_FRAG_NEEDED, mtu, DROP_PKT_TOO_BIG);
	} else if (ip->v.total_len > mtu || packet_has_more(c, r)) {
		fragment4(c, r, &route, mtu);
	} else {
		output_hop(c, r, route.port, &route.next_hop);
	}
}

static void loop_back6(const struct router_call *c, struct pkt_ref r, struct ip6 *ip, struct port_id port)
{
	r.pkt->type = PKT_HOST;
	r.pkt->port = port;
	r.pkt->out = PORT_NONE;
	burst_count(c->burst, STAT_IP6_IN_RECEIVES, 1);
	burst_count(c->burst, STAT_IP6_IN_OCTETS, ip->v.total_len);
	local6(c, r, ip, false);
}

static void output6(const struct router_call *c, struct pkt_ref r, struct ip6 *ip)
{
	struct route route = {.type = FIB_NONE, .port = PORT_NONE};
	bool group = ip6_is_multicast(&ip->v.dst);
	uint32_t mtu;

	if (group)
		route_group(c, r, &ip->v.dst, &route);
	else
		route6(c, r.pkt, &ip->v.dst, r.pkt->out, route_hash(c, r.pkt, &ip->v.src, &ip->v.dst),
		        &route);
	if (!epoch_port(c->epoch, route.port) || (!route_is_way(&route) && route.type != FIB_LOCAL) ||
	        !set_source6(c, r, &route, &ip->v)) {
		drop_no_route(c, r, true, route.type);
		return;
	}
	burst_count(c->burst, STAT_IP6_OUT_REQUESTS, 1);
	burst_count(c->burst, STAT_IP6_OUT_OCTETS, ip->v.total_len);
	if (route.type == FIB_LOCAL) {
		loop_back6(c, r, ip, route.port);
		return;
	}
	if (group)
		burst_count(c->burst, STAT_IP6_OUT_MCAST_PKTS, 1);
	mtu = group ? route.mtu : pmtu_lookup(c, pmtu_use_of(ip->v.next_header), &ip->v.dst, route.mtu);
	mtu = MAX(mtu, IPV6_MTU_MIN);
	if (!(epoch_port(c->epoch, route.port)->flags & EPOCH_PORT_CSUM_PARTIAL) || ip->v.total_len > mtu)
		csum_complete_packet(c, r);
	if (ip->v.total_len > mtu || packet_has_more(c, r))
		fragment6(c, r, &route, mtu);
	else
		output_hop(c, r, route.port, &route.next_hop);
}

void output_local(const struct router_call *c, struct pkt_ref r)
{
	struct ip4 ip4 = {};
	struct ip6 ip6 = {};

	r.pkt->flags |= PKT_F_LOCAL;
	if (r.pkt->ethertype == ETHER_TYPE_IPV4 &&
	        !ipv4_check_quoted(packet_l3(r), packet_l3_here(r), &ip4.v) &&
	        ip4.v.total_len == packet_l3_total(r))
		output4(c, r, &ip4);
	else if (r.pkt->ethertype == ETHER_TYPE_IPV6 &&
	         !ipv6_check_quoted(packet_l3(r), packet_l3_here(r), &ip6.v) &&
	         ip6.v.total_len == packet_l3_total(r))
		output6(c, r, &ip6);
	else
		ref_drop(r, DROP_BAD_DESC);
}
