#include "common/config/types.h"

/* Room for n elements at the key's place; NULL where there is none or where n is too many. */
static uint8_t *elements(
        struct loader *l, const struct schema_key *key, const struct node *n, uint8_t *section)
{
	uint8_t *list;

	if (n->n > key->max) {
		node_error(l, node_at(n, (uint32_t)key->max),
		        phrase("%u entries in '%s'", n->n, key->name).text,
		        phrase("%llu at most", (unsigned long long)key->max).text, NULL);
		return NULL;
	}
	list = arena_take(l->arena, (size_t)n->n * key->size);
	*(void **)(section + key->at) = list;
	if (list)
		*(uint32_t *)(section + key->count_at) = n->n;
	return list;
}

static void read_section(struct loader *l, const struct schema_key *key, const struct node *n, void *to)
{
	schema_read(l, key->section, n, to);
}

/* `to` is the key's place, from which the section's start is told. */
static void read_list(struct loader *l, const struct schema_key *key, const struct node *n, void *to)
{
	uint8_t *list;
	char what[80];

	if (node_is_nothing(n))
		return;
	if (n->kind != NODE_LIST) {
		node_error(l, n, phrase("%s for '%s'", node_describe(n, what, sizeof what), key->name).text,
		        "a list: [a, b], or lines that start with '- '",
		        n->kind == NODE_SCALAR ? "Put it in brackets, also where it is alone."
		                               : "Start each entry with '- '.");
		return;
	}
	list = elements(l, key, n, (uint8_t *)to - key->at);
	for (const struct node *c = n->first; list && c; c = c->next, list += key->size) {
		if (key->section)
			schema_read(l, key->section, c, list);
		else
			schema_read_value(l, key, key->element, c, list);
	}
}

/* One value, or a list of them. */
static void read_names(struct loader *l, const struct schema_key *key, const struct node *n, void *to)
{
	const struct node one = {.kind = NODE_LIST, .line = n->line, .column = n->column, .n = 1};
	uint8_t *list;

	if (n->kind == NODE_LIST) {
		read_list(l, key, n, to);
		return;
	}
	list = elements(l, key, &one, (uint8_t *)to - key->at);
	if (list)
		schema_read_value(l, key, key->element, n, list);
}

/* The name of a mapping's entry goes behind the item, which every such structure starts with. */
static void read_map(struct loader *l, const struct schema_key *key, const struct node *n, void *to)
{
	uint8_t *list;
	char what[80];

	if (node_is_nothing(n))
		return;
	if (n->kind != NODE_MAPPING) {
		node_error(l, n, phrase("%s for '%s'", node_describe(n, what, sizeof what), key->name).text,
		        phrase("a mapping: a name, a colon, and the settings of %s", key->section->name).text,
		        n->kind == NODE_LIST ? "Names in place of '- ': `wan: { ... }`." : NULL);
		return;
	}
	list = elements(l, key, n, (uint8_t *)to - key->at);
	for (const struct node *c = n->first; list && c; c = c->next, list += key->size) {
		schema_read_value(l, key, &type_name, c->key, list + sizeof(struct config_item));
		schema_read(l, key->section, c, list);
	}
}

const struct value_type type_section = {"a mapping", NULL, read_section};
const struct value_type type_list = {"a list", NULL, read_list};
const struct value_type type_names = {"a name, or a list of names", NULL, read_names};
const struct value_type type_map = {"a mapping by name", NULL, read_map};
