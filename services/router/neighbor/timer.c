#include "services/router/neighbor/internal.h"

#define TIMERS_A_BURST 256u
#define TIMER_LINES    768u /* the most that one of them touches: an answer to a query for many groups */
#define TIMER_OUTBOX   128u /* room that one of them should find */

enum timer_kind { TIMER_OF_ENTRY, TIMER_OF_ADDRESS, TIMER_OF_GROUP, TIMER_OF_PORT };

/* Whose timer it is, and the number there. */
static enum timer_kind kind_of(const struct neighbor *n, uint32_t timer, uint32_t *i)
{
	*i = timer;
	if (*i < n->slots)
		return TIMER_OF_ENTRY;
	*i -= n->slots;
	if (*i < NEIGHBOR_ADDRESSES)
		return TIMER_OF_ADDRESS;
	*i -= NEIGHBOR_ADDRESSES;
	if (*i < NEIGHBOR_GROUPS)
		return TIMER_OF_GROUP;
	*i -= NEIGHBOR_GROUPS;
	return TIMER_OF_PORT;
}

static void fire(const struct neighbor_call *c, uint32_t timer)
{
	uint32_t i;

	switch (kind_of(c->n, timer, &i)) {
	case TIMER_OF_ENTRY: nud_timer(c, i); return;
	case TIMER_OF_ADDRESS: address_timer(c, i); return;
	case TIMER_OF_GROUP: group_timer(c, i); return;
	case TIMER_OF_PORT: group_port_timer(c, (struct port_id){(uint16_t)(i / 2)}, i % 2); return;
	}
}

void neighbor_timer(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct neighbor_call c = neighbor_call_alone(n, epoch, now, burst);
	uint32_t room = journal_room(burst->journal), steps = TIMERS_A_BURST;

	if (neighbor_links_due(n))
		neighbor_links(&c, room);
	while (room - journal_room(burst->journal) + TIMER_LINES <= NEIGHBOR_LINES_BURST &&
	        burst->n_out + TIMER_OUTBOX <= OUTBOX_MAX) {
		uint32_t timer = wheel_take(&n->wheel, burst->journal, now, &steps);

		if (timer == WHEEL_NONE)
			return;
		journal_hand(burst->journal, NEIGHBOR_HAND | timer);
		fire(&c, timer);
	}
}

void neighbor_give_up(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, uint32_t timer, struct burst *burst)
{
	struct neighbor_call c = neighbor_call_alone(n, epoch, now, burst);
	uint32_t i;

	if (timer >= TIMERS(n->slots) || !wheel_is_set(&n->wheel, timer))
		return;
	switch (kind_of(n, timer, &i)) {
	case TIMER_OF_ENTRY:
		if (!entry_remove(&c, i, DROP_STAGE_CRASHED))
			entry_arm(&c, i);
		return;
	case TIMER_OF_ADDRESS: address_give_up(&c, i); return;
	case TIMER_OF_GROUP: group_give_up(&c, i); return;
	case TIMER_OF_PORT: group_port_give_up(&c, (struct port_id){(uint16_t)(i / 2)}, i % 2); return;
	}
}

static void describe_entry(const struct neighbor *n, uint32_t i, struct box_culprit *to)
{
	const struct neighbor_entry *e = &n->entry[i];

	to->kind = BOX_CULPRIT_NEIGHBOR;
	to->addr = entry_addr(e);
	to->port = e->port;
	box_dump(to, e, sizeof *e);
	box_dump(to, &n->cold[i], sizeof n->cold[i]);
}

static void describe_address(const struct neighbor *n, uint32_t i, struct box_culprit *to)
{
	const struct neighbor_address *a = &n->address[i];

	to->kind = BOX_CULPRIT_ADDRESS;
	to->addr = a->addr;
	to->port = a->port;
	box_dump(to, a, sizeof *a);
}

static void describe_group(const struct neighbor *n, uint32_t i, struct box_culprit *to)
{
	const struct neighbor_group *g = &n->group[i];

	to->kind = BOX_CULPRIT_GROUP;
	to->addr = g->addr;
	to->port = g->port;
	box_dump(to, g, sizeof *g);
}

static void describe_port(const struct neighbor *n, uint32_t port, struct box_culprit *to)
{
	to->kind = BOX_CULPRIT_QUERY;
	to->port = (struct port_id){(uint16_t)port};
	box_dump(to, &n->port[port], sizeof n->port[port]);
}

void neighbor_describe(const struct neighbor *n, uint32_t timer, struct box_culprit *culprit)
{
	uint32_t i;

	if (timer >= TIMERS(n->slots) || !wheel_is_set(&n->wheel, timer))
		return;
	switch (kind_of(n, timer, &i)) {
	case TIMER_OF_ENTRY: describe_entry(n, i, culprit); return;
	case TIMER_OF_ADDRESS: describe_address(n, i, culprit); return;
	case TIMER_OF_GROUP: describe_group(n, i, culprit); return;
	case TIMER_OF_PORT: describe_port(n, i / 2, culprit); return;
	}
}

nanos_t neighbor_next_timer(const struct neighbor *n)
{
	return neighbor_links_due(n) ? 0 : wheel_next(&n->wheel);
}
