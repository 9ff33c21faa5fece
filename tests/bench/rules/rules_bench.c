/* The classifier beside rte_acl: the same five-tuple rules, the same packets, the same matches; time a packet
 * and time to build, in turn round by round. */
#include "common/classify/classify.h"
#include "tests/bench/rules/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PACKETS 16384u
#define BURST   256u
#define ROUNDS  11u
#define PASSES  4u

struct shape {
	const char *name;
	void (*make)(struct tuple_rule *rules, uint32_t n, uint64_t seed);
};

struct sides {
	uint32_t n_rules;
	struct tuple_rule *tuple_rules;
	struct classify_rule *rules;
	struct classify_key *keys;
	struct peer_packet *packets;
	uint32_t *found, *peer_found;
	void *blob;
	size_t blob_size;
	struct classify c;
	struct peer *peer;
};

struct figures {
	double median, least, most;
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct figures figures_of(double *values, uint32_t n)
{
	qsort(values, n, sizeof *values, by_value);
	return (struct figures){values[n / 2], values[0], values[n - 1]};
}

static struct classify_rule rule_of(const struct tuple_rule *t)
{
	struct classify_rule rule = {.fields = CLASSIFY_F_FAMILY,
	        .family = CLASSIFY_IPV4,
	        .verdict = CLASSIFY_DROP,
	        .proto = t->proto};

	rule.fields |= t->saddr_len > 0 ? CLASSIFY_F_SRC : 0;
	rule.fields |= t->daddr_len > 0 ? CLASSIFY_F_DST : 0;
	rule.fields |= t->any_proto ? 0 : CLASSIFY_F_PROTO;
	rule.fields |= t->sport[0] == 0 && t->sport[1] == 65535 ? 0 : CLASSIFY_F_L4_SPORT;
	rule.fields |= t->dport[0] == 0 && t->dport[1] == 65535 ? 0 : CLASSIFY_F_L4_DPORT;
	rule.src = (struct classify_prefix){ip6_addr_mapped(be32_from_host(t->saddr)), t->saddr_len};
	rule.dst = (struct classify_prefix){ip6_addr_mapped(be32_from_host(t->daddr)), t->daddr_len};
	rule.l4_sport = (struct classify_range){t->sport[0], t->sport[1]};
	rule.l4_dport = (struct classify_range){t->dport[0], t->dport[1]};
	return rule;
}

static struct classify_key key_of(const struct tuple *t)
{
	return (struct classify_key){
	        .saddr = t->saddr,
	        .daddr = t->daddr,
	        .l4_sport = t->sport,
	        .l4_dport = t->dport,
	        .ip_proto = t->proto,
	        .shape = classify_shape(CLASSIFY_IPV4, CLASSIFY_WHOLE, CLASSIFY_L4_PORTS),
	        .vlan = CLASSIFY_UNTAGGED,
	        .inner_vlan = CLASSIFY_UNTAGGED,
	        .out_port = PORT_NONE,
	        .ethertype = 0x0800,
	};
}

static void *room(size_t size)
{
	void *p = aligned_alloc(CACHE_LINE, ALIGN_UP(size, CACHE_LINE));

	if (p == NULL)
		abort();
	memset(p, 0, ALIGN_UP(size, CACHE_LINE));
	return p;
}

static struct sides sides_new(const struct shape *shape, uint32_t n)
{
	struct sides s = {
	        .n_rules = n,
	        .tuple_rules = room(n * sizeof *s.tuple_rules),
	        .rules = room(n * sizeof *s.rules),
	        .keys = room(PACKETS * sizeof *s.keys),
	        .packets = room(PACKETS * sizeof *s.packets),
	        .found = room(PACKETS * sizeof *s.found),
	        .peer_found = room(PACKETS * sizeof *s.peer_found),
	};
	struct tuple *tuples = room(PACKETS * sizeof *tuples);

