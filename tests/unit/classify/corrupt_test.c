/* Blobs that were moved, cut short, or damaged: the same answers, or refused, or harmless. */
#include "common/classify/blob.h"
#include "tests/unit/classify/oracle.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define N_RULES 300u
#define N_KEYS  64u

struct fixture {
	struct classify_rule rules[N_RULES];
	struct classify_key keys[N_KEYS];
	const struct classify_key *refs[N_KEYS];
	size_t size;
	uint8_t *blob;
};

static struct fixture *fixture_new(uint64_t seed)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct oracle_random random = {.state = seed};

	for (uint32_t i = 0; i < N_RULES; i++)
		f->rules[i] = oracle_rule(&random, CLASSIFY_F_ALL);
	for (uint32_t i = 0; i < N_KEYS; i++) {
		f->keys[i] = oracle_key_near(&random, &f->rules[i]);
		f->refs[i] = &f->keys[i];
	}
	cr_assert_eq(classify_build(f->rules, N_RULES, CLASSIFY_PASS, NULL, 0, &f->size), -ENOSPC);
	f->blob = aligned_alloc(CACHE_LINE, f->size);
	cr_assert_eq(classify_build(f->rules, N_RULES, CLASSIFY_PASS, f->blob, f->size, &f->size), 0);
	return f;
}

static void fixture_free(struct fixture *f)
{
	free(f->blob);
	free(f);
}

Test(classify_blob, works_wherever_it_lies)
{
	struct fixture *f = fixture_new(1);
	uint8_t *moved = aligned_alloc(CACHE_LINE, f->size + 128);
	uint32_t first[N_KEYS];
	struct classify c;

	memcpy(moved + 64, f->blob, f->size);
	memset(f->blob, 0xee, f->size);
	cr_assert_eq(classify_blob_size(moved + 64, f->size + 64), f->size);
	cr_assert_eq(classify_attach(&c, moved + 64, f->size + 64), 0);
	classify_bulk(&c, f->refs, N_KEYS, first);
	for (uint32_t i = 0; i < N_KEYS; i++)
		cr_assert_eq(first[i], oracle_first(f->rules, N_RULES, &f->keys[i]));
	free(moved);
	fixture_free(f);
}

Test(classify_blob, tells_the_room_it_needs_and_writes_nothing_without_it)
{
	struct fixture *f = fixture_new(2);
	uint8_t *room = aligned_alloc(CACHE_LINE, f->size);
	size_t used = 0;

	memset(room, 0xee, f->size);
	cr_assert_eq(classify_build(f->rules, N_RULES, CLASSIFY_PASS, room, f->size - 1, &used), -ENOSPC);
	cr_assert_eq(used, f->size);
	for (size_t i = 0; i < f->size; i++)
		cr_assert_eq(room[i], 0xee);
	cr_assert_eq(classify_build(f->rules, N_RULES, CLASSIFY_PASS, room, f->size, &used), 0);
	cr_assert_eq(memcmp(room, f->blob, f->size), 0, "the same rules give the same bytes");
	free(room);
	fixture_free(f);
}

Test(classify_blob, is_refused_cut_short_or_misplaced)
{
	struct fixture *f = fixture_new(3);
	struct classify c;

	for (size_t size = 0; size < f->size; size += 61)
		cr_assert_eq(classify_attach(&c, f->blob, size), -EINVAL);
	cr_assert_eq(classify_attach(&c, f->blob + 8, f->size - 8), -EINVAL);
	cr_assert_eq(classify_blob_size(f->blob, f->size - 1), 0);
	for (size_t at = 0; at < 12; at++) {
		f->blob[at] ^= 1;
		cr_assert_eq(
		        classify_attach(&c, f->blob, f->size), -EINVAL, "magic and version, byte %zu", at);
		f->blob[at] ^= 1;
	}
	cr_assert_eq(classify_attach(&c, f->blob, f->size), 0);
	fixture_free(f);
}

/* The first slot of a kind: SLOT_INNER, SLOT_LIST, or 1 for a leaf with rules. */
static struct classify_slot *slot_of_kind(struct fixture *f, uint8_t kind)
{
	const struct blob_header *h = (const void *)f->blob;
	struct classify_slot *slots = (void *)(f->blob + h->slots_at);

	for (uint32_t i = 0; i < h->n_slots; i++) {
		if (slots[i].kind == kind || (kind == 1 && slots[i].kind > 0 && slots[i].kind <= LEAF_REFS))
			return &slots[i];
	}
	cr_assert(false, "no slot of kind %u", kind);
	return NULL;
}

