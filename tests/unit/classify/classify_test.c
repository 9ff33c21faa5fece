/* The classifier against one that compares every rule. */
#include "tests/unit/classify/oracle.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define KEYS 2048u

struct built {
	void *blob;
	size_t size;
	struct classify c;
};

static struct built build(const struct classify_rule *rules, uint32_t n, enum classify_verdict policy)
{
	struct built built = {0};
	size_t used;

	cr_assert_eq(classify_build(rules, n, policy, NULL, 0, &built.size), -ENOSPC);
	built.blob = aligned_alloc(CACHE_LINE, built.size);
	cr_assert_eq(classify_build(rules, n, policy, built.blob, built.size, &used), 0);
	cr_assert_eq(used, built.size);
	cr_assert_eq(classify_attach(&built.c, built.blob, built.size), 0);
	return built;
}

static void check_walk(const struct built *built, const struct classify_rule *rules, uint32_t n,
        enum classify_verdict policy, const struct classify_key *key, uint32_t first)
{
	uint32_t *expected = calloc(n + 1, sizeof *expected), seen = 0;
	struct oracle_result oracle = {.rules = expected};
	struct classify_walk walk = classify_walk_start(key->mark);
	bool more = true;

	oracle_run(rules, n, policy, key, &oracle);
	while (more) {
		more = classify_run(&built->c, key, first, &walk);
		cr_assert_leq(seen + walk.n, oracle.n);
		cr_assert_eq(memcmp(walk.rules, expected + seen, walk.n * sizeof *expected), 0);
		seen += walk.n;
	}
	cr_assert_eq(seen, oracle.n);
	cr_assert_eq(walk.mark, oracle.mark);
	cr_assert_eq(walk.verdict, oracle.verdict);
	cr_assert_eq(walk.by_policy, oracle.by_policy);
	if (classify_decides(&built->c, first) != CLASSIFY_CONTINUE) {
		cr_assert_eq(classify_decides(&built->c, first), oracle.verdict);
		cr_assert_eq(key->mark, oracle.mark);
	}
	free(expected);
}

/* n random rules, keys at random and near the rules: the first match, and the whole walk. */
static void check_random(uint64_t seed, uint32_t n, uint32_t fields)
{
	struct oracle_random random = {.state = seed};
	struct classify_rule *rules = calloc(n + 1, sizeof *rules);
	struct classify_key *keys = calloc(KEYS, sizeof *keys);
	const struct classify_key **refs = calloc(KEYS, sizeof *refs);
	uint32_t *first = calloc(KEYS, sizeof *first), matched = 0;

	for (uint32_t i = 0; i < n; i++)
		rules[i] = oracle_rule(&random, fields);
	for (uint32_t i = 0; i < KEYS; i++) {
		bool near = n > 0 && i % 4 != 0;

		keys[i] = near ? oracle_key_near(&random, &rules[oracle_pick(&random, n)])
		               : oracle_key(&random);
		refs[i] = &keys[i];
	}
	enum classify_verdict policy = seed % 2 ? CLASSIFY_PASS : CLASSIFY_DROP;
	struct built built = build(rules, n, policy);

	classify_bulk(&built.c, refs, KEYS - seed % 16, first);
	for (uint32_t i = 0; i < KEYS - seed % 16; i++) {
		cr_assert_eq(first[i], oracle_first(rules, n, &keys[i]), "seed %lu: key %u: %u", seed, i,
		        first[i]);
		check_walk(&built, rules, n, policy, &keys[i], first[i]);
		matched += first[i] != CLASSIFY_NO_RULE;
	}
	cr_assert(n < 32 || matched > KEYS / 16, "seed %lu: %u of %u rules matched by %u keys", seed, n, n,
	        matched);
	free(built.blob);
	free(first);
	free(refs);
	free(keys);
	free(rules);
}

