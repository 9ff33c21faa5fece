/* The driver of a port being opened: its settings, its place among the queues, its rings, its peers. */
#include "services/ingest/ports_internal.h"

#include "services/ingest/grants.h"
#include "services/ingest/ingest.h"

#include <stdio.h>

static const struct nic_wishes *wishes;

void ingest_wish(const struct nic_wishes *w)
{
	wishes = w;
}

/* nic->peer_state: by name, or the port itself. */
static void *peer_state(const struct nic *nic, const char *name)
{
	struct ports *ports = nic->peers;
	const struct epoch *epoch = ports->opening;
	const struct epoch_port *own = ports_physical(epoch, nic->port.v);

	assert(own);
	for (uint32_t i = 0; i < MIN(epoch->n_ports, EPOCH_PHYS_MAX); i++) {
		const struct epoch_port *p = ports_physical(epoch, i);

		if (!p || strcmp(p->name, name[0] ? name : own->name) != 0)
			continue;
		return p->driver == own->driver && ports_view_of(ports, epoch)->identity[i]
		               ? ports->state[i].wire
		               : NULL;
	}
	return NULL;
}

struct pace_settings ports_pace(const struct poll_settings *p)
{
	struct pace_settings pace = PACE_DEFAULTS;

	pace.weight = p->weight;
	pace.budget = p->budget;
	pace.budget_time = p->budget_us * NANOS_PER_US;
	pace.defer_hard_irqs = p->defer_hard_irqs;
	pace.gro_flush_timeout = p->gro_flush_timeout_us * NANOS_PER_US;
	pace.busy_poll = p->busy_poll_us * NANOS_PER_US;
	return pace;
}

/* The rings of a live port, with which its state goes. */
static int take_grant(struct ports *ports, uint32_t port, struct open_port *o)
{
	const struct port_state *s = &ports->state[port];
	struct nic *nic = &o->nic;

	if (!grants_last(port, s->queue, &nic->grant)) {
		snprintf(o->error, NIC_ERROR_BYTES, "it waits for its opener");
		return -EAGAIN;
	}
	if (!s->incarnation || nic->grant.what != GRANT_OPEN || nic->grant.incarnation != s->incarnation ||
	        nic->grant.driver != s->driver) {
		snprintf(o->error, NIC_ERROR_BYTES, "%s",
		        nic->grant.reason[0] ? nic->grant.reason : "it is being opened");
		return -EAGAIN;
	}
	o->n_fds = grants_take(port, s->queue, s->incarnation, nic->fd);
	if (!o->n_fds) {
		snprintf(o->error, NIC_ERROR_BYTES, "its descriptors are gone: the opener must open it anew");
		return -EBADF;
	}
	return 0;
}

static struct nic new_nic(struct ports *ports, const struct epoch_port *p, uint32_t port, bool faulty)
{
	const struct port_state *s = &ports->state[port];
	struct nic nic = {
	        .ops = faulty ? &nic_fault : ports_driver(s->driver),
	        .wire = ports_driver(s->driver),
	        .port = {(uint16_t)port},
	        .mac = p->mac,
	        .mtu = p->mtu,
	        .pool = ports->env->pool,
	        .journal = ports->env->journal,
	        .state = ports->state[port].wire,
	        .fault_state = ports->state[port].fault,
	        .opened_at = s->opened_at,
	        .wishes = wishes,
	        .peer_state = peer_state,
	        .peers = ports,
	        .ledger = &ports->ledger,
	};

	nic.queue = ports_queue(ports->env, p, &nic.queues);
	return nic;
}

int ports_open_nic(struct ports *ports, const struct epoch *epoch, uint32_t port)
{
	const struct epoch_port *p = ports_physical(epoch, port);
	struct open_port *o = &ports->port[port];
	struct nic_settings settings;
	int err = settings_parse(
	        &settings, (enum epoch_driver)p->driver, ports_text(epoch, p), o->error, NIC_ERROR_BYTES);

	if (err)
		return err;
	o->nic = new_nic(ports, p, port, settings_faulty(&settings));
	o->pace = ports_pace(&settings.poll);
	o->queue = o->told_queue = (struct pace_queue){.state = PACE_SCHEDULED};
	o->told = (struct nic_stats){0};
	if (epoch_driver_live(p->driver))
		err = take_grant(ports, port, o);
	ports->opening = epoch;
	if (!err)
		err = o->nic.ops->open(&o->nic, &settings, o->error);
	ports->opening = NULL;
	return err;
}