/* Changes one field, expects the blob to be refused, and changes it back. */
#define expect_refused(f, field, bad)                                                                        \
	do {                                                                                                 \
		typeof(field) good_ = (field);                                                               \
		struct classify c_;                                                                          \
		(field) = (bad);                                                                             \
		cr_assert_eq(classify_attach(&c_, (f)->blob, (f)->size), -EINVAL, #field " = " #bad);        \
		(field) = good_;                                                                             \
		cr_assert_eq(classify_attach(&c_, (f)->blob, (f)->size), 0);                                 \
	} while (0)

Test(classify_blob, is_refused_with_a_header_that_points_outside)
{
	struct fixture *f = fixture_new(5);
	struct blob_header *h = (void *)f->blob;

	expect_refused(f, h->policy, CLASSIFY_CONTINUE);
	expect_refused(f, h->size, f->size + 64);
	expect_refused(f, h->n_rules, CLASSIFY_RULES_MAX + 1);
	expect_refused(f, h->n_rules, 0);
	expect_refused(f, h->n_rules, N_RULES + 100000);
	expect_refused(f, h->n_rests, UINT32_MAX);
	expect_refused(f, h->n_slots, UINT32_MAX);
	expect_refused(f, h->n_slots, CLASSIFY_TREES_MAX - 1);
	expect_refused(f, h->n_lists, UINT32_MAX);
	expect_refused(f, h->n_trees, CLASSIFY_TREES_MAX + 1);
	expect_refused(f, h->n_trees, 0);
	expect_refused(f, h->depth[0], 255);
	expect_refused(f, h->slots_at, h->size);
	expect_refused(f, h->slots_at, 0);
	expect_refused(f, h->slots_at, h->slots_at + 8);
	expect_refused(f, h->entries_at, UINT64_MAX - 63);
	expect_refused(f, h->rests_at, h->size - 64);
	expect_refused(f, h->marks_at, h->size - 64);
	expect_refused(f, h->lists_at, h->size + 64);
	fixture_free(f);
}

Test(classify_blob, is_refused_with_an_index_that_points_outside)
{
	struct fixture *f = fixture_new(6);
	struct blob_header *h = (void *)f->blob;
	struct classify_slot *node = slot_of_kind(f, SLOT_INNER), *list = slot_of_kind(f, SLOT_LIST);
	struct classify_slot *leaf = slot_of_kind(f, 1);
	struct classify_entry *entries = (void *)(f->blob + h->entries_at);
	uint16_t *lists = (void *)(f->blob + h->lists_at);

	expect_refused(f, node->offset, sizeof(struct classify_key) - 7);
	expect_refused(f, node->mask, 0);
	expect_refused(f, node->mask, UINT64_MAX);
	expect_refused(f, node->base, 0);
	expect_refused(f, node->base, h->n_slots);
	expect_refused(f, node->base, h->n_slots - 1);
	expect_refused(f, node->kind, 0x81);
	expect_refused(f, list->base, h->n_lists + 1);
	expect_refused(f, list->count, h->n_lists - list->base + 1);
	expect_refused(f, list->count, UINT64_MAX);
	expect_refused(f, list->offset, 65);
	expect_refused(f, leaf->refs[0], N_RULES);
	expect_refused(f, leaf->offset, 65);
	expect_refused(f, lists[0], N_RULES);
	expect_refused(f, entries[7].rest, h->n_rests + 1);
	expect_refused(f, entries[7].verdict, 3);
	fixture_free(f);
}

/* What a damaged blob that was accepted says may be wrong; reading outside of it is what the sanitizer would
 * see. */
static void use(const struct classify *c, const struct fixture *f)
{
	uint32_t first[N_KEYS];
	struct classify_cost cost;

	classify_bulk(c, f->refs, N_KEYS, first);
	for (uint32_t i = 0; i < N_KEYS; i++) {
		struct classify_walk walk = classify_walk_start(f->keys[i].mark);
		uint32_t rounds = 0;

		while (rounds++ < 64 && classify_run(c, &f->keys[i], first[i], &walk))
			;
		(void)classify_decides(c, first[i]);
	}
	classify_cost(c, &cost);
}

Test(classify_blob, is_refused_or_harmless_when_damaged)
{
	struct fixture *f = fixture_new(4);
	struct oracle_random random = {.state = 99};
	uint8_t *damaged = aligned_alloc(CACHE_LINE, f->size);
	uint32_t refused = 0;
	struct classify c;

	for (uint32_t round = 0; round < 3000; round++) {
		memcpy(damaged, f->blob, f->size);
		for (uint32_t i = 0; i <= round % 3; i++) {
			uint32_t reach = round % 2 ? 128 + CLASSIFY_TREES_MAX * 16 + 64 : (uint32_t)f->size;

			damaged[oracle_pick(&random, reach)] = (uint8_t)oracle_pick(&random, 256);
		}
		if (classify_attach(&c, damaged, f->size) == 0)
			use(&c, f);
		else
			refused++;
	}
	cr_assert_gt(refused, 300);
	cr_assert_lt(refused, 2900);
	free(damaged);
	fixture_free(f);
}
