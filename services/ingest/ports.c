#include "services/ingest/ports.h"

#include "services/ingest/ingest.h"

#include <stdio.h>
#include <stdlib.h>

static const struct nic_wishes *wishes;

void ingest_wish(const struct nic_wishes *w)
{
	wishes = w;
}

const struct nic_ops *ports_driver(uint32_t driver)
{
	switch ((enum epoch_driver)driver) {
	case EPOCH_DRIVER_PCAP: return &nic_pcap;
	case EPOCH_DRIVER_LOOP: return &nic_loop;
	case EPOCH_DRIVER_TAP:
	case EPOCH_DRIVER_AF_XDP:
	case EPOCH_DRIVER_AF_PACKET:
	case EPOCH_DRIVER_NONE: break;
	}
	return NULL;
}

/* Which of the port's queues is this lane's; queues: none. */
static uint32_t queue_of(const struct stage_env *env, const struct epoch_port *p, uint32_t *queues)
{
	uint32_t lanes = env->params->lanes;

	assert(lanes > 0);
	*queues = MIN(MAX((uint32_t)p->queues, 1u), lanes);
	return MIN((env->lane + lanes - p->lane % lanes) % lanes, *queues);
}

static const struct epoch_port *physical(const struct epoch *epoch, uint32_t port)
{
	const struct epoch_port *p = epoch_port(epoch, (struct port_id){(uint16_t)port});

	return p && p->kind == EPOCH_PORT_PHYSICAL && ports_driver(p->driver) ? p : NULL;
}

static uint64_t identity_of(const struct ports *ports, const struct epoch *epoch, uint32_t port)
{
	const struct epoch_port *p = physical(epoch, port);
	uint32_t queues, queue;

	if (!p)
		return 0;
	queue = queue_of(ports->env, p, &queues);
	if (queue == queues)
		return 0;
	return hash_mix(settings_identity(ports_text(epoch, p)),
	               (uint64_t)p->driver << 32 | queues << 8 | queue) |
	       1;
}

static const struct ports_view *view_of(struct ports *ports, const struct epoch *epoch)
{
	struct ports_view *v = &ports->view[epoch->number & 1];

	if (likely(v->number == epoch->number))
		return v;
	v->number = epoch->number;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		v->identity[i] = identity_of(ports, epoch, i);
	return v;
}

static void list_open(struct ports *ports)
{
	ports->n_open = 0;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		if (ports->port[i].open)
			ports->open[ports->n_open++] = (uint8_t)i;
}

static void close_port(struct ports *ports, uint32_t port)
{
	struct open_port *o = &ports->port[port];

	if (o->open)
		o->nic.ops->close(&o->nic);
	o->open = false;
	o->identity = 0;
	list_open(ports);
}

/* nic->peer_state: by name, or the port itself. */
static void *peer_state(const struct nic *nic, const char *name)
{
	struct ports *ports = nic->peers;
	const struct epoch *epoch = ports->opening;
	const struct epoch_port *own = physical(epoch, nic->port.v);

	assert(own);
	for (uint32_t i = 0; i < MIN(epoch->n_ports, EPOCH_PHYS_MAX); i++) {
		const struct epoch_port *p = physical(epoch, i);

		if (!p || strcmp(p->name, name[0] ? name : own->name) != 0)
			continue;
		return p->driver == own->driver && view_of(ports, epoch)->identity[i] ? ports->state[i].wire
		                                                                      : NULL;
	}
	return NULL;
}

static int open_nic(
        struct ports *ports, const struct epoch *epoch, uint32_t port, struct nic *nic, char *error)
{
	const struct epoch_port *p = physical(epoch, port);
	struct nic_settings settings;
	int err = settings_parse(
	        &settings, (enum epoch_driver)p->driver, ports_text(epoch, p), error, NIC_ERROR_BYTES);

