/* doctor: looks at this machine, at the interfaces that a configuration names, and at the appliance that
 * runs. */
#include "services/cli/doctor/doctor.h"

#include "common/blueprint/blueprint.h"
#include "common/board/board.h"
#include "common/config/config.h"
#include "proto/control.pb-c.h"
#include "services/cli/doctor/facts.h"
#include "services/cli/json.h"
#include "services/cli/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATE_DIR "/var/lib/sluice"

enum { CONFIG, STATE };

struct look {
	struct doctor_report report;
	struct doctor_machine machine;
	struct doctor_port port[DOCTOR_PORTS_MAX];
	struct doctor_appliance appliance;
	uint32_t n_ports;
};

/* ---- the appliance ---- */

static void take_status(struct doctor_appliance *a, const Sluice__StatusReply *s)
{
	a->answers = true;
	snprintf(a->problem, sizeof a->problem, "%.255s", s->problem);
	snprintf(a->build, sizeof a->build, "%.63s", s->build);
	for (size_t i = 0; i < s->n_roles && a->n_roles < DOCTOR_ROLES_MAX; i++) {
		struct doctor_role *to = &a->role[a->n_roles++];

		snprintf(to->name, sizeof to->name, "%s", s->roles[i]->name);
		snprintf(to->state, sizeof to->state, "%s", s->roles[i]->state);
		to->faults = s->roles[i]->faults;
		for (size_t l = 0; l < s->roles[i]->n_lanes; l++)
			to->behind |= s->roles[i]->lanes[l]->adopted != s->epoch;
	}
}

static void take_ports(struct doctor_appliance *a, const Sluice__PortsReply *reply)
{
	for (size_t i = 0; i < reply->n_ports && a->n_ports < DOCTOR_PORTS_MAX; i++) {
		const Sluice__Port *p = reply->ports[i];
		struct doctor_traffic *to = &a->port[a->n_ports];

		if (strcmp(p->kind, "physical") != 0)
			continue;
		snprintf(to->name, sizeof to->name, "%s", p->name);
		snprintf(to->state, sizeof to->state, "%s", p->state);
		snprintf(to->reason, sizeof to->reason, "%.95s", p->reason);
		snprintf(to->why_not, sizeof to->why_not, "%.95s", p->why_not);
		to->packets = p->rx_packets;
		for (size_t k = 0; k < p->n_counters; k++)
			if (!strcmp(p->counters[k]->name, "kernel_rx_ring_full"))
				to->ring_full = p->counters[k]->value;
		a->n_ports++;
	}
}

static void take_counters(struct doctor_appliance *a, const Sluice__CountersReply *reply)
{
	for (size_t i = 0; i < reply->n_counters; i++) {
		const Sluice__Counter *c = reply->counters[i];

		if (!strcmp(c->group, "Softnet") && !strncmp(c->name, "TimeSqueeze", 11))
			a->squeezes += c->value;
		else if (!strcmp(c->group, "SluicePoll") && !strncmp(c->name, "Rounds", 6))
			a->rounds += c->value;
	}
}

/* NULL: it does not answer. */
static ProtobufCMessage *ask(struct remote *r, const char *method, const ProtobufCMessage *request)
{
	ProtobufCMessage *reply;

	return remote_call(r, &sluice__read__descriptor, method, request, REMOTE_DEADLINE_MS, &reply) ? NULL
	                                                                                              : reply;
}

/* Whether somebody minds control, whether it answers or not: whose pid stands in the lock.  The lock itself
 * is not tried, since a keeper that begins could take that for an attendant. */
static bool attendant_lives(const char *run_dir)
{
	char path[320], name[32] = "";
	int fd = lock_open(run_dir, board_role_name(ROLE_CONTROL), false);
	pid_t pid = fd < 0 ? 0 : lock_holder(fd);

	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	if (pid > 0)
		facts_line(path, name, sizeof name);
	return !strcmp(name, "sluice-keeper");
}

