#include "common/config/sections.h"

static const char *const actions[] = {"pass", "drop", "count", NULL};
static const char *const policies[] = {"pass", "drop", NULL};

static_assert(
        CLASSIFY_PASS == 0 && CLASSIFY_DROP == 1 && CLASSIFY_CONTINUE == 2, "the words stand in this order");

#define RULE(field) .at = offsetof(struct config_rule, field)

static const struct schema_key rule_keys[] = {
        {"name", &type_text, RULE(name), .max = 63, .doc = "A name for its counter."},
        {"in", &type_names, RULE(in), .count_at = offsetof(struct config_rule, n_in),
                .size = sizeof(struct config_name), .max = CLASSIFY_PORTS_MAX, .element = &type_name,
                .doc = "The ports it came in by."},
        {"out", &type_names, RULE(out), .count_at = offsetof(struct config_rule, n_out),
                .size = sizeof(struct config_name), .max = CLASSIFY_PORTS_MAX, .element = &type_name,
                .doc = "At egress: the ports it leaves by."},
        {"src_mac", &type_rule_smac, .at = 0, .doc = "Source MAC address."},
        {"dst_mac", &type_rule_dmac, .at = 0, .doc = "Destination MAC address."},
        {"vlan", &type_rule_vlan, .at = 0, .doc = "Id of the outer tag; none: untagged."},
        {"inner_vlan", &type_rule_inner_vlan, .at = 0, .doc = "Id of the inner tag."},
        {"ethertype", &type_rule_ethertype, .at = 0, .doc = "Of the payload, behind all tags."},
        {"family", &type_rule_family, .at = 0, .doc = "Where no prefix or protocol tells it."},
        {"from", &type_prefix, RULE(from), .doc = "Source network or address."},
        {"to", &type_prefix, RULE(to), .doc = "Destination network or address."},
        {"protocol", &type_rule_protocol, .at = 0, .doc = "Behind all extension headers."},
        {"from_port", &type_rule_from_port, .at = 0, .doc = "Source port of TCP, UDP, SCTP or UDP-Lite."},
        {"to_port", &type_rule_to_port, .at = 0, .doc = "Destination port of TCP, UDP, SCTP or UDP-Lite."},
        {"icmp_type", &type_rule_icmp_type, .at = 0, .doc = "Type of ICMP or ICMPv6, as `protocol` says."},
        {"icmp_code", &type_rule_icmp_code, .at = 0, .doc = "Code of ICMP or ICMPv6."},
        {"tcp_flags", &type_rule_tcp_flags, .at = 0,
                .doc = "Of the flags behind the slash those before it are set."},
        {"fragment", &type_rule_fragment, .at = 0,
                .doc = "Whole packets, any fragment, the first, or later ones."},
        {"mark", &type_rule_mark, .at = 0, .doc = "The packet's mark under a mask."},
        {"action", &type_choice, RULE(action), .words = actions, .required = true,
                .doc = "pass and drop decide; count goes on with the next rule."},
        {"set_mark", &type_rule_set_mark, .at = 0,
                .doc = "Bits of the mark that change, before the next rule looks."},
};

static const struct schema_section rule_section = {
        "a rule", rule_keys, ARRAY_LEN(rule_keys), sizeof(struct config_rule)};

void config_rule_words(const struct config_rule *r,
        void (*visit)(void *context, const char *key, const char *word), void *context)
{
	for (uint32_t k = 0; k < ARRAY_LEN(rule_keys); k++) {
		const struct node *n = node_get(r->item.node, rule_keys[k].name);

		if (n && n->kind == NODE_SCALAR)
			visit(context, rule_keys[k].name, n->text);
		for (const struct node *e = n ? n->first : NULL; e; e = e->next)
			visit(context, rule_keys[k].name, e->text);
	}
}

#define SET(field) .at = offsetof(struct config_ruleset, field)

static const struct schema_key ruleset_keys[] = {
        {"policy", &type_choice, SET(policy), .words = policies, .by_default = "pass",
                .doc = "What becomes of packets that no rule decides about."},
        {"rules", &type_list, SET(rules), .count_at = offsetof(struct config_ruleset, n_rules),
                .size = sizeof(struct config_rule), .max = CLASSIFY_RULES_MAX, .section = &rule_section,
                .doc = "In the order in which they are looked at; the first that decides ends it."},
};

static const struct schema_section ruleset_section = {
        "a set of rules", ruleset_keys, ARRAY_LEN(ruleset_keys), sizeof(struct config_ruleset)};

static const struct schema_key rules_keys[] = {
        {"ingress", &type_section, .at = offsetof(struct config_rulesets, ingress),
                .section = &ruleset_section, .doc = "Before routing."},
        {"egress", &type_section, .at = offsetof(struct config_rulesets, egress), .section = &ruleset_section,
                .doc = "Behind routing, what we make ourselves included."},
};

const struct schema_section section_rules = {
        "rules", rules_keys, ARRAY_LEN(rules_keys), sizeof(struct config_rulesets)};