Test(classify, finds_what_a_linear_search_finds)
{
	static const uint32_t sizes[] = {1, 2, 7, 8, 9, 20, 60, 150, 400};

	for (uint64_t seed = 1; seed <= 36; seed++)
		check_random(seed, sizes[seed % ARRAY_LEN(sizes)], CLASSIFY_F_ALL);
}

Test(classify, finds_it_in_each_field_alone)
{
	for (uint32_t bit = 1; bit < CLASSIFY_F_ALL; bit <<= 1)
		check_random(100 + (uint64_t)__builtin_ctz(bit), 100, bit | CLASSIFY_F_FAMILY);
}

Test(classify, finds_it_among_thousands_of_five_tuples)
{
	uint32_t fields = CLASSIFY_F_FAMILY | CLASSIFY_F_SRC | CLASSIFY_F_DST | CLASSIFY_F_PROTO |
	                  CLASSIFY_F_L4_SPORT | CLASSIFY_F_L4_DPORT;

	check_random(200, 3000, fields);
}

Test(classify, has_no_rule_in_an_empty_ruleset)
{
	struct built built = build(NULL, 0, CLASSIFY_DROP);
	struct oracle_random random = {.state = 1};
	struct classify_key key = oracle_key(&random);
	const struct classify_key *keys[] = {&key};
	struct classify_walk walk = classify_walk_start(key.mark);
	uint32_t first = 0;

	cr_assert(classify_is_empty(&built.c));
	classify_bulk(&built.c, keys, 1, &first);
	cr_assert_eq(first, CLASSIFY_NO_RULE);
	cr_assert(!classify_run(&built.c, &key, first, &walk));
	cr_assert_eq(walk.verdict, CLASSIFY_DROP);
	cr_assert(walk.by_policy);
	free(built.blob);
}

Test(classify, gives_more_matches_than_a_walk_holds_in_parts)
{
	struct classify_rule rules[3 * CLASSIFY_WALK_MAX + 1] = {0};
	struct oracle_random random = {.state = 7};
	struct classify_key key = oracle_key(&random);

	for (uint32_t n = CLASSIFY_WALK_MAX - 1; n <= 3 * CLASSIFY_WALK_MAX; n++) {
		for (uint32_t i = 0; i < n; i++)
			rules[i].verdict = CLASSIFY_CONTINUE;
		for (uint32_t last = 0; last < 2; last++) {
			rules[n].verdict = CLASSIFY_PASS;
			struct built built = build(rules, n + last, CLASSIFY_DROP);

			check_walk(&built, rules, n + last, CLASSIFY_DROP, &key, 0);
			free(built.blob);
		}
	}
}

Test(classify, lets_later_rules_see_the_mark_that_earlier_ones_set)
{
	const struct classify_rule rules[] = {
	        {.fields = CLASSIFY_F_MARK, .mark = {5, 0xff}, .verdict = CLASSIFY_DROP},
	        {.set_mark = {5, 0xff}, .verdict = CLASSIFY_CONTINUE},
	        {.fields = CLASSIFY_F_MARK,
	                .mark = {5, 0xff},
	                .set_mark = {0x100, 0x100},
	                .verdict = CLASSIFY_PASS},
	};
	struct built built = build(rules, 3, CLASSIFY_DROP);
	struct oracle_random random = {.state = 7};
	struct classify_key key = oracle_key(&random);

	key.mark = 0xabcd0003;
	struct classify_walk walk = classify_walk_start(key.mark);

	cr_assert(!classify_run(&built.c, &key, classify_next(&built.c, &key, key.mark, 0), &walk));
	cr_assert_eq(walk.n, 2);
	cr_assert_eq(walk.rules[0], 1);
	cr_assert_eq(walk.rules[1], 2);
	cr_assert_eq(walk.mark, 0xabcd0105);
	cr_assert_eq(walk.verdict, CLASSIFY_PASS);
	free(built.blob);
}

