/* The registry: what the forms in which it is told have in common.  Each value differs from all others, so
 * that a form which lacks one, or takes it from elsewhere, does not give the same list. */
#include "common/metric/metric.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#define VALUES_MAX 4096u

static struct metrics metrics;

struct values {
	uint64_t v[VALUES_MAX];
	uint32_t n;
};

static void setup(void)
{
	uint64_t *word = (uint64_t *)&metrics;

	for (uint32_t i = 0; i < sizeof metrics / sizeof *word; i++)
		word[i] = 1000000 + i;
	metrics.n_lanes = 2;
	metrics.n_ports = 3;
	for (uint32_t l = 0; l < metrics.n_lanes; l++)
		snprintf(metrics.lane[l].name, sizeof metrics.lane[l].name, "%u", l);
	for (uint32_t p = 0; p < metrics.n_ports; p++)
		snprintf(metrics.port[p].name, sizeof metrics.port[p].name, "eth%u", p);
}

TestSuite(metric, .init = setup);

static void add(struct values *values, uint64_t v)
{
	cr_assert_lt(values->n, VALUES_MAX);
	values->v[values->n++] = v;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void expect_same(struct values *a, struct values *b, const char *what)
{
	qsort(a->v, a->n, sizeof a->v[0], compare);
	qsort(b->v, b->n, sizeof b->v[0], compare);
	cr_expect_eq(a->n, b->n, "%s: %u values beside %u", what, a->n, b->n);
	for (uint32_t i = 0; i < MIN(a->n, b->n); i++)
		cr_assert_eq(a->v[i], b->v[i], "%s: %" PRIu64 " beside %" PRIu64, what, a->v[i], b->v[i]);
}

static void read_points(struct values *values)
{
	struct metric_point point;

	for (uint32_t f = 0; f < metrics_families(); f++)
		for (uint32_t i = 0; i < metric_points(metrics_family(f), &metrics); i++) {
			metric_point(metrics_family(f), &metrics, i, &point);
			add(values, point.value);
		}
}

static char *prometheus(enum metrics_format format)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	metrics_prometheus(to, &metrics, format);
	fclose(to);
	return text;
}

/* gcc 12, inlining it, takes the text for the pointer to it. */
static __attribute__((noinline)) char *proc(enum metric_file file)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	metrics_proc(to, file, &metrics);
	fclose(to);
	return text;
}

/* Seconds are told with nine digits behind the point: without it they are nanoseconds. */
static uint64_t value_of(const char *text)
{
	uint64_t v = 0;

	for (; *text && *text != '\n'; text++)
		if (isdigit((unsigned char)*text))
			v = 10 * v + (uint64_t)(*text - '0');
	return v;
}

static void read_prometheus(struct values *values, enum metrics_format format)
{
	char *text = prometheus(format), *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (*line != '#')
			add(values, value_of(strrchr(line, ' ')));
	free(text);
}

