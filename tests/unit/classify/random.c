#include "tests/unit/classify/oracle.h"

uint32_t oracle_pick(struct oracle_random *random, uint32_t below)
{
	uint16_t x;

	if (random->len >= sizeof x) {
		memcpy(&x, random->bytes, sizeof x);
		random->bytes += sizeof x;
		random->len -= sizeof x;
		return x % below;
	}
	return (uint32_t)(random_next(&random->state) >> 33) % below;
}

static bool once_in(struct oracle_random *random, uint32_t times)
{
	return oracle_pick(random, times) == 0;
}

static uint16_t pick_u16(struct oracle_random *random)
{
	static const uint16_t pool[] = {
	        0, 1, 22, 53, 80, 443, 1023, 1024, 4095, 8080, 32767, 32768, 65534, 65535};

	return once_in(random, 4) ? (uint16_t)oracle_pick(random, 65536)
	                          : pool[oracle_pick(random, ARRAY_LEN(pool))];
}

/* Few nets, each with few hosts, so that prefixes nest. */
static void pick_addr(struct oracle_random *random, uint8_t *to, uint32_t len)
{
	static const uint8_t pool[] = {0, 10, 127, 128, 192, 255};

	for (uint32_t i = 0; i < len; i++)
		to[i] = once_in(random, 8) ? (uint8_t)oracle_pick(random, 256)
		                           : pool[oracle_pick(random, i < 2 ? ARRAY_LEN(pool) : 2)];
}

static struct mac_addr pick_mac(struct oracle_random *random)
{
	struct mac_addr mac = {{2, 0, 0, 0, 0, 0}};

	mac.b[0] = once_in(random, 4) ? 0xff : 2;
	mac.b[4] = (uint8_t)oracle_pick(random, 2);
	mac.b[5] = (uint8_t)oracle_pick(random, 8);
	return mac;
}

static struct classify_mac pick_mac_test(struct oracle_random *random)
{
	struct classify_mac test = {.value = pick_mac(random)};

	memset(&test.mask, 0xff, sizeof test.mask);
	test.mask.b[oracle_pick(random, 6)] = once_in(random, 2) ? 0xff : (uint8_t)oracle_pick(random, 256);
	return test;
}

static struct port_id pick_port(struct oracle_random *random)
{
	return once_in(random, 16) ? PORT_NONE : (struct port_id){(uint16_t)oracle_pick(random, 12)};
}

static struct classify_ports pick_ports(struct oracle_random *random)
{
	struct classify_ports ports = {.n = 1 + oracle_pick(random, CLASSIFY_PORTS_MAX)};

	for (uint32_t i = 0; i < ports.n; i++)
		ports.id[i] = pick_port(random);
	return ports;
}

static uint16_t pick_vlan(struct oracle_random *random)
{
	return once_in(random, 2) ? CLASSIFY_UNTAGGED : (uint16_t)(oracle_pick(random, 5) * 1023);
}

static struct classify_prefix pick_prefix(struct oracle_random *random, enum classify_family family)
{
	static const uint8_t lens[] = {0, 1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65, 127, 128};
	struct classify_prefix prefix = {.len = lens[oracle_pick(random, family == CLASSIFY_IPV4 ? 11 : 17)]};

	pick_addr(random, prefix.addr.b, 16);
	if (family == CLASSIFY_IPV4)
		prefix.addr = ip6_addr_mapped(prefix.addr.w32[0]);
	return prefix;
}

static struct classify_range pick_range(struct oracle_random *random)
{
	uint16_t a = pick_u16(random), b = pick_u16(random);

	if (once_in(random, 2))
		return (struct classify_range){a, a};
	return (struct classify_range){MIN(a, b), MAX(a, b)};
}

static uint32_t pick_mark(struct oracle_random *random)
{
	return oracle_pick(random, 8) | (once_in(random, 4) ? UINT32_C(0x80000000) : 0);
}

static struct classify_bits32 pick_mark_test(struct oracle_random *random)
{
	static const uint32_t masks[] = {UINT32_MAX, 1, 6, UINT32_C(0x80000001), 0};

