/* The writer's tree: every prefix that has routes, as a Patricia trie in the region.  Links are stored by
 * fib_set, so that a reader who walks down (get.c) sees each change whole, and a change can be taken back. */
#include "common/fib/writer.h"

struct fib_node *fib_tree_find(
        const struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len)
{
	for (uint32_t at = fib->roots[family]; at;) {
		struct fib_node *node = &fib->nodes[at];

		if (node->len > len || fib_key_common(node->key, key->word) < node->len)
			return NULL;
		if (node->len == len)
			return node;
		at = node->child[fib_key_bit(key->word, node->len)];
	}
	return NULL;
}

/* A node that nothing leads to yet, with at most one child. */
static int node_make(
        struct fib *fib, const struct fib_key *key, unsigned len, uint32_t child, uint32_t *index)
{
	int error = fib_take(fib, FIB_PIECE_NODE, 0, index);
	struct fib_node *node;

	if (error)
		return error;
	node = &fib->nodes[*index];
	*node = (struct fib_node){.key = {key->word[0], key->word[1]}, .len = (uint8_t)len};
	if (child)
		node->child[fib_key_bit(fib->nodes[child].key, len)] = child;
	return 0;
}

static struct fib_key key_cut(const struct fib_key *key, unsigned len)
{
	struct fib_key cut = *key;

	if (len < 64)
		cut.word[0] &= len ? ~UINT64_C(0) << (64 - len) : 0;
	if (len < 128)
		cut.word[1] &= len > 64 ? ~UINT64_C(0) << (128 - len) : 0;
	return cut;
}

/* Puts a new node of this prefix where the link leads to a node that is not above it; they share common bits.
 */
static int link_node(struct fib *fib, uint32_t *link, const struct fib_key *key, unsigned len,
        unsigned common, struct fib_node **node)
{
	struct fib_key cut = key_cut(key, common);
	uint32_t index, fork;
	bool above = *link && common == len;
	int error = node_make(fib, key, len, above ? *link : 0, &index);

	if (error)
		return error;
	*node = &fib->nodes[index];
	if (!*link || above)
		return fib_set(fib, link, index);
	error = node_make(fib, &cut, common, *link, &fork);
	if (error)
		return error;
	fib->nodes[fork].child[fib_key_bit(key->word, common)] = index;
	return fib_set(fib, link, fork);
}

int fib_tree_insert(struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len,
        struct fib_node **node)
{
	uint32_t *link = &fib->roots[family];
	unsigned common = len;

	while (*link) {
		struct fib_node *next = &fib->nodes[*link];

		common = MIN(fib_key_common(next->key, key->word), len);
		if (common < next->len)
			break;
		if (next->len == len) {
			*node = next;
			return 0;
		}
		link = &next->child[fib_key_bit(key->word, next->len)];
	}
	return link_node(fib, link, key, len, common, node);
}

int fib_tree_remove(struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len)
{
	uint32_t *link = &fib->roots[family], *above = NULL, gone, fork;
	struct fib_node *node = &fib->nodes[*link];
	int error;

	while (node->len < len) {
		above = link;
		link = &node->child[fib_key_bit(key->word, node->len)];
		node = &fib->nodes[*link];
	}
	assert(*link && node->len == len && !node->entry);
	if (node->child[0] && node->child[1])
		return 0;
	gone = *link;
	error = fib_set(fib, link, node->child[0] | node->child[1]);
	if (!error)
		error = fib_give(fib, FIB_PIECE_NODE, 0, gone);
	if (error || *link || !above || fib->nodes[*above].entry)
		return error;
	/* What forked here does so no more. */
	fork = *above;
	error = fib_set(fib, above, fib->nodes[fork].child[0] | fib->nodes[fork].child[1]);
	return error ? error : fib_give(fib, FIB_PIECE_NODE, 0, fork);
}

uint32_t fib_tree_cover(const struct fib *fib, enum fib_family family, const struct fib_key *key,
        unsigned len, uint32_t *below)
{
	uint32_t at = fib->roots[family], cover = 0;

	for (; at; at = fib->nodes[at].child[fib_key_bit(key->word, fib->nodes[at].len)]) {
		const struct fib_node *node = &fib->nodes[at];
		unsigned common = fib_key_common(node->key, key->word);

		if (common < MIN(node->len, len))
			at = 0;
		if (!at || node->len >= len)
			break;
		if (node->entry && node->len)
			cover = fib->entries[node->entry].group;
	}
	*below = at;
	return cover;
}
