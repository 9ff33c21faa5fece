/* The trees: nodes cut by the bits that bits.c chooses, until what is left fits a leaf. */
#include "common/classify/classify.h"
#include "common/classify/blob.h"

#include <stdlib.h>

/* A leaf of the last tree may be long, but all its leaves together hold no more copies than this. */
static uint32_t copies_total_max(uint32_t n)
{
	return 16 * n + 4096;
}

static uint32_t slots_push(struct builder *b, uint32_t n)
{
	struct slot_vec *vec = &b->slots;
	uint32_t first = vec->n;

	if (n > b->slots_max - vec->n) {
		b->overgrown = true;
		return 0;
	}
	if (vec->n + n > vec->cap) {
		uint32_t cap = MAX(vec->cap * 2, vec->n + n);
		struct classify_slot *at = realloc(vec->at, (size_t)cap * sizeof *at);

		if (at == NULL) {
			b->failed = true;
			return 0;
		}
		vec->at = at;
		vec->cap = cap;
	}
	memset(vec->at + first, 0, n * sizeof *vec->at);
	vec->n += n;
	return first;
}

static void leaf_write(struct builder *b, uint32_t slot, const uint16_t *rules, uint32_t n)
{
	struct classify_slot *leaf = &b->slots.at[slot];
	struct ref_vec *vec = &b->lists;

	b->leaf_refs += n;
	if (n <= LEAF_REFS) {
		leaf->kind = (uint8_t)n;
		memcpy(leaf->refs, rules, n * sizeof *rules);
		return;
	}
	if (vec->n + n > vec->cap) {
		uint32_t cap = MAX(vec->cap * 2, vec->n + n);
		uint16_t *at = realloc(vec->at, (size_t)cap * sizeof *at);

		if (at == NULL) {
			b->failed = true;
			return;
		}
		vec->at = at;
		vec->cap = cap;
	}
	memcpy(vec->at + vec->n, rules, n * sizeof *rules);
	leaf->kind = SLOT_LIST;
	leaf->base = vec->n;
	leaf->count = n;
	vec->n += n;
}

/* The bits under the cut that the rule leaves open, and those that it wants, packed. */
struct place {
	uint32_t open;
	uint32_t want;
};

static struct place rule_place(const struct builder *b, uint16_t rule, const struct cut *cut)
{
	const struct rule_bits *bits = &b->bits[rule];
	uint64_t all = bits_extract(UINT64_MAX, cut->mask);

	return (struct place){
	        .open = (uint32_t)(all & ~bits_extract(window(bits->care, cut->offset), cut->mask)),
	        .want = (uint32_t)bits_extract(window(bits->value, cut->offset), cut->mask),
	};
}

/* Leaves out the rules that went to the next tree. */
static uint32_t drop_evicted(const struct builder *b, uint16_t *rules, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		rules[kept] = rules[i];
		kept += !b->evicted[rules[i]];
	}
	return kept;
}

/* Sends the rules that the cut would copy too often to the next tree, and gives how many stay. */
static uint32_t evict(struct builder *b, uint16_t *rules, uint32_t n, const struct cut *cut)
{
	for (uint32_t i = 0; i < n; i++) {
		struct place place = rule_place(b, rules[i], cut);
		uint64_t copies = (uint64_t)b->copies[rules[i]] +
		                  (UINT64_C(1) << __builtin_popcount(place.open)) - 1;

		if (copies > b->limit)
			b->evicted[rules[i]] = 1;
		else
			b->copies[rules[i]] = (uint32_t)copies;
	}
	return drop_evicted(b, rules, n);
}

/* Deals n rules to the children: start[c] .. start[c + 1] - 1 of the returned array (the caller's to free)
 * are those of child c.  start has n_children + 2 members. */
