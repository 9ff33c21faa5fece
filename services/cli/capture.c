/* capture: packets of a running appliance into a file or, a line each, on the screen. */
#include "services/cli/expression.h"
#include "services/cli/summary.h"
#include "services/cli/watch.h"

#include "common/tap/file.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILTER_BYTES 16384u

struct capture {
	struct remote remote;
	struct watch watch;
	const char *path; /* NULL: a line a packet */
	FILE *to;
	struct tap_file file;
	char points[64];
	char filter[FILTER_BYTES];
	struct tap_insn program[TAP_INSNS_MAX];
};

static void help(void)
{
	printf("usage: sluice capture [-i PORT] [-w FILE] [-c N] [-s BYTES] [--point POINT,...] [--json]\n"
	       "                      [--run-dir DIR] [FILTER]\n\n"
	       "Copies of packets of the running appliance: a line each, or as pcapng, until Ctrl-C.  FILTER "
	       "is what\n"
	       "tcpdump takes (man pcap-filter).\n\n"
	       "  -i PORT      packets of this port\n"
	       "  -w FILE      pcapng into FILE; -: to standard output\n"
	       "  -c N         ends after N packets\n"
	       "  -s BYTES     of each packet at the most (65535)\n"
	       "  --point P    where: ingress, egress, drop; several with commas (all).  In a file a drop's "
	       "reason is\n"
	       "               the packet's comment\n"
	       "  --json       a JSON object a packet in place of lines\n\n"
	       "  sluice capture -i wan icmp or arp\n"
	       "  sluice capture -w - 'tcp port 443' | tcpdump -nr -\n\n"
	       "Exit status: 0, 1 no such port, 2 wrong use, 3 nobody answers or the file cannot be "
	       "written.\n");
}

/* Ends where the reader of a pipe has seen enough. */
static int flush_lines(void *context)
{
	(void)context;
	return fflush(stdout) ? CLI_SYSTEM : 0;
}

static const char *where(const Sluice__CapturedPacket *p)
{
	if (!strcmp(p->point, "ingress"))
		return "In";
	return strcmp(p->point, "egress") ? "Drop" : "Out";
}

static int print_line(void *context, const Sluice__CapturedPacket *p)
{
	char text[SUMMARY_BYTES], at[32];

	(void)context;
	printf("%s %s %-4s %s", summary_time(p->time_ns, at),
	        *p->port  ? p->port
	        : *p->out ? p->out
	                  : "-",
	        where(p), summary_frame(p->bytes.data, (uint32_t)p->bytes.len, p->len, text));
	if (*p->reason)
		printf(", %sdropped by %s: %s%s", remote_paint("\033[33m"), p->stage, p->text,
		        remote_paint("\033[0m"));
	putchar('\n');
	return 0;
}

static int file_ports(void *context, char **names, size_t n)
{
	struct capture *c = context;

	for (size_t i = 0; i < n; i++)
		tap_file_port(&c->file, names[i]);
	return 0;
}

static enum tap_point point_of(const char *name)
{
	uint32_t p = 0;

	while (p < TAP_POINTS && strcmp(name, tap_point_name((enum tap_point)p)) != 0)
		p++;
	return (enum tap_point)p;
}

static int write_packet(void *context, const Sluice__CapturedPacket *p)
{
	struct capture *c = context;
	struct tap_shown shown = {
	        .time = p->time_ns,
	        .point = point_of(p->point),
	        .made = p->made,
	        .stage = p->stage,
	        .port = p->port,
	        .out = p->out,
	        .reason = p->reason,
	        .text = p->text,
	        .lane = p->lane,
	        .len = p->len,
	        .have = (uint32_t)p->bytes.len,
	        .bytes = p->bytes.data,
	};

	tap_file_add(&c->file, &shown);
	return 0;
}

static int refuse_file(const struct capture *c, int err)
{
	return remote_say(&c->remote, RPC_UNAVAILABLE, "%s cannot be written: %s", c->path, strerror(-err));
}

static int flush_file(void *context)
{
	struct capture *c = context;
	int err = pcapng_flush(&c->file.ng);

	return err ? refuse_file(c, err) : 0;
}

static int open_file(struct capture *c)
{
	bool standard = !strcmp(c->path, "-");

	if (standard && isatty(1))
		return cli_usage("capture",
		        "-w - writes bytes that are not for a terminal: pipe it into `tcpdump -r -`");
	c->to = standard ? stdout : fopen(c->path, "we");
	if (!c->to)
		return refuse_file(c, -errno);
	tap_file_start(&c->file, c->to, c->watch.snap_bytes);
	c->watch.ports = file_ports;
	c->watch.packet = write_packet;
	c->watch.flush = flush_file;
	return flush_file(c);
}

