/* bench_filter: what a packet costs in the filter, in bursts of 64 whose frames are in the cache, the journal
 * included and the rings not.  A JSON line a case: nanoseconds a packet, the median of rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/wire/ether.h"
#include "common/wire/ipv4.h"
#include "tests/unit/filter/bed.h"

#define BURST  64u
#define REPEAT 20000u
#define ROUNDS 21u

static struct bed bed;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench_case {
	const char *name;
	enum input_kind input;
	bool tagged;
	uint32_t rules;
	double bar; /* 0: none */
};

static void fill(const struct bench_case *c)
{
	uint8_t frame[128];
	uint32_t at;

	fixture_begin(&bed.f, c->input, 1);
	for (uint32_t i = 0; i < BURST; i++) {
		bool tag = c->tagged && c->input == INPUT_RX;

		at = ether_write(frame, &bed_mac, &bed_peer, tag ? ETHER_TYPE_VLAN : ETHER_TYPE_IPV4);
		if (tag)
			at += vlan_write(frame + at, 5, ETHER_TYPE_IPV4);
		fixture_add(&bed.f, frame, bed_udp4(frame, at, 46, (uint16_t)i, 2000), BED_ETH0);
	}
}

/* The burst as the frame would hand it over anew: metadata and the place of the frame. */
static void refresh(const struct pkt *pkt, struct port_id out)
{
	struct burst *b = &bed.f.burst;

	memset(b->verdict, 0, sizeof b->verdict);
	memcpy(b->pkt, pkt, BURST * sizeof *pkt);
	for (uint32_t i = 0; i < BURST; i++) {
		b->pkt[i].out = out;
		b->frame[i] = pool_buffer(b->pool, b->index[i]) + PKT_FRAME_OFF;
	}
	journal_open(&bed.f.journal, 0, 0, BURST);
}

static double run(const struct pkt *pkt, const struct bench_case *c, bool stage)
{
	struct port_id out = c->tagged ? (struct port_id){BED_SUB} : BED_ETH0;
	double start = now();

	for (uint32_t r = 0; r < REPEAT; r++) {
		refresh(pkt, out);
		if (stage)
			bed_run(&bed);
		journal_commit(&bed.f.journal);
	}
	return (now() - start) / REPEAT / BURST;
}

static void bench(const struct bench_case *c)
{
	static struct pkt pkt[BURST];
	double ns[ROUNDS];

	fill(c);
	memcpy(pkt, bed.f.burst.pkt, sizeof pkt);
	run(pkt, c, true);
	for (uint32_t r = 0; r < ROUNDS; r++) {
		double empty = run(pkt, c, false);

		ns[r] = run(pkt, c, true) - empty;
	}
	qsort(ns, ROUNDS, sizeof ns[0], by_value);
	printf("{\"bench\":\"filter\",\"case\":\"%s\",\"value\":%.3f,\"unit\":\"ns/"
	       "packet\",\"spread\":[%.3f,%.3f],"
	       "\"peer\":null,\"peer_value\":null,\"ratio\":null,\"bar\":",
	        c->name, ns[ROUNDS / 2], ns[ROUNDS / 4], ns[ROUNDS * 3 / 4]);
	if (c->bar > 0)
		printf("%.1f,\"pass\":%s}\n", c->bar, ns[ROUNDS / 2] <= c->bar ? "true" : "false");
	else
		printf("null,\"pass\":null}\n");
	fflush(stdout);
}

/* Rules of UDP ports and prefixes that none of the packets matches, so that each is asked about. */
static struct bed_rules make_rules(uint32_t n)
{
	struct classify_rule *rules = calloc(n + 1, sizeof *rules); /* n may be 0 */
	uint64_t random = 3;

	for (uint32_t i = 0; i < n; i++)
		rules[i] = (struct classify_rule){
		        .fields = CLASSIFY_F_FAMILY | CLASSIFY_F_SRC | CLASSIFY_F_PROTO | CLASSIFY_F_L4_DPORT,
		        .verdict = CLASSIFY_DROP,
		        .family = CLASSIFY_IPV4,
		        .src = {ip6_addr_mapped(be32_from_host((uint32_t)random_next(&random) | 1u << 31)),
		                24},
		        .proto = IP_PROTO_UDP,
		        .l4_dport = {(uint16_t)(3000 + i), (uint16_t)(3000 + i)},
		};
	return (struct bed_rules){n ? rules : NULL, n, CLASSIFY_PASS};
}

int main(void)
{
	static const struct bench_case cases[] = {
	        {"rx", INPUT_RX, false, 0, 5},
	        {"tx", INPUT_TX, false, 0, 5},
	        {"rx, one tag", INPUT_RX, true, 0, 0},
	        {"tx, one tag", INPUT_TX, true, 0, 0},
	        {"rx, 10 rules", INPUT_RX, false, 10, 0},
	        {"rx, 1000 rules", INPUT_RX, false, 1000, 25},
	        {"tx, 1000 rules", INPUT_TX, false, 1000, 25},
	};

	bed_init(&bed);
	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bed_rules rules = make_rules(cases[i].rules);

		bed_epoch(&bed, i + 1, rules, rules);
		bench(&cases[i]);
	}
	bed_free(&bed);
	return 0;
}
