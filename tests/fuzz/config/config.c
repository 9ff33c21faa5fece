/* Any text as a configuration: it is refused with errors, or what it compiles to attaches, in a region of
 * exactly the size that was asked for.  What is said can be printed both ways. */
#include <stdlib.h>

#include "common/config/config.h"
#include "tests/fuzz/fuzz.h"

static int visit(void *context, const struct fib_route *route, const struct fib_group_spec *spec)
{
	const struct epoch *e = context;

	REQUIRE(spec->n_hops >= 1 && spec->n_hops <= FIB_HOPS_MAX);
	REQUIRE(route->prefix.len <= (route->prefix.family == FIB_IPV4 ? 32 : 128));
	for (uint32_t i = 0; i < spec->n_hops; i++)
		REQUIRE(spec->hops[i].port.v < e->n_ports || spec->type >= FIB_BLACKHOLE);
	return 0;
}

static void compile(const struct config *c)
{
	struct epoch epoch;
	size_t need, used;
	void *region;

	REQUIRE(config_compile(c, 1, NULL, NULL, 0, &need) == -ENOSPC);
	region = aligned_alloc(CACHE_LINE, ALIGN_UP(need, (size_t)CACHE_LINE));
	REQUIRE(region && config_compile(c, 1, NULL, region, need, &used) == 0 && used == need);
	REQUIRE(epoch_attach(region, used, &epoch) == 0);
	REQUIRE(config_routes(c, &epoch, visit, &epoch) == 0);
	free(region);
}

static void print(const struct config_errors *errors)
{
	static FILE *nowhere;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	REQUIRE(nowhere);
	config_errors_print(nowhere, errors);
	config_errors_json(nowhere, errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors = {0};
	struct config *config;
	int fault = config_parse("fuzz.yaml", (const char *)data, size, &config, &errors);

	REQUIRE((fault == 0) == (config != NULL));
	REQUIRE(fault != -EINVAL || errors.n > 0);
	if (!fault)
		compile(config);
	print(&errors);
	config_free(config);
	config_errors_free(&errors);
	return 0;
}
