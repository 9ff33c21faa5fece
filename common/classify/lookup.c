/* The lookup.
 *
 * A burst goes through in groups, in passes without a branch that depends on the packet: every packet one
 * step down a tree, until all stand at leaves; the rules of their leaves into one list of (packet, rule)
 * pairs; the pairs compared one after the other.  A branch that the packet decides would cost more than the
 * work that it saves.
 */
#include "common/classify/classify.h"
#include "common/classify/blob.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define GROUP     32u
#define PAIRS_MAX (GROUP * CLASSIFY_TREES_MAX * LEAF_REFS)

/* Eight rule numbers of a leaf, of which its number count, and the pairs that they make. */
typedef uint16_t refs_vec __attribute__((vector_size(16), aligned(2)));
typedef uint32_t pairs_vec __attribute__((vector_size(32), aligned(4)));

/* The key's side of an entry. */
struct subject {
	uint16_t words[8];
	uint16_t not_words[8];
	uint64_t bits;
	uint64_t not_bits;
	const struct classify_key *key;
} __attribute__((aligned(64)));

/* A group of packets on their way.  A pair is a rule and, in the upper half, a packet. */
struct group {
	struct subject subjects[GROUP];
	const struct classify *c;
	uint32_t n;
	uint32_t n_pairs;
	uint32_t n_lists;
	uint32_t at[GROUP];   /* slots */
	uint32_t best[GROUP]; /* rules */
	uint32_t pairs[PAIRS_MAX + 8];
	uint32_t hits[PAIRS_MAX + 8];
	struct {
		uint32_t packet;
		uint32_t slot;
	} lists[GROUP * CLASSIFY_TREES_MAX];
};

static always_inline void subject_set(struct subject *subject, const struct classify_key *key)
{
	memcpy(subject->words, key, sizeof subject->words);
	for (uint32_t i = 0; i < 8; i++)
		subject->not_words[i] = (uint16_t)~subject->words[i];
	subject->bits = load_u64(&key->ip_proto);
	subject->not_bits = ~subject->bits;
	subject->key = key;
}

static always_inline uint32_t step(
        const struct classify_slot *slots, uint32_t at, const struct classify_key *key)
{
	const struct classify_slot *slot = &slots[at];
	uint64_t bits = load_u64((const uint8_t *)key + slot->offset);
	uint32_t child = slot->base + (uint32_t)bits_extract(bits, slot->mask);

	/* Stays at a leaf; by a mask, for the compiler would take a branch. */
	return at + ((child - at) & (uint32_t)((int8_t)slot->kind >> 7));
}

static_assert(SLOT_INNER == 0x80, "the sign");