	return (struct classify_bits32){pick_mark(random), masks[oracle_pick(random, ARRAY_LEN(masks))]};
}

#define NETWORK  (CLASSIFY_F_SRC | CLASSIFY_F_DST)
#define PORTS    (CLASSIFY_F_L4_SPORT | CLASSIFY_F_L4_DPORT | CLASSIFY_F_TCP_FLAGS)
#define ICMP     (CLASSIFY_F_ICMP_TYPE | CLASSIFY_F_ICMP_CODE)
#define NEEDS_IP (NETWORK | PORTS | ICMP | CLASSIFY_F_PROTO | CLASSIFY_F_FRAGMENT)

/* Which fields: of those allowed, few or many, and no contradiction. */
static uint32_t pick_fields(struct oracle_random *random, uint32_t allowed)
{
	uint32_t sparse = 2 + oracle_pick(random, 8), fields = 0;

	for (uint32_t bit = 1; bit < CLASSIFY_F_ALL; bit <<= 1)
		fields |= once_in(random, sparse) ? bit : 0;
	fields &= allowed;
	if (fields & PORTS)
		fields &= ~(uint32_t)ICMP;
	if (fields & NETWORK)
		fields |= CLASSIFY_F_FAMILY;
	return fields;
}

struct classify_rule oracle_rule(struct oracle_random *random, uint32_t allowed)
{
	static const uint8_t protos[] = {6, 6, 17, 1, 58, 0, 255};
	struct classify_rule rule = {.fields = pick_fields(random, allowed)};

	rule.verdict = (enum classify_verdict)oracle_pick(random, 3);
	if (once_in(random, 3))
		rule.set_mark = pick_mark_test(random);
	rule.in_port = pick_ports(random);
	rule.out_port = pick_ports(random);
	rule.smac = pick_mac_test(random);
	rule.dmac = pick_mac_test(random);
	rule.vlan = pick_vlan(random);
	rule.inner_vlan = pick_vlan(random);
	rule.ethertype = once_in(random, 3) ? 0x0806 : 0x0800;
	rule.family = once_in(random, 2) ? CLASSIFY_IPV4 : CLASSIFY_IPV6;
	if (!(rule.fields & NEEDS_IP) && once_in(random, 3))
		rule.family = CLASSIFY_NOT_IP;
	rule.src = pick_prefix(random, rule.family);
	rule.dst = pick_prefix(random, rule.family);
	rule.proto = rule.fields & CLASSIFY_F_TCP_FLAGS ? 6 : protos[oracle_pick(random, ARRAY_LEN(protos))];
	rule.l4_sport = pick_range(random);
	rule.l4_dport = pick_range(random);
	rule.icmp_type = (uint8_t)oracle_pick(random, 12);
	rule.icmp_code = (uint8_t)oracle_pick(random, 3);
	rule.tcp_flags = (uint8_t)oracle_pick(random, 256);
	rule.tcp_flags_mask = once_in(random, 2) ? 0x12 : (uint8_t)oracle_pick(random, 256);
	rule.fragment = (enum classify_fragment)oracle_pick(random, 4);
	rule.mark = pick_mark_test(random);
	return rule;
}

/* Every byte random first: what the packet does not have may hold anything. */
struct classify_key oracle_key(struct oracle_random *random)
{
	static const enum classify_family families[] = {
	        CLASSIFY_IPV4, CLASSIFY_IPV4, CLASSIFY_IPV6, CLASSIFY_NOT_IP};
	static const enum classify_fragment fragments[] = {
	        CLASSIFY_WHOLE, CLASSIFY_WHOLE, CLASSIFY_FIRST_FRAGMENT, CLASSIFY_LATER_FRAGMENT};
	struct classify_key key;
	enum classify_family family = families[oracle_pick(random, 4)];
	enum classify_fragment fragment = family == CLASSIFY_NOT_IP ? CLASSIFY_WHOLE
	                                                            : fragments[oracle_pick(random, 4)];
	uint32_t l4 = family == CLASSIFY_NOT_IP || fragment == CLASSIFY_LATER_FRAGMENT
	                      ? 0
	                      : oracle_pick(random, 3);

