/* draw: the picture of a view. */
#include "services/cli/top/top.h"

#include "services/cli/remote.h"

#include <stdlib.h>
#include <time.h>

#define SPARKS      8u
#define CORE_WIDTH  12u
#define NARROWEST   80u
#define SECTION_MIN 3u /* lines: a blank one, the head, one of it */

/* The last `width` of a history, the highest of them as a full block.  Returns that. */
static double draw_sparks(struct frame *f, uint32_t line, uint32_t column, uint32_t width,
        const double *history, uint32_t n, bool plain)
{
	static const char ascii[SPARKS + 1] = " .:-=+*#";
	double most = 0;

	n = MIN(n, width);
	for (uint32_t i = TOP_HISTORY - n; i < TOP_HISTORY; i++)
		most = MAX(most, history[i]);
	for (uint32_t i = 0; i < n && most > 0; i++) {
		double share = history[TOP_HISTORY - n + i] / most;
		uint32_t step = MIN((uint32_t)(share * SPARKS), SPARKS - 1);
		uint16_t block = share > 0 ? (uint16_t)(0x2581 + step) : ' ';

		frame_put(f, line, column + width - n + i, FRAME_GOOD, plain ? (uint16_t)ascii[step] : block);
	}
	return most;
}

static void draw_bar(struct frame *f, uint32_t line)
{
	for (uint32_t c = 0; line < f->lines && c < f->columns; c++)
		f->cell[line * f->columns + c].look = FRAME_TITLE;
}

static uint32_t draw_head(const struct top_view *view, const struct top_wish *wish, struct frame *f)
{
	const struct top_sample *s = &view->now;
	time_t seconds = (time_t)(s->wall_ms / 1000);
	char clock[16] = "", time[32], n[4][16];
	struct tm tm;
	uint32_t c;

	if (localtime_r(&seconds, &tm))
		strftime(clock, sizeof clock, "%H:%M:%S", &tm);
	c = frame_print(
	        f, 0, 0, FRAME_TITLE, " sluice top  %s  up %s", clock, remote_time(time, s->uptime_ns));
	if (s->configuration)
		c = frame_print(f, 0, c, FRAME_TITLE, "  configuration %u%s", s->configuration,
		        s->waits ? " (to be confirmed)" : "");
	frame_print(f, 0, c, FRAME_TITLE, "  epoch %u%s", s->epoch, wish->paused ? "  PAUSED" : "");
	draw_bar(f, 0);
	if (*view->trouble) {
		frame_print(f, 1, 0, FRAME_BAD, "%s", view->trouble);
		return 2;
	}
	c = frame_print(f, 1, 0, FRAME_BOLD, "received %s/s  sent %s/s  ",
	        top_number(n[0], view->rates.received), top_number(n[1], view->rates.sent));
	c = frame_print(f, 1, c, view->rates.dropped > 0 ? FRAME_WARN : FRAME_BOLD, "dropped %s/s  ",
	        top_number(n[2], view->rates.dropped));
	c = frame_print(f, 1, c, FRAME_PLAIN, "in rings %s  held %llu  ",
	        top_number(n[3], (double)s->in_rings), (unsigned long long)s->held);
	if (s->consistent && s->balanced)
		frame_print(f, 1, c, FRAME_GOOD, "all accounted for");
	else if (s->consistent)
		frame_print(f, 1, c, FRAME_BAD, "NOT ACCOUNTED FOR");
	return 2;
}

static uint32_t draw_history(
        const struct top_view *view, const struct top_wish *wish, struct frame *f, uint32_t line)
{
	double most = draw_sparks(
	        f, line, 0, MIN(f->columns, NARROWEST) - 18, view->history, view->n_history, wish->plain);
	char n[16];

	if (most > 0)
		frame_print(f, line, MIN(f->columns, NARROWEST) - 17, FRAME_DIM, "most %s/s",
		        top_number(n, most));
	return line + 1;
}

static const char *percent(char text[16], double share)
{
	if (share < 0)
		return "-";
	snprintf(text, 16, "%.0f%%", share * 100);
	return text;
}

