/* confirm: a configuration that is rolled back unless somebody says that it may stay; and rollback at will.
 */
#include "services/control/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define AGAIN_BUSY_MS 100u
#define AGAIN_FULL_MS 1000u /* while it cannot be written down */

static void expired(uv_timer_t *timer)
{
	/* What a predecessor had in force is published anew, say: one after the other. */
	if (apply_busy(timer->data))
		uv_timer_start(timer, expired, AGAIN_BUSY_MS, 0);
	else
		confirm_roll_back(timer->data, ENTRY_UNCONFIRMED, NULL);
}

void confirm_wait(struct control *c, uint64_t ms)
{
	uv_update_time(c->loop);
	uv_timer_start(&c->confirm_timer, expired, ms, 0);
}

uint64_t confirm_left_ms(const struct control *c)
{
	return c->state.history.waits ? uv_timer_get_due_in(&c->confirm_timer) : 0;
}

/* What was in force before a change; 0: nothing that is known. */
static uint32_t base_of(const struct control *c, uint32_t number)
{
	const struct change *change = history_find(&c->state.history, number);

	return change ? change->r.base : 0;
}

/* Where its time is over and it cannot be written down, it is done all the same, and written down when that
 * can be. */
void confirm_roll_back(struct control *c, enum entry_event event, struct rpc_call *call)
{
	uint32_t number = c->state.history.waits, back;
	struct rpc_who who = call ? rpc_caller(call) : (struct rpc_who){.uid = -1};
	struct entry r = {.number = number, .event = (uint8_t)event, .uid = who.uid, .pid = who.pid};
	struct config *before = c->before;
	char why[CONTROL_WHY_BYTES] = "";
	int err;

	memcpy(r.key, who.key, sizeof r.key);
	err = state_note(&c->state, &r);
	if (err && call) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "the rollback cannot be written down: %s",
		        strerror(-err));
		return;
	}
	uv_timer_stop(&c->confirm_timer);
	if (err) {
		snprintf(c->problem, sizeof c->problem,
		        "that nobody confirmed configuration %u cannot be written down: %s", number,
		        strerror(-err));
		uv_timer_start(&c->confirm_timer, expired, AGAIN_FULL_MS, 0);
		if (!before)
			return;
	} else {
		c->problem[0] = 0;
	}
	back = err ? base_of(c, number) : c->state.history.in_force;
	c->before = NULL;
	if (!before)
		before = change_load(c, back, why);
	if (!before && call)
		rpc_fail(call, RPC_FAILED_PRECONDITION, "%s", why);
	if (before)
		apply_restore(c, back, before, call);
	else
		memcpy(c->problem, why, sizeof why);
}

void control_confirm(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	Sluice__ConfirmReply reply = SLUICE__CONFIRM_REPLY__INIT;
	struct control *c = context;
	struct rpc_who who = rpc_caller(call);
	struct entry r = {
	        .number = c->state.history.waits, .event = ENTRY_CONFIRMED, .uid = who.uid, .pid = who.pid};
	int err;

	(void)request;
	memcpy(r.key, who.key, sizeof r.key);
	if (!r.number) {
		rpc_fail(call, RPC_FAILED_PRECONDITION,
		        "no configuration waits to be confirmed; `sluice config history` tells what became "
		        "of each");
		return;
	}
	err = state_note(&c->state, &r);
	if (err) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "it cannot be written down: %s", strerror(-err));
		return;
	}
	uv_timer_stop(&c->confirm_timer);
	config_free(c->before);
	c->before = NULL;
	reply.number = r.number;
	rpc_reply(call, &reply.base);
}

/* The text of an earlier change, as a new one. */
static void want_again(
        struct control *c, struct rpc_call *call, uint32_t number, const Sluice__RollbackRequest *r)
{
	const struct change *change = history_find(&c->state.history, number);
	struct change_wanted wanted = {
	        .call = call,
	        .act = ENTRY_ROLLBACK,
	        .of = number,
	        .deadline_ms = r->deadline_ms,
	        .confirm_s = r->confirm_s,
	};
	char *text;
	int err = change ? state_text(&c->state, number, &text, &wanted.len) : -ENOENT;

	if (err) {
		rpc_fail(call, err == -ENOENT ? RPC_NOT_FOUND : RPC_INTERNAL,
		        "there is no text of configuration %u: `sluice config history` lists what there is; "
		        "the newest %u are kept, and none that was refused",
		        number, STATE_TEXTS);
		return;
	}
	wanted.file = change->r.file;
	wanted.text = text;
	change_want(c, &wanted);
	free(text);
}

void control_rollback(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__RollbackRequest *r = (const void *)request;
	struct control *c = context;
	const struct history *h = &c->state.history;
	uint32_t base = base_of(c, h->in_force), number = r->number ? r->number : base;

	if (r->confirm_s > CONFIRM_MAX_S)
		rpc_fail(call, RPC_INVALID_ARGUMENT, "it is to be confirmed within a day (%u s), not %u s",
		        CONFIRM_MAX_S, r->confirm_s);
	else if (apply_busy(c))
		rpc_fail(call, RPC_ABORTED, "another configuration is being applied; try again");
	else if (!number)
		rpc_fail(call, RPC_FAILED_PRECONDITION,
		        "nothing was in force before: this is the first configuration that is known");
	else if (h->waits && number == base)
		confirm_roll_back(c, ENTRY_ROLLED_BACK, call);
	else
		want_again(c, call, number, r);
}
