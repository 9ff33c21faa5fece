#include "common/config/types.h"

/* A word that stands for a number, as the tools of others name it. */
struct word {
	const char *name;
	uint16_t v;
};

static const struct word protocols[] = {
        {"icmp", 1},
        {"igmp", 2},
        {"ipip", 4},
        {"tcp", 6},
        {"udp", 17},
        {"gre", 47},
        {"esp", 50},
        {"ah", 51},
        {"icmpv6", 58},
        {"ospf", 89},
        {"vrrp", 112},
        {"sctp", 132},
        {"udplite", 136},
};

static const struct word ethertypes[] = {
        {"ipv4", 0x0800}, {"arp", 0x0806}, {"ipv6", 0x86dd}, {"lldp", 0x88cc}};

static const struct word icmp_types[] = {
        {"echo-reply", 0},
        {"destination-unreachable", 3},
        {"redirect", 5},
        {"echo-request", 8},
        {"time-exceeded", 11},
        {"parameter-problem", 12},
        {"timestamp-request", 13},
        {"timestamp-reply", 14},
};

static const struct word icmp6_types[] = {
        {"destination-unreachable", 1},
        {"packet-too-big", 2},
        {"time-exceeded", 3},
        {"parameter-problem", 4},
        {"echo-request", 128},
        {"echo-reply", 129},
        {"mld-listener-query", 130},
        {"router-solicitation", 133},
        {"router-advertisement", 134},
        {"neighbor-solicitation", 135},
        {"neighbor-advertisement", 136},
};

static const struct word tcp_flags[] = {
        {"fin", 1},
        {"syn", 2},
        {"rst", 4},
        {"psh", 8},
        {"ack", 16},
        {"urg", 32},
        {"ece", 64},
        {"cwr", 128},
};

static const struct word fragments[] = {
        {"no", CLASSIFY_WHOLE},
        {"any", CLASSIFY_ANY_FRAGMENT},
        {"first", CLASSIFY_FIRST_FRAGMENT},
        {"later", CLASSIFY_LATER_FRAGMENT},
};

/* The word's number, or the number itself up to max. */
static bool word_or_number(
        const char *text, size_t n, const struct word *words, uint32_t n_words, uint64_t max, uint64_t *to)
{
	for (uint32_t i = 0; i < n_words; i++) {
		if (strlen(words[i].name) == n && strncasecmp(text, words[i].name, n) == 0) {
			*to = words[i].v;
			return true;
		}
	}
	return value_part(text, n, max, to);
}

static bool parse_mac_mask(const char *text, struct classify_mac *to)
{
	const char *slash = strchr(text, '/');
	struct classify_mac m = {.mask = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}};
	char value[18] = {0};

	if (slash && (slash - text != 17 || !value_mac(slash + 1, &m.mask)))
		return false;
	strncpy(value, text, 17);
	if ((!slash && strlen(text) != 17) || !value_mac(value, &m.value))
		return false;
	*to = m;
	return true;
}

static bool parse_smac(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;

	(void)l, (void)key;
	r->match.fields |= CLASSIFY_F_SMAC;
	return parse_mac_mask(text, &r->match.smac);
}

static bool parse_dmac(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;

	(void)l, (void)key;
	r->match.fields |= CLASSIFY_F_DMAC;
	return parse_mac_mask(text, &r->match.dmac);
}

static bool parse_vid(const char *text, uint16_t *to)
{
	uint64_t vid = CLASSIFY_UNTAGGED;

	if (strcmp(text, "none") != 0 && (!value_u64(text, &vid) || vid > 4095))
		return false;
	*to = (uint16_t)vid;
	return true;
}

static bool parse_vlan(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;

	(void)l, (void)key;
	r->match.fields |= CLASSIFY_F_VLAN;
	return parse_vid(text, &r->match.vlan);
}

static bool parse_inner_vlan(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;

	(void)l, (void)key;
	r->match.fields |= CLASSIFY_F_INNER_VLAN;
	return parse_vid(text, &r->match.inner_vlan);
}

