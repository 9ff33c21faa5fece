/* status: how the processes are. */
#include "services/cli/config/config.h"

#include "proto/control.pb-c.h"
#include "services/cli/json.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static void print_lane(const Sluice__Lane *l, uint32_t epoch, size_t lanes)
{
	if (lanes > 1)
		printf("           lane %u:", l->lane);
	else
		printf("          ");
	printf(" epoch %u%s, %s, %" PRIu64 " bursts", l->adopted, l->adopted == epoch ? "" : " (OLD)",
	        l->idle ? "idle" : "busy", l->bursts);
	if (l->crashes)
		printf(", %" PRIu64 " interrupted", l->crashes);
	if (l->quarantines || l->bad_descriptors)
		printf(", %u rings in quarantine, %" PRIu64 " bad descriptors", l->quarantines,
		        l->bad_descriptors);
	fputc('\n', stdout);
}

static void print_usage(const Sluice__Usage *u)
{
	char text[32];

	printf("           cpu %s", remote_time(text, u->cpu_ns));
	if (u->rss_bytes)
		printf(", %.1f MB resident", (double)u->rss_bytes / 1e6);
	if (u->pss_bytes)
		printf(", its share %.1f MB", (double)u->pss_bytes / 1e6);
	printf(", %" PRIu64 " context switches\n", u->switches);
}

static void print_role(const Sluice__Role *r, uint32_t epoch)
{
	bool runs = !strcmp(r->state, "running");
	char text[32];

	printf("%s%-9s%s %s%s%s", remote_paint("\033[1m"), r->name, remote_paint("\033[0m"),
	        remote_paint(runs ? "\033[32m" : "\033[31m"), r->state, remote_paint("\033[0m"));
	if (r->pid)
		printf(" pid %u", r->pid);
	if (r->uptime_ns)
		printf(" up %s", remote_time(text, r->uptime_ns));
	if (r->down_ns)
		printf(" down for %s", remote_time(text, r->down_ns));
	if (r->starts)
		printf(" starts %" PRIu64 " faults %" PRIu64, r->starts, r->faults);
	if (r->last_signal)
		printf(" last SIG%s", sigabbrev_np((int)r->last_signal) ?: "?");
	else if (r->starts > 1)
		printf(" last exit %d", r->last_exit);
	fputc('\n', stdout);
	if (r->usage && r->usage->at_ns)
		print_usage(r->usage);
	for (size_t l = 0; l < r->n_lanes; l++)
		print_lane(r->lanes[l], epoch, r->n_lanes);
}

/* Whether nothing is left to be wished for. */
static bool fine(const Sluice__StatusReply *s)
{
	bool good = s->epoch > 0 && !*s->problem;

	for (size_t i = 0; i < s->n_roles; i++) {
		good &= !strcmp(s->roles[i]->state, "running");
		for (size_t l = 0; l < s->roles[i]->n_lanes; l++)
			good &= s->roles[i]->lanes[l]->adopted == s->epoch;
	}
	return good;
}

static void print_in_force(const Sluice__StatusReply *s)
{
	const Sluice__Change *c = s->in_force;
	char text[32];

	if (!c)
		return;
	printf("configuration %u (%s), %s, in force since %s", c->number, c->file, c->act,
	        remote_date(text, s->since_ms));
	if (c->uid >= 0 || *c->key)
		printf(" (by %s)", remote_user(text, c->uid, c->key));
	if (s->waits)
		printf("; %sunless confirmed%s it is rolled back in %s", remote_paint("\033[33m"),
		        remote_paint("\033[0m"), remote_time(text, s->waits_ms * NANOS_PER_MS));
	fputc('\n', stdout);
}

static void print(const Sluice__StatusReply *s)
{
	printf("epoch %u%s, %u lane%s, %u buffers, started with %s\n", s->epoch,
	        s->retired ? "" : " (an older one lives)", s->lanes, s->lanes == 1 ? "" : "s", s->buffers,
	        s->config);
	print_in_force(s);
	config_tell_next_start(s->next_start, s->n_next_start);
	for (size_t i = 0; i < s->n_roles; i++)
		print_role(s->roles[i], s->epoch);
	if (*s->problem)
		printf("%sproblem%s: %s\n", remote_paint("\033[31m"), remote_paint("\033[0m"), s->problem);
}

static int run(const struct cli_call *call)
{
	Sluice__StatusRequest request = SLUICE__STATUS_REQUEST__INIT;
	struct remote r = {.call = call};
	ProtobufCMessage *reply;
	int code = remote_ask(&r, RPC_READER, &sluice__read__descriptor, "Status", &request.base, &reply);

	if (code)
		return code;
	if (call->json)
		json_line(reply);
	else
		print((const void *)reply);
	code = fine((const void *)reply) ? CLI_FINE : CLI_NO;
	rpc_free(reply);
	return code;
}

const struct cli_command command_status = {
        .name = "status",
        .what = "how its processes are",
        .about = "The processes of a running appliance: what each is, since when, how often it was started "
                 "and why it died last, and which configuration epoch each of its lanes has taken up; which "
                 "configuration is in force, since when, by whom, and whether it waits to be confirmed.",
        .examples = {{"sluice status", "all of them"},
                {"sluice status --json | jq '.roles[] | select(.state != \"running\")'",
                        "those that do not run"}},
        .exits = {"every process runs and has taken the epoch up", "one does not, or has not yet"},
        .json = "{\"epoch\", \"roles\": [...], ...}",
        .asks = true,
        .shows = true,
        .run = run,
};
