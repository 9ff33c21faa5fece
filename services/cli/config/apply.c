/* apply: another configuration, in force everywhere at once. */
#include "services/cli/config/config.h"

#include "services/cli/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHECK, CONFIRM };

static void tell_checked(const struct remote *r, const Sluice__ApplyReply *reply)
{
	printf("%s: this appliance could take it\n", cli_word(r->call, 0));
	config_tell_next_start(reply->next_start, reply->n_next_start);
}

static int apply(struct remote *r, Sluice__ApplyRequest *request)
{
	ProtobufCMessage *reply;
	int code = remote_ask(r, RPC_ADMIN, &sluice__admin__descriptor, "Apply", &request->base, &reply);

	if (code)
		return code;
	if (r->call->json)
		json_line(reply);
	else if (request->check)
		tell_checked(r, (const void *)reply);
	else
		config_tell_applied((const void *)reply);
	rpc_free(reply);
	return CLI_FINE;
}

static int run(const struct cli_call *call)
{
	const char *file = cli_word(call, 0);
	Sluice__ApplyRequest request = SLUICE__APPLY_REQUEST__INIT;
	struct remote r = {.call = call, .deadline_ms = CONFIG_CHANGE_MS};
	char *whole;
	int code;

	request.confirm_s = (uint32_t)cli_number(call, CONFIRM, 0);
	request.text.data = config_read_file(file, &request.text.len);
	if (!request.text.data)
		return cli_fail(call, RPC_UNAVAILABLE, "%s cannot be read: %s", file, strerror(errno));
	whole = realpath(file, NULL);
	request.name = whole ? whole : (char *)file;
	request.check = cli_flag(call, CHECK);
	code = apply(&r, &request);
	free(whole);
	free(request.text.data);
	return code;
}

const struct cli_command command_config_apply = {
        .name = "apply",
        .what = "put another configuration in force while packets flow",
        .about =
                "Puts a configuration in force while packets flow: each packet sees the old one or the new "
                "one. A file with errors changes nothing, and every error is told with its place. An address "
                "to be heard at (`control`, `metrics`) that cannot be listened at is such an error too. A "
                "running process that does not take the new one up within 2 s brings the old one back. What "
                "was applied is kept: an appliance that is started again with a file that has not changed "
                "since goes on with it. What waits for the next start is told: processors "
                "(appliance.cores), and metrics at a port below 1024 or with files that only root may read. "
                "`sluice apply` is short for it.",
        .options = {[CHECK] = {.name = "check",
                            .meaning = "only whether this appliance could take it, as it runs now"},
                [CONFIRM] = {.name = "confirm",
                        .takes = {"TIME", CLI_TIME},
                        .meaning = "it is rolled back by itself unless `sluice config confirm` comes in that "
                                   "time"}},
        .arguments = {{{"FILE", CLI_FILE}, .needed = true, .meaning = "the configuration"}},
        .examples = {{"sluice config apply /etc/sluice.yaml", "put it in force"},
                {"sluice config apply risky.yaml --confirm 60s && sluice config confirm",
                        "and only keep it if you can still be heard"}},
        .exits = {"it is in force", "it is not: errors in the file, or what is said",
                [CLI_SYSTEM] =
                        "the file cannot be read, or nobody answers; `sluice config history` tells what "
                        "became of it"},
        .json = "{\"number\", \"epoch\", \"took_ns\", ...}",
        .asks = true,
        .run = run,
};
