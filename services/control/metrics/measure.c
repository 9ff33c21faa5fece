/* measure: the values of the registry, read from where they are counted. */
#include "services/control/routes/dynamic.h"
#include "services/control/internal.h"
#include "services/control/metrics/web.h"

#include <stdio.h>
#include <stdlib.h>

#define TRIES      100u
#define PAGE_BYTES 4096u

static void read_samples(struct worker_samples *to, const struct worker_samples *from)
{
	histogram_merge(&to->burst_packets, &from->burst_packets);
	histogram_merge(&to->burst_time, &from->burst_time);
	histogram_merge(&to->ring_packets, &from->ring_packets);
	histogram_merge(&to->transit_time, &from->transit_time);
}

static void read_workers(struct metrics *m, const struct appliance *a)
{
	for (uint32_t w = 0; w < a->plan.n_workers; w++) {
		const struct worker_status *status = appliance_status(a, w);
		struct metrics_stage *stage = &m->stage[a->plan.worker[w].stage];

		for (uint32_t s = 0; s < STAT_COUNT; s++)
			m->stat[s] += __atomic_load_n(&appliance_stats(a, w)->v[s], __ATOMIC_RELAXED);
		stage->quarantines += __atomic_load_n(&status->quarantines, __ATOMIC_RELAXED);
		stage->bad_descriptors += __atomic_load_n(&status->bad_desc, __ATOMIC_RELAXED);
		read_samples(&stage->samples, appliance_samples(a, w));
		stage->rounds += __atomic_load_n(&status->steps, __ATOMIC_RELAXED);
	}
}

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

/* Only an account of one instant can tell that something is missing: else what the last such one told stays.
 */
static void read_account(struct metrics *m, struct control *c, struct account *account)
{
	if (account_snapshot(account, c->appliance, TRIES) == 0) {
		c->unexplained = magnitude(account->appliance.balance);
		for (uint32_t s = 0; s < STAGE_COUNT; s++)
			c->unexplained += magnitude(account->stage[s].balance);
	}
	m->unexplained = c->unexplained;
	m->in_rings = account->in_rings;
	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		m->stage[s].terms = account->stage[s];
}

static void read_processes(struct metrics *m, const struct control *c)
{
	const struct board *board = control_board(c);
	nanos_t now = uv_hrtime();

	for (uint32_t r = 0; r < ROLE_COUNT; r++) {
		struct metrics_process *to = &m->process[r];
		struct board_usage usage = {0};
		struct board_role role = {0};

		to->up = r >= STAGE_COUNT || control_lives(c, (enum stage_id)r);
		if (!board)
			continue;
		board_role_read(&board->role[r], &role);
		to->starts = role.starts;
		to->faults = role.faults;
		to->stalls = role.stalls;
		if (to->up && role.pid && role.started_at < now)
			to->uptime_ns = now - role.started_at;
		board_usage_read(&board->usage[r], &usage);
		to->cpu_ns = usage.cpu_ns;
		to->waited_ns = usage.waited_ns;
		to->switches = usage.switches;
		to->rss_bytes = usage.rss_bytes;
		to->pss_bytes = usage.pss_bytes;
		to->threads = usage.threads;
	}
}

static void read_lanes(struct metrics *m, const struct appliance *a)
{
	m->n_lanes = a->plan.params.lanes;
	for (uint32_t l = 0; l < m->n_lanes; l++) {
		const struct poll_stats *from = appliance_polls(a, plan_worker_id(&a->plan, STAGE_INGEST, l));
		struct metrics_lane *to = &m->lane[l];

		snprintf(to->name, sizeof to->name, "%u", l);
		to->processed = poll_stats_get(&from->processed);
		to->dropped = poll_stats_get(&from->dropped);
		to->time_squeeze = poll_stats_get(&from->time_squeeze);
		to->received_rps = poll_stats_get(&from->received_rps);
		to->flow_limit = poll_stats_get(&from->flow_limit);
		to->rounds = poll_stats_get(&from->rounds);
	}
}

