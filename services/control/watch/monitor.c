/* monitor: a stream of events for each client that wants one.
 *
 * While there is such a client the appliance is looked at each LOOK_MS and compared with the look before
 * (events.h): the board, the ports, lane 0's neighbors, the counts of calls.  All of these are read in shared
 * memory, so that no stage does anything for it or waits.  Changes of the configuration are told of as they
 * are noted. */
#include "services/control/internal.h"

#include "common/wire/text.h"
#include "proto/monitor.pb-c.h"
#include "services/control/routes/dynamic.h"
#include "services/control/watch/events.h"
#include "services/router/router.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS      100u
#define STREAMS_MAX  8u
#define PIECE_EVENTS 64u

struct stream {
	struct rpc_call *call; /* NULL: free */
	uint32_t kinds;        /* a bit a kind */
	uint64_t missed;       /* events */
	bool told;             /* of all that it missed */
};

struct look {
	struct board_role role[ROLE_COUNT];
	struct event_port port[EPOCH_PHYS_MAX];
	struct event_clients clients;
	struct event_neighbor *neighbor; /* n_neighbors of the monitor, by slot */
};

struct monitor {
	struct control *control;
	uv_timer_t timer;
	struct stream stream[STREAMS_MAX];
	uint32_t n_neighbors;
	struct look look[2], *was, *is;
	/* The piece under way. */
	struct event event[PIECE_EVENTS];
	uint32_t n;
};

/* ---- looking ---- */

/* What cannot be read now is told of at the next look. */
static void look_at_roles(struct look *to, const struct look *was, const struct control *c)
{
	const struct board *board = control_board(c);

	for (uint32_t r = 0; r < ROLE_COUNT && board; r++)
		if (!board_role_read(&board->role[r], &to->role[r]))
			to->role[r] = was->role[r];
}

static void look_at_port(struct event_port *to, const struct control *c, const struct epoch_port *p)
{
	struct port_view v;

	port_view(&v, c, p);
	memcpy(to->name, p->name, sizeof to->name);
	to->state = v.state;
	to->carrier = v.carrier;
	to->incarnation = v.board.incarnation;
	snprintf(to->how, sizeof to->how, "%s%s%s", port_driver_name(p->driver),
	        *v.board.mode_name ? " " : "", v.board.mode_name);
	snprintf(to->reason, sizeof to->reason, "%s", v.reason);
}

static void look_at_neighbor(
        struct event_neighbor *to, const struct control *c, const struct epoch *epoch, uint32_t slot)
{
	const void *state = control_state(c, STAGE_ROUTER, 0);
	struct router_neighbor n;
	const struct epoch_port *port = NULL;

	*to = (struct event_neighbor){0};
	if (epoch && router_neighbor_read(state, &c->appliance->plan.params, slot, &n))
		port = epoch_port(epoch, n.port);
	if (!port)
		return;
	control_address_text(to->address, &n.addr);
	memcpy(to->port, port->name, sizeof to->port);
	to->mac = n.mac;
	to->resolved = n.resolved;
	to->failed = strcmp(n.state, "failed") == 0;
}

/* The router says how many places it has once it has begun. */
static void make_room(struct monitor *m)
{
	const struct control *c = m->control;
	uint32_t n = m->n_neighbors ? 0
	                            : router_neighbor_slots(
	                                      control_state(c, STAGE_ROUTER, 0), &c->appliance->plan.params);

	if (!n)
		return;
	m->was->neighbor = calloc(n, sizeof m->was->neighbor[0]);
	m->is->neighbor = calloc(n, sizeof m->is->neighbor[0]);
	if (m->was->neighbor && m->is->neighbor) {
		m->n_neighbors = n;
		return;
	}
	free(m->was->neighbor);
	free(m->is->neighbor);
	m->was->neighbor = m->is->neighbor = NULL;
}

