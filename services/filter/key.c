#include "common/wire/dissect.h"
#include "common/wire/ether.h"
#include "common/wire/ipv4.h"
#include "common/wire/tcp.h"
#include "services/filter/state.h"

static enum classify_l4 key_l4(const struct dissect *d)
{
	if (likely(d->flags & DISSECT_PORTS))
		return CLASSIFY_L4_PORTS;
	return d->flags & DISSECT_ICMP ? CLASSIFY_L4_ICMP : CLASSIFY_L4_NONE;
}

static enum classify_fragment key_fragment(const struct dissect *d)
{
	switch ((enum dissect_fragment)d->fragment) {
	case DISSECT_WHOLE: return CLASSIFY_WHOLE;
	case DISSECT_FIRST_FRAGMENT: return CLASSIFY_FIRST_FRAGMENT;
	case DISSECT_LATER_FRAGMENT: return CLASSIFY_LATER_FRAGMENT;
	}
	return CLASSIFY_WHOLE;
}

static void key_ip(struct classify_key *key, const uint8_t *l3, const struct dissect *d)
{
	enum classify_family family = d->l3 == DISSECT_IPV4 ? CLASSIFY_IPV4 : CLASSIFY_IPV6;

	key->saddr = wire_load_u32(l3 + d->src_offset);
	key->daddr = wire_load_u32(l3 + d->dst_offset);
	if (family == CLASSIFY_IPV6) {
		memcpy(key->saddr_tail, l3 + d->src_offset + 4, sizeof key->saddr_tail);
		memcpy(key->daddr_tail, l3 + d->dst_offset + 4, sizeof key->daddr_tail);
	}
	key->ip_proto = d->l4_proto;
	key->tcp_flags = d->tcp_flags;
	key->shape = classify_shape(family, key_fragment(d), key_l4(d));
	if (d->flags & DISSECT_ICMP) {
		key->icmp_type = d->icmp_type;
		key->icmp_code = d->icmp_code;
	} else {
		key->l4_sport = d->src_port;
		key->l4_dport = d->dst_port;
	}
}

/* What is nearly every packet, quickly: IPv4 without options, no fragment, TCP or UDP with all that a key
 * wants of them.  false: nothing is set. */
static always_inline bool key_plain4(struct classify_key *key, const uint8_t *l3, uint32_t len)
{
	struct ipv4_view ip;
	uint32_t ports;

	if (unlikely(ipv4_check_unsummed(l3, len, &ip) != IPV4_OK) || ip.header_len != IPV4_HDR_LEN ||
	        ipv4_is_fragment(&ip) || ip.total_len < IPV4_HDR_LEN + TCP_FLAGS_FIELD + 1 ||
	        (ip.proto != IP_PROTO_TCP && ip.proto != IP_PROTO_UDP))
		return false;
	ports = wire_load_u32(l3 + IPV4_HDR_LEN);
	key->saddr = be32_to_host(ip.src);
	key->daddr = be32_to_host(ip.dst);
	key->l4_sport = (uint16_t)(ports >> 16);
	key->l4_dport = (uint16_t)ports;
	key->ip_proto = ip.proto;
	if (ip.proto == IP_PROTO_TCP)
		key->tcp_flags = wire_load_u8(l3 + IPV4_HDR_LEN + TCP_FLAGS_FIELD);
	key->shape = classify_shape(CLASSIFY_IPV4, CLASSIFY_WHOLE, CLASSIFY_L4_PORTS);
	return true;
}

static __attribute__((noinline)) void key_any(struct classify_key *key, const uint8_t *l3, uint32_t len)
{
	struct dissect d;

	dissect_packet(l3, len, key->ethertype, &d);
	if (d.l3 == DISSECT_IPV4 || d.l3 == DISSECT_IPV6)
		key_ip(key, l3, &d);
}

