#include "common/config/types.h"

static void bad(struct loader *l, const struct schema_key *key, const struct node *n, const char *hint)
{
	char what[80];

	node_error(l, n, phrase("%s for '%s'", node_describe(n, what, sizeof what), key->name).text,
	        key->type->name, hint);
}

/* true or false for both families, or a mapping with one for each. */
static void read_forwarding(struct loader *l, const struct schema_key *key, const struct node *n, void *to)
{
	struct config_forwarding *f = to;
	bool both;

	if (n->kind == NODE_MAPPING)
		schema_read(l, key->section, n, f);
	else if (n->kind == NODE_SCALAR && value_bool(n->text, &both))
		f->ipv4 = f->ipv6 = both;
	else
		bad(l, key, n, NULL);
}

static bool parse_forwarding(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_forwarding *f = to;

	(void)l, (void)key;
	if (!value_bool(text, &f->ipv4))
		return false;
	f->ipv6 = f->ipv4;
	return true;
}

static bool parse_pace(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_port *p = to;
	uint64_t rate;
	size_t n = strcspn(text, " ");

	(void)l, (void)key;
	if (strcmp(text, "capture") == 0 || strcmp(text, "max") == 0) {
		p->pace = text[0] == 'm' ? CONFIG_PACE_MAX : CONFIG_PACE_CAPTURE;
		return true;
	}
	if (strcmp(text + n, " pps") != 0 || !value_part(text, n, UINT32_MAX, &rate) || rate == 0)
		return false;
	p->pace = CONFIG_PACE_RATE;
	p->pace_rate = (uint32_t)rate;
	return true;
}

static bool parse_mss(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	uint64_t mss = strcmp(text, "pmtu") == 0 ? 1 : 0;

	(void)l, (void)key;
	if (!mss && strcmp(text, "off") != 0 && (!value_u64(text, &mss) || mss < 88 || mss > 65495))
		return false;
	*(uint16_t *)to = (uint16_t)mss;
	return true;
}

/* One VLAN id, or [outer, inner]. */
static void read_vlan_id(struct loader *l, const struct schema_key *key, const struct node *n, void *to)
{
	struct config_port *p = to;
	const struct node *tag = n->kind == NODE_LIST ? n->first : n;
	uint64_t vid;

	if (n->kind == NODE_MAPPING || (n->kind == NODE_LIST && (n->n == 0 || n->n > 2))) {
		bad(l, key, n, "Two tags (QinQ) are written [outer, inner].");
		return;
	}
	p->n_tags = n->kind == NODE_LIST ? (uint8_t)n->n : 1;
	for (uint32_t i = 0; i < p->n_tags; i++, tag = tag->next) {
		if (tag->kind == NODE_SCALAR && value_u64(tag->text, &vid) && vid >= 1 && vid <= 4094)
			p->vid[i] = (uint16_t)vid;
		else
			bad(l, key, tag, "0 is a priority tag and 4095 is reserved (IEEE 802.1Q 9.6).");
	}
}

static bool vlan_protocol(const char *text, uint16_t *tpid)
{
	static const struct {
		const char *name;
		uint16_t tpid;
	} protocols[] = {{"802.1q", 0x8100}, {"802.1ad", 0x88a8}, {"0x8100", 0x8100}, {"0x88a8", 0x88a8},
	        {"0x9100", 0x9100}};

	for (uint32_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (strcasecmp(text, protocols[i].name) == 0) {
			*tpid = protocols[i].tpid;
			return true;
		}
	}
	return false;
}

static void read_vlan_protocol(struct loader *l, const struct schema_key *key, const struct node *n, void *to)
{
	struct config_port *p = to;
	const struct node *tag = n->kind == NODE_LIST ? n->first : n;

	if (n->kind == NODE_MAPPING || (n->kind == NODE_LIST && (n->n == 0 || n->n > 2))) {
		bad(l, key, n, "Two tags (QinQ) have [outer, inner].");
		return;
	}
	for (uint32_t i = 0; tag && i < 2; i++, tag = n->kind == NODE_LIST ? tag->next : NULL)
		if (tag->kind != NODE_SCALAR || !vlan_protocol(tag->text, &p->tpid[i]))
			bad(l, key, tag, "The inner tag's is 802.1q where it is not said.");
}

static bool parse_route_to(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_route *r = to;

	if (strcmp(text, "default") == 0) {
		r->is_default = true;
		return true;
	}
	return type_prefix.parse(l, key, text, &r->to);
}

const struct value_type type_forwarding = {
        "true or false, or { ipv4: ..., ipv6: ... }", parse_forwarding, read_forwarding};
const struct value_type type_pace = {"capture, max, or a rate (10000 pps)", parse_pace, NULL};
const struct value_type type_mss = {"off, pmtu, or a number from 88 to 65495", parse_mss, NULL};
const struct value_type type_vlan_id = {"a number from 1 to 4094, or [outer, inner]", NULL, read_vlan_id};
const struct value_type type_vlan_protocol = {
        "802.1q, 802.1ad or 0x9100, or [outer, inner]", NULL, read_vlan_protocol};
const struct value_type type_route_to = {
        "a prefix (192.0.2.0/24, 2001:db8::/32) or default", parse_route_to, NULL};
