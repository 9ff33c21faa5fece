/* home: ingest's free buffers, and its ports.
 *
 * Each ingest worker is home to a share of the pool.  Its free buffers stand on a stack whose height is in
 * the record.  A burst writes above the committed height freely; below it, only through the undo log. */
#include "common/stage/worker_internal.h"

#include <stdlib.h>

static uint32_t home_count(const struct worker *w)
{
	return w->appliance->plan.params.buffers / w->appliance->plan.params.lanes;
}

static uint32_t home_first(const struct worker *w)
{
	return home_count(w) * w->plan->lane;
}

static bool free_bit(const struct worker *w, uint32_t buffer)
{
	return w->is_free[buffer / 64] >> buffer % 64 & 1;
}

static void free_bit_flip(struct worker *w, uint32_t buffer)
{
	w->is_free[buffer / 64] ^= UINT64_C(1) << buffer % 64;
}

void home_init(struct worker *w)
{
	uint32_t n = home_count(w);

	for (uint32_t i = 0; i < n; i++) /* the first buffers are handed out first */
		w->stack[i] = home_first(w) + n - 1 - i;
	record_set_index(&w->journal, LINK_STACK(w->plan), n);
}

void home_attach(struct worker *w)
{
	uint32_t height = w->journal.work->index[LINK_STACK(w->plan)];

	assert(height <= home_count(w));
	w->stack_height = height;
	memset(w->is_free, 0, (w->appliance->plan.params.buffers + 63) / 64 * sizeof *w->is_free);
	for (uint32_t i = 0; i < height; i++)
		free_bit_flip(w, w->stack[i]);
}

void home_push(struct worker *w, struct pkt_index index)
{
	uint32_t at = w->stack_height;

	if (unlikely(free_bit(w, index.v) || at == home_count(w))) {
		w->status->bad_desc++; /* a neighbour handed the same buffer over twice */
		return;
	}
	if (at < w->stack_committed)
		journal_touch(&w->journal, &w->stack[at]);
	w->stack[at] = index.v;
	free_bit_flip(w, index.v);
	w->stack_height = at + 1;
}

/* Above the committed height, where nothing is announced, in one go. */
void home_push_all(struct worker *w, const struct pkt_index *index, uint32_t n)
{
	uint32_t at = w->stack_height, most = home_count(w), k = 0;
	uint32_t *stack = w->stack;
	uint64_t *is_free = w->is_free;

	if (likely(at >= w->stack_committed))
		for (; k < n && at < most; k++) {
			uint32_t i = index[k].v;
			uint64_t bit = UINT64_C(1) << i % 64;

			if (unlikely(is_free[i / 64] & bit))
				break;
			is_free[i / 64] |= bit;
			stack[at++] = i;
		}
	w->stack_height = at;
	for (; k < n; k++)
		home_push(w, index[k]);
}

static struct pkt_index home_pop(struct worker *w)
{
	uint32_t i = w->stack[--w->stack_height];

	free_bit_flip(w, i);
	return (struct pkt_index){i};
}

static uint32_t home_height(const struct worker *w)
{
	return w->stack_height;
}

/* Takes buffers back from a ring.  One that is not ours shows that the neighbour is broken: its ring is
 * closed. One that is free already only that somebody before it was: who was given the same buffer twice
 * frees it twice, and cannot know.  home_push counts it and leaves it alone. */
