/* Many routes at once: sorted, so that neighbours in the tree come one after the other, and each word of the
 * directory made once. */
#include "common/fib/route.h"

#include <stdlib.h>

#define DIGIT_BITS 11u
#define DIGITS     3u
#define AHEAD      16u

struct item {
	uint32_t key; /* the first 32 bits of the address */
	uint32_t index;
};

/* One pass of a radix sort, which keeps the order of equals. */
static void sort_digit(const struct item *from, struct item *to, size_t n, unsigned shift)
{
	size_t at[1u << DIGIT_BITS] = {0}, sum = 0;
	uint32_t mask = (1u << DIGIT_BITS) - 1;

	for (size_t i = 0; i < n; i++)
		at[from[i].key >> shift & mask]++;
	for (size_t d = 0; d <= mask; d++) {
		size_t count = at[d];

		at[d] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[at[from[i].key >> shift & mask]++] = from[i];
}

/* Sorts n items, with n more behind them to work in; gives where the sorted ones are. */
static struct item *sort(struct item *items, size_t n)
{
	struct item *from = items, *to = items + n;

	for (unsigned d = 0; d < DIGITS; d++) {
		struct item *done = to;

		sort_digit(from, to, n, d * DIGIT_BITS);
		to = from;
		from = done;
	}
	return from;
}

static void mark_dirty(struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len)
{
	uint32_t first = (uint32_t)(key->word[0] >> 48), n = len && len < 16 ? 1u << (16 - len) : len > 0;

	for (uint32_t i = first; i < first + n; i++)
		fib->dirty[family][i / 64] |= UINT64_C(1) << i % 64;
}

static int insert_all(struct fib *fib, const struct fib_route *routes, const struct item *items, size_t n)
{
	int error = 0;

	for (size_t i = 0; i < n && !error; i++) {
		const struct fib_route *route = &routes[items[i].index];
		/* In the order of addresses the routes themselves lie anywhere. */
		size_t ahead = MIN(i + AHEAD, n - 1);
		struct fib_key key = fib_key(route->prefix.family, &route->prefix.addr);

		__builtin_prefetch(&routes[items[ahead].index]);
		error = fib_route_insert(fib, route, &key, true);
		mark_dirty(fib, route->prefix.family, &key, route->prefix.len);
	}
	return error;
}

static int show_all(struct fib *fib)
{
	int error = fib_default_show(fib, FIB_IPV4);

	if (!error)
		error = fib_default_show(fib, FIB_IPV6);
	if (!error)
		error = fib_tables_update_dirty(fib, FIB_IPV4);
	if (!error)
		error = fib_tables_update_dirty(fib, FIB_IPV6);
	return error;
}

int fib_route_load(struct fib *fib, const struct fib_route *routes, size_t n, size_t *at)
{
	struct item *items;
	int error;

	if (n > UINT32_MAX)
		return -EINVAL;
	items = calloc(2 * (n + 1), sizeof *items);
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		error = fib_route_check(fib, &routes[i]);
		if (error) {
			if (at)
				*at = i;
			free(items);
			return error;
		}
		items[i] = (struct item){
		        .key = (uint32_t)(fib_key(routes[i].prefix.family, &routes[i].prefix.addr).word[0] >>
		                          32),
		        .index = (uint32_t)i,
		};
	}
	error = insert_all(fib, routes, sort(items, n), n);
	if (!error)
		error = show_all(fib);
	free(items);
	if (!error) {
		fib_commit(fib);
		return 0;
	}
	memset(fib->dirty[0], 0, FIB_DIR_WORDS / 8);
	memset(fib->dirty[1], 0, FIB_DIR_WORDS / 8);
	fib_abort(fib);
	return error;
}
