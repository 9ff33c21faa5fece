/* Says what is wrong with a configuration, as the scripts in tests/config want it: config_check FILE
 * [--json|--schema]. Where nothing is wrong it compiles, attaches the result and fills a FIB.  Status 1:
 * refused, 2: our own fault. */
#include <stdlib.h>
#include <sys/mman.h>

#include "common/config/config.h"

static int fill(const struct config *c, const struct epoch *epoch)
{
	struct fib_limits limits;
	struct fib *fib;
	void *region;
	uint64_t size, needed;
	int fault;

	size = config_fib_bytes(c);
	fault = config_fib_limits(c, size, &limits, &needed);
	if (fault)
		return fault;
	region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (region == MAP_FAILED)
		return -ENOMEM;
	fault = fib_init(region, size, &limits);
	fault = fault ? fault : fib_open(region, size, &fib);
	if (!fault) {
		fault = config_fib(c, epoch, fib);
		fib_close(fib);
	}
	munmap(region, size);
	return fault;
}

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
	if (!fault)
		fault = fill(c, &epoch);
	printf("%u ports, %u routes, %zu bytes%s\n", c->n_ports + c->n_vlans, c->n_routes, used,
	        fault ? ", which do not attach or fill the FIB" : "");
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
