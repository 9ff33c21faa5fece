#include "services/control/config/history.h"

#include <stdlib.h>

static struct change *find(const struct history *h, uint32_t number)
{
	uint32_t lo = 0, hi = h->n;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (h->list[mid].r.number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < h->n && h->list[lo].r.number == number ? &h->list[lo] : NULL;
}

const struct change *history_find(const struct history *h, uint32_t number)
{
	return find(h, number);
}

static int add(struct history *h, const struct entry *r)
{
	if (h->n == h->room) {
		uint32_t room = h->room ? h->room * 2 : 16;
		struct change *list = realloc(h->list, room * sizeof *list);

		if (!list)
			return -ENOMEM;
		h->list = list;
		h->room = room;
	}
	/* What came before is forgotten, or there was nothing. */
	if (!h->n && !h->in_force)
		h->in_force = r->base;
	h->list[h->n++] = (struct change){.r = *r};
	h->next = r->number + 1;
	return 0;
}

/* What a later entry says of a change. */
static void note(struct history *h, const struct entry *r)
{
	struct change *c = find(h, r->number);

	if (!c)
		return;
	if (r->event != ENTRY_RESTORED && r->event != ENTRY_ADOPTED && r->event != c->r.event) {
		c->r.event = r->event;
		c->ended_ms = r->at_ms;
	}
	if (r->epoch)
		c->r.epoch = r->epoch;
	if (r->took_us)
		c->r.took_us = r->took_us;
	if (r->why[0])
		memcpy(c->r.why, r->why, sizeof c->r.why);
}

static uint32_t base_of(const struct history *h, uint32_t number)
{
	const struct change *c = find(h, number);

	return c ? c->r.base : 0;
}

/* The base of a change comes back into force. */
static void back(struct history *h, uint32_t number)
{
	h->in_force = base_of(h, number);
	h->in_force_epoch = 0;
	h->waits = 0;
}

static void in_force(struct history *h, const struct entry *r)
{
	h->in_force = r->number;
	h->in_force_epoch = r->epoch;
	h->since_ms = r->at_ms;
}

int history_take(struct history *h, const struct entry *r)
{
	const struct change *c;
	int err = 0;

	/* Behind the last number there is none: a line that was spoilt has it. */
	if (r->event == ENTRY_BEGUN || r->event == ENTRY_REFUSED)
		err = r->number >= h->next && r->number < UINT32_MAX ? add(h, r) : 0;
	if (err)
		return err;
	note(h, r);
	c = find(h, r->number);
	switch ((enum entry_event)r->event) {
	case ENTRY_BEGUN: h->begun = r->number; return 0;
	case ENTRY_APPLIED:
		in_force(h, r);
		h->waits = c && c->r.confirm_s ? r->number : 0;
		if (c && c->r.act == ENTRY_START)
			h->started = r->number;
		break;
	case ENTRY_CONFIRMED: h->waits = 0; break;
	case ENTRY_UNDONE:
	case ENTRY_UNCONFIRMED:
	case ENTRY_ROLLED_BACK: back(h, r->number); break;
	case ENTRY_RESTORED: in_force(h, r); break;
	case ENTRY_ADOPTED: h->in_force_epoch = r->epoch; break;
	case ENTRY_REFUSED:
	case ENTRY_INTERRUPTED:
	case ENTRY_EVENTS_N: break;
	}
	if (h->begun == r->number)
		h->begun = 0;
	return 0;
}

bool history_has_text(const struct change *c)
{
	return c->r.event != ENTRY_REFUSED;
}

static bool needed(const struct history *h, uint32_t number, uint32_t base)
{
	return number == h->in_force || number == h->started || number == h->begun || number == base;
}

bool history_needs(const struct history *h, uint32_t number)
{
	return needed(h, number, base_of(h, h->in_force));
}

void history_forget(struct history *h, uint32_t keep)
{
	uint32_t from = h->n > keep ? h->n - keep : 0, n = 0;

	const uint32_t base = base_of(h, h->in_force);

	for (uint32_t i = 0; i < h->n; i++)
		if (i >= from || needed(h, h->list[i].r.number, base))
			h->list[n++] = h->list[i];
	h->n = n;
}

void history_free(struct history *h)
{
	free(h->list);
	*h = (struct history){0};
}
