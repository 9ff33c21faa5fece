/* One route in the tree: its prefix's node, and among its entries the one of its metric. */
#include "common/fib/route.h"

int fib_prefix_check(const struct fib_prefix *prefix)
{
	struct fib_key key;
	unsigned len = prefix->len;
	uint64_t beyond;

	if (prefix->family != FIB_IPV4 && prefix->family != FIB_IPV6)
		return -EINVAL;
	if (prefix->family == FIB_IPV4 && (len > 32 || !ip6_addr_is_mapped(&prefix->addr)))
		return -EINVAL;
	if (len > 128)
		return -EINVAL;
	key = fib_key(prefix->family, &prefix->addr);
	if (len < 64)
		beyond = (key.word[0] << len) | key.word[1];
	else
		beyond = len < 128 ? key.word[1] << (len - 64) : 0;
	return beyond ? -EINVAL : 0;
}

int fib_route_check(const struct fib *fib, const struct fib_route *route)
{
	if (route->group == 0 || route->group >= fib->reader.n_groups || !fib->refs[route->group])
		return -EINVAL;
	return fib_prefix_check(&route->prefix);
}

/* The link that leads to the entry of a metric, or to where it would stand. */
static uint32_t *entry_link(struct fib *fib, struct fib_node *node, uint32_t metric)
{
	uint32_t *link = &node->entry;

	while (*link && fib->entries[*link].metric < metric)
		link = &fib->entries[*link].next;
	return link;
}

/* An entry takes the place of the one that the link leads to (of its metric: *same), or goes before it. */
static int entry_insert(struct fib *fib, uint32_t *link, const struct fib_route *route, bool same)
{
	uint32_t old = *link, index;
	int error = fib_take(fib, FIB_PIECE_ENTRY, 0, &index);

	if (error)
		return error;
	fib->entries[index] = (struct fib_entry){
	        .next = same ? fib->entries[old].next : old,
	        .metric = route->metric,
	        .group = route->group,
	        .protocol = route->protocol,
	        .origin = route->origin,
	};
	error = fib_set(fib, link, index);
	if (error || !same)
		return error;
	return fib_give(fib, FIB_PIECE_ENTRY, 0, old);
}

int fib_route_insert(struct fib *fib, const struct fib_route *route, const struct fib_key *key, bool replace)
{
	enum fib_family family = route->prefix.family;
	uint32_t limit = family == FIB_IPV4 ? fib->limits.routes4 : fib->limits.routes6;
	struct fib_node *node;
	uint32_t *link;
	bool same;
	int error = fib_tree_insert(fib, family, key, route->prefix.len, &node);

	if (error)
		return error;
	link = entry_link(fib, node, route->metric);
	same = *link && fib->entries[*link].metric == route->metric;
	if (same && !replace)
		return -EEXIST;
	if (!same && fib->count[family] + (uint32_t)fib->delta[family] >= limit)
		return -ENOSPC;
	fib->delta[family] += !same;
	return entry_insert(fib, link, route, same);
}

int fib_route_remove(
        struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len, uint32_t metric)
{
	struct fib_node *node = fib_tree_find(fib, family, key, len);
	uint32_t *link, index;
	int error;

	if (!node)
		return -ENOENT;
	link = entry_link(fib, node, metric);
	index = *link;
	if (!index || fib->entries[index].metric != metric)
		return -ENOENT;
	fib->delta[family]--;
	error = fib_set(fib, link, fib->entries[index].next);
	if (!error)
		error = fib_give(fib, FIB_PIECE_ENTRY, 0, index);
	if (error || node->entry)
		return error;
	return fib_tree_remove(fib, family, key, len);
}

int fib_default_show(struct fib *fib, enum fib_family family)
{
	static const struct fib_key zero = {{0, 0}};
	const struct fib_node *node = fib_tree_find(fib, family, &zero, 0);
	uint32_t group = node && node->entry ? fib->entries[node->entry].group : 0;

	return fib->defaults[family] == group ? 0 : fib_set(fib, &fib->defaults[family], group);
}

int fib_route_show(struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len)
{
	return len ? fib_tables_update(fib, family, key, len) : fib_default_show(fib, family);
}

void fib_route_make(enum fib_family family, const struct fib_node *node, const struct fib_entry *entry,
        struct fib_route *route)
{
	uint64_t wire[2] = {__builtin_bswap64(node->key[0]), __builtin_bswap64(node->key[1])};

	*route = (struct fib_route){
	        .prefix = {.family = (uint8_t)family, .len = node->len},
	        .protocol = entry->protocol,
	        .origin = entry->origin,
	        .metric = entry->metric,
	        .group = entry->group,
	};
	memcpy(&route->prefix.addr, wire, sizeof wire);
	if (family == FIB_IPV4)
		route->prefix.addr = ip6_addr_mapped(be32_from_host((uint32_t)(node->key[0] >> 32)));
}
