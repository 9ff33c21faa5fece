/* supply: free buffers on their way: home from who has freed them, sent or dropped, and out to the rings of
 * stages and ports that need some. */
#include "common/stage/worker_internal.h"

/* Takes buffers back from a ring.  One that is not ours shows that the neighbour is broken: its ring is
 * closed. One that is free already only that somebody before it was: who was given the same buffer twice
 * frees it twice, and cannot know.  home_push counts it and leaves it alone. */
bool supply_collect(struct worker *w, struct worker_in *in, nanos_t now)
{
	uint32_t at = w->journal.work->index[in->link], n = MIN(ring_used(&in->end, at), BURST_MAX), k = 0;

	if (!n)
		return false;
	begin_burst(w, INPUT_FREE, in->lane, 0, now);
	commit_open(w, in->link, NOTE_NONE, n);
	for (; k < n; k++) {
		struct pkt_index i = desc_unpack(ring_get(&in->end, at + k)).index;

		if (unlikely(i.v - home_first(w) >= home_count(w))) {
			in->end.quarantined = true;
			w->status->quarantines++;
			break;
		}
		home_push(w, i);
	}
	commit_burst(w, in, k, now);
	return true;
}

bool supply_top_up(struct worker *w, nanos_t now)
{
	struct pkt_index given[BURST_MAX];
	bool did = false;

	for (uint32_t k = 0; k < w->n_out; k++) {
		struct worker_out *o = &w->out[k];
		uint32_t slots = o->end.mask + 1, n;

		if (o->role != RING_SPARE || ring_room(&o->end, o->at, slots / 2) < slots / 2)
			continue;
		n = MIN(MIN(ring_room(&o->end, o->at, slots), BURST_MAX), w->stack_height);
		if (!n)
			continue;
		begin_burst(w, INPUT_FREE, o->lane, 0, now);
		commit_open(w, JOURNAL_NO_INPUT, NOTE_NONE, 0);
		home_give(w, given, n);
		for (uint32_t i = 0; i < n; i++)
			if (!emit_word(w, k, given[i], 0, 0))
				assert(!"room was made sure of");
		commit_burst(w, NULL, 0, now);
		did = true;
	}
	return did;
}

/* The end of packets that a port's driver had. */
static void sent(struct worker *w, struct port_id port, struct pkt_index *index, uint32_t n)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < n; i++) {
		failed += (index[i].v & PORT_SEND_FAILED) != 0;
		index[i].v &= ~PORT_SEND_FAILED;
	}
	emit_free_all(w, index, n);
	if (failed)
		record_drop(&w->journal, DROP_TX_FAILED, failed);
	record_add_packets(&w->journal, LINK_PORT_TX(w->plan, port.v), n - failed);
	record_add(&w->journal, SUM_HELD, -(uint64_t)n);
	record_add(&w->journal, SUM_HELD_BUFFERS, -(uint64_t)n);
}

bool supply_done(struct worker *w, nanos_t now)
{
	struct pkt_index done[BURST_MAX];
	struct port_id port;
	uint32_t n;

	if (!w->ops->port_pending || !w->ops->port_pending(w->stage))
		return false;
	begin_burst(w, INPUT_FREE, w->plan->lane, 0, now);
	commit_open(w, JOURNAL_NO_INPUT, NOTE_NONE, 0);
	n = w->ops->port_done(w->stage, &port, done, BURST_MAX);
	if (n)
		sent(w, port, done, n);
	commit_burst(w, NULL, 0, now);
	return n > 0;
}

bool supply_fill(struct worker *w, nanos_t now)
{
	uint32_t reserve = home_count(w) / 4, height = w->stack_height, n;
	struct pkt_index given[BURST_MAX];
	struct port_id port;

	if (!w->ops->port_wants || height <= reserve)
		return false;
	n = w->ops->port_wants(w->stage, MIN(height - reserve, BURST_MAX), &port);
	if (!n)
		return false;
	begin_burst(w, INPUT_FREE, w->plan->lane, 0, now);
	commit_open(w, JOURNAL_NO_INPUT, NOTE_NONE, 0);
	home_give(w, given, n);
	w->ops->port_fill(w->stage, port, given, n);
	record_add(&w->journal, SUM_HELD_BUFFERS, n);
	commit_burst(w, NULL, 0, now);
	return true;
}
