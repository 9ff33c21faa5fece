/* top: the view that a person leaves open, one picture of it, or its numbers. */
#include "services/cli/json.h"
#include "services/cli/signals.h"
#include "services/cli/top/sample.h"
#include "services/cli/top/screen.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#define INTERVAL_S 1u

enum { ONCE, INTERVAL, BATCH, LOOKS };

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
		fprintf(to, ",\"cpu\":%.3f,\"waited\":%.3f,\"switches\":%.1f", MAX(r->process[i].cpu, 0.0),
		        MAX(r->process[i].waited, 0.0), MAX(r->process[i].switches, 0.0));
		fprintf(to, ",\"rss_bytes\":%" PRIu64 ",\"pss_bytes\":%" PRIu64 ",\"threads\":%u}",
		        p->rss_bytes, p->pss_bytes, p->threads);
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

static int write_look(const struct cli_call *call, const struct top_view *view, const struct top_wish *wish)
{
	if (!call->json)
		return write_once(view, wish);
	top_json(stdout, view);
	return CLI_FINE;
}

/* One picture or object each time, one behind the other; where nobody answers that is told in place of it. */
static int write_on(const struct cli_call *call, struct top_view *view, const struct top_wish *wish)
{
	struct remote r = {.call = call};
	struct top_sample sample;
	int code = top_sample_take(&sample, &r);

	if (code)
		return code;
	top_view_add(view, &sample);
	for (uint64_t n = 1; signals_wait(wish->interval_ms); n++) {
		code = top_sample_take(&sample, &r);
		if (!code) {
			top_view_add(view, &sample);
			code = write_look(call, view, wish);
		}
		if (fflush(stdout) || n == wish->looks)
			break;
		if (!call->json)
			fputc('\n', stdout);
	}
	rpc_client_close(r.client);
	return code;
}

static int run(const struct cli_call *call)
{
	struct top_wish wish = {.interval_ms = (uint32_t)cli_number(call, INTERVAL, INTERVAL_S) * 1000,
	        .looks = cli_number(call, LOOKS, cli_flag(call, ONCE))};
	bool batch = call->json || cli_flag(call, ONCE) || cli_flag(call, BATCH);
	struct top_view *view = calloc(1, sizeof *view);
	int code;

	if (!view)
		return CLI_SYSTEM;
	setlocale(LC_CTYPE, "");
	wish.plain = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	signals_catch();
	if (batch || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
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
                 "before it, and what it costs; the ports, the reasons of drops, the processors. It goes on "
                 "while the appliance is started again. Keys: q ends it, h tells the others. Without a "
                 "terminal, or with --batch, a picture follows the other.",
        .options = {[ONCE] = {.name = "once", .meaning = "one picture: --batch -n 1"},
                [INTERVAL] = {.name = "interval",
                        .letter = 'i',
                        .takes = {"TIME", CLI_TIME},
                        .meaning = "from one look to the next (1s)"},
                [BATCH] = {.name = "batch",
                        .letter = 'b',
                        .meaning = "pictures one behind the other, on a terminal too"},
                [LOOKS] = {.name = "number",
                        .letter = 'n',
                        .takes = {"N", CLI_NUMBER, 1},
                        .meaning = "ends after N looks; what it showed last stays on the terminal"}},
        .terms = {{"ST", "how often it was started"}, {"CPU", "of one processor"},
                {"CSW", "context switches"},
                {"MEM", "its share of memory, or all that is resident where that is not known"},
                {"RINGS", "packets that wait before it, and how many may"}},
        .examples = {{"sluice top", "until q"}, {"sluice top --once", "one picture, for a ticket"},
                {"sluice top -b -n 60 -i 10s >top.log", "ten minutes of it"},
                {"sluice top --json | jq .received", "the packets received each second"}},
        .json = "an object each interval, a line each: rates of the appliance, its processes, ports and "
                "drops",
        .asks = true,
        .run = run,
};
