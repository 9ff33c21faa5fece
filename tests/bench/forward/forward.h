/* forward: what the parts of the benchmark share: traffic and configuration (traffic.c), the appliance in its
 * processes or in one (ours.c), dpdk-testpmd beside it (peer.c).
 *
 * A runner lives from start to end, asleep but in its rounds: a round lets it forward for a while, waits
 * until nothing is under way, and gives CPU nanoseconds a packet, over all its processes. */
#ifndef SLUICE_TESTS_BENCH_FORWARD_FORWARD_H
#define SLUICE_TESTS_BENCH_FORWARD_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

/* What goes through, and by which configuration. */
struct traffic {
	const char *name;
	bool imix;         /* 7 of 64, 4 of 594, 1 of 1,518 bytes; else 64 bytes */
	uint32_t frames;   /* in the capture that is played over and over */
	uint32_t routes;   /* beside that of the next hop's network */
	uint32_t rules;    /* at ingress */
	bool rule_traffic; /* five-tuples as the rules have them, also where there are none */
};

/* The files of a case, in a folder of their own. */
struct traffic_files {
	char folder[64];
	char capture[96];
	char config[96];
	char routes[96];
};

void traffic_write(const struct traffic *traffic, struct traffic_files *files);
void traffic_remove(const struct traffic_files *files);

struct ours;

struct ours *ours_start(const char *config, bool processes);
double ours_round(struct ours *ours, uint64_t ns);
void ours_end(struct ours *ours);

/* One process, `packets` packets and no clock but theirs: for counting instructions. */
void ours_count(const char *config, uint64_t packets);

struct peer;

/* NULL where there is no dpdk-testpmd. */
struct peer *peer_start(const char *capture);
double peer_round(struct peer *peer, uint64_t ns);
void peer_end(struct peer *peer);

/* Says what went wrong and ends the program (children die with it). */
__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *format, ...);

#endif
