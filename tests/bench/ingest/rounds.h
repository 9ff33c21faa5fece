/* rounds: a number measured several times, and how a benchmark says it: a line of JSON a case. */
#ifndef SLUICE_TESTS_BENCH_INGEST_ROUNDS_H
#define SLUICE_TESTS_BENCH_INGEST_ROUNDS_H

#include "tests/bench/case.h"

#include <sys/resource.h>

#define ROUNDS 9

static inline double cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

/* Runs `work`, which does `n` things, and prints nanoseconds a thing. */
static inline void bench(const char *bench, const char *what, double n, void (*work)(void))
{
	double ns[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double t = cpu_ns();

		work();
		ns[r] = (cpu_ns() - t) / n;
	}
	case_print(&(struct bench_case){
	        .bench = bench, .name = what, .unit = "ns/packet", .value = figures_of(ns, ROUNDS)});
}

#endif
