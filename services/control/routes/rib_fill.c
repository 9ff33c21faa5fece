/* A FIB that is being made: its routes are collected by their addresses, then put in in that order,
 * neighbours together, which costs a tenth of what it does in any order. */
#include "services/control/routes/rib_internal.h"

#include <stdlib.h>

#define COLLECT_SLICES 8u /* of a walk at a time: it only reads */

/* Some routes that lead somewhere. */
struct slice {
	struct fib_route route[RIB_SLICE];
	struct rib_route *of[RIB_SLICE];
	uint32_t n;
};

int rib_fill_begin(struct rib *rib)
{
	struct rib_filling *f = &rib->fill;
	uint32_t slot = rib->publisher->making & 1;

	assert(rib->publisher->making && !f->on);
	rib->fib[slot] = ++rib->fibs;
	f->part = rib->n ? calloc(RIB_FILL_PARTS, sizeof *f->part) : NULL;
	if (rib->n && !f->part)
		return -ENOMEM;
	*f = (struct rib_filling){.on = rib->n, .slot = slot, .part = f->part};
	if (f->on)
		rib_pass_begin(rib, RIB_COLLECT);
	return 0;
}

void rib_fill_end(struct rib *rib)
{
	struct rib_filling *f = &rib->fill;

	if (!f->on)
		return;
	free(f->part);
	free(f->item);
	*f = (struct rib_filling){0};
	rib->walk_left[RIB_COLLECT] = 0;
	/* What did not get in, and what has gone meanwhile, is looked at; and what of it is to be told. */
	rib_refresh(rib);
}

/* ---- collecting ---- */

static uint32_t part_of(const struct rib_route *r)
{
	const struct ip6_addr *a = &r->to.addr;

	return be32_to_host(a->w32[r->to.family == FIB_IPV4 ? 3 : 0]) >> 16;
}

static bool make_room(struct rib_filling *f, uint32_t wanted)
{
	struct rib_collected *more = realloc(f->item, (size_t)wanted * sizeof *more);

	if (!more)
		return false;
	f->item = more;
	f->room = wanted;
	return true;
}

void rib_collect(struct rib *rib, struct rib_route *r)
{
	struct rib_filling *f = &rib->fill;
	struct rib_part *part = &f->part[part_of(r)];

	if (r->gone || f->failed)
		return;
	f->failed = f->n + 1 >= f->room && !make_room(f, MAX(2 * f->room, rib->n + 2));
	if (f->failed)
		return;
	f->item[++f->n] = (struct rib_collected){r, part->first};
	part->first = f->n;
	part->n++;
}

/* ---- putting in ---- */

static void prepare(struct rib *rib, struct slice *s, struct rib_route *r)
{
	struct fib *fib = rib->publisher->fib[rib->fill.slot];
	struct rib_candidates c;
	struct fib_route there;
	uint32_t group;

	if (r->gone || rib_in_fib(rib, r, rib->fill.slot))
		return;
	rib_candidates(rib, r, &c);
	rib_choose(rib, &c, rib->fill.slot);
	/* One of another source is in where it was told and flushed meanwhile, or this one had no way yet. */
	if (c.winner == r && c.installed)
		rib_touch(rib, r);
	if (c.winner != r || c.installed || rib->lead.recursive != rib->fill.recursive)
		return;
	if (fib_route_find(fib_reader_of(fib), &r->to, r->metric, &there) ||
	        fib_group_get(fib, &rib->lead.group, &group))
		return;
	s->route[s->n] = rib_fib_route(rib, r, group);
	s->of[s->n++] = r;
}

static uint32_t prepare_some(struct rib *rib, struct slice *s, uint32_t from, uint32_t n)
{
	for (; n && from; n--, from = rib->fill.item[from].next)
		prepare(rib, s, rib->fill.item[from].route);
	return from;
}

/* Parts as long as they fit; of one that is larger a slice.  Whether it is one of those: what is put in at
 * once has the whole part shown anew. */
static bool prepare_slice(struct rib *rib, struct slice *s)
{
	struct rib_filling *f = &rib->fill;
	uint32_t room = RIB_SLICE;

	for (; f->at < RIB_FILL_PARTS && f->part[f->at].n <= room; f->at++) {
		room -= f->part[f->at].n;
		(void)prepare_some(rib, s, f->part[f->at].first, f->part[f->at].n);
	}
	if (f->at == RIB_FILL_PARTS || room < RIB_SLICE)
		return false;
	f->next = prepare_some(rib, s, f->next ? f->next : f->part[f->at].first, RIB_SLICE);
	f->at += f->next == 0;
	return true;
}

static void put_in(struct rib *rib, struct slice *s, bool one_by_one)
{
	struct fib *fib = rib->publisher->fib[rib->fill.slot];
	bool all = !one_by_one && fib_route_load(fib, s->route, s->n, NULL) == 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (all || fib_route_add(fib, &s->route[i]) == 0)
			s->of[i]->in_fib[rib->fill.slot] = rib->fib[rib->fill.slot];
		fib_group_put(fib, s->route[i].group);
	}
	fib_reclaim(fib, fib_retired(fib)); /* nobody reads it yet */
}

static int put_some(struct rib *rib)
{
	struct slice *s = malloc(sizeof *s);
	bool large;

	if (!s)
		return -ENOMEM;
	s->n = 0;
	large = prepare_slice(rib, s);
	put_in(rib, s, large);
	free(s);
	return 1;
}

/* A route that was gone in its turn and is told again, though not flushed, is in force still: what is dirty
 * by now is flushed, and what is so later is in. */
static int catch_up(struct rib *rib)
{
	struct rib_filling *f = &rib->fill;

	if (!f->all_in)
		f->behind = rib->n_dirty;
	f->all_in = true;
	if (f->behind)
		(void)rib_flush(rib);
	return f->behind != 0;
}

static int go_on(struct rib *rib)
{
	struct rib_filling *f = &rib->fill;

	for (uint32_t i = 0; i < COLLECT_SLICES && rib->walk_left[RIB_COLLECT]; i++)
		rib_walk(rib);
	if (f->failed)
		return -ENOMEM;
	if (rib->walk_left[RIB_COLLECT])
		return 1;
	if (f->at < RIB_FILL_PARTS)
		return put_some(rib);
	if (!f->recursive && rib->n_vias) {
		rib_via_settle(rib, f->slot);
		f->recursive = true;
		f->at = 0;
		return 1;
	}
	return catch_up(rib);
}

int rib_fill(struct rib *rib)
{
	int more = rib->fill.on ? go_on(rib) : 0;

	if (more <= 0)
		rib_fill_end(rib);
	return more;
}
