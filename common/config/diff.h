/* diff: the parts of config_diff; private to config. */
#ifndef SLUICE_COMMON_CONFIG_DIFF_H
#define SLUICE_COMMON_CONFIG_DIFF_H

#include "common/config/document.h"

#define DIFF_NONE UINT32_MAX

/* A child of a mapping or list, and its counterpart on the other side. */
struct diff_item {
	const char *id; /* a mapping's key; of a list's item the key that names it, or all of it */
	const struct node *node;
	uint32_t place; /* among its siblings, from 0 */
	uint32_t nth;   /* among those of the same id, from 0 */
	uint32_t match; /* place on the other side, or DIFF_NONE */
	bool moved;     /* a list's item that stands before or behind others that it did not */
};

/* The children of a node, which may be NULL or a scalar (none), as items of the arena.  NULL where there are
 * none, or the arena failed. */
struct diff_item *diff_items(struct arena *arena, const struct node *parent, uint32_t *n);

/* Fills match, nth and, for lists, moved (of `after` alone). */
void diff_match(struct arena *arena, struct diff_item *before, uint32_t n_before, struct diff_item *after,
        uint32_t n_after, bool list);

/* The node in one line of YAML, malloc'd; NULL without memory. */
char *diff_render(const struct node *n);

#endif
