#include "services/router/neighbor/internal.h"

/* What has been counted on the way. */
struct tally {
	const struct neighbor *n;
	uint32_t listed, held, odd;
};

static const char *check_link(const struct neighbor *n, uint32_t slot, enum neighbor_list list)
{
	static const uint32_t states[NEIGHBOR_LISTS] = {
	        [LIST_FAILED] = NUD_BIT(NUD_FAILED),
	        [LIST_INCOMPLETE] = NUD_BIT(NUD_INCOMPLETE),
	        [LIST_STALE] = NUD_BIT(NUD_STALE),
	        [LIST_ACTIVE] = NUD_BIT(NUD_REACHABLE) | NUD_BIT(NUD_DELAY) | NUD_BIT(NUD_PROBE),
	};
	const struct neighbor_entry *e = &n->entry[slot];
	struct neighbor_link link = neighbor_link_of(e);
	struct ip6_addr addr = entry_addr(e);

	if (n->cold[slot].list != list || !nud_in(link.state, states[list]))
		return "neighbor: an entry is on the wrong list for its state";
	if (e->seq & 1)
		return "neighbor: an entry is left in the middle of a change";
	if (!(link.flags & NEIGHBOR_WAITING) != !n->cold[slot].queue_count)
		return "neighbor: the flag does not say whether packets wait";
	if (entry_find(n, e->port, &addr) != slot)
		return "neighbor: an entry is not found by its address";
	if ((n->cold[slot].due != NANOS_NEVER || n->cold[slot].queue_count || n->cold[slot].answer_at) &&
	        !wheel_is_set(&n->wheel, slot))
		return "neighbor: an entry waits for a timer that is not set";
	return NULL;
}

static const char *check_queue(struct tally *t, uint32_t slot)
{
	const struct neighbor *n = t->n;
	const struct neighbor_cold *cold = &n->cold[slot];
	uint32_t i = cold->queue_head, last = QUEUE_NONE;

	for (uint32_t k = 0; k < cold->queue_count; k++) {
		if (i >= n->buffers || t->held >= n->buffers)
			return "neighbor: a queue leads astray";
		t->held++;
		t->odd += !!(n->queue_next[i] & QUEUE_ODD);
		if (!(n->queue_next[i] & QUEUE_IN))
			return "neighbor: a packet waits and is not marked as waiting";
		last = i;
		i = n->queue_next[i] & QUEUE_NONE;
	}
	if (cold->queue_count && (i != QUEUE_NONE || last != cold->queue_tail))
		return "neighbor: a queue does not end where it should";
	return NULL;
}

static const char *check_list(struct tally *t, enum neighbor_list list)
{
	const struct neighbor *n = t->n;
	uint32_t prev = NEIGHBOR_NONE, count = 0;

	for (uint32_t slot = n->header->first[list]; slot != NEIGHBOR_NONE; slot = n->cold[slot].next) {
		const char *wrong;

		if (slot >= n->slots || count++ >= n->slots || n->cold[slot].prev != prev)
			return "neighbor: a list leads astray";
		wrong = check_link(n, slot, list);
		if (!wrong)
			wrong = check_queue(t, slot);
		if (wrong)
			return wrong;
		prev = slot;
	}
	t->listed += count;
	if (n->header->last[list] != prev || n->header->count[list] != count)
		return "neighbor: a list's end or count is wrong";
	return NULL;
}

static const char *check_free(const struct neighbor *n, uint32_t listed)
{
	uint32_t free = n->header->free_prod - n->header->free_cons;

	if (free + listed != n->slots)
		return "neighbor: slots that are free and listed are not all";
	for (uint32_t k = 0; k < free; k++) {
		uint32_t slot = n->free_ring[(n->header->free_cons + k) & n->free_mask];

		if (slot >= n->slots || entry_state(&n->entry[slot]) != NUD_NONE || n->cold[slot].queue_count)
			return "neighbor: a free slot is in use";
		if (wheel_is_set(&n->wheel, slot))
			return "neighbor: a free slot has a timer";
	}
	return NULL;
}

