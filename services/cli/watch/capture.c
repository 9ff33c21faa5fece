/* capture: packets of a running appliance into a file or, a line each, on the screen. */
#include "services/cli/watch/expression.h"
#include "services/cli/watch/packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILTER_BYTES 16384u

enum { PORT, WRITE, COUNT, SNAP, POINT };

struct capture {
	const struct cli_call *call;
	struct watch watch;
	const char *path; /* NULL: a line a packet */
	char points[64];
	char filter[FILTER_BYTES];
	struct tap_insn program[TAP_INSNS_MAX];
};

/* "ingress,drop" into names. */
static int parse_points(struct capture *c, const char *text)
{
	char *at = c->points, *name;

	if (strlen(text) >= sizeof c->points)
		return cli_usage(c->call, "--point takes some of ingress,egress,drop");
	memcpy(c->points, text, strlen(text) + 1);
	c->watch.n_points = 0;
	while ((name = strsep(&at, ","))) {
		if (packets_point(name) == TAP_POINTS || c->watch.n_points == TAP_POINTS)
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
	return parse_filter(c);
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
	};
	code = parse(c);
	if (!code)
		code = packets_show(call, &c->watch, c->path);
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
