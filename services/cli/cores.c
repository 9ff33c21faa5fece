#include "services/cli/cores.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

static_assert(CPU_SETSIZE == CONFIG_CORE_MAX + 1, "what a configuration may name is what the system can say");

/* Over the processors that this process may use, from the last: interrupts mostly come to the first. */
static void spread(const cpu_set_t *set, struct blueprint *b)
{
	uint32_t lanes = b->plan.params.lanes, n = 0, may[CPU_SETSIZE];

	for (uint32_t c = 0; c < CPU_SETSIZE; c++)
		if (CPU_ISSET(c, set))
			may[n++] = c;
	for (uint32_t l = 0; n && l < lanes; l++)
		b->cores[l] = may[n >= lanes ? (l + 1) * n / lanes - 1 : l % n];
	b->n_cores = n ? lanes : 0;
}

/* As in 0-3,6. */
static void print_set(FILE *to, const cpu_set_t *set)
{
	const char *comma = "";

	for (uint32_t c = 0, last; c < CPU_SETSIZE; c = last + 1) {
		last = c;
		if (!CPU_ISSET(c, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		fprintf(to, last > c ? "%s%u-%u" : "%s%u", comma, c, last);
		comma = ",";
	}
}

static int place_listed(
        const char *where, const struct config_cores *cores, const cpu_set_t *set, struct blueprint *b)
{
	if (cores->n > b->plan.params.lanes) {
		fprintf(stderr, "sluice up: %s names %u processors for %u lane%s; one for each is enough\n",
		        where, cores->n, b->plan.params.lanes, b->plan.params.lanes == 1 ? "" : "s");
		return CLI_USAGE;
	}
	for (uint32_t i = 0; i < cores->n; i++) {
		if (CPU_ISSET(cores->core[i], set)) {
			b->cores[b->n_cores++] = cores->core[i];
			continue;
		}
		fprintf(stderr, "sluice up: %s names processor %u, but this process may use ", where,
		        cores->core[i]);
		print_set(stderr, set);
		fprintf(stderr, " alone: name one of these, or write any\n");
		return CLI_NO;
	}
	return 0;
}

int cores_place(
        const struct cli_call *call, const char *option, const struct config *config, struct blueprint *b)
{
	struct config_cores cores = config->appliance.cores;
	cpu_set_t set;

	if (option && !config_cores_parse(option, &cores))
		return cli_usage(call,
		        "--cores takes processors as in 2,3 (a lane each), any, or spread; not '%s'", option);
	if (sched_getaffinity(0, sizeof set, &set)) {
		fprintf(stderr, "sluice up: which processors may be used cannot be told: %s\n",
		        strerror(errno));
		return CLI_SYSTEM;
	}
	switch ((enum config_placing)cores.placing) {
	case CONFIG_CORES_SPREAD: spread(&set, b); return 0;
	case CONFIG_CORES_ANY: return 0;
	case CONFIG_CORES_LISTED: break;
	}
	return place_listed(option ? "--cores" : "appliance.cores", &cores, &set, b);
}
