/* sources: where dynamic routes come from, and what has become of them. */
#include "proto/tables.pb-c.h"
#include "services/control/routes/dynamic.h"

#include <stdio.h>

struct sources_message {
	Sluice__RouteSourcesReply reply;
	Sluice__RouteSource source[RIB_SOURCES], *list[RIB_SOURCES];
	char name[RIB_SOURCES][32];
	char peer[FPM_PEER_BYTES], problem[128];
};

static uint64_t ago(uint64_t when)
{
	return when ? uv_hrtime() - when : 0;
}

static Sluice__RouteSource *add(struct sources_message *m, const struct rib *rib, uint32_t source)
{
	Sluice__RouteSource *s = &m->source[m->reply.n_sources];
	struct rib_counts counts;

	sluice__route_source__init(s);
	rib_counts(rib, source, &counts);
	s->name = m->name[m->reply.n_sources];
	for (uint32_t state = 0; state < RIB_STATES; state++)
		s->routes += counts.state[state];
	s->in_force = counts.state[RIB_IN_FORCE];
	s->second = counts.state[RIB_SECOND];
	s->held_back = counts.state[RIB_UNRESOLVED];
	s->no_room = counts.state[RIB_NO_ROOM];
	s->stale = counts.stale;
	s->refused = counts.refused;
	s->ignored = counts.ignored;
	s->changes = counts.changes;
	m->list[m->reply.n_sources++] = s;
	return s;
}

static void name_table(char name[32], const char *feed, uint32_t table)
{
	if (table == RT_TABLE_MAIN || table == RT_TABLE_DEFAULT)
		snprintf(name, 32, "%s %s", feed, table == RT_TABLE_MAIN ? "main" : "default");
	else
		snprintf(name, 32, "%s %u", feed, table);
}

static void add_netlink(struct sources_message *m, const struct dynamic *d, uint32_t i, uint32_t table)
{
	struct follow_state state = {.error = -EPERM};
	Sluice__RouteSource *s = add(m, d->rib, RIB_SOURCE(RIB_NETLINK, i));

	name_table(s->name, "netlink", table);
	if (d->follow)
		follow_state(d->follow, &state);
	s->state = (char *)(state.error ? "failed" : state.dumping ? "reading" : "following");
	if (state.error)
		s->problem = strerror(-state.error);
	s->malformed = state.malformed;
	s->syncs = state.dumps;
	s->overruns = state.overruns;
	s->synced_ns = ago(state.dumped_at);
}

static void add_fpm(struct sources_message *m, const struct dynamic *d, uint32_t i, uint32_t table)
{
	Sluice__RouteSource *s = add(m, d->rib, RIB_SOURCE(RIB_FPM, i));
	struct fpm_state state;

	fpm_state(d->fpm, &state);
	name_table(s->name, "fpm", table);
	s->state = (char *)(state.connected ? "connected" : state.listening ? "listening" : "failed");
	if (state.error) {
		snprintf(m->problem, sizeof m->problem, "cannot listen: %s", strerror(-state.error));
		s->problem = m->problem;
	}
	memcpy(m->peer, state.peer, sizeof m->peer);
	s->peer = m->peer;
	s->malformed = state.malformed;
	s->syncs = state.connects;
	s->refused_connections = state.refused;
	s->synced_ns = ago(state.connected_at);
	s->grace_ms = state.grace_left_ms;
}

void control_route_sources(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const struct control *c = context;
	const struct config_dynamic_routes *want = c->config ? &c->config->dynamic_routes : NULL;
	struct sources_message m;

	(void)request;
	memset(&m, 0, sizeof m);
	sluice__route_sources_reply__init(&m.reply);
	m.reply.sources = m.list;
	for (uint32_t i = 0; want && want->netlink.item.node && i < want->netlink.tables.n; i++)
		add_netlink(&m, c->dynamic, i, want->netlink.tables.number[i]);
	for (uint32_t i = 0; want && want->fpm.item.node && i < want->fpm.tables.n; i++)
		add_fpm(&m, c->dynamic, i, want->fpm.tables.number[i]);
	if (want && want->item.node)
		m.reply.limit = want->limit;
	rpc_reply(call, &m.reply.base);
}
