#include "services/router/reassembly/reassembly.h"
#include "services/router/router_internal.h"

static enum epoch_class class_of(uint8_t proto, bool ipv6)
{
	switch (proto) {
	case IP_PROTO_UDP: return EPOCH_CLASS_UDP;
	case IP_PROTO_TCP: return EPOCH_CLASS_TCP;
	case IP_PROTO_ICMP: return ipv6 ? EPOCH_CLASS_OTHER : EPOCH_CLASS_ICMP;
	case IP_PROTO_ICMP6: return ipv6 ? EPOCH_CLASS_ICMP : EPOCH_CLASS_OTHER;
	}
	return EPOCH_CLASS_OTHER;
}

uint32_t local_flow_hash(const struct router_call *c, const struct ip6_addr *a, const struct ip6_addr *b,
        uint16_t a_port, uint16_t b_port, uint8_t proto)
{
	uint64_t key = c->router->params.hash_key;

	/* Sums, so that both directions agree. */
	return (uint32_t)(hash_mix(hash_ip6(a, key) + hash_ip6(b, key),
	                          key ^ ((uint64_t)proto << 32 | (uint32_t)(a_port + b_port) << 8)) >>
	                  32);
}

/* The ports of a first fragment or whole packet; 0 where there are none. */
static void read_ports(struct pkt_ref r, uint32_t l4, uint16_t ports[2])
{
	ports[0] = ports[1] = 0;
	if (l4 + 4 > packet_l3_here(r))
		return;
	ports[0] = wire_load_u16(packet_l3(r) + l4);
	ports[1] = wire_load_u16(packet_l3(r) + l4 + 2);
}

void local_deliver(const struct router_call *c, struct pkt_ref r, uint32_t l4, uint8_t proto, uint32_t hash)
{
	uint32_t lanes = MAX(c->burst->lanes, 1u);

	r.pkt->l4_off = (uint16_t)(r.pkt->l3_off + l4);
	r.pkt->l4_proto = proto;
	r.pkt->hash = hash;
	r.pkt->flags |= PKT_F_HASHED;
	trace(c->burst->trace, r.pkt->trace, TRACE_TO_SESSION, proto, hash % lanes);
	ref_pass(r, out_id(OUT_RX, hash % lanes));
}

/* The datagram is whole again: goes on from its first entry in the outbox. */
static void continue_whole4(const struct router_call *c, struct outbox_entry *e, bool group)
{
	struct pkt_ref r = outbox_ref(e);
	struct ip4 ip = {};

	if (ipv4_check_quoted(packet_l3(r), packet_l3_here(r), &ip.v))
		ref_drop(r, DROP_IP_INHDR);
	else
		local4(c, r, &ip, group);
	packet_settle(c, r);
}

static bool take_token(const struct router_call *c, struct pkt_ref r, enum epoch_class class)
{
	if (likely(limit_local(c, class)))
		return true;
	ref_drop(r, DROP_LOCAL_RATELIMIT);
	return false;
}

static void unknown_proto4(const struct router_call *c, struct pkt_ref r, const struct ip4 *ip)
{
	burst_count(c->burst, STAT_IP_IN_UNKNOWN_PROTOS, 1);
	trace(c->burst->trace, r.pkt->trace, TRACE_NO_PROTO, ip->v.proto);
	icmp_error_drop(c, r, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_PROTOCOL, 0, DROP_IP_NOPROTO);
}

static void session4(const struct router_call *c, struct pkt_ref r, const struct ip4 *ip)
{
	struct ip6_addr src = ip6_addr_mapped(ip->v.src), dst = ip6_addr_mapped(ip->v.dst);
	uint16_t ports[2];

	read_ports(r, ip->v.header_len, ports);
	burst_count(c->burst, STAT_IP_IN_DELIVERS, 1);
	local_deliver(c, r, ip->v.header_len, ip->v.proto,
	        local_flow_hash(c, &src, &dst, ports[0], ports[1], ip->v.proto));
}

static void count_group4(const struct router_call *c, const struct ip4 *ip)
{
	burst_count(c->burst,
	        ipv4_is_multicast(ip->v.dst) ? STAT_IP_EXT_IN_MCAST_PKTS : STAT_IP_EXT_IN_BCAST_PKTS, 1);
}

/* Of a whole datagram: whose protocol is it? */
static void deliver4(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, bool group)
{
	if (!take_token(c, r, class_of(ip->v.proto, false)))
		return;
	if (ip->v.proto == IP_PROTO_UDP || ip->v.proto == IP_PROTO_TCP) {
		session4(c, r, ip);
		return;
	}
	r.pkt->l4_off = (uint16_t)(r.pkt->l3_off + ip->v.header_len);
	r.pkt->l4_proto = ip->v.proto;
	if (ip->v.proto == IP_PROTO_ICMP) {
		burst_count(c->burst, STAT_IP_IN_DELIVERS, 1);
		icmp_input(c, r, ip, group);
	} else if (ip->v.proto == IP_PROTO_IGMP) {
		burst_count(c->burst, STAT_IP_IN_DELIVERS, 1);
		igmp_input(&c->router->neighbor, c->epoch, c->now, c->burst, r);
	} else {
		unknown_proto4(c, r, ip);
	}
}

bool local4_is_elsewhere(const struct router_call *c, const struct ip4 *ip)
{
	bool links = ip->v.proto == IP_PROTO_ICMP || ip->v.proto == IP_PROTO_IGMP;

	return links && !router_owns_links(c) && !ipv4_is_fragment(&ip->v);
}

