/* neighbors: those that the configuration gives and those in lane 0's table, as `ip neighbor` shows a
 * kernel's. */
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

static void fill(struct neighbor_message *m, const struct ip6_addr *addr, const struct epoch_port *port)
{
	sluice__neighbor__init(&m->neighbor);
	m->neighbor.address = control_address_text(m->address, addr);
	m->neighbor.port = (char *)port->name;
}

static void fill_given(
        struct neighbor_message *m, const struct epoch_neighbor *n, const struct epoch_port *port)
{
	fill(m, &n->addr, port);
	m->neighbor.mac = text_mac(m->mac, &n->mac);
	m->neighbor.state = (char *)"permanent";
}

static void fill_learnt(
        struct neighbor_message *m, const struct router_neighbor *n, const struct epoch_port *port)
{
	uint32_t now = now_ms();

	fill(m, &n->addr, port);
	if (n->resolved)
		m->neighbor.mac = text_mac(m->mac, &n->mac);
	m->neighbor.state = (char *)n->state;
	m->neighbor.router = n->router;
	m->neighbor.waiting = n->waiting;
	m->neighbor.used_ms = ago(now, n->used_ms);
	m->neighbor.confirmed_ms = ago(now, n->confirmed_ms);
	m->neighbor.updated_ms = ago(now, n->updated_ms);
}

/* The answer as it grows; room for every neighbor that there can be. */
struct neighbor_list {
	const struct epoch *epoch;
	const char *only; /* the name of a port, or "" */
	struct neighbor_message *message;
	Sluice__Neighbor **neighbor;
	size_t n;
};

/* The port of a neighbor that belongs into the answer; else NULL. */
static const struct epoch_port *wanted_port(const struct neighbor_list *l, struct port_id id)
{
	const struct epoch_port *port = epoch_port(l->epoch, id);

	return port && (!*l->only || strcmp(port->name, l->only) == 0) ? port : NULL;
}

static struct neighbor_message *list_next(struct neighbor_list *l)
{
	l->neighbor[l->n] = &l->message[l->n].neighbor;
	return &l->message[l->n++];
}

static void list_given(struct neighbor_list *l)
{
	for (uint32_t i = 0; i < l->epoch->n_neighbors; i++) {
		const struct epoch_neighbor *n = &l->epoch->neighbors[i];
		const struct epoch_port *port = wanted_port(l, n->port);

		if (port)
			fill_given(list_next(l), n, port);
	}
}

/* What was learnt of a neighbor that is given is not asked. */
static void list_learnt(struct neighbor_list *l, const struct control *c, uint32_t slots)
{
	for (uint32_t slot = 0; slot < slots; slot++) {
		const struct epoch_port *port;
		struct router_neighbor n;

		if (!router_neighbor_read(
		            control_state(c, STAGE_ROUTER, 0), &c->appliance->plan.params, slot, &n))
			continue;
		port = wanted_port(l, n.port);
		if (port && !epoch_neighbor(l->epoch, n.port, &n.addr))
			fill_learnt(list_next(l), &n, port);
	}
}

static void reply_neighbors(
        const struct control *c, struct rpc_call *call, const struct epoch *epoch, const char *only)
{
	uint32_t slots = router_neighbor_slots(control_state(c, STAGE_ROUTER, 0), &c->appliance->plan.params);
	size_t room = (size_t)slots + epoch->n_neighbors + 1;
	struct neighbor_list l = {.epoch = epoch,
	        .only = only,
	        .message = calloc(room, sizeof *l.message),
	        .neighbor = calloc(room, sizeof(void *))};
	Sluice__NeighborsReply reply = SLUICE__NEIGHBORS_REPLY__INIT;

	if (l.message && l.neighbor) {
		list_given(&l);
		list_learnt(&l, c, slots);
		reply.neighbors = l.neighbor;
		reply.n_neighbors = l.n;
		rpc_reply(call, &reply.base);
	} else {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	}
	free(l.neighbor);
	free(l.message);
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
