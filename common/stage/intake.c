/* intake: bursts of frames from ingest's ports, as many as there are buffers and room for. */
#include "common/stage/worker_internal.h"

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

static bool intake_burst(struct worker *w, struct port_id port, uint32_t n, nanos_t now, bool crashed)
{
	struct burst *b = &w->burst;
	const struct epoch *epoch = adopt_view(w, (uint16_t)w->newest);
	uint8_t link = (uint8_t)LINK_PORT_RX(w->plan, port.v);
	nanos_t began;

	if (!epoch || port.v >= EPOCH_PHYS_MAX)
		return false;
	n = MIN(n, MIN(BURST_MAX, w->stack_height));
	if (!n)
		return false;
	began = sample_begin(w);
	begin_burst(w, INPUT_PORT, w->plan->lane, n, now);
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

void intake_drop_in_hand(struct worker *w, struct port_id port, uint32_t n, nanos_t now)
{
	const struct epoch *epoch = adopt_view(w, (uint16_t)w->newest);

	if (!w->ops->port_owe || (epoch && w->ops->port_open(w->stage, epoch, port))) {
		intake_burst(w, port, n, now, true);
		return;
	}
	begin_burst(w, INPUT_CALL, w->plan->lane, 0, now);
	/* Still in hand, until this is noted. */
	commit_open(w, (uint8_t)LINK_PORT_RX(w->plan, port.v), NOTE_RECOVERY, n);
	w->ops->port_owe(w->stage, port, n);
	dump_owe(w, port, n);
	commit_burst(w, NULL, 0, now);
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
	uint32_t out = home_count(w) - w->stack_height, idle = held_elsewhere(w);

	for (uint32_t k = 0; k < w->n_out; k++)
		if (w->out[k].role == RING_SPARE)
			idle += w->out[k].at - __atomic_load_n(&w->out[k].end.peer->cons, __ATOMIC_RELAXED);
	return out > idle ? out - idle : 0;
}

/* Frames that may be taken now: a buffer for each, room in every ring, and not more under way than the host
 * wants. */
static uint32_t takes(struct worker *w)
{
	uint32_t n = MIN(rx_room(w), w->stack_height),
	         most = __atomic_load_n(&w->control->in_flight, __ATOMIC_RELAXED);

	if (most) {
		uint32_t now = under_way(w);

		n = MIN(n, most > now ? most - now : 0);
	}
	return n;
}

bool intake_can_take(struct worker *w)
{
	return takes(w) > 0;
}

bool intake_ports(struct worker *w, nanos_t now)
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
		if (!n || !intake_burst(w, port, n, now, false))
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
