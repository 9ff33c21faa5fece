/* way: how full the rings are that a frame passes between the port it came by and the one it leaves by.
 *
 * No stage behind ingest waits for room: what finds none is dropped.  So that this does not happen to frames
 * from ports, ingest lets no more of them in than half a lane's rings hold, all of them taken together; the
 * other half is for what stages make themselves and for bursts that are between two rings.  Rings up to the
 * session are not on the way: one that nobody empties must not stop what is forwarded. */
#include "common/stage/worker_internal.h"

/* Of a ring on the way: the lane of the filter or router at its ends; LANES_MAX: it is not on it. */
static uint32_t lane_of(const struct plan *plan, const struct ring_plan *r)
{
	const struct worker_plan *from = &plan->worker[r->from], *to = &plan->worker[r->to];

	if (r->role == RING_RX && to->stage != STAGE_SESSION)
		return to->lane;
	if (r->role == RING_TX && from->stage != STAGE_SESSION)
		return from->lane;
	return LANES_MAX;
}

void way_attach(struct worker *w)
{
	struct appliance *a = w->appliance;

	for (uint32_t k = 0; k < a->plan.n_rings; k++) {
		const struct ring_plan *r = &a->plan.ring[k];
		const struct ring_producer_half *prod = appliance_public(a, r->from, r->prod_off);
		const struct ring_consumer_half *cons = appliance_public(a, r->to, r->cons_off);
		uint32_t lane = lane_of(&a->plan, r);

		if (lane == LANES_MAX)
			continue;
		assert(w->n_way < WORKER_WAY);
		w->way[w->n_way++] = (struct worker_way){&prod->prod, &cons->cons, lane};
	}
}

uint32_t way_room(const struct worker *w)
{
	uint32_t slots = w->appliance->plan.params.ring_slots, lanes = w->appliance->plan.params.lanes;
	uint32_t used[LANES_MAX] = {0}, most = 0;

	assert(lanes > 0);
	for (uint32_t k = 0; k < w->n_way; k++) {
		const struct worker_way *r = &w->way[k];
		uint32_t cons = __atomic_load_n(r->cons, __ATOMIC_ACQUIRE); /* first: it may move meanwhile */
		uint32_t n = __atomic_load_n(r->prod, __ATOMIC_RELAXED) - cons;

		used[r->lane] += n <= slots ? n : 0; /* a broken one's reader closes it */
	}
	for (uint32_t l = 0; l < lanes; l++)
		most = MAX(most, used[l]);
	/* Each lane's ingest may be letting frames into each lane at the same moment. */
	return most < slots / 2 ? (slots / 2 - most + lanes - 1) / lanes : 0;
}