void key_dissect(struct classify_key *key, const uint8_t *frame, const struct pkt *p)
{
	const uint8_t *l3 = frame + p->l3_off;
	uint32_t len = (uint32_t)p->len - p->l3_off;

	key->dmac = wire_load_mac(frame);
	key->smac = wire_load_mac(frame + sizeof(struct mac_addr));
	if (unlikely(key->ethertype != ETHER_TYPE_IPV4) || !key_plain4(key, l3, len))
		key_any(key, l3, len);
}

/* Of the first pair of words of an IPv4 header, as loaded. */
#define FRAGMENT_BITS ((uint64_t)__builtin_bswap16(IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET) << 48)

/* TCP or UDP, which a branch could not foresee. */
#define PORTS_PROTOS (UINT64_C(1) << IP_PROTO_TCP | UINT64_C(1) << IP_PROTO_UDP)

/* Behind the Ethernet header: version, lengths, no fragment, a protocol with ports, and as much of it as a
 * key wants.
 */
static always_inline bool is_plain4(const uint8_t *l3, uint32_t len, uint8_t proto)
{
	uint64_t word = wire_load_raw64(l3);
	uint32_t total = __builtin_bswap16((uint16_t)(word >> 16));
	int32_t lacks = (int32_t)(len - total) | (int32_t)(total - (IPV4_HDR_LEN + TCP_FLAGS_FIELD + 1));

	return likely(lacks >= 0) && likely((uint8_t)word == 0x45) && likely(!(word & FRAGMENT_BITS)) &&
	       likely(proto < 64 && PORTS_PROTOS >> proto & 1);
}

/* Fields that stand together go in together; what a protocol does not have may hold anything. */
bool key_plain(struct classify_key *key, const uint8_t *frame, const struct pkt *p)
{
	const uint8_t *l3 = frame + ETHER_HDR_LEN;
	const uint8_t shape = classify_shape(CLASSIFY_IPV4, CLASSIFY_WHOLE, CLASSIFY_L4_PORTS);
	uint32_t len = (uint32_t)p->len - ETHER_HDR_LEN;
	uint8_t proto;
	uint64_t pair;

	if (unlikely(len < IPV4_HDR_LEN + TCP_FLAGS_FIELD + 1 || p->ethertype != ETHER_TYPE_IPV4))
		return false;
	proto = wire_load_u8(l3 + offsetof(struct ipv4_hdr, proto));
	if (unlikely(!is_plain4(l3, len, proto)))
		return false;
	pair = __builtin_bswap64(wire_load_raw64(l3 + offsetof(struct ipv4_hdr, src)));
	pair = pair >> 32 | pair << 32;
	memcpy(&key->saddr, &pair, sizeof pair);
	pair = __builtin_bswap32(wire_load_raw32(l3 + IPV4_HDR_LEN));
	pair = (uint32_t)(pair >> 16 | pair << 16) | (uint64_t)p->port.v << 32 |
	       (uint64_t)CLASSIFY_UNTAGGED << 48;
	memcpy(&key->l4_sport, &pair, sizeof pair);
	pair = proto | (uint64_t)wire_load_u8(l3 + IPV4_HDR_LEN + TCP_FLAGS_FIELD) << 8 |
	       (uint64_t)shape << 16 | (uint64_t)p->mark << 32;
	memcpy(&key->ip_proto, &pair, sizeof pair);
	key->out_port = PORT_NONE;
	key->inner_vlan = CLASSIFY_UNTAGGED;
	key->ethertype = ETHER_TYPE_IPV4;
	memcpy(&key->dmac, frame, 2 * sizeof(struct mac_addr));
	return true;
}

static_assert(offsetof(struct classify_key, daddr) == 4 && offsetof(struct classify_key, in_port) == 12 &&
                      offsetof(struct classify_key, vlan) == 14 &&
                      offsetof(struct classify_key, shape) == 18 &&
                      offsetof(struct classify_key, mark) == 20 &&
                      offsetof(struct classify_key, smac) == offsetof(struct classify_key, dmac) + 6,
        "stored in pairs");
