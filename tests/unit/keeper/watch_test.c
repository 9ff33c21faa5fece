#include "services/keeper/watch.h"

#include "common/ring/ring.h"

#include <criterion/criterion.h>

static uint64_t state_bytes(const struct stage_params *params)
{
	(void)params;
	return 4096;
}

static const struct stage_ops stage = {.name = "some", .state_bytes = state_bytes, .lines_a_packet = 2};
static const struct stage_ops *const stages[STAGE_COUNT] = {&stage, &stage, &stage, &stage};
static struct appliance a;

static void set_up(void)
{
	const struct stage_params params = {.lanes = 2, .buffers = 2048, .stride = 2240, .ring_slots = 512};

	cr_assert_eq(appliance_create(&a, &params, stages, 65536, 65536, false), 0);
	cr_assert_eq(appliance_map(&a, APPLIANCE_CONTROL | 0xf), 0);
}

static void tear_down(void)
{
	appliance_destroy(&a);
}

TestSuite(watch, .init = set_up, .fini = tear_down);

static void produce(const struct ring_plan *r, uint32_t words)
{
	struct ring_producer_half *p = appliance_public(&a, r->from, r->prod_off);

	p->prod += words;
}

static void consume(const struct ring_plan *r, uint32_t words)
{
	struct ring_consumer_half *c = appliance_public(&a, r->to, r->cons_off);

	c->cons += words;
}

Test(watch, finds_work_in_every_ring_but_spare_ones)
{
	nanos_t now = 100 * NANOS_PER_SEC;

	for (uint32_t w = 0; w < a.plan.n_workers; w++)
		cr_assert(!watch_has_work(&a, w, now), "worker %u at rest", w);
	for (uint32_t r = 0; r < a.plan.n_rings; r++) {
		const struct ring_plan *ring = &a.plan.ring[r];

		produce(ring, 3);
		for (uint32_t w = 0; w < a.plan.n_workers; w++)
			cr_assert_eq(watch_has_work(&a, w, now), w == ring->to && ring->role != RING_SPARE,
			        "ring %u, worker %u", r, w);
		consume(ring, 2);
		cr_assert_eq(watch_has_work(&a, ring->to, now), ring->role != RING_SPARE);
		consume(ring, 1);
		cr_assert(!watch_has_work(&a, ring->to, now));
	}
}

Test(watch, finds_work_in_an_epoch_and_in_a_timer_long_due)
{
	nanos_t now = 100 * NANOS_PER_SEC;

	appliance_control(&a)->epoch = 1;
	for (uint32_t w = 0; w < a.plan.n_workers; w++) {
		cr_assert(watch_has_work(&a, w, now));
		appliance_status(&a, w)->adopted = 1;
		cr_assert(!watch_has_work(&a, w, now));
		appliance_control(&a)->offered = 2;
		cr_assert(watch_has_work(&a, w, now), "it has not answered");
		appliance_status(&a, w)->ready = 2;
		cr_assert(!watch_has_work(&a, w, now));
		appliance_control(&a)->offered = 0;
		appliance_status(&a, w)->next_timer = now - 100 * NANOS_PER_MS;
		cr_assert(!watch_has_work(&a, w, now), "a timer that is a little late");
		cr_assert(watch_has_work(&a, w, now + NANOS_PER_SEC));
		appliance_status(&a, w)->next_timer = NANOS_NEVER;
		cr_assert(!watch_has_work(&a, w, now + NANOS_PER_SEC));
	}
}

Test(watch, does_not_blame_a_worker_for_a_ring_in_quarantine)
{
	produce(&a.plan.ring[0], 5);
	appliance_status(&a, a.plan.ring[0].to)->quarantines = 1;
	cr_assert(!watch_has_work(&a, a.plan.ring[0].to, NANOS_PER_SEC));
}

Test(watch, sees_one_lane_stall_while_the_other_works)
{
	const uint32_t stuck = plan_worker_id(&a.plan, STAGE_ROUTER, 1);
	struct watch w = {0};
	nanos_t now = 100 * NANOS_PER_SEC;
	uint32_t looks = 0;

	for (uint32_t r = 0; r < a.plan.n_rings; r++)
		if (a.plan.worker[a.plan.ring[r].to].stage == STAGE_ROUTER)
			produce(&a.plan.ring[r], 1);
	do {
		appliance_status(&a, plan_worker_id(&a.plan, STAGE_ROUTER, 0))->steps++;
		if (looks < 10)
			appliance_status(&a, stuck)->steps++;
		now += 250 * NANOS_PER_MS;
		looks++;
	} while (!watch_look(&w, &a, STAGE_ROUTER, false, now) && looks < 100);
	cr_assert_eq(looks, 10 + SUPERVISE_STALLED / (250 * NANOS_PER_MS));
	cr_assert(!watch_look(&w, &a, STAGE_FILTER, false, now), "of no other stage");
}

/* Whoever took its wake-up away: it is woken before it is judged. */
Test(watch, wakes_who_has_work)
{
	const struct ring_plan *ring = &a.plan.ring[0];
	enum stage_id stage_id = (enum stage_id)a.plan.worker[ring->to].stage;
	struct bell bell;
	struct watch w = {0};

	cr_assert_eq(bell_open(&bell), 0);
	a.bell[ring->to] = bell;
	cr_expect_not(watch_look(&w, &a, stage_id, false, NANOS_PER_SEC));
	cr_expect_eq(bell_wait(&bell, NULL, 0, 0), 0, "at rest it is left alone");
	produce(ring, 1);
	cr_expect_not(watch_look(&w, &a, stage_id, false, NANOS_PER_SEC));
	cr_expect_eq(bell_wait(&bell, NULL, 0, 0), 0, "it may just have come");
	appliance_status(&a, ring->to)->steps++;
	cr_expect_not(watch_look(&w, &a, stage_id, false, NANOS_PER_SEC + 1));
	cr_expect_eq(bell_wait(&bell, NULL, 0, 0), 0, "it works");
	cr_expect_not(watch_look(&w, &a, stage_id, false, NANOS_PER_SEC + 2));
	cr_expect_eq(bell_wait(&bell, NULL, 0, 0), 1);
}