/* Every number behind a space or a tab, in that base; zero stands where a column is not ours. */
static void read_numbers(struct values *values, char *text, int base)
{
	char *rest;

	for (char *word = strtok_r(text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
		char *end;
		uint64_t v = strtoull(word, &end, base);

		if (!*end && v >= 1000000)
			add(values, v);
	}
	free(text);
}

static void read_proc(struct values *values)
{
	for (uint32_t f = 0; f < METRIC_FILES; f++)
		read_numbers(values, proc((enum metric_file)f), f == METRIC_SOFTNET ? 16 : 10);
}

Test(metric, prometheus_and_proc_tell_every_point_of_the_table)
{
	static struct values points, text, openmetrics, files;

	read_points(&points);
	read_prometheus(&text, METRICS_TEXT);
	read_prometheus(&openmetrics, METRICS_OPENMETRICS);
	read_proc(&files);
	cr_expect_gt(points.n, STAT_COUNT + STAGE_COUNT * (DROP_REASON_COUNT - 1));
	expect_same(&points, &text, "text");
	expect_same(&points, &openmetrics, "OpenMetrics");
	expect_same(&points, &files, "files");
}

Test(metric, every_counter_of_a_protocol_has_a_family)
{
	for (uint32_t s = 0; s < STAT_COUNT; s++) {
		const struct metric *family = metrics_family(s);

		cr_expect_str_eq(family->group, stat_group((enum stat_id)s));
		cr_expect_str_eq(family->column, stat_name((enum stat_id)s));
	}
}

/* A name twice would be one series with two values; a line of a file twice would hide one. */
Test(metric, no_name_stands_for_two_points)
{
	static char names[2][VALUES_MAX][2 * METRIC_NAME_LEN];
	uint32_t n = 0;

	for (uint32_t f = 0; f < metrics_families(); f++)
		for (uint32_t i = 0; i < metric_points(metrics_family(f), &metrics); i++, n++) {
			const struct metric *family = metrics_family(f);
			struct metric_point point;
			char text[METRIC_NAME_LEN];

			metric_point(family, &metrics, i, &point);
			metric_column(text, family, &point);
			cr_expect_lt(strlen(text) + 1, METRIC_NAME_LEN);
			snprintf(names[0][n], sizeof names[0][n], "%s%s", family->group, text);
			metric_name(text, family);
			snprintf(names[1][n], sizeof names[1][n], "%s/%u", text, i);
		}
	for (uint32_t k = 0; k < 2; k++) {
		qsort(names[k], n, sizeof names[k][0], (int (*)(const void *, const void *))strcmp);
		for (uint32_t i = 1; i < n; i++)
			cr_expect_str_neq(names[k][i - 1], names[k][i]);
	}
}

/* nstat and node_exporter read a group as one pair of lines. */
Test(metric, families_of_a_group_follow_each_other)
{
	for (uint32_t f = 0; f < metrics_families(); f++)
		for (uint32_t g = f + 2; g < metrics_families(); g++)
			if (strcmp(metrics_family(f)->group, metrics_family(g)->group) == 0)
				cr_expect_str_eq(metrics_family(f)->group, metrics_family(g - 1)->group);
}

Test(metric, a_file_has_the_form_of_the_kernels)
{
	char *snmp = proc(METRIC_SNMP), *dev = proc(METRIC_DEV), *softnet = proc(METRIC_SOFTNET);
	const char *row = strstr(dev, "  eth1:");

	cr_expect(strncmp(snmp, "Ip: InReceives ", 15) == 0);
	cr_assert_not_null(row);
	cr_expect_eq(strtoull(row + 7, NULL, 10), metrics.port[1].rx_bytes);
	cr_expect_eq(strtoull(softnet, NULL, 16), metrics.lane[0].processed);
	cr_expect_eq(strcspn(softnet, "\n"), 13 * 9 - 1);
	free(snmp);
	free(dev);
	free(softnet);
}

Test(metric, openmetrics_names_families_without_total_and_ends)
{
	char *text = prometheus(METRICS_OPENMETRICS), *old = prometheus(METRICS_TEXT);

	cr_expect_not_null(strstr(text, "# TYPE sluice_ip_in_receives counter\n"));
	cr_expect_not_null(strstr(text, "\nsluice_ip_in_receives_total "));
	cr_expect_not_null(strstr(text, "# UNIT sluice_port_mtu_bytes bytes\n"));
	cr_expect_str_eq(text + strlen(text) - 6, "# EOF\n");
	cr_expect_not_null(strstr(old, "# TYPE sluice_ip_in_receives_total counter\n"));
	cr_expect_null(strstr(old, "# EOF"));
	free(text);
	free(old);
}

Test(metric, a_label_is_escaped)
{
	char *text;

	snprintf(metrics.port[0].name, sizeof metrics.port[0].name, "a\"b\\c\nd");
	text = prometheus(METRICS_TEXT);
	cr_expect_not_null(strstr(text, "{port=\"a\\\"b\\\\c\\nd\"}"));
	free(text);
}

Test(metric, accept_chooses_the_format)
{
	static const struct {
		const char *accept;
		enum metrics_format format;
	} cases[] = {
	        {NULL, METRICS_TEXT},
	        {"", METRICS_TEXT},
	        {"*/*", METRICS_TEXT},
	        {"application/openmetrics-text", METRICS_OPENMETRICS},
	        {"application/openmetrics-text; version=1.0.0", METRICS_OPENMETRICS},
	        {"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
	                METRICS_OPENMETRICS},
	        {"text/plain;version=0.0.4;q=0.5, application/openmetrics-text; version=1.0.0; q=0.4",
	                METRICS_TEXT},
	        {"application/openmetrics-text;q=0", METRICS_TEXT},
	        {"APPLICATION/OPENMETRICS-TEXT; Q=0.1", METRICS_OPENMETRICS},
	        {"application/openmetrics-textual", METRICS_TEXT},
	        {",;,q=;application/openmetrics-text;q=", METRICS_TEXT},
	};

	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(metrics_accepted(cases[i].accept), cases[i].format, "%s", cases[i].accept);
}
