#include "tests/bench/rules/tuples.h"
#include "common/base/base.h"

#define SITES 64u

static uint32_t pick(uint64_t *state, uint32_t below)
{
	return (uint32_t)(random_next(state) >> 32) % below;
}

static uint32_t mask_of(uint32_t len)
{
	return len == 0 ? 0 : UINT32_MAX << (32 - len);
}

/* An address in one of the sites, each a /12 to a /16 of its own. */
static uint32_t pick_addr(uint64_t *state)
{
	uint64_t site = 1 + pick(state, SITES);
	uint32_t base = (uint32_t)random_next(&(uint64_t){site * UINT64_C(0x9e3779b97f4a7c15)});

	return (base & mask_of(12 + (uint32_t)site % 5)) |
	       ((uint32_t)random_next(state) & ~mask_of(12 + (uint32_t)site % 5));
}

static void set_saddr(struct tuple_rule *rule, uint64_t *state, uint32_t shortest, uint32_t longest)
{
	rule->saddr_len = (uint8_t)(shortest + pick(state, longest - shortest + 1));
	rule->saddr = pick_addr(state) & mask_of(rule->saddr_len);
}

static void set_daddr(struct tuple_rule *rule, uint64_t *state, uint32_t shortest, uint32_t longest)
{
	rule->daddr_len = (uint8_t)(shortest + pick(state, longest - shortest + 1));
	rule->daddr = pick_addr(state) & mask_of(rule->daddr_len);
}

static void set_service(uint16_t range[2], uint64_t *state)
{
	static const uint16_t well_known[] = {
	        20, 21, 22, 23, 25, 53, 80, 110, 123, 143, 161, 443, 445, 993, 3306, 8080};

	range[0] = range[1] = pick(state, 4) == 0 ? (uint16_t)pick(state, 65536)
	                                          : well_known[pick(state, ARRAY_LEN(well_known))];
}

static void set_range(uint16_t range[2], uint64_t *state)
{
	uint16_t a = (uint16_t)pick(state, 65536), b = (uint16_t)pick(state, 65536);

	switch (pick(state, 4)) {
	case 0: range[0] = 1024, range[1] = 65535; return;
	case 1: range[0] = 0, range[1] = 1023; return;
	case 2: range[0] = a, range[1] = (uint16_t)MIN(65535u, a + 100u); return;
	case 3: range[0] = MIN(a, b), range[1] = MAX(a, b); return;
	}
}

static struct tuple_rule rule_random(uint64_t *state)
{
	struct tuple_rule rule = {
	        .sport = {0, 65535}, .dport = {0, 65535}, .proto = pick(state, 3) == 0 ? 17 : 6};
	uint32_t shape = pick(state, 100);

	if (shape < 30) {
		set_saddr(&rule, state, 16, 28);
		set_daddr(&rule, state, 24, 32);
		set_service(rule.dport, state);
	} else if (shape < 50) {
		set_daddr(&rule, state, 20, 32);
		set_service(rule.dport, state);
	} else if (shape < 65) {
		set_saddr(&rule, state, 16, 32);
		set_range(rule.dport, state);
	} else if (shape < 80) {
		set_saddr(&rule, state, 12, 24);
		set_daddr(&rule, state, 12, 24);
		set_range(rule.sport, state);
		set_range(rule.dport, state);
	} else if (shape < 99) {
		set_saddr(&rule, state, 24, 32);
		set_daddr(&rule, state, 24, 32);
		rule.any_proto = pick(state, 2) == 0;
	} else {
		set_service(rule.dport, state);
	}
	return rule;
}

void tuple_rules_mixed(struct tuple_rule *rules, uint32_t n, uint64_t seed)
{
	for (uint32_t i = 0; i < n; i++)
		rules[i] = rule_random(&seed);
}

static struct tuple_rule rule_scattered(uint64_t *state)
{
	static const uint8_t lens[] = {8, 16, 20, 24, 28, 32};
	struct tuple_rule rule = {.sport = {0, 65535}, .dport = {0, 65535}, .proto = pick(state, 2) ? 6 : 17};
	uint32_t without = pick(state, 5);

	rule.saddr_len = without == 0 ? 0 : lens[pick(state, ARRAY_LEN(lens))];
	rule.daddr_len = without == 1 ? 0 : lens[pick(state, ARRAY_LEN(lens))];
	rule.saddr = (uint32_t)random_next(state) & mask_of(rule.saddr_len);
	rule.daddr = (uint32_t)random_next(state) & mask_of(rule.daddr_len);
	switch (pick(state, 3)) {
	case 0: rule.dport[0] = rule.dport[1] = (uint16_t)pick(state, 65536); break;
	case 1: set_range(rule.dport, state); break;
	case 2: break;
	}
	if (pick(state, 4) == 0)
		rule.sport[0] = 1024;
	rule.any_proto = pick(state, 4) == 0;
	return rule;
}

void tuple_rules_scattered(struct tuple_rule *rules, uint32_t n, uint64_t seed)
{
	for (uint32_t i = 0; i < n; i++)
		rules[i] = rule_scattered(&seed);
}

static struct tuple tuple_inside(const struct tuple_rule *rule, uint64_t *state)
{
	uint32_t smask = mask_of(rule->saddr_len), dmask = mask_of(rule->daddr_len);

	return (struct tuple){
	        .saddr = rule->saddr | (pick_addr(state) & ~smask),
	        .daddr = rule->daddr | (pick_addr(state) & ~dmask),
	        .sport = (uint16_t)(rule->sport[0] + pick(state, rule->sport[1] - rule->sport[0] + 1u)),
	        .dport = (uint16_t)(rule->dport[0] + pick(state, rule->dport[1] - rule->dport[0] + 1u)),
	        .proto = rule->any_proto ? (pick(state, 2) ? 6 : 17) : rule->proto,
	};
}

void tuples_random(
        struct tuple *tuples, uint32_t n, const struct tuple_rule *rules, uint32_t n_rules, uint64_t seed)
{
	static const struct tuple_rule anything = {
	        .sport = {0, 65535}, .dport = {0, 65535}, .any_proto = true};

	for (uint32_t i = 0; i < n; i++)
		tuples[i] = tuple_inside(
		        pick(&seed, 8) == 0 ? &anything : &rules[pick(&seed, n_rules)], &seed);
}