static void look(struct monitor *m)
{
	const struct control *c = m->control;
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	struct rpc_counts counts;
	struct look *to = m->was;

	m->was = m->is;
	m->is = to;
	make_room(m);
	look_at_roles(to, m->was, c);
	for (uint32_t p = 0; p < EPOCH_PHYS_MAX; p++) {
		to->port[p] = (struct event_port){.state = ""};
		if (epoch && p < epoch->n_ports && epoch->ports[p].kind == EPOCH_PORT_PHYSICAL)
			look_at_port(&to->port[p], c, &epoch->ports[p]);
	}
	for (uint32_t i = 0; i < m->n_neighbors; i++)
		look_at_neighbor(&to->neighbor[i], c, epoch, i);
	rpc_server_counts(c->rpc, &counts);
	to->clients = (struct event_clients){counts.refused, counts.malformed};
}

/* ---- telling ---- */

static uint64_t wanted(
        const struct monitor *m, const struct stream *s, Sluice__Event *messages, Sluice__Event **list)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < m->n; i++)
		if (s->kinds & 1u << m->event[i].kind)
			list[n++] = &messages[i];
	return n;
}

static void send_to(struct monitor *m, struct stream *s, Sluice__Event *messages, int64_t wall)
{
	Sluice__Event *list[PIECE_EVENTS];
	Sluice__EventsPiece piece = SLUICE__EVENTS_PIECE__INIT;

	piece.events = list;
	piece.n_events = wanted(m, s, messages, list);
	piece.missed = s->missed;
	piece.time_ns = uv_hrtime() + (uint64_t)wall;
	if (!piece.n_events && s->told)
		return;
	s->told = rpc_send(s->call, &piece.base);
	if (!s->told)
		s->missed += piece.n_events;
}

static void fill(Sluice__Event *to, const struct event *e, int64_t wall, nanos_t now)
{
	sluice__event__init(to);
	to->time_ns = (e->at ? e->at : now) + (uint64_t)wall;
	to->kind = (char *)event_kind_name(e->kind);
	to->name = (char *)e->name;
	to->what = (char *)e->what;
	to->text = (char *)e->text;
	to->port = (char *)e->port;
	to->mac = (char *)e->mac;
	to->pid = e->pid;
}

static void flush(struct monitor *m)
{
	Sluice__Event messages[PIECE_EVENTS];
	int64_t wall = control_wall_offset();

	for (uint32_t i = 0; i < m->n; i++)
		fill(&messages[i], &m->event[i], wall, uv_hrtime());
	for (uint32_t s = 0; s < STREAMS_MAX; s++)
		if (m->stream[s].call)
			send_to(m, &m->stream[s], messages, wall);
	m->n = 0;
}

static void take(void *context, const struct event *event)
{
	struct monitor *m = context;

	if (m->n == PIECE_EVENTS)
		flush(m);
	m->event[m->n++] = *event;
}

static void compare(struct monitor *m)
{
	const struct event_sink sink = {take, m};
	const struct look *was = m->was, *is = m->is;

	for (uint32_t r = 0; r < ROLE_COUNT; r++)
		events_role(&sink, board_role_name((enum role)r), &was->role[r], &is->role[r]);
	for (uint32_t p = 0; p < EPOCH_PHYS_MAX; p++)
		events_port(&sink, &was->port[p], &is->port[p]);
	for (uint32_t i = 0; i < m->n_neighbors; i++)
		events_neighbor(&sink, &was->neighbor[i], &is->neighbor[i]);
	events_clients(&sink, &was->clients, &is->clients);
}

static void tick(uv_timer_t *timer)
{
	struct monitor *m = timer->data;

	look(m);
	compare(m);
	flush(m);
}

static void noted(void *context, const struct entry *entry)
{
	struct monitor *m = context;

	if (uv_is_active((const uv_handle_t *)&m->timer))
		events_entry(&(struct event_sink){take, m}, entry);
}

