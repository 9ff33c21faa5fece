#include "common/config/sections.h"

/* What a key's value looks like, its default, and what it means. */
static void print_key(FILE *to, const struct schema_key *k, uint32_t depth)
{
	const struct value_type *of = k->element ? k->element : k->type;

	fprintf(to, "%*s%s:", (int)depth * 2, "", k->name);
	if (k->type == &type_map)
		fprintf(to, " # NAME: %s, up to %llu of them", k->section->name, (unsigned long long)k->max);
	else if (k->type == &type_list && k->section)
		fprintf(to, " # a list of: %s", k->section->name);
	else if (k->type == &type_section)
		fprintf(to, " # a mapping");
	else
		fprintf(to, " # %s%s", k->type == &type_list ? "a list of: " : "",
		        schema_expected(k, of).text);
	fprintf(to, "%s%s",
	        k->by_default ? "; default "
	        : k->required ? "; required"
	                      : "",
	        k->by_default ? k->by_default : "");
	fprintf(to, "\n%*s# %s\n", (int)depth * 2 + 4, "", k->doc);
}

static void print_section(FILE *to, const struct schema_section *s, uint32_t depth)
{
	for (uint32_t i = 0; i < s->n_keys; i++) {
		const struct schema_key *k = &s->keys[i];

		print_key(to, k, depth);
		if (k->section && k->type == &type_map)
			fprintf(to, "%*sNAME:\n", (int)depth * 2 + 2, "");
		if (k->section)
			print_section(to, k->section, depth + (k->type == &type_map ? 2 : 1));
	}
}

void config_schema_print(FILE *to)
{
	fprintf(to, "# Every key of a configuration. Names of ports and sub-ports are yours.\n");
	print_section(to, &schema_root, 0);
}