static always_inline bool common_matches(const struct classify_entry *entry, const struct subject *subject)
{
#if defined(__AVX2__)
	__m256i ranges = _mm256_subs_epu16(
	        _mm256_load_si256((const void *)entry->low), _mm256_load_si256((const void *)subject->words));
	__m128i bits = _mm_andnot_si128(
	        _mm_load_si128((const void *)&subject->bits), _mm_load_si128((const void *)&entry->ones));
	__m256i wrong = _mm256_or_si256(ranges, _mm256_zextsi128_si256(bits));

	return _mm256_testz_si256(wrong, wrong);
#else
	uint64_t wrong = (entry->ones & ~subject->bits) | (entry->zeros & ~subject->not_bits);

	for (uint32_t i = 0; i < 8; i++)
		wrong |= (uint64_t)(subject->words[i] < entry->low[i]) |
		         (uint64_t)(subject->not_words[i] < entry->not_high[i]);
	return wrong == 0;
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

static always_inline bool rule_matches(const struct classify *c, uint32_t rule, const struct subject *subject)
{
	const struct classify_entry *entry = &c->entries[rule];
	bool match = common_matches(entry, subject);

	if (unlikely(entry->rest != 0))
		match = match && rest_matches(&c->rests[entry->rest - 1], subject->key);
	return match;
}

static void group_walk(struct group *g, uint32_t tree)
{
	const struct classify_slot *slots = g->c->slots;
	uint32_t n = g->n;

	for (uint32_t i = 0; i < n; i++)
		g->at[i] = tree;
	for (uint32_t levels = g->c->depth[tree]; levels; levels--) {
		UNROLL_4
		for (uint32_t i = 0; i < n; i++)
			g->at[i] = step(slots, g->at[i], g->subjects[i].key);
	}
}

/* The pairs of one leaf, always eight: what is beyond its number is overwritten by the next. */
static always_inline void pairs_store(uint32_t *to, const struct classify_slot *slot, uint32_t packet)
{
	uint64_t low = load_u64(slot->refs), high = load_u64(slot->refs + 3) >> 16;
	refs_vec refs = (refs_vec)(__attribute__((vector_size(16))) uint64_t){low, high};
	pairs_vec pairs = __builtin_convertvector(refs, pairs_vec) | packet << 16;

	memcpy(to, &pairs, sizeof pairs);
}

static void group_collect(struct group *g)
{
	const struct classify_slot *slots = g->c->slots;
	uint32_t n_pairs = g->n_pairs, n = g->n;

	for (uint32_t i = 0; i < n; i++) {
		const struct classify_slot *slot = &slots[g->at[i]];

		pairs_store(g->pairs + n_pairs, slot, i);
		n_pairs += slot->kind & LEAF_REFS;
		if (unlikely(slot->kind == SLOT_LIST)) {
			g->lists[g->n_lists].packet = i;
			g->lists[g->n_lists++].slot = g->at[i];
		}
	}
	g->n_pairs = n_pairs;
}

static void group_compare(struct group *g)
{
	const struct classify *c = g->c;
	uint32_t n_pairs = g->n_pairs, n_hits = 0;

	for (uint32_t i = 0; i < n_pairs; i++) {
		uint32_t pair = g->pairs[i];

		g->hits[n_hits] = pair;
		n_hits += rule_matches(c, pair & 0xffff, &g->subjects[pair >> 16]);
	}
	for (uint32_t i = 0; i < n_hits; i++) {
		uint32_t rule = g->hits[i] & 0xffff, packet = g->hits[i] >> 16;

		g->best[packet] = MIN(g->best[packet], rule);
	}
}

/* The first rule of a list, from number `from` on and before `best`, that matches; else best. */
static uint32_t list_first(const struct classify *c, const uint16_t *list, uint64_t n,
        const struct subject *subject, uint32_t from, uint32_t best)
{
	for (uint64_t i = 0; i < n && list[i] < best; i++) {
		if (list[i] >= from && rule_matches(c, list[i], subject))
			return list[i];
	}
	return best;
}

static void group_scan_lists(struct group *g)
{
	for (uint32_t i = 0; i < g->n_lists; i++) {
		const struct classify_slot *slot = &g->c->slots[g->lists[i].slot];
		uint32_t packet = g->lists[i].packet;

		g->best[packet] = list_first(g->c, g->c->lists + slot->base, slot->count,
		        &g->subjects[packet], 0, g->best[packet]);
	}
}

static void group_begin(struct group *g, const struct classify_key *const keys[], uint32_t n)
{
	g->n = n;
	g->n_pairs = g->n_lists = 0;
	memset(g->best, 0xff, sizeof g->best);
	for (uint32_t i = 0; i < n; i++)
		subject_set(&g->subjects[i], keys[i]);
}

void classify_bulk(
        const struct classify *c, const struct classify_key *const keys[], uint32_t n, uint32_t first[])
{
	struct group g;

	g.c = c;
	for (uint32_t done = 0; done < n; done += g.n) {
		group_begin(&g, keys + done, MIN(n - done, GROUP));
		for (uint32_t tree = 0; tree < c->n_trees; tree++) {
			group_walk(&g, tree);
			group_collect(&g);
		}
		group_compare(&g);
		group_scan_lists(&g);
		memcpy(first + done, g.best, g.n * sizeof *first);
	}
}

uint32_t classify_next(const struct classify *c, const struct classify_key *key, uint32_t mark, uint32_t from)
{
	struct classify_key marked = *key;
	struct subject subject;
	uint32_t best = CLASSIFY_NO_RULE;

	marked.mark = mark;
	subject_set(&subject, &marked);
	for (uint32_t tree = 0; tree < c->n_trees; tree++) {
		const struct classify_slot *slot = &c->slots[tree];

		while (slot->kind == SLOT_INNER)
			slot = &c->slots[step(c->slots, (uint32_t)(slot - c->slots), &marked)];
		if (slot->kind == SLOT_LIST)
			best = list_first(c, c->lists + slot->base, slot->count, &subject, from, best);
		else
			best = list_first(c, slot->refs, slot->kind & LEAF_REFS, &subject, from, best);
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
