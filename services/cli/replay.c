#include "services/cli/cli.h"

#include "common/config/config.h"
#include "services/cli/watch/expression.h"
#include "services/replay/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct wish {
	struct replay_options options;
	const char *capture; /* file */
	struct tap_insn program[TAP_INSNS_MAX];
};

enum { CONFIG, OUT, PROCESSES, FAULTS, EXPLAIN, LINGER, CAPTURE, FILTER };

/* [PORT:]N */
static int parse_explain(const struct cli_call *call, struct replay_options *o, const char *text)
{
	const char *colon = strrchr(text, ':'), *number = colon ? colon + 1 : text;
	const bool digits = *number && !number[strspn(number, "0123456789")];
	struct replay_explain *e;

	if (o->n_explain == REPLAY_EXPLAIN_MAX)
		return cli_usage(call, "--explain may be given %u times at the most", REPLAY_EXPLAIN_MAX);
	if (colon && colon - text >= (ptrdiff_t)sizeof o->explain[0].port)
		return cli_usage(call, "the port's name in --explain %s is too long", text);
	if (!digits || strlen(number) > 9 || !strtoul(number, NULL, 10))
		return cli_usage(call, "--explain takes a packet's number, or PORT:NUMBER, not '%s'", text);
	e = &o->explain[o->n_explain++];
	*e = (struct replay_explain){.number = (uint32_t)strtoul(number, NULL, 10)};
	if (colon)
		memcpy(e->port, text, (size_t)(colon - text));
	return 0;
}

static int parse(const struct cli_call *call, struct wish *w)
{
	const char *filter = cli_text(call, FILTER);
	struct replay_options *o = &w->options;
	int code = 0;

	*o = (struct replay_options){
	        .config = cli_text(call, CONFIG),
	        .out = cli_text(call, OUT),
	        .processes = cli_flag(call, PROCESSES),
	        .faults = cli_flag(call, FAULTS),
	        .fault_seed = cli_number(call, FAULTS, 0),
	        .linger = cli_number(call, LINGER, REPLAY_LINGER / NANOS_PER_SEC) * NANOS_PER_SEC,
	        .pin = true,
	        .captures = (const char *const *)call->words,
	        .n_captures = call->n_words,
	};
	w->capture = cli_text(call, CAPTURE);
	for (uint32_t i = 0; !code && i < call->n_given; i++)
		if (call->given[i].option == EXPLAIN)
			code = parse_explain(call, o, call->given[i].text);
	if (!code && filter && !w->capture)
		return cli_usage(call, "--filter is about what --capture FILE writes");
	if (!code && filter)
		code = expression_compile(call, filter, w->program, &o->capture_insns);
	return code;
}

static int open_capture(const struct cli_call *call, struct wish *w)
{
	if (!w->capture)
		return 0;
	w->options.capture = fopen(w->capture, "we");
	w->options.capture_program = w->program;
	return w->options.capture ? 0
	                          : cli_fail(call, RPC_UNAVAILABLE, "%s cannot be written: %s", w->capture,
	                                    strerror(errno));
}

static int close_capture(struct wish *w, int err, char *error, size_t size)
{
	if (w->options.capture && fclose(w->options.capture) && !err) {
		err = -errno;
		snprintf(error, size, "%s: %s", w->capture, strerror(errno));
	}
	return err;
}

static void show(const struct cli_call *call, struct replay *replay)
{
	const bool colour = isatty(1) && !getenv("NO_COLOR");

	if (call->json) {
		replay_print_json(replay, stdout);
		return;
	}
	replay_print_explain(replay, stdout, colour);
	replay_print(replay, stdout, colour);
}

static int refuse(const struct cli_call *call, int err, const char *error, const struct config_errors *errors)
{
	const enum rpc_status status = err == -EINVAL ? RPC_FAILED_PRECONDITION : RPC_UNAVAILABLE;

	return errors->n ? cli_fail_config(call, status, errors) : cli_fail(call, status, "%s", error);
}

static int run(const struct cli_call *call)
{
	struct config_errors errors = {0};
	struct wish w = {0};
	struct replay replay;
	char error[512];
	int err, code = parse(call, &w);

	w.options.errors = &errors;
	if (!code)
		code = open_capture(call, &w);
	if (code)
		return code;
	err = replay_run(&w.options, &replay, error, sizeof error);
	err = close_capture(&w, err, error, sizeof error);
	if (err) {
		code = refuse(call, err, error, &errors);
	} else {
		show(call, &replay);
		code = replay_balanced(&replay) ? CLI_FINE : CLI_NO;
	}
	replay_end(&replay);
	config_errors_free(&errors);
	return code;
}

const struct cli_command command_replay = {
        .name = "replay",
        .what = "play captures through the whole appliance and account for every packet",
        .about =
                "Plays captures through the whole appliance by their own clock: no privileges, no network "
                "card. The n-th capture comes in on the n-th port that has no driver or is an interface of a "
                "machine: a running appliance's configuration serves as it is. The same input gives the same "
                "output, byte for byte.",
        .options = {[CONFIG] = {.name = "config",
                            .letter = 'c',
                            .needed = true,
                            .takes = {"FILE", CLI_FILE},
                            .meaning = "the configuration (deploy/examples/replay.yaml suits any capture)"},
                [OUT] = {.name = "out",
                        .letter = 'o',
                        .takes = {"DIR", CLI_FOLDER},
                        .meaning = "what leaves port P is kept in DIR/P.pcap"},
                [PROCESSES] = {.name = "processes", .meaning = "a process a stage instead of one for all"},
                [FAULTS] = {.name = "faults",
                        .takes = {"SEED", CLI_NUMBER, 1},
                        .meaning =
                                "frames get lost, doubled, late, reordered, cut and corrupted, by this seed"},
                [EXPLAIN] = {.name = "explain",
                        .takes = {"[PORT:]N", CLI_TEXT},
                        .meaning =
                                "the path of packet N through every layer, with each decision; may be given "
                                "several times"},
                [LINGER] = {.name = "linger",
                        .takes = {"S", CLI_NUMBER, 0, 86400},
                        .meaning = "seconds that the clock goes on behind the last packet (65)"},
                [CAPTURE] = {.name = "capture",
                        .takes = {"FILE", CLI_FILE},
                        .meaning = "what comes in, leaves and is dropped, as pcapng; a drop's comment is its "
                                   "reason"},
                [FILTER] = {.name = "filter",
                        .takes = {"EXPR", CLI_TEXT},
                        .meaning = "of that only what matches (the language of tcpdump: `man pcap-filter`)"}},
        .arguments = {{{"IN.pcap", CLI_FILE}, .needed = true, .many = true,
                .meaning = "captures, pcap or pcapng"}},
        .examples = {{"sluice replay trace.pcap --config deploy/examples/replay.yaml",
                             "what became of each packet"},
                {"sluice replay trace.pcap --config replay.yaml --out sent --explain 7",
                        "why packet 7 went where it went"}},
        .exits = {"every packet is accounted for", "one is not, or the configuration or a capture is wrong",
                [CLI_SYSTEM] = "a file cannot be read or written, or memory is short"},
        .json = "one object: the account, the ports, what was dropped",
        .run = run,
};
