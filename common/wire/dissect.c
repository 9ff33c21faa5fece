#include "common/wire/dissect.h"
#include "common/wire/arp.h"
#include "common/wire/icmp.h"
#include "common/wire/icmp6.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv6_ext.h"
#include "common/wire/tcp.h"
#include "common/wire/udp.h"

#define PORTS_LEN 4u
#define LEN_MAX   65535u

static always_inline void dissect_ports(const uint8_t *b, uint32_t at, uint32_t end, struct dissect *d)
{
	if (unlikely(end < at + PORTS_LEN)) {
		d->flags |= DISSECT_MALFORMED;
		return;
	}
	uint32_t ports = wire_load_u32(b + at);

	d->src_port = (uint16_t)(ports >> 16);
	d->dst_port = (uint16_t)ports;
	d->flags |= DISSECT_PORTS;
	if (d->l4_proto != IP_PROTO_TCP)
		return;
	if (likely(end > at + TCP_FLAGS_FIELD))
		d->tcp_flags = wire_load_u8(b + at + TCP_FLAGS_FIELD);
	else
		d->flags |= DISSECT_MALFORMED;
}

static bool is_echo(const struct dissect *d)
{
	if (d->l4_proto == IP_PROTO_ICMP)
		return d->icmp_type == ICMP_TYPE_ECHO || d->icmp_type == ICMP_TYPE_ECHO_REPLY;
	return d->icmp_type == ICMP6_TYPE_ECHO || d->icmp_type == ICMP6_TYPE_ECHO_REPLY;
}

static void dissect_icmp(const uint8_t *b, uint32_t at, uint32_t end, struct dissect *d)
{
	if (end < at + ICMP_HDR_LEN) {
		d->flags |= DISSECT_MALFORMED;
		return;
	}
	d->icmp_type = wire_load_u8(b + at);
	d->icmp_code = wire_load_u8(b + at + 1);
	d->icmp_id = is_echo(d) ? wire_load_u16(b + at + 4) : 0;
	d->flags |= DISSECT_ICMP;
}

static always_inline void dissect_l4(const uint8_t *b, uint32_t at, struct dissect *d)
{
	uint32_t end = (uint32_t)d->l3_offset + d->l3_len;

	d->l4_offset = (uint16_t)at;
	d->flags |= DISSECT_L4;
	switch (d->l4_proto) {
	case IP_PROTO_TCP:
	case IP_PROTO_UDP:
	case IP_PROTO_UDPLITE:
	case IP_PROTO_SCTP: dissect_ports(b, at, end, d); return;
	case IP_PROTO_ICMP:
		if (d->l3 == DISSECT_IPV4)
			dissect_icmp(b, at, end, d);
		return;
	case IP_PROTO_ICMP6:
		if (d->l3 == DISSECT_IPV6)
			dissect_icmp(b, at, end, d);
		return;
	}
}

static always_inline void dissect_ipv4(const uint8_t *b, uint32_t len, struct dissect *d)
{
	struct ipv4_view v;
	uint32_t at = d->l3_offset;

	if (unlikely(ipv4_check_unsummed(b + at, len - at, &v) != IPV4_OK)) {
		d->flags |= DISSECT_MALFORMED;
		return;
	}
	d->l3 = DISSECT_IPV4;
	d->l3_len = v.total_len;
	d->src_offset = (uint16_t)(at + offsetof(struct ipv4_hdr, src));
	d->dst_offset = (uint16_t)(at + offsetof(struct ipv4_hdr, dst));
	d->l4_proto = v.proto;
	d->traffic_class = v.tos;
	d->ttl = v.ttl;
	if (unlikely(ipv4_has_options(&v)))
		d->flags |= DISSECT_OPTIONS;
	if (unlikely(ipv4_is_fragment(&v))) {
		bool first = ipv4_fragment_offset(&v) == 0;

		d->fragment = first ? DISSECT_FIRST_FRAGMENT : DISSECT_LATER_FRAGMENT;
		if (!first)
			return;
	}
	dissect_l4(b, at + v.header_len, d);
}

