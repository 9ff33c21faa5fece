/* Blobs that were moved, cut short, or damaged: the same answers, or refused, or harmless. */
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
