/* rule: the rules in force and their counters, as `nft list ruleset` shows a kernel's. */
#include "services/cli/remote.h"

#include "proto/tables.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

/* From `in` to `action`, the keys of a rule in the configuration; but for the last in their order there. */
static void print_match(const Sluice__Rule *r)
{
	const ProtobufCMessageDescriptor *d = r->base.descriptor;
	const ProtobufCFieldDescriptor *action = protobuf_c_message_descriptor_get_field_by_name(d, "action");

	for (const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(d, "in");
	        f < action; f++) {
		const uint8_t *at = (const uint8_t *)r + f->offset;
		bool list = f->label == PROTOBUF_C_LABEL_REPEATED;
		char *const *words = list ? *(char *const *const *)(const void *)at
		                          : (char *const *)(const void *)at;
		size_t n = list ? *(const size_t *)(const void *)((const uint8_t *)r + f->quantifier_offset)
		                : **words != 0;

		for (size_t i = 0; i < n; i++)
			printf("%s%s%s", i ? "," : f->name, i ? "" : " ", words[i]);
		fputs(n ? " " : "", stdout);
	}
}

static void print_ruleset(const Sluice__RulesReply *all, const Sluice__Ruleset *set)
{
	printf("%s%s%s%s\n", set->direction, *set->policy ? " (policy " : "", set->policy,
	        *set->policy ? ")" : "");
	for (size_t i = 0; i < all->n_rules; i++) {
		const Sluice__Rule *r = all->rules[i];

		if (strcmp(r->direction, set->direction) != 0)
			continue;
		printf("  %5u  ", r->number);
		print_match(r);
		printf("packets %" PRIu64 "%s%s%s%s\n", r->packets, *r->action ? " " : "", r->action,
		        *r->name ? "  # " : "", r->name);
	}
}

static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__RulesReply *all = (const void *)reply;

	(void)arg;
	for (size_t i = 0; i < all->n_rulesets; i++)
		print_ruleset(all, all->rulesets[i]);
	if (all->uncounted)
		printf("%" PRIu64 " matches could not be counted\n", all->uncounted);
}

static int run(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__tables__descriptor, "Rules", NULL, print, RPC_READER};
	Sluice__RulesRequest request = SLUICE__RULES_REQUEST__INIT;

	return remote_show(&table, &request.base, call);
}

const struct cli_command command_rule = {
        .name = "rule",
        .what = "the rules and how many packets each has matched",
        .about = "The rules in the order in which they are looked at: what each matches, in the words of the "
                 "configuration, how many packets it has matched since its ruleset is in force, and what "
                 "becomes of them.",
        .examples = {{"sluice rule", "all of them"},
                {"sluice rule --json | jq '.rules[] | select(.packets > 0)'", "those that have matched"}},
        .json = "{\"rulesets\": [...], \"rules\": [...], \"uncounted\": matches that no counter had room "
                "for}",
        .asks = true,
        .shows = true,
        .run = run,
};
