#include "services/replay/internal.h"

#include <inttypes.h>
#include <stdlib.h>

static int take_event(struct replay *r, const struct trace_event *e)
{
	if (r->n_events == r->room_events) {
		size_t room = r->room_events ? 2 * r->room_events : 256;
		struct trace_event *events = realloc(r->events, room * sizeof *events);

		if (!events)
			return -ENOMEM;
		r->events = events;
		r->room_events = room;
	}
	r->events[r->n_events++] = *e;
	return 0;
}

int explain_collect(struct replay *r)
{
	int err = 0;

	for (uint32_t id = 0; r->options.n_explain && id < r->appliance.plan.n_workers; id++) {
		const struct trace_ring *ring = appliance_trace(&r->appliance, id);
		uint64_t n = __atomic_load_n(&ring->n, __ATOMIC_ACQUIRE);

		if (n - r->trace_seen[id] > TRACE_RING)
			r->trace_seen[id] = n - TRACE_RING;
		for (; !err && r->trace_seen[id] < n; r->trace_seen[id]++)
			err = take_event(r, &ring->event[r->trace_seen[id] % TRACE_RING]);
	}
	return err;
}

static const char *port_name(void *context, struct port_id id)
{
	const struct epoch *epoch = publisher_epoch(&((struct replay *)context)->publisher);
	const struct epoch_port *p = epoch ? epoch_port(epoch, id) : NULL;

	return p ? p->name : NULL;
}

static const struct {
	const char *name, *colour;
} stages[STAGE_COUNT] = {{"ingest", "36"}, {"filter", "33"}, {"router", "32"}, {"session", "35"}};

static void print_event(
        const struct replay *r, FILE *to, const struct trace_event *e, nanos_t first, bool colour)
{
	char text[256];
	uint8_t stage = MIN(e->stage, (uint8_t)(STAGE_COUNT - 1));

	trace_format(e, port_name, (void *)(uintptr_t)r, text, sizeof text);
	fprintf(to, "  %+12.6f ms  ", (double)(int64_t)(e->at - first) / 1e6);
	if (colour)
		fprintf(to, "\033[%sm%-8s\033[0m", stages[stage].colour, stages[stage].name);
	else
		fprintf(to, "%-8s", stages[stage].name);
	if (r->appliance.plan.params.lanes > 1)
		fprintf(to, " lane %u", (unsigned)e->lane);
	fprintf(to, "  %s\n", text);
}

void replay_print_explain(const struct replay *r, FILE *to, bool colour)
{
	for (uint32_t i = 0; i < r->options.n_explain; i++) {
		const struct trace_event *first = NULL;

		const struct replay_explain *x = &r->options.explain[i];

		fprintf(to, "packet %s%s%" PRIu32 "\n", x->port, *x->port ? ":" : "", x->number);
		for (size_t k = 0; k < r->n_events; k++) {
			if (r->events[k].trace != i + 1)
				continue;
			first = first ? first : &r->events[k];
			print_event(r, to, &r->events[k], first->at, colour);
		}
		if (!first)
			fprintf(to, "  never came in: the captures have fewer packets\n");
	}
}
