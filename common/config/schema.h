/* schema: the keys of a configuration, in tables; private to config.
 *
 * A section is a mapping with known keys; a key has a type (types.h), a place in the section's structure, a
 * default in the words of the file, and a sentence.  One walk over the tables reads a document (schema_read),
 * another prints them.  Every section's structure starts with a struct config_item.
 */
#ifndef SLUICE_COMMON_CONFIG_SCHEMA_H
#define SLUICE_COMMON_CONFIG_SCHEMA_H

#include "common/config/document.h"
#include "common/config/value.h"

struct schema_section;
struct value_type;

struct schema_key {
	const char *name;
	const struct value_type *type;
	uint32_t at;       /* in the section's structure */
	uint32_t count_at; /* of a list: where the number of elements stands (uint32_t) */
	uint32_t size;     /* of an integer, or of a list's element */
	bool required;
	uint64_t min, max;                    /* of a number; of a list: elements at most */
	const char *const *words;             /* of a choice: its words, NULL behind them */
	const struct value_type *element;     /* of a list of values */
	const struct schema_section *section; /* of a mapping, or of a list's elements */
	const char *by_default;               /* as it would be written; NULL: none */
	const char *doc;
};

struct schema_section {
	const char *name; /* "a port": for sentences */
	const struct schema_key *keys;
	uint32_t n_keys;
	uint32_t size;
};

/* What reading needs at hand. */
struct loader {
	struct config *config;
	struct source *source;
	struct arena *arena;
	const char *hint; /* of the type's parse function, for the error; static or in hint_text */
	struct phrase hint_text;
};

/* How a value is read and described. */
struct value_type {
	const char *name; /* "a MAC address (02:00:00:00:00:01)": follows "expected" */

	/* A scalar's text into *to; false where it is none, perhaps with l->hint.  NULL: `read` does it. */
	bool (*parse)(struct loader *l, const struct schema_key *key, const char *text, void *to);

	/* Any node into *to, reporting errors itself. */
	void (*read)(struct loader *l, const struct schema_key *key, const struct node *n, void *to);
};

/* The whole. */
extern const struct schema_section schema_root;

/* Reads a mapping into a section's structure: defaults first, then what is there; unknown keys, missing keys
 * and bad values are reported. */
void schema_read(struct loader *l, const struct schema_section *section, const struct node *n, void *to);

/* Fills a structure with the section's defaults. */
void schema_defaults(struct loader *l, const struct schema_section *section, void *to);

/* Reads one value by its key's type. */
void schema_read_value(struct loader *l, const struct schema_key *key, const struct value_type *type,
        const struct node *n, void *to);

/* What a key expects, in words. */
struct phrase schema_expected(const struct schema_key *key, const struct value_type *type);

/* Whether the item's text gives the key that stands at this number in its section. */
bool schema_given(const struct schema_section *section, const struct config_item *item, const char *key);

/* Whether the item's mapping has keys that its section does not know: what is missing may be meant by one of
 * them, and is not reported too. */
bool item_has_unknown(const struct config_item *item);

/* Reports an error at a node. */
void node_error(
        struct loader *l, const struct node *n, const char *found, const char *expected, const char *hint);

/* Reports at the value of a key of an item, or at the item where the key is not given. */
void item_error(struct loader *l, const struct config_item *item, const char *key, const char *found,
        const char *expected, const char *hint);

/* Reports at element i of a list. */
void element_error(struct loader *l, const struct config_item *item, const char *key, uint32_t i,
        const char *found, const char *expected, const char *hint);

#endif
