/* counter: the protocols' counters, as `nstat` shows a kernel's. */
#include "services/cli/remote.h"

#include "proto/control.pb-c.h"
#include "services/cli/json.h"

#include <inttypes.h>
#include <stdio.h>

static void help(void)
{
	printf("usage: sluice counter [--zeros] [--json] [--run-dir DIR]\n\n"
	       "The counters of IP, ICMP, UDP, TCP, ... by the names that nstat has for a kernel's, over "
	       "all\n"
	       "stages since the start.\n\n"
	       "  --zeros   those too that never counted\n\n"
	       "  sluice counter | grep Icmp\n\n"
	       "Exit status: 0, 2 wrong use, 3 nobody answers.\n");
}

int cli_counter(int argc, char **argv)
{
	static const char *const own[] = {"zeros", NULL};
	Sluice__CountersRequest request = SLUICE__COUNTERS_REQUEST__INIT;
	ProtobufCMessage *reply;
	struct remote r;
	int code = remote_options(&r, argc, argv, own);

	if (code)
		return code;
	if (r.help) {
		help();
		return CLI_FINE;
	}
	if (r.n_args)
		return cli_usage("counter", "it takes no '%s'", r.args[0]);
	request.zeros = remote_flag(&r, 0);
	code = remote_ask(&r, RPC_READER, &sluice__read__descriptor, "Counters", &request.base, &reply);
	if (code)
		return code;
	if (r.json) {
		json_message(stdout, reply);
		fputc('\n', stdout);
	} else {
		const Sluice__CountersReply *c = (const void *)reply;

		for (size_t i = 0; i < c->n_counters; i++)
			printf("%s%-*s %" PRIu64 "\n", c->counters[i]->group,
			        32 - (int)strnlen(c->counters[i]->group, 31), c->counters[i]->name,
			        c->counters[i]->value);
	}
	rpc_free(reply);
	return CLI_FINE;
}
