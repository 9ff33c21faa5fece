#include "services/cli/cli.h"

#include "common/config/config.h"

#include <getopt.h>
#include <stdio.h>

static void help(FILE *to, const char *command)
{
	fprintf(to,
	        "usage: sluice %s FILE [--json]\n"
	        "       sluice %s --schema\n\n"
	        "Reads a configuration, says every error it finds with its place and what would be right; "
	        "no\n"
	        "appliance is asked.  --schema prints every key with its type, default and meaning.\n"
	        "`sluice check` is short for it.\n\n"
	        "  sluice config check deploy/examples/router.yaml\n",
	        command, command);
}

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

int cli_check(int argc, char **argv)
{
	static const struct option options[] = {
	        {"json", no_argument, NULL, 'j'},
	        {"schema", no_argument, NULL, 's'},
	        {"help", no_argument, NULL, 'h'},
	        {0},
	};
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'j': json = true; break;
		case 's': config_schema_print(stdout); return CLI_FINE;
		case 'h': help(stdout, argv[0]); return CLI_FINE;
		default: return cli_usage(argv[0], "that option is not known");
		}
	}
	if (argc - optind != 1)
		return cli_usage(argv[0], "one configuration file is needed");
	return check(argv[optind], json);
}
