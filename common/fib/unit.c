/* Making the tables say what the tree says.  A unit is the 256 results of one byte below one prefix; where a
 * prefix longer than that begins, the result is the unit of the next byte.  Units are replaced from the
 * deepest up, and the one word of the directory last. */
#include "common/fib/writer.h"

/* What changed: a prefix; of len 0, anything may have. */
struct job {
	struct fib *fib;
	const struct fib_key *key;
	unsigned len;
};

struct span {
	uint32_t first, last;
};

/* The values of a unit that the change may concern. */
static struct span job_span(const struct job *job, unsigned byte)
{
	unsigned begin = 8 * byte, end = begin + 8;
	uint32_t first;

	if (job->len <= begin)
		return (struct span){0, 255};
	first = fib_key_byte(job->key->word, byte);
	return (struct span){first, job->len >= end ? first : first + (1u << (end - job->len)) - 1};
}

/* Lays the routes of the tree from a node on over the values of its unit, longer ones over shorter; below:
 * for each value with routes longer than that, the topmost node in it.  Nodes outside of the span are not
 * looked at. */
static void paint(const struct fib *fib, uint32_t at, unsigned byte, struct span span, uint32_t value[256],
        uint32_t below[256])
{
	const unsigned end = 8 * byte + 8;

	while (at) {
		const struct fib_node *node = &fib->nodes[at];
		uint32_t first = fib_key_byte(node->key, byte), half;

		if (node->entry && node->len <= end) {
			uint32_t group = fib->entries[node->entry].group;

			for (uint32_t i = 0; i < 1u << (end - node->len); i++)
				value[first + i] = group;
		}
		if (node->len >= end) {
			bool more = node->len > end || node->child[0] || node->child[1];

			below[first] = more ? at : 0;
			return;
		}
		half = first + (1u << (end - node->len - 1));
		if (span.first < half)
			paint(fib, node->child[0], byte, span, value, below);
		at = span.last >= half ? node->child[1] : 0;
	}
}

/* Gives a unit and all below it. */
static int unit_drop(struct fib *fib, uint32_t word)
{
	uint32_t value[256];
	int error = 0;

	if (!(word & FIB_DEEP))
		return 0;
	fib_unit_expand(fib, word & FIB_PAYLOAD, value);
	for (uint32_t i = 0; i < 256 && !error; i++)
		error = unit_drop(fib, value[i]);
	return error ? error : fib_unit_give(fib, word & FIB_PAYLOAD);
}

static int unit_update(
        const struct job *job, unsigned byte, uint32_t node, uint32_t cover, uint32_t old, uint32_t *word);

/* The values of a unit below which the tree begins at node, of which those outside of the span are as they
 * were. */
static int unit_values(const struct job *job, unsigned byte, uint32_t node, uint32_t cover, struct span span,
        const uint32_t old[256], uint32_t value[256])
{
	uint32_t below[256] = {0};

	for (uint32_t i = 0; i < 256; i++)
		value[i] = cover;
	paint(job->fib, node, byte, span, value, below);
	for (uint32_t i = 0; i < 256; i++) {
		int error = 0;

		if (i < span.first || i > span.last)
			value[i] = old[i];
		else if (below[i])
			error = unit_update(job, byte + 1, below[i], value[i], old[i], &value[i]);
		else
			error = unit_drop(job->fib, old[i]);
		if (error)
			return error;
	}
	return 0;
}

/* The unit below one value of another one: old is that value before, *word after. */
static int unit_update(
        const struct job *job, unsigned byte, uint32_t node, uint32_t cover, uint32_t old, uint32_t *word)
{
	struct span span = old & FIB_DEEP ? job_span(job, byte) : (struct span){0, 255};
	uint32_t before[256] = {0}, after[256];
	int error;

	if (old & FIB_DEEP)
		fib_unit_expand(job->fib, old & FIB_PAYLOAD, before);
	error = unit_values(job, byte, node, cover, span, before, after);
	if (error)
		return error;
	if ((old & FIB_DEEP) && !memcmp(before, after, sizeof before)) {
		*word = old;
		return 0;
	}
	error = fib_unit_write(job->fib, after, word);
	if (error || !(old & FIB_DEEP))
		return error;
	return fib_unit_give(job->fib, old & FIB_PAYLOAD);
}

/* Puts 256 values behind 16 bits in the place of others. */
static int first_write(struct fib *fib, enum fib_family family, uint32_t at, const uint32_t before[256],
        const uint32_t after[256])
{
	uint32_t word;
	int error;

	if (!memcmp(before, after, 256 * sizeof before[0]))
		return 0;
	if (family == FIB_IPV4)
		return fib_flat_write(fib, at, before, after);
	error = fib_dir_write(fib, after, &word);
	if (!error)
		error = fib_dir_give(fib, fib->dir[at]);
	return error ? error : fib_set(fib, &fib->dir[at], word);
}

/* All behind 16 bits of address. */
static int first_update(const struct job *job, enum fib_family family, uint32_t at)
{
	struct fib *fib = job->fib;
	struct fib_key prefix = {{(uint64_t)at << 48, 0}};
	uint32_t before[256], after[256], node;
	uint32_t cover = fib_tree_cover(fib, family, &prefix, 16, &node);
	int error;

	if (family == FIB_IPV4)
		fib_flat_expand(fib, at, before);
	else
		fib_dir_expand(fib, fib->dir[at], before);
	error = unit_values(job, 2, node, cover, job_span(job, 2), before, after);
	return error ? error : first_write(fib, family, at, before, after);
}

int fib_tables_update(struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len)
{
	struct job job = {fib, key, len};
	uint32_t first = (uint32_t)(key->word[0] >> 48), n = len < 16 ? 1u << (16 - len) : 1;
	int error = 0;

	for (uint32_t at = first; at < first + n && !error; at++)
		error = first_update(&job, family, at);
	return error;
}

int fib_tables_update_dirty(struct fib *fib, enum fib_family family)
{
	static const struct fib_key all = {{0, 0}};
	struct job job = {fib, &all, 0};
	int error = 0;

	for (uint32_t i = 0; i < FIB_DIR_WORDS / 64; i++) {
		for (uint64_t bits = fib->dirty[family][i]; bits && !error; bits &= bits - 1)
			error = first_update(&job, family, i * 64 + (uint32_t)__builtin_ctzll(bits));
	}
	memset(fib->dirty[family], 0, FIB_DIR_WORDS / 8);
	return error;
}