	if (err)
		return err;
	*nic = (struct nic){
	        .ops = settings_faulty(&settings) ? &nic_fault : ports_driver(p->driver),
	        .wire = ports_driver(p->driver),
	        .port = {(uint16_t)port},
	        .mac = p->mac,
	        .pool = ports->env->pool,
	        .journal = ports->env->journal,
	        .state = ports->state[port].wire,
	        .fault_state = ports->state[port].fault,
	        .opened_at = ports->state[port].opened_at,
	        .wishes = wishes,
	        .peer_state = peer_state,
	        .peers = ports,
	};
	nic->queue = queue_of(ports->env, p, &nic->queues);
	ports->opening = epoch;
	err = nic->ops->open(nic, &settings, error);
	ports->opening = NULL;
	return err;
}

/* Opens the port for what its state is; tried once. */
static void open_port(struct ports *ports, const struct epoch *epoch, uint32_t port)
{
	struct open_port *o = &ports->port[port];

	o->identity = ports->state[port].identity;
	o->open = open_nic(ports, epoch, port, &o->nic, o->error) == 0;
	list_open(ports);
}

struct nic *ports_get(struct ports *ports, const struct epoch *epoch, struct port_id port)
{
	uint64_t wanted;
	struct open_port *o;

	if (unlikely(port.v >= EPOCH_PHYS_MAX))
		return NULL;
	wanted = view_of(ports, epoch)->identity[port.v];
	o = &ports->port[port.v];
	if (unlikely(!wanted || wanted != ports->state[port.v].identity))
		return NULL;
	if (unlikely(o->identity != wanted)) {
		close_port(ports, port.v);
		open_port(ports, epoch, port.v);
	}
	return o->open ? &o->nic : NULL;
}

/* Zeroes what is not zero, so that an untouched state costs no undo lines. */
static void clear_state(struct journal *j, struct port_state *s)
{
	static const uint8_t zero[CACHE_LINE];
	uint8_t *line = (uint8_t *)s;

	for (uint32_t i = 0; i < PORT_STATE_LINES; i++, line += CACHE_LINE)
		if (memcmp(line, zero, CACHE_LINE) != 0)
			memset(journal_touch(j, line), 0, CACHE_LINE);
}

/* The state of a port becomes that of another.  false: buffers are still to leave it. */
static bool change_state(struct ports *ports, const struct epoch *epoch, uint32_t port, uint64_t identity,
        nanos_t now, struct burst *burst)
{
	struct port_state *s = &ports->state[port];
	const struct nic_ops *driver = ports_driver(s->driver);
	struct journal *j = ports->env->journal;

	close_port(ports, port);
	if (driver && !nic_fault.drain(j, s->fault, burst))
		return false;
	if (driver && driver->drain && !driver->drain(j, s->wire, burst))
		return false;
	clear_state(j, s);
	if (identity) {
		journal_touch(j, s);
		s->identity = identity;
		s->opened_at = now;
		s->driver = physical(epoch, port)->driver;
	}
	return true;
}

bool ports_adopt(struct ports *ports, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	const struct ports_view *v = view_of(ports, epoch);

	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		if (v->identity[i] != ports->state[i].identity) {
			change_state(ports, epoch, i, v->identity[i], now, burst);
			return false;
		}
	/* A port that could not be opened before is tried again; one that knows a peer's state looks for it
	 * again. */
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		if (v->identity[i] && (!ports->port[i].open || ports_driver(ports->state[i].driver)->drain)) {
			close_port(ports, i);
			ports_get(ports, epoch, (struct port_id){(uint16_t)i});
		}
	return true;
}

int ports_attach(struct ports *ports, const struct stage_env *env, struct port_state *state)
{
	memset(ports, 0, sizeof *ports);
	ports->env = env;
	ports->state = state;
	ports->port = calloc(EPOCH_PHYS_MAX, sizeof *ports->port);
	return ports->port ? 0 : -ENOMEM;
}

void ports_detach(struct ports *ports)
{
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		close_port(ports, i);
	free(ports->port);
}
