/* From a rule as people give it to the forms that the trees and the comparison use. */
#include "common/classify/classify.h"
#include "common/classify/blob.h"

#define IP_PROTO_TCP 6u
#define SHAPE_AT     offsetof(struct classify_key, shape)
#define SHAPE_IP     0x02u
#define SHAPE_FAMILY 0x03u
#define SHAPE_FRAG   0x0cu
#define SHAPE_L4     0x30u

static bool has(const struct classify_rule *rule, uint32_t field)
{
	return (rule->fields & field) != 0;
}

static void require(struct rule_bits *bits, size_t at, const void *value, const void *mask, size_t len)
{
	uint8_t *to_care = (uint8_t *)bits->care + at, *to_value = (uint8_t *)bits->value + at;

	for (size_t i = 0; i < len; i++) {
		uint8_t m = ((const uint8_t *)mask)[i];

		to_care[i] |= m;
		to_value[i] |= ((const uint8_t *)value)[i] & m;
	}
}

static void require_u16(struct rule_bits *bits, size_t at, uint16_t value, uint16_t mask)
{
	require(bits, at, &value, &mask, sizeof value);
}

static void require_u8(struct rule_bits *bits, size_t at, unsigned value, unsigned mask)
{
	require(bits, at, &(uint8_t){(uint8_t)value}, &(uint8_t){(uint8_t)mask}, 1);
}

/* The bits that first and last, and so all between, have in common. */
static uint16_t range_mask(uint16_t first, uint16_t last)
{
	uint32_t differ = (uint32_t)first ^ last;

	return differ == 0 ? 0xffff : (uint16_t) ~((2u << (31 - __builtin_clz(differ))) - 1);
}

/* A 16-bit word of the first eight must lie in first .. last. */
static void require_range(struct rule_compiled *out, size_t at, uint16_t first, uint16_t last)
{
	out->entry.low[at / 2] = first;
	out->entry.not_high[at / 2] = (uint16_t)~last;
	require_u16(&out->bits, at, first, range_mask(first, last));
}

static void require_prefix(struct rule_compiled *out, const struct classify_rule *rule,
        const struct classify_prefix *prefix, size_t at, size_t tail_at)
{
	bool v4 = rule->family == CLASSIFY_IPV4;
	uint32_t head_len = MIN(prefix->len, 32u);
	uint32_t mask = head_len == 0 ? 0 : UINT32_MAX << (32 - head_len);
	uint32_t head = be32_to_host(prefix->addr.w32[v4 ? 3 : 0]) & mask;
	uint8_t tail_mask[12];

	require_range(out, at, (uint16_t)head, (uint16_t)(head | ~mask));
	require_range(out, at + 2, (uint16_t)(head >> 16), (uint16_t)((head | ~mask) >> 16));
	if (prefix->len <= 32)
		return;
	for (uint32_t i = 0; i < sizeof tail_mask; i++) {
		uint32_t from = 32 + 8 * i;
		uint32_t len = prefix->len <= from ? 0 : MIN(prefix->len - from, 8u);

		tail_mask[i] = (uint8_t)(0xff00u >> len);
	}
	require(&out->bits, tail_at, prefix->addr.b + 4, tail_mask, sizeof tail_mask);
}

/* The set's members fill set[]; the trees see the bits that all have in common, which says it all (0) if they
 * are one port. */
static uint8_t require_set(
        struct rule_compiled *out, const struct classify_ports *ports, size_t at, uint16_t *set)
{
	uint16_t differ = 0;

	for (uint32_t i = 0; i < CLASSIFY_PORTS_MAX; i++) {
		set[i] = ports->id[i < ports->n ? i : 0].v;
		differ |= set[i] ^ set[0];
	}
	require_u16(&out->bits, at, set[0], (uint16_t)~differ);
	return differ != 0;
}

