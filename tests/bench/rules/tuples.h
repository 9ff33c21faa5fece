/* Rules and packets that both sides of the benchmark get: five-tuples of mixed shapes. */
#ifndef SLUICE_TESTS_BENCH_RULES_TUPLES_H
#define SLUICE_TESTS_BENCH_RULES_TUPLES_H

#include <stdbool.h>
#include <stdint.h>

struct tuple_rule {
	uint32_t saddr, daddr; /* host order */
	uint8_t saddr_len, daddr_len;
	uint16_t sport[2], dport[2]; /* first and last */
	uint8_t proto;
	bool any_proto;
};

struct tuple {
	uint32_t saddr, daddr;
	uint16_t sport, dport;
	uint8_t proto;
};

/* Rules as an administrator has them: pairs of networks with a service, servers, clients, pairs of large
 * networks with port ranges, hosts, and, one in a hundred, services without an address.  Networks come out of
 * 64 sites, so that prefixes nest and overlap. */
void tuple_rules_mixed(struct tuple_rule *rules, uint32_t n, uint64_t seed);

/* Rules whose fields are independent: prefixes of six lengths or none, exact ports, ranges or none, a
 * protocol or none. */
void tuple_rules_scattered(struct tuple_rule *rules, uint32_t n, uint64_t seed);

/* n packets, seven of eight drawn inside a random rule, the others anywhere; all TCP or UDP. */
void tuples_random(
        struct tuple *tuples, uint32_t n, const struct tuple_rule *rules, uint32_t n_rules, uint64_t seed);

#endif
