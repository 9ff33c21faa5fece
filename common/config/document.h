/* document: a YAML text as a tree whose every node knows its place; private to config.
 *
 * The subset that an appliance's configuration needs: one document of mappings, lists and scalars.  Anchors,
 * aliases, merge keys, tags and several documents are refused, each with its place.  Only document.c knows
 * libyaml.
 */
#ifndef SLUICE_COMMON_CONFIG_DOCUMENT_H
#define SLUICE_COMMON_CONFIG_DOCUMENT_H

#include "common/config/arena.h"
#include "common/config/errors.h"

#define DOCUMENT_BYTES_MAX (256u << 20)
#define DOCUMENT_NODES_MAX (16u << 20)
#define DOCUMENT_DEPTH_MAX 16u

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct node {
	uint8_t kind;          /* enum node_kind */
	bool quoted;           /* a scalar in quotes: never "nothing" */
	uint32_t line, column; /* from 1; columns count characters */
	uint32_t n;            /* children, or bytes of text */
	const char *text;      /* of a scalar, terminated */
	struct node *key;      /* of a mapping's child */
	struct node *first;    /* child */
	struct node *next;     /* sibling */
};

/* A mapping's child by its key; NULL where there is none. */
const struct node *node_get(const struct node *mapping, const char *key);

/* A list's or mapping's child by number. */
const struct node *node_at(const struct node *list, uint32_t i);

/* Whether it says nothing: an empty or null scalar. */
bool node_is_nothing(const struct node *n);

/* "'text'", "a mapping", "a list" or "nothing", for a sentence; cut where it is long. */
const char *node_describe(const struct node *n, char *buffer, size_t size);

/* Parses text, which must outlive the errors' making, into nodes of the arena.  The root, also where
 * there were errors after which reading could go on; NULL where there was one after which it could not, or
 * the arena failed.  An empty text has an error of its own. */
const struct node *document_parse(struct arena *arena, struct source *source);

#endif