static uint16_t *deal(struct builder *b, const uint16_t *rules, uint32_t n, const struct cut *cut,
        uint32_t *start, uint32_t n_children)
{
	uint16_t *dealt;

	for (uint32_t pass = 0; pass < 2; pass++) {
		if (pass == 1) {
			for (uint32_t c = 1; c < n_children + 2; c++)
				start[c] += start[c - 1];
			dealt = malloc(((size_t)start[n_children + 1] + 1) * sizeof *dealt);
			if (dealt == NULL)
				return NULL;
		}
		for (uint32_t i = 0; i < n; i++) {
			struct place place = rule_place(b, rules[i], cut);
			uint32_t open = place.open;

			for (;; open = (open - 1) & place.open) {
				uint32_t child = place.want | open;

				if (pass == 0)
					start[child + 2]++;
				else
					dealt[start[child + 1]++] = rules[i];
				if (open == 0)
					break;
			}
		}
	}
	return dealt;
}

static void node_build(struct builder *b, uint32_t slot, uint16_t *rules, uint32_t n, uint32_t depth);

static void children_build(struct builder *b, uint32_t slot, const uint16_t *rules, uint32_t n,
        const struct cut *cut, uint32_t depth)
{
	uint32_t n_children = 1u << __builtin_popcountll(cut->mask);
	uint32_t base = slots_push(b, n_children);
	uint32_t *start = calloc(n_children + 2, sizeof *start);
	uint16_t *dealt = start == NULL || b->failed || b->overgrown
	                          ? NULL
	                          : deal(b, rules, n, cut, start, n_children);

	if (dealt == NULL) {
		b->failed |= !b->overgrown;
	} else {
		struct classify_slot *node = &b->slots.at[slot];

		node->kind = SLOT_INNER;
		node->offset = cut->offset;
		node->base = base;
		node->mask = cut->mask;
		for (uint32_t c = 0; c < n_children; c++)
			node_build(b, base + c, dealt + start[c], start[c + 1] - start[c], depth + 1);
	}
	free(dealt);
	free(start);
}

/* Whether n rules that fit a leaf are better cut further: none must leave the tree, and few be copied. */
static bool worth_cutting(const struct builder *b, const uint16_t *rules, uint32_t n, const struct cut *cut)
{
	uint64_t copies = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t each = UINT64_C(1) << __builtin_popcount(rule_place(b, rules[i], cut).open);

		if (b->copies[rules[i]] + each - 1 > b->limit)
			return false;
		copies += each;
	}
	return copies <= 2 * n;
}

static void node_build(struct builder *b, uint32_t slot, uint16_t *rules, uint32_t n, uint32_t depth)
{
	uint8_t *deepest = &b->depth[b->n_trees];
	struct cut cut;

	if (b->failed || b->overgrown)
		return;
	*deepest = MAX(*deepest, (uint8_t)depth);
	n = drop_evicted(b, rules, n);
	b->limit = b->last ? UINT32_MAX : depth == 0 ? b->tuning.root_limit : b->tuning.limit;
	if (n <= LEAF_GOAL || depth == DEPTH_MAX || b->leaf_refs > b->leaf_refs_max ||
	        !cut_choose(b, rules, n, &cut) || (n <= LEAF_REFS && !worth_cutting(b, rules, n, &cut))) {
		leaf_write(b, slot, rules, n);
		return;
	}
	n = evict(b, rules, n, &cut);
	if (n <= LEAF_GOAL)
		leaf_write(b, slot, rules, n);
	else
		children_build(b, slot, rules, n, &cut, depth);
}

/* Builds one tree of n rules; gives how many did not stay in it, which are then in rules[]. */
static uint32_t tree_build(struct builder *b, uint16_t *rules, uint32_t n, bool last)
{
	uint32_t left = 0;
	uint16_t *own = malloc(n * sizeof *own);

	if (own == NULL) {
		b->failed = true;
		return 0;
	}
	memcpy(own, rules, n * sizeof *own);
	memset(b->evicted, 0, b->n_rules);
	for (uint32_t i = 0; i < n; i++)
		b->copies[rules[i]] = 1;
	b->last = last;
	b->leaf_refs = 0;
	b->leaf_refs_max = last ? copies_total_max(n) : UINT32_MAX;
	b->depth[b->n_trees] = 0;
	node_build(b, b->n_trees, own, n, 0);
	free(own);
	for (uint32_t i = 0; i < n; i++) {
		rules[left] = rules[i];
		left += b->evicted[rules[i]];
	}
	b->n_trees++;
	return left;
}

