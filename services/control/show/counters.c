/* counters: every point of the registry, as a message. */
#include "services/control/internal.h"

#include <stdlib.h>

struct counters_message {
	Sluice__CountersReply reply;
	struct counter {
		Sluice__Counter message;
		char column[METRIC_NAME_LEN];
	} * counter;
	Sluice__Counter **list;
};

static size_t count_points(const struct metrics *metrics)
{
	size_t n = 0;

	for (uint32_t f = 0; f < metrics_families(); f++)
		n += metric_points(metrics_family(f), metrics);
	return n;
}

static void fill_point(
        struct counters_message *m, const struct metric *family, const struct metric_point *point)
{
	struct counter *to = &m->counter[m->reply.n_counters];

	sluice__counter__init(&to->message);
	metric_column(to->column, family, point);
	to->message.group = (char *)family->group;
	to->message.name = to->column;
	to->message.value = point->value;
	m->list[m->reply.n_counters++] = &to->message;
}

static void fill(struct counters_message *m, const struct metrics *metrics, bool zeros)
{
	struct metric_point point;

	sluice__counters_reply__init(&m->reply);
	m->reply.counters = m->list;
	for (uint32_t f = 0; f < metrics_families(); f++)
		for (uint32_t i = 0; i < metric_points(metrics_family(f), metrics); i++) {
			metric_point(metrics_family(f), metrics, i, &point);
			if (point.value || zeros)
				fill_point(m, metrics_family(f), &point);
		}
}

void control_counters(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__CountersRequest *r = (const void *)request;
	struct metrics *metrics = measure(context);
	size_t n = 1 + (metrics ? count_points(metrics) : 0);
	struct counters_message m = {
	        .counter = calloc(n, sizeof *m.counter),
	        .list = calloc(n, sizeof(void *)),
	};

	if (metrics && m.counter && m.list) {
		fill(&m, metrics, r->zeros);
		rpc_reply(call, &m.reply.base);
	} else {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	}
	free(m.list);
	free(m.counter);
	free(metrics);
}
