/* The longest match with its prefix, for readers who explain: down the writer's tree, every index bounded,
 * every step to a longer prefix, so that it ends whatever the region holds. */
#include "common/fib/region.h"

static uint32_t link_load(const uint32_t *link, uint32_t limit)
{
	uint32_t at = __atomic_load_n(link, __ATOMIC_ACQUIRE); /* pairs with fib_set */

	return at < limit ? at : 0;
}

bool fib_route_get(const struct fib_reader *reader, enum fib_family family, const struct ip6_addr *dst,
        struct fib_route *route)
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

		if (node.len > most || (int)node.len <= last || fib_key_common(node.key, key.word) < node.len)
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