/* Builds all trees with the builder's tuning. */
static void trees_grow(struct builder *b)
{
	uint32_t n = b->n_rules;
	uint16_t *rules = calloc(n, sizeof *rules);

	if (rules == NULL) {
		b->failed = true;
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		rules[i] = (uint16_t)i;
	slots_push(b, CLASSIFY_TREES_MAX);
	while (n > 0 && !b->failed && !b->overgrown)
		n = tree_build(b, rules, n, n <= LEAF_REFS || b->n_trees == CLASSIFY_TREES_MAX - 1);
	free(rules);
}

/* A key that the rule's bits match, the others random. */
static void key_inside(const struct rule_bits *bits, uint64_t *random, uint64_t key[KEY_WORDS])
{
	for (uint32_t w = 0; w < KEY_WORDS; w++)
		key[w] = bits->value[w] | (random_next(random) & ~bits->care[w]);
}

/* The rules that a key is compared with, over all trees. */
static uint32_t compares(const struct builder *b, const uint64_t key[KEY_WORDS])
{
	uint32_t n = 0;

	for (uint32_t tree = 0; tree < b->n_trees; tree++) {
		const struct classify_slot *slot = &b->slots.at[tree];

		while (slot->kind == SLOT_INNER)
			slot = &b->slots.at[slot->base + bits_extract(window(key, slot->offset), slot->mask)];
		n += slot->kind == SLOT_LIST ? 4 + (uint32_t)slot->count : slot->kind;
	}
	return n;
}

/* What a packet inside a rule costs, in about cycles: a tree, a step, a comparison, and room beyond a
 * second-level cache.  Fitted to measurements; it only has to rank. */
static double trees_cost(const struct builder *b)
{
	const uint32_t samples = 512;
	uint64_t random = 1, key[KEY_WORDS];
	double bytes = b->slots.n * 16.0 + b->n_rules * 64.0, compared = 0, steps = 0;

	for (uint32_t i = 0; i < samples; i++) {
		key_inside(&b->bits[(uint64_t)i * b->n_rules / samples], &random, key);
		compared += compares(b, key);
	}
	for (uint32_t tree = 0; tree < b->n_trees; tree++)
		steps += b->depth[tree];
	return 16.0 * b->n_trees + 4.0 * steps + 5.0 * compared / samples + bytes / 1e5;
}

/* Large rulesets gain from roots that send rules on to trees of their own shape, small ones from a single
 * tree. */
static const struct tuning tunings[] = {
        {.root_limit = 64, .limit = 64, .extra_bits = 2},
        {.root_limit = 16, .limit = 64, .extra_bits = 2},
        {.root_limit = 8, .limit = 64, .extra_bits = 0},
        {.root_limit = 8, .limit = 512, .extra_bits = 0},
        {.root_limit = 16, .limit = 256, .extra_bits = 0},
};

/* Always fits: few copies, and so many trees. */
static const struct tuning frugal = {.root_limit = 2, .limit = 8, .extra_bits = 0};

static void trees_free(struct builder *b)
{
	/* The analyzer takes the copy that try_tuning works on for the builder it was copied from. */
	free(b->slots.at); /* NOLINT(clang-analyzer-unix.Malloc) */
	free(b->lists.at);
	b->slots.at = NULL;
	b->lists.at = NULL;
}

/* Builds with one tuning and keeps the cheaper of it and the best so far. */
static void try_tuning(const struct builder *base, struct tuning tuning, uint32_t slots_max,
        struct builder *best, double *best_cost)
{
	struct builder other = *base;

	other.tuning = tuning;
	other.slots_max = slots_max;
	trees_grow(&other);
	double cost = other.failed || other.overgrown ? *best_cost : trees_cost(&other);

	if (cost < *best_cost) {
		trees_free(best);
		*best = other;
		*best_cost = cost;
	} else {
		trees_free(&other);
		best->failed |= other.failed;
	}
}

void trees_build(struct builder *b)
{
	const double none = 1e30;
	struct builder best = *b;
	double best_cost = none;

	for (uint32_t i = 0; i < ARRAY_LEN(tunings) && !best.failed; i++)
		try_tuning(b, tunings[i], 6 * b->n_rules + 8192, &best, &best_cost);
	if (best_cost == none && !best.failed)
		try_tuning(b, frugal, UINT32_MAX, &best, &best_cost);
	*b = best;
}
