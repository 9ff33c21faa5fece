/* rules: the rules in force in their order, what each says and what it has matched. */
#include "services/control/internal.h"

#include "proto/tables.pb-c.h"
#include "services/filter/filter.h"

#include <stdlib.h>

struct ruleset {
	enum filter_direction direction;
	const char *name;
	struct epoch_span names;
	const struct config_ruleset *said; /* NULL: not known */
	uint32_t n;
};

struct rule_message {
	Sluice__Rule rule;
	char *in[CLASSIFY_PORTS_MAX], *out[CLASSIFY_PORTS_MAX];
};

struct rules_message {
	Sluice__RulesReply reply;
	Sluice__Ruleset ruleset[2], *rulesets[2];
	struct rule_message *rule;
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

/* A word of the rule's text goes to the field that is named as its key. */
static void take_word(void *context, const char *key, const char *word)
{
	Sluice__Rule *to = context;
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(
	        to->base.descriptor, key);
	uint8_t *value = (uint8_t *)to + f->offset;
	size_t *n = (void *)((uint8_t *)to + f->quantifier_offset);

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		(*(char ***)(void *)value)[(*n)++] = (char *)word;
	else
		*(char **)(void *)value = (char *)word;
}

static void fill_rule(struct rule_message *m, const struct ruleset *set, uint32_t i, const char *name)
{
	Sluice__Rule *to = &m->rule;

	sluice__rule__init(to);
	to->in = m->in;
	to->out = m->out;
	if (set->said)
		config_rule_words(&set->said->rules[i], take_word, to);
	to->direction = (char *)set->name;
	to->number = i + 1;
	to->name = (char *)(name ? name : "");
}

static bool add_ruleset(const struct control *c, const struct epoch *epoch, const struct ruleset *set,
        struct rules_message *m)
{
	static const char *const policies[] = {"pass", "drop"};
	Sluice__RulesReply *reply = &m->reply;
	Sluice__Ruleset *ruleset = &m->ruleset[reply->n_rulesets];
	uint64_t *sum = calloc(set->n + 1, sizeof *sum);
	bool fine = sum && sum_counts(c, epoch, set, sum);

	sluice__ruleset__init(ruleset);
	ruleset->direction = (char *)set->name;
	ruleset->policy = (char *)(set->said ? policies[set->said->policy] : "");
	m->rulesets[reply->n_rulesets++] = ruleset;
	for (uint32_t i = 0; fine && i < set->n; i++) {
		struct rule_message *to = &m->rule[reply->n_rules];

		fill_rule(to, set, i, epoch_rule_name(epoch, set->names, i));
		to->rule.packets = sum[i];
		reply->rules[reply->n_rules++] = &to->rule;
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

static void find_rulesets(
        struct ruleset *in, struct ruleset *out, const struct epoch *epoch, const struct config *config)
{
	*in = (struct ruleset){FILTER_INGRESS, "ingress", epoch->header->ingress_names,
	        config ? &config->rules.ingress : NULL, rules_of(epoch, epoch->header->ingress)};
	*out = (struct ruleset){FILTER_EGRESS, "egress", epoch->header->egress_names,
	        config ? &config->rules.egress : NULL, rules_of(epoch, epoch->header->egress)};
}

static void answer(const struct control *c, struct rpc_call *call, const struct epoch *epoch)
{
	struct ruleset in, out;
	struct rules_message m = {.reply = SLUICE__RULES_REPLY__INIT};

	find_rulesets(&in, &out, epoch, control_config(c));
	m.rule = calloc(in.n + out.n + 1, sizeof *m.rule);
	m.reply.rules = calloc(in.n + out.n + 1, sizeof(void *));
	m.reply.rulesets = m.rulesets;
	for (uint32_t l = 0; l < c->appliance->plan.params.lanes; l++)
		m.reply.uncounted += filter_rules_uncounted(control_state(c, STAGE_FILTER, l));
	if (m.rule && m.reply.rules && add_ruleset(c, epoch, &in, &m) && add_ruleset(c, epoch, &out, &m))
		rpc_reply(call, &m.reply.base);
	else
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	free(m.reply.rules);
	free(m.rule);
}

void control_rules(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const struct control *c = context;
	const struct epoch *epoch = publisher_epoch(&c->publisher);

	(void)request;
	if (epoch)
		answer(c, call, epoch);
	else
		rpc_fail(call, RPC_FAILED_PRECONDITION, "no configuration is in force yet");
}
