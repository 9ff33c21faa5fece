/* What is done to all routes: several passes by one walk, a part of the table at a time. */
#include "services/control/routes/rib_internal.h"

#include <stdlib.h>

void rib_pass_begin(struct rib *rib, enum rib_pass pass)
{
	rib->walk_left[pass] = rib->n_buckets;
}

bool rib_walks(const struct rib *rib)
{
	uint32_t left = 0;

	for (uint32_t p = 0; p < RIB_PASSES; p++)
		left |= rib->walk_left[p];
	return left;
}

/* The ways that its next hop has now are its own. */
static void freeze(struct rib *rib, struct rib_route *r)
{
	const struct rib_nexthop *h = rib_nexthop_find(rib, rib_feed_of(r->source), r->nexthop), *member;
	uint32_t n = h ? MAX(h->n_members, 1u) : 0;
	struct rib_hop *hop = r->nexthop ? calloc(MAX(n, 1u), sizeof *hop) : NULL;

	if (!hop)
		return;
	free(r->hop);
	r->hop = hop;
	rib->numbered[rib_feed_of(r->source)]--;
	r->nexthop = r->n_hops = 0;
	if (h && h->blackhole)
		r->type = FIB_BLACKHOLE;
	if (h && !h->n_members)
		r->hop[r->n_hops++] = h->hop;
	for (uint32_t i = 0; h && i < h->n_members; i++) {
		member = rib_nexthop_find(rib, h->feed, h->member[i].id);
		if (!member || member->n_members || member->blackhole)
			continue;
		r->hop[r->n_hops] = member->hop;
		r->hop[r->n_hops++].weight = h->member[i].weight;
	}
}

static void visit(struct rib *rib, struct rib_route *r)
{
	if (rib->walk_left[RIB_FREEZE + rib_feed_of(r->source)])
		freeze(rib, r);
	if (rib->walk_left[RIB_SWEEP] && r->told <= rib->swept[r->source])
		rib_go(rib, r);
	if (rib->walk_left[RIB_REFRESH])
		rib_touch(rib, r);
	if (rib->walk_left[RIB_COLLECT])
		rib_collect(rib, r);
}

static void end_bucket(struct rib *rib)
{
	bool frozen[RIB_FEEDS] = {false};

	rib->walk_at = rib->walk_at + 1 == rib->n_buckets ? 0 : rib->walk_at + 1;
	for (uint32_t p = 0; p < RIB_PASSES; p++)
		if (rib->walk_left[p] && --rib->walk_left[p] == 0 && p < RIB_FREEZE + RIB_FEEDS)
			frozen[p - RIB_FREEZE] = true;
	/* After all have been counted: what is forgotten begins a pass of its own. */
	for (uint32_t f = 0; f < RIB_FEEDS; f++)
		if (frozen[f])
			rib_nexthop_forget_all(rib, (enum rib_feed)f);
}

void rib_walk(struct rib *rib)
{
	for (uint32_t n = 0; n < RIB_SLICE && rib_walks(rib); n++) {
		for (struct rib_route *r = rib->bucket[rib->walk_at]; r; r = r->next, n++)
			visit(rib, r);
		end_bucket(rib);
	}
}

/* Where the walk has been around the table's end it comes by the new bucket no more: its routes have their
 * turn now, some of them once more, which does no harm. */
void rib_walk_split(struct rib *rib)
{
	if (!rib_walks(rib))
		return;
	for (struct rib_route *r = rib->bucket[rib->n_buckets - 1]; r; r = r->next)
		visit(rib, r);
	for (uint32_t p = 0; p < RIB_PASSES; p++)
		rib->walk_left[p] += rib->walk_left[p] != 0;
}
