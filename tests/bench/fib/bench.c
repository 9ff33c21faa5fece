/* bench_fib: the forwarding tables beside rte_fib (DIR24_8) and rte_fib6 (TRIE) of DPDK, in one process, one
 * after the other in each round: the same prefixes, the same addresses, bursts of one length.  The peer runs
 * in each size of next hop that holds the table, with its vector and its scalar code, and the best is
 * compared. Both sides' tables lie in 4 KiB pages.
 * All times are of the processor, not of the clock on the wall. */
#include "tests/bench/fib/peer.h"
#include "tests/bench/fib/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ROUTES4 1000000u
#define ROUTES6 200000u
#define GROUPS  256u
#define ADDRS   (1u << 20)
#define BURST   256u
#define ROUNDS  11u
#define BUILDS  3u
#define PEERS   6u
#define SEED    UINT64_C(0x5eed5eed5eed)

struct side {
	double value[ROUNDS];
	uint32_t n;
};

/* One table of ours. */
struct ours {
	void *region;
	size_t size;
	struct fib *fib;
	struct fib_reader reader;
	uint32_t group[GROUPS + 1]; /* by the routes' numbers */
};

/* Time on the processor: what other processes take is not counted. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int double_compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void side_add(struct side *side, double value)
{
	side->value[side->n++] = value;
}

/* In order, in place of the order of the rounds. */
static struct side side_sorted(const struct side *side)
{
	struct side copy = *side;

	qsort(copy.value, copy.n, sizeof copy.value[0], double_compare);
	return copy;
}

static double median(const struct side *side)
{
	return side_sorted(side).value[side->n / 2];
}

/* Of the rounds, in which both sides ran one after the other. */
static double median_ratio(const struct side *us, const struct side *them)
{
	struct side ratio = {.n = us->n};

	for (uint32_t i = 0; i < us->n; i++)
		ratio.value[i] = us->value[i] / them->value[i];
	return median(&ratio);
}

static void fail(const char *what)
{
	fprintf(stderr, "bench_fib: %s\n", what);
	exit(1);
}

/* A case: bar is of the ratio, or where absolute of the value; 0 for none. */
static void report(const char *name, const char *unit, const struct side *us, const char *peer,
        const struct side *them, double bar, bool absolute)
{
	double value = median(us), theirs = median(them), ratio = median_ratio(us, them);
	struct side ours = side_sorted(us), peers = side_sorted(them);

	printf("{\"bench\":\"fib\",\"case\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"spread\":[%.3f,%.3f],"
	       "\"peer\":\"%s\",\"peer_value\":%.3f,\"peer_spread\":[%.3f,%.3f],\"ratio\":%.3f,",
	        name, value, unit, ours.value[0], ours.value[us->n - 1], peer, theirs, peers.value[0],
	        peers.value[them->n - 1], ratio);
	if (bar > 0)
		printf("\"bar\":%.1f,\"pass\":%s}\n", bar,
		        (absolute ? value : ratio) <= bar ? "true" : "false");
	else
		printf("\"bar\":null,\"pass\":null}\n");
	fflush(stdout);
}

