#include "common/config/check.h"

#define PROTO_ICMP    1u
#define PROTO_TCP     6u
#define PROTO_UDP     17u
#define PROTO_DCCP    33u
#define PROTO_ICMP6   58u
#define PROTO_SCTP    132u
#define PROTO_UDPLITE 136u

static bool has(const struct config_rule *r, uint32_t fields)
{
	return r->match.fields & fields;
}

static bool protocol_is(const struct config_rule *r, uint8_t protocol)
{
	return has(r, CLASSIFY_F_PROTO) && r->match.proto == protocol;
}

/* One thing in a rule that says which family it is about. */
static void claim_family(struct loader *l, struct config_rule *r, const char *key, uint8_t family)
{
	enum classify_family f = family == 4 ? CLASSIFY_IPV4 : CLASSIFY_IPV6;

	if (has(r, CLASSIFY_F_FAMILY) && r->match.family != f)
		item_error(l, &r->item, key,
		        phrase("'%s' of IPv%u in a rule about IPv%u", key, family, family == 4 ? 6 : 4).text,
		        NULL, "A packet is of one family: write a rule for each.");
	r->match.fields |= CLASSIFY_F_FAMILY;
	r->match.family = f;
}

static void check_family(struct loader *l, struct config_rule *r)
{
	uint16_t type = r->match.ethertype;

	if (r->from.family) {
		claim_family(l, r, "from", r->from.family);
		r->match.fields |= CLASSIFY_F_SRC;
		r->match.src = (struct classify_prefix){r->from.addr, r->from.len};
	}
	if (r->to.family) {
		claim_family(l, r, "to", r->to.family);
		r->match.fields |= CLASSIFY_F_DST;
		r->match.dst = (struct classify_prefix){r->to.addr, r->to.len};
	}
	if (protocol_is(r, PROTO_ICMP))
		claim_family(l, r, "protocol", 4);
	if (protocol_is(r, PROTO_ICMP6))
		claim_family(l, r, "protocol", 6);
	if (has(r, CLASSIFY_F_ETHERTYPE) && (type == 0x0800 || type == 0x86dd))
		claim_family(l, r, "ethertype", type == 0x0800 ? 4 : 6);
	else if (has(r, CLASSIFY_F_ETHERTYPE) &&
	         has(r, CLASSIFY_F_FAMILY | CLASSIFY_F_PROTO | CLASSIFY_F_FRAGMENT))
		item_error(l, &r->item, "ethertype",
		        phrase("the ethertype 0x%04x in a rule about IP", type).text, NULL,
		        "Such frames hold no IP packet: the rule would match nothing.");
}

static void check_ports_of_protocol(struct loader *l, const struct config_rule *r)
{
	static const uint8_t with_ports[] = {PROTO_TCP, PROTO_UDP, PROTO_DCCP, PROTO_SCTP, PROTO_UDPLITE};
	const char *key = has(r, CLASSIFY_F_L4_DPORT) ? "to_port" : "from_port";
	bool ok = false;

	if (!has(r, CLASSIFY_F_L4_SPORT | CLASSIFY_F_L4_DPORT))
		return;
	for (uint32_t i = 0; i < ARRAY_LEN(with_ports); i++)
		ok |= protocol_is(r, with_ports[i]);
	if (!ok && !node_get(r->item.node, "protocol"))
		item_error(l, &r->item, key, phrase("'%s' without a protocol", key).text,
		        "`protocol: tcp` or `protocol: udp`", NULL);
	else if (!ok && has(r, CLASSIFY_F_PROTO))
		item_error(l, &r->item, key, phrase("'%s' with protocol %u", key, r->match.proto).text,
		        "`protocol: tcp` or `protocol: udp`", "This protocol has no ports.");
}

