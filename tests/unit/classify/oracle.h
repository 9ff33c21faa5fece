/* A classifier so plain that it needs no test: every rule in turn, every field in turn.  And rules and keys
 * at random out of small pools, so that they meet. */
#ifndef SLUICE_TESTS_UNIT_CLASSIFY_ORACLE_H
#define SLUICE_TESTS_UNIT_CLASSIFY_ORACLE_H

#include "common/classify/classify.h"

/* Everything that a walk over the rules gives, without a bound. */
struct oracle_result {
	enum classify_verdict verdict;
	bool by_policy;
	uint32_t mark;
	uint32_t n;
	uint32_t *rules; /* room for as many as there are rules */
};

bool oracle_matches(const struct classify_rule *rule, const struct classify_key *key, uint32_t mark);
uint32_t oracle_first(const struct classify_rule *rules, uint32_t n, const struct classify_key *key);
void oracle_run(const struct classify_rule *rules, uint32_t n, enum classify_verdict policy,
        const struct classify_key *key, struct oracle_result *result);

/* Where random numbers come from: a seeded generator, or a fuzzer's bytes first. */
struct oracle_random {
	uint64_t state;
	const uint8_t *bytes;
	size_t len;
};

uint32_t oracle_pick(struct oracle_random *random, uint32_t below);

/* A rule with a random choice of fields, never contradicting itself.  `fields` limits which may be given. */
struct classify_rule oracle_rule(struct oracle_random *random, uint32_t fields);

struct classify_key oracle_key(struct oracle_random *random);

/* A key that the rule matches in most of its fields. */
struct classify_key oracle_key_near(struct oracle_random *random, const struct classify_rule *rule);

#endif