void monitor_route(void *context, const struct rib_change *change)
{
	const struct control *c = context;
	const struct fib_group_spec *group = change->group;
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	const struct epoch_port *port = group && epoch ? epoch_port(epoch, group->hops[0].port) : NULL;
	struct event_route r = {
	        .what = change->what, .metric = change->metric, .ways = group ? group->n_hops : 0};

	if (!c->monitor || !uv_is_active((const uv_handle_t *)&c->monitor->timer))
		return;
	route_prefix_text(r.to, &change->to);
	route_protocol_text(r.protocol, change->protocol);
	if (group && !ip6_is_unspecified(&group->hops[0].gateway))
		control_address_text(r.gateway, &group->hops[0].gateway);
	if (port)
		memcpy(r.port, port->name, sizeof r.port);
	events_route(&(struct event_sink){take, c->monitor}, &r);
}

/* ---- clients ---- */

static void gone(void *context, struct rpc_call *call)
{
	struct monitor *m = context;
	bool any = false;

	for (uint32_t s = 0; s < STREAMS_MAX; s++) {
		if (m->stream[s].call == call)
			m->stream[s].call = NULL;
		any |= m->stream[s].call != NULL;
	}
	if (!any)
		uv_timer_stop(&m->timer);
}

/* Fails the call where a kind is none. */
static bool parse(struct rpc_call *call, const Sluice__EventsRequest *r, uint32_t *kinds)
{
	*kinds = r->n_kinds ? 0 : (1u << EVENT_KINDS_N) - 1;
	for (size_t i = 0; i < r->n_kinds; i++) {
		enum event_kind kind = event_kind_of(r->kinds[i]);

		if (kind == EVENT_KINDS_N) {
			rpc_fail(call, RPC_INVALID_ARGUMENT,
			        "there are no events of '%.40s': port, process, config, neighbor, route and "
			        "client are what can be watched",
			        r->kinds[i]);
			return false;
		}
		*kinds |= 1u << kind;
	}
	return true;
}

/* With the first client: what is there already is no event. */
static void begin(struct monitor *m)
{
	if (uv_is_active((const uv_handle_t *)&m->timer))
		return;
	m->n = 0;
	look(m);
	uv_timer_start(&m->timer, tick, LOOK_MS, LOOK_MS);
}

void control_events(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	struct monitor *m = ((struct control *)context)->monitor;
	struct stream *free_one = NULL;
	uint32_t kinds;

	if (!parse(call, (const void *)request, &kinds))
		return;
	for (uint32_t s = 0; s < STREAMS_MAX && !free_one; s++)
		if (!m->stream[s].call)
			free_one = &m->stream[s];
	if (!free_one) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "%u clients watch already: end one of them",
		        STREAMS_MAX);
		return;
	}
	begin(m);
	/* What has happened so far is for those who were there. */
	flush(m);
	*free_one = (struct stream){.call = call, .kinds = kinds};
	rpc_on_cancel(call, gone, m);
	send_to(m, free_one, NULL, control_wall_offset());
}

int monitor_open(struct control *c)
{
	struct monitor *m = aligned_alloc(alignof(struct monitor), sizeof *m);

	if (!m)
		return -ENOMEM;
	memset(m, 0, sizeof *m);
	m->control = c;
	m->was = &m->look[0];
	m->is = &m->look[1];
	for (uint32_t p = 0; p < EPOCH_PHYS_MAX; p++)
		m->is->port[p].state = "";
	uv_timer_init(c->loop, &m->timer);
	m->timer.data = m;
	c->state.noted = noted;
	c->state.context = m;
	c->monitor = m;
	return 0;
}

static void closed(uv_handle_t *handle)
{
	struct monitor *m = handle->data;

	free(m->was->neighbor);
	free(m->is->neighbor);
	free(m);
}

void monitor_close(struct control *c)
{
	c->state.noted = NULL;
	if (c->monitor)
		uv_close((uv_handle_t *)&c->monitor->timer, closed);
	c->monitor = NULL;
}
