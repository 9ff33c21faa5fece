/* forward: memory to memory through ingest, filter, router, filter and ingest: CPU nanoseconds a packet,
 * summed over all processes, beside dpdk-testpmd's; the same in one process, so that the cost of the
 * boundaries is known.  All sides live at once and run in turn, one at a time.
 *
 *     bench_forward                    all cases
 *     bench_forward serve CASE WAY     a round for each line it reads, CPU ns/packet a line (WAY: processes,
 * one) bench_forward count CASE N       N packets in one process, for who counts instructions
 */
#include "tests/bench/case.h"
#include "tests/bench/forward/forward.h"

#include "common/base/base.h"

#include <stdarg.h>
#include <sys/types.h>
#include <unistd.h>

#define ROUNDS   9u
#define ROUND_NS (300 * NANOS_PER_MS)
#define PEER     "dpdk-testpmd 5tswap"

/* The table's destinations defeat the caches; so does the capture, whose frames are then never read twice
 * from them. */
static const struct traffic cases[] = {
        {.name = "64 B, 1 route", .frames = 4096, .routes = 1},
        {.name = "IMIX, 1 route", .frames = 4096, .routes = 1, .imix = true},
        {.name = "64 B, 1,000,000 routes", .frames = 1 << 18, .routes = 1000000},
        {.name = "64 B, five-tuples", .frames = 16384, .routes = 1, .rule_traffic = true},
        {.name = "64 B, 1,000 rules", .frames = 16384, .routes = 1, .rule_traffic = true, .rules = 1000},
};

enum { CASE_64, CASE_IMIX, CASE_TABLE, CASE_TUPLES, CASE_RULES };

static struct traffic_files files[ARRAY_LEN(cases)];
static pid_t self;

static void clean_up(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases) && getpid() == self; i++)
		if (files[i].folder[0])
			traffic_remove(&files[i]);
}

void bench_fail(const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "bench_forward: ");
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

/* Of the rounds, in each of which both sides ran. */
static double median_ratio(const double us[ROUNDS], const double them[ROUNDS])
{
	double ratio[ROUNDS];

	for (uint32_t r = 0; r < ROUNDS; r++)
		ratio[r] = us[r] / them[r];
	return figures_of(ratio, ROUNDS).median;
}

/* The rounds of ours, and of the peer where there is one. */
static void print(const char *name, const char *way, const double us[ROUNDS], const double *them, double bar)
{
	double value[ROUNDS], peer[ROUNDS] = {0};
	char full[128];

	memcpy(value, us, sizeof value);
	if (them)
		memcpy(peer, them, sizeof peer);

	snprintf(full, sizeof full, "%s, %s", name, way);
	case_print(&(struct bench_case){
	        .bench = "forward",
	        .name = full,
	        .unit = "CPU ns/packet",
	        .value = figures_of(value, ROUNDS),
	        .peer = them ? PEER : NULL,
	        .peer_value = figures_of(peer, ROUNDS),
	        .ratio = them ? median_ratio(us, them) : 0,
	        .bar = them ? bar : 0,
	        .bar_is_ratio = true,
	});
}

/* Both ways and the peer. */
static void measure(uint32_t k, struct peer *peer, double bar)
{
	struct ours *processes = ours_start(files[k].config, true), *one = ours_start(files[k].config, false);
	double a[ROUNDS], b[ROUNDS], c[ROUNDS] = {0};

	ours_round(processes, ROUND_NS);
	ours_round(one, ROUND_NS);
	for (uint32_t r = 0; r < ROUNDS; r++) {
		a[r] = ours_round(processes, ROUND_NS);
		if (peer)
			c[r] = peer_round(peer, ROUND_NS);
		b[r] = ours_round(one, ROUND_NS);
	}
	ours_end(processes);
	ours_end(one);
	print(cases[k].name, "a process a stage", a, peer ? c : NULL, bar);
	print(cases[k].name, "one process", b, peer ? c : NULL, 0);
}

/* What the rules add to the same packets. */
static void measure_rules(bool processes)
{
	struct ours *without = ours_start(files[CASE_TUPLES].config, processes),
	            *with = ours_start(files[CASE_RULES].config, processes);
	double more[ROUNDS];
	char name[64];

	ours_round(without, ROUND_NS);
	ours_round(with, ROUND_NS);
	for (uint32_t r = 0; r < ROUNDS; r++) {
		double before = ours_round(without, ROUND_NS);

		more[r] = ours_round(with, ROUND_NS) - before;
	}
	ours_end(without);
	ours_end(with);
	snprintf(name, sizeof name, "64 B, what 1,000 rules add, %s",
	        processes ? "a process a stage" : "one process");
	case_print(&(struct bench_case){
	        .bench = "forward",
	        .name = name,
	        .unit = "CPU ns/packet",
	        .value = figures_of(more, ROUNDS),
	        .bar = 25,
	});
}

static int all(void)
{
	struct peer *peer;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		traffic_write(&cases[i], &files[i]);
	peer = peer_start(files[CASE_64].capture);
	measure(CASE_64, peer, 3);
	measure(CASE_TABLE, peer, 4); /* the peer looks nothing up: its small capture is its best */
	if (peer)
		peer_end(peer);
	peer = peer_start(files[CASE_IMIX].capture);
	measure(CASE_IMIX, peer, 3);
	if (peer)
		peer_end(peer);
	measure_rules(true);
	measure_rules(false);
	return 0;
}

static uint32_t case_of(const char *name)
{
	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++)
		if (!strcmp(cases[i].name, name))
			return i;
	bench_fail("there is no case '%s'", name);
}

/* A round for each line on standard input, so that another program decides whose turn it is. */
static int serve(const char *name, bool processes)
{
	uint32_t k = case_of(name);
	struct ours *o;
	int c;

	traffic_write(&cases[k], &files[k]);
	o = ours_start(files[k].config, processes);
	ours_round(o, ROUND_NS / 3);
	while ((c = getchar()) != EOF) {
		if (c != '\n')
			continue;
		printf("%.3f\n", ours_round(o, ROUND_NS));
		fflush(stdout);
	}
	ours_end(o);
	return 0;
}

static int count(const char *name, uint64_t packets)
{
	uint32_t k = case_of(name);

	traffic_write(&cases[k], &files[k]);
	ours_count(files[k].config, packets);
	return 0;
}

int main(int argc, char **argv)
{
	self = getpid();
	atexit(clean_up);
	if (argc == 1)
		return all();
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve(argv[2], !strcmp(argv[3], "processes"));
	if (argc == 4 && !strcmp(argv[1], "count"))
		return count(argv[2], strtoull(argv[3], NULL, 10));
	bench_fail("see the head of tests/bench/forward/forward_bench.c");
}
