/* emit: the verdicts of a burst, in order, into rings, the stack of free buffers, and the account. Everything
 * written here is dead until the commit: slots beyond the published index, the private record, buffers of
 * this burst. */
#include "common/stage/worker_internal.h"

/* What the burst adds to the account; into the record at the end, once. */
struct tally {
	uint64_t sum[SUM_COUNT];
	int64_t held;
	int64_t held_buffers;
	int64_t split;
};

bool emit_word(struct worker *w, uint32_t out, struct pkt_index index, uint8_t flags, uint16_t epoch)
{
	struct worker_out *o = &w->out[out];
	struct desc d = {.index = index, .epoch = epoch, .flags = flags};

	if (unlikely(ring_room(&o->end, o->at, 1) == 0))
		return false;
	ring_put(&o->end, o->at++, desc_pack(d));
	w->touched |= UINT64_C(1) << out;
	return true;
}

void emit_free(struct worker *w, struct pkt_index index)
{
	uint8_t out = w->free_of[pool_home(&w->appliance->pool, index)];

	if (out == NO_RING)
		home_push(w, index);
	else if (!emit_word(w, out, index, 0,
	                 0)) /* as many slots as buffers: only where a neighbour has put copies into it */
		w->out[out].full++;
}

void emit_free_all(struct worker *w, const struct pkt_index *index, uint32_t n)
{
	if (w->appliance->plan.params.lanes == 1 && w->stack) {
		home_push_all(w, index, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		emit_free(w, index[i]);
}

static const enum trace_code pass_event[OUT_KINDS] = {
        [OUT_RX] = TRACE_VERDICT_RX,
        [OUT_TX] = TRACE_VERDICT_TX,
        [OUT_PUNT] = TRACE_VERDICT_PUNT,
};

static void trace_verdict(struct worker *w, const struct pkt *p, const struct verdict *v)
{
	switch ((enum verdict_kind)v->kind) {
	case VERDICT_PASS:
		trace(&w->log, p->trace, pass_event[v->out.v / LANES_MAX], v->out.v % LANES_MAX);
		break;
	case VERDICT_DROP: trace(&w->log, p->trace, TRACE_VERDICT_DROP, v->reason); break;
	case VERDICT_DELIVERED:
	case VERDICT_QUEUED: trace(&w->log, p->trace, TRACE_VERDICT_DELIVERED); break;
	case VERDICT_HELD: trace(&w->log, p->trace, TRACE_VERDICT_HELD); break;
	case VERDICT_CONSUMED: trace(&w->log, p->trace, TRACE_VERDICT_CONSUMED); break;
	case VERDICT_SENT:
	case VERDICT_DRIVER:
	case VERDICT_SENT_KEPT:
	case VERDICT_NONE: break;
	}
}

static void drop(struct worker *w, struct pkt_index index, enum drop_reason reason)
{
	record_drop(&w->journal, reason, 1);
	emit_free(w, index);
}

/* One buffer of a packet whose verdict is PASS.  A chain without room for all of it is dropped whole: the
 * caller has made sure. */
static void pass(struct worker *w, uint32_t out, struct pkt_index index, const struct pkt *p, bool more)
{
	pkt_store(&w->appliance->pool, index, p);
	if (!emit_word(w, out, index, more ? DESC_MORE : 0, w->burst.epoch))
		assert(!"room was made sure of");
}

static bool pass_has_room(struct worker *w, uint32_t out, uint32_t words)
{
	struct worker_out *o = &w->out[out];

	if (likely(ring_room(&o->end, o->at, words) >= words)) {
		o->packets++;
		return true;
	}
	o->full++;
	return false;
}

/* The end of a packet of `n` buffers that stand in the burst from i on. */
static void emit_packet(struct worker *w, uint32_t i, uint32_t n, struct tally *t)
{
	struct burst *b = &w->burst;
	const struct verdict v = b->verdict[i];
	uint32_t out;

	if (unlikely(b->pkt[i].trace))
		trace_verdict(w, &b->pkt[i], &v);
	if (unlikely(w->taps.points))
		taps_verdict(w, i, n);
	switch ((enum verdict_kind)v.kind) {
	case VERDICT_PASS:
		out = w->out_of[v.out.v];
		assert(out != NO_RING);
		if (unlikely(!pass_has_room(w, out, n))) {
			record_drop(&w->journal, DROP_RING_FULL, 1);
			if (unlikely(w->taps.points))
				taps_dropped(w, i, n, DROP_RING_FULL);
			break;
		}
		for (uint32_t k = 0; k < n; k++)
			pass(w, out, b->index[i + k], &b->pkt[i + k], k + 1 < n);
		return;
	case VERDICT_DROP: record_drop(&w->journal, (enum drop_reason)v.reason, 1); break;
	case VERDICT_DELIVERED: t->sum[SUM_DELIVERED]++; break;
	case VERDICT_QUEUED:
		t->sum[SUM_DELIVERED]++;
		t->held_buffers += n;
		return;
	case VERDICT_HELD:
		t->held++;
		t->held_buffers += n;
		return;
	case VERDICT_CONSUMED: t->split--; break;
	case VERDICT_SENT: record_add_packets(&w->journal, LINK_PORT_TX(w->plan, v.out.v), 1); break;
	case VERDICT_DRIVER:
		t->held++;
		t->held_buffers += n;
		return;
	case VERDICT_SENT_KEPT:
		record_add_packets(&w->journal, LINK_PORT_TX(w->plan, v.out.v), 1);
		t->held_buffers += n;
		return;
	case VERDICT_NONE: assert(!"a packet left a stage without a verdict");
	}
	for (uint32_t k = 0; k < n; k++)
		emit_free(w, b->index[i + k]);
}

/* What an outbox entry was before this burst; a new packet of several buffers is one, counted with its first.
 */
static void tally_born(struct tally *t, const struct outbox_entry *e, bool first)
{
	switch ((enum born)e->born) {
	case BORN_GENERATED: t->sum[SUM_GENERATED] += first; return;
	case BORN_CLONED: t->sum[SUM_CLONED] += first; return;
	case BORN_PIECE: t->split += first; return;
	case BORN_HELD: t->held--; break;
	case BORN_MERGED:
		t->held--;
		t->sum[SUM_MERGED]++;
		break;
	case BORN_DELIVERED: break;
	}
	t->held_buffers--;
}

static uint32_t outbox_chain(const struct burst *b, const uint16_t *order, uint32_t k)
{
	uint32_t n = 1;

	while (k + n < b->n_out && b->out[order[k + n - 1]].more)
		n++;
	return n;
}

/* The end of an outbox packet whose n entries are order[k] and on. */
static void emit_outbox_packet(
        struct worker *w, const uint16_t *order, uint32_t k, uint32_t n, struct tally *t)
{
	struct burst *b = &w->burst;
	struct outbox_entry *head = &b->out[order[k]];
	bool passed = false, kept = false;

	for (uint32_t i = 0; i < n; i++)
		tally_born(t, &b->out[order[k + i]], i == 0);
	if (unlikely(head->pkt.trace) && head->born != BORN_DELIVERED) {
		if (head->born == BORN_HELD)
			trace(&w->log, head->pkt.trace, TRACE_RELEASED);
		else
			trace(&w->log, head->pkt.trace, TRACE_MADE, head->pkt.total_len);
		trace_verdict(w, &head->pkt, &head->verdict);
	}
	if (unlikely(w->taps.points))
		taps_outbox(w, order, k, n);
	switch ((enum verdict_kind)head->verdict.kind) {
	case VERDICT_PASS:
		assert(w->out_of[head->verdict.out.v] != NO_RING);
		passed = pass_has_room(w, w->out_of[head->verdict.out.v], n);
		if (passed)
			break;
		record_drop(&w->journal, DROP_RING_FULL, 1);
		if (unlikely(w->taps.points))
			taps_outbox_dropped(w, order, k, n, DROP_RING_FULL);
		break;
	case VERDICT_DROP: record_drop(&w->journal, (enum drop_reason)head->verdict.reason, 1); break;
	case VERDICT_DELIVERED:
		if (head->born != BORN_DELIVERED && head->born != BORN_MERGED)
			t->sum[SUM_DELIVERED]++;
		break;
	case VERDICT_QUEUED: t->sum[SUM_DELIVERED]++, t->held_buffers += n, kept = true; break;
	case VERDICT_HELD:
	case VERDICT_DRIVER: t->held++, t->held_buffers += n, kept = true; break;
	case VERDICT_CONSUMED: t->split--; break;
	case VERDICT_SENT_KEPT: t->held_buffers += n, kept = true; __attribute__((fallthrough));
	case VERDICT_SENT:
		record_add_packets(&w->journal, LINK_PORT_TX(w->plan, head->verdict.out.v), 1);
		break;
	case VERDICT_NONE: assert(!"a packet left the outbox without a verdict");
	}
	for (uint32_t i = 0; i < n && !kept; i++) {
		struct outbox_entry *e = &b->out[order[k + i]];

		if (passed)
			pass(w, w->out_of[head->verdict.out.v], e->index, &e->pkt, i + 1 < n);
		else
			emit_free(w, e->index);
	}
}

/* The outbox in the order in which it leaves; stable. */
static void outbox_order(const struct burst *b, uint16_t *order)
{
	for (uint32_t i = 0; i < b->n_out; i++) {
		uint32_t k = i;

		for (; k > 0 && b->out[order[k - 1]].at > b->out[i].at; k--)
			order[k] = order[k - 1];
		order[k] = (uint16_t)i;
	}
}

static void emit_rejected(struct worker *w)
{
	for (uint32_t i = 0; i < w->n_rejected; i++) {
		if (unlikely(w->taps.points))
			taps_rejected(w, w->rejected[i], (enum drop_reason)w->rejected_reason[i]);
		drop(w, w->rejected[i], (enum drop_reason)w->rejected_reason[i]);
	}
	for (uint32_t i = 0; i < w->n_bad && unlikely(w->taps.points); i++)
		taps_rejected(w, PKT_NONE, DROP_BAD_DESC);
	if (w->n_bad) {
		record_drop(&w->journal, DROP_BAD_DESC, w->n_bad);
		w->status->bad_desc += w->n_bad;
	}
}

/* Packets that stay here or go up are no longer under way, and an ingest that waits for that hears it by no
 * ring: it is looked after as if they had come home. */
static void wake_homes(struct worker *w)
{
	for (uint32_t l = 0; l < w->appliance->plan.params.lanes; l++)
		if (w->free_of[l] != NO_RING)
			w->unwoken |= UINT64_C(1) << w->free_of[l];
}

static void tally_record(struct worker *w, const struct tally *t)
{
	struct journal *j = &w->journal;

	for (uint32_t s = 0; s < SUM_COUNT; s++)
		if (t->sum[s])
			record_add(j, (enum record_sum)s, t->sum[s]);
	if (t->split)
		record_add(j, SUM_SPLIT, (uint64_t)t->split);
	if (t->held)
		record_add(j, SUM_HELD, (uint64_t)t->held);
	if (t->held_buffers)
		record_add(j, SUM_HELD_BUFFERS, (uint64_t)t->held_buffers);
	if (t->held_buffers > 0 || w->touched & w->upward)
		wake_homes(w);
	if (w->burst.no_buffer)
		stat_add(j, w->burst.stats, STAT_NO_BUFFER, w->burst.no_buffer);
}

/* How many packets from i on have the very same verdict; two and two at a time. */
static uint32_t run_length(const struct burst *b, uint32_t i)
{
	uint64_t two = load_u32(&b->verdict[i]) * UINT64_C(0x100000001);
	uint32_t k = i + 1;

	while (k + 4 <= b->n && load_u64(&b->verdict[k]) == two && load_u64(&b->verdict[k + 2]) == two)
		k += 4;
	while (k + 2 <= b->n && load_u64(&b->verdict[k]) == two)
		k += 2;
	while (k < b->n && load_u32(&b->verdict[k]) == (uint32_t)two)
		k++;
	return k - i;
}

/* n packets from i on, whose slots stand in a row. */
static always_inline void pass_row(const struct burst *b, uint32_t i, uint32_t n, uint64_t *slot)
{
	const struct pkt_index *index = &b->index[i];
	uint64_t high = desc_pack((struct desc){.epoch = b->epoch});
	const struct pkt *p = &b->pkt[i];
	const struct pool pool = *b->pool;

	UNROLL_4
	for (uint32_t k = 0; k < n; k++) {
		struct pkt_index buffer = index[k];

		pkt_store(&pool, buffer, &p[k]);
		ring_put_in(&slot[k], buffer.v | high);
	}
}

/* A run that just passes on to one ring: nearly all packets.  Returns how many of the n from i on had room.
 */
static uint32_t pass_run(struct worker *w, uint32_t i, uint32_t n)
{
	struct burst *b = &w->burst;
	uint32_t out = w->out_of[b->verdict[i].out.v];
	struct worker_out *o = &w->out[out];

	assert(out != NO_RING);
	n = MIN(n, ring_room(&o->end, o->at, n));
	for (uint32_t done = 0, row; done < n; done += row) {
		uint64_t *slot;

		row = n - done;
		slot = ring_row(&o->end, o->at + done, &row);
		pass_row(b, i + done, row, slot);
	}
	o->at += n;
	o->packets += n;
	w->touched |= (uint64_t)(n != 0) << out;
	return n;
}

/* A run of packets in one buffer each that one verdict ends.  Returns how many of the n from i on it has
 * dealt with; the next is one to be looked at alone. */
static uint32_t emit_run(struct worker *w, uint32_t i, uint32_t n, struct tally *t)
{
	const struct burst *b = &w->burst;

	switch ((enum verdict_kind)b->verdict[i].kind) {
	case VERDICT_PASS: return pass_run(w, i, n);
	case VERDICT_SENT:
		record_add_packets(&w->journal, LINK_PORT_TX(w->plan, b->verdict[i].out.v), n);
		emit_free_all(w, &b->index[i], n);
		return n;
	case VERDICT_DRIVER:
		t->held += n;
		t->held_buffers += n;
		return n;
	case VERDICT_DROP:
	case VERDICT_DELIVERED:
	case VERDICT_QUEUED:
	case VERDICT_HELD:
	case VERDICT_CONSUMED:
	case VERDICT_SENT_KEPT:
	case VERDICT_NONE: break;
	}
	return 0;
}

static_assert(sizeof(struct verdict) == sizeof(uint32_t), "compared as one word");

/* Packet i of the burst, or the run that begins with it; returns how many entries that were. */
static uint32_t emit_next(struct worker *w, uint32_t i, bool runs, struct tally *t)
{
	struct burst *b = &w->burst;
	uint32_t n = 0;

	if (likely(runs))
		n = emit_run(w, i, run_length(b, i), t);
	if (n)
		return n;
	n = 1;
	while (i + n < b->n && b->more[i + n - 1])
		n++;
	emit_packet(w, i, n, t);
	return n;
}

/* The burst with its outbox, each packet of it where it belongs. */
static void emit_mixed(struct worker *w, struct tally *t)
{
	struct burst *b = &w->burst;
	uint16_t order[OUTBOX_MAX] = {0};
	uint32_t k = 0;

	outbox_order(b, order);
	for (uint32_t i = 0; i <= b->n;) {
		for (uint32_t m; k < b->n_out && b->out[order[k]].at <= i; k += m) {
			m = outbox_chain(b, order, k);
			emit_outbox_packet(w, order, k, m, t);
		}
		i += i < b->n ? emit_next(w, i, false, t) : 1;
	}
	for (uint32_t m; k < b->n_out; k += m) {
		m = outbox_chain(b, order, k);
		emit_outbox_packet(w, order, k, m, t);
	}
}

void emit_burst(struct worker *w)
{
	struct burst *b = &w->burst;
	struct tally t = {0};
	bool runs = w->plain && !w->taps.points;

	if (unlikely(b->n_out))
		emit_mixed(w, &t);
	else
		for (uint32_t i = 0; i < b->n;)
			i += emit_next(w, i, runs, &t);
	if (unlikely(w->n_rejected || w->n_bad))
		emit_rejected(w);
	tally_record(w, &t);
}
