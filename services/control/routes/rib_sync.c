/* What is in the FIBs follows what was told. */
#include "services/control/routes/rib_internal.h"

#include <stdlib.h>

static uint8_t bit_of(uint32_t slot)
{
	return (uint8_t)(1u << slot);
}

/* All of one name, by their source; [0] is unused. */
struct candidates {
	struct rib_route *of[RIB_SOURCES];
	struct rib_route *winner;    /* the first that resolves, which leads to rib->lead; NULL: none does */
	struct rib_route *installed; /* what is in the FIB; NULL: nothing is */
	const char *change;          /* of the FIB; NULL: none */
};

static void find_candidates(const struct rib *rib, struct rib_route *r, struct candidates *c)
{
	for (uint32_t s = 1; s < RIB_SOURCES; s++)
		c->of[s] = s == r->source ? r : rib_lookup(rib, s, &r->to, r->metric);
}

static void choose(struct rib *rib, struct candidates *c, uint32_t slot)
{
	c->winner = c->installed = NULL;
	c->change = NULL;
	for (uint32_t s = 1; s < RIB_SOURCES; s++) {
		struct rib_route *r = c->of[s];

		if (r && r->in_fib & bit_of(slot))
			c->installed = r;
		if (r && !r->gone && !c->winner && rib_resolve(rib, r, slot))
			c->winner = r;
	}
}

/* The states as the newest slot has it. */
static void tell_states(struct rib *rib, struct candidates *c, enum rib_state of_winner)
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

static struct fib_route route_of(const struct rib_route *r, const struct rib_lead *lead, uint32_t group)
{
	return (struct fib_route){.prefix = r->to,
	        .protocol = r->protocol,
	        .origin = (uint8_t)(r->source | (lead->recursive ? RIB_RECURSIVE : 0)),
	        .metric = r->metric,
	        .group = group};
}

/* Puts the winner in; *state is what becomes of it.  0, or -ENOSPC: it may be tried again. */
static int install(struct rib *rib, struct candidates *c, uint32_t slot, enum rib_state *state)
{
	struct fib *fib = rib->publisher->fib[slot];
	struct fib_route there, want;
	const char *change = NULL;
	uint32_t group;
	int err = fib_group_get(fib, &rib->lead.group, &group);

	*state = RIB_NO_ROOM;
	if (err)
		return err;
	want = route_of(c->winner, &rib->lead, group);
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
		c->installed->in_fib &= (uint8_t)~bit_of(slot);
	c->winner->in_fib |= bit_of(slot);
	c->change = change;
	rib->moved |= change != NULL;
	*state = RIB_IN_FORCE;
	return 0;
}

static int sync_slot(struct rib *rib, struct candidates *c, uint32_t slot, enum rib_state *state)
{
	int err = 0;

	choose(rib, c, slot);
	*state = RIB_UNRESOLVED;
	if (c->winner)
		return install(rib, c, slot, state);
	if (c->installed)
		err = fib_route_del(rib->publisher->fib[slot], &c->installed->to, c->installed->metric);
	if (c->installed && (!err || err == -ENOENT)) {
		c->installed->in_fib &= (uint8_t)~bit_of(slot);
		c->change = "deleted";
		rib->moved = true;
	}
	return err == -ENOENT ? 0 : err;
}

static void tell_change(const struct rib *rib, const struct candidates *c)
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
	struct candidates c;
	int err = 0;

	find_candidates(rib, r, &c);
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
	return r;
}

/* A part of all routes is looked at again. */
static void go_on_refreshing(struct rib *rib)
{
	uint32_t n = 0;

	for (; rib->refresh_left && n < RIB_FLUSH_ROUTES; rib->refresh_left--) {
		for (struct rib_route *r = rib->bucket[rib->refresh_at]; r; r = r->next, n++)
			rib_touch(rib, r);
		rib->refresh_at = (rib->refresh_at + 1) & rib->mask;
	}
}

/* What is of slots that are not live any more is no matter. */
static void end_route(struct rib *rib, struct rib_route *r, const uint32_t *slot, uint32_t n)
{
	uint8_t live = 0;

	for (uint32_t i = 0; i < n; i++)
		live |= bit_of(slot[i]);
	r->in_fib &= live;
	if (r->gone && !r->in_fib)
		rib_forget(rib, r);
}

static bool all_done(const struct rib *rib)
{
	return !rib->dirty_first && !rib->refresh_left;
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
	for (uint32_t i = 0; i < RIB_FLUSH_ROUTES && rib->dirty_first; i++) {
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

int rib_flush(struct rib *rib)
{
	uint32_t slot[2], n = publisher_live(rib->publisher, slot);
	bool waits = publisher_reclaim(rib->publisher), room;

	if (!n)
		return all_done(rib) ? 0 : -1;
	go_on_refreshing(rib);
	room = sync_some(rib, slot, n);
	if (rib->moved)
		rib_via_look(rib, slot, n);
	rib->moved = false;
	if (room && all_done(rib))
		rib_via_sweep(rib);
	if (!room)
		return -1;
	return !all_done(rib) ? 1 : waits || publisher_reclaim(rib->publisher) ? -1 : 0;
}

/* ---- a FIB that is being made ---- */

struct filling {
	struct fib *fib;
	uint32_t slot;
	bool recursive; /* the second of two passes: by then what these lead by is in */
	struct fib_route *routes;
	struct rib_route **of;
	size_t n;
};

static void fill_one(struct rib *rib, struct filling *f, struct rib_route *r)
{
	struct fib_route there;
	struct candidates c;
	uint32_t group;

	find_candidates(rib, r, &c);
	choose(rib, &c, f->slot);
	if (c.winner != r || rib->lead.recursive != f->recursive)
		return;
	if (fib_route_find(fib_reader_of(f->fib), &r->to, r->metric, &there) ||
	        fib_group_get(f->fib, &rib->lead.group, &group))
		return;
	f->routes[f->n] = route_of(r, &rib->lead, group);
	f->of[f->n++] = r;
}

static void fill_pass(struct rib *rib, struct filling *f)
{
	f->n = 0;
	for (uint32_t b = 0; b <= rib->mask; b++)
		for (struct rib_route *r = rib->bucket[b]; r; r = r->next) {
			if (!f->recursive)
				r->in_fib &= (uint8_t)~bit_of(f->slot);
			if (!r->gone)
				fill_one(rib, f, r);
		}
	if (fib_route_load(f->fib, f->routes, f->n, NULL) == 0)
		for (size_t i = 0; i < f->n; i++)
			f->of[i]->in_fib |= bit_of(f->slot);
	for (size_t i = 0; i < f->n; i++)
		fib_group_put(f->fib, f->routes[i].group);
}

void rib_fill(void *context, uint32_t slot, const struct epoch *epoch, struct fib *fib)
{
	struct rib *rib = context;
	struct filling f = {.fib = fib,
	        .slot = slot,
	        .routes = calloc(rib->n + 1u, sizeof *f.routes),
	        .of = calloc(rib->n + 1u, sizeof *f.of)};

	(void)epoch;
	if (f.routes && f.of)
		fill_pass(rib, &f);
	f.recursive = true;
	if (f.routes && f.of && rib->n_vias)
		fill_pass(rib, &f);
	free(f.routes);
	free(f.of);
	rib_via_look(rib, &slot, 1);
	rib_refresh(rib);
}
