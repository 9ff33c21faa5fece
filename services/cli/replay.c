#include "services/cli/cli.h"

#include "services/cli/expression.h"
#include "services/replay/replay.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct wish {
	struct replay_options options;
	bool json;
	bool help;
	const char *capture; /* file */
	const char *filter;
	struct tap_insn program[TAP_INSNS_MAX];
};

static void help(FILE *to)
{
	fprintf(to,
	        "usage: sluice replay IN.pcap... --config FILE [--out DIR] [--processes] [--faults SEED] "
	        "[--explain N] [--json]\n\n"
	        "Plays captures through the whole appliance by their own clock: no privileges, no network "
	        "card.  The n-th capture comes in on\n"
	        "the n-th port that the configuration gives no driver.  The same input gives the same "
	        "output, byte for byte.\n\n"
	        "  --config FILE   the configuration (deploy/examples/replay.yaml suits any capture)\n"
	        "  --out DIR       what leaves port P is kept in DIR/P.pcap\n"
	        "  --processes     a process a stage instead of one for all\n"
	        "  --faults SEED   frames get lost, doubled, late, reordered, cut and corrupted, by this "
	        "seed\n"
	        "  --explain N     the path of packet N through every layer, with each decision; may be "
	        "given several times\n"
	        "  --linger S      seconds that the clock goes on behind the last packet (65)\n"
	        "  --capture FILE  what comes in, leaves and is dropped, as pcapng; a drop's comment is its "
	        "reason\n"
	        "  --filter EXPR   of that only what matches (the language of tcpdump: man pcap-filter)\n"
	        "  --json          one JSON object instead of tables\n\n"
	        "  sluice replay trace.pcap --config deploy/examples/replay.yaml --out sent --explain 7\n\n"
	        "Exit status: 0 if every packet is accounted for, 1 if not, 2 wrong use, 3 files or "
	        "memory.\n");
}

/* [PORT:]N */
static int parse_explain(struct replay_options *o, char *text)
{
	char *colon = strrchr(text, ':');
	struct replay_explain *e;
	uint64_t n;

	if (o->n_explain == REPLAY_EXPLAIN_MAX)
		return cli_usage("replay", "--explain may be given %u times at the most", REPLAY_EXPLAIN_MAX);
	if (colon && colon - text >= (ptrdiff_t)sizeof o->explain[0].port)
		return cli_usage("replay", "the port's name in --explain %s is too long", text);
	if (!cli_number(colon ? colon + 1 : text, "the packet of --explain", 1, UINT32_MAX, &n))
		return CLI_USAGE;
	e = &o->explain[o->n_explain++];
	*e = (struct replay_explain){.number = (uint32_t)n};
	if (colon)
		memcpy(e->port, text, (size_t)(colon - text));
	return 0;
}

static int parse_option(struct wish *w, int c)
{
	struct replay_options *o = &w->options;
	uint64_t n;

	switch (c) {
	case 'c': o->config = optarg; return 0;
	case 'o': o->out = optarg; return 0;
	case 'p': o->processes = true; return 0;
	case 'j': w->json = true; return 0;
	case 'h': w->help = true; return 0;
	case 'f':
		o->faults = true;
		return cli_number(optarg, "the seed of --faults", 1, UINT64_MAX, &o->fault_seed) ? 0
		                                                                                 : CLI_USAGE;
	case 'l':
		if (!cli_number(optarg, "--linger", 0, 86400, &n))
			return CLI_USAGE;
		o->linger = n * NANOS_PER_SEC;
		return 0;
	case 'e': return parse_explain(o, optarg);
	case 'C': w->capture = optarg; return 0;
	case 'F':
		w->filter = optarg;
		return expression_compile(optarg, w->program, &o->capture_insns) ? CLI_USAGE : 0;
	default: return cli_usage("replay", "that option is not known, or lacks its value");
	}
}

static int parse(struct wish *w, int argc, char **argv)
{
	static const struct option options[] = {
	        {"config", required_argument, NULL, 'c'},
	        {"out", required_argument, NULL, 'o'},
	        {"processes", no_argument, NULL, 'p'},
	        {"faults", required_argument, NULL, 'f'},
	        {"explain", required_argument, NULL, 'e'},
	        {"capture", required_argument, NULL, 'C'},
	        {"filter", required_argument, NULL, 'F'},
	        {"linger", required_argument, NULL, 'l'},
	        {"json", no_argument, NULL, 'j'},
	        {"help", no_argument, NULL, 'h'},
	        {0},
	};
	int c, err = 0;

	while (!err && (c = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1)
		err = parse_option(w, c);
	if (err || w->help)
		return err;
	if (optind == argc)
		return cli_usage("replay", "at least one capture is needed");
	if (w->filter && !w->capture)
		return cli_usage("replay", "--filter is about what --capture FILE writes");
	if (!w->options.config)
		return cli_usage(
		        "replay", "--config is needed: deploy/examples/replay.yaml suits any capture");
	w->options.captures = (const char *const *)argv + optind;
	w->options.n_captures = (uint32_t)(argc - optind);
	return 0;
}

static bool open_capture(struct wish *w)
{
	w->options.capture = fopen(w->capture, "we");
	w->options.capture_program = w->program;
	if (!w->options.capture)
		fprintf(stderr, "sluice replay: %s cannot be written: %s\n", w->capture, strerror(errno));
	return w->options.capture;
}

static int close_capture(struct wish *w, int err, char *error, size_t size)
{
	if (w->options.capture && fclose(w->options.capture) && !err) {
		err = -errno;
		snprintf(error, size, "%s: %s", w->capture, strerror(errno));
	}
	return err;
}

int cli_replay(int argc, char **argv)
{
	struct wish w = {.options = {.linger = REPLAY_LINGER, .pin = true}};
	struct replay replay;
	char error[512];
	bool colour = isatty(1) && !getenv("NO_COLOR"), balanced;
	int err;

	err = parse(&w, argc, argv);
	if (err)
		return err;
	if (w.help) {
		help(stdout);
		return CLI_FINE;
	}
	if (w.capture && !open_capture(&w))
		return CLI_SYSTEM;
	err = replay_run(&w.options, &replay, error, sizeof error);
	err = close_capture(&w, err, error, sizeof error);
	if (err) {
		fprintf(stderr, "sluice replay: %s\n", error);
		replay_end(&replay);
		return err == -EINVAL ? CLI_NO : CLI_SYSTEM;
	}
	balanced = replay_balanced(&replay);
	if (w.json) {
		replay_print_json(&replay, stdout);
	} else {
		replay_print_explain(&replay, stdout, colour);
		replay_print(&replay, stdout, colour);
	}
	replay_end(&replay);
	return balanced ? CLI_FINE : CLI_NO;
}
