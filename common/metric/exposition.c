/* exposition: what Prometheus reads: its text format 0.0.4, and OpenMetrics 1.0, which differs in the names
 * of counters' families, in units, and in its last line. */
#include "common/metric/metric.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n > s && strcmp(name + n - s, suffix) == 0;
}

static void write_help(FILE *to, const struct metric *family, const char *name)
{
	if (family->help)
		fprintf(to, "# HELP %s %s\n", name, family->help);
	else
		fprintf(to, "# HELP %s What a kernel counts as %s%s.\n", name, family->group, family->column);
}

static void write_unit(FILE *to, const char *name)
{
	static const char *const units[] = {"seconds", "bytes"};

	for (uint32_t u = 0; u < ARRAY_LEN(units); u++)
		if (ends_in(name, units[u]))
			fprintf(to, "# UNIT %s %s\n", name, units[u]);
}

static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

static void write_head(FILE *to, const struct metric *family, enum metrics_format format)
{
	bool counter = family->type == METRIC_COUNTER;
	char name[METRIC_NAME_LEN], full[METRIC_NAME_LEN + 8];

	metric_name(name, family);
	/* In the older format a counter's family bears the name of its samples. */
	snprintf(full, sizeof full, "%s%s", name, counter && format == METRICS_TEXT ? "_total" : "");
	write_help(to, family, full);
	fprintf(to, "# TYPE %s %s\n", full, types[family->type]);
	if (format == METRICS_OPENMETRICS)
		write_unit(to, full);
}

static void write_escaped(FILE *to, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\n')
			fputs("\\n", to);
		else if (*c == '"' || *c == '\\')
			fprintf(to, "\\%c", *c);
		else
			fputc(*c, to);
	}
}

static void write_number(FILE *to, const struct metric *family, uint64_t value)
{
	switch ((enum metric_unit)family->unit) {
	case METRIC_PLAIN: fprintf(to, "%" PRIu64, value); break;
	case METRIC_NANOS:
		fprintf(to, "%" PRIu64 ".%09" PRIu64, value / NANOS_PER_SEC, value % NANOS_PER_SEC);
		break;
	}
}

static void write_labels(FILE *to, const struct metric *family, const struct metric_point *point)
{
	const char *before = "{";

	for (uint32_t l = 0; l < point->n_labels; l++) {
		fprintf(to, "%s%s=\"", before, point->label[l].key);
		write_escaped(to, point->label[l].value);
		fputc('"', to);
		before = ",";
	}
	if (point->part == METRIC_BUCKET) {
		fprintf(to, "%sle=\"", before);
		write_number(to, family, point->bound);
		fputs(family->unit == METRIC_PLAIN ? ".0\"" : "\"", to);
	} else if (point->part == METRIC_ALL) {
		fprintf(to, "%sle=\"+Inf\"", before);
	}
	if (point->n_labels || point->part == METRIC_BUCKET || point->part == METRIC_ALL)
		fputc('}', to);
}

/* What stands behind the family's name in a point's. */
static const char *suffix(const struct metric *family, enum metric_part part)
{
	switch (part) {
	case METRIC_WHOLE: return family->type == METRIC_COUNTER ? "_total" : "";
	case METRIC_BUCKET:
	case METRIC_ALL: return "_bucket";
	case METRIC_SUM: return "_sum";
	case METRIC_COUNT: return "_count";
	}
	return "";
}

static void write_point(
        FILE *to, const struct metric *family, const char *name, const struct metric_point *point)
{
	bool number = point->part == METRIC_WHOLE || point->part == METRIC_SUM;

	fprintf(to, "%s%s", name, suffix(family, point->part));
	write_labels(to, family, point);
	fputc(' ', to);
	if (number)
		write_number(to, family, point->value);
	else
		fprintf(to, "%" PRIu64, point->value);
	fputc('\n', to);
}

static void write_family(
        FILE *to, const struct metric *family, const struct metrics *m, enum metrics_format format)
{
	struct metric_point point;
	char name[METRIC_NAME_LEN];

	write_head(to, family, format);
	metric_name(name, family);
	for (uint32_t i = 0; i < metric_points(family, m); i++) {
		metric_point(family, m, i, &point);
		write_point(to, family, name, &point);
	}
}

void metrics_prometheus(FILE *to, const struct metrics *m, enum metrics_format format)
{
	for (uint32_t f = 0; f < metrics_families(); f++)
		write_family(to, metrics_family(f), m, format);
	if (format == METRICS_OPENMETRICS)
		fputs("# EOF\n", to);
}

const char *metrics_content_type(enum metrics_format format)
{
	switch (format) {
	case METRICS_TEXT: return "text/plain; version=0.0.4; charset=utf-8";
	case METRICS_OPENMETRICS: return "application/openmetrics-text; version=1.0.0; charset=utf-8";
	}
	return "";
}

/* The weight of the media range in accept[0 .. len), 0 where it is another's. */
static double weight_of(const char *accept, size_t len, const char *type)
{
	size_t n = strlen(type);

	if (len < n || strncasecmp(accept, type, n) != 0 || (len > n && !strchr("; \t", accept[n])))
		return 0;
	for (size_t i = n; i + 2 < len; i++)
		if ((accept[i] == ';' || accept[i] == ' ') && (accept[i + 1] | 0x20) == 'q' &&
		        accept[i + 2] == '=')
			return strtod(accept + i + 3, NULL);
	return 1;
}

/* The greatest weight among the list's elements. */
static double weight(const char *accept, const char *type)
{
	double most = 0;

	while (*accept) {
		size_t len;
		double w;

		accept += strspn(accept, " \t,");
		len = strcspn(accept, ",");
		w = weight_of(accept, len, type);
		most = MAX(most, w);
		accept += len;
	}
	return most;
}

enum metrics_format metrics_accepted(const char *accept)
{
	double open;

	if (!accept)
		return METRICS_TEXT;
	open = weight(accept, "application/openmetrics-text");
	return open > 0 && open >= weight(accept, "text/plain") ? METRICS_OPENMETRICS : METRICS_TEXT;
}
