/* apply: another configuration, in force everywhere at once. */
#include "services/cli/config.h"

#include "services/cli/json.h"

#include <stdio.h>
#include <stdlib.h>

static void help(const char *command)
{
	printf("usage: sluice %s FILE [--confirm TIME] [--check] [--json] [--run-dir DIR]\n\n"
	       "Puts a configuration in force while packets flow: each packet sees the old one or the new "
	       "one.\n"
	       "A file with errors changes nothing, and every error is told with its place.  A running "
	       "process\n"
	       "that does not take the new one up within 2 s brings the old one back.  What was applied is "
	       "kept:\n"
	       "an appliance that is started again with a file that has not changed since goes on with it.\n"
	       "`sluice apply` is short for it.\n\n"
	       "  --confirm TIME  it is rolled back by itself unless `sluice config confirm` comes in that "
	       "time\n"
	       "  --check         only whether this appliance could take it, as it runs now\n\n"
	       "  sluice config apply /etc/sluice.yaml\n"
	       "  sluice config apply risky.yaml --confirm 60s && sluice config confirm\n\n"
	       "Exit status: 0 it is in force, 1 it is not (errors in the file, or what is said), 2 wrong "
	       "use, 3\n"
	       "files, or nobody answers; `sluice config history` tells what became of it.\n",
	        command);
}

static int apply(struct remote *r, Sluice__ApplyRequest *request)
{
	ProtobufCMessage *reply;
	int code = remote_ask(r, RPC_ADMIN, &sluice__admin__descriptor, "Apply", &request->base, &reply);

	if (code)
		return code;
	if (r->json)
		json_line(reply);
	else if (request->check)
		printf("%s: this appliance could take it\n", r->args[0]);
	else
		config_tell_applied((const void *)reply);
	rpc_free(reply);
	return CLI_FINE;
}

int cli_apply(int argc, char **argv)
{
	static const char *const own[] = {"check", "confirm=", NULL};
	Sluice__ApplyRequest request = SLUICE__APPLY_REQUEST__INIT;
	struct remote r;
	char *whole;
	int code = remote_options(&r, argc, argv, own);

	if (code)
		return code;
	if (r.help) {
		help(argv[0]);
		return CLI_FINE;
	}
	if (r.n_args != 1)
		return cli_usage(argv[0], "one configuration file is needed");
	if (r.value[1] && !cli_seconds(r.value[1], "--confirm", &request.confirm_s))
		return CLI_USAGE;
	request.text.data = config_read_file(r.args[0], &request.text.len);
	if (!request.text.data)
		return remote_say(&r, RPC_UNAVAILABLE, "%s cannot be read: %s", r.args[0], strerror(errno));
	whole = realpath(r.args[0], NULL);
	request.name = whole ? whole : (char *)r.args[0];
	request.check = remote_flag(&r, 0);
	code = apply(&r, &request);
	free(whole);
	free(request.text.data);
	return code;
}