static const char *check_chains(const struct neighbor *n, uint32_t listed)
{
	uint32_t chained = 0;

	for (uint32_t b = 0; b <= n->table.mask; b++)
		for (uint32_t slot = n->bucket[b]; slot != NEIGHBOR_NONE; slot = n->entry[slot].next)
			if (slot >= n->slots || chained++ >= n->slots)
				return "neighbor: a chain leads astray";
	return chained == listed ? NULL : "neighbor: chains and lists disagree";
}

static const char *check_addresses(const struct neighbor *n)
{
	uint32_t used = 0, unusable = 0;

	for (uint32_t i = 0; i < NEIGHBOR_ADDRESSES; i++) {
		const struct neighbor_address *a = &n->address[i];

		if (a->state == ADDRESS_FREE)
			continue;
		used++;
		unusable += a->state != ADDRESS_OURS;
		if (address_find(&n->table, a->port, &a->addr) != i)
			return "neighbor: an address of ours is not found";
	}
	return used == n->header->addresses && unusable == n->header->unusable
	               ? NULL
	               : "neighbor: addresses of ours are counted wrongly";
}

/* Where the answer to a general query goes on: at a group of the port. */
static const char *check_walks(const struct neighbor *n)
{
	for (uint32_t p = 0; p < EPOCH_PORTS_MAX; p++)
		for (uint32_t family = 0; family < 2; family++) {
			uint32_t i = n->port[p].walk[family];
			bool due = n->port[p].due[family] != NANOS_NEVER;

			if (i != NEIGHBOR_NONE &&
			        (n->group[i].state == GROUP_FREE || n->group[i].port.v != p))
				return "neighbor: an answer goes on at a group that is gone";
			if (due != wheel_is_set(&n->wheel, TIMER_PORT(n, p, family)))
				return "neighbor: a port's timer is not as it says";
		}
	return NULL;
}

static const char *check_groups(const struct neighbor *n)
{
	uint32_t used = 0, on_ports = 0;

	for (uint32_t i = 0; i < NEIGHBOR_GROUPS; i++) {
		const struct neighbor_group *g = &n->group[i];

		if (g->state == GROUP_FREE)
			continue;
		used++;
		if (group_find(&n->table, g->port, &g->addr) != i)
			return "neighbor: a group is not found";
		if ((g->due != NANOS_NEVER) != wheel_is_set(&n->wheel, TIMER_GROUP(n, i)))
			return "neighbor: a group's timer is not as it says";
	}
	for (uint32_t p = 0; p < EPOCH_PORTS_MAX; p++)
		for (uint32_t i = n->port[p].first_group; i != NEIGHBOR_NONE; i = n->group[i].port_next)
			if (i >= NEIGHBOR_GROUPS || n->group[i].port.v != p || on_ports++ >= NEIGHBOR_GROUPS)
				return "neighbor: a port's groups lead astray";
	return used == n->header->groups && used == on_ports ? NULL : "neighbor: groups are counted wrongly";
}

static const char *check_wires(const struct neighbor *n)
{
	const struct neighbor_header *h = n->header;

	if (h->reopened & ~h->risen)
		return "neighbor: a link is another one and has not come back";
	return h->lost || h->risen || !h->link_cursor ? NULL : "neighbor: a walk has no end";
}

static const char *check_entries(const struct neighbor *n)
{
	struct tally t = {.n = n};
	const char *wrong = NULL;

	for (uint32_t list = 0; list < NEIGHBOR_LISTS && !wrong; list++)
		wrong = check_list(&t, (enum neighbor_list)list);
	if (!wrong)
		wrong = check_free(n, t.listed);
	if (!wrong)
		wrong = check_chains(n, t.listed);
	if (!wrong && (t.held != n->header->held || t.odd != n->header->pinned[1] ||
	                      t.held - t.odd != n->header->pinned[0]))
		wrong = "neighbor: packets that wait are counted wrongly";
	return wrong;
}

const char *neighbor_check(const struct neighbor *n)
{
	const char *wrong = n->header->magic == NEIGHBOR_MAGIC ? NULL : "neighbor: no state of neighbors";

	if (!wrong)
		wrong = check_entries(n);
	if (!wrong)
		wrong = check_addresses(n);
	if (!wrong)
		wrong = check_groups(n);
	if (!wrong)
		wrong = check_walks(n);
	if (!wrong)
		wrong = check_wires(n);
	return wrong ? wrong : wheel_check(&n->wheel);
}