static void ours_open(struct ours *o)
{
	struct fib_limits limits = FIB_LIMITS_DEFAULT;
	int fd = memfd_create("bench_fib", MFD_CLOEXEC);

	o->size = fib_region_size(&limits);
	if (fd < 0 || ftruncate(fd, (off_t)o->size) != 0)
		fail("no memory");
	o->region = mmap(NULL, o->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (o->region == MAP_FAILED || fib_init(o->region, o->size, &limits) ||
	        fib_open(o->region, o->size, &o->fib) || fib_attach(o->region, o->size, &o->reader))
		fail("no region");
	for (uint32_t i = 1; i <= GROUPS; i++) {
		struct fib_group_spec spec = {
		        .type = FIB_UNICAST, .mtu = i, .n_hops = 1, .hops = {{.weight = 1}}};

		if (fib_group_get(o->fib, &spec, &o->group[i]))
			fail("no group");
	}
}

static void ours_close(struct ours *o)
{
	fib_close(o->fib);
	munmap(o->region, o->size);
}

/* The routes with the ids of our groups. */
static struct fib_route *ours_routes(const struct ours *o, const struct fib_route *routes, uint32_t n)
{
	struct fib_route *mine = calloc(n, sizeof *mine);

	if (!mine)
		fail("no memory");
	for (uint32_t i = 0; i < n; i++) {
		mine[i] = routes[i];
		mine[i].group = o->group[routes[i].group];
	}
	return mine;
}

static int route_compare(const void *a, const void *b)
{
	const struct fib_route *x = a, *y = b;

	return memcmp(&x->prefix, &y->prefix, sizeof x->prefix);
}

/* Builds both tables some times over, the last of ours stays.  Ours takes the routes in any order and sorts
 * them on its own time; the peer, which adds one by one, gets them in order, for it is faster then, and off
 * the clock. */
static void build(enum fib_family family, const struct fib_route *routes, uint32_t n, struct ours *o,
        struct side *us, struct side *them)
{
	struct fib_route *sorted = calloc(n, sizeof *sorted);

	if (!sorted)
		fail("no memory");
	memcpy(sorted, routes, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, route_compare);
	for (uint32_t i = 0; i < BUILDS; i++) {
		struct fib_route *mine;
		struct peer *peer;
		double start;

		if (i > 0)
			ours_close(o);
		ours_open(o);
		mine = ours_routes(o, routes, n);
		start = now();
		if (fib_route_load(o->fib, mine, n, NULL))
			fail("our routes do not fit");
		side_add(us, (now() - start) / 1e9);
		free(mine);
		peer = peer_new(family, 4);
		start = now();
		if (!peer || !peer_add(peer, sorted, n))
			fail("the peer's routes do not fit");
		side_add(them, (now() - start) / 1e9);
		peer_free(peer);
	}
	free(sorted);
}

/* The ways the peer can be set up for one table. */
struct rivals {
	uint32_t n;
	struct peer *peer[PEERS];
	bool vector[PEERS];
	char name[PEERS][80];
};

static void rivals_make(struct rivals *r, enum fib_family family, const struct fib_route *routes, uint32_t n)
{
	r->n = 0;
	for (unsigned bytes = 2; bytes <= 4; bytes *= 2) {
		struct peer *peer = peer_new(family, bytes);

		if (!peer || !peer_add(peer, routes, n)) {
			peer_free(peer);
			continue;
		}
		for (unsigned vector = 0; vector < 2; vector++) {
			if (!peer_vector(peer, vector))
				continue;
			r->peer[r->n] = peer;
			r->vector[r->n] = vector;
			snprintf(r->name[r->n++], sizeof r->name[0],
			        "%s %s, %u bytes a next hop, 4 KiB pages",
			        family == FIB_IPV4 ? "rte_fib DIR24_8" : "rte_fib6 TRIE",
			        vector ? "avx512" : "scalar", bytes);
		}
	}
	if (!r->n)
		fail("no peer holds the routes");
}

static void rivals_free(struct rivals *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		if (i + 1 == r->n || r->peer[i + 1] != r->peer[i])
			peer_free(r->peer[i]);
	}
}

static double time_ours(const struct fib_reader *reader, enum fib_family family, const void *addrs,
        uint32_t *out, uint32_t burst)
{
	const uint32_t *four = addrs;
	const struct ip6_addr *six = addrs;
	double start = now();

	for (uint32_t i = 0; i < ADDRS; i += burst) {
		if (family == FIB_IPV4)
			fib4_lookup_bulk(reader, four + i, out, burst);
		else
			fib6_lookup_bulk(reader, six + i, out, burst);
	}
	return (now() - start) / ADDRS;
}

