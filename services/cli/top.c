/* top: the view that a person leaves open, one picture of it, or its numbers. */
#include "services/cli/json.h"
#include "services/cli/signals.h"
#include "services/cli/top_sample.h"
#include "services/cli/top_screen.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#define INTERVAL_S 1u

enum { ONCE, INTERVAL };

void top_json(FILE *to, const struct top_view *view)
{
	const struct top_sample *s = &view->now;
	const struct top_rates *r = &view->rates;

	fprintf(to, "{\"time_ms\":%" PRIu64 ",\"epoch\":%u,\"received\":%.1f,\"sent\":%.1f,\"dropped\":%.1f",
	        s->wall_ms, s->epoch, r->received, r->sent, r->dropped);
	fprintf(to, ",\"in_rings\":%" PRIu64 ",\"held\":%" PRIu64 ",\"processes\":[", s->in_rings, s->held);
	for (uint32_t i = 0; i < s->n_processes; i++) {
		const struct top_process *p = &s->process[i];

		fprintf(to, "%s{\"name\":\"%s\",\"state\":\"%s\",\"pid\":%u,\"starts\":%" PRIu64,
		        i ? "," : "", p->name, p->state, p->pid, p->starts);
		fprintf(to,
		        ",\"in\":%.1f,\"out\":%.1f,\"dropped\":%.1f,\"queued\":%" PRIu64
		        ",\"ring_slots\":%" PRIu64,
		        r->process[i].in, r->process[i].out, r->process[i].dropped, p->queued, p->ring_slots);
		fprintf(to, ",\"cpu\":%.3f,\"rss_bytes\":%" PRIu64 "}", MAX(r->process[i].cpu, 0.0),
		        p->rss_bytes);
	}
	fputs("],\"ports\":[", to);
	for (uint32_t i = 0; i < s->n_ports; i++) {
		fprintf(to, "%s{\"name\":\"%s\",\"state\":\"%s\"", i ? "," : "", s->port[i].name,
		        s->port[i].state);
		fprintf(to,
		        ",\"rx_packets\":%.1f,\"tx_packets\":%.1f,\"rx_bits\":%.1f,\"tx_bits\":%.1f,"
		        "\"drops\":%.1f}",
		        r->port[i].rx_packets, r->port[i].tx_packets, r->port[i].rx_bits, r->port[i].tx_bits,
		        r->port[i].drops);
	}
	fputs("],\"drops\":[", to);
	for (uint32_t i = 0; i < s->n_drops; i++)
		fprintf(to, "%s{\"stage\":\"%s\",\"reason\":\"%s\",\"rate\":%.1f,\"packets\":%" PRIu64 "}",
		        i ? "," : "", s->drop[i].stage, s->drop[i].reason, r->drop[i], s->drop[i].packets);
	fputs("]}\n", to);
}

static int write_once(const struct top_view *view, const struct top_wish *wish)
{
	struct frame *f = frame_new(FRAME_LINES_MAX, 80);

	if (!f)
		return CLI_SYSTEM;
	frame_write(f, top_draw(view, wish, f), *remote_paint("x"), stdout);
	free(f);
	return CLI_FINE;
}

/* Without a terminal, or as numbers: one picture or object each time. */
static int write_on(const struct cli_call *call, struct top_view *view, const struct top_wish *wish)
{
	struct remote r = {.call = call};
	struct top_sample sample;
	int code = top_sample_take(&sample, &r);

	while (!code && signals_wait(wish->interval_ms)) {
		top_view_add(view, &sample);
		code = top_sample_take(&sample, &r);
		if (code)
			break;
		top_view_add(view, &sample);
		if (call->json)
			top_json(stdout, view);
		else
			code = write_once(view, wish);
		if (fflush(stdout) || cli_flag(call, ONCE))
			break;
	}
	rpc_client_close(r.client);
	return code;
}

static int run(const struct cli_call *call)
{
	struct top_wish wish = {.interval_ms = (uint32_t)cli_number(call, INTERVAL, INTERVAL_S) * 1000};
	struct top_view *view = calloc(1, sizeof *view);
	int code;

	if (!view)
		return CLI_SYSTEM;
	setlocale(LC_CTYPE, "");
	wish.plain = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	signals_catch();
	if (call->json || cli_flag(call, ONCE) || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		code = write_on(call, view, &wish);
	else
		code = top_screen_run(call, view, &wish);
	free(view);
	return code;
}

const struct cli_command command_top = {
        .name = "top",
        .what = "packets moving through the stages, a second: a view to be left open",
        .about = "How many packets a second each process takes, gives and drops, what waits in the rings "
                 "before "
                 "it, what it costs of a processor; the ports, the reasons of drops, the processors. It goes "
                 "on "
                 "while the appliance is started again. Keys: q ends it, h tells the others.",
        .options = {[ONCE] = {.name = "once",
                            .meaning = "one picture, after one interval, on standard output"},
                [INTERVAL] = {.name = "interval",
                        .letter = 'i',
                        .takes = {"TIME", CLI_TIME},
                        .meaning = "from one look to the next (1s)"}},
        .terms = {{"ST", "how often it was started"}, {"CPU", "of one processor"}, {"MEM", "resident memory"},
                {"RINGS", "packets that wait before it, and how many may"}},
        .examples = {{"sluice top", "until q"}, {"sluice top --once", "one picture, for a ticket"},
                {"sluice top --json | jq .received", "the packets received each second"}},
        .json = "an object each interval, a line each: rates of the appliance, its processes, ports and "
                "drops",
        .asks = true,
        .run = run,
};
