/* status: how the processes are, and what they cost. */
#include "services/control/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define PROCESSORS_MAX 256u

struct status_message {
	Sluice__StatusReply reply;
	Sluice__Rpc rpc;
	Sluice__Change in_force;
	Sluice__Role role[ROLE_COUNT], *role_list[ROLE_COUNT];
	Sluice__Usage usage[ROLE_COUNT];
	Sluice__Processor processor[PROCESSORS_MAX], *processor_list[PROCESSORS_MAX];
	Sluice__Lane lane[STAGE_COUNT][LANES_MAX], *lane_list[STAGE_COUNT][LANES_MAX];
};

static void fill_lane(Sluice__Lane *to, const struct appliance *a, uint32_t worker)
{
	const struct worker_status *s = appliance_status(a, worker);
	struct record record = {0};

	/* Of a stage that writes nonsense without end: shown as it could be read. */
	(void)!journal_read(appliance_journal(a, worker), &record);
	sluice__lane__init(to);
	to->lane = a->plan.worker[worker].lane;
	to->adopted = __atomic_load_n(&s->adopted, __ATOMIC_RELAXED);
	to->confirmed_rx = __atomic_load_n(&s->confirmed[LEG_RX], __ATOMIC_RELAXED);
	to->confirmed_tx = __atomic_load_n(&s->confirmed[LEG_TX], __ATOMIC_RELAXED);
	to->idle = __atomic_load_n(&s->idle, __ATOMIC_RELAXED) & 1;
	to->steps = __atomic_load_n(&s->steps, __ATOMIC_RELAXED);
	to->quarantines = __atomic_load_n(&s->quarantines, __ATOMIC_RELAXED);
	to->bad_descriptors = __atomic_load_n(&s->bad_desc, __ATOMIC_RELAXED);
	to->bursts = record.sum[SUM_BURSTS];
	to->crashes = record.sum[SUM_CRASHES];
	to->held_buffers = record.sum[SUM_HELD_BUFFERS];
}

static void fill_role(Sluice__Role *to, const struct control *c, enum role role, nanos_t now)
{
	struct board_role r = {0};

	sluice__role__init(to);
	to->name = (char *)board_role_name(role);
	to->state = (char *)"running";
	if (!control_board(c))
		return;
	board_role_read(&control_board(c)->role[role], &r);
	to->state = (char *)board_role_state_name(r.state);
	to->pid = (uint32_t)r.pid;
	to->starts = r.starts;
	to->faults = r.faults;
	to->last_signal = (uint32_t)r.last_signal;
	to->last_exit = r.last_exit;
	if (r.pid && r.started_at < now)
		to->uptime_ns = now - r.started_at;
	else if (!r.pid && r.died_at && r.died_at < now)
		to->down_ns = now - r.died_at;
}

static void fill_usage(Sluice__Usage *to, const struct control *c, enum role role)
{
	struct board_usage u = {0};

	sluice__usage__init(to);
	if (!control_board(c))
		return;
	board_usage_read(&control_board(c)->usage[role], &u);
	to->at_ns = u.at;
	to->cpu_ns = u.cpu_ns;
	to->waited_ns = u.waited_ns;
	to->switches = u.switches;
	to->rss_bytes = u.rss_bytes;
	to->pss_bytes = u.pss_bytes;
	to->threads = u.threads;
}

static void fill_roles(struct status_message *m, const struct control *c)
{
	const struct appliance *a = c->appliance;

	for (uint32_t r = 0; r < ROLE_COUNT; r++) {
		fill_role(&m->role[r], c, (enum role)r, uv_hrtime());
		m->role_list[r] = &m->role[r];
		fill_usage(&m->usage[r], c, (enum role)r);
		m->role[r].usage = &m->usage[r];
		if (r >= STAGE_COUNT)
			continue;
		m->role[r].lanes = m->lane_list[r];
		m->role[r].n_lanes = a->plan.params.lanes;
		for (uint32_t l = 0; l < a->plan.params.lanes; l++) {
			fill_lane(&m->lane[r][l], a, plan_worker_id(&a->plan, (enum stage_id)r, l));
			m->lane_list[r][l] = &m->lane[r][l];
		}
	}
	m->reply.roles = m->role_list;
	m->reply.n_roles = ROLE_COUNT;
}

/* "cpu0 user nice system idle iowait irq softirq steal ...": all but idle and iowait is busy (proc(5)). */
static void fill_processor(Sluice__Processor *to, const char *line)
{
	char *at = (char *)(uintptr_t)(line + strcspn(line, " "));

	sluice__processor__init(to);
	for (uint32_t i = 0; i < 8; i++) {
		uint64_t ticks = strtoull(at, &at, 10);

		to->all += ticks;
		to->busy += i == 3 || i == 4 ? 0 : ticks;
	}
}

static void fill_processors(struct status_message *m)
{
	FILE *file = fopen("/proc/stat", "re");
	char line[512];
	size_t n = 0;

	while (file && n < PROCESSORS_MAX && fgets(line, sizeof line, file) && !strncmp(line, "cpu", 3)) {
		if (line[3] == ' ')
			continue;
		fill_processor(&m->processor[n], line);
		m->processor_list[n] = &m->processor[n];
		n++;
	}
	if (file)
		(void)fclose(file);
	m->reply.processors = m->processor_list;
	m->reply.n_processors = n;
}

static void fill_rpc(struct status_message *m, const struct control *c)
{
	struct rpc_counts counts;

	rpc_server_counts(c->rpc, &counts);
	sluice__rpc__init(&m->rpc);
	m->rpc.requests = counts.requests;
#define X(name) m->rpc.name = counts.name;
	RPC_REFUSALS(X)
#undef X
	m->rpc.clients = counts.clients;
	m->rpc.calls = counts.calls;
	m->reply.rpc = &m->rpc;
}

static void fill_in_force(struct status_message *m, const struct control *c)
{
	const struct history *h = &c->state.history;
	const struct change *change = history_find(h, h->in_force);

	if (!change)
		return;
	change_message(&m->in_force, change);
	m->reply.in_force = &m->in_force;
	m->reply.since_ms = h->since_ms;
	m->reply.waits = h->waits == h->in_force;
	m->reply.waits_ms = confirm_left_ms(c);
}

void control_status(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	struct status_message *m = calloc(1, sizeof *m);
	struct control *c = context;
	uint32_t number = c->publisher.number;
	const char *later[NEXT_START_KEYS];

	if (!m) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
		return;
	}
	sluice__status_reply__init(&m->reply);
	fill_roles(m, c);
	fill_rpc(m, c);
	fill_in_force(m, c);
	if (((const Sluice__StatusRequest *)request)->processors)
		fill_processors(m);
	m->reply.build = (char *)(uintptr_t)blueprint_build();
	m->reply.epoch = number;
	m->reply.retired = number < 2 || appliance_epoch_retired(c->appliance, number - 1);
	m->reply.lanes = c->appliance->plan.params.lanes;
	m->reply.buffers = c->appliance->plan.params.buffers;
	m->reply.config = c->config_path;
	m->reply.uptime_ns = uv_hrtime() - c->started;
	m->reply.problem = *c->problem ? c->problem : *c->deaf ? c->deaf : c->mute;
	m->reply.n_next_start = change_next_start(c, c->config, c->metrics_wait, later);
	m->reply.next_start = (char **)later;
	rpc_reply(call, &m->reply.base);
	free(m);
}
