/* past: what was in force when, who changed it, and what became of that. */
#include "services/control/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECE_BYTES (UINT32_C(64) << 10) /* of a text in one answer */
#define CHANGES_MAX 100u                 /* in one answer */

static void answer_text(struct rpc_call *call, const Sluice__ConfigTextRequest *r,
        const struct change *change, char *text, size_t len)
{
	Sluice__ConfigTextReply reply = SLUICE__CONFIG_TEXT_REPLY__INIT;

	if (r->offset > len) {
		rpc_fail(call, RPC_OUT_OF_RANGE, "the text has %zu bytes", len);
		return;
	}
	reply.number = change->r.number;
	reply.epoch = change->r.epoch;
	reply.file = (char *)change->r.file;
	reply.total = len;
	reply.text.data = (uint8_t *)text + r->offset;
	reply.text.len = MIN(len - (size_t)r->offset, (size_t)PIECE_BYTES);
	rpc_reply(call, &reply.base);
}

void control_config_text(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__ConfigTextRequest *r = (const void *)request;
	const struct control *c = context;
	const struct history *h = &c->state.history;
	uint32_t number = r->number ? r->number : h->in_force;
	const struct change *change = history_find(h, number);
	char *text = NULL;
	size_t len;

	if (!number)
		rpc_fail(call, RPC_NOT_FOUND, "it is not known what is in force: apply a configuration");
	else if (!change)
		rpc_fail(call, RPC_NOT_FOUND,
		        "there is no configuration %u; `sluice config history` lists them", number);
	else if (!history_has_text(change))
		rpc_fail(call, RPC_NOT_FOUND, "configuration %u was refused: its text was not kept", number);
	else if (state_text(&c->state, number, &text, &len))
		rpc_fail(call, RPC_NOT_FOUND,
		        "the text of configuration %u is not kept any more: the newest %u are", number,
		        STATE_TEXTS);
	else
		answer_text(call, r, change, text, len);
	free(text);
}

void change_message(Sluice__Change *to, const struct change *c)
{
	const struct entry *r = &c->r;

	sluice__change__init(to);
	to->number = r->number;
	to->time_ms = r->at_ms;
	to->act = (char *)entry_act_word((enum entry_act)r->act);
	to->uid = r->uid;
	to->pid = r->pid;
	to->key = (char *)r->key;
	to->from = (char *)r->from;
	to->file = (char *)r->file;
	to->follows = r->base;
	to->of = r->of;
	to->epoch = r->epoch;
	to->outcome = (char *)entry_event_word((enum entry_event)r->event);
	to->change = (char *)r->change;
	to->why = (char *)r->why;
	to->took_us = r->took_us;
	to->confirm_s = r->confirm_s;
}

void control_config_history(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__ConfigHistoryRequest *r = (const void *)request;
	const struct control *c = context;
	const struct history *h = &c->state.history;
	uint32_t most = r->most ? MIN(r->most, CHANGES_MAX) : CHANGES_MAX;
	Sluice__ConfigHistoryReply reply = SLUICE__CONFIG_HISTORY_REPLY__INIT;
	Sluice__Change change[CHANGES_MAX], *list[CHANGES_MAX];

	for (uint32_t i = h->n; i-- > 0 && reply.n_changes < most;) {
		if (r->before && h->list[i].r.number >= r->before)
			continue;
		list[reply.n_changes] = &change[reply.n_changes];
		change_message(list[reply.n_changes++], &h->list[i]);
	}
	reply.changes = list;
	reply.in_force = h->in_force;
	reply.waits = h->waits;
	reply.waits_ms = confirm_left_ms(c);
	rpc_reply(call, &reply.base);
}
