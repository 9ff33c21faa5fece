#include "common/config/schema.h"

#include "common/config/types.h"

void node_error(
        struct loader *l, const struct node *n, const char *found, const char *expected, const char *hint)
{
	source_error(l->source, n ? n->line : 0, n ? n->column : 0, found, expected, hint);
}

void item_error(struct loader *l, const struct config_item *item, const char *key, const char *found,
        const char *expected, const char *hint)
{
	const struct node *n = node_get(item->node, key);

	node_error(l, n ? n : item->node, found, expected, hint);
}

void config_error_at(const struct config_text *text, const struct config_item *item, const char *key,
        const char *found, const char *hint, struct config_errors *errors)
{
	struct source source = {text->name, text->text, text->len, errors};
	const struct node *n = node_get(item->node, key);

	n = n ? n : item->node;
	source_error(&source, n->line, n->column, found, NULL, hint);
}

void element_error(struct loader *l, const struct config_item *item, const char *key, uint32_t i,
        const char *found, const char *expected, const char *hint)
{
	const struct node *list = node_get(item->node, key);
	const struct node *n = node_at(list, i);

	node_error(l, n ? n : list ? list : item->node, found, expected, hint);
}

struct phrase schema_expected(const struct schema_key *key, const struct value_type *type)
{
	struct phrase p = {""};

	if (type == &type_number)
		return phrase("a number from %llu to %llu", (unsigned long long)key->min,
		        (unsigned long long)key->max);
	if (type != &type_choice)
		return phrase("%s", type->name);
	for (uint32_t i = 0; key->words[i]; i++) {
		size_t n = strlen(p.text);

		snprintf(p.text + n, sizeof p.text - n, "%s%s",
		        i == 0              ? ""
		        : key->words[i + 1] ? ", "
		                            : " or ",
		        key->words[i]);
	}
	return p;
}