static void draw_process(
        const struct top_view *view, const struct top_wish *wish, struct frame *f, uint32_t line, uint32_t i)
{
	const struct top_process *p = &view->now.process[i];
	const struct top_process_rate *r = &view->rates.process[i];
	bool runs = strcmp(p->state, "running") == 0;
	char n[4][16], cpu[16], switches[16] = "-", memory[16] = "-", rings[32] = "";
	uint32_t c = frame_print(f, line, 0, FRAME_BOLD, "%-8.8s ", p->name);

	if (r->switches >= 0)
		top_number(switches, r->switches);
	if (p->rss_bytes)
		top_number(memory, (double)(p->pss_bytes ? p->pss_bytes : p->rss_bytes));
	c = frame_print(f, line, c, runs ? FRAME_GOOD : FRAME_BAD, "%-8.8s ", p->state);
	c = frame_print(f, line, c, p->starts > 1 ? FRAME_WARN : FRAME_PLAIN, "%7u %3llu ", p->pid,
	        (unsigned long long)p->starts);
	c = frame_print(f, line, c, FRAME_PLAIN, "%4s %5s %6s ", percent(cpu, r->cpu), switches, memory);
	if (!p->moves)
		return;
	snprintf(rings, sizeof rings, "%s/%s", top_number(n[2], (double)p->queued),
	        top_number(n[3], (double)p->ring_slots));
	c = frame_print(
	        f, line, c, FRAME_BOLD, "%7s %7s ", top_number(n[0], r->in), top_number(n[1], r->out));
	c = frame_print(
	        f, line, c, r->dropped > 0 ? FRAME_WARN : FRAME_PLAIN, "%6s ", top_number(n[0], r->dropped));
	c = frame_print(
	        f, line, c, p->queued * 4 > p->ring_slots * 3 ? FRAME_BAD : FRAME_PLAIN, "%9s", rings);
	if (f->columns > c + 2)
		draw_sparks(f, line, c + 2, MIN(f->columns - c - 2, TOP_HISTORY), view->process_history[i],
		        view->n_history, wish->plain);
}

static uint32_t draw_processes(
        const struct top_view *view, const struct top_wish *wish, struct frame *f, uint32_t line)
{
	frame_print(f, line++, 0, FRAME_DIM, "%-8s %-8s %7s %3s %4s %5s %6s %7s %7s %6s %9s", "PROCESS",
	        "STATE", "PID", "ST", "CPU", "CSW/s", "MEM", "IN/s", "OUT/s", "DROP/s", "RINGS");
	for (uint32_t i = 0; i < view->now.n_processes; i++)
		draw_process(view, wish, f, line++, i);
	return line;
}

/* ---- sections whose lines are sorted ---- */

struct row {
	uint32_t index;
	const char *name;
	double rate, total;
};

static int by_rate(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->rate != y->rate ? (x->rate < y->rate ? 1 : -1) : strcmp(x->name, y->name);
}

static int by_total(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->total != y->total ? (x->total < y->total ? 1 : -1) : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void sort_rows(struct row *rows, uint32_t n, enum top_sort sort)
{
	static int (*const orders[TOP_SORTS])(const void *, const void *) = {by_rate, by_name, by_total};

	qsort(rows, n, sizeof *rows, orders[sort]);
}

static uint32_t port_rows(const struct top_view *view, const struct top_wish *wish, struct row *rows)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < view->now.n_ports; i++) {
		const struct top_port *p = &view->now.port[i];
		const struct top_port_rate *r = &view->rates.port[i];
		struct row row = {i, p->name, r->rx_packets + r->tx_packets,
		        (double)p->rx_packets + (double)p->tx_packets};

		if (!wish->hide_idle || row.rate > 0 || strcmp(p->state, "up") != 0)
			rows[n++] = row;
	}
	sort_rows(rows, n, wish->sort);
	return n;
}

static uint32_t drop_rows(const struct top_view *view, const struct top_wish *wish, struct row *rows)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < view->now.n_drops; i++) {
		const struct top_drop *d = &view->now.drop[i];
		struct row row = {i, d->reason, view->rates.drop[i], (double)d->packets};

		if (!wish->hide_idle || row.rate > 0)
			rows[n++] = row;
	}
	sort_rows(rows, n, wish->sort);
	return n;
}

static void draw_port(const struct top_view *view, struct frame *f, uint32_t line, uint32_t i)
{
	const struct top_port *p = &view->now.port[i];
	const struct top_port_rate *r = &view->rates.port[i];
	bool up = strcmp(p->state, "up") == 0;
	char n[6][16];
	uint32_t c = frame_print(f, line, 0, FRAME_BOLD, "%-15s ", p->name);

	c = frame_print(f, line, c, up ? FRAME_GOOD : FRAME_BAD, "%-8s ", p->state);
	c = frame_print(f, line, c, FRAME_PLAIN, "%8s %8s %10s %10s ", top_number(n[0], r->rx_packets),
	        top_number(n[1], r->tx_packets), top_number(n[2], r->rx_bits), top_number(n[3], r->tx_bits));
	frame_print(f, line, c, r->drops > 0 ? FRAME_WARN : FRAME_PLAIN, "%7s %7s",
	        top_number(n[4], r->drops), top_number(n[5], (double)p->drops));
}