static double time_peer(
        struct peer *peer, enum fib_family family, const void *addrs, uint64_t *out, uint32_t burst)
{
	size_t bytes = family == FIB_IPV4 ? sizeof(uint32_t) : sizeof(struct ip6_addr);
	double start = now();

	for (uint32_t i = 0; i < ADDRS; i += burst)
		peer_lookup(peer, (const uint8_t *)addrs + i * bytes, out, burst);
	return (now() - start) / ADDRS;
}

/* Both must give the same for every address. */
static void check(const struct ours *o, struct peer *peer, enum fib_family family, const void *addrs)
{
	size_t bytes = family == FIB_IPV4 ? sizeof(uint32_t) : sizeof(struct ip6_addr);
	uint32_t mine[BURST];
	uint64_t theirs[BURST];

	for (uint32_t i = 0; i < ADDRS; i += BURST) {
		const void *at = (const uint8_t *)addrs + i * bytes;

		if (family == FIB_IPV4)
			fib4_lookup_bulk(&o->reader, at, mine, BURST);
		else
			fib6_lookup_bulk(&o->reader, at, mine, BURST);
		peer_lookup(peer, at, theirs, BURST);
		for (uint32_t j = 0; j < BURST; j++) {
			if (mine[j] != (theirs[j] ? o->group[theirs[j]] : 0))
				fail("the two sides differ");
		}
	}
}

static void lookup_case(const char *name, const struct ours *o, struct rivals *rivals, enum fib_family family,
        const void *addrs, uint32_t burst)
{
	struct side us = {0}, them[PEERS] = {0};
	struct fib_reader plain = o->reader;
	struct side without = {0};
	uint32_t out[BURST], best = 0;
	uint64_t out64[BURST];
	char scalar[96];

	plain.vector = false;
	check(o, rivals->peer[0], family, addrs);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		side_add(&us, time_ours(&o->reader, family, addrs, out, burst));
		for (uint32_t i = 0; i < rivals->n; i++) {
			peer_vector(rivals->peer[i], rivals->vector[i]);
			side_add(&them[i], time_peer(rivals->peer[i], family, addrs, out64, burst));
		}
		side_add(&without, time_ours(&plain, family, addrs, out, burst));
	}
	for (uint32_t i = 1; i < rivals->n; i++) {
		if (median(&them[i]) < median(&them[best]))
			best = i;
	}
	report(name, "ns/lookup", &us, rivals->name[best], &them[best], 1.0, false);
	snprintf(scalar, sizeof scalar, "%s, without avx512 here", name);
	report(scalar, "ns/lookup", &without, rivals->name[best], &them[best], 0, false);
}

/* A route of a full table taken out and put back: what a routing daemon does. */
static void change_case(
        const char *name, struct ours *o, struct rivals *rivals, const struct fib_route *routes, uint32_t n)
{
	struct side us = {0}, them = {0};
	struct peer *peer = rivals->peer[0];

	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct fib_route *some = &routes[round * 1000];
		struct fib_route *mine = ours_routes(o, some, 1000);
		double start = now();

		for (uint32_t i = 0; i < 1000; i++) {
			if (fib_route_del(o->fib, &mine[i].prefix, 0) || fib_route_add(o->fib, &mine[i]))
				fail("a change failed");
			fib_reclaim(o->fib, fib_retired(o->fib));
		}
		side_add(&us, (now() - start) / 2000);
		start = now();
		for (uint32_t i = 0; i < 1000; i++) {
			if (!peer_del(peer, &some[i]) || !peer_add(peer, &some[i], 1))
				fail("a change of the peer failed");
		}
		side_add(&them, (now() - start) / 2000);
		free(mine);
	}
	assert(n >= ROUNDS * 1000);
	report(name, "ns/change", &us, rivals->name[0], &them, 0, false);
}

static void *array(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		fail("no memory");
	return p;
}

