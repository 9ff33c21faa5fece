/* monitor: what happens, as it happens; as `ip monitor` tells of a kernel. */
#include "services/cli/json.h"
#include "services/cli/signals.h"
#include "services/cli/watch/stream.h"

#include "proto/monitor.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

#define AGAIN_MS 500u

enum { COUNT };

struct monitor {
	const struct cli_call *call;
	struct remote remote;
	char trouble[RPC_MESSAGE_BYTES];
	uint64_t most, told; /* events; most 0: no end */
	uint64_t missed;     /* told of already */
	bool began;          /* it has been answered to once */
};

static void print(const Sluice__Event *e)
{
	char when[32];

	printf("%s.%03u %-8s %s%s%s%s", remote_date(when, e->time_ns / NANOS_PER_MS),
	        (unsigned)(e->time_ns / NANOS_PER_MS % 1000), e->kind, remote_paint("\033[1m"), e->name,
	        remote_paint("\033[0m"), *e->name ? " " : "");
	printf("%s%s%s%s%s", e->what, *e->port ? " dev " : "", e->port, *e->mac ? " lladdr " : "", e->mac);
	if (e->pid)
		printf(" pid %u", e->pid);
	printf("%s%s\n", *e->text ? ": " : "", e->text);
}

static void tell(const struct monitor *m, const Sluice__Event *e)
{
	if (m->call->json)
		json_line(&e->base);
	else
		print(e);
}

/* What was lost between this client and control has a line of its own. */
static void tell_missed(struct monitor *m, uint64_t missed, uint64_t time_ns)
{
	Sluice__Event e = SLUICE__EVENT__INIT;
	char text[64];

	snprintf(text, sizeof text, "%" PRIu64 ", which came faster than they were read", missed - m->missed);
	e.time_ns = time_ns;
	e.kind = (char *)(uintptr_t) "client";
	e.name = (char *)(uintptr_t) "events";
	e.what = (char *)(uintptr_t) "missed";
	e.text = text;
	tell(m, &e);
	m->missed = missed;
}

static int take(void *context, const ProtobufCMessage *message)
{
	const Sluice__EventsPiece *piece = (const void *)message;
	struct monitor *m = context;

	/* From now on control is waited for: it may die and be started again, and the appliance too. */
	m->began = true;
	m->remote.trouble = m->trouble;
	for (size_t i = 0; i < piece->n_events && !(m->most && m->told == m->most); i++, m->told++)
		tell(m, piece->events[i]);
	if (piece->missed > m->missed)
		tell_missed(m, piece->missed, piece->time_ns);
	if (fflush(stdout))
		return STREAM_ENOUGH; /* nobody reads on */
	return m->most && m->told == m->most ? STREAM_ENOUGH : 0;
}

static int run(const struct cli_call *call)
{
	Sluice__EventsRequest request = SLUICE__EVENTS_REQUEST__INIT;
	struct monitor m = {.call = call, .remote = {.call = call}, .most = cli_number(call, COUNT, 0)};
	const struct stream stream = {
	        RPC_READER, &sluice__monitor__descriptor, "Events", &request.base, take, &m};
	int code;

	request.kinds = call->words;
	request.n_kinds = call->n_words;
	code = stream_run(&stream, &m.remote);
	while (code && m.began && signals_wait(AGAIN_MS)) {
		m.missed = 0;
		code = stream_run(&stream, &m.remote);
	}
	return m.began ? CLI_FINE : code;
}

const struct cli_command command_monitor = {
        .name = "monitor",
        .what = "what happens, as it happens: ports, processes, configurations, neighbors",
        .about = "Tells of ports that go down, come up, vanish or change their driver; of processes that die "
                 "and are started again; of configurations that are applied, confirmed, rolled back or "
                 "undone; of neighbors that appear, cannot be reached or change their MAC address; of routes "
                 "that a routing daemon changes; of calls that were refused. A line each, until Ctrl-C.\n\n"
                 "The appliance is looked at ten times a second: what begins and ends between two looks is "
                 "not seen, but for deaths, which are counted. Where control is started again it goes on "
                 "with the next one. Who reads too slowly is told how many events were missed.",
        .options = {[COUNT] = {.letter = 'c',
                            .takes = {"N", CLI_NUMBER, 1},
                            .meaning = "ends after N events"}},
        .arguments = {{{"KIND", CLI_CHOICE, .choices = "port process config neighbor route client"},
                .many = true,
                .meaning = "events of these kinds: port, process, config, neighbor, route, client; all where "
                           "none is named"}},
        .examples = {{"sluice monitor", "all that happens"},
                {"sluice monitor port neighbor", "what happens on the links"},
                {"sluice monitor process --json | jq -r 'select(.what == \"died\").name'",
                        "the names of processes as they die"}},
        .exits = {[CLI_FINE] = "a signal has ended it, or N events have come"},
        .json = "an object an event, a line each: {\"time_ns\", \"kind\", \"name\", \"what\", \"text\", "
                "\"port\", \"mac\", \"pid\"}",
        .asks = true,
        .run = run,
};
