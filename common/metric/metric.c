#include "common/metric/metric.h"

#include <ctype.h>
#include <inttypes.h>

#define REASONS (DROP_REASON_COUNT - 1u) /* without DROP_NONE */

static const char *const stage_names[] = {"ingest", "filter", "router", "session"};

static_assert(ARRAY_LEN(stage_names) == STAGE_COUNT, "a name a stage");

static uint32_t instances(const struct metric *family, const struct metrics *m)
{
	switch ((enum metric_scope)family->scope) {
	case METRIC_OF_APPLIANCE: return 1;
	case METRIC_OF_STAGE: return STAGE_COUNT;
	case METRIC_OF_REASON: return STAGE_COUNT * REASONS;
	case METRIC_OF_PROCESS: return ROLE_COUNT;
	case METRIC_OF_LANE: return m->n_lanes;
	case METRIC_OF_PORT: return m->n_ports;
	}
	return 0;
}

/* Points of an instance: one; of a histogram its buckets, the last of all, the sum, and the count. */
static uint32_t parts(const struct metric *family)
{
	return family->type == METRIC_HISTOGRAM ? family->buckets + 3u : 1;
}

uint32_t metric_points(const struct metric *family, const struct metrics *m)
{
	return instances(family, m) * parts(family);
}

/* The structure that instance i of a scope stands in. */
static const void *instance(enum metric_scope scope, const struct metrics *m, uint32_t i)
{
	switch (scope) {
	case METRIC_OF_APPLIANCE: return m;
	case METRIC_OF_STAGE: return &m->stage[i];
	case METRIC_OF_REASON: return &m->stage[i / REASONS].terms.by_reason[1 + i % REASONS];
	case METRIC_OF_PROCESS: return &m->process[i];
	case METRIC_OF_LANE: return &m->lane[i];
	case METRIC_OF_PORT: return &m->port[i];
	}
	return NULL;
}

static void add_label(struct metric_point *point, const char *key, const char *value)
{
	point->label[point->n_labels++] = (struct metric_label){key, value};
}

static void add_labels(
        struct metric_point *point, enum metric_scope scope, const struct metrics *m, uint32_t i)
{
	switch (scope) {
	case METRIC_OF_APPLIANCE: break;
	case METRIC_OF_STAGE: add_label(point, "stage", stage_names[i]); break;
	case METRIC_OF_REASON:
		add_label(point, "stage", stage_names[i / REASONS]);
		add_label(point, "reason", drop_reason_label((enum drop_reason)(1 + i % REASONS)));
		break;
	case METRIC_OF_PROCESS: add_label(point, "process", board_role_name((enum role)i)); break;
	case METRIC_OF_LANE: add_label(point, "lane", m->lane[i].name); break;
	case METRIC_OF_PORT: add_label(point, "port", m->port[i].name); break;
	}
}

static uint64_t count_up_to(const struct histogram *h, uint32_t bucket)
{
	uint64_t n = 0;

	for (uint32_t b = 0; b <= bucket; b++)
		n += h->bucket[b];
	return n;
}

static void histogram_part(
        struct metric_point *point, const struct metric *family, const struct histogram *h, uint32_t k)
{
	uint32_t buckets = family->buckets;

	point->part = k < buckets         ? METRIC_BUCKET
	              : k == buckets      ? METRIC_ALL
	              : k == buckets + 1u ? METRIC_SUM
	                                  : METRIC_COUNT;
	point->bound = k < buckets ? UINT64_C(1) << (family->shift + k) : 0;
	point->value = point->part == METRIC_SUM ? h->sum
	                                         : count_up_to(h, k < buckets ? k : HISTOGRAM_BUCKETS - 1);
}

void metric_point(
        const struct metric *family, const struct metrics *m, uint32_t i, struct metric_point *point)
{
	enum metric_scope scope = (enum metric_scope)family->scope;
	uint32_t k = i % parts(family);
	const uint8_t *at;

	i /= parts(family);
	at = (const uint8_t *)instance(scope, m, i) + family->at;
	*point = (struct metric_point){0};
	add_labels(point, scope, m, i);
	if (family->type == METRIC_HISTOGRAM)
		histogram_part(point, family, (const void *)at, k);
	else
		memcpy(&point->value, at, sizeof point->value);
}

enum metric_file metric_file(const struct metric *family)
{
	static const struct {
		const char *group;
		enum metric_file file;
	} of_group[] = {{"Ip", METRIC_SNMP}, {"Icmp", METRIC_SNMP}, {"Tcp", METRIC_SNMP},
	        {"Udp", METRIC_SNMP}, {"Ip6", METRIC_SNMP6}, {"Icmp6", METRIC_SNMP6}, {"Udp6", METRIC_SNMP6},
	        {"Softnet", METRIC_SOFTNET}, {"Dev", METRIC_DEV}, {"Sockstat", METRIC_SOCKSTAT}};

	for (uint32_t i = 0; i < ARRAY_LEN(of_group); i++)
		if (strcmp(family->group, of_group[i].group) == 0)
			return of_group[i].file;
	return METRIC_NETSTAT;
}

void metric_name(char name[METRIC_NAME_LEN], const struct metric *family)
{
	snprintf(name, METRIC_NAME_LEN, "sluice_%s", family->name);
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

static void write_part(char *to, size_t room, const struct metric_point *point)
{
	switch (point->part) {
	case METRIC_WHOLE: break;
	case METRIC_BUCKET: snprintf(to, room, "_le_%" PRIu64, point->bound); break;
	case METRIC_ALL: snprintf(to, room, "_le_inf"); break;
	case METRIC_SUM: snprintf(to, room, "_sum"); break;
	case METRIC_COUNT: snprintf(to, room, "_count"); break;
	}
}

void metric_column(
        char column[METRIC_NAME_LEN], const struct metric *family, const struct metric_point *point)
{
	size_t at = (size_t)snprintf(column, METRIC_NAME_LEN, "%s", family->column);

	for (uint32_t l = 0; l < point->n_labels && at < METRIC_NAME_LEN; l++)
		at += (size_t)snprintf(column + at, METRIC_NAME_LEN - at, "_%s", point->label[l].value);
	if (at < METRIC_NAME_LEN)
		write_part(column + at, METRIC_NAME_LEN - at, point);
}
