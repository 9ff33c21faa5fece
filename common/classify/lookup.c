/* The lookup.
 *
 * A burst goes through in groups, in passes without a branch that depends on the packet: every packet one
 * step down a tree, until all stand at leaves; the rules of their leaves into one list of (packet, rule)
 * pairs; the pairs compared one after the other.  A branch that the packet decides would cost more than the
 * work that it saves.
 */
#include "common/classify/classify.h"
#include "common/classify/blob.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define GROUP 16u

/* A group of packets on their way.  Pairs are stored eight at a time, of which the leaf's number count. */
struct group {
	const struct classify *c;
	const struct classify_key *const *keys;
	uint32_t n;
	uint32_t at[GROUP];   /* slots */
	uint32_t best[GROUP]; /* rules */
	uint32_t n_pairs;
	uint16_t rule[GROUP * CLASSIFY_TREES_MAX * LEAF_REFS + 8];
	uint16_t packet[GROUP * CLASSIFY_TREES_MAX * LEAF_REFS + 8];
	uint32_t n_lists;
	struct {
		uint32_t packet;
		uint32_t slot;
	} lists[GROUP * CLASSIFY_TREES_MAX];
};

static always_inline uint32_t step(const struct classify *c, uint32_t at, const struct classify_key *key)
{
	const struct classify_slot *slot = &c->slots[at];
	uint64_t bits = load_u64((const uint8_t *)key + slot->offset);
	uint32_t child = slot->base + (uint32_t)bits_extract(bits, slot->mask);

	return slot->kind == SLOT_INNER ? child : at;
}

/* Whether the eight words of the key all lie in the entry's ranges: key - low, and what of it exceeds span.
 */
static always_inline bool words_match(const struct classify_entry *entry, const struct classify_key *key)
{
#if defined(__SSE2__)
	__m128i words = _mm_loadu_si128((const void *)key);
	__m128i above = _mm_sub_epi16(words, _mm_loadu_si128((const void *)entry->low));
	__m128i beyond = _mm_subs_epu16(above, _mm_loadu_si128((const void *)entry->span));

	return _mm_movemask_epi8(_mm_cmpeq_epi16(beyond, _mm_setzero_si128())) == 0xffff;
#else
	uint16_t words[8];
	bool out = false;

	memcpy(words, key, sizeof words);
	for (uint32_t i = 0; i < 8; i++)
		out |= (uint16_t)(words[i] - entry->low[i]) > entry->span[i];
	return !out;
#endif
}

static bool set_has(const uint16_t set[CLASSIFY_PORTS_MAX], struct port_id port)
{
	bool found = false;

	for (uint32_t i = 0; i < CLASSIFY_PORTS_MAX; i++)
		found |= set[i] == port.v;
	return found;
}

static bool rest_matches(const struct classify_rest *rest, const struct classify_key *key)
{
	uint64_t differ = 0;

	for (uint32_t i = 0; i < REST_WORDS; i++)
		differ |= (load_u64((const uint8_t *)key + COMMON_BYTES + 8 * i) ^ rest->value[i]) &
		          rest->care[i];
	return differ == 0 && (!rest->has_in_set || set_has(rest->in_set, key->in_port)) &&
	       (!rest->has_out_set || set_has(rest->out_set, key->out_port));
}

static always_inline bool rule_matches(
        const struct classify *c, uint32_t rule, const struct classify_key *key)
{
	const struct classify_entry *entry = &c->entries[rule];
	uint64_t bits = load_u64(&key->ip_proto);
	bool match = words_match(entry, key) & (((bits ^ entry->value) & entry->mask) == 0);

	if (unlikely(match & (entry->rest != 0)))
		match = rest_matches(&c->rests[entry->rest - 1], key);
	return match;
}

static void group_walk(struct group *g, uint32_t tree)
{
	for (uint32_t i = 0; i < g->n; i++)
		g->at[i] = tree;
	for (uint32_t level = 0; level < g->c->depth[tree]; level++) {
		for (uint32_t i = 0; i < g->n; i++)
			g->at[i] = step(g->c, g->at[i], g->keys[i]);
	}
}

/* The 14 bytes of refs, as two words that overlap. */
static always_inline void refs_copy(uint16_t *to, const struct classify_slot *slot)
{
	memcpy(to, slot->refs, 8);
	memcpy(to + 3, slot->refs + 3, 8);
}

static void group_collect(struct group *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		const struct classify_slot *slot = &g->c->slots[g->at[i]];

		refs_copy(g->rule + g->n_pairs, slot);
		for (uint32_t j = 0; j < 8; j++)
			g->packet[g->n_pairs + j] = (uint16_t)i;
		g->n_pairs += slot->kind & LEAF_REFS;
		g->lists[g->n_lists].packet = i;
		g->lists[g->n_lists].slot = g->at[i];
		g->n_lists += slot->kind == SLOT_LIST;
	}
}

