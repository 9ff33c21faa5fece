#include "services/router/neighbor/internal.h"

enum step {
	STEP_ON,    /* the cursor goes on */
	STEP_AGAIN, /* the outbox is full: this one again */
	STEP_END,   /* of the phase */
};

#define ALL_ROUTERS_SITE ((struct ip6_addr){.b = {0xff, 0x05, [15] = 2}})

static enum step entry_sweep_step(const struct neighbor_call *c, uint32_t slot)
{
	struct neighbor *n = c->n;

	if (slot >= n->slots)
		return STEP_END;
	if (entry_state(&n->entry[slot]) == NUD_NONE ||
	        port_has_link(epoch_port(c->epoch, n->entry[slot].port)))
		return STEP_ON;
	return entry_remove(c, slot, DROP_NEIGH_DEAD) ? STEP_ON : STEP_AGAIN;
}

static enum step address_step(const struct neighbor_call *c, uint32_t i)
{
	if (i >= c->epoch->n_addresses)
		return STEP_END;
	if (epoch_port(c->epoch, c->epoch->addresses[i].port))
		address_up(c, &c->epoch->addresses[i]);
	return STEP_ON;
}

static enum step address_sweep_step(const struct neighbor_call *c, uint32_t i)
{
	if (i >= NEIGHBOR_ADDRESSES)
		return STEP_END;
	if (c->n->address[i].state != ADDRESS_FREE && c->n->address[i].seen != c->epoch->number)
		address_down(c, i);
	return STEP_ON;
}

/* The groups of a port one after the other: those given, and those of a router. */
static enum step group_step(const struct neighbor_call *c, uint32_t id)
{
	const struct ip6_addr routers[] = {IP6_ALL_ROUTERS, ALL_ROUTERS_SITE};
	struct neighbor_header *h = c->n->header;
	struct port_id port_id = {(uint16_t)id};
	const struct epoch_port *port;
	uint32_t i = h->cursor2, given;

	if (id >= c->epoch->n_ports)
		return STEP_END;
	port = epoch_port(c->epoch, port_id);
	given = port ? port->groups.count : 0;
	h->cursor2 = 0;
	if (!port_has_link(port))
		return STEP_ON;
	if (i < given)
		group_join(c, port_id, &port_groups(c->epoch, port)[i]);
	else if (!(port->flags & EPOCH_PORT_IPV6) || !(port->flags & EPOCH_PORT_FORWARD6) ||
	         i >= given + ARRAY_LEN(routers))
		return STEP_ON;
	else
		group_join(c, port_id, &routers[i - given]);
	h->cursor2 = i + 1;
	return STEP_AGAIN;
}

static enum step address_group_step(const struct neighbor_call *c, uint32_t i)
{
	const struct epoch_address *a = &c->epoch->addresses[i];
	struct ip6_addr group, anycast;

	if (i >= c->epoch->n_addresses)
		return STEP_END;
	if (a->family != 6 || a->scope == EPOCH_SCOPE_HOST || !port_has_link(epoch_port(c->epoch, a->port)))
		return STEP_ON;
	group = ip6_solicited_node(&a->addr);
	group_join(c, a->port, &group);
	if (epoch_anycast(c->epoch, a, &anycast)) {
		group = ip6_solicited_node(&anycast);
		group_join(c, a->port, &group);
	}
	return STEP_ON;
}

static enum step group_sweep_step(const struct neighbor_call *c, uint32_t i)
{
	if (i >= NEIGHBOR_GROUPS)
		return STEP_END;
	if (c->n->group[i].state == GROUP_JOINED && c->n->group[i].seen != c->epoch->number)
		group_leave(c, i);
	return STEP_ON;
}

static enum step step(const struct neighbor_call *c, enum neighbor_phase phase, uint32_t cursor)
{
	switch (phase) {
	case ADOPT_ADDRESSES: return address_step(c, cursor);
	case ADOPT_GROUPS: return group_step(c, cursor);
	case ADOPT_ADDRESS_GROUPS: return address_group_step(c, cursor);
	case SWEEP_ENTRIES: return entry_sweep_step(c, cursor);
	case SWEEP_ADDRESSES: return address_sweep_step(c, cursor);
	case SWEEP_GROUPS: return group_sweep_step(c, cursor);
	case SWEEP_DONE: break;
	}
	return STEP_END;
}

/* On to the beginning of a phase.  true: it is reached. */
static bool advance(const struct neighbor_call *c, enum neighbor_phase end)
{
	struct neighbor_header *h = c->n->header;
	uint32_t room = journal_room(call_journal(c));

	if (h->adopted == c->epoch->number && h->phase >= end)
		return true;
	call_touch(c, &h->adopted);
	if (h->adopted != c->epoch->number) {
		h->adopted = c->epoch->number;
		h->phase = ADOPT_ADDRESSES;
		h->cursor = h->cursor2 = 0;
	}
	for (uint32_t items = 0; items < NEIGHBOR_ITEMS_BURST && neighbor_has_room(c, room); items++) {
		switch (step(c, (enum neighbor_phase)h->phase, h->cursor)) {
		case STEP_ON: h->cursor++; break;
		case STEP_AGAIN: break;
		case STEP_END:
			h->cursor = 0;
			h->phase++;
			break;
		}
		if (h->phase == end)
			return true;
	}
	return false;
}

bool neighbor_adopt(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct neighbor_call c = neighbor_call_alone(n, epoch, now, burst);

	return advance(&c, SWEEP_ENTRIES);
}

bool neighbor_retire(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct neighbor_call c = neighbor_call_alone(n, epoch, now, burst);

	return advance(&c, SWEEP_DONE);
}
