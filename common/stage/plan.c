#include "common/stage/plan.h"

#include "common/ring/ring.h"

static bool power_of_two(uint64_t x)
{
	return x && !(x & (x - 1));
}

static bool params_ok(const struct stage_params *p)
{
	return p->lanes >= 1 && p->lanes <= LANES_MAX && p->buffers % p->lanes == 0 &&
	       power_of_two(p->buffers / p->lanes) && p->buffers / p->lanes >= 64 &&
	       p->buffers <= RING_SLOTS_MAX && power_of_two(p->ring_slots) && p->ring_slots >= 64 &&
	       p->ring_slots <= RING_SLOTS_MAX;
}

static uint64_t take(uint64_t *at, uint64_t bytes)
{
	uint64_t off = *at;

	*at = ALIGN_UP(off + bytes, (uint64_t)CACHE_LINE);
	return off;
}

static void add_ring(struct plan *plan, enum ring_role role, uint32_t from, uint32_t to, uint32_t slots)
{
	struct ring_plan *r = &plan->ring[plan->n_rings++];
	struct worker_plan *wf = &plan->worker[from], *wt = &plan->worker[to];

	assert(plan->n_rings <= PLAN_RINGS_MAX);
	*r = (struct ring_plan){
	        .role = (uint8_t)role, .from = (uint8_t)from, .to = (uint8_t)to, .slots = slots};
	r->from_link = (uint8_t)wf->n_links++;
	r->to_link = (uint8_t)wt->n_links++;
	r->prod_off = take(&plan->public_bytes[wf->stage], ring_producer_bytes(slots));
	r->cons_off = take(&plan->public_bytes[wt->stage], sizeof(struct ring_consumer_half));
}

/* Rings from each lane of a stage to each (or only the same) lane of another. */
static void add_rings(struct plan *plan, enum ring_role role, enum stage_id from, enum stage_id to,
        uint32_t slots, bool across)
{
	for (uint32_t l = 0; l < plan->params.lanes; l++)
		for (uint32_t m = 0; m < plan->params.lanes; m++)
			if (across || l == m)
				add_ring(plan, role, plan_worker_id(plan, from, l),
				        plan_worker_id(plan, to, m), slots);
}

static void lay_rings(struct plan *plan)
{
	const struct stage_params *p = &plan->params;
	uint32_t slots = p->ring_slots, home = p->buffers / p->lanes;

	add_rings(plan, RING_TX, STAGE_SESSION, STAGE_ROUTER, slots, false);
	add_rings(plan, RING_TX, STAGE_ROUTER, STAGE_FILTER, slots, false);
	add_rings(plan, RING_TX, STAGE_FILTER, STAGE_INGEST, slots, true);
	for (uint32_t l = 1; l < p->lanes; l++)
		add_ring(plan, RING_PUNT, plan_worker_id(plan, STAGE_ROUTER, l),
		        plan_worker_id(plan, STAGE_ROUTER, 0), slots);
	add_rings(plan, RING_RX, STAGE_INGEST, STAGE_FILTER, slots, true);
	add_rings(plan, RING_RX, STAGE_FILTER, STAGE_ROUTER, slots, false);
	add_rings(plan, RING_RX, STAGE_ROUTER, STAGE_SESSION, slots, true);
	for (uint32_t s = STAGE_FILTER; s <= STAGE_SESSION; s++) {
		/* As many slots as the home has buffers: never full. */
		add_rings(plan, RING_FREE, (enum stage_id)s, STAGE_INGEST, home, true);
		add_rings(plan, RING_SPARE, STAGE_INGEST, (enum stage_id)s,
		        MIN(1024u, pow2_at_least(home / 8)), false);
	}
	for (uint32_t l = 0; l < p->lanes; l++)
		for (uint32_t m = 0; m < p->lanes; m++)
			if (l != m)
				add_ring(plan, RING_BACK, plan_worker_id(plan, STAGE_INGEST, l),
				        plan_worker_id(plan, STAGE_INGEST, m), home);
}

static uint32_t undo_lines(const struct stage_ops *ops)
{
	uint32_t burst = ops->lines_a_packet * BURST_MAX, other = ops->lines_a_burst;

	/* and what the frame itself may touch: counters, the stack of free buffers */
	return MIN(MAX(burst, other) + 128, (uint32_t)UINT16_MAX);
}

static void lay_worker(struct plan *plan, struct worker_plan *w, const struct stage_ops *ops)
{
	uint64_t *state = &plan->state_bytes[w->stage], *public = &plan->public_bytes[w->stage];
	uint64_t bytes = ALIGN_UP(ops->state_bytes(&plan->params), (uint64_t)CACHE_LINE);

	w->journal_off = take(public, sizeof(struct journal_shared));
	w->status_off = take(public, sizeof(struct worker_status));
	w->trace_off = take(public, sizeof(struct trace_ring));
	w->census_off = take(public, worker_census_bytes(plan->params.buffers));
	w->samples_off = take(public, sizeof(struct worker_samples));
	if (w->stage == STAGE_INGEST)
		w->polls_off = take(public, sizeof(struct poll_stats));
	w->state_bytes = bytes + sizeof(struct stat_block);
	if (w->stage == STAGE_INGEST)
		w->state_bytes += ALIGN_UP(
		        plan->params.buffers / plan->params.lanes * sizeof(uint32_t), (uint64_t)CACHE_LINE);
	w->state_off = take(state, w->state_bytes);
	w->stats_off = w->state_off + bytes;
	w->stack_off = w->stats_off + sizeof(struct stat_block);
	w->undo_lines = undo_lines(ops);
	w->undo_off = take(state, journal_undo_bytes(w->undo_lines));
}

int plan_make(
        struct plan *plan, const struct stage_params *params, const struct stage_ops *const ops[STAGE_COUNT])
{
	if (!params_ok(params))
		return -EINVAL;
	*plan = (struct plan){.params = *params, .n_workers = STAGE_COUNT * params->lanes};
	for (uint32_t id = 0; id < plan->n_workers; id++) {
		plan->worker[id].stage = (uint8_t)(id / params->lanes);
		plan->worker[id].lane = (uint8_t)(id % params->lanes);
		lay_worker(plan, &plan->worker[id], ops[id / params->lanes]);
	}
	lay_rings(plan);
	for (uint32_t id = 0; id < plan->n_workers; id++) {
		uint64_t *public = &plan->public_bytes[plan->worker[id].stage];

		plan->worker[id].tap_off = take(public, sizeof(struct tap_ring));
		plan->worker[id].box_off = take(public, sizeof(struct black_box));
	}
	for (uint32_t id = 0; id < plan->n_workers; id++)
		if (LINK_STACK(&plan->worker[id]) >= RECORD_LINKS)
			return -EINVAL;
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		plan->public_bytes[s] = ALIGN_UP(plan->public_bytes[s], UINT64_C(4096));
		plan->state_bytes[s] = ALIGN_UP(MAX(plan->state_bytes[s], UINT64_C(64)), UINT64_C(4096));
	}
	return 0;
}
