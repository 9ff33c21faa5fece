#include "services/keeper/opener/wants.h"

#include <stdlib.h>

/* All that makes a port be opened anew when it changes. */
static uint64_t identity_of(const struct epoch_port *e, const struct port_want *w, const char *text)
{
	uint64_t id = hash_mix(settings_identity(text), (uint64_t)e->driver << 32 | w->wish.queues);

	for (const char *c = w->wish.interface; *c; c++)
		id = hash_mix(id, (uint8_t)*c);
	return id | 1;
}

static struct port_want want_of(
        struct nic_settings *settings, uint32_t lanes, const struct epoch *epoch, const struct epoch_port *e)
{
	const char *text = e->driver_text ? epoch_text(epoch, e->driver_text) : "";
	const struct live_settings *live = &settings->live;
	struct port_want w = {0};
	char error[OPEN_ERROR_BYTES];

	if (e->kind != EPOCH_PORT_PHYSICAL || !epoch_driver_live(e->driver) ||
	        settings_parse(settings, (enum epoch_driver)e->driver, text, error, sizeof error))
		return w;
	memcpy(w.name, e->name, sizeof w.name);
	w.wish = (struct open_wish){
	        .driver = (enum epoch_driver)e->driver,
	        .mode = live->mode,
	        .queues = MIN(MAX((uint32_t)e->queues, 1u), lanes),
	        .rx_ring = live->rx_ring,
	        .tx_ring = live->tx_ring,
	        .control_dscp = live->control_dscp,
	        .busy_poll_us = settings->poll.busy_poll_us,
	        .mtu = e->mtu,
	        .promiscuous = e->flags & EPOCH_PORT_PROMISC,
	        .mac = e->mac,
	};
	memcpy(w.wish.interface, live->interface[0] ? live->interface : e->name, sizeof w.wish.interface);
	w.adopt = live->adopt;
	w.identity = identity_of(e, &w, text);
	return w;
}

int wants_read(struct wants *wants, const struct appliance *a, uint32_t number)
{
	uint32_t region = REGION_EPOCH0 + (number & 1);
	struct epoch epoch;
	void *copy;
	int err = epoch_copy(a->map[region], a->bytes[region], &copy, &epoch);

	if (err)
		return err;
	memset(wants->port, 0, sizeof wants->port);
	for (uint32_t i = 0; i < MIN(epoch.n_ports, EPOCH_PHYS_MAX) && epoch.number == number; i++)
		wants->port[i] = want_of(&wants->settings, a->pool.lanes, &epoch, &epoch.ports[i]);
	err = epoch.number == number ? 0 : -EINVAL;
	free(copy);
	return err;
}