static int compile_ports(struct rule_compiled *out, const struct classify_rule *rule)
{
	const struct classify_ports *in = &rule->in_port, *to = &rule->out_port;

	if ((has(rule, CLASSIFY_F_IN_PORT) && (in->n == 0 || in->n > CLASSIFY_PORTS_MAX)) ||
	        (has(rule, CLASSIFY_F_OUT_PORT) && (to->n == 0 || to->n > CLASSIFY_PORTS_MAX)))
		return -EINVAL;
	if (has(rule, CLASSIFY_F_IN_PORT) && in->n == 1)
		require_range(out, offsetof(struct classify_key, in_port), in->id[0].v, in->id[0].v);
	if (has(rule, CLASSIFY_F_IN_PORT) && in->n > 1)
		out->rest.has_in_set = require_set(
		        out, in, offsetof(struct classify_key, in_port), out->rest.in_set);
	if (has(rule, CLASSIFY_F_OUT_PORT))
		out->rest.has_out_set = require_set(
		        out, to, offsetof(struct classify_key, out_port), out->rest.out_set);
	out->has_rest = out->rest.has_in_set || out->rest.has_out_set;
	return 0;
}

static int compile_link(struct rule_compiled *out, const struct classify_rule *rule)
{
	if ((has(rule, CLASSIFY_F_VLAN) && rule->vlan > 4095 && rule->vlan != CLASSIFY_UNTAGGED) ||
	        (has(rule, CLASSIFY_F_INNER_VLAN) && rule->inner_vlan > 4095 &&
	                rule->inner_vlan != CLASSIFY_UNTAGGED))
		return -EINVAL;
	if (has(rule, CLASSIFY_F_VLAN))
		require_range(out, offsetof(struct classify_key, vlan), rule->vlan, rule->vlan);
	if (has(rule, CLASSIFY_F_INNER_VLAN))
		require_u16(&out->bits, offsetof(struct classify_key, inner_vlan), rule->inner_vlan, 0xffff);
	if (has(rule, CLASSIFY_F_ETHERTYPE))
		require_u16(&out->bits, offsetof(struct classify_key, ethertype), rule->ethertype, 0xffff);
	if (has(rule, CLASSIFY_F_SMAC))
		require(&out->bits, offsetof(struct classify_key, smac), &rule->smac.value, &rule->smac.mask,
		        6);
	if (has(rule, CLASSIFY_F_DMAC))
		require(&out->bits, offsetof(struct classify_key, dmac), &rule->dmac.value, &rule->dmac.mask,
		        6);
	return compile_ports(out, rule);
}

static int compile_network(struct rule_compiled *out, const struct classify_rule *rule)
{
	bool addresses = has(rule, CLASSIFY_F_SRC | CLASSIFY_F_DST);
	uint32_t len_max = rule->family == CLASSIFY_IPV4 ? 32 : 128;

	if (has(rule, CLASSIFY_F_FAMILY)) {
		if (rule->family != CLASSIFY_NOT_IP && rule->family != CLASSIFY_IPV4 &&
		        rule->family != CLASSIFY_IPV6)
			return -EINVAL;
		require_u8(&out->bits, SHAPE_AT, rule->family, SHAPE_FAMILY);
	}
	if (addresses && (!has(rule, CLASSIFY_F_FAMILY) || rule->family == CLASSIFY_NOT_IP))
		return -EINVAL;
	if ((has(rule, CLASSIFY_F_SRC) && rule->src.len > len_max) ||
	        (has(rule, CLASSIFY_F_DST) && rule->dst.len > len_max))
		return -EINVAL;
	if (has(rule, CLASSIFY_F_SRC))
		require_prefix(out, rule, &rule->src, offsetof(struct classify_key, saddr),
		        offsetof(struct classify_key, saddr_tail));
	if (has(rule, CLASSIFY_F_DST))
		require_prefix(out, rule, &rule->dst, offsetof(struct classify_key, daddr),
		        offsetof(struct classify_key, daddr_tail));
	if (has(rule, CLASSIFY_F_FRAGMENT)) {
		if ((unsigned)rule->fragment > CLASSIFY_LATER_FRAGMENT)
			return -EINVAL;
		bool any = rule->fragment == CLASSIFY_ANY_FRAGMENT;

		require_u8(&out->bits, SHAPE_AT, any ? 0x08u : (unsigned)rule->fragment << 2,
		        any ? 0x08u : SHAPE_FRAG);
	}
	return 0;
}

