#include "services/keeper/watch.h"

#include "common/ring/ring.h"

/* A timer that is late by less is only late. */
#define TIMER_LATE (500 * NANOS_PER_MS)

static bool ring_waits(const struct appliance *a, const struct ring_plan *r)
{
	const struct ring_producer_half *p = appliance_public(a, r->from, r->prod_off);
	const struct ring_consumer_half *c = appliance_public(a, r->to, r->cons_off);

	return __atomic_load_n(&p->prod, __ATOMIC_ACQUIRE) != __atomic_load_n(&c->cons, __ATOMIC_ACQUIRE);
}

bool watch_has_work(const struct appliance *a, uint32_t worker, nanos_t now)
{
	const struct worker_status *s = appliance_status(a, worker);
	const struct control_block *control = appliance_control(a);
	nanos_t timer = __atomic_load_n(&s->next_timer, __ATOMIC_RELAXED);
	uint32_t offered = __atomic_load_n(&control->offered, __ATOMIC_ACQUIRE);

	if (__atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE) !=
	        __atomic_load_n(&s->adopted, __ATOMIC_ACQUIRE))
		return true;
	if (offered && offered != __atomic_load_n(&s->ready, __ATOMIC_ACQUIRE))
		return true;
	if (timer && timer < now && now - timer > TIMER_LATE)
		return true;
	/* What lies in a ring that is in quarantine will lie there. */
	if (__atomic_load_n(&s->quarantines, __ATOMIC_RELAXED))
		return false;
	for (uint32_t r = 0; r < a->plan.n_rings; r++)
		if (a->plan.ring[r].to == worker && a->plan.ring[r].role != RING_SPARE &&
		        ring_waits(a, &a->plan.ring[r]))
			return true;
	return false;
}

bool watch_look(struct watch *w, struct appliance *a, enum stage_id stage, bool waiting, nanos_t now)
{
	bool stalled = false;

	for (uint32_t l = 0; l < a->plan.params.lanes; l++) {
		uint32_t id = plan_worker_id(&a->plan, stage, l);
		uint64_t steps = __atomic_load_n(&appliance_status(a, id)->steps, __ATOMIC_RELAXED);

		if (supervise_stalled(&w->worker[l], steps, waiting || watch_has_work(a, id, now), now))
			stalled = true;
		/* Who waits for it is not to blame for a wake-up that another has taken away. */
		else if (w->worker[l].since && w->worker[l].since < now)
			bell_ring(&a->bell[id]);
	}
	return stalled;
}
