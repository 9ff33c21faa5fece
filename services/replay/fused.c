#include "services/replay/internal.h"

#include <stdlib.h>

int fused_start(struct replay *r)
{
	for (uint32_t id = 0; id < r->appliance.plan.n_workers; id++) {
		int err;

		r->worker[id] = calloc(1, sizeof *r->worker[id]);
		if (!r->worker[id])
			return -ENOMEM;
		err = worker_start(r->worker[id], &r->appliance, id);
		if (err) {
			free(r->worker[id]);
			r->worker[id] = NULL;
			return err;
		}
	}
	return 0;
}

/* When something happens next by itself: a packet of the capture, or a timer. */
static nanos_t next_event(const struct replay *r, nanos_t *next_packet)
{
	nanos_t next = NANOS_NEVER;

	*next_packet = NANOS_NEVER;
	for (uint32_t id = 0; id < r->appliance.plan.n_workers; id++) {
		nanos_t t = worker_next_timer(r->worker[id]);

		next = MIN(next, t);
		if (r->appliance.plan.worker[id].stage == STAGE_INGEST)
			*next_packet = MIN(*next_packet, t);
	}
	return next;
}

/* Moves the clock; false: the end.  Behind the last packet it goes on for `linger`. */
static bool advance(struct replay *r)
{
	nanos_t next_packet, next = next_event(r, &next_packet);

	if (next_packet != NANOS_NEVER)
		r->end = next_packet + r->options.linger;
	if (next == NANOS_NEVER || next > r->end)
		return false;
	r->now = MAX(next, r->now + 1);
	__atomic_store_n(&appliance_control(&r->appliance)->clock, r->now, __ATOMIC_RELEASE);
	return true;
}

int fused_run(struct replay *r)
{
	bool did;
	int err = fused_start(r);

	do {
		did = false;
		for (uint32_t id = 0; !err && id < r->appliance.plan.n_workers; id++)
			did |= worker_step(r->worker[id], r->now);
		if (!err)
			err = explain_collect(r);
		capture_collect(r);
		if (!err && !did)
			did = advance(r);
	} while (did);
	return err ? err : capture_end(r);
}
