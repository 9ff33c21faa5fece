/* Says what is wrong with a configuration, as the scripts in tests/config want it: config_check FILE
 * [--json|--schema]. Where nothing is wrong it compiles and attaches the result.  Status 1: refused, 2: our
 * own fault. */
#include <stdlib.h>

#include "common/config/config.h"

static int compile(const struct config *c)
{
	struct epoch epoch;
	size_t used, cap;
	void *region;
	int fault = config_compile(c, 1, NULL, NULL, 0, &cap);

	if (fault != -ENOSPC)
		return 2;
	cap = ALIGN_UP(cap, (size_t)CACHE_LINE);
	region = aligned_alloc(CACHE_LINE, cap);
	if (!region)
		return 2;
	fault = config_compile(c, 1, NULL, region, cap, &used);
	if (!fault)
		fault = epoch_attach(region, used, &epoch);
	printf("%u ports, %u routes, %zu bytes%s\n", c->n_ports + c->n_vlans, c->n_routes, used,
	        fault ? ", which do not attach" : "");
	free(region);
	return fault ? 2 : 0;
}

int main(int argc, char **argv)
{
	struct config_errors errors = {0};
	struct config *config;
	int status;

	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "--schema") == 0) {
		config_schema_print(stdout);
		return 0;
	}
	if (config_load(argv[1], &config, &errors)) {
		if (argc > 2)
			config_errors_json(stdout, &errors);
		else
			config_errors_print(stdout, &errors);
		config_errors_free(&errors);
		return 1;
	}
	status = compile(config);
	config_free(config);
	return status;
}
