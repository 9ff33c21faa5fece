/* For readers who explain or list: the longest match with its prefix, and all routes in their order.  Down
 * the writer's tree, every index bounded, every step to a longer prefix, so that it ends whatever the region
 * holds. */
#include "common/fib/region.h"

#include <limits.h>

static uint32_t link_load(const uint32_t *link, uint32_t limit)
{
	uint32_t at = __atomic_load_n(link, __ATOMIC_ACQUIRE); /* pairs with fib_set */

	return at < limit ? at : 0;
}

/* The longest prefix of fewer than `below` bits that holds an address. */
static bool longest(const struct fib_reader *reader, enum fib_family family, const struct ip6_addr *dst,
        unsigned below, struct fib_route *route)
{
	struct fib_key key = fib_key(family, dst);
	unsigned most = family == FIB_IPV4 ? 32 : 128;
	uint32_t at = link_load(&reader->roots[family], reader->n_nodes);
	bool found = false;
	int last = -1;

	while (at) {
		const struct fib_node *there = &reader->nodes[at];
		/* Only what is fixed: the links may change meanwhile. */
		struct fib_node node = {.key = {there->key[0], there->key[1]}, .len = there->len};
		uint32_t entry = link_load(&there->entry, reader->n_entries);

		if (node.len > most || node.len >= below || (int)node.len <= last ||
		        fib_key_common(node.key, key.word) < node.len)
			break;
		last = node.len;
		if (entry) {
			fib_route_make(family, &node, &reader->entries[entry], route);
			found = true;
		}
		at = link_load(&there->child[fib_key_bit(key.word, node.len)], reader->n_nodes);
	}
	return found;
}

bool fib_route_get(const struct fib_reader *reader, enum fib_family family, const struct ip6_addr *dst,
        struct fib_route *route)
{
	return longest(reader, family, dst, UINT_MAX, route);
}

/* A copy of the node.  False: the link leads nowhere, or not to a prefix longer than `last` bits. */
static bool visit(
        const struct fib_reader *reader, enum fib_family family, uint32_t at, int last, struct fib_node *node)
{
	const struct fib_node *there = &reader->nodes[at];
	unsigned most = family == FIB_IPV4 ? 32 : 128;

	if (!at)
		return false;
	*node = (struct fib_node){
	        .key = {there->key[0] & ~(most == 32 ? (uint64_t)UINT32_MAX : 0),
	                most == 32 ? 0 : there->key[1]},
	        .child = {link_load(&there->child[0], reader->n_nodes),
	                link_load(&there->child[1], reader->n_nodes)},
	        .entry = link_load(&there->entry, reader->n_entries),
	        .len = there->len,
	};
	return node->len <= most && (int)node->len > last;
}

/* The first node with routes in a subtree: a node without has two children. */
static bool subtree_first(
        const struct fib_reader *reader, enum fib_family family, uint32_t at, int last, struct fib_node *node)
{
	while (visit(reader, family, at, last, node)) {
		if (node->entry)
			return true;
		last = node->len;
		at = node->child[0] ? node->child[0] : node->child[1];
	}
	return false;
}

static bool key_before(const uint64_t a[2], const uint64_t b[2])
{
	return a[0] != b[0] ? a[0] < b[0] : a[1] < b[1];
}

/* The first node with routes behind a prefix, in order of address and length. */
static bool tree_after(const struct fib_reader *reader, enum fib_family family, const struct fib_key *key,
        unsigned len, struct fib_node *node)
{
	uint32_t at = link_load(&reader->roots[family], reader->n_nodes), later = 0, next;
	int last = -1, later_last = -1;

	while (visit(reader, family, at, last, node)) {
		unsigned common = MIN(fib_key_common(node->key, key->word), len);
		unsigned bit = fib_key_bit(key->word, node->len);

		if (common < node->len) {
			/* All of this subtree comes before the prefix, or all after. */
			if (common == len || !key_before(node->key, key->word))
				return subtree_first(reader, family, at, last, node);
			break;
		}
		last = node->len;
		if (node->len == len) {
			next = node->child[0] ? node->child[0] : node->child[1];
			if (next)
				return subtree_first(reader, family, next, last, node);
			break;
		}
		if (!bit && node->child[1]) {
			later = node->child[1];
			later_last = last;
		}
		at = node->child[bit];
	}
	return subtree_first(reader, family, later, later_last, node);
}

static bool tree_find(const struct fib_reader *reader, enum fib_family family, const struct fib_key *key,
        unsigned len, struct fib_node *node)
{
	uint32_t at = link_load(&reader->roots[family], reader->n_nodes);
	int last = -1;

	while (visit(reader, family, at, last, node) && node->len <= len &&
	        fib_key_common(node->key, key->word) >= node->len) {
		if (node->len == len)
			return true;
		last = node->len;
		at = node->child[fib_key_bit(key->word, node->len)];
	}
	return false;
}

/* The node's first route with a metric above `metric`, -1 for any: metrics rise along the list. */
static bool entry_above(const struct fib_reader *reader, enum fib_family family, const struct fib_node *node,
        int64_t metric, struct fib_route *route)
{
	uint32_t at = node->entry;
	int64_t last = -1;

	while (at) {
		const struct fib_entry *entry = &reader->entries[at];

		if ((int64_t)entry->metric <= last)
			return false;
		last = entry->metric;
		if (last > metric) {
			fib_route_make(family, node, entry, route);
			return true;
		}
		at = link_load(&entry->next, reader->n_entries);
	}
	return false;
}

bool fib_route_find(const struct fib_reader *reader, const struct fib_prefix *prefix, uint32_t metric,
        struct fib_route *route)
{
	struct fib_key key = fib_key(prefix->family, &prefix->addr);
	struct fib_node node;

	return tree_find(reader, prefix->family, &key, prefix->len, &node) &&
	       entry_above(reader, prefix->family, &node, (int64_t)metric - 1, route) &&
	       route->metric == metric;
}

bool fib_route_wider(const struct fib_reader *reader, struct fib_route *route)
{
	enum fib_family family = route->prefix.family;
	struct fib_key key = fib_key(family, &route->prefix.addr);
	struct fib_node node;

	return (tree_find(reader, family, &key, route->prefix.len, &node) &&
	               entry_above(reader, family, &node, route->metric, route)) ||
	       longest(reader, family, &route->prefix.addr, route->prefix.len, route);
}

bool fib_route_first(const struct fib_reader *reader, enum fib_family family, struct fib_route *route)
{
	struct fib_node node;

	return subtree_first(reader, family, link_load(&reader->roots[family], reader->n_nodes), -1, &node) &&
	       entry_above(reader, family, &node, -1, route);
}

bool fib_route_next(const struct fib_reader *reader, struct fib_route *route)
{
	enum fib_family family = route->prefix.family;
	struct fib_key key = fib_key(family, &route->prefix.addr);
	unsigned len = route->prefix.len;
	struct fib_node node;

	if (tree_find(reader, family, &key, len, &node) &&
	        entry_above(reader, family, &node, route->metric, route))
		return true;
	return tree_after(reader, family, &key, len, &node) && !key_before(node.key, key.word) &&
	       (key_before(key.word, node.key) || node.len > len) &&
	       entry_above(reader, family, &node, -1, route);
}
