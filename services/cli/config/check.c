#include "services/cli/cli.h"

#include "common/config/config.h"

#include <errno.h>
#include <stdio.h>

enum { SCHEMA };

static void tell(const struct cli_call *call, const struct config *config, const struct config_errors *errors)
{
	if (call->json) {
		config_errors_json(stdout, errors);
		fputc('\n', stdout);
	} else if (config) {
		printf("%s: fine: %u ports, %u VLANs, %u routes, %u neighbors, %u sockets\n",
		        cli_word(call, 0), config->n_ports, config->n_vlans, config->n_routes,
		        config->n_neighbors, config->n_sockets);
	} else {
		config_errors_print(stderr, errors);
	}
}

static int check(const struct cli_call *call)
{
	struct config_errors errors = {0};
	struct config *config = NULL;
	int err = config_load(cli_word(call, 0), &config, &errors), code = err ? CLI_NO : CLI_FINE;

	if (err && err != -EINVAL)
		code = cli_fail_config(call, RPC_UNAVAILABLE, &errors);
	else
		tell(call, config, &errors);
	config_errors_free(&errors);
	config_free(config);
	return code;
}

static int run(const struct cli_call *call)
{
	if (!cli_flag(call, SCHEMA))
		return check(call);
	config_schema_print(stdout);
	return CLI_FINE;
}

const struct cli_command command_config_check = {
        .name = "check",
        .what = "read a configuration and say what is wrong with it",
        .about =
                "Reads a configuration, says every error it finds with its place and what would be right; no "
                "appliance is asked: whether it could take it tells `sluice config apply --check`, and what "
                "of a change waits for the next start `sluice config diff` too. `sluice check` is short for "
                "it.",
        .options = {[SCHEMA] = {.name = "schema",
                            .alone = true,
                            .meaning = "every key that there is, with its type, default and meaning"}},
        .arguments = {{{"FILE", CLI_FILE}, .needed = true, .meaning = "the configuration"}},
        .examples = {{"sluice config check deploy/examples/router.yaml", "whether it is right"},
                {"sluice config check --schema", "what may stand in one"}},
        .exits = {"it is right", "it is not", [CLI_SYSTEM] = "the file cannot be read"},
        .json = "the errors, as a list",
        .run = run,
};