/* The upper layer behind extension headers.  False where there is no header of it. */
static bool dissect_chain(const uint8_t *b, const struct ipv6_view *v, struct dissect *d, uint32_t *l4)
{
	struct ipv6_chain chain;

	d->flags |= DISSECT_OPTIONS;
	if (ipv6_chain_check(b + d->l3_offset, v->total_len, v, &chain) != IPV6_CHAIN_OK) {
		d->flags |= DISSECT_MALFORMED;
		return false;
	}
	d->l4_proto = chain.upper;
	*l4 = d->l3_offset + chain.upper_offset;
	if (!ipv6_chain_has_fragment(&chain))
		return true;
	if (ipv6_chain_fragment_offset(&chain) != 0)
		d->fragment = DISSECT_LATER_FRAGMENT;
	else if (ipv6_chain_more_fragments(&chain))
		d->fragment = DISSECT_FIRST_FRAGMENT;
	return d->fragment != DISSECT_LATER_FRAGMENT;
}

static void dissect_ipv6(const uint8_t *b, uint32_t len, struct dissect *d)
{
	struct ipv6_view v;
	uint32_t at = d->l3_offset, l4 = at + IPV6_HDR_LEN;

	if (unlikely(ipv6_check(b + at, len - at, &v) != IPV6_OK)) {
		d->flags |= DISSECT_MALFORMED;
		return;
	}
	d->l3 = DISSECT_IPV6;
	d->l3_len = (uint16_t)v.total_len;
	d->src_offset = (uint16_t)(at + offsetof(struct ipv6_hdr, src));
	d->dst_offset = (uint16_t)(at + offsetof(struct ipv6_hdr, dst));
	d->l4_proto = v.next_header;
	d->traffic_class = v.traffic_class;
	d->ttl = v.hop_limit;
	if (ipv6_is_extension(v.next_header) && !dissect_chain(b, &v, d, &l4))
		return;
	dissect_l4(b, l4, d);
}

static void dissect_arp(const uint8_t *b, uint32_t len, struct dissect *d)
{
	struct arp_view v;
	uint32_t at = d->l3_offset;

	if (arp_check(b + at, len - at, &v) != ARP_OK) {
		d->flags |= DISSECT_MALFORMED;
		return;
	}
	d->l3 = DISSECT_ARP;
	d->l3_len = ARP_HDR_LEN;
	d->src_offset = (uint16_t)(at + offsetof(struct arp_hdr, sender_ip));
	d->dst_offset = (uint16_t)(at + offsetof(struct arp_hdr, target_ip));
	d->l4_proto = (uint8_t)v.op;
}

static always_inline void dissect_l3(const uint8_t *b, uint32_t len, struct dissect *d)
{
	if (likely(d->ether_type == ETHER_TYPE_IPV4))
		dissect_ipv4(b, len, d);
	else if (d->ether_type == ETHER_TYPE_IPV6)
		dissect_ipv6(b, len, d);
	else if (d->ether_type == ETHER_TYPE_ARP)
		dissect_arp(b, len, d);
	else if (d->ether_type < ETHER_TYPE_MIN)
		d->flags |= DISSECT_802_3;
}

/* Step over the tags.  False where one is cut short. */
static bool dissect_tags(const uint8_t *b, uint32_t len, struct dissect *d)
{
	while (vlan_is_tpid(d->ether_type) && d->vlan_count < VLAN_TAGS_MAX) {
		struct vlan_view tag;

		if (vlan_check(b + d->l3_offset, len - d->l3_offset, &tag) != ETHER_OK) {
			d->flags |= DISSECT_MALFORMED;
			return false;
		}
		d->vlan_tpid[d->vlan_count] = d->ether_type;
		d->vlan_tci[d->vlan_count++] = tag.tci;
		d->ether_type = tag.type;
		d->l3_offset += VLAN_HDR_LEN;
	}
	return true;
}

void dissect_frame(const void *frame, uint32_t len, struct dissect *out)
{
	const uint8_t *b = frame;

	*out = (struct dissect){};
	len = MIN(len, LEN_MAX);
	if (unlikely(len < ETHER_HDR_LEN)) {
		out->flags = DISSECT_MALFORMED;
		return;
	}
	out->ether_type = wire_load_u16(b + offsetof(struct ether_hdr, type));
	out->l3_offset = ETHER_HDR_LEN;
	if (unlikely(vlan_is_tpid(out->ether_type)) && !dissect_tags(b, len, out))
		return;
	dissect_l3(b, len, out);
}

void dissect_packet(const void *bytes, uint32_t len, uint16_t ether_type, struct dissect *out)
{
	*out = (struct dissect){.ether_type = ether_type};
	dissect_l3(bytes, MIN(len, LEN_MAX), out);
}