static int end_file(struct capture *c, int code)
{
	int err = tap_file_end(&c->file, c->watch.captured, c->watch.missed);

	if (c->to != stdout && fclose(c->to) && !err)
		err = -errno;
	return err && !code ? refuse_file(c, err) : code;
}

/* "ingress,drop" into names. */
static int parse_points(struct capture *c, const char *text)
{
	char *at = c->points, *name;

	if (strlen(text) >= sizeof c->points)
		return cli_usage("capture", "--point takes some of ingress,egress,drop");
	memcpy(c->points, text, strlen(text) + 1);
	c->watch.n_points = 0;
	while ((name = strsep(&at, ","))) {
		if (point_of(name) == TAP_POINTS || c->watch.n_points == TAP_POINTS)
			return cli_usage(
			        "capture", "--point takes some of ingress,egress,drop, not '%s'", text);
		c->watch.points[c->watch.n_points++] = name;
	}
	return 0;
}

static int parse_option(struct capture *c, int option)
{
	uint64_t n;

	switch (option) {
	case 'i': c->watch.port = optarg; return 0;
	case 'w': c->path = optarg; return 0;
	case 'c': return cli_number(optarg, "-c", 1, UINT64_MAX, &c->watch.most) ? 0 : CLI_USAGE;
	case 's':
		if (!cli_number(optarg, "-s", 1, TAP_SNAP_MAX, &n))
			return CLI_USAGE;
		c->watch.snap_bytes = (uint32_t)n;
		return 0;
	case 'p': return parse_points(c, optarg);
	case 'r': c->remote.run_dir = optarg; return 0;
	case 'j': c->remote.json = true; return 0;
	case 'h': c->remote.help = true; return 0;
	default: return cli_usage("capture", "that option is not known, or lacks its value");
	}
}

/* The words of the filter as one. */
static int parse_filter(struct capture *c, int argc, char **argv)
{
	size_t len = 0;

	for (int i = optind; i < argc; i++) {
		if (len + strlen(argv[i]) + 2 > FILTER_BYTES)
			return cli_usage("capture", "the filter is longer than %u characters", FILTER_BYTES);
		len += (size_t)snprintf(c->filter + len, FILTER_BYTES - len, "%s%s", len ? " " : "", argv[i]);
	}
	c->watch.program = c->program;
	return *c->filter && expression_compile(c->filter, c->program, &c->watch.n_insns) ? CLI_USAGE : 0;
}

static int parse(struct capture *c, int argc, char **argv)
{
	static const struct option options[] = {
	        {"interface", required_argument, NULL, 'i'},
	        {"point", required_argument, NULL, 'p'},
	        {"run-dir", required_argument, NULL, 'r'},
	        {"json", no_argument, NULL, 'j'},
	        {"help", no_argument, NULL, 'h'},
	        {0},
	};
	int option, code = 0;

	while (!code && (option = getopt_long(argc, argv, "+i:w:c:s:h", options, NULL)) != -1)
		code = parse_option(c, option);
	if (code || c->remote.help)
		return code;
	if (c->path && c->remote.json)
		return cli_usage("capture", "--json is for lines, -w for a file: one of them");
	return parse_filter(c, argc, argv);
}

static int run(struct capture *c)
{
	int code = c->path ? open_file(c) : 0;

	if (code)
		return code;
	code = watch_run(&c->watch, &c->remote);
	if (c->path)
		code = end_file(c, code);
	if (!code)
		watch_tell(&c->watch);
	return code;
}

int cli_capture(int argc, char **argv)
{
	struct capture *c = calloc(1, sizeof *c);
	int code;

	if (!c)
		return CLI_SYSTEM;
	c->remote = (struct remote){.command = argv[0], .run_dir = REMOTE_RUN_DIR};
	c->watch = (struct watch){
	        .points = {"ingress", "egress", "drop"},
	        .n_points = TAP_POINTS,
	        .port = "",
	        .reason = "",
	        .snap_bytes = TAP_SNAP_MAX,
	        .packet = print_line,
	        .flush = flush_lines,
	        .context = c,
	};
	code = parse(c, argc, argv);
	if (c->remote.json)
		c->watch.packet = watch_json;
	if (!code && c->remote.help)
		help();
	else if (!code)
		code = run(c);
	free(c);
	return code;
}
