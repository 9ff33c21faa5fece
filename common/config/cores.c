#include "common/config/types.h"

static bool parse_list(const char *text, struct config_cores *cores)
{
	const char *at = text;

	for (;;) {
		size_t n = strcspn(at, ",");
		uint64_t core;

		if (cores->n == CONFIG_LANES_MAX || !value_part(at, n, CONFIG_CORE_MAX, &core))
			return false;
		cores->core[cores->n++] = (uint32_t)core;
		if (!at[n])
			return true;
		at += n + 1;
	}
}

bool config_cores_parse(const char *text, struct config_cores *cores)
{
	*cores = (struct config_cores){.placing = CONFIG_CORES_SPREAD};
	if (strcmp(text, "spread") == 0)
		return true;
	cores->placing = CONFIG_CORES_ANY;
	if (strcmp(text, "any") == 0)
		return true;
	cores->placing = CONFIG_CORES_LISTED;
	return parse_list(text, cores);
}

static bool parse_cores(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	(void)l, (void)key;
	return config_cores_parse(text, to);
}

static const struct value_type type_cores_word = {
        "any, spread, or a list of processors: [2, 3]", parse_cores, NULL};

static void read_cores(struct loader *l, const struct schema_key *key, const struct node *n, void *to)
{
	struct config_cores *cores = to;

	if (n->kind != NODE_LIST) {
		schema_read_value(l, key, &type_cores_word, n, to);
		return;
	}
	*cores = (struct config_cores){.placing = CONFIG_CORES_LISTED};
	if (n->n == 0 || n->n > ARRAY_LEN(cores->core)) {
		node_error(l, n, phrase("%u processors in '%s'", n->n, key->name).text,
		        phrase("from 1 to %zu", ARRAY_LEN(cores->core)).text, "One for each lane.");
		return;
	}
	for (const struct node *c = n->first; c; c = c->next)
		schema_read_value(l, key, &type_number, c, &cores->core[cores->n++]);
}

const struct value_type type_cores = {
        "any, spread, or a list of processors: [2, 3]", parse_cores, read_cores};
