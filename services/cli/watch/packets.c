#include "services/cli/watch/packets.h"

#include "services/cli/watch/stream.h"
#include "services/cli/watch/summary.h"

#include "common/tap/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct packets {
	const struct cli_call *call;
	struct watch *watch;
	const char *path; /* NULL: a line a packet */
	FILE *to;
	struct tap_file file;
};

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
	struct packets *c = context;

	for (size_t i = 0; i < n; i++)
		tap_file_port(&c->file, names[i]);
	return 0;
}

enum tap_point packets_point(const char *name)
{
	uint32_t p = 0;

	while (p < TAP_POINTS && strcmp(name, tap_point_name((enum tap_point)p)) != 0)
		p++;
	return (enum tap_point)p;
}

static int write_packet(void *context, const Sluice__CapturedPacket *p)
{
	struct packets *c = context;
	struct tap_shown shown = {
	        .time = p->time_ns,
	        .point = packets_point(p->point),
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

/* The reader of a pipe may have seen enough. */
static int refuse_file(const struct packets *c, int err)
{
	if (err == -EPIPE)
		return STREAM_ENOUGH;
	return cli_fail(c->call, RPC_UNAVAILABLE, "%s cannot be written: %s", c->path, strerror(-err));
}

static int flush_file(void *context)
{
	struct packets *c = context;
	int err = pcapng_flush(&c->file.ng);

	return err ? refuse_file(c, err) : 0;
}

static int open_file(struct packets *c)
{
	bool standard = !strcmp(c->path, "-");

	if (standard && isatty(1))
		return cli_usage(c->call,
		        "-w - writes bytes that are not for a terminal: pipe it into `tcpdump -r -`");
	c->to = standard ? stdout : fopen(c->path, "we");
	if (!c->to)
		return refuse_file(c, -errno);
	tap_file_start(&c->file, c->to, c->watch->snap_bytes);
	c->watch->ports = file_ports;
	c->watch->packet = write_packet;
	c->watch->flush = flush_file;
	return flush_file(c);
}

static int end_file(struct packets *c, int code)
{
	int err = tap_file_end(&c->file, c->watch->captured, c->watch->missed);

	if (c->to != stdout && fclose(c->to) && !err)
		err = -errno;
	return err && !code ? refuse_file(c, err) : code;
}

static int show(struct packets *c)
{
	int code = c->path ? open_file(c) : 0;

	if (code)
		return code;
	code = watch_run(c->watch, c->call);
	if (c->path)
		code = end_file(c, code);
	if (!code)
		watch_tell(c->watch);
	return code;
}

int packets_show(const struct cli_call *call, struct watch *watch, const char *path)
{
	struct packets *c;
	int code;

	if (path && call->json)
		return cli_usage(call, "--json is for lines, -w for a file: one of them");
	c = calloc(1, sizeof *c);
	if (!c)
		return cli_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
	c->call = call;
	c->watch = watch;
	c->path = path;
	watch->ports = NULL;
	watch->packet = call->json ? watch_json : print_line;
	watch->flush = watch_flush;
	watch->context = c;
	code = show(c);
	free(c);
	return code == STREAM_ENOUGH ? CLI_FINE : code;
}
