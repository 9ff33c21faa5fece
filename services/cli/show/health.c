/* health: whether the processes serve: for a container's health check, and for a balancer in front. */
#include "services/cli/remote.h"

#include "proto/health.pb-c.h"
#include "services/cli/json.h"

#include <stdio.h>

static void print(const Sluice__HealthReply *h)
{
	for (size_t i = 0; i < h->n_processes; i++) {
		const Sluice__ProcessHealth *p = h->processes[i];

		printf("%-9s%s%s%s%s%s\n", p->name, remote_paint(*p->why ? "\033[31m" : "\033[32m"),
		        p->status, remote_paint("\033[0m"), *p->why ? ": " : "", p->why);
	}
}

static int run(const struct cli_call *call)
{
	Sluice__HealthRequest request = SLUICE__HEALTH_REQUEST__INIT;
	struct remote r = {.call = call};
	const Sluice__HealthReply *h;
	ProtobufCMessage *reply;
	int code;

	request.process = (char *)(uintptr_t)cli_word(call, 0);
	code = remote_ask(&r, RPC_READER, &sluice__health__descriptor, "Check", &request.base, &reply);
	if (code)
		return code;
	h = (const void *)reply;
	if (call->json)
		json_line(reply);
	else
		print(h);
	code = strcmp(h->status, "SERVING") != 0 ? CLI_NO : CLI_FINE;
	rpc_free(reply);
	return code;
}

const struct cli_command command_health = {
        .name = "health",
        .what = "whether its processes serve, for those that ask each few seconds",
        .about = "Whether the processes of a running appliance serve, or one of them: it runs, and has taken "
                 "up the configuration in force. Quick, and for whoever may read; a HEALTHCHECK of a "
                 "container, say.",
        .arguments = {{{"PROCESS", CLI_TEXT}, .meaning = "this one alone: ingest, filter, router, session"}},
        .examples = {{"sluice health", "all of them"}, {"sluice health router", "one of them"},
                {"sluice health --json | jq '.processes[] | select(.status != \"SERVING\").name'",
                        "those that do not serve"}},
        .exits = {"all that was asked for serves", "it does not, or there is no such process"},
        .json = "{\"status\", \"processes\": [{\"name\", \"status\", \"why\"}]}",
        .asks = true,
        .shows = true,
        .run = run,
};
