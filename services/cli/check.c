#include "services/cli/cli.h"

#include "common/config/config.h"

#include <stdio.h>

enum { SCHEMA };

static int check(const char *file, bool json)
{
	struct config_errors errors = {0};
	struct config *config = NULL;
	int err = config_load(file, &config, &errors);

	if (json)
		config_errors_json(stdout, &errors);
	else if (err)
		config_errors_print(stderr, &errors);
	else
		printf("%s: fine: %u ports, %u VLANs, %u routes, %u neighbors, %u sockets\n", file,
		        config->n_ports, config->n_vlans, config->n_routes, config->n_neighbors,
		        config->n_sockets);
	config_errors_free(&errors);
	config_free(config);
	return err ? CLI_NO : CLI_FINE;
}

static int run(const struct cli_call *call)
{
	if (!cli_flag(call, SCHEMA))
		return check(cli_word(call, 0), call->json);
	config_schema_print(stdout);
	return CLI_FINE;
}

const struct cli_command command_config_check = {
        .name = "check",
        .what = "read a configuration and say what is wrong with it",
        .about =
                "Reads a configuration, says every error it finds with its place and what would be right; no "
                "appliance is asked. `sluice check` is short for it.",
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
