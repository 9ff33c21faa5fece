/* commit: the middle and the end of a burst (BURST.md): open, commit, apply, wake. */
#include "common/stage/worker_internal.h"

void commit_open(struct worker *w, uint8_t link, uint8_t note, uint32_t taken)
{
	w->stack_committed = w->stack_height;
	journal_open(&w->journal, link, note, (uint16_t)taken);
}

/* The events of the burst, for readers; a burst that never commits leaves none. */
static void publish_trace(struct worker *w)
{
	struct trace_ring *r = w->trace_ring;
	uint64_t n = r->n;

	for (uint32_t i = 0; i < w->log.n; i++) {
		struct trace_event *e = &r->event[(n + i) % TRACE_RING];

		*e = w->log.event[i];
		e->stage = w->plan->stage;
		e->lane = w->plan->lane;
	}
	__atomic_store_n(&r->n, n + w->log.n, __ATOMIC_RELEASE);
	w->log.n = 0;
}

static void record_outputs(struct worker *w)
{
	for (uint64_t mask = w->touched; mask; mask &= mask - 1) {
		struct worker_out *o = &w->out[__builtin_ctzll(mask)];

		record_set_index(&w->journal, o->link, o->at);
		if (o->packets)
			record_add_packets(&w->journal, o->link, o->packets);
		o->packets = 0;
	}
}

/* Packets among the words taken from an input: heads of chains. */
static uint32_t packets_taken(const struct worker *w)
{
	uint32_t n = w->burst.n + w->n_rejected + w->n_bad;

	if (unlikely(!w->plain))
		for (uint32_t i = 0; i < w->burst.n; i++)
			n -= w->burst.more[i] != 0;
	return n;
}

void commit_burst(struct worker *w, struct worker_in *in, uint32_t taken, nanos_t now)
{
	struct journal *j = &w->journal;
	struct worker_in *spare = w->spare.used ? &w->in[w->spare_in] : NULL;

	record_outputs(w);
	if (w->stack)
		record_set_index(j, LINK_STACK(w->plan), w->stack_height);
	if (in) {
		record_set_index(j, in->link, j->work->index[in->link] + taken);
		if (in->kind != INPUT_FREE)
			record_add_packets(j, in->link, packets_taken(w));
	}
	if (spare)
		record_set_index(j, spare->link, j->work->index[spare->link] + w->spare.used);
	record_add(j, SUM_BURSTS, 1);
	journal_commit(j);
	if (in)
		ring_release(&in->end, j->work->index[in->link]);
	if (spare) {
		ring_release(&spare->end, j->work->index[spare->link]);
		w->spare.n -= w->spare.used;
		memmove(w->spare.index, w->spare.index + w->spare.used,
		        w->spare.n * sizeof w->spare.index[0]);
		w->spare.used = 0;
	}
	for (uint64_t mask = w->touched; mask; mask &= mask - 1) {
		struct worker_out *o = &w->out[__builtin_ctzll(mask)];

		ring_publish(&o->end, o->at);
	}
	if (w->ops->port_apply)
		w->ops->port_apply(w->stage);
	w->unwoken |= w->touched;
	w->touched = 0;
	if (unlikely(w->log.n))
		publish_trace(w);
	if (unlikely(w->taps.counted))
		tap_publish(&w->taps);
	if (!w->fused)
		commit_wake(w, now, false);
}

void commit_republish(struct worker *w)
{
	const struct record *r = w->journal.work;

	for (uint32_t k = 0; k < w->n_in; k++)
		ring_release(&w->in[k].end, r->index[w->in[k].link]);
	for (uint32_t k = 0; k < w->n_out; k++) {
		w->out[k].at = r->index[w->out[k].link];
		ring_publish(&w->out[k].end, w->out[k].at);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* Unconditionally: the predecessor may have died between publishing and waking. */
	for (uint32_t k = 0; k < w->n_out; k++)
		bell_ring(&w->appliance->bell[w->out[k].peer]);
}

void commit_wake(struct worker *w, nanos_t now, bool all)
{
	if (!w->unwoken)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* with worker_sleep's, between arming and looking again */
	for (uint64_t mask = w->unwoken; mask; mask &= mask - 1) {
		uint32_t k = (uint32_t)__builtin_ctzll(mask);
		struct worker_out *o = &w->out[k];
		uint32_t fill = o->at - __atomic_load_n(&o->end.peer->cons, __ATOMIC_RELAXED);

		if (!(__atomic_load_n(&o->end.peer->armed, __ATOMIC_RELAXED) & 1)) {
			w->unwoken &= ~(UINT64_C(1) << k); /* awake: it looks again before it sleeps */
			o->waiting = 0;
			continue;
		}
		if (!o->waiting)
			o->waiting = now;
		if (!pace_wake_due(&w->pace, fill, o->end.mask + 1, now - o->waiting, !all))
			continue;
		if (ring_must_wake(&o->end))
			bell_ring(&w->appliance->bell[o->peer]);
		w->unwoken &= ~(UINT64_C(1) << k);
		o->waiting = 0;
	}
}
