/* proc: files as in /proc/net (Linux net/ipv4/proc.c, net/ipv6/proc.c, net/core/net-procfs.c).  A reader of a
 * kernel's finds what it knows where it looks for it; groups that no kernel has stand in netstat. */
#include "common/metric/metric.h"

#include <inttypes.h>

#define COLUMNS 16u /* of softnet_stat and dev, at most */

/* Families of a group follow each other in the table. */
static uint32_t group_end(uint32_t first)
{
	uint32_t f = first;

	while (f < metrics_families() && strcmp(metrics_family(f)->group, metrics_family(first)->group) == 0)
		f++;
	return f;
}

static void write_columns(FILE *to, const struct metrics *m, uint32_t first, uint32_t end)
{
	fprintf(to, "%s:", metrics_family(first)->group);
	for (uint32_t f = first; f < end; f++)
		for (uint32_t i = 0; i < metric_points(metrics_family(f), m); i++) {
			struct metric_point point;
			char column[METRIC_NAME_LEN];

			metric_point(metrics_family(f), m, i, &point);
			metric_column(column, metrics_family(f), &point);
			fprintf(to, " %s", column);
		}
	fputc('\n', to);
}

static void write_values(FILE *to, const struct metrics *m, uint32_t first, uint32_t end)
{
	fprintf(to, "%s:", metrics_family(first)->group);
	for (uint32_t f = first; f < end; f++)
		for (uint32_t i = 0; i < metric_points(metrics_family(f), m); i++) {
			struct metric_point point;

			metric_point(metrics_family(f), m, i, &point);
			fprintf(to, " %" PRIu64, point.value);
		}
	fputc('\n', to);
}

static void write_pairs(FILE *to, enum metric_file file, const struct metrics *m)
{
	uint32_t end;

	for (uint32_t f = 0; f < metrics_families(); f = end) {
		end = group_end(f);
		if (metric_file(metrics_family(f)) != file)
			continue;
		write_columns(to, m, f, end);
		write_values(to, m, f, end);
	}
}

static void write_snmp6(FILE *to, const struct metrics *m)
{
	for (uint32_t f = 0; f < metrics_families(); f++) {
		const struct metric *family = metrics_family(f);
		struct metric_point point;
		char name[2 * METRIC_NAME_LEN];

		if (metric_file(family) != METRIC_SNMP6)
			continue;
		metric_point(family, m, 0, &point);
		snprintf(name, sizeof name, "%s%s", family->group, family->column);
		fprintf(to, "%-32s\t%" PRIu64 "\n", name, point.value);
	}
}

/* The columns of one line: those of the families whose place they are, else 0. */
static void gather(
        uint64_t column[COLUMNS], enum metric_file file, const struct metrics *m, uint32_t instance)
{
	memset(column, 0, COLUMNS * sizeof column[0]);
	for (uint32_t f = 0; f < metrics_families(); f++) {
		struct metric_point point;

		if (metric_file(metrics_family(f)) != file)
			continue;
		metric_point(metrics_family(f), m, instance, &point);
		column[metrics_family(f)->place] = point.value;
	}
}

#define SOFTNET_COLUMNS 13u
#define SOFTNET_CPU     12u

static void write_softnet(FILE *to, const struct metrics *m)
{
	uint64_t column[COLUMNS];

	for (uint32_t l = 0; l < m->n_lanes; l++) {
		gather(column, METRIC_SOFTNET, m, l);
		column[SOFTNET_CPU] = l;
		for (uint32_t c = 0; c < SOFTNET_COLUMNS; c++)
			fprintf(to, "%s%08x", c ? " " : "", (uint32_t)column[c]);
		fputc('\n', to);
	}
}

static void write_dev(FILE *to, const struct metrics *m)
{
	uint64_t column[COLUMNS];

	fputs("Inter-|   Receive                                                |  Transmit\n"
	      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop "
	      "fifo colls carrier compressed\n",
	        to);
	for (uint32_t p = 0; p < m->n_ports; p++) {
		gather(column, METRIC_DEV, m, p);
		fprintf(to, "%6s:", m->port[p].name);
		for (uint32_t c = 0; c < COLUMNS; c++)
			fprintf(to, " %" PRIu64, column[c]);
		fputc('\n', to);
	}
}

static void write_sockstat(FILE *to, const struct metrics *m)
{
	const char *protocol = "";

	for (uint32_t f = 0; f < metrics_families(); f++) {
		const struct metric *family = metrics_family(f);
		struct metric_point point;

		if (metric_file(family) != METRIC_SOCKSTAT)
			continue;
		if (strcmp(protocol, family->protocol) != 0)
			fprintf(to, "%s%s:", *protocol ? "\n" : "", family->protocol);
		protocol = family->protocol;
		metric_point(family, m, 0, &point);
		fprintf(to, " %s %" PRIu64, family->word, point.value);
	}
	fputc('\n', to);
}

void metrics_proc(FILE *to, enum metric_file file, const struct metrics *m)
{
	switch (file) {
	case METRIC_SNMP:
	case METRIC_NETSTAT: write_pairs(to, file, m); break;
	case METRIC_SNMP6: write_snmp6(to, m); break;
	case METRIC_SOFTNET: write_softnet(to, m); break;
	case METRIC_DEV: write_dev(to, m); break;
	case METRIC_SOCKSTAT: write_sockstat(to, m); break;
	case METRIC_FILES: break;
	}
}

const char *metrics_proc_name(enum metric_file file)
{
	switch (file) {
	case METRIC_SNMP: return "snmp";
	case METRIC_NETSTAT: return "netstat";
	case METRIC_SNMP6: return "snmp6";
	case METRIC_SOFTNET: return "softnet_stat";
	case METRIC_DEV: return "dev";
	case METRIC_SOCKSTAT: return "sockstat";
	case METRIC_FILES: break;
	}
	return "";
}
