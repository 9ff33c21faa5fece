/* adopt: which configuration epochs a worker knows, and when an old one is through. */
#include "common/stage/worker_internal.h"

static bool adopt_attach(struct worker *w, uint32_t number)
{
	const struct appliance *a = w->appliance;
	struct epoch *view = &w->epochs[number & 1];
	uint32_t region = REGION_EPOCH0 + (number & 1), fib;

	if (view->header && view->number == number)
		return true;
	if (epoch_attach(a->map[region], a->bytes[region], view) || view->number != number) {
		view->header = NULL;
		return false;
	}
	fib = REGION_FIB0 + (view->header->fib_slot & 1);
	view->fib = a->map[fib];
	view->fib_bytes = a->bytes[fib];
	return true;
}

const struct epoch *adopt_view(struct worker *w, uint16_t epoch)
{
	struct epoch *view = &w->epochs[epoch & 1];
	uint32_t newest, back;

	if (likely(view->header && (uint16_t)view->number == epoch))
		return view;
	/* At a start, and where a packet brings an epoch that was published since the last look. */
	newest = __atomic_load_n(&w->control->epoch, __ATOMIC_ACQUIRE);
	back = (uint16_t)(newest - epoch);
	/* Numbers of epochs that were withdrawn may lie between it and the one before it, which has the other
	 * slot. */
	if (back >= newest || (back && !(back & 1)) || !adopt_attach(w, newest - back))
		return NULL;
	return view;
}

typedef bool adopt_step(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst);

/* In as many bursts as the stage needs. */
static void run_steps(struct worker *w, adopt_step *step, uint32_t number, nanos_t now)
{
	bool done = false;

	while (!done) {
		begin_burst(w, INPUT_CALL, w->plan->lane, 0, now);
		w->burst.epoch = (uint16_t)number;
		commit_open(w, JOURNAL_NO_INPUT, NOTE_CONFIG, 0);
		done = step(w->stage, &w->epochs[number & 1], now, &w->burst);
		emit_burst(w);
		commit_burst(w, NULL, 0, now);
	}
}

/* Other lanes read what lane 0 keeps for all. */
static bool lane0_has(const struct worker *w, uint32_t number)
{
	const struct worker_status *lane0 = appliance_status(w->appliance, w->id - w->plan->lane);

	return w->plan->lane == 0 || __atomic_load_n(&lane0->adopted, __ATOMIC_ACQUIRE) >= number;
}

bool adopt_newest(struct worker *w, nanos_t now)
{
	uint32_t number = __atomic_load_n(&w->control->epoch, __ATOMIC_ACQUIRE);

	if (likely(number == w->newest) || !number || !lane0_has(w, number) || !adopt_attach(w, number))
		return false;
	run_steps(w, w->ops->adopt, number, now);
	w->newest = number;
	for (uint32_t k = 0; k < w->n_in; k++)
		w->in[k].marked[LEG_RX] = w->in[k].marked[LEG_TX] = false;
	__atomic_store_n(&w->status->adopted, number, __ATOMIC_RELEASE);
	return true;
}

bool adopt_offered(const struct worker *w)
{
	uint32_t number = __atomic_load_n(&w->control->offered, __ATOMIC_ACQUIRE);

	return unlikely(number && number != w->status->ready);
}

bool adopt_answer(struct worker *w)
{
	uint32_t number = __atomic_load_n(&w->control->offered, __ATOMIC_ACQUIRE),
	         region = REGION_EPOCH0 + (number & 1);
	const struct appliance *a = w->appliance;
	struct epoch view;

	/* While it is withdrawn another one may be written there. */
	if (epoch_attach(a->map[region], a->bytes[region], &view) || view.number != number)
		return false;
	__atomic_store_n(&w->status->ready, number, __ATOMIC_RELEASE);
	return true;
}

/* Whether this input belongs to that leg. */
static bool leg_has(const struct worker_in *in, enum leg leg)
{
	return in->kind == INPUT_PUNT || in->kind == (leg == LEG_RX ? INPUT_RX : INPUT_TX);
}

/* Whether nothing older than the newest epoch comes from the input any more: its producer has confirmed, and
 * what stood in the ring then has been taken.  Rings are first in, first out. */
static bool input_through(struct worker *w, struct worker_in *in, enum leg leg)
{
	const struct worker_status *peer = appliance_status(w->appliance, in->peer);

	if (!in->marked[leg]) {
		if (__atomic_load_n(&peer->confirmed[leg], __ATOMIC_ACQUIRE) < w->newest)
			return false;
		in->mark[leg] = __atomic_load_n(&in->end.peer->prod, __ATOMIC_ACQUIRE);
		in->marked[leg] = true;
	}
	return (int32_t)(w->journal.work->index[in->link] - in->mark[leg]) >= 0;
}

static bool leg_through(struct worker *w, enum leg leg)
{
	if (leg == LEG_TX && w->status->confirmed[LEG_RX] < w->newest)
		return false;
	for (uint32_t k = 0; k < w->n_in; k++)
		if (leg_has(&w->in[k], leg) && !input_through(w, &w->in[k], leg))
			return false;
	return !w->ops->oldest_epoch || w->ops->oldest_epoch(w->stage) >= w->newest;
}

bool adopt_before(struct worker *w, const struct worker_in *in, nanos_t now)
{
	uint32_t at = w->journal.work->index[in->link], number;

	if (likely((int16_t)(desc_unpack(ring_get(&in->end, at)).epoch - (uint16_t)w->newest) <= 0))
		return true;
	number = __atomic_load_n(&w->control->epoch, __ATOMIC_ACQUIRE);
	adopt_newest(w, now);
	return w->newest == number || !adopt_attach(w, number);
}

/* Those behind this worker may be asleep for want of packets, and would never look. */
static void wake_behind(struct worker *w)
{
	for (uint32_t k = 0; k < w->n_out; k++)
		if (w->out[k].role == RING_RX || w->out[k].role == RING_TX || w->out[k].role == RING_PUNT)
			bell_ring(&w->appliance->bell[w->out[k].peer]);
}

bool adopt_confirm(struct worker *w, nanos_t now)
{
	bool did = false;

	for (uint32_t leg = LEG_RX; leg <= LEG_TX; leg++) {
		if (likely(w->status->confirmed[leg] >= w->newest) || !leg_through(w, (enum leg)leg))
			continue;
		if (leg == LEG_TX && w->ops->retire)
			run_steps(w, w->ops->retire, w->newest, now);
		__atomic_store_n(&w->status->confirmed[leg], w->newest, __ATOMIC_RELEASE);
		did = true;
	}
	if (unlikely(did))
		wake_behind(w);
	return did;
}