	shape->make(s.tuple_rules, n, 4711 + n);
	tuples_random(tuples, PACKETS, s.tuple_rules, n, 815 + n);
	for (uint32_t i = 0; i < n; i++)
		s.rules[i] = rule_of(&s.tuple_rules[i]);
	for (uint32_t i = 0; i < PACKETS; i++) {
		s.keys[i] = key_of(&tuples[i]);
		s.packets[i] = peer_packet(&tuples[i]);
	}
	free(tuples);
	return s;
}

static void sides_free(struct sides *s)
{
	void *all[] = {s->tuple_rules, s->rules, s->keys, s->packets, s->found, s->peer_found, s->blob};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		free(all[i]);
	peer_free(s->peer);
}

/* One build of ours, in milliseconds; the room is found before. */
static double build_ours(struct sides *s)
{
	size_t used = 0;
	double start;
	int err;

	if (s->blob == NULL) {
		classify_build(s->rules, s->n_rules, CLASSIFY_PASS, NULL, 0, &s->blob_size);
		s->blob = room(s->blob_size);
	}
	start = now_ns();
	err = classify_build(s->rules, s->n_rules, CLASSIFY_PASS, s->blob, s->blob_size, &used);
	double took = (now_ns() - start) / 1e6;

	if (err < 0 || classify_attach(&s->c, s->blob, s->blob_size) < 0)
		abort();
	return took;
}

static double build_peer(struct sides *s)
{
	double start;

	if (s->peer != NULL)
		peer_free(s->peer);
	s->peer = peer_new(s->tuple_rules, s->n_rules, "bench");
	start = now_ns();
	if (s->peer == NULL || peer_build(s->peer) != 0)
		abort();
	return (now_ns() - start) / 1e6;
}

static double look_up_ours(struct sides *s)
{
	static struct classify_key keys[BURST];
	const struct classify_key *refs[BURST];
	double took = 0;

	for (uint32_t i = 0; i < BURST; i++)
		refs[i] = &keys[i];
	for (uint32_t i = 0; i < PASSES * PACKETS; i += BURST) {
		memcpy(keys, s->keys + i % PACKETS, sizeof keys);
		double start = now_ns();

		classify_bulk(&s->c, refs, BURST, s->found + i % PACKETS);
		took += now_ns() - start;
	}
	return took / (PASSES * PACKETS);
}

static double look_up_peer(struct sides *s)
{
	static struct peer_packet packets[BURST];
	const uint8_t *refs[BURST];
	double took = 0;

	for (uint32_t i = 0; i < BURST; i++)
		refs[i] = (const uint8_t *)&packets[i];
	for (uint32_t i = 0; i < PASSES * PACKETS; i += BURST) {
		memcpy(packets, s->packets + i % PACKETS, sizeof packets);
		double start = now_ns();

		peer_classify(s->peer, refs, BURST, s->peer_found + i % PACKETS);
		took += now_ns() - start;
	}
	return took / (PASSES * PACKETS);
}

/* The peer's fastest algorithm here. */
static uint32_t choose_algorithm(struct sides *s)
{
	uint32_t best = 0;
	double best_ns = 1e12;

	for (uint32_t i = 0; i < PEER_ALGORITHMS; i++) {
		double ns = 1e12;

		if (!peer_choose(s->peer, i))
			continue;
		for (uint32_t round = 0; round < 3; round++)
			ns = MIN(ns, look_up_peer(s));
		if (ns < best_ns) {
			best_ns = ns;
			best = i;
		}
	}
	peer_choose(s->peer, best);
	return best;
}

/* How many packets matched; ends the program where the two sides differ. */
static uint32_t compare_matches(const struct sides *s)
{
	uint32_t matched = 0;

	for (uint32_t i = 0; i < PACKETS; i++) {
		uint32_t ours = s->found[i] == CLASSIFY_NO_RULE ? 0 : s->found[i] + 1;

		if (ours != s->peer_found[i]) {
			fprintf(stderr, "bench_rules: packet %u: rule %d here, %d there\n", i, (int)ours - 1,
			        (int)s->peer_found[i] - 1);
			exit(1);
		}
		matched += ours != 0;
	}
	return matched;
}

static void print_case(const char *name, const char *what, uint32_t n, const char *unit, struct figures ours,
        struct figures peer, const char *peer_name, double bar, const struct sides *s, uint32_t matched)
{
	struct classify_cost cost;
	double ratio = ours.median / peer.median;

	classify_cost(&s->c, &cost);
	printf("{\"bench\":\"rules\",\"case\":\"%u %s%s\",\"value\":%.4g,\"unit\":\"%s\",", n, name, what,
	        ours.median, unit);
	printf("\"spread\":[%.4g,%.4g],\"peer\":\"%s\",\"peer_value\":%.4g,\"peer_spread\":[%.4g,%.4g],",
	        ours.least, ours.most, peer_name, peer.median, peer.least, peer.most);
	printf("\"ratio\":%.3f,\"bar\":%.1f,\"pass\":%s,\"matched\":%.3f,", ratio, bar,
	        ratio <= bar ? "true" : "false", (double)matched / PACKETS);
	printf("\"trees\":%u,\"steps_max\":%u,\"compares_max\":%u,\"blob_bytes\":%zu}\n", cost.trees,
	        cost.steps, cost.compares, s->blob_size);
	fflush(stdout);
}

static bool run_case(const struct shape *shape, uint32_t n)
{
	struct sides s = sides_new(shape, n);
	double ours[ROUNDS], peer[ROUNDS], build[ROUNDS], peer_built[ROUNDS];

	for (uint32_t i = 0; i < ROUNDS; i++) {
		build[i] = build_ours(&s);
		peer_built[i] = build_peer(&s);
	}
	uint32_t alg = choose_algorithm(&s);

	for (uint32_t i = 0; i < ROUNDS; i++) {
		ours[i] = look_up_ours(&s);
		peer[i] = look_up_peer(&s);
	}
	uint32_t matched = compare_matches(&s);
	struct figures o = figures_of(ours, ROUNDS), p = figures_of(peer, ROUNDS);
	struct figures b = figures_of(build, ROUNDS), pb = figures_of(peer_built, ROUNDS);

	print_case(shape->name, "", n, "ns/packet", o, p, peer_algorithm(alg), 2.0, &s, matched);
	print_case(shape->name, " build", n, "ms", b, pb, "rte_acl_build", 1.0, &s, matched);
	sides_free(&s);
	return o.median <= 2.0 * p.median && b.median <= pb.median;
}

int main(void)
{
	static const uint32_t sizes[] = {100, 1000, 10000};
	static const struct shape shapes[] = {
	        {"mixed", tuple_rules_mixed}, {"scattered", tuple_rules_scattered}};
	bool pass = true;

	if (peer_init() < 0) {
		fprintf(stderr, "bench_rules: the environment of rte_acl does not start\n");
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(shapes) * ARRAY_LEN(sizes); i++)
		pass &= run_case(&shapes[i / ARRAY_LEN(sizes)], sizes[i % ARRAY_LEN(sizes)]);
	return pass ? 0 : 1;
}
