/* counter: the protocols' counters, as `nstat` shows a kernel's. */
#include "services/cli/remote.h"

#include "proto/control.pb-c.h"
#include "services/cli/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

enum { ZEROS, BUCKETS };

/* A group, or a counter by its whole name. */
static bool is_meant(const char *word, const Sluice__Counter *counter)
{
	const size_t n = strlen(counter->group);

	return strcasecmp(word, counter->group) == 0 ||
	       (strncmp(word, counter->group, n) == 0 && strcmp(word + n, counter->name) == 0);
}

static bool is_in(const struct cli_call *call, const Sluice__Counter *counter)
{
	for (uint32_t i = 0; i < call->n_words; i++)
		if (is_meant(call->words[i], counter))
			return true;
	return call->n_words == 0;
}

/* What was asked for and is not there; NULL: there is all. */
static const char *unknown_word(const struct cli_call *call, const Sluice__CountersReply *reply)
{
	for (uint32_t i = 0; i < call->n_words; i++) {
		bool found = false;

		for (size_t k = 0; k < reply->n_counters; k++)
			found |= is_meant(call->words[i], reply->counters[k]);
		if (!found)
			return call->words[i];
	}
	return NULL;
}

/* Leaves those that were asked for. */
static void choose(const struct cli_call *call, Sluice__CountersReply *reply)
{
	const bool zeros = cli_flag(call, ZEROS), buckets = cli_flag(call, BUCKETS);
	size_t n = 0;

	for (size_t i = 0; i < reply->n_counters; i++) {
		Sluice__Counter *counter = reply->counters[i];

		if (is_in(call, counter) && (zeros || counter->value) &&
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

static int run(const struct cli_call *call)
{
	Sluice__CountersRequest request = SLUICE__COUNTERS_REQUEST__INIT;
	struct remote r = {.call = call};
	ProtobufCMessage *reply;
	const char *unknown;
	int code;

	request.zeros = true;
	code = remote_ask(&r, RPC_READER, &sluice__read__descriptor, "Counters", &request.base, &reply);
	if (code)
		return code;
	unknown = unknown_word(call, (const Sluice__CountersReply *)reply);
	choose(call, (Sluice__CountersReply *)reply);
	if (unknown)
		code = cli_fail(call, RPC_NOT_FOUND,
		        "there is no group and no counter '%.40s'; `sluice counter --zeros` lists them all",
		        unknown);
	else if (call->json)
		json_line(reply);
	else
		print((const Sluice__CountersReply *)reply);
	rpc_free(reply);
	return code;
}

const struct cli_command command_counter = {
        .name = "counter",
        .what = "the protocols' counters, by the names of nstat",
        .about = "All that is counted, since the start: what a kernel counts too by the names of nstat, and "
                 "the appliance's own in groups of its own. Prometheus reads the same, and so does nstat: "
                 "`PROC_ROOT=/run/sluice/control/proc nstat`.",
        .options = {[ZEROS] = {.name = "zeros", .meaning = "those too that are zero"},
                [BUCKETS] = {.name = "buckets",
                        .meaning = "the buckets of histograms too, beside their sum and count"}},
        .arguments = {{{"GROUP", CLI_TEXT}, .many = true,
                .meaning = "these alone: Ip, Icmp6, Dev, Drop, ...; or one counter: IpInReceives"}},
        .examples = {{"sluice counter Icmp Icmp6", "two groups"}, {"sluice counter Drop", "drops by reason"},
                {"sluice counter IpInReceives --watch 1", "how one of them grows"}},
        .exits = {[CLI_NO] = "there is no such group or counter"},
        .json = "{\"counters\": [{\"group\", \"name\", \"value\"}]}",
        .asks = true,
        .shows = true,
        .run = run,
};
