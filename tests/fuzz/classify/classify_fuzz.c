/* Rules and keys out of the input's bytes: the classifier finds what a linear search finds.  Then the rest of
 * the input damages the blob: it is refused, or looked up in without harm. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/classify/oracle.h"

#include <stdalign.h>
#include <stdlib.h>

#define RULES_MAX 24u
#define KEYS      8u

struct given {
	struct classify_rule rules[RULES_MAX];
	uint32_t n;
	struct classify_key keys[KEYS];
	const struct classify_key *refs[KEYS];
	uint8_t *blob;
	size_t size;
};

static void expect(bool holds)
{
	if (!holds)
		abort();
}

static void given_make(struct given *s, struct oracle_random *random)
{
	alignas(CACHE_LINE) static uint8_t room[1 << 20];

	s->n = oracle_pick(random, RULES_MAX + 1);
	for (uint32_t i = 0; i < s->n; i++)
		s->rules[i] = oracle_rule(random, CLASSIFY_F_ALL);
	for (uint32_t i = 0; i < KEYS; i++) {
		bool near = s->n > 0 && oracle_pick(random, 4) != 0;

		s->keys[i] = near ? oracle_key_near(random, &s->rules[oracle_pick(random, s->n)])
		                  : oracle_key(random);
		s->refs[i] = &s->keys[i];
	}
	expect(classify_build(s->rules, s->n, CLASSIFY_PASS, room, sizeof room, &s->size) == 0);
	s->blob = aligned_alloc(CACHE_LINE, s->size);
	expect(s->blob != NULL);
	memcpy(s->blob, room, s->size);
}

static void check_walk(const struct given *s, const struct classify *c, uint32_t key, uint32_t first)
{
	uint32_t expected[RULES_MAX], seen = 0;
	struct oracle_result oracle = {.rules = expected};
	struct classify_walk walk = classify_walk_start(s->keys[key].mark);
	bool more = true;

	oracle_run(s->rules, s->n, CLASSIFY_PASS, &s->keys[key], &oracle);
	while (more) {
		more = classify_run(c, &s->keys[key], first, &walk);
		expect(seen + walk.n <= oracle.n);
		expect(memcmp(expected + seen, walk.rules, walk.n * sizeof *expected) == 0);
		seen += walk.n;
	}
	expect(seen == oracle.n && walk.verdict == oracle.verdict && walk.mark == oracle.mark);
}

static void check(const struct given *s)
{
	struct classify c;
	uint32_t first[KEYS];

	expect(classify_attach(&c, s->blob, s->size) == 0);
	classify_bulk(&c, s->refs, KEYS, first);
	for (uint32_t i = 0; i < KEYS; i++) {
		expect(first[i] == oracle_first(s->rules, s->n, &s->keys[i]));
		check_walk(s, &c, i, first[i]);
	}
}

static void damage(const struct given *s, struct oracle_random *random)
{
	struct classify c;
	uint32_t first[KEYS], n = 1 + oracle_pick(random, 4);

	for (uint32_t i = 0; i < n; i++)
		s->blob[oracle_pick(random, (uint32_t)MIN(s->size, (size_t)65536))] ^= (uint8_t)oracle_pick(
		        random, 256);
	if (classify_attach(&c, s->blob, s->size) < 0)
		return;
	classify_bulk(&c, s->refs, KEYS, first);
	for (uint32_t i = 0; i < KEYS; i++) {
		struct classify_walk walk = classify_walk_start(s->keys[i].mark);

		(void)classify_run(&c, &s->keys[i], first[i], &walk);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct oracle_random random = {.state = 1 + len, .bytes = data, .len = len};
	struct given *s = calloc(1, sizeof *s);

	expect(s != NULL);
	given_make(s, &random);
	check(s);
	damage(s, &random);
	free(s->blob);
	free(s);
	return 0;
}
