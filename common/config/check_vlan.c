#include "common/config/check.h"

/* The parent, whose settings are inherited; NULL, reported, where it will not do. */
static const struct config_port *check_parent(struct loader *l, const struct config_port *v)
{
	const struct config_port *parent = port_named(l, &v->item, "parent", 0, &v->parent);

	if (parent && parent->kind != EPOCH_PORT_PHYSICAL) {
		item_error(l, &v->item, "parent",
		        phrase("the sub-port '%s' as a parent", v->parent.text).text, "a physical port",
		        "Two tags belong to one sub-port: `parent` is the physical port, `id: [outer, "
		        "inner]`.");
		return NULL;
	}
	return parent;
}

static void check_protocols(struct loader *l, struct config_port *v)
{
	bool two = v->n_tags == 2;

	if (!two && v->tpid[1])
		item_error(l, &v->item, "protocol", "two protocols for one tag", "one",
		        "Two tags have `id: [outer, inner]`.");
	if (!v->tpid[0])
		v->tpid[0] = two ? 0x88a8 : 0x8100;
	if (two && !v->tpid[1])
		v->tpid[1] = 0x8100;
}

static void check_vlan_mtu(struct loader *l, struct config_port *v, const struct config_port *parent)
{
	if (!v->mtu)
		v->mtu = parent->mtu;
	if (v->mtu > parent->mtu)
		item_error(l, &v->item, "mtu", phrase("an MTU of %u", v->mtu).text,
		        phrase("%u at most, the MTU of '%s'", parent->mtu, parent->name.text).text,
		        "Lower it, or raise the parent's.");
	if (v->ipv6 && v->mtu < 1280)
		item_error(l, &v->item, "mtu", phrase("an MTU of %u for a port with IPv6", v->mtu).text,
		        "1280 at the least (RFC 8200 5)", "Raise it, or write `ipv6: false`.");
}

static int compare_tags(const void *a, const void *b)
{
	const struct config_port *x = *(const struct config_port *const *)a,
	                         *y = *(const struct config_port *const *)b;
	int c = strcmp(x->parent.text, y->parent.text);

	if (c)
		return c;
	if (x->vid[0] != y->vid[0])
		return x->vid[0] - y->vid[0];
	if (x->vid[1] != y->vid[1])
		return x->vid[1] - y->vid[1];
	return x->item.node->line < y->item.node->line ? -1 : x->item.node->line > y->item.node->line;
}

/* Tables of the epoch find a sub-port by its parent and ids alone. */
static void check_same_tags(struct loader *l)
{
	struct config *c = l->config;
	const struct config_port **v = arena_take(l->arena, (c->n_vlans + 1) * sizeof *v);

	if (!v)
		return;
	for (uint32_t i = 0; i < c->n_vlans; i++)
		v[i] = &c->vlans[i];
	sort(v, c->n_vlans, sizeof *v, compare_tags);
	for (uint32_t i = 1; i < c->n_vlans; i++) {
		const struct config_port *a = v[i - 1], *b = v[i];

		if (!b->vid[0] || !b->parent.text[0] || strcmp(a->parent.text, b->parent.text) != 0 ||
		        a->vid[0] != b->vid[0] || a->vid[1] != b->vid[1])
			continue;
		item_error(l, &b->item, "id", phrase("the tags of '%s' once more", a->name.text).text, NULL,
		        phrase("A sub-port of '%s' has its own id, whatever its protocol.", b->parent.text)
		                .text);
	}
}

void check_vlans(struct loader *l)
{
	struct config *c = l->config;

	for (uint32_t i = 0; i < c->n_vlans; i++) {
		struct config_port *v = &c->vlans[i];
		const struct config_port *parent = check_parent(l, v);

		if (strcmp(v->name.text, "lo") == 0)
			node_error(l, v->item.node->key, "the name 'lo'", NULL,
			        "It is the loopback port's, which is always there: choose another.");
		check_protocols(l, v);
		if (parent)
			check_vlan_mtu(l, v, parent);
	}
	check_same_tags(l);
}
