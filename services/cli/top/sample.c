#include "services/cli/top/sample.h"

#include "proto/control.pb-c.h"

#include <stdio.h>
#include <time.h>

#define DEADLINE_MS 2000u

static void take_usage(struct top_process *to, const Sluice__Usage *u)
{
	if (!u)
		return;
	to->usage_at = u->at_ns;
	to->cpu_ns = u->cpu_ns;
	to->waited_ns = u->waited_ns;
	to->switches = u->switches;
	to->rss_bytes = u->rss_bytes;
	to->pss_bytes = u->pss_bytes;
	to->threads = u->threads;
}

static void take_processors(struct top_sample *s, const Sluice__StatusReply *reply)
{
	for (size_t i = 0; i < reply->n_processors && s->n_cores < TOP_CORES; i++)
		s->core[s->n_cores++] = (struct top_core){
		        reply->processors[i]->busy, reply->processors[i]->all};
}

static void take_status(struct top_sample *s, const Sluice__StatusReply *reply)
{
	s->epoch = reply->epoch;
	s->uptime_ns = reply->uptime_ns;
	s->configuration = reply->in_force ? reply->in_force->number : 0;
	s->waits = reply->waits;
	for (size_t i = 0; i < reply->n_roles && s->n_processes < TOP_PROCESSES; i++) {
		const Sluice__Role *r = reply->roles[i];
		struct top_process *p = &s->process[s->n_processes++];

		snprintf(p->name, sizeof p->name, "%s", r->name);
		snprintf(p->state, sizeof p->state, "%s", r->state);
		p->pid = r->pid;
		p->starts = r->starts;
		p->faults = r->faults;
		p->uptime_ns = r->uptime_ns;
		take_usage(p, r->usage);
	}
	take_processors(s, reply);
}

static void take_drops(struct top_sample *s, const Sluice__Terms *t)
{
	for (size_t i = 0; i < t->n_reasons && s->n_drops < TOP_DROPS; i++) {
		struct top_drop *d = &s->drop[s->n_drops++];

		snprintf(d->stage, sizeof d->stage, "%s", t->name);
		snprintf(d->reason, sizeof d->reason, "%s", t->reasons[i]->label);
		d->packets = t->reasons[i]->packets;
	}
}

static void take_stage(struct top_sample *s, const Sluice__Terms *t)
{
	take_drops(s, t);
	for (uint32_t i = 0; i < s->n_processes; i++) {
		struct top_process *p = &s->process[i];

		if (strcmp(p->name, t->name) != 0)
			continue;
		p->moves = true;
		p->in = t->in;
		p->out = t->out;
		p->dropped = t->dropped;
		p->held = t->held;
		p->queued = t->queued;
		p->ring_slots = t->ring_slots;
	}
}

static void take_account(struct top_sample *s, const Sluice__AccountReply *reply)
{
	s->balanced = reply->balanced;
	s->consistent = reply->consistent;
	s->in_rings = reply->in_rings;
	if (reply->appliance) {
		s->received = reply->appliance->received;
		s->sent = reply->appliance->sent;
		s->dropped = reply->appliance->dropped;
		s->held = reply->appliance->held;
	}
	for (size_t i = 0; i < reply->n_stages; i++)
		take_stage(s, reply->stages[i]);
}

static void take_ports(struct top_sample *s, const Sluice__PortsReply *reply)
{
	for (size_t i = 0; i < reply->n_ports && s->n_ports < TOP_PORTS; i++) {
		const Sluice__Port *p = reply->ports[i];
		struct top_port *to = &s->port[s->n_ports++];

		snprintf(to->name, sizeof to->name, "%s", p->name);
		snprintf(to->state, sizeof to->state, "%s", p->state);
		to->rx_packets = p->rx_packets;
		to->tx_packets = p->tx_packets;
		to->rx_bytes = p->rx_bytes;
		to->tx_bytes = p->tx_bytes;
		to->drops = p->rx_dropped + p->tx_dropped;
	}
}

static int ask(struct top_sample *s, struct remote *r)
{
	Sluice__StatusRequest status = SLUICE__STATUS_REQUEST__INIT;
	Sluice__AccountRequest account = SLUICE__ACCOUNT_REQUEST__INIT;
	Sluice__PortsRequest ports = SLUICE__PORTS_REQUEST__INIT;
	const ProtobufCServiceDescriptor *read = &sluice__read__descriptor;
	ProtobufCMessage *reply;
	int code;

	status.processors = true;
	code = remote_call(r, read, "Status", &status.base, DEADLINE_MS, &reply);

	if (code)
		return code;
	take_status(s, (const void *)reply);
	rpc_free(reply);
	code = remote_call(r, read, "Ports", &ports.base, DEADLINE_MS, &reply);
	if (code)
		return code;
	take_ports(s, (const void *)reply);
	rpc_free(reply);
	code = remote_call(r, read, "Account", &account.base, DEADLINE_MS, &reply);
	if (code)
		return code;
	take_account(s, (const void *)reply);
	rpc_free(reply);
	return 0;
}

int top_sample_take(struct top_sample *s, struct remote *r)
{
	struct timespec wall, mono;
	int code = r->client ? 0 : remote_open(r, RPC_READER);

	*s = (struct top_sample){0};
	if (!code)
		code = ask(s, r);
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	s->at = (uint64_t)mono.tv_sec * NANOS_PER_SEC + (uint64_t)mono.tv_nsec;
	s->wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / NANOS_PER_MS;
	if (code) {
		rpc_client_close(r->client);
		r->client = NULL;
	}
	return code;
}