static uint32_t count_words(const char *const *words)
{
	uint32_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

static void bad_value(
        struct loader *l, const struct schema_key *key, const struct value_type *type, const struct node *n)
{
	const char *near = type == &type_choice && n->kind == NODE_SCALAR
	                           ? nearest_name(n->text, key->words, count_words(key->words))
	                           : NULL;
	char what[80];

	if (near && !l->hint) {
		l->hint_text = phrase("Did you mean '%s'?", near);
		l->hint = l->hint_text.text;
	}
	if (!l->hint) {
		l->hint_text = phrase("`%s`: %s", key->name, key->doc);
		l->hint = l->hint_text.text;
	}
	node_error(l, n, phrase("%s for '%s'", node_describe(n, what, sizeof what), key->name).text,
	        schema_expected(key, type).text, l->hint);
}

void schema_read_value(struct loader *l, const struct schema_key *key, const struct value_type *type,
        const struct node *n, void *to)
{
	l->hint = NULL;
	if (type->read)
		type->read(l, key, n, to);
	else if (n->kind != NODE_SCALAR || node_is_nothing(n) || !type->parse(l, key, n->text, to))
		bad_value(l, key, type, n);
}

void schema_defaults(struct loader *l, const struct schema_section *section, void *to)
{
	for (uint32_t i = 0; i < section->n_keys; i++) {
		const struct schema_key *key = &section->keys[i];

		if (key->type == &type_section)
			schema_defaults(l, key->section, (uint8_t *)to + key->at);
		else if (key->by_default) {
			bool ok = key->type->parse(l, key, key->by_default, (uint8_t *)to + key->at);

			assert(ok);
		}
	}
}

/* Whether the key, which this section does not know, has a name that is common elsewhere for one of its keys.
 */
static const char *other_name(const char *name)
{
	static const char *const pairs[][2] = {
	        {"interfaces", "ports"},
	        {"ethernets", "ports"},
	        {"interface", "port"},
	        {"dev", "port"},
	        {"gateway", "via"},
	        {"gw", "via"},
	        {"nexthop", "via"},
	        {"lladdr", "mac"},
	        {"macaddress", "mac"},
	        {"vid", "id"},
	        {"link", "parent"},
	        {"iif", "in"},
	        {"oif", "out"},
	        {"iifname", "in"},
	        {"oifname", "out"},
	        {"saddr", "from"},
	        {"daddr", "to"},
	        {"src_port", "from_port"},
	        {"dst_port", "to_port"},
	        {"sport", "from_port"},
	        {"dport", "to_port"},
	        {"default", "policy"},
	        {"verdict", "action"},
	        {"jump", "action"},
	        {"prefix", "to"},
	        {"destination", "to"},
	        {"promisc", "promiscuous"},
	        {"firewall", "rules"},
	        {"threads", "lanes"},
	        {"cpus", "cores"},
	};

	for (uint32_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (strcmp(name, pairs[i][0]) == 0)
			return pairs[i][1];
	return NULL;
}

static bool section_has(const struct schema_section *s, const char *name)
{
	for (uint32_t i = 0; i < s->n_keys; i++)
		if (strcmp(s->keys[i].name, name) == 0)
			return true;
	return false;
}

static struct phrase names_of(const struct schema_section *s)
{
	struct phrase p = {""};

	for (uint32_t i = 0; i < s->n_keys; i++) {
		size_t n = strlen(p.text);

		snprintf(p.text + n, sizeof p.text - n, "%s%s", i ? ", " : "one of ", s->keys[i].name);
	}
	if (strlen(p.text) == sizeof p.text - 1)
		memcpy(p.text + sizeof p.text - 4, "...", 4);
	return p;
}

static void unknown_key(struct loader *l, const struct schema_section *s, const struct node *key)
{
	const char *names[64], *near = other_name(key->text);
	struct phrase hint = {"`sluice check --schema` lists every key."};

	for (uint32_t i = 0; i < s->n_keys; i++)
		names[i] = s->keys[i].name;
	if (!near || !section_has(s, near))
		near = nearest_name(key->text, names, s->n_keys);
	if (near)
		hint = phrase("Did you mean '%s'?", near);
	node_error(l, key, phrase("the unknown key '%.60s' in %s", key->text, s->name).text, names_of(s).text,
	        hint.text);
}

static void read_key(struct loader *l, const struct schema_section *s, const struct node *child, void *to)
{
	struct config_item *item = to;

	for (uint32_t i = 0; i < s->n_keys; i++) {
		if (strcmp(s->keys[i].name, child->key->text) != 0)
			continue;
		if (!(item->given & UINT64_C(1) << i))
			schema_read_value(
			        l, &s->keys[i], s->keys[i].type, child, (uint8_t *)to + s->keys[i].at);
		item->given |= UINT64_C(1) << i;
		return;
	}
	if (strcmp(child->key->text, "<<") != 0) /* reported already */
		unknown_key(l, s, child->key);
}

bool item_has_unknown(const struct config_item *item)
{
	return item->node && item->node->n > (uint32_t)__builtin_popcountll(item->given);
}

void schema_read(struct loader *l, const struct schema_section *section, const struct node *n, void *to)
{
	struct config_item *item = to;
	char what[80];

	assert(section->n_keys <= 64);
	item->node = n;
	schema_defaults(l, section, to);
	if (n->kind != NODE_MAPPING && !node_is_nothing(n)) {
		node_error(l, n, phrase("%s for %s", node_describe(n, what, sizeof what), section->name).text,
		        "a mapping: `key: value` pairs, each on a line of its own or all in { }",
		        names_of(section).text);
		return;
	}
	for (const struct node *child = n->first; child; child = child->next)
		read_key(l, section, child, to);
	for (uint32_t i = 0; i < section->n_keys && !item_has_unknown(item); i++) {
		const struct schema_key *key = &section->keys[i];

		if (key->required && !(item->given & UINT64_C(1) << i))
			node_error(l, n, phrase("%s without '%s'", section->name, key->name).text,
			        schema_expected(key, key->type).text,
			        phrase("`%s`: %s", key->name, key->doc).text);
	}
}

bool schema_given(const struct schema_section *section, const struct config_item *item, const char *key)
{
	for (uint32_t i = 0; i < section->n_keys; i++)
		if (strcmp(section->keys[i].name, key) == 0)
			return item->given >> i & 1;
	assert(!"a key that the section has");
	return false;
}
