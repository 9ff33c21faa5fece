/* drop: what was dropped, where and why: a table, or each packet as it happens. */
#include "services/cli/json.h"
#include "services/cli/watch/summary.h"
#include "services/cli/watch/watch.h"

#include "proto/control.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

#define SUMMARY_SNAP 256u /* enough for the headers that a line tells of */

enum { FOLLOW, REASON, PORT, COUNT };

static int print_drop(void *context, const Sluice__CapturedPacket *p)
{
	char text[SUMMARY_BYTES], at[32];

	(void)context;
	printf("%s %-7s %-10s %s%-20s%s %s\n", summary_time(p->time_ns, at), p->stage,
	        *p->port  ? p->port
	        : *p->out ? p->out
	                  : "-",
	        remote_paint("\033[33m"), p->reason, remote_paint("\033[0m"),
	        summary_frame(p->bytes.data, (uint32_t)p->bytes.len, p->len, text));
	return 0;
}

static int follow(const struct cli_call *call)
{
	struct watch watch = {
	        .points = {"drop"},
	        .n_points = 1,
	        .port = cli_flag(call, PORT) ? cli_text(call, PORT) : "",
	        .reason = cli_flag(call, REASON) ? cli_text(call, REASON) : "",
	        .snap_bytes = SUMMARY_SNAP,
	        .most = cli_number(call, COUNT, 0),
	        .packet = call->json ? watch_json : print_drop,
	        .flush = watch_flush,
	};
	int code = watch_run(&watch, call);

	if (!code)
		watch_tell(&watch);
	return code;
}

static bool print_stage(const Sluice__Terms *stage)
{
	for (size_t i = 0; i < stage->n_reasons; i++)
		printf("  %9" PRIu64 "  %-8s %s%-24s%s %s\n", stage->reasons[i]->packets, stage->name,
		        remote_paint("\033[33m"), stage->reasons[i]->label, remote_paint("\033[0m"),
		        stage->reasons[i]->text);
	return stage->n_reasons;
}

static void json_stage(const Sluice__Terms *stage, bool *first)
{
	for (size_t i = 0; i < stage->n_reasons; i++, *first = false) {
		fputs(*first ? "{\"stage\":" : ",{\"stage\":", stdout);
		json_text(stdout, stage->name);
		fputs(",\"reason\":", stdout);
		json_text(stdout, stage->reasons[i]->label);
		fputs(",\"text\":", stdout);
		json_text(stdout, stage->reasons[i]->text);
		printf(",\"packets\":%" PRIu64 "}", stage->reasons[i]->packets);
	}
}

static void print_json(const Sluice__AccountReply *a)
{
	bool first = true;

	printf("{\"dropped\":%" PRIu64 ",\"drops\":[", a->appliance ? a->appliance->dropped : 0);
	for (size_t s = 0; s < a->n_stages; s++)
		json_stage(a->stages[s], &first);
	puts("]}");
}

static int table(const struct cli_call *call)
{
	Sluice__AccountRequest request = SLUICE__ACCOUNT_REQUEST__INIT;
	struct remote r = {.call = call};
	const Sluice__AccountReply *a;
	ProtobufCMessage *reply;
	bool any = false;
	int code = remote_ask(&r, RPC_READER, &sluice__read__descriptor, "Account", &request.base, &reply);

	if (code)
		return code;
	a = (const void *)reply;
	if (call->json) {
		print_json(a);
	} else {
		for (size_t s = 0; s < a->n_stages; s++)
			any |= print_stage(a->stages[s]);
		if (!any)
			puts("Nothing was dropped.");
	}
	rpc_free(reply);
	return CLI_FINE;
}

static int run(const struct cli_call *call)
{
	if (cli_flag(call, FOLLOW) && call->watch_s)
		return cli_usage(call, "--follow goes on by itself: leave --watch out");
	if (cli_flag(call, FOLLOW))
		return follow(call);
	if (call->n_given)
		return cli_usage(call, "-i, -c and --reason are for --follow");
	return table(call);
}

const struct cli_command command_drop = {
        .name = "drop",
        .what = "what was dropped, where and why; each packet as it happens",
        .about = "What was dropped since the start, by reason and stage; with --follow each packet as it is "
                 "dropped, until Ctrl-C.",
        .options = {[FOLLOW] = {.name = "follow",
                            .letter = 'f',
                            .meaning = "each packet as it is dropped; the options below are for it alone"},
                [REASON] = {.name = "reason",
                        .takes = {"NAME", CLI_REASON},
                        .meaning = "only this reason, as the table names it"},
                [PORT] = {.name = "interface",
                        .letter = 'i',
                        .takes = {"PORT", CLI_PORT},
                        .meaning = "packets that came in by this port or were to leave by it"},
                [COUNT] = {.letter = 'c', .takes = {"N", CLI_NUMBER, 1}, .meaning = "ends after N packets"}},
        .examples = {{"sluice drop", "how many, by reason"},
                {"sluice drop --follow --reason ttl_expired", "each packet of one reason"}},
        .exits = {[CLI_NO] = "there is no such port"},
        .json = "{\"dropped\", \"drops\": [{\"stage\", \"reason\", \"text\", \"packets\"}]}; with --follow "
                "an object a packet, a line each",
        .asks = true,
        .shows = true,
        .run = run,
};
