#include "services/router/neighbor_internal.h"

#define TIMERS_A_BURST 256u
#define TIMER_LINES    768u /* the most that one of them touches: an answer to a query for many groups */
#define TIMER_OUTBOX   128u /* room that one of them should find */

static void fire(const struct neighbor_call *c, uint32_t timer)
{
	struct neighbor *n = c->n;
	uint32_t address = timer - n->slots, group = address - NEIGHBOR_ADDRESSES;
	uint32_t port = group - NEIGHBOR_GROUPS;

	if (timer < n->slots)
		nud_timer(c, timer);
	else if (address < NEIGHBOR_ADDRESSES)
		address_timer(c, address);
	else if (group < NEIGHBOR_GROUPS)
		group_timer(c, group);
	else
		group_port_timer(c, (struct port_id){(uint16_t)(port / 2)}, port % 2);
}

void neighbor_timer(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct neighbor_call c = neighbor_call_alone(n, epoch, now, burst);
	uint32_t room = journal_room(burst->journal), steps = TIMERS_A_BURST;

	while (room - journal_room(burst->journal) + TIMER_LINES <= NEIGHBOR_LINES_BURST &&
	        burst->n_out + TIMER_OUTBOX <= OUTBOX_MAX) {
		uint32_t timer = wheel_take(&n->wheel, burst->journal, now, &steps);

		if (timer == WHEEL_NONE)
			return;
		fire(&c, timer);
	}
}

nanos_t neighbor_next_timer(const struct neighbor *n)
{
	return wheel_next(&n->wheel);
}
