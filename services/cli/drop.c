/* drop: what was dropped, where and why: a table, or each packet as it happens. */
#include "services/cli/json.h"
#include "services/cli/summary.h"
#include "services/cli/watch.h"

#include "common/pkt/drop.h"
#include "proto/control.pb-c.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SUMMARY_SNAP 256u /* enough for the headers that a line tells of */

struct drop {
	struct remote remote;
	struct watch watch;
	bool follow;
};

static void help(void)
{
	printf("usage: sluice drop [--json] [--run-dir DIR]\n"
	       "       sluice drop --follow [--reason NAME] [-i PORT] [-c N] [--json] [--run-dir DIR]\n\n"
	       "What was dropped since the start, by reason and stage; with --follow each packet as it is "
	       "dropped,\n"
	       "until Ctrl-C.\n\n"
	       "  --reason NAME  only this reason, as the table names it\n"
	       "  -i PORT        packets that came in by this port or were to leave by it\n"
	       "  -c N           ends after N packets\n"
	       "  --json         JSON: one object, with --follow one a packet\n\n"
	       "  sluice drop --follow --reason ttl_expired\n\n"
	       "Exit status: 0, 1 no such port, 2 wrong use, 3 nobody answers.\n");
}

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

static int flush(void *context)
{
	(void)context;
	return fflush(stdout) ? CLI_SYSTEM : 0;
}

static int follow(struct drop *d)
{
	int code = watch_run(&d->watch, &d->remote);

	if (!code)
		watch_tell(&d->watch);
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

static int table(struct drop *d)
{
	Sluice__AccountRequest request = SLUICE__ACCOUNT_REQUEST__INIT;
	const Sluice__AccountReply *a;
	ProtobufCMessage *reply;
	bool any = false;
	int code = remote_ask(
	        &d->remote, RPC_READER, &sluice__read__descriptor, "Account", &request.base, &reply);

	if (code)
		return code;
	a = (const void *)reply;
	if (d->remote.json) {
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

static bool known_reason(const char *label)
{
	for (uint32_t r = 1; r < DROP_REASON_COUNT; r++)
		if (!strcmp(label, drop_reason_label((enum drop_reason)r)))
			return true;
	return false;
}

static int parse_option(struct drop *d, int option)
{
	switch (option) {
	case 'f': d->follow = true; return 0;
	case 'i': d->watch.port = optarg; return 0;
	case 'c': return cli_number(optarg, "-c", 1, UINT64_MAX, &d->watch.most) ? 0 : CLI_USAGE;
	case 'R':
		d->watch.reason = optarg;
		return known_reason(optarg)
		               ? 0
		               : cli_usage("drop",
		                         "nothing is ever dropped as '%s': reasons are named as in the "
		                         "table of `sluice drop`, such as ttl_expired",
		                         optarg);
	case 'r': d->remote.run_dir = optarg; return 0;
	case 'j': d->remote.json = true; return 0;
	case 'h': d->remote.help = true; return 0;
	default: return cli_usage("drop", "that option is not known, or lacks its value");
	}
}

static int parse(struct drop *d, int argc, char **argv)
{
	static const struct option options[] = {
	        {"follow", no_argument, NULL, 'f'},
	        {"reason", required_argument, NULL, 'R'},
	        {"interface", required_argument, NULL, 'i'},
	        {"run-dir", required_argument, NULL, 'r'},
	        {"json", no_argument, NULL, 'j'},
	        {"help", no_argument, NULL, 'h'},
	        {0},
	};
	int option, code = 0;

	while (!code && (option = getopt_long(argc, argv, "fi:c:h", options, NULL)) != -1)
		code = parse_option(d, option);
	if (code || d->remote.help)
		return code;
	if (optind < argc)
		return cli_usage("drop", "it takes no '%s'", argv[optind]);
	if (!d->follow && (*d->watch.port || *d->watch.reason || d->watch.most))
		return cli_usage("drop", "-i, -c and --reason are for --follow");
	return 0;
}

int cli_drop(int argc, char **argv)
{
	struct drop d = {
	        .remote = {.command = argv[0], .run_dir = REMOTE_RUN_DIR},
	        .watch = {.points = {"drop"},
	                .n_points = 1,
	                .port = "",
	                .reason = "",
	                .snap_bytes = SUMMARY_SNAP,
	                .packet = print_drop,
	                .flush = flush},
	};
	int code = parse(&d, argc, argv);

	if (d.remote.json)
		d.watch.packet = watch_json;
	if (code)
		return code;
	if (d.remote.help) {
		help();
		return CLI_FINE;
	}
	return d.follow ? follow(&d) : table(&d);
}
