/* capture: packets of a running appliance into a file or, a line each, on the screen. */
#include "services/cli/expression.h"
#include "services/cli/summary.h"
#include "services/cli/watch.h"

#include "common/tap/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILTER_BYTES 16384u

enum { PORT, WRITE, COUNT, SNAP, POINT };

struct capture {
	const struct cli_call *call;
	struct watch watch;
	const char *path; /* NULL: a line a packet */
	FILE *to;
	struct tap_file file;
	char points[64];
	char filter[FILTER_BYTES];
	struct tap_insn program[TAP_INSNS_MAX];
};

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
	return cli_fail(c->call, RPC_UNAVAILABLE, "%s cannot be written: %s", c->path, strerror(-err));
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
		return cli_usage(c->call,
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
		return cli_usage(c->call, "--point takes some of ingress,egress,drop");
	memcpy(c->points, text, strlen(text) + 1);
	c->watch.n_points = 0;
	while ((name = strsep(&at, ","))) {
		if (point_of(name) == TAP_POINTS || c->watch.n_points == TAP_POINTS)
			return cli_usage(
			        c->call, "--point takes some of ingress,egress,drop, not '%s'", text);
		c->watch.points[c->watch.n_points++] = name;
	}
	return 0;
}

/* The words of the filter as one. */
static int parse_filter(struct capture *c)
{
	const struct cli_call *call = c->call;
	size_t len = 0;

	for (uint32_t i = 0; i < call->n_words; i++) {
		if (len + strlen(call->words[i]) + 2 > FILTER_BYTES)
			return cli_usage(call, "the filter is longer than %u characters", FILTER_BYTES);
		len += (size_t)snprintf(
		        c->filter + len, FILTER_BYTES - len, "%s%s", len ? " " : "", call->words[i]);
	}
	c->watch.program = c->program;
	return *c->filter ? expression_compile(call, c->filter, c->program, &c->watch.n_insns) : 0;
}

static int parse(struct capture *c)
{
	const char *points = cli_text(c->call, POINT);
	int code = points ? parse_points(c, points) : 0;

	if (code)
		return code;
	c->path = cli_text(c->call, WRITE);
	if (c->path && c->call->json)
		return cli_usage(c->call, "--json is for lines, -w for a file: one of them");
	return parse_filter(c);
}

static int run_capture(struct capture *c)
{
	int code = c->path ? open_file(c) : 0;

	if (code)
		return code;
	code = watch_run(&c->watch, c->call);
	if (c->path)
		code = end_file(c, code);
	if (!code)
		watch_tell(&c->watch);
	return code;
}

static int run(const struct cli_call *call)
{
	struct capture *c = calloc(1, sizeof *c);
	int code;

	if (!c)
		return cli_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
	c->call = call;
	c->watch = (struct watch){
	        .points = {"ingress", "egress", "drop"},
	        .n_points = TAP_POINTS,
	        .port = cli_flag(call, PORT) ? cli_text(call, PORT) : "",
	        .reason = "",
	        .snap_bytes = (uint32_t)cli_number(call, SNAP, TAP_SNAP_MAX),
	        .most = cli_number(call, COUNT, 0),
	        .packet = call->json ? watch_json : print_line,
	        .flush = flush_lines,
	        .context = c,
	};
	code = parse(c);
	if (!code)
		code = run_capture(c);
	free(c);
	return code;
}

const struct cli_command command_capture = {
        .name = "capture",
        .what = "packets as they come in, leave and are dropped, for tcpdump and Wireshark",
        .about = "Copies of packets of the running appliance: a line each, or as pcapng, until Ctrl-C.",
        .options = {[PORT] = {.name = "interface",
                            .letter = 'i',
                            .takes = {"PORT", CLI_PORT},
                            .meaning = "packets of this port"},
                [WRITE] = {.letter = 'w',
                        .takes = {"FILE", CLI_FILE},
                        .meaning = "pcapng into FILE; -: to standard output"},
                [COUNT] = {.letter = 'c', .takes = {"N", CLI_NUMBER, 1}, .meaning = "ends after N packets"},
                [SNAP] = {.letter = 's',
                        .takes = {"BYTES", CLI_NUMBER, 1, TAP_SNAP_MAX},
                        .meaning = "of each packet at the most (65535)"},
                [POINT] = {.name = "point",
                        .takes = {"POINT", CLI_TEXT},
                        .meaning =
                                "where: ingress, egress, drop; several with commas (all). In a file a drop's "
                                "reason is the packet's comment"}},
        .arguments = {{{"FILTER", CLI_TEXT}, .many = true, .rest = true,
                .meaning = "which packets, in the language of tcpdump (`man pcap-filter`)"}},
        .examples = {{"sluice capture -i wan icmp or arp", "a line a packet"},
                {"sluice capture -w - 'tcp port 443' | tcpdump -nr -", "in the eyes of tcpdump"}},
        .exits = {"so many came, or it was interrupted",
                "there is no such port", [CLI_SYSTEM] = "nobody answers, or the file cannot be written"},
        .json = "an object a packet, a line each",
        .asks = true,
        .run = run,
};
