/* counters: the protocols', by the names of Linux, over all workers of each stage. */
#include "services/control/internal.h"

#include <stdlib.h>

struct counters_message {
	Sluice__CountersReply reply;
	char *stages[STAGE_COUNT];
	Sluice__Counter counter[STAT_COUNT], *list[STAT_COUNT];
	uint64_t by_stage[STAT_COUNT][STAGE_COUNT];
};

static void fill(struct counters_message *m, const struct appliance *a, uint32_t stat, bool zeros)
{
	Sluice__Counter *to = &m->counter[m->reply.n_counters];
	uint64_t *by = m->by_stage[stat], sum = 0;

	for (uint32_t w = 0; w < a->plan.n_workers; w++)
		by[a->plan.worker[w].stage] += __atomic_load_n(
		        &appliance_stats(a, w)->v[stat], __ATOMIC_RELAXED);
	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		sum += by[s];
	if (!sum && !zeros)
		return;
	sluice__counter__init(to);
	to->group = (char *)stat_group((enum stat_id)stat);
	to->name = (char *)stat_name((enum stat_id)stat);
	to->value = sum;
	to->by_stage = by;
	to->n_by_stage = STAGE_COUNT;
	m->list[m->reply.n_counters++] = to;
}

void control_counters(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__CountersRequest *r = (const void *)request;
	struct counters_message *m = calloc(1, sizeof *m);
	const struct control *c = context;

	if (!m) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
		return;
	}
	sluice__counters_reply__init(&m->reply);
	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		m->stages[s] = (char *)control_stage_name((enum stage_id)s);
	m->reply.stages = m->stages;
	m->reply.n_stages = STAGE_COUNT;
	m->reply.counters = m->list;
	for (uint32_t s = 0; s < STAT_COUNT; s++)
		fill(m, c->appliance, s, r->zeros);
	rpc_reply(call, &m->reply.base);
	free(m);
}