static void check_transport(struct loader *l, const struct config_rule *r)
{
	const char *icmp_key = has(r, CLASSIFY_F_ICMP_TYPE) ? "icmp_type" : "icmp_code";
	bool later = has(r, CLASSIFY_F_FRAGMENT) && r->match.fragment == CLASSIFY_LATER_FRAGMENT;

	check_ports_of_protocol(l, r);
	if (has(r, CLASSIFY_F_ICMP_TYPE | CLASSIFY_F_ICMP_CODE) && !protocol_is(r, PROTO_ICMP) &&
	        !protocol_is(r, PROTO_ICMP6))
		item_error(l, &r->item, icmp_key,
		        phrase("'%s' without the protocol icmp or icmpv6", icmp_key).text,
		        "`protocol: icmp` or `protocol: icmpv6`", "Types have other numbers in each.");
	if (has(r, CLASSIFY_F_TCP_FLAGS) && !protocol_is(r, PROTO_TCP))
		item_error(l, &r->item, "tcp_flags", "'tcp_flags' without the protocol tcp",
		        "`protocol: tcp`", NULL);
	if (later && has(r, CLASSIFY_F_L4_SPORT | CLASSIFY_F_L4_DPORT | CLASSIFY_F_ICMP_TYPE |
	                             CLASSIFY_F_ICMP_CODE | CLASSIFY_F_TCP_FLAGS))
		item_error(l, &r->item, "fragment", "later fragments in a rule about ports, types or flags",
		        NULL, "Only the first fragment has that header: the rule would match nothing.");
}

static void check_marks_and_tags(struct loader *l, const struct config_rule *r)
{
	const struct classify_bits32 *mark = &r->match.mark, *set = &r->match.set_mark;

	if (has(r, CLASSIFY_F_MARK) && mark->value & ~mark->mask)
		item_error(l, &r->item, "mark",
		        phrase("the mark 0x%x with the mask 0x%x", mark->value, mark->mask).text,
		        "a value within its mask",
		        "Bits outside of the mask are never compared: the rule would match nothing.");
	if (set->value & ~set->mask)
		item_error(l, &r->item, "set_mark",
		        phrase("the mark 0x%x with the mask 0x%x", set->value, set->mask).text,
		        "a value within its mask", "Bits outside of the mask stay as they are.");
	if (has(r, CLASSIFY_F_VLAN) && has(r, CLASSIFY_F_INNER_VLAN) && r->match.vlan == CLASSIFY_UNTAGGED &&
	        r->match.inner_vlan != CLASSIFY_UNTAGGED)
		item_error(l, &r->item, "inner_vlan", "an inner tag in a rule about untagged frames", NULL,
		        "A frame with one tag has it in `vlan`.");
}

static void check_rule(struct loader *l, struct config_rule *r, bool egress)
{
	for (uint32_t i = 0; i < r->n_in; i++)
		(void)port_named(l, &r->item, "in", i, &r->in[i]);
	for (uint32_t i = 0; i < r->n_out; i++)
		(void)port_named(l, &r->item, "out", i, &r->out[i]);
	if (r->n_out && !egress)
		item_error(l, &r->item, "out", "'out' in a rule of ingress", NULL,
		        "Before routing nobody knows the way out: move the rule to `egress`.");
	r->match.verdict = (enum classify_verdict)r->action;
	check_family(l, r);
	check_transport(l, r);
	check_marks_and_tags(l, r);
}

static int compare_rule_names(const void *a, const void *b)
{
	const struct config_rule *x = *(const struct config_rule *const *)a,
	                         *y = *(const struct config_rule *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : x < y ? -1 : x > y;
}

static void check_rule_names(struct loader *l, const struct config_ruleset *s)
{
	const struct config_rule **named = arena_take(l->arena, (s->n_rules + 1) * sizeof *named);
	uint32_t n = 0;

	for (uint32_t i = 0; named && i < s->n_rules; i++)
		if (s->rules[i].name)
			named[n++] = &s->rules[i];
	if (n)
		sort(named, n, sizeof *named, compare_rule_names);
	for (uint32_t i = 1; i < n; i++)
		if (strcmp(named[i]->name, named[i - 1]->name) == 0)
			item_error(l, &named[i]->item, "name",
			        phrase("the rule '%s' for the second time", named[i]->name).text, NULL,
			        "Counters are found by name: choose another, or leave it out.");
}

void check_rules(struct loader *l)
{
	struct config_ruleset *sets[] = {&l->config->rules.ingress, &l->config->rules.egress};

	for (uint32_t s = 0; s < 2; s++) {
		for (uint32_t i = 0; i < sets[s]->n_rules; i++)
			check_rule(l, &sets[s]->rules[i], s == 1);
		check_rule_names(l, sets[s]);
	}
}