static void read_port(struct metrics_port *to, const struct port_view *view, const struct account *account)
{
	const struct poll_port *polls = &view->polls;
	const struct board_port *board = &view->board;

	memcpy(to->name, view->port->name, sizeof to->name);
	to->rx_packets = account->port_in[view->id];
	to->tx_packets = account->port_out[view->id];
	to->rx_bytes = polls->rx_bytes;
	to->tx_bytes = polls->tx_bytes;
	to->rx_dropped = polls->rx_missed + board->rx_dropped;
	to->rx_errors = polls->rx_errors + board->rx_errors;
	to->tx_dropped = board->tx_dropped;
	to->tx_errors = polls->tx_errors + board->tx_errors;
	to->up = strcmp(view->state, "up") == 0;
	to->carrier = view->carrier;
	to->speed_bytes = (uint64_t)board->speed_mbps * 1000000 / 8;
	to->mtu = board->mtu ? board->mtu : view->port->mtu;
	to->queues = board->queues ? board->queues : view->port->queues;
	to->changes = board->changes;
	to->polls = polls->polls;
	to->completes = polls->completes;
	to->deferrals = polls->deferrals;
	to->wakeups = polls->wakeups;
	to->kicks = polls->kicks;
	to->in_doubt = polls->in_doubt;
}

static void read_ports(struct metrics *m, const struct control *c, const struct account *account)
{
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	struct port_view view;

	for (uint32_t p = 0; epoch && p < epoch->n_ports && m->n_ports < EPOCH_PHYS_MAX; p++) {
		if (epoch->ports[p].kind != EPOCH_PORT_PHYSICAL)
			continue;
		port_view(&view, c, &epoch->ports[p]);
		read_port(&m->port[m->n_ports++], &view, account);
	}
}

static void read_appliance(struct metrics *m, const struct control *c)
{
	const struct stage_params *params = &c->appliance->plan.params;
	const struct epoch *epoch = publisher_epoch(&c->publisher);

	m->epoch = c->publisher.number;
	m->epoch_retired = c->publisher.number &&
	                   appliance_epoch_retired(c->appliance, c->publisher.number - 1);
	m->lanes = params->lanes;
	m->buffers = params->buffers;
	m->buffer_bytes = params->stride;
	m->sockets = epoch ? epoch->n_sockets : 0;
	m->udp_pages = (m->stage[STAGE_SESSION].terms.held_buffers * params->stride + PAGE_BYTES - 1) /
	               PAGE_BYTES;
	m->control_uptime_ns = uv_hrtime() - c->started;
}

static void read_rpc(struct metrics *m, const struct control *c)
{
	struct rpc_counts counts;

	rpc_server_counts(c->rpc, &counts);
	m->rpc_requests = counts.requests;
#define X(name) m->rpc_##name = counts.name;
	RPC_REFUSALS(X)
#undef X
	m->rpc_calls = counts.calls;
	m->rpc_clients = counts.clients;
}

static void read_web(struct metrics *m, const struct control *c)
{
	struct web_counts counts;

	if (!c->web)
		return;
	web_counts(c->web, &counts);
	m->http_requests = counts.requests;
	m->http_errors = counts.errors;
	m->http_unauthorized = counts.unauthorized;
	m->http_refused = counts.refused;
	m->http_incomplete = counts.incomplete;
	m->http_clients = counts.clients;
}

static void read_routes(struct metrics *m, const struct control *c)
{
	struct follow_state follow = {0};
	struct rib_counts counts;
	struct fpm_state fpm;

	for (uint32_t source = 1; source < RIB_SOURCES; source++) {
		rib_counts(c->dynamic->rib, source, &counts);
		for (uint32_t s = 0; s < RIB_STATES; s++)
			m->routes += counts.state[s];
		m->routes_in_force += counts.state[RIB_IN_FORCE];
		m->routes_held_back += counts.state[RIB_UNRESOLVED];
		m->routes_stale += counts.stale;
		m->route_changes += counts.changes;
		m->routes_refused += counts.refused;
	}
	if (c->dynamic->follow)
		follow_state(c->dynamic->follow, &follow);
	fpm_state(c->dynamic->fpm, &fpm);
	m->route_malformed = follow.malformed + fpm.malformed;
	m->route_syncs = follow.dumps + fpm.connects;
	m->fpm_connected = fpm.connected;
}

struct metrics *measure(struct control *c)
{
	struct account *account = calloc(1, sizeof *account);
	struct metrics *m = calloc(1, sizeof *m);

	if (account && m) {
		read_account(m, c, account);
		read_workers(m, c->appliance);
		read_processes(m, c);
		read_lanes(m, c->appliance);
		read_ports(m, c, account);
		read_appliance(m, c);
		read_routes(m, c);
		read_rpc(m, c);
		read_web(m, c);
	} else {
		free(m);
		m = NULL;
	}
	free(account);
	return m;
}
