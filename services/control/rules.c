/* rules: the rules in force in their order, and what each has matched. */
#include "services/control/internal.h"

#include "proto/tables.pb-c.h"
#include "services/filter/filter.h"

#include <stdlib.h>

struct ruleset {
	enum filter_direction direction;
	const char *name;
	struct epoch_span names;
	uint32_t n;
};

/* Over all lanes; false: no memory. */
static bool sum_counts(
        const struct control *c, const struct epoch *epoch, const struct ruleset *set, uint64_t *sum)
{
	uint64_t *count = calloc(set->n + 1, sizeof *count);

	for (uint32_t l = 0; count && l < c->appliance->plan.params.lanes; l++) {
		filter_rule_counts(control_state(c, STAGE_FILTER, l), epoch, set->direction, count, set->n);
		for (uint32_t i = 0; i < set->n; i++)
			sum[i] += count[i];
	}
	free(count);
	return count;
}

static bool add_ruleset(const struct control *c, const struct epoch *epoch, const struct ruleset *set,
        Sluice__RulesReply *reply, Sluice__Rule *rules)
{
	uint64_t *sum = calloc(set->n + 1, sizeof *sum);
	bool fine = sum && sum_counts(c, epoch, set, sum);

	for (uint32_t i = 0; fine && i < set->n; i++) {
		Sluice__Rule *to = &rules[reply->n_rules];
		const char *name = epoch_rule_name(epoch, set->names, i);

		sluice__rule__init(to);
		to->direction = (char *)set->name;
		to->number = i + 1;
		to->name = (char *)(name ? name : "");
		to->packets = sum[i];
		reply->rules[reply->n_rules++] = to;
	}
	free(sum);
	return fine;
}

static uint32_t rules_of(const struct epoch *epoch, struct epoch_span blob)
{
	struct classify c;

	if (!blob.count || classify_attach(&c, (const char *)epoch->header + blob.off, blob.count))
		return 0;
	return c.n_rules;
}

void control_rules(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const struct control *c = context;
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	struct ruleset in = {FILTER_INGRESS, "ingress", {0}, 0}, out = {FILTER_EGRESS, "egress", {0}, 0};
	Sluice__RulesReply reply = SLUICE__RULES_REPLY__INIT;
	Sluice__Rule *rules;

	(void)request;
	if (!epoch) {
		rpc_fail(call, RPC_FAILED_PRECONDITION, "no configuration is in force yet");
		return;
	}
	in.names = epoch->header->ingress_names;
	in.n = rules_of(epoch, epoch->header->ingress);
	out.names = epoch->header->egress_names;
	out.n = rules_of(epoch, epoch->header->egress);
	rules = calloc(in.n + out.n + 1, sizeof *rules);
	reply.rules = calloc(in.n + out.n + 1, sizeof(void *));
	for (uint32_t l = 0; l < c->appliance->plan.params.lanes; l++)
		reply.uncounted += filter_rules_uncounted(control_state(c, STAGE_FILTER, l));
	if (rules && reply.rules && add_ruleset(c, epoch, &in, &reply, rules) &&
	        add_ruleset(c, epoch, &out, &reply, rules))
		rpc_reply(call, &reply.base);
	else
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	free(reply.rules);
	free(rules);
}
