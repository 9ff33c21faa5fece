/* hold: each buffer is counted at rest: ingest takes nothing from its ports until what was under way has come
 * through and every worker has told what it holds. */
#include "services/control/show/account.h"

#include <stdlib.h>

static void release(struct control *c)
{
	uv_timer_stop(&c->hold_timer);
	c->hold.call = NULL;
	__atomic_store_n(&appliance_control(c->appliance)->hold, 0, __ATOMIC_RELEASE);
	control_wake_all(c);
}

/* Asks every worker anew. */
static void ask(struct control *c)
{
	struct control_block *block = appliance_control(c->appliance);

	__atomic_store_n(&block->census, block->census + 1, __ATOMIC_RELEASE);
	control_wake_all(c);
}

static void fill(Sluice__BuffersReply *reply, Sluice__Holder *holder, Sluice__Holder **list,
        const struct account_buffers *b)
{
	sluice__buffers_reply__init(reply);
	reply->free = b->free;
	reply->spare = b->spare;
	reply->ring = b->ring;
	reply->lost = b->lost;
	reply->twice = b->twice;
	reply->first_lost = b->first_lost;
	reply->first_twice = b->first_twice;
	reply->held = list;
	reply->n_held = STAGE_COUNT;
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		sluice__holder__init(&holder[s]);
		holder[s].name = (char *)control_stage_name((enum stage_id)s);
		holder[s].buffers = b->held_by[s];
		list[s] = &holder[s];
	}
}

/* Traffic goes on before the answer is on its way. */
static void answer(struct control *c, const struct account_buffers *b, bool consistent)
{
	struct rpc_call *call = c->hold.call;

	Sluice__Holder holder[STAGE_COUNT], *list[STAGE_COUNT];
	struct account_message *m = calloc(1, sizeof *m);
	struct account *account = calloc(1, sizeof *account);
	Sluice__BuffersReply reply;

	fill(&reply, holder, list, b);
	reply.total = c->appliance->plan.params.buffers;
	reply.consistent = consistent;
	if (m && account) {
		int err = account_snapshot(account, c->appliance, 10);

		account_fill(m, c, account, err == 0);
		reply.account = &m->reply;
	}
	release(c);
	rpc_reply(call, &reply.base);
	free(account);
	free(m);
}

static void tick(uv_timer_t *timer)
{
	struct control *c = timer->data;
	bool late = uv_now(c->loop) >= c->hold.deadline;
	struct account_buffers buffers;
	int err;

	if (!account_census_done(c->appliance) && !late)
		return;
	err = account_census(&buffers, c->appliance);
	if (err == -EAGAIN && !late) {
		ask(c);
		return;
	}
	answer(c, &buffers, err == 0);
}

static void gone(void *context, struct rpc_call *call)
{
	(void)call;
	release(context);
}

void control_buffers(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	struct control *c = context;

	(void)request;
	if (c->hold.call) {
		rpc_fail(call, RPC_ABORTED, "buffers are being counted for somebody else; try again");
		return;
	}
	rpc_on_cancel(call, gone, c);
	c->hold.call = call;
	uv_update_time(c->loop);
	c->hold.deadline = uv_now(c->loop) + HOLD_MAX_MS;
	__atomic_store_n(&appliance_control(c->appliance)->hold, 1, __ATOMIC_RELEASE);
	ask(c);
	uv_timer_start(&c->hold_timer, tick, HOLD_TICK_MS, HOLD_TICK_MS);
}

void hold_end(struct control *c)
{
	if (c->hold.call)
		release(c);
}
