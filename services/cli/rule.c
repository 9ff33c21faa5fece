/* rule: the rules in force and their counters, as `nft list ruleset` shows a kernel's. */
#include "services/cli/remote.h"

#include "proto/tables.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

static void help(void)
{
	printf("usage: sluice rule [--json] [--run-dir DIR]\n\n"
	       "The rules in the order in which they are looked at, and how many packets each has matched "
	       "since its\n"
	       "ruleset is in force.  What a rule says stands in the configuration.\n\n"
	       "  sluice rule\n"
	       "  sluice rule --json | jq '.rules[] | select(.packets > 0)'\n\n"
	       "Exit status: 0, 2 wrong use, 3 nobody answers.\n");
}

static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__RulesReply *all = (const void *)reply;
	const char *direction = "";

	(void)arg;
	for (size_t i = 0; i < all->n_rules; i++) {
		const Sluice__Rule *r = all->rules[i];

		if (strcmp(r->direction, direction) != 0)
			printf("%s\n", r->direction);
		direction = r->direction;
		printf("  %5u  packets %-12" PRIu64 " %s\n", r->number, r->packets, r->name);
	}
	if (all->uncounted)
		printf("%" PRIu64 " matches could not be counted\n", all->uncounted);
}

int cli_rule(int argc, char **argv)
{
	static const struct remote_table table = {help, &sluice__tables__descriptor, "Rules", NULL, print};
	Sluice__RulesRequest request = SLUICE__RULES_REQUEST__INIT;

	return remote_show(&table, &request.base, argc, argv);
}