static void look_at_appliance(struct doctor_appliance *a, const struct cli_call *call)
{
	Sluice__StatusRequest status = SLUICE__STATUS_REQUEST__INIT;
	Sluice__AccountRequest account = SLUICE__ACCOUNT_REQUEST__INIT;
	Sluice__PortsRequest ports = SLUICE__PORTS_REQUEST__INIT;
	Sluice__CountersRequest counters = SLUICE__COUNTERS_REQUEST__INIT;
	char trouble[RPC_MESSAGE_BYTES];
	struct remote r = {.call = call, .trouble = trouble};
	ProtobufCMessage *reply[4] = {NULL};

	if (remote_open(&r, RPC_READER) == 0) {
		reply[0] = ask(&r, "Status", &status.base);
		reply[1] = reply[0] ? ask(&r, "Account", &account.base) : NULL;
		reply[2] = reply[1] ? ask(&r, "Ports", &ports.base) : NULL;
		reply[3] = reply[2] ? ask(&r, "Counters", &counters.base) : NULL;
	}
	if (reply[0])
		take_status(a, (const void *)reply[0]);
	if (reply[1]) {
		a->balanced = ((const Sluice__AccountReply *)reply[1])->balanced;
		a->consistent = ((const Sluice__AccountReply *)reply[1])->consistent;
	}
	if (reply[2])
		take_ports(a, (const void *)reply[2]);
	if (reply[3])
		take_counters(a, (const void *)reply[3]);
	for (uint32_t i = 0; i < ARRAY_LEN(reply); i++)
		if (reply[i])
			rpc_free(reply[i]);
	rpc_client_close(r.client);
}

static bool runs_port(const struct doctor_appliance *a, const char *name)
{
	for (uint32_t i = 0; i < a->n_ports; i++)
		if (!strcmp(a->port[i].name, name))
			return true;
	return false;
}

/* ---- the configuration ---- */

static void take_config(struct look *l, const struct config *c)
{
	struct stage_params params;

	config_params(c, &params);
	l->machine.lanes = params.lanes;
	l->machine.pool_bytes = (uint64_t)params.buffers * params.stride;
	l->machine.metrics_port = c->metrics.item.node ? c->metrics.listen.l4_port : 0;
	for (uint32_t i = 0; i < c->n_ports && l->n_ports < DOCTOR_PORTS_MAX; i++) {
		const struct config_port *from = &c->ports[i];
		struct doctor_port *p = &l->port[l->n_ports];

		if (from->driver != EPOCH_DRIVER_NONE && !epoch_driver_live(from->driver))
			continue;
		memcpy(p->name, from->name.text, sizeof p->name);
		memcpy(p->interface, *from->interface.text ? from->interface.text : from->name.text,
		        sizeof p->interface);
		p->driver = (enum epoch_driver)from->driver;
		l->n_ports++;
	}
}

static void read_config(struct look *l, const char *path)
{
	struct config_errors errors = {0};
	struct config *config = NULL;

	if (config_load(path, &config, &errors) == 0) {
		take_config(l, config);
		doctor_add(&l->report, DOCTOR_OK, "configuration", "%s is right", path);
	} else {
		const struct config_error *e = errors.n ? &errors.list[0] : NULL;

		doctor_add(&l->report, DOCTOR_MISSING, "configuration", "%s: %s%s%s", path,
		        e ? e->found : "it cannot be read", e && e->expected ? "; expected: " : "",
		        e && e->expected ? e->expected : "");
		doctor_mend(&l->report, "sluice config check %s tells each error and what helps", path);
	}
	config_errors_free(&errors);
	config_free(config);
}

/* ---- telling ---- */

static void print(const struct doctor_report *r)
{
	static const char *const paints[] = {"\033[32m", "\033[33m", "\033[31m"};

	for (uint32_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->finding[i];

		printf("%s%-8s%s%s: %s\n", remote_paint(paints[f->level]), doctor_level_name(f->level),
		        remote_paint("\033[0m"), f->about, f->what);
		if (*f->mend)
			printf("        %s\n", f->mend);
	}
}