	for (uint32_t i = 0; i < sizeof key / 4; i++)
		memcpy((uint8_t *)&key + 4 * i, &(uint32_t){oracle_pick(random, UINT32_C(1) << 31)}, 4);
	pick_addr(random, (uint8_t *)&key.saddr, 4);
	pick_addr(random, (uint8_t *)&key.daddr, 4);
	key.saddr = __builtin_bswap32(key.saddr);
	key.daddr = __builtin_bswap32(key.daddr);
	pick_addr(random, key.saddr_tail, 12);
	pick_addr(random, key.daddr_tail, 12);
	key.l4_sport = l4 == CLASSIFY_L4_ICMP ? (uint16_t)oracle_pick(random, 12) : pick_u16(random);
	key.l4_dport = l4 == CLASSIFY_L4_ICMP ? (uint16_t)oracle_pick(random, 3) : pick_u16(random);
	key.in_port = pick_port(random);
	key.out_port = pick_port(random);
	key.vlan = pick_vlan(random);
	key.inner_vlan = pick_vlan(random);
	key.ip_proto = l4 == CLASSIFY_L4_ICMP ? 1 : once_in(random, 3) ? 17 : 6;
	key.tcp_flags = (uint8_t)oracle_pick(random, 256);
	key.shape = classify_shape(family, fragment, (enum classify_l4)l4);
	key.mark = pick_mark(random);
	key.ethertype = once_in(random, 3) ? 0x0806 : 0x0800;
	key.smac = pick_mac(random);
	key.dmac = pick_mac(random);
	return key;
}

static void near_address(struct oracle_random *random, const struct classify_prefix *prefix, bool v4,
        uint32_t *head, uint8_t tail[12])
{
	struct ip6_addr addr = prefix->addr;

	if (prefix->len < (v4 ? 32 : 128) && once_in(random, 2))
		addr.b[15] ^= 1;
	*head = be32_to_host(addr.w32[v4 ? 3 : 0]);
	memcpy(tail, addr.b + 4, 12);
}

static uint16_t near_port(struct oracle_random *random, struct classify_range range)
{
	uint16_t edges[] = {range.first, range.last, (uint16_t)(range.first - 1), (uint16_t)(range.last + 1)};

	return edges[oracle_pick(random, 8) % 5 % 4];
}

struct classify_key oracle_key_near(struct oracle_random *random, const struct classify_rule *rule)
{
	struct classify_key key = oracle_key(random);
	bool ports = (rule->fields & PORTS) != 0, icmp = (rule->fields & ICMP) != 0;
	enum classify_family family = rule->family;

	if (!(rule->fields & CLASSIFY_F_FAMILY))
		return key;
	near_address(random, &rule->src, family == CLASSIFY_IPV4, &key.saddr, key.saddr_tail);
	near_address(random, &rule->dst, family == CLASSIFY_IPV4, &key.daddr, key.daddr_tail);
	key.ip_proto = rule->proto;
	key.shape = classify_shape(family,
	        rule->fields & CLASSIFY_F_FRAGMENT ? rule->fragment & 3 : CLASSIFY_WHOLE,
	        ports  ? CLASSIFY_L4_PORTS
	        : icmp ? CLASSIFY_L4_ICMP
	               : CLASSIFY_L4_NONE);
	if (rule->fields & CLASSIFY_F_FRAGMENT && rule->fragment == CLASSIFY_ANY_FRAGMENT)
		key.shape ^= 3 << 2;
	if (ports) {
		key.l4_sport = near_port(random, rule->l4_sport);
		key.l4_dport = near_port(random, rule->l4_dport);
		key.tcp_flags = rule->tcp_flags;
	}
	if (icmp) {
		key.icmp_type = rule->icmp_type;
		key.icmp_code = rule->icmp_code;
	}
	key.in_port = rule->in_port.id[0];
	key.smac = rule->smac.value;
	key.vlan = rule->vlan;
	return key;
}
