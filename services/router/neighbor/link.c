#include "services/router/neighbor/internal.h"

/* Between two rounds of announcements, however often a link comes and goes. */
#define ANNOUNCE_GAP NANOS_PER_SEC

bool neighbor_links_due(const struct neighbor *n)
{
	const struct board_links *links = n->hooks.links;

	return links && (n->header->lost || n->header->risen || board_links_changes(links) != n->links_seen);
}

/* What has become of a link since it was last looked at. */
static void look(const struct neighbor_call *c, uint32_t phys)
{
	struct neighbor_header *h = c->n->header;
	struct neighbor_wire *w = &c->n->wire[phys];
	uint64_t was = w->link, is = board_link(c->n->hooks.links, phys);
	uint32_t bit = 1u << phys;

	if (is == was)
		return;
	call_touch(c, w);
	call_touch(c, &h->lost);
	w->link = is;
	if (!was)
		return; /* what stands there waits by itself for its first announcement */
	if (was & BOARD_LINK_UP || !board_link_lasted(was, is)) {
		h->lost |= bit;
		w->losses++;
	}
	if (!(is & BOARD_LINK_UP))
		return;
	h->risen |= bit;
	if (board_link_reopened(was, is))
		h->reopened |= bit;
	if (w->announce_at <= c->now)
		w->announce_at = MAX(c->now, w->announce_at + ANNOUNCE_GAP);
}

/* A walk is ended first, so that links which come and go without end can not keep it from its end. */
static void look_at_all(const struct neighbor_call *c)
{
	struct neighbor *n = c->n;

	if (n->header->lost || n->header->risen)
		return;
	n->links_seen = board_links_changes(n->hooks.links);
	for (uint32_t phys = 0; phys < EPOCH_PHYS_MAX; phys++)
		look(c, phys);
}

static uint32_t bit_of(const struct neighbor_call *c, const struct neighbor_wire *w)
{
	return w ? 1u << (w - c->n->wire) : 0;
}

/* Linux neigh_carrier_down, neigh_ifdown.  What was learnt since the loss stays.  false: the outbox is full.
 */
static bool entry_step(const struct neighbor_call *c, uint32_t slot)
{
	const struct neighbor_entry *e = &c->n->entry[slot];
	const struct neighbor_wire *w = neighbor_wire(c, e->port);
	uint32_t bit = bit_of(c, w);

	if (entry_state(e) == NUD_NONE)
		return true;
	if (c->n->header->lost & bit && e->losses != w->losses)
		return entry_remove(c, slot, DROP_NEIGH_DEAD);
	if (c->n->header->risen & bit)
		nud_ask_again(c, slot);
	return true;
}

static void address_step(const struct neighbor_call *c, uint32_t i)
{
	const struct neighbor_address *a = &c->n->address[i];
	const struct neighbor_wire *w = neighbor_wire(c, a->port);
	uint32_t bit = bit_of(c, w);

	if (a->state != ADDRESS_FREE && c->n->header->risen & bit)
		address_risen(c, i, c->n->header->reopened & bit, w->announce_at);
}

static void group_step(const struct neighbor_call *c, uint32_t i)
{
	const struct neighbor_group *g = &c->n->group[i];
	const struct neighbor_wire *w = neighbor_wire(c, g->port);

	if (g->state != GROUP_FREE && c->n->header->risen & bit_of(c, w))
		group_risen(c, i, w->announce_at);
}

/* One after the other, in the order of their timers: entries, addresses, groups. */
static bool step(const struct neighbor_call *c, uint32_t i)
{
	const struct neighbor *n = c->n;

	if (i < TIMER_ADDRESS(n, 0))
		return entry_step(c, i);
	if (i < TIMER_GROUP(n, 0))
		address_step(c, i - TIMER_ADDRESS(n, 0));
	else
		group_step(c, i - TIMER_GROUP(n, 0));
	return true;
}

void neighbor_links(const struct neighbor_call *c, uint32_t room)
{
	struct neighbor_header *h = c->n->header;

	look_at_all(c);
	if (!h->lost && !h->risen)
		return;
	call_touch(c, &h->lost);
	for (uint32_t items = 0; items < NEIGHBOR_ITEMS_BURST && neighbor_has_room(c, room); items++) {
		if (h->link_cursor == TIMER_PORT(c->n, 0, 0)) {
			h->lost = h->risen = h->reopened = h->link_cursor = 0;
			return;
		}
		if (step(c, h->link_cursor))
			h->link_cursor++;
	}
}
