/* begin: what every burst starts from: the time, spare buffers, the taps that are open. */
#include "common/stage/worker_internal.h"

#include <time.h>

nanos_t worker_now(const struct worker *w)
{
	struct timespec ts;

	if (__atomic_load_n(&w->control->clock_shared, __ATOMIC_RELAXED))
		return __atomic_load_n(&w->control->clock, __ATOMIC_ACQUIRE);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nanos_t)ts.tv_sec * NANOS_PER_SEC + (nanos_t)ts.tv_nsec;
}

/* Free buffers for what the stage may make of its own. */
static void take_spare(struct worker *w)
{
	struct spare *s = &w->spare;
	struct worker_in *in;
	uint32_t at, n;

	if (w->spare_in == NO_RING || s->n >= OUTBOX_MAX / 2)
		return;
	in = &w->in[w->spare_in];
	at = w->journal.work->index[in->link];
	n = MIN(ring_used(&in->end, at), OUTBOX_MAX);
	for (; s->n < n; s->n++) {
		struct desc d = desc_unpack(ring_get(&in->end, at + s->n));

		if (!pool_has(&w->appliance->pool, d.index)) {
			in->end.quarantined = true;
			w->status->quarantines++;
			break;
		}
		s->index[s->n] = d.index;
	}
}

void begin_burst(struct worker *w, enum input_kind kind, uint8_t peer_lane, uint32_t n, nanos_t now)
{
	struct burst *b = &w->burst;

	burst_reset(b, kind, n);
	b->input_lane = peer_lane;
	b->epoch = (uint16_t)w->newest;
	w->log.now = now;
	w->log.n = 0;
	w->n_rejected = 0;
	w->n_bad = 0;
	w->spare.used = 0;
	(void)tap_look(&w->taps);
	take_spare(w);
}