bool home_collect(struct worker *w, struct worker_in *in, nanos_t now)
{
	uint32_t at = w->journal.work->index[in->link], n = MIN(ring_used(&in->end, at), BURST_MAX), k = 0;

	if (!n)
		return false;
	worker_begin(w, INPUT_FREE, in->lane, 0, now);
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

bool home_top_up(struct worker *w, nanos_t now)
{
	bool did = false;

	for (uint32_t k = 0; k < w->n_out; k++) {
		struct worker_out *o = &w->out[k];
		uint32_t slots = o->end.mask + 1, n;

		if (o->role != RING_SPARE || ring_room(&o->end, o->at, slots / 2) < slots / 2)
			continue;
		n = MIN(MIN(ring_room(&o->end, o->at, slots), BURST_MAX), home_height(w));
		if (!n)
			continue;
		worker_begin(w, INPUT_FREE, o->lane, 0, now);
		commit_open(w, JOURNAL_NO_INPUT, NOTE_NONE, 0);
		while (n--)
			if (!emit_word(w, k, home_pop(w), 0, 0))
				assert(!"room was made sure of");
		commit_burst(w, NULL, 0, now);
		did = true;
	}
	return did;
}

void home_take(struct worker *w, uint32_t n)
{
	struct burst *b = &w->burst;
	const struct pool pool = *b->pool;
	const struct pkt fresh = {.timestamp = w->log.now, .data_off = PKT_FRAME_OFF, .out = PORT_NONE};

	assert(n <= home_height(w));
	w->plain = true;
	memset(b->more, 0, n);
	for (uint32_t i = 0; i < n; i++) {
		struct pkt_index index = home_pop(w);
		uint8_t *buffer = pool_buffer(&pool, index);

		b->index[i] = index;
		b->frame[i] = buffer + PKT_FRAME_OFF;
		copy_line(&b->pkt[i], &fresh);
		__builtin_prefetch(buffer, 1);
		__builtin_prefetch(buffer + PKT_FRAME_OFF, 1);
	}
}

/* What the driver has not decided about itself. */
static void drop_undecided(struct burst *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (!burst_decided(b, i))
			burst_drop(b, i, DROP_STAGE_CRASHED);
	for (uint32_t i = 0; i < b->n_out; i++)
		if (!outbox_decided(&b->out[i]))
			outbox_drop(&b->out[i], DROP_STAGE_CRASHED);
}

bool home_port_burst(struct worker *w, struct port_id port, uint32_t n, nanos_t now, bool crashed)
{
	struct burst *b = &w->burst;
	const struct epoch *epoch = adopt_view(w, (uint16_t)w->newest);
	uint8_t link = (uint8_t)LINK_PORT_RX(w->plan, port.v);
	nanos_t began;

	if (!epoch || port.v >= EPOCH_PHYS_MAX)
		return false;
	n = MIN(n, MIN(BURST_MAX, home_height(w)));
	if (!n)
		return false;
	began = sample_begin(w);
	worker_begin(w, INPUT_PORT, w->plan->lane, n, now);
	b->epoch = (uint16_t)epoch->number;
	commit_open(w, link, crashed ? NOTE_RECOVERY : NOTE_NONE, n);
	home_take(w, n);
	w->ops->port_rx(w->stage, epoch, now, port, b);
	if (unlikely(w->taps.points))
		taps_ingress(w);
	if (unlikely(w->owed))
		dump_owed(w, port);
	if (crashed) {
		dump_frames(w);
		drop_undecided(b);
	} else {
		w->ops->burst(w->stage, epoch, now, b);
	}
	for (uint32_t i = 0; i < b->n; i++)
		w->plain &= !b->pkt[i].trace;
	emit_burst(w);
	record_set_index(&w->journal, link, w->journal.work->index[link] + n);
	record_add_packets(&w->journal, link, n);
	commit_burst(w, NULL, 0, now);
	if (unlikely(began))
		sample_end(w, began, 0, false);
	return true;
}

void home_drop_in_hand(struct worker *w, struct port_id port, uint32_t n, nanos_t now)
{
	const struct epoch *epoch = adopt_view(w, (uint16_t)w->newest);

	if (!w->ops->port_owe || (epoch && w->ops->port_open(w->stage, epoch, port))) {
		home_port_burst(w, port, n, now, true);
		return;
	}
	worker_begin(w, INPUT_CALL, w->plan->lane, 0, now);
	/* Still in hand, until this is noted. */
	commit_open(w, (uint8_t)LINK_PORT_RX(w->plan, port.v), NOTE_RECOVERY, n);
	w->ops->port_owe(w->stage, port, n);
	dump_owe(w, port, n);
	commit_burst(w, NULL, 0, now);
}

/* The end of packets that a port's driver had. */
static void emit_done(struct worker *w, struct port_id port, struct pkt_index *index, uint32_t n)
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

bool home_done(struct worker *w, nanos_t now)
{
	struct pkt_index done[BURST_MAX];
	struct port_id port;
	uint32_t n;

	if (!w->ops->port_pending || !w->ops->port_pending(w->stage))
		return false;
	worker_begin(w, INPUT_FREE, w->plan->lane, 0, now);
	commit_open(w, JOURNAL_NO_INPUT, NOTE_NONE, 0);
	n = w->ops->port_done(w->stage, &port, done, BURST_MAX);
	if (n)
		emit_done(w, port, done, n);
	commit_burst(w, NULL, 0, now);
	return n > 0;
}

bool home_fill(struct worker *w, nanos_t now)
{
	uint32_t reserve = home_count(w) / 4, height = home_height(w), n;
	struct pkt_index given[BURST_MAX];
	struct port_id port;

	if (!w->ops->port_wants || height <= reserve)
		return false;
	n = w->ops->port_wants(w->stage, MIN(height - reserve, BURST_MAX), &port);
	if (!n)
		return false;
	worker_begin(w, INPUT_FREE, w->plan->lane, 0, now);
	commit_open(w, JOURNAL_NO_INPUT, NOTE_NONE, 0);
	for (uint32_t i = 0; i < n; i++)
		given[i] = home_pop(w);
	w->ops->port_fill(w->stage, port, given, n);
	record_add(&w->journal, SUM_HELD_BUFFERS, n);
	commit_burst(w, NULL, 0, now);
	return true;
}

/* What the rings of frames can still take: overload is shed in the NIC's own ring. */
static uint32_t rx_room(struct worker *w)
{
	uint32_t room = way_room(w);

	for (uint32_t k = 0; k < w->n_out; k++)
		if (w->out[k].role == RING_RX)
			room = MIN(room, ring_room(&w->out[k].end, w->out[k].at, BURST_MAX));
	return room;
}

/* Buffers that stages hold, as they last said: close enough for holding back. */
static uint32_t held_elsewhere(const struct worker *w)
{
	uint64_t n = 0;

	for (uint32_t id = 0; id < w->appliance->plan.n_workers; id++) {
		const struct journal_shared *j = appliance_journal(w->appliance, id);
		uint32_t epoch = __atomic_load_n(&j->epoch, __ATOMIC_RELAXED);

		n += __atomic_load_n(&j->record[epoch & 1].sum[SUM_HELD_BUFFERS], __ATOMIC_RELAXED);
	}
	return (uint32_t)n;
}

/* Buffers of this home that are under way: neither free, nor spare, nor held. */
static uint32_t under_way(const struct worker *w)
{
	uint32_t out = home_count(w) - home_height(w), idle = held_elsewhere(w);

	for (uint32_t k = 0; k < w->n_out; k++)
		if (w->out[k].role == RING_SPARE)
			idle += w->out[k].at - __atomic_load_n(&w->out[k].end.peer->cons, __ATOMIC_RELAXED);
	return out > idle ? out - idle : 0;
}

/* Frames that may be taken now: a buffer for each, room in every ring, and not more under way than the host
 * wants. */
static uint32_t takes(struct worker *w)
{
	uint32_t n = MIN(rx_room(w), home_height(w)),
	         most = __atomic_load_n(&w->control->in_flight, __ATOMIC_RELAXED);

	if (most) {
		uint32_t now = under_way(w);

		n = MIN(n, most > now ? most - now : 0);
	}
	return n;
}

bool home_can_take(struct worker *w)
{
	return takes(w) > 0;
}

bool home_ports(struct worker *w, nanos_t now)
{
	const struct epoch *epoch = adopt_view(w, (uint16_t)w->newest);
	uint32_t allowance, n;
	struct port_id port;
	bool did = false;

	if (!epoch || __atomic_load_n(&w->control->hold, __ATOMIC_RELAXED))
		return false;
	pace_round_start(&w->round, &w->pace, now);
	while ((allowance = pace_allowance(&w->round, &w->pace, now))) {
		allowance = MIN(MIN(allowance, w->burst_max), takes(w));
		if (!allowance)
			return did;
		n = w->ops->port_ready(w->stage, epoch, now, allowance, &port);
		if (!n || !home_port_burst(w, port, n, now, false))
			return did;
		w->round.left -= MIN(n, w->round.left);
		now = w->fused ? now : worker_now(w);
		did = true;
	}
	if (w->ops->port_next && w->ops->port_next(w->stage) <= now) {
		pace_squeeze(&w->round);
		if (w->env.polls)
			poll_stats_add(&w->env.polls->time_squeeze, 1);
	}
	return did;
}
