/* The peer: rte_acl, with the fastest algorithm that this processor has. */
#ifndef SLUICE_TESTS_BENCH_RULES_PEER_H
#define SLUICE_TESTS_BENCH_RULES_PEER_H

#include "tests/bench/rules/tuples.h"

struct peer;

/* Once a process. */
int peer_init(void);

/* Adds the rules; not yet built. */
struct peer *peer_new(const struct tuple_rule *rules, uint32_t n, const char *name);
void peer_free(struct peer *peer);

int peer_build(struct peer *peer);

/* How many algorithms there are; from then on lookups use number i.  False where the processor cannot. */
#define PEER_ALGORITHMS 3u
bool peer_choose(struct peer *peer, uint32_t i);
const char *peer_algorithm(uint32_t i);

/* What the peer reads of a packet: its fields packed, in network order. */
struct peer_packet {
	uint8_t proto;
	uint8_t pad[3];
	uint32_t saddr, daddr;
	uint16_t sport, dport;
};

struct peer_packet peer_packet(const struct tuple *tuple);

/* result[i] = 1 + the rule's number, or 0. */
void peer_classify(struct peer *peer, const uint8_t **packets, uint32_t n, uint32_t *result);

#endif