static void print_json(const struct doctor_report *r)
{
	fputs("{\"findings\":[", stdout);
	for (uint32_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->finding[i];

		printf("%s{\"level\":\"%s\",\"about\":", i ? "," : "", doctor_level_name(f->level));
		json_text(stdout, f->about);
		fputs(",\"what\":", stdout);
		json_text(stdout, f->what);
		fputs(",\"mend\":", stdout);
		json_text(stdout, f->mend);
		fputc('}', stdout);
	}
	puts("]}");
}

static void look(struct look *l, const struct cli_call *call)
{
	const char *state = cli_text(call, STATE), *config = cli_text(call, CONFIG);

	/* Where no configuration says otherwise: one lane, the default pool. */
	l->machine.lanes = 1;
	l->machine.pool_bytes = UINT64_C(16384) * 2240;
	snprintf(l->machine.run_dir, sizeof l->machine.run_dir, "%s", call->run_dir);
	snprintf(l->machine.state_dir, sizeof l->machine.state_dir, "%s", state ? state : STATE_DIR);
	if (config)
		read_config(l, config);
	look_at_appliance(&l->appliance, call);
	l->appliance.ours = remote_server(call) ? NULL : blueprint_build();
	l->appliance.lives = l->appliance.ours && attendant_lives(call->run_dir);
	facts_machine(&l->machine);
	l->machine.metrics_taken &= !l->appliance.answers && !l->appliance.lives;
	for (uint32_t i = 0; i < l->n_ports; i++) {
		l->port[i].owned = runs_port(&l->appliance, l->port[i].name);
		facts_port(&l->port[i]);
	}
}

static int run(const struct cli_call *call)
{
	struct look *l = calloc(1, sizeof *l);
	int code = CLI_FINE;

	if (!l)
		return CLI_SYSTEM;
	look(l, call);
	doctor_machine(&l->report, &l->machine);
	for (uint32_t i = 0; i < l->n_ports; i++)
		doctor_port(&l->report, &l->port[i]);
	doctor_appliance(&l->report, &l->appliance);
	if (call->json)
		print_json(&l->report);
	else
		print(&l->report);
	for (uint32_t i = 0; i < l->report.n; i++)
		if (l->report.finding[i].level == DOCTOR_MISSING)
			code = CLI_NO;
	free(l);
	return code;
}

const struct cli_command command_doctor = {
        .name = "doctor",
        .what = "what this machine lacks, what makes it slow, and how to mend it",
        .about = "Looks at this machine, at the interfaces that a configuration names, and at the appliance "
                 "if one runs, and says of each thing whether it is fine, and if not what to do. It reads "
                 "only, and sends nothing.",
        .options = {[CONFIG] = {.name = "config",
                            .takes = {"FILE", CLI_FILE},
                            .meaning = "look at the interfaces that it names too, and whether there is room "
                                       "for what it wants"},
                [STATE] = {.name = "state-dir",
                        .takes = {"DIR", CLI_FOLDER},
                        .meaning = "as sluice up is given it (" STATE_DIR ")"}},
        .terms = {{"ok", "it is fine"}, {"slow", "it works; it could be faster, or lose less"},
                {"missing", "without it there is no appliance, or one that does not do its work"}},
        .examples = {{"sluice doctor --config deploy/examples/live.yaml", "before it is started"},
                {"sluice doctor", "of this machine, and of what runs"},
                {"sluice doctor --json | jq -r '.findings[] | select(.level != \"ok\").mend'",
                        "all that helps"}},
        .exits = {"nothing is missing", "something is"},
        .json = "{\"findings\": [{\"level\", \"about\", \"what\", \"mend\"}]}",
        .asks = true,
        .run = run,
};
