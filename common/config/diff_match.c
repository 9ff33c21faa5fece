/* Which child of one configuration is which of the other. */
#include "common/config/diff.h"

#include <stdlib.h>

/* The keys that name an item of a list, the first that it has: rules and sockets, routes, neighbors, next
 * hops. */
static const char *const naming[] = {"name", "to", "address", "udp", "via"};

static const char *item_id(struct arena *arena, const struct node *n)
{
	char *whole, *id;

	if (n->key)
		return n->key->text;
	if (n->kind == NODE_SCALAR)
		return n->text;
	for (size_t i = 0; i < ARRAY_LEN(naming); i++) {
		const struct node *value = node_get(n, naming[i]);

		if (value && value->kind == NODE_SCALAR && !node_is_nothing(value))
			return value->text;
	}
	whole = diff_render(n);
	id = whole ? arena_text(arena, whole, strlen(whole)) : NULL;
	arena->failed |= !id;
	free(whole);
	return id ? id : "";
}

struct diff_item *diff_items(struct arena *arena, const struct node *parent, uint32_t *n)
{
	uint32_t count = parent && parent->kind != NODE_SCALAR ? parent->n : 0, at = 0;
	struct diff_item *items = count ? arena_take(arena, count * sizeof *items) : NULL;

	*n = items ? count : 0;
	for (const struct node *c = items ? parent->first : NULL; c && at < count; c = c->next, at++)
		items[at] = (struct diff_item){
		        .id = item_id(arena, c), .node = c, .place = at, .match = DIFF_NONE};
	return items;
}

static int item_compare(const void *a, const void *b)
{
	const struct diff_item *x = *(struct diff_item *const *)a, *y = *(struct diff_item *const *)b;
	int c = strcmp(x->id, y->id);

	return c ? c : x->place < y->place ? -1 : x->place > y->place;
}

/* Pointers to the items by id, then place; nth is filled in on the way. */
static struct diff_item **sorted(struct arena *arena, struct diff_item *items, uint32_t n)
{
	struct diff_item **by_id = arena_take(arena, MAX(n, 1u) * sizeof(struct diff_item *));

	for (uint32_t i = 0; by_id && i < n; i++)
		by_id[i] = &items[i];
	if (!by_id || n < 2)
		return by_id;
	qsort(by_id, n, sizeof(struct diff_item *), item_compare);
	for (uint32_t i = 1; i < n; i++)
		if (!strcmp(by_id[i]->id, by_id[i - 1]->id))
			by_id[i]->nth = by_id[i - 1]->nth + 1;
	return by_id;
}

/* Of the matched items the longest run that stands in the same order on both sides has stayed; the others
 * have moved.  last[l] is the item that ends the best run of l + 1 items seen so far. */
static void mark_moved(struct arena *arena, struct diff_item *after, uint32_t n)
{
	uint32_t *last = arena_take(arena, n * sizeof *last), *before = arena_take(arena, n * sizeof *before);
	uint32_t longest = 0;

	for (uint32_t i = 0; last && before && i < n; i++) {
		uint32_t lo = 0, hi = longest;

		if (after[i].match == DIFF_NONE)
			continue;
		while (lo < hi) {
			uint32_t mid = (lo + hi) / 2;

			if (after[last[mid]].match < after[i].match)
				lo = mid + 1;
			else
				hi = mid;
		}
		before[i] = lo ? last[lo - 1] : DIFF_NONE;
		last[lo] = i;
		longest = MAX(longest, lo + 1);
		after[i].moved = true;
	}
	for (uint32_t i = longest ? last[longest - 1] : DIFF_NONE; i != DIFF_NONE; i = before[i])
		after[i].moved = false;
}

void diff_match(struct arena *arena, struct diff_item *before, uint32_t n_before, struct diff_item *after,
        uint32_t n_after, bool list)
{
	struct diff_item **a = sorted(arena, before, n_before), **b = sorted(arena, after, n_after);
	uint32_t i = 0, j = 0;

	while (a && b && i < n_before && j < n_after) {
		int c = strcmp(a[i]->id, b[j]->id);

		if (!c) {
			a[i]->match = b[j]->place;
			b[j]->match = a[i]->place;
		}
		i += c <= 0;
		j += c >= 0;
	}
	if (list && n_after)
		mark_moved(arena, after, n_after);
}
