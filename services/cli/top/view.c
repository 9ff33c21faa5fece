/* view: rates out of two samples. */
#include "services/cli/top/top.h"

#include <ctype.h>

/* What is counted anew begins at zero: nothing is known of the time between. */
static double rate(uint64_t now, uint64_t was, double seconds)
{
	return now >= was && seconds > 0 ? (double)(now - was) / seconds : 0;
}

static const struct top_process *process_before(const struct top_sample *was, const struct top_process *p)
{
	for (uint32_t i = 0; i < was->n_processes; i++)
		if (!strcmp(was->process[i].name, p->name))
			return &was->process[i];
	return p;
}

static const struct top_port *port_before(const struct top_sample *was, const struct top_port *p)
{
	for (uint32_t i = 0; i < was->n_ports; i++)
		if (!strcmp(was->port[i].name, p->name))
			return &was->port[i];
	return p;
}

/* A reason that was not there yet counted nothing. */
static uint64_t drops_before(const struct top_sample *was, const struct top_drop *d)
{
	for (uint32_t i = 0; i < was->n_drops; i++)
		if (!strcmp(was->drop[i].reason, d->reason) && !strcmp(was->drop[i].stage, d->stage))
			return was->drop[i].packets;
	return 0;
}

/* It is looked at less often, perhaps, than control is asked: what was known then holds until the next look.
 */
static void rate_usage(struct top_process_rate *r, const struct top_process *now,
        const struct top_process *was, const struct top_process_rate *before)
{
	double s = was->usage_at && now->usage_at > was->usage_at
	                   ? (double)(now->usage_at - was->usage_at) / NANOS_PER_SEC
	                   : 0;

	r->cpu = r->waited = r->switches = -1;
	if (s > 0) {
		r->cpu = rate(now->cpu_ns, was->cpu_ns, s) / NANOS_PER_SEC;
		r->waited = rate(now->waited_ns, was->waited_ns, s) / NANOS_PER_SEC;
		r->switches = rate(now->switches, was->switches, s);
	} else if (before && now->usage_at && now->usage_at == was->usage_at) {
		r->cpu = before->cpu;
		r->waited = before->waited;
		r->switches = before->switches;
	}
}

static void rate_process(
        struct top_process_rate *r, const struct top_process *now, const struct top_process *was, double s)
{
	r->in = rate(now->in, was->in, s);
	r->out = rate(now->out, was->out, s);
	r->dropped = rate(now->dropped, was->dropped, s);
}

static void rate_port(
        struct top_port_rate *r, const struct top_port *now, const struct top_port *was, double s)
{
	r->rx_packets = rate(now->rx_packets, was->rx_packets, s);
	r->tx_packets = rate(now->tx_packets, was->tx_packets, s);
	r->rx_bits = rate(now->rx_bytes, was->rx_bytes, s) * 8;
	r->tx_bits = rate(now->tx_bytes, was->tx_bytes, s) * 8;
	r->drops = rate(now->drops, was->drops, s);
}

static void set_rates(struct top_rates *r, const struct top_sample *now, const struct top_sample *was)
{
	double s = now->at > was->at ? (double)(now->at - was->at) / NANOS_PER_SEC : 0;
	const struct top_rates before = *r;

	*r = (struct top_rates){
	        .received = rate(now->received, was->received, s),
	        .sent = rate(now->sent, was->sent, s),
	        .dropped = rate(now->dropped, was->dropped, s),
	};
	for (uint32_t i = 0; i < now->n_processes; i++) {
		const struct top_process *p = &now->process[i], *old = process_before(was, p);

		rate_process(&r->process[i], p, old, s);
		rate_usage(&r->process[i], p, old, old == p ? NULL : &before.process[old - was->process]);
	}
	for (uint32_t i = 0; i < now->n_ports; i++)
		rate_port(&r->port[i], &now->port[i], port_before(was, &now->port[i]), s);
	for (uint32_t i = 0; i < now->n_drops; i++)
		r->drop[i] = rate(now->drop[i].packets, drops_before(was, &now->drop[i]), s);
	for (uint32_t i = 0; i < now->n_cores; i++) {
		uint64_t all = now->core[i].all - was->core[i].all;

		r->core[i] = was->n_cores == now->n_cores && now->core[i].all > was->core[i].all
		                     ? rate(now->core[i].busy, was->core[i].busy, (double)all)
		                     : -1;
	}
}

static void push(double history[TOP_HISTORY], double value)
{
	memmove(history, history + 1, (TOP_HISTORY - 1) * sizeof history[0]);
	history[TOP_HISTORY - 1] = value;
}

void top_view_add(struct top_view *view, const struct top_sample *sample)
{
	bool first = !view->now.n_processes;

	set_rates(&view->rates, sample, first ? sample : &view->now);
	view->now = *sample;
	view->trouble[0] = 0;
	if (first)
		return;
	push(view->history, view->rates.received);
	for (uint32_t i = 0; i < sample->n_processes; i++)
		push(view->process_history[i], view->rates.process[i].in);
	view->n_history = MIN(view->n_history + 1, TOP_HISTORY);
}

const char *top_number(char text[16], double v)
{
	static const char units[] = " kMGTP";
	uint32_t u = 0;

	while (v >= 999.5 && u < sizeof units - 2) {
		v /= 1000;
		u++;
	}
	if (!u)
		snprintf(text, 16, "%.0f", v);
	else
		snprintf(text, 16, "%.*f%c", v < 99.95 ? 1 : 0, v, units[u]);
	return text;
}

bool top_key(struct top_wish *w, int key)
{
	static const uint32_t intervals[] = {100, 200, 500, 1000, 2000, 5000, 10000, 60000};

	switch (tolower(key)) {
	case 'q': return false;
	case 's': w->sort = (w->sort + 1) % TOP_SORTS; break;
	case 'z': w->hide_idle = !w->hide_idle; break;
	case 'p': w->hide_ports = !w->hide_ports; break;
	case 'd': w->hide_drops = !w->hide_drops; break;
	case 'c': w->hide_cores = !w->hide_cores; break;
	case 'h':
	case '?': w->help = !w->help; break;
	case ' ': w->paused = !w->paused; break;
	case '+':
		for (uint32_t i = ARRAY_LEN(intervals); i-- > 0;)
			if (intervals[i] < w->interval_ms) {
				w->interval_ms = intervals[i];
				break;
			}
		break;
	case '-':
		for (uint32_t i = 0; i < ARRAY_LEN(intervals); i++)
			if (intervals[i] > w->interval_ms) {
				w->interval_ms = intervals[i];
				break;
			}
		break;
	default: break;
	}
	return true;
}
