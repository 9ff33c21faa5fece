/* rounds: a number measured several times, and how a benchmark says it: a line of JSON a case. */
#ifndef SLUICE_TESTS_BENCH_INGEST_ROUNDS_H
#define SLUICE_TESTS_BENCH_INGEST_ROUNDS_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define ROUNDS 9

static inline double cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

static inline int by_value(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
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
	qsort(ns, ROUNDS, sizeof ns[0], by_value);
	printf("{\"bench\":\"%s\",\"case\":\"%s\",\"value\":%.2f,\"unit\":\"ns/"
	       "packet\",\"spread\":[%.2f,%.2f]}\n",
	        bench, what, ns[ROUNDS / 2], ns[0], ns[ROUNDS - 1]);
}

#endif
