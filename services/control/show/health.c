/* health: whether the processes serve: each runs, and packets in it see the configuration in force. */
#include "services/control/internal.h"

#include "proto/health.pb-c.h"

#define TICK_MS 100u

struct health_message {
	Sluice__HealthReply reply;
	Sluice__ProcessHealth process[ROLE_COUNT], *list[ROLE_COUNT];
};

static bool taken_up(const struct control *c, enum role role)
{
	const struct appliance *a = c->appliance;

	for (uint32_t l = 0; (uint32_t)role < STAGE_COUNT && l < a->plan.params.lanes; l++) {
		uint32_t worker = plan_worker_id(&a->plan, (enum stage_id)role, l);
		uint32_t adopted = __atomic_load_n(&appliance_status(a, worker)->adopted, __ATOMIC_ACQUIRE);

		/* While one is being put in force the one before it is as good. */
		if (!adopted || (adopted != c->publisher.number && !c->apply.config))
			return false;
	}
	return true;
}

/* NULL: it serves. */
static const char *why_not(const struct control *c, enum role role)
{
	struct board_role r = {.state = BOARD_ROLE_RUNNING};

	if (control_board(c))
		board_role_read(&control_board(c)->role[role], &r);
	if (r.state != BOARD_ROLE_RUNNING)
		return board_role_state_name(r.state);
	if (!c->publisher.number)
		return "no configuration is in force";
	return taken_up(c, role) ? NULL : "it has not taken up the configuration in force";
}

/* A bit for each process that serves. */
static uint32_t serving(const struct control *c)
{
	uint32_t bits = 0;

	for (uint32_t r = 0; r < ROLE_COUNT; r++)
		bits |= why_not(c, (enum role)r) ? 0 : 1u << r;
	return bits;
}

/* Of one process, or ROLE_COUNT: of all. */
static void fill(struct health_message *m, const struct control *c, uint32_t role)
{
	static char good[] = "SERVING", bad[] = "NOT_SERVING";

	sluice__health_reply__init(&m->reply);
	m->reply.status = good;
	m->reply.processes = m->list;
	for (uint32_t r = 0; r < ROLE_COUNT; r++) {
		Sluice__ProcessHealth *p = &m->process[m->reply.n_processes];
		const char *why = why_not(c, (enum role)r);

		if (role != ROLE_COUNT && role != r)
			continue;
		sluice__process_health__init(p);
		p->name = (char *)board_role_name((enum role)r);
		p->status = why ? bad : good;
		p->why = (char *)(why ? why : "");
		m->reply.status = why ? bad : m->reply.status;
		m->list[m->reply.n_processes++] = p;
	}
}

/* The process that is asked for; ROLE_COUNT: all.  false: there is none of that name, and the call has ended.
 */
static bool find_role(struct rpc_call *call, const ProtobufCMessage *request, uint32_t *role)
{
	const char *name = ((const Sluice__HealthRequest *)(const void *)request)->process;

	for (*role = 0; *role < ROLE_COUNT && *name; ++*role)
		if (!strcmp(board_role_name((enum role) * role), name))
			return true;
	*role = ROLE_COUNT;
	if (!*name)
		return true;
	rpc_fail(call, RPC_NOT_FOUND, "there is no process %.64s; `sluice health` lists them", name);
	return false;
}

void control_health_check(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	struct health_message m;
	uint32_t role;

	if (!find_role(call, request, &role))
		return;
	fill(&m, context, role);
	rpc_reply(call, &m.reply.base);
}

/* ---- watching ---- */

static void tell(struct control *c, struct health_watch *w, uint32_t bits)
{
	struct health_message m;

	fill(&m, c, w->role);
	/* What a slow client does not take is told it later. */
	if (rpc_send(w->call, &m.reply.base))
		w->told = bits;
}

static void tick(uv_timer_t *timer)
{
	struct control *c = timer->data;
	uint32_t now = serving(c), n = 0;

	for (uint32_t i = 0; i < RPC_STREAMS_MAX; i++) {
		struct health_watch *w = &c->health[i];
		uint32_t bits = w->role == ROLE_COUNT ? now : now & 1u << w->role;

		if (!w->call)
			continue;
		n++;
		if (bits != w->told)
			tell(c, w, bits);
	}
	if (!n)
		uv_timer_stop(timer);
}

static void gone(void *context, struct rpc_call *call)
{
	struct control *c = context;

	for (uint32_t i = 0; i < RPC_STREAMS_MAX; i++)
		if (c->health[i].call == call)
			c->health[i].call = NULL;
}

void control_health_watch(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	struct control *c = context;
	struct health_watch *w = c->health;
	uint32_t role;

	if (!find_role(call, request, &role))
		return;
	while (w->call) /* there is one for each stream that can be */
		w++;
	*w = (struct health_watch){.call = call, .role = role, .told = UINT32_MAX};
	rpc_on_cancel(call, gone, c);
	uv_timer_start(&c->health_timer, tick, 0, TICK_MS);
}
