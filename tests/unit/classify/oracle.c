#include "tests/unit/classify/oracle.h"

static bool has(const struct classify_rule *rule, uint32_t field)
{
	return (rule->fields & field) != 0;
}

static bool in_ports(const struct classify_ports *ports, struct port_id port)
{
	for (uint32_t i = 0; i < ports->n; i++) {
		if (port_id_equal(ports->id[i], port))
			return true;
	}
	return false;
}

static bool in_mac(const struct classify_mac *want, const struct mac_addr *mac)
{
	for (uint32_t i = 0; i < 6; i++) {
		if ((want->value.b[i] & want->mask.b[i]) != (mac->b[i] & want->mask.b[i]))
			return false;
	}
	return true;
}

/* Bit by bit, from the address's first. */
static bool in_prefix(const struct classify_prefix *prefix, enum classify_family family, uint32_t head,
        const uint8_t tail[12])
{
	const uint8_t *want = family == CLASSIFY_IPV4 ? prefix->addr.b + 12 : prefix->addr.b;

	for (uint32_t i = 0; i < prefix->len; i++) {
		uint32_t wanted = want[i / 8] >> (7 - i % 8) & 1;
		uint32_t got = i < 32 ? head >> (31 - i) & 1 : tail[(i - 32) / 8] >> (7 - i % 8) & 1u;

		if (wanted != got)
			return false;
	}
	return true;
}

static bool in_range(struct classify_range range, uint16_t x)
{
	return range.first <= x && x <= range.last;
}

static bool link_matches(const struct classify_rule *rule, const struct classify_key *key)
{
	return (!has(rule, CLASSIFY_F_IN_PORT) || in_ports(&rule->in_port, key->in_port)) &&
	       (!has(rule, CLASSIFY_F_OUT_PORT) || in_ports(&rule->out_port, key->out_port)) &&
	       (!has(rule, CLASSIFY_F_SMAC) || in_mac(&rule->smac, &key->smac)) &&
	       (!has(rule, CLASSIFY_F_DMAC) || in_mac(&rule->dmac, &key->dmac)) &&
	       (!has(rule, CLASSIFY_F_VLAN) || rule->vlan == key->vlan) &&
	       (!has(rule, CLASSIFY_F_INNER_VLAN) || rule->inner_vlan == key->inner_vlan) &&
	       (!has(rule, CLASSIFY_F_ETHERTYPE) || rule->ethertype == key->ethertype);
}

static bool network_matches(const struct classify_rule *rule, const struct classify_key *key)
{
	enum classify_family family = (enum classify_family)(key->shape & 3);
	enum classify_fragment fragment = (enum classify_fragment)(key->shape >> 2 & 3);

	if (has(rule, CLASSIFY_F_FAMILY) && rule->family != family)
		return false;
	if (has(rule, CLASSIFY_F_SRC) && !in_prefix(&rule->src, family, key->saddr, key->saddr_tail))
		return false;
	if (has(rule, CLASSIFY_F_DST) && !in_prefix(&rule->dst, family, key->daddr, key->daddr_tail))
		return false;
	if (!has(rule, CLASSIFY_F_FRAGMENT))
		return true;
	if (family == CLASSIFY_NOT_IP)
		return false;
	return rule->fragment == CLASSIFY_ANY_FRAGMENT ? fragment != CLASSIFY_WHOLE
	                                               : rule->fragment == fragment;
}

static bool transport_matches(const struct classify_rule *rule, const struct classify_key *key)
{
	bool ip = (key->shape & 3) != CLASSIFY_NOT_IP;
	bool ports = ip && key->shape >> 4 == CLASSIFY_L4_PORTS;
	bool icmp = ip && key->shape >> 4 == CLASSIFY_L4_ICMP;

	if (has(rule, CLASSIFY_F_PROTO) && !(ip && rule->proto == key->ip_proto))
		return false;
	if (has(rule, CLASSIFY_F_L4_SPORT) && !(ports && in_range(rule->l4_sport, key->l4_sport)))
		return false;
	if (has(rule, CLASSIFY_F_L4_DPORT) && !(ports && in_range(rule->l4_dport, key->l4_dport)))
		return false;
	if (has(rule, CLASSIFY_F_ICMP_TYPE) && !(icmp && rule->icmp_type == key->icmp_type))
		return false;
	if (has(rule, CLASSIFY_F_ICMP_CODE) && !(icmp && rule->icmp_code == key->icmp_code))
		return false;
	return !has(rule, CLASSIFY_F_TCP_FLAGS) ||
	       (ports && key->ip_proto == 6 &&
	               ((key->tcp_flags ^ rule->tcp_flags) & rule->tcp_flags_mask) == 0);
}

bool oracle_matches(const struct classify_rule *rule, const struct classify_key *key, uint32_t mark)
{
	return link_matches(rule, key) && network_matches(rule, key) && transport_matches(rule, key) &&
	       (!has(rule, CLASSIFY_F_MARK) ||
	               (rule->mark.value & rule->mark.mask) == (mark & rule->mark.mask));
}

uint32_t oracle_first(const struct classify_rule *rules, uint32_t n, const struct classify_key *key)
{
	for (uint32_t i = 0; i < n; i++) {
		if (oracle_matches(&rules[i], key, key->mark))
			return i;
	}
	return CLASSIFY_NO_RULE;
}

void oracle_run(const struct classify_rule *rules, uint32_t n, enum classify_verdict policy,
        const struct classify_key *key, struct oracle_result *result)
{
	result->mark = key->mark;
	result->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!oracle_matches(&rules[i], key, result->mark))
			continue;
		result->rules[result->n++] = i;
		result->mark = (result->mark & ~rules[i].set_mark.mask) |
		               (rules[i].set_mark.value & rules[i].set_mark.mask);
		result->verdict = rules[i].verdict;
		result->by_policy = false;
		if (rules[i].verdict != CLASSIFY_CONTINUE)
			return;
	}
	result->verdict = policy;
	result->by_policy = true;
}