static int compile_transport(struct rule_compiled *out, const struct classify_rule *rule)
{
	bool icmp = has(rule, CLASSIFY_F_ICMP_TYPE | CLASSIFY_F_ICMP_CODE);
	bool ports = has(rule, CLASSIFY_F_L4_SPORT | CLASSIFY_F_L4_DPORT | CLASSIFY_F_TCP_FLAGS);
	const size_t sport_at = offsetof(struct classify_key, l4_sport),
	             dport_at = offsetof(struct classify_key, l4_dport);

	if (icmp && ports)
		return -EINVAL;
	if ((has(rule, CLASSIFY_F_L4_SPORT) && rule->l4_sport.first > rule->l4_sport.last) ||
	        (has(rule, CLASSIFY_F_L4_DPORT) && rule->l4_dport.first > rule->l4_dport.last))
		return -EINVAL;
	if (has(rule, CLASSIFY_F_TCP_FLAGS) && has(rule, CLASSIFY_F_PROTO) && rule->proto != IP_PROTO_TCP)
		return -EINVAL;
	if (icmp || ports)
		require_u8(
		        &out->bits, SHAPE_AT, (icmp ? CLASSIFY_L4_ICMP : CLASSIFY_L4_PORTS) << 4, SHAPE_L4);
	if (has(rule, CLASSIFY_F_PROTO))
		require_u8(&out->bits, offsetof(struct classify_key, ip_proto), rule->proto, 0xff);
	if (has(rule, CLASSIFY_F_L4_SPORT))
		require_range(out, sport_at, rule->l4_sport.first, rule->l4_sport.last);
	if (has(rule, CLASSIFY_F_L4_DPORT))
		require_range(out, dport_at, rule->l4_dport.first, rule->l4_dport.last);
	if (has(rule, CLASSIFY_F_ICMP_TYPE))
		require_range(out, sport_at, rule->icmp_type, rule->icmp_type);
	if (has(rule, CLASSIFY_F_ICMP_CODE))
		require_range(out, dport_at, rule->icmp_code, rule->icmp_code);
	if (has(rule, CLASSIFY_F_TCP_FLAGS)) {
		require_u8(&out->bits, offsetof(struct classify_key, ip_proto), IP_PROTO_TCP, 0xff);
		require_u8(&out->bits, offsetof(struct classify_key, tcp_flags), rule->tcp_flags,
		        rule->tcp_flags_mask);
	}
	return 0;
}

/* What the trees know as bits, the entry and the rest test as bits. */
static void copy_masks(struct rule_compiled *out)
{
	const uint32_t first = COMMON_BYTES / 8;

	out->entry.ones = out->bits.value[2];
	out->entry.zeros = out->bits.care[2] & ~out->bits.value[2];
	for (uint32_t i = 0; i < REST_WORDS; i++) {
		out->rest.care[i] = out->bits.care[first + i];
		out->rest.value[i] = out->bits.value[first + i];
		out->has_rest |= out->rest.care[i] != 0;
	}
}

#define IP_FIELDS                                                                                            \
	(CLASSIFY_F_PROTO | CLASSIFY_F_L4_SPORT | CLASSIFY_F_L4_DPORT | CLASSIFY_F_ICMP_TYPE |               \
	        CLASSIFY_F_ICMP_CODE | CLASSIFY_F_TCP_FLAGS | CLASSIFY_F_FRAGMENT)

int rule_compile(const struct classify_rule *rule, struct rule_compiled *out)
{
	int err;

	memset(out, 0, sizeof *out);
	if ((rule->fields & ~(uint32_t)CLASSIFY_F_ALL) != 0 || (unsigned)rule->verdict > CLASSIFY_CONTINUE)
		return -EINVAL;
	if (has(rule, CLASSIFY_F_FAMILY) && rule->family == CLASSIFY_NOT_IP && has(rule, IP_FIELDS))
		return -EINVAL;
	if ((err = compile_link(out, rule)) < 0 || (err = compile_network(out, rule)) < 0 ||
	        (err = compile_transport(out, rule)) < 0)
		return err;
	if (has(rule, IP_FIELDS))
		require_u8(&out->bits, SHAPE_AT, SHAPE_IP, SHAPE_IP);
	if (has(rule, CLASSIFY_F_MARK))
		require(&out->bits, offsetof(struct classify_key, mark), &rule->mark.value, &rule->mark.mask,
		        4);
	copy_masks(out);
	out->entry.verdict = (uint8_t)rule->verdict;
	out->entry.sets_mark = rule->set_mark.mask != 0;
	return 0;
}