static void group_compare(struct group *g)
{
	for (uint32_t i = 0; i < g->n_pairs; i++)
		__builtin_prefetch(&g->c->entries[g->rule[i]]);
	for (uint32_t i = 0; i < g->n_pairs; i++) {
		uint32_t packet = g->packet[i], rule = g->rule[i];
		bool match = rule_matches(g->c, rule, g->keys[packet]);
		uint32_t found = match ? rule : CLASSIFY_NO_RULE;

		g->best[packet] = MIN(g->best[packet], found);
	}
}

/* The first rule of a list, from number `from` on and before `best`, that matches; else best. */
static uint32_t list_first(const struct classify *c, const struct classify_slot *slot,
        const struct classify_key *key, uint32_t from, uint32_t best)
{
	const uint16_t *list = c->lists + slot->base;

	for (uint64_t i = 0; i < slot->count && list[i] < best; i++) {
		if (list[i] >= from && rule_matches(c, list[i], key))
			return list[i];
	}
	return best;
}

static void group_scan_lists(struct group *g)
{
	for (uint32_t i = 0; i < g->n_lists; i++) {
		uint32_t packet = g->lists[i].packet;

		g->best[packet] = list_first(
		        g->c, &g->c->slots[g->lists[i].slot], g->keys[packet], 0, g->best[packet]);
	}
}

void classify_bulk(
        const struct classify *c, const struct classify_key *const keys[], uint32_t n, uint32_t first[])
{
	struct group g;

	g.c = c;
	for (uint32_t done = 0; done < n; done += g.n) {
		g.keys = keys + done;
		g.n = MIN(n - done, GROUP);
		g.n_pairs = g.n_lists = 0;
		memset(g.best, 0xff, sizeof g.best);
		for (uint32_t tree = 0; tree < c->n_trees; tree++) {
			group_walk(&g, tree);
			group_collect(&g);
		}
		group_compare(&g);
		group_scan_lists(&g);
		memcpy(first + done, g.best, g.n * sizeof *first);
	}
}

static uint32_t leaf_first(const struct classify *c, const struct classify_slot *slot,
        const struct classify_key *key, uint32_t from, uint32_t best)
{
	if (slot->kind == SLOT_LIST)
		return list_first(c, slot, key, from, best);
	for (uint32_t i = 0; i < (slot->kind & LEAF_REFS) && slot->refs[i] < best; i++) {
		if (slot->refs[i] >= from && rule_matches(c, slot->refs[i], key))
			return slot->refs[i];
	}
	return best;
}

uint32_t classify_next(const struct classify *c, const struct classify_key *key, uint32_t mark, uint32_t from)
{
	struct classify_key marked = *key;
	uint32_t best = CLASSIFY_NO_RULE;

	marked.mark = mark;
	for (uint32_t tree = 0; tree < c->n_trees; tree++) {
		uint32_t at = tree;

		while (c->slots[at].kind == SLOT_INNER)
			at = step(c, at, &marked);
		best = leaf_first(c, &c->slots[at], &marked, from, best);
	}
	return best;
}

enum classify_verdict classify_decides(const struct classify *c, uint32_t first)
{
	if (first == CLASSIFY_NO_RULE)
		return c->policy;
	return c->entries[first].sets_mark ? CLASSIFY_CONTINUE
	                                   : (enum classify_verdict)c->entries[first].verdict;
}

/* Counts the rule in the walk and does what it says. */
static void walk_take(const struct classify *c, uint32_t rule, struct classify_walk *walk)
{
	const struct classify_entry *entry = &c->entries[rule];
	struct classify_bits32 set = c->marks[rule];

	walk->rules[walk->n++] = rule;
	walk->next = rule + 1;
	walk->verdict = (enum classify_verdict)entry->verdict;
	walk->mark = (walk->mark & ~set.mask) | (set.value & set.mask);
}

bool classify_run(
        const struct classify *c, const struct classify_key *key, uint32_t first, struct classify_walk *walk)
{
	uint32_t rule = walk->next == 0 ? first : classify_next(c, key, walk->mark, walk->next);

	walk->n = 0;
	while (rule != CLASSIFY_NO_RULE) {
		walk_take(c, rule, walk);
		if (walk->verdict != CLASSIFY_CONTINUE)
			return false;
		if (walk->n == CLASSIFY_WALK_MAX)
			return true;
		rule = classify_next(c, key, walk->mark, walk->next);
	}
	walk->verdict = c->policy;
	walk->by_policy = true;
	return false;
}