static void four(void)
{
	struct fib_route *routes = array(ROUTES4, sizeof *routes);
	uint32_t *uniform = array(ADDRS, sizeof *uniform), *inside = array(ADDRS, sizeof *inside);
	struct side us = {0}, them = {0};
	struct fib_usage usage;
	struct rivals rivals;
	struct ours o;

	routes4_make(routes, ROUTES4, GROUPS, SEED);
	addrs4_uniform(uniform, ADDRS, SEED + 1);
	addrs4_inside(inside, ADDRS, routes, ROUTES4, SEED + 2);
	build(FIB_IPV4, routes, ROUTES4, &o, &us, &them);
	report("v4 build 1M (bar: seconds of CPU)", "s", &us,
	        "rte_fib DIR24_8, routes in order, 4 bytes a next hop, 4 KiB pages", &them, 1.0, true);
	fib_usage(o.fib, &usage);
	fprintf(stderr, "v4: %.1f MB of lines\n", (double)usage.line_bytes / 1e6);
	rivals_make(&rivals, FIB_IPV4, routes, ROUTES4);
	lookup_case("v4 uniform 1M", &o, &rivals, FIB_IPV4, uniform, BURST);
	lookup_case("v4 inside prefixes 1M", &o, &rivals, FIB_IPV4, inside, BURST);
	lookup_case("v4 inside prefixes 1M, bursts of 64", &o, &rivals, FIB_IPV4, inside, 64);
	change_case("v4 change one route of 1M", &o, &rivals, routes, ROUTES4);
	rivals_free(&rivals);
	ours_close(&o);
	free(routes);
	free(uniform);
	free(inside);
}

static void four_single(void)
{
	struct fib_route route = {.prefix = fib_prefix4(be32_from_host(0x0a000000), 8), .group = 1}, *mine;
	uint32_t *inside = array(ADDRS, sizeof *inside);
	struct rivals rivals;
	struct ours o;

	ours_open(&o);
	mine = ours_routes(&o, &route, 1);
	if (fib_route_load(o.fib, mine, 1, NULL))
		fail("our route does not fit");
	addrs4_inside(inside, ADDRS, &route, 1, SEED);
	rivals_make(&rivals, FIB_IPV4, &route, 1);
	lookup_case("v4 single route", &o, &rivals, FIB_IPV4, inside, BURST);
	rivals_free(&rivals);
	ours_close(&o);
	free(mine);
	free(inside);
}

static void six(void)
{
	struct fib_route *routes = array(ROUTES6, sizeof *routes);
	struct ip6_addr *uniform = array(ADDRS, sizeof *uniform), *inside = array(ADDRS, sizeof *inside);
	struct side us = {0}, them = {0};
	struct fib_usage usage;
	struct rivals rivals;
	struct ours o;

	routes6_make(routes, ROUTES6, GROUPS, SEED);
	addrs6_uniform(uniform, ADDRS, SEED + 1);
	addrs6_inside(inside, ADDRS, routes, ROUTES6, SEED + 2);
	build(FIB_IPV6, routes, ROUTES6, &o, &us, &them);
	report("v6 build 200k (bar: seconds of CPU)", "s", &us,
	        "rte_fib6 TRIE, routes in order, 4 bytes a next hop, 4 KiB pages", &them, 1.0, true);
	fib_usage(o.fib, &usage);
	fprintf(stderr, "v6: %.1f MB of lines\n", (double)usage.line_bytes / 1e6);
	rivals_make(&rivals, FIB_IPV6, routes, ROUTES6);
	lookup_case("v6 uniform 200k", &o, &rivals, FIB_IPV6, uniform, BURST);
	lookup_case("v6 inside prefixes 200k", &o, &rivals, FIB_IPV6, inside, BURST);
	change_case("v6 change one route of 200k", &o, &rivals, routes, ROUTES6);
	rivals_free(&rivals);
	ours_close(&o);
	free(routes);
	free(uniform);
	free(inside);
}

int main(int argc, char **argv)
{
	if (argc < 1 || !peer_start(argv[0]))
		fail("DPDK does not start");
	four();
	four_single();
	six();
	return 0;
}
