/* config history: who changed what when, and what became of it. */
#include "services/cli/config.h"

#include "services/cli/json.h"

#include <stdio.h>
#include <stdlib.h>

#define NEWEST 20u

static void help(void)
{
	printf("usage: sluice config history [--count N] [--before N] [--json] [--run-dir DIR]\n\n"
	       "The changes of the configuration, the newest first: number, when, who (the user, as the "
	       "kernel\n"
	       "tells it of the socket's other end), what was done, what became of it, and what it changed\n"
	       "(+ added, - removed, ~ changed, ^ moved; `sluice config diff` tells more).  * is in force.\n"
	       "It outlives control and the appliance; the newest %u are told, of 500 to 1,000 that are "
	       "kept.\n\n"
	       "  --count N   so many, 100 at the most\n"
	       "  --before N  those with a smaller number\n\n"
	       "  begun        being put in force\n"
	       "  applied      in force then, everywhere\n"
	       "  confirmed    applied with --confirm, and confirmed\n"
	       "  unconfirmed  rolled back by itself, since nobody did\n"
	       "  rolled back  by somebody who did not want to wait for that\n"
	       "  refused      never in force: errors, or this appliance cannot take it\n"
	       "  undone       a running process did not take it up in time\n"
	       "  interrupted  control or the appliance ended before it was in force\n\n"
	       "  sluice config history\n"
	       "  sluice config history --json | jq '.changes[] | {number, uid, outcome}'\n\n"
	       "Exit status: 0, 2 wrong use, 3 nobody answers.\n",
	        NEWEST);
}

static const char *act_text(const Sluice__Change *c, char text[32])
{
	if (c->of)
		snprintf(text, 32, "rollback to %u", c->of);
	else
		snprintf(text, 32, "%s", c->act);
	return text;
}

static void print_change(const Sluice__Change *c, const Sluice__ConfigHistoryReply *all)
{
	const bool good = !strcmp(c->outcome, "applied") || !strcmp(c->outcome, "confirmed");
	char who[32], when[32], act[32], left[32];

	printf("%5u%c %s  %-10s %-15s %s%s%s", c->number, c->number == all->in_force ? '*' : ' ',
	        remote_date(when, c->time_ms), remote_user(who, c->uid), act_text(c, act),
	        remote_paint(good ? "\033[32m" : "\033[31m"), c->outcome, remote_paint("\033[0m"));
	if (c->number == all->waits)
		printf(", waits %s to be confirmed", remote_time(left, all->waits_ms * NANOS_PER_MS));
	else if (c->epoch && good)
		printf(" as epoch %u", c->epoch);
	if (*c->change)
		printf(": %s", c->change);
	fputc('\n', stdout);
	if (*c->why)
		printf("       %s\n", c->why);
}

int config_history_main(int argc, char **argv)
{
	static const char *const own[] = {"count=", "before=", NULL};
	Sluice__ConfigHistoryRequest request = SLUICE__CONFIG_HISTORY_REQUEST__INIT;
	const Sluice__ConfigHistoryReply *h;
	ProtobufCMessage *reply;
	uint64_t most = NEWEST, before = 0;
	struct remote r;
	int code;

	if (!remote_begin(&r, argc, argv, own, help, &code))
		return code;
	if (r.n_args)
		return cli_usage(argv[0], "it takes no '%s'", r.args[0]);
	if (r.value[0] && !cli_number(r.value[0], "--count", 1, 100, &most))
		return CLI_USAGE;
	if (r.value[1] && !cli_number(r.value[1], "--before", 1, UINT32_MAX, &before))
		return CLI_USAGE;
	request.most = (uint32_t)most;
	request.before = (uint32_t)before;
	code = remote_ask(&r, RPC_READER, &sluice__read__descriptor, "ConfigHistory", &request.base, &reply);
	if (code)
		return code;
	h = (const void *)reply;
	if (r.json)
		json_line(reply);
	for (size_t i = 0; !r.json && i < h->n_changes; i++)
		print_change(h->changes[i], h);
	rpc_free(reply);
	return CLI_FINE;
}
