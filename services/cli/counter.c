/* counter: the protocols' counters, as `nstat` shows a kernel's. */
#include "services/cli/remote.h"

#include "proto/control.pb-c.h"
#include "services/cli/json.h"

#include <inttypes.h>
#include <stdio.h>

static void help(void)
{
	printf("usage: sluice counter [GROUP...] [--zeros] [--buckets] [--json] [--run-dir DIR]\n\n"
	       "All that is counted, since the start: what a kernel counts too by the names of nstat, and "
	       "the\n"
	       "appliance's own in groups of its own. Prometheus reads the same, and so does nstat:\n"
	       "PROC_ROOT=/run/sluice/control/proc nstat.\n\n"
	       "  GROUP     these alone: Ip, Icmp6, Dev, Drop, ...\n"
	       "  --zeros   those too that are zero\n"
	       "  --buckets the buckets of histograms too, beside their sum and count\n\n"
	       "  sluice counter Icmp Icmp6\n"
	       "  sluice counter Drop\n\n"
	       "Exit status: 0, 1 no such group, 2 wrong use, 3 nobody answers.\n");
}

static bool is_in(const struct remote *r, const Sluice__Counter *counter)
{
	for (uint32_t i = 0; i < r->n_args; i++)
		if (strcmp(r->args[i], counter->group) == 0)
			return true;
	return r->n_args == 0;
}

/* A group that was asked for and that there is not; NULL: there are all. */
static const char *unknown_group(const struct remote *r, const Sluice__CountersReply *reply)
{
	for (uint32_t i = 0; i < r->n_args; i++) {
		bool found = false;

		for (size_t k = 0; k < reply->n_counters; k++)
			found |= strcmp(r->args[i], reply->counters[k]->group) == 0;
		if (!found)
			return r->args[i];
	}
	return NULL;
}

/* Leaves those that were asked for. */
static void choose(const struct remote *r, Sluice__CountersReply *reply, bool zeros, bool buckets)
{
	size_t n = 0;

	for (size_t i = 0; i < reply->n_counters; i++) {
		Sluice__Counter *counter = reply->counters[i];

		if (is_in(r, counter) && (zeros || counter->value) &&
		        (buckets || !strstr(counter->name, "_le_")))
			reply->counters[n++] = counter;
		else
			rpc_free(&counter->base);
	}
	reply->n_counters = n;
}

static void print(const Sluice__CountersReply *reply)
{
	for (size_t i = 0; i < reply->n_counters; i++) {
		const Sluice__Counter *c = reply->counters[i];

		printf("%s%-*s %" PRIu64 "\n", c->group, 40 - (int)strnlen(c->group, 31), c->name, c->value);
	}
}

int cli_counter(int argc, char **argv)
{
	static const char *const own[] = {"zeros", "buckets", NULL};
	Sluice__CountersRequest request = SLUICE__COUNTERS_REQUEST__INIT;
	ProtobufCMessage *reply;
	const char *unknown;
	struct remote r;
	int code;

	if (!remote_begin(&r, argc, argv, own, help, &code))
		return code;
	request.zeros = true;
	code = remote_ask(&r, RPC_READER, &sluice__read__descriptor, "Counters", &request.base, &reply);
	if (code)
		return code;
	unknown = unknown_group(&r, (const Sluice__CountersReply *)reply);
	choose(&r, (Sluice__CountersReply *)reply, remote_flag(&r, 0), remote_flag(&r, 1));
	if (unknown) {
		code = remote_say(&r, RPC_NOT_FOUND,
		        "there is no group %.40s; `sluice counter --zeros` lists them all", unknown);
	} else if (r.json) {
		json_message(stdout, reply);
		fputc('\n', stdout);
	} else {
		print((const Sluice__CountersReply *)reply);
	}
	rpc_free(reply);
	return code;
}