static bool parse_ethertype(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;
	uint64_t v;

	(void)l, (void)key;
	if (!word_or_number(text, strlen(text), ethertypes, ARRAY_LEN(ethertypes), UINT16_MAX, &v) ||
	        v < 0x600)
		return false;
	r->match.fields |= CLASSIFY_F_ETHERTYPE;
	r->match.ethertype = (uint16_t)v;
	return true;
}

static bool parse_family(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;

	(void)l, (void)key;
	if (strcmp(text, "ipv4") != 0 && strcmp(text, "ipv6") != 0)
		return false;
	r->match.fields |= CLASSIFY_F_FAMILY;
	r->match.family = text[3] == '4' ? CLASSIFY_IPV4 : CLASSIFY_IPV6;
	return true;
}

static bool parse_protocol(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;
	uint64_t v;

	(void)key;
	if (strcasecmp(text, "icmp6") == 0)
		l->hint = "Did you mean 'icmpv6'?";
	if (!word_or_number(text, strlen(text), protocols, ARRAY_LEN(protocols), UINT8_MAX, &v))
		return false;
	r->match.fields |= CLASSIFY_F_PROTO;
	r->match.proto = (uint8_t)v;
	return true;
}

static bool parse_range(struct loader *l, const char *text, struct classify_range *to)
{
	const char *dash = strchr(text, '-');
	uint64_t first, last;

	if (!value_part(text, dash ? (size_t)(dash - text) : strlen(text), UINT16_MAX, &first))
		return false;
	last = first;
	if (dash && !value_part(dash + 1, strlen(dash + 1), UINT16_MAX, &last))
		return false;
	if (last < first) {
		l->hint_text = phrase("The range is reversed: write %u-%u.", (uint32_t)last, (uint32_t)first);
		l->hint = l->hint_text.text;
		return false;
	}
	*to = (struct classify_range){(uint16_t)first, (uint16_t)last};
	return true;
}

static bool parse_from_port(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;

	(void)key;
	r->match.fields |= CLASSIFY_F_L4_SPORT;
	return parse_range(l, text, &r->match.l4_sport);
}

static bool parse_to_port(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;

	(void)key;
	r->match.fields |= CLASSIFY_F_L4_DPORT;
	return parse_range(l, text, &r->match.l4_dport);
}

/* Names differ between ICMP and ICMPv6: those of ICMPv6 are taken where the protocol says so, which must come
 * first. */
static bool parse_icmp_type(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;
	const struct node *protocol = node_get(r->item.node, "protocol"),
	                  *family = node_get(r->item.node, "family");
	bool six = (protocol && protocol->kind == NODE_SCALAR &&
	                   (strcasecmp(protocol->text, "icmpv6") == 0 ||
	                           strcmp(protocol->text, "58") == 0)) ||
	           (!protocol && family && family->kind == NODE_SCALAR && strcmp(family->text, "ipv6") == 0);
	const struct word *words = six ? icmp6_types : icmp_types;
	uint64_t v;

	(void)key;
	if (!word_or_number(text, strlen(text), words, six ? ARRAY_LEN(icmp6_types) : ARRAY_LEN(icmp_types),
	            UINT8_MAX, &v)) {
		if (word_or_number(text, strlen(text), icmp6_types, ARRAY_LEN(icmp6_types), 0, &v))
			l->hint = "This is a type of ICMPv6: add `protocol: icmpv6`.";
		return false;
	}
	r->match.fields |= CLASSIFY_F_ICMP_TYPE;
	r->match.icmp_type = (uint8_t)v;
	return true;
}

static bool parse_icmp_code(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;
	uint64_t v;

	(void)l, (void)key;
	if (!value_u64(text, &v) || v > UINT8_MAX)
		return false;
	r->match.fields |= CLASSIFY_F_ICMP_CODE;
	r->match.icmp_code = (uint8_t)v;
	return true;
}

