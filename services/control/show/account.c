/* account: what became of the packets, as a message. */
#include "services/control/internal.h"

#include "services/control/show/account.h"

#include <stdlib.h>

#define TRIES 1000u

static void fill_reasons(struct account_message *m, uint32_t t, const struct account_terms *from)
{
	Sluice__Terms *to = &m->terms[t];

	to->reasons = m->reason_list[t];
	for (uint32_t d = 1; d < DROP_REASON_COUNT; d++) {
		Sluice__Reason *r = &m->reason[t][to->n_reasons];

		if (!from->by_reason[d])
			continue;
		sluice__reason__init(r);
		r->label = (char *)drop_reason_label((enum drop_reason)d);
		r->text = (char *)drop_reason_text((enum drop_reason)d);
		r->packets = from->by_reason[d];
		m->reason_list[t][to->n_reasons++] = r;
	}
}

static void fill_terms(
        struct account_message *m, uint32_t t, const char *name, const struct account_terms *from)
{
	Sluice__Terms *to = &m->terms[t];

	sluice__terms__init(to);
	to->name = (char *)name;
	to->in = from->in;
	to->out = from->out;
	to->received = from->received;
	to->sent = from->sent;
	to->generated = from->generated;
	to->cloned = from->cloned;
	to->split = from->split;
	to->delivered = from->delivered;
	to->merged = from->merged;
	to->dropped = from->dropped;
	to->held = from->held;
	to->held_buffers = from->held_buffers;
	to->bursts = from->bursts;
	to->crashes = from->crashes;
	to->queued = from->queued;
	to->ring_slots = from->ring_slots;
	to->balance = from->balance;
	fill_reasons(m, t, from);
}

static void fill_ports(struct account_message *m, const struct control *c, const struct account *account)
{
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	Sluice__AccountReply *reply = &m->reply;

	reply->ports = m->port_list;
	for (uint32_t p = 0; epoch && p < EPOCH_PHYS_MAX && p < epoch->n_ports; p++) {
		Sluice__PortTerms *port = &m->port[reply->n_ports];

		if (epoch->ports[p].kind != EPOCH_PORT_PHYSICAL)
			continue;
		sluice__port_terms__init(port);
		port->name = (char *)epoch->ports[p].name;
		port->received = account->port_in[p];
		port->sent = account->port_out[p];
		m->port_list[reply->n_ports++] = port;
	}
}

void account_fill(
        struct account_message *m, const struct control *c, const struct account *account, bool consistent)
{
	Sluice__AccountReply *reply = &m->reply;
	bool balanced = account->appliance.balance == 0 && account->rings_off == 0;

	sluice__account_reply__init(reply);
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		fill_terms(m, s, control_stage_name((enum stage_id)s), &account->stage[s]);
		m->stage_list[s] = &m->terms[s];
		balanced &= account->stage[s].balance == 0;
	}
	fill_terms(m, STAGE_COUNT, "appliance", &account->appliance);
	reply->appliance = &m->terms[STAGE_COUNT];
	reply->stages = m->stage_list;
	reply->n_stages = STAGE_COUNT;
	reply->in_rings = account->in_rings;
	reply->rings_off = account->rings_off;
	reply->balanced = balanced;
	reply->consistent = consistent;
	fill_ports(m, c, account);
}

void control_account(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	struct account_message *m = calloc(1, sizeof *m);
	struct account *account = calloc(1, sizeof *account);
	const struct control *c = context;
	int err = m && account ? account_snapshot(account, c->appliance, TRIES) : -ENOMEM;

	(void)request;
	if (err == -ENOMEM) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the account");
	} else {
		account_fill(m, c, account, err == 0);
		rpc_reply(call, &m->reply.base);
	}
	free(account);
	free(m);
}
