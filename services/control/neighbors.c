/* neighbors: lane 0's table, as `ip neighbor` shows a kernel's. */
#include "services/control/internal.h"

#include "common/wire/text.h"
#include "proto/tables.pb-c.h"
#include "services/router/router.h"

#include <stdlib.h>
#include <time.h>

struct neighbor_message {
	Sluice__Neighbor neighbor;
	char address[TEXT_IP6_SIZE], mac[TEXT_MAC_SIZE];
};

/* The stages' clock. */
static uint32_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint32_t)((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

/* How long ago; 0 for what is later than now: the stage wrote it meanwhile. */
static uint32_t ago(uint32_t now, uint32_t then)
{
	return now - then > INT32_MAX ? 0 : now - then;
}

static void fill(struct neighbor_message *m, const struct router_neighbor *n, const struct epoch_port *port)
{
	uint32_t now = now_ms();

	sluice__neighbor__init(&m->neighbor);
	m->neighbor.address = ip6_addr_is_mapped(&n->addr) ? text_ipv4(m->address, n->addr.w32[3])
	                                                   : text_ip6(m->address, &n->addr);
	m->neighbor.port = (char *)port->name;
	if (n->resolved)
		m->neighbor.mac = text_mac(m->mac, &n->mac);
	m->neighbor.state = (char *)n->state;
	m->neighbor.router = n->router;
	m->neighbor.waiting = n->waiting;
	m->neighbor.used_ms = ago(now, n->used_ms);
	m->neighbor.confirmed_ms = ago(now, n->confirmed_ms);
	m->neighbor.updated_ms = ago(now, n->updated_ms);
}

static void reply_neighbors(
        const struct control *c, struct rpc_call *call, const struct epoch *epoch, const char *only)
{
	const void *state = control_state(c, STAGE_ROUTER, 0);
	const struct stage_params *params = &c->appliance->plan.params;
	uint32_t slots = router_neighbor_slots(state, params);
	struct neighbor_message *m = calloc(slots + 1, sizeof *m);
	Sluice__Neighbor **list = calloc(slots + 1, sizeof(void *));
	Sluice__NeighborsReply reply = SLUICE__NEIGHBORS_REPLY__INIT;

	for (uint32_t slot = 0; m && list && slot < slots; slot++) {
		const struct epoch_port *port;
		struct router_neighbor n;

		if (!router_neighbor_read(state, params, slot, &n))
			continue;
		port = epoch_port(epoch, n.port);
		if (!port || (*only && strcmp(port->name, only) != 0))
			continue;
		fill(&m[reply.n_neighbors], &n, port);
		list[reply.n_neighbors] = &m[reply.n_neighbors].neighbor;
		reply.n_neighbors++;
	}
	reply.neighbors = list;
	if (m && list)
		rpc_reply(call, &reply.base);
	else
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	free(list);
	free(m);
}

void control_neighbors(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__NeighborsRequest *r = (const void *)request;
	const struct control *c = context;
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	bool known = !*r->port;

	for (uint32_t p = 0; epoch && p < epoch->n_ports; p++)
		known |= epoch->ports[p].kind != EPOCH_PORT_NONE &&
		         strcmp(epoch->ports[p].name, r->port) == 0;
	if (!epoch)
		rpc_fail(call, RPC_FAILED_PRECONDITION, "no configuration is in force yet");
	else if (!known)
		rpc_fail(call, RPC_NOT_FOUND, "there is no port '%.40s': `sluice port` shows which there are",
		        r->port);
	else
		reply_neighbors(c, call, epoch, r->port);
}
