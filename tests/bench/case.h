/* case: numbers measured in several rounds, and how a benchmark says them: a line of JSON a case, with the
 * keys that tests/bench/run asks for.  Needs nothing of ours, so that a peer's side may include it too. */
#ifndef SLUICE_TESTS_BENCH_CASE_H
#define SLUICE_TESTS_BENCH_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct figures {
	double median, least, most;
};

static inline int figures_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts the values. */
static inline struct figures figures_of(double *values, size_t n)
{
	qsort(values, n, sizeof *values, figures_order);
	return (struct figures){values[n / 2], values[0], values[n - 1]};
}

/* One case.  The smaller figure is the better one. */
struct bench_case {
	const char *bench;
	const char *name;
	const char *unit;
	struct figures value;
	const char *peer; /* NULL: none */
	struct figures peer_value;
	double ratio; /* value to peer's: the median of the rounds, where they were taken in pairs; 0: of the
	                 medians */
	double bar;   /* 0: none */
	bool bar_is_ratio; /* the bar is for the ratio, else for the value */
};

static inline void case_print_judgement(const struct bench_case *c, double ratio)
{
	if (c->peer)
		printf("\"peer\":\"%s\",\"peer_value\":%.4g,\"peer_spread\":[%.4g,%.4g],\"ratio\":%.4g,",
		        c->peer, c->peer_value.median, c->peer_value.least, c->peer_value.most, ratio);
	else
		printf("\"peer\":null,\"peer_value\":null,\"ratio\":null,");
	if (c->bar != 0)
		printf("\"bar\":%.4g,\"bar_of\":\"%s\",\"pass\":%s", c->bar,
		        c->bar_is_ratio ? "ratio" : "value",
		        (c->bar_is_ratio ? ratio : c->value.median) <= c->bar ? "true" : "false");
	else
		printf("\"bar\":null,\"pass\":null");
}

static inline void case_print(const struct bench_case *c)
{
	double ratio = c->ratio;

	if (c->peer && ratio == 0)
		ratio = c->value.median / c->peer_value.median;
	printf("{\"bench\":\"%s\",\"case\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"spread\":[%.4g,%.4g],",
	        c->bench, c->name, c->value.median, c->unit, c->value.least, c->value.most);
	case_print_judgement(c, ratio);
	printf("}\n");
	fflush(stdout);
}

#endif
