/* What is in the FIBs follows what was told. */
#include "services/control/routes/rib_internal.h"

#include <stdlib.h>

void rib_candidates(const struct rib *rib, struct rib_route *r, struct rib_candidates *c)
{
	for (uint32_t s = 1; s < RIB_SOURCES; s++)
		c->of[s] = s == r->source ? r : rib_lookup(rib, s, &r->to, r->metric);
}

void rib_choose(struct rib *rib, struct rib_candidates *c, uint32_t slot)
{
	c->winner = c->installed = NULL;
	c->change = NULL;
	for (uint32_t s = 1; s < RIB_SOURCES; s++) {
		struct rib_route *r = c->of[s];

		if (r && rib_in_fib(rib, r, slot))
			c->installed = r;
		if (r && !r->gone && !c->winner && rib_resolve(rib, r, slot))
			c->winner = r;
	}
}

/* The states as the newest slot has it. */
static void tell_states(struct rib *rib, struct rib_candidates *c, enum rib_state of_winner)
{
	enum rib_state state = RIB_UNRESOLVED;

	for (uint32_t s = 1; s < RIB_SOURCES; s++) {
		struct rib_route *r = c->of[s];

		if (!r)
			continue;
		rib_set_state(rib, r, r == c->winner ? of_winner : state);
		if (r == c->winner)
			state = RIB_SECOND;
	}
}

struct fib_route rib_fib_route(const struct rib *rib, const struct rib_route *r, uint32_t group)
{
	return (struct fib_route){.prefix = r->to,
	        .protocol = r->protocol,
	        .origin = (uint8_t)(r->source | (rib->lead.recursive ? RIB_RECURSIVE : 0)),
	        .metric = r->metric,
	        .group = group};
}

/* Puts the winner in; *state is what becomes of it.  0, or -ENOSPC: it may be tried again. */
static int install(struct rib *rib, struct rib_candidates *c, uint32_t slot, enum rib_state *state)
{
	struct fib *fib = rib->publisher->fib[slot];
	struct fib_route there, want;
	const char *change = NULL;
	uint32_t group;
	int err = fib_group_get(fib, &rib->lead.group, &group);

	*state = RIB_NO_ROOM;
	if (err)
		return err;
	want = rib_fib_route(rib, c->winner, group);
	if (!c->installed) {
		err = fib_route_add(fib, &want);
		change = "added";
	} else if (!fib_route_find(fib_reader_of(fib), &want.prefix, want.metric, &there) ||
	           there.group != group || there.protocol != want.protocol || there.origin != want.origin) {
		err = fib_route_replace(fib, &want);
		change = "changed";
	}
	fib_group_put(fib, group);
	if (err == -EEXIST) {
		*state = RIB_SECOND; /* the configuration's */
		return 0;
	}
	if (err)
		return err;
	if (c->installed)
		c->installed->in_fib[slot] = 0;
	c->winner->in_fib[slot] = rib->fib[slot];
	c->change = change;
	rib->moved |= change != NULL;
	*state = RIB_IN_FORCE;
	return 0;
}

static int sync_slot(struct rib *rib, struct rib_candidates *c, uint32_t slot, enum rib_state *state)
{
	int err = 0;

	rib_choose(rib, c, slot);
	*state = RIB_UNRESOLVED;
	if (c->winner)
		return install(rib, c, slot, state);
	if (c->installed)
		err = fib_route_del(rib->publisher->fib[slot], &c->installed->to, c->installed->metric);
	if (c->installed && (!err || err == -ENOENT)) {
		c->installed->in_fib[slot] = 0;
		c->change = "deleted";
		rib->moved = true;
	}
	return err == -ENOENT ? 0 : err;
}

static void tell_change(const struct rib *rib, const struct rib_candidates *c)
{
	const struct rib_route *r = c->winner ? c->winner : c->installed;

	if (rib->tell && c->change)
		rib->tell(rib->context, &(struct rib_change){.what = c->change,
		                                .to = r->to,
		                                .metric = r->metric,
		                                .protocol = r->protocol,
		                                .group = c->winner ? &rib->lead.group : NULL});
}

/* 0, or an error: some FIB is not in line. */
static int sync_name(struct rib *rib, struct rib_route *r, const uint32_t *slot, uint32_t n)
{
	struct rib_candidates c;
	int err = 0;

	rib_candidates(rib, r, &c);
	/* The newest last: its states and changes are those that are told. */
	for (uint32_t i = n; i-- > 0;) {
		enum rib_state state;
		int e = sync_slot(rib, &c, slot[i], &state);

		err = err ? err : e;
		if (i > 0)
			continue;
		tell_states(rib, &c, state);
		tell_change(rib, &c);
	}
	return err;
}

static struct rib_route *take_dirty(struct rib *rib)
{
	struct rib_route *r = rib->dirty_first;

	if (!r)
		return NULL;
	rib->dirty_first = r->next_dirty;
	if (!rib->dirty_first)
		rib->dirty_last = NULL;
	r->dirty = false;
	rib->n_dirty--;
	rib->fill.behind -= rib->fill.behind != 0;
	return r;
}

/* While a FIB is being filled it is not forgotten: it may have been collected. */
static void end_route(struct rib *rib, struct rib_route *r, const uint32_t *slot, uint32_t n)
{
	bool in_fib = false;

	for (uint32_t i = 0; i < n; i++)
		in_fib |= rib_in_fib(rib, r, slot[i]);
	if (r->gone && !in_fib && !rib->fill.on)
		rib_forget(rib, r);
}

static bool all_done(const struct rib *rib)
{
	return !rib->dirty_first && !rib_walks(rib);
}

void rib_on_change(
        struct rib *rib, void (*tell)(void *context, const struct rib_change *change), void *context)
{
	rib->tell = tell;
	rib->context = context;
}

/* Routes that have changed, some at a time.  False: there was no room, and something retired will give it. */
static bool sync_some(struct rib *rib, const uint32_t *slot, uint32_t n)
{
	for (uint32_t i = 0; i < RIB_SLICE && rib->dirty_first; i++) {
		struct rib_route *r = take_dirty(rib);
		int err = sync_name(rib, r, slot, n);

		if (err == -ENOSPC && publisher_reclaim(rib->publisher)) {
			rib_touch(rib, r);
			return false;
		}
		/* What did not fit is looked at again when something changes that gives it room: a refresh.
		 */
		end_route(rib, r, slot, n);
	}
	return true;
}

/* Vias are looked at as soon as what they are reached by is in. */
static uint32_t without_half_filled(const struct rib *rib, const uint32_t *slot, uint32_t n)
{
	return n - (n && rib->fill.on && !rib->fill.recursive && slot[n - 1] == rib->fill.slot);
}

int rib_flush(struct rib *rib)
{
	uint32_t slot[2], n = publisher_live(rib->publisher, slot);
	bool waits = publisher_reclaim(rib->publisher), room;

	rib_inherit_some(rib);
	if (rib->inherit.on)
		return 1;
	rib_walk(rib);
	if (!n)
		return rib_walks(rib) ? 1 : all_done(rib) ? 0 : -1;
	room = sync_some(rib, slot, n);
	if (rib->moved)
		rib_via_look(rib, slot, without_half_filled(rib, slot, n));
	rib->moved = false;
	if (room && all_done(rib))
		rib_via_sweep(rib);
	if (!room)
		return -1;
	return !all_done(rib) ? 1 : waits || publisher_reclaim(rib->publisher) ? -1 : 0;
}