/* Ranges that all hold the middle: no bit of the key tells them apart. */
Test(classify, compares_in_order_what_no_bit_tells_apart)
{
	struct classify_rule rules[1000] = {0};
	struct oracle_random random = {.state = 7};
	struct classify_key key = oracle_key(&random);
	const struct classify_key *keys[] = {&key};
	struct classify_cost cost;

	for (uint32_t i = 0; i < ARRAY_LEN(rules); i++) {
		rules[i].fields = CLASSIFY_F_L4_DPORT;
		rules[i].l4_dport = (struct classify_range){(uint16_t)(32767 - i), (uint16_t)(32768 + i)};
	}
	struct built built = build(rules, ARRAY_LEN(rules), CLASSIFY_DROP);

	key.shape = classify_shape(CLASSIFY_IPV4, CLASSIFY_WHOLE, CLASSIFY_L4_PORTS);
	for (uint32_t port = 31700; port < 33800; port++) {
		uint32_t first;

		key.l4_dport = (uint16_t)port;
		classify_bulk(&built.c, keys, 1, &first);
		cr_assert_eq(first, oracle_first(rules, ARRAY_LEN(rules), &key));
	}
	classify_cost(&built.c, &cost);
	cr_assert_eq(cost.compares, ARRAY_LEN(rules));
	free(built.blob);
}

Test(classify, compares_few_of_many_rules)
{
	uint32_t n = 4000;
	struct classify_rule *rules = calloc(n, sizeof *rules);
	struct classify_cost cost;

	for (uint32_t i = 0; i < n; i++) {
		rules[i].fields = CLASSIFY_F_SMAC;
		memset(&rules[i].smac.mask, 0xff, 6);
		rules[i].smac.value = (struct mac_addr){{2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}};
	}
	struct built built = build(rules, n, CLASSIFY_DROP);

	classify_cost(&built.c, &cost);
	cr_assert_leq(cost.compares, 16);
	cr_assert_leq(cost.steps, 8);
	free(built.blob);
	free(rules);
}

/* Random masks: hardly two rules care for the same bits, every cut copies most of them, and all tunings
 * overgrow. */
Test(classify, finds_it_where_every_cut_copies_most_rules)
{
	uint32_t n = 12000, first[64], matched = 0;
	struct classify_rule *rules = calloc(n, sizeof *rules);
	struct oracle_random random = {.state = 7};
	struct classify_key keys[64];
	const struct classify_key *refs[64];

	for (uint32_t i = 0; i < n; i++) {
		rules[i].fields = CLASSIFY_F_SMAC | CLASSIFY_F_DMAC;
		for (uint32_t j = 0; j < 6; j++) {
			rules[i].smac.value.b[j] = (uint8_t)oracle_pick(&random, 256);
			rules[i].dmac.value.b[j] = (uint8_t)oracle_pick(&random, 256);
		}
		for (uint32_t j = 0; j < 18; j++) {
			rules[i].smac.mask.b[j / 3] |= (uint8_t)(1u << oracle_pick(&random, 8));
			rules[i].dmac.mask.b[j / 3] |= (uint8_t)(1u << oracle_pick(&random, 8));
		}
	}
	struct built built = build(rules, n, CLASSIFY_DROP);

	for (uint32_t i = 0; i < 64; i++) {
		keys[i] = oracle_key(&random);
		keys[i].smac = rules[i * 180].smac.value;
		keys[i].dmac = rules[i * 180].dmac.value;
		refs[i] = &keys[i];
	}
	classify_bulk(&built.c, refs, 64, first);
	for (uint32_t i = 0; i < 64; i++) {
		cr_assert_eq(first[i], oracle_first(rules, n, &keys[i]));
		matched += first[i] != CLASSIFY_NO_RULE;
	}
	cr_assert_eq(matched, 64);
	free(built.blob);
	free(rules);
}