void local4(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, bool group)
{
	struct outbox_entry *whole;

	if (local4_is_elsewhere(c, ip)) {
		punt_again(c, r);
		return;
	}
	if (group && !(r.pkt->flags & PKT_F_REASSEMBLED))
		count_group4(c, ip);
	trace(c->burst->trace, r.pkt->trace, TRACE_LOCAL, ip->v.proto);
	if (!ipv4_is_fragment(&ip->v)) {
		deliver4(c, r, ip, group);
		return;
	}
	whole = reassembly_input4(c, r, &ip->v);
	if (whole)
		continue_whole4(c, whole, group);
}

/* --- IPv6 --- */

static void continue_whole6(const struct router_call *c, struct outbox_entry *e, bool group)
{
	struct pkt_ref r = outbox_ref(e);
	struct ip6 ip = {};

	if (ipv6_check_quoted(packet_l3(r), packet_l3_here(r), &ip.v))
		ref_drop(r, DROP_IP_INHDR);
	else
		local6(c, r, &ip, group);
	packet_settle(c, r);
}

static void unknown_proto6(const struct router_call *c, struct pkt_ref r, const struct ip6 *ip)
{
	/* Nothing follows, and nobody is to be told (RFC 8200 4.7). */
	if (ip->chain.upper == IP_PROTO_NONE) {
		burst_count(c->burst, STAT_IP6_IN_DELIVERS, 1);
		ref_drop(r, DROP_IP_NOPROTO);
		return;
	}
	burst_count(c->burst, STAT_IP6_IN_UNKNOWN_PROTOS, 1);
	trace(c->burst->trace, r.pkt->trace, TRACE_NO_PROTO, ip->chain.upper);
	icmp_error_drop(c, r, ICMP6_TYPE_PARAM_PROBLEM, IPV6_PROBLEM_NEXT_HEADER, ip->chain.upper_named_at,
	        DROP_IP_NOPROTO);
}

static void session6(const struct router_call *c, struct pkt_ref r, const struct ip6 *ip)
{
	uint16_t ports[2];

	read_ports(r, ip->chain.upper_offset, ports);
	burst_count(c->burst, STAT_IP6_IN_DELIVERS, 1);
	local_deliver(c, r, ip->chain.upper_offset, ip->chain.upper,
	        local_flow_hash(c, &ip->v.src, &ip->v.dst, ports[0], ports[1], ip->chain.upper));
}

static void count_atomic6(const struct router_call *c, const struct ipv6_chain *ch)
{
	if (!ipv6_chain_has_fragment(ch))
		return;
	burst_count(c->burst, STAT_IP6_REASM_REQDS, 1);
	burst_count(c->burst, STAT_IP6_REASM_OKS, 1);
}

static void deliver6(const struct router_call *c, struct pkt_ref r, struct ip6 *ip, bool group)
{
	uint8_t upper = ip->chain.upper;

	count_atomic6(c, &ip->chain);
	if (upper != IP_PROTO_ICMP6 && !take_token(c, r, class_of(upper, true)))
		return;
	if (upper == IP_PROTO_UDP || upper == IP_PROTO_TCP) {
		session6(c, r, ip);
		return;
	}
	r.pkt->l4_off = (uint16_t)(r.pkt->l3_off + ip->chain.upper_offset);
	r.pkt->l4_proto = upper;
	if (upper != IP_PROTO_ICMP6) {
		unknown_proto6(c, r, ip);
		return;
	}
	burst_count(c->burst, STAT_IP6_IN_DELIVERS, 1);
	icmp6_input(c, r, ip, group);
}

static void reassemble6(const struct router_call *c, struct pkt_ref r, struct ip6 *ip, bool group)
{
	const struct ipv6_chain *ch = &ip->chain;
	const struct ipv6_ext *ext = &ch->ext[ch->fragment];
	struct reassembly_frag6 fragment = {
	        .fragment_off = ext->offset,
	        .next_field = ext->named_at,
	        .offset = ipv6_chain_fragment_offset(ch),
	        .id = ch->fragment_id,
	        .next_header = wire_load_u8(packet_l3(r) + ext->offset),
	        .more = ipv6_chain_more_fragments(ch),
	};
	struct ipv6_problem problem;
	struct outbox_entry *whole;

	if (!ipv6_fragment_is_sound(ch, ip->v.total_len, &problem)) {
		burst_count(c->burst, STAT_IP6_IN_HDR_ERRORS, 1);
		if (problem.wanted)
			icmp_error_drop(c, r, ICMP6_TYPE_PARAM_PROBLEM, problem.code, problem.pointer,
			        DROP_FRAG_MALFORMED);
		else
			ref_drop(r, DROP_FRAG_MALFORMED);
		return;
	}
	whole = reassembly_input6(c, r, &ip->v, &fragment);
	if (whole)
		continue_whole6(c, whole, group);
}

void local6(const struct router_call *c, struct pkt_ref r, struct ip6 *ip, bool group)
{
	if (!exthdr6_local(c, r, ip))
		return;
	trace(c->burst->trace, r.pkt->trace, TRACE_LOCAL, ip->chain.upper);
	if (ipv6_chain_is_piece(&ip->chain))
		reassemble6(c, r, ip, group);
	else if (ip->chain.upper == IP_PROTO_ICMP6 && !router_owns_links(c))
		punt_again(c, r);
	else
		deliver6(c, r, ip, group);
}

void local_whole(const struct router_call *c, struct outbox_entry *e)
{
	/* Its route is not at hand any more: how its first fragment came tells whether it went to a group. */
	bool group = e->pkt.type == PKT_BROADCAST || e->pkt.type == PKT_MULTICAST;

	if (e->pkt.ethertype == ETHER_TYPE_IPV4)
		continue_whole4(c, e, group);
	else
		continue_whole6(c, e, group);
}
