/* config history: who changed what when, and what became of it. */
#include "services/cli/config/config.h"

#include <stdio.h>
#include <stdlib.h>

#define NEWEST 20u

enum { COUNT, BEFORE };

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
	        remote_date(when, c->time_ms), remote_user(who, c->uid, c->key), act_text(c, act),
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

static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__ConfigHistoryReply *h = (const void *)reply;

	(void)arg;
	for (size_t i = 0; i < h->n_changes; i++)
		print_change(h->changes[i], h);
}

static int run(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__read__descriptor, "ConfigHistory", NULL, print, RPC_READER};
	Sluice__ConfigHistoryRequest request = SLUICE__CONFIG_HISTORY_REQUEST__INIT;

	request.most = (uint32_t)cli_number(call, COUNT, NEWEST);
	request.before = (uint32_t)cli_number(call, BEFORE, 0);
	return remote_show(&table, &request.base, call);
}

const struct cli_command command_config_history = {
        .name = "history",
        .what = "who changed what when, and what became of it",
        .about = "The changes of the configuration, the newest first: number, when, who (the user, as the "
                 "kernel tells it of the socket's other end), what was done, what became of it, and what it "
                 "changed (+ added, - removed, ~ changed, ^ moved; `sluice config diff` tells more). * is in "
                 "force. It outlives control and the appliance; of 500 to 1,000 changes that are kept the "
                 "newest 20 are told.",
        .options = {[COUNT] = {.name = "count",
                            .takes = {"N", CLI_NUMBER, 1, 100},
                            .meaning = "so many, 100 at the most"},
                [BEFORE] = {.name = "before",
                        .takes = {"N", CLI_NUMBER, 1, UINT32_MAX},
                        .meaning = "those with a smaller number"}},
        .terms = {{"begun", "being put in force"}, {"applied", "in force then, everywhere"},
                {"confirmed", "applied with --confirm, and confirmed"},
                {"unconfirmed", "rolled back by itself, since nobody did"},
                {"rolled back", "by somebody who did not want to wait for that"},
                {"refused", "never in force: errors, or this appliance cannot take it"},
                {"undone", "a running process did not take it up in time"},
                {"interrupted", "control or the appliance ended before it was in force"}},
        .examples = {{"sluice config history", "the newest changes"},
                {"sluice config history --json | jq '.changes[] | {number, uid, outcome}'", "for scripts"}},
        .json = "{\"in_force\", \"waits\", \"changes\": [...], ...}",
        .asks = true,
        .shows = true,
        .run = run,
};
