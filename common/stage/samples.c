/* samples: how large some of the bursts are and how long they take (common/stage/samples.h). */
#include "common/stage/worker_internal.h"

nanos_t sample_take(const struct worker *w)
{
	nanos_t now = worker_now(w);

	return now ? now : 1; /* 0 is for those that are not sampled */
}

void sample_end(struct worker *w, nanos_t began, uint32_t waiting, bool sent)
{
	struct worker_samples *s = w->samples;
	const struct burst *b = &w->burst;
	nanos_t now = worker_now(w);

	histogram_add(&s->burst_packets, b->n, 0);
	histogram_add(&s->burst_time, now > began ? now - began : 0, SAMPLE_TIME_SHIFT);
	if (waiting)
		histogram_add(&s->ring_packets, waiting, 0);
	if (sent && b->n && now > b->pkt[0].timestamp)
		histogram_add(&s->transit_time, now - b->pkt[0].timestamp, SAMPLE_TIME_SHIFT);
}