Test(classify, refuses_rules_that_contradict_themselves)
{
	const struct classify_rule good = {.fields = CLASSIFY_F_PROTO, .proto = 17};
	const struct classify_rule bad[] = {
	        {.fields = CLASSIFY_F_ALL + 1},
	        {.verdict = (enum classify_verdict)3},
	        {.fields = CLASSIFY_F_IN_PORT, .in_port = {.n = 0}},
	        {.fields = CLASSIFY_F_OUT_PORT, .out_port = {.n = CLASSIFY_PORTS_MAX + 1}},
	        {.fields = CLASSIFY_F_VLAN, .vlan = 4096},
	        {.fields = CLASSIFY_F_INNER_VLAN, .inner_vlan = 0xfffe},
	        {.fields = CLASSIFY_F_FAMILY, .family = (enum classify_family)1},
	        {.fields = CLASSIFY_F_SRC},
	        {.fields = CLASSIFY_F_DST | CLASSIFY_F_FAMILY, .family = CLASSIFY_NOT_IP},
	        {.fields = CLASSIFY_F_SRC | CLASSIFY_F_FAMILY, .family = CLASSIFY_IPV4, .src = {.len = 33}},
	        {.fields = CLASSIFY_F_DST | CLASSIFY_F_FAMILY, .family = CLASSIFY_IPV6, .dst = {.len = 129}},
	        {.fields = CLASSIFY_F_PROTO | CLASSIFY_F_FAMILY, .family = CLASSIFY_NOT_IP},
	        {.fields = CLASSIFY_F_FRAGMENT, .fragment = (enum classify_fragment)4},
	        {.fields = CLASSIFY_F_L4_SPORT, .l4_sport = {2, 1}},
	        {.fields = CLASSIFY_F_L4_DPORT, .l4_dport = {65535, 0}},
	        {.fields = CLASSIFY_F_L4_DPORT | CLASSIFY_F_ICMP_TYPE},
	        {.fields = CLASSIFY_F_TCP_FLAGS | CLASSIFY_F_PROTO, .proto = 17},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct classify_rule rules[] = {good, good, bad[i]};
		size_t used = 0;

		cr_assert_eq(
		        classify_build(rules, 3, CLASSIFY_PASS, NULL, 0, &used), -EINVAL, "bad rule %zu", i);
		cr_assert_eq(used, 2);
	}
}

Test(classify, refuses_a_call_that_makes_no_sense)
{
	struct classify_rule rule = {0};
	size_t used;

	cr_assert_eq(classify_build(&rule, CLASSIFY_RULES_MAX + 1, CLASSIFY_PASS, NULL, 0, &used), -E2BIG);
	cr_assert_eq(classify_build(&rule, 1, CLASSIFY_CONTINUE, NULL, 0, &used), -EINVAL);
	cr_assert_eq(used, 1);
}

Test(classify, holds_as_many_rules_as_it_says)
{
	struct classify_rule *rules = calloc(CLASSIFY_RULES_MAX, sizeof *rules);
	struct oracle_random random = {.state = 7};
	struct classify_key key = oracle_key(&random);

	for (uint32_t i = 0; i < CLASSIFY_RULES_MAX; i++) {
		rules[i].fields = CLASSIFY_F_FAMILY | CLASSIFY_F_SRC;
		rules[i].family = CLASSIFY_IPV4;
		rules[i].src = (struct classify_prefix){ip6_addr_mapped(be32_from_host(i)), 32};
	}
	struct built built = build(rules, CLASSIFY_RULES_MAX, CLASSIFY_DROP);

	key.shape = classify_shape(CLASSIFY_IPV4, CLASSIFY_WHOLE, CLASSIFY_L4_NONE);
	for (uint32_t i = 0; i < CLASSIFY_RULES_MAX; i += 7) {
		key.saddr = i;
		cr_assert_eq(classify_next(&built.c, &key, 0, 0), i);
	}
	free(built.blob);
	free(rules);
}