static void draw_drop(const struct top_view *view, struct frame *f, uint32_t line, uint32_t i)
{
	const struct top_drop *d = &view->now.drop[i];
	char n[2][16];

	frame_print(f, line, 0, view->rates.drop[i] > 0 ? FRAME_WARN : FRAME_PLAIN, "%-8s %-36.36s %8s %8s",
	        d->stage, d->reason, top_number(n[0], view->rates.drop[i]),
	        top_number(n[1], (double)d->packets));
}

static_assert(TOP_PORTS <= TOP_DROPS, "rows of a section");

struct section {
	const char *head;
	void (*draw)(const struct top_view *view, struct frame *f, uint32_t line, uint32_t index);
	struct row rows[TOP_DROPS];
	uint32_t n;
};

/* In at most `room` lines. */
static uint32_t draw_section(
        const struct section *s, const struct top_view *view, struct frame *f, uint32_t line, uint32_t room)
{
	uint32_t shown = room < SECTION_MIN ? 0 : MIN(s->n, room - 2);

	if (!shown)
		return line;
	frame_print(f, line + 1, 0, FRAME_DIM, "%s", s->head);
	line += 2;
	for (uint32_t i = 0; i < shown; i++)
		s->draw(view, f, line++, s->rows[i].index);
	if (shown < s->n)
		frame_print(f, line - 1, 0, FRAME_DIM, "%-60s", "");
	if (shown < s->n)
		frame_print(f, line - 1, 0, FRAME_DIM, "... and %u more", s->n - shown + 1);
	return line;
}

static uint32_t draw_cores(const struct top_view *view, struct frame *f, uint32_t line, uint32_t end)
{
	uint32_t a_line = MAX(f->columns / CORE_WIDTH, 1u);
	char text[16];

	for (uint32_t i = 0; i < view->now.n_cores && line + i / a_line < end; i++) {
		double share = view->rates.core[i];

		frame_print(f, line + i / a_line, i % a_line * CORE_WIDTH,
		        share > 0.9 ? FRAME_WARN : FRAME_PLAIN, "cpu%-3u %4s ", i, percent(text, share));
	}
	return MIN(end, line + (view->now.n_cores + a_line - 1) / a_line);
}

static uint32_t draw_help(struct frame *f)
{
	static const char *const lines[] = {
	        "",
	        "PROCESS  packets a second that it took and gave, what waits in its rings;",
	        "         ST how often it was started, CPU of one processor, CSW context",
	        "         switches, MEM its share of memory, or all that is resident",
	        "",
	        "  s      ports and drops by rate, by name, by total",
	        "  z      leave out ports and drops without a rate",
	        "  p d c  show or hide ports, drops, processors",
	        "  + -    look more often, less often",
	        "  space  stand still",
	        "  q      end",
	};

	for (uint32_t i = 0; i < ARRAY_LEN(lines); i++)
		frame_print(f, 1 + i, 0, FRAME_PLAIN, "%s", lines[i]);
	return 1 + ARRAY_LEN(lines);
}

uint32_t top_draw(const struct top_view *view, const struct top_wish *wish, struct frame *f)
{
	struct section ports = {.draw = draw_port}, drops = {.draw = draw_drop};
	uint32_t line = draw_head(view, wish, f), room, for_ports;

	ports.head = "PORT            STATE        RX/s     TX/s   RX bit/s   TX bit/s  DROP/s DROPPED";
	drops.head = "STAGE    DROPPED BECAUSE OF                     PACKETS/s    TOTAL";
	if (wish->help)
		return draw_help(f);
	line = draw_history(view, wish, f, line);
	line = draw_processes(view, wish, f, line);
	if (!wish->hide_cores)
		line = draw_cores(view, f, line, MIN(line + 2, f->lines));
	ports.n = wish->hide_ports ? 0 : port_rows(view, wish, ports.rows);
	drops.n = wish->hide_drops ? 0 : drop_rows(view, wish, drops.rows);
	room = f->lines > line ? f->lines - line : 0;
	for_ports = MAX(room / 2, room > drops.n + 2 ? room - drops.n - 2 : 0);
	if (!drops.n)
		for_ports = room;
	line = draw_section(&ports, view, f, line, for_ports);
	return draw_section(&drops, view, f, line, f->lines > line ? f->lines - line : 0);
}
