/* health: whether the processes serve: for a container's health check, and for a balancer in front. */
#include "services/cli/remote.h"

#include "proto/health.pb-c.h"
#include "services/cli/json.h"

#include <stdio.h>

static void help(void)
{
	printf("usage: sluice health [PROCESS] [--json] [--run-dir DIR]\n\n"
	       "Whether the processes of a running appliance serve, or one of them: it runs, and has taken "
	       "up "
	       "the\n"
	       "configuration in force.  Quick, and for whoever may read; a HEALTHCHECK of a container, "
	       "say.\n\n"
	       "  sluice health\n"
	       "  sluice health router\n"
	       "  sluice health --json | jq -r '.processes[] | select(.status != \"SERVING\").name'\n\n"
	       "Exit status: 0 if all that was asked for serves, 1 if not or there is no such process, 2 "
	       "wrong "
	       "use,\n"
	       "3 nobody answers.\n");
}

static void print(const Sluice__HealthReply *h)
{
	for (size_t i = 0; i < h->n_processes; i++) {
		const Sluice__ProcessHealth *p = h->processes[i];

		printf("%-9s%s%s%s%s%s\n", p->name, remote_paint(*p->why ? "\033[31m" : "\033[32m"),
		        p->status, remote_paint("\033[0m"), *p->why ? ": " : "", p->why);
	}
}

static int check(struct remote *r)
{
	Sluice__HealthRequest request = SLUICE__HEALTH_REQUEST__INIT;
	const Sluice__HealthReply *h;
	ProtobufCMessage *reply;
	int code;

	if (r->n_args)
		request.process = (char *)(uintptr_t)r->args[0];
	code = remote_ask(r, RPC_READER, &sluice__health__descriptor, "Check", &request.base, &reply);
	if (code)
		return code;
	h = (const void *)reply;
	if (r->json)
		json_line(reply);
	else
		print(h);
	code = strcmp(h->status, "SERVING") != 0 ? CLI_NO : CLI_FINE;
	rpc_free(reply);
	return code;
}

int cli_health(int argc, char **argv)
{
	struct remote r;
	int code;

	if (!remote_begin(&r, argc, argv, NULL, help, &code))
		return code;
	if (r.n_args > 1)
		return cli_usage(r.command, "it takes no '%s'", r.args[1]);
	return check(&r);
}