/* A list of flags joined by commas, or none. */
static bool parse_flag_list(const char *text, size_t n, uint8_t *to)
{
	uint64_t v;

	*to = 0;
	if (n == 4 && strncasecmp(text, "none", 4) == 0)
		return true;
	while (n) {
		size_t len = strcspn(text, ",/");

		len = MIN(len, n);
		if (!word_or_number(text, len, tcp_flags, ARRAY_LEN(tcp_flags), 0, &v))
			return false;
		*to |= (uint8_t)v;
		n -= len;
		text += len;
		if (n && --n == 0)
			return false;
		text++;
	}
	return *to != 0;
}

/* SET/MASK as iptables and nft show it: of the flags in MASK exactly those in SET are set. */
static bool parse_tcp_flags(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;
	const char *slash = strchr(text, '/');

	(void)key;
	if (!parse_flag_list(text, slash ? (size_t)(slash - text) : strlen(text), &r->match.tcp_flags))
		return false;
	r->match.tcp_flags_mask = r->match.tcp_flags;
	if (slash && !parse_flag_list(slash + 1, strlen(slash + 1), &r->match.tcp_flags_mask))
		return false;
	if (r->match.tcp_flags & ~r->match.tcp_flags_mask || !r->match.tcp_flags_mask) {
		l->hint = "Flags before the slash must be among those behind it: \"syn/syn,ack\".";
		return false;
	}
	r->match.fields |= CLASSIFY_F_TCP_FLAGS;
	return true;
}

static bool parse_fragment(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;
	uint64_t v;

	(void)l, (void)key;
	if (!word_or_number(text, strlen(text), fragments, ARRAY_LEN(fragments), 0, &v) || text[0] == '0')
		return false;
	r->match.fields |= CLASSIFY_F_FRAGMENT;
	r->match.fragment = (enum classify_fragment)v;
	return true;
}

static bool parse_mark(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;

	(void)l, (void)key;
	r->match.fields |= CLASSIFY_F_MARK;
	return value_bits32(text, &r->match.mark);
}

static bool parse_set_mark(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_rule *r = to;

	(void)l, (void)key;
	return value_bits32(text, &r->match.set_mark) && r->match.set_mark.mask;
}

const struct value_type type_rule_smac = {"a MAC address, or ADDRESS/MASK", parse_smac, NULL};
const struct value_type type_rule_dmac = {"a MAC address, or ADDRESS/MASK", parse_dmac, NULL};
const struct value_type type_rule_vlan = {"a VLAN id from 0 to 4095, or none", parse_vlan, NULL};
const struct value_type type_rule_inner_vlan = {"a VLAN id from 0 to 4095, or none", parse_inner_vlan, NULL};
const struct value_type type_rule_ethertype = {
        "ipv4, ipv6, arp, lldp, or a number from 0x600", parse_ethertype, NULL};
const struct value_type type_rule_family = {"ipv4 or ipv6", parse_family, NULL};
const struct value_type type_rule_protocol = {
        "tcp, udp, icmp, icmpv6, another protocol's name, or a number up to 255", parse_protocol, NULL};
const struct value_type type_rule_from_port = {"a port up to 65535, or FIRST-LAST", parse_from_port, NULL};
const struct value_type type_rule_to_port = {"a port up to 65535, or FIRST-LAST", parse_to_port, NULL};
const struct value_type type_rule_icmp_type = {
        "a type's name (echo-request) or number up to 255", parse_icmp_type, NULL};
const struct value_type type_rule_icmp_code = {"a number up to 255", parse_icmp_code, NULL};
const struct value_type type_rule_tcp_flags = {
        "flags (syn, ack, fin, rst, psh, urg, ece, cwr), or SET/MASK (\"syn/syn,ack\")", parse_tcp_flags,
        NULL};
const struct value_type type_rule_fragment = {"no, any, first or later", parse_fragment, NULL};
const struct value_type type_rule_mark = {"VALUE or VALUE/MASK", parse_mark, NULL};
const struct value_type type_rule_set_mark = {
        "VALUE or VALUE/MASK with a mask that is not 0", parse_set_mark, NULL};
