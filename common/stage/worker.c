#include "common/stage/worker_internal.h"

#include "common/board/board.h"

#include <sched.h>
#include <stdlib.h>

static const enum input_kind kind_of_role[RING_ROLES] = {
        [RING_RX] = INPUT_RX,
        [RING_TX] = INPUT_TX,
        [RING_PUNT] = INPUT_PUNT,
        [RING_FREE] = INPUT_FREE,
        [RING_SPARE] = INPUT_FREE,
        [RING_BACK] = INPUT_FREE,
};

static void attach_in(struct worker *w, const struct ring_plan *r)
{
	struct appliance *a = w->appliance;
	struct worker_in *in = &w->in[w->n_in];

	assert(w->n_in < WORKER_RINGS);
	*in = (struct worker_in){
	        .role = r->role,
	        .kind = (uint8_t)kind_of_role[r->role],
	        .lane = a->plan.worker[r->from].lane,
	        .peer = r->from,
	        .link = r->to_link,
	};
	ring_cons_attach(&in->end, appliance_public(a, r->to, r->cons_off),
	        appliance_public(a, r->from, r->prod_off), r->slots);
	if (r->role == RING_SPARE)
		w->spare_in = (uint8_t)w->n_in;
	w->n_in++;
}

static void attach_out(struct worker *w, const struct ring_plan *r)
{
	struct appliance *a = w->appliance;
	struct worker_out *out = &w->out[w->n_out];
	uint8_t place = (uint8_t)w->n_out++;

	assert(place < 64); /* a bit each in worker.touched */
	*out = (struct worker_out){
	        .role = r->role,
	        .lane = a->plan.worker[r->to].lane,
	        .peer = r->to,
	        .link = r->from_link,
	};
	ring_prod_attach(&out->end, appliance_public(a, r->from, r->prod_off),
	        appliance_public(a, r->to, r->cons_off), r->slots);
	switch ((enum ring_role)r->role) {
	case RING_RX:
		w->out_of[out_id(OUT_RX, out->lane).v] = place;
		w->upward |= (uint64_t)(w->plan->stage == STAGE_ROUTER) << place;
		break;
	case RING_TX: w->out_of[out_id(OUT_TX, out->lane).v] = place; break;
	case RING_PUNT: w->out_of[out_id(OUT_PUNT, out->lane).v] = place; break;
	case RING_FREE:
	case RING_BACK: w->free_of[out->lane] = place; break;
	case RING_SPARE:
	case RING_ROLES: break;
	}
}

static void attach_rings(struct worker *w)
{
	const struct plan *plan = &w->appliance->plan;

	memset(w->out_of, NO_RING, sizeof w->out_of);
	memset(w->free_of, NO_RING, sizeof w->free_of);
	w->spare_in = NO_RING;
	for (uint32_t k = 0; k < plan->n_rings; k++) {
		if (plan->ring[k].to == w->id)
			attach_in(w, &plan->ring[k]);
		if (plan->ring[k].from == w->id)
			attach_out(w, &plan->ring[k]);
	}
}

/* The state region of a worker, whole: what the undo log covers. */
static uint8_t *worker_state(const struct appliance *a, uint32_t id)
{
	const struct worker_plan *p = &a->plan.worker[id];

	return (uint8_t *)a->map[REGION_STATE + p->stage] + p->state_off;
}

static const struct board_links *links_of(const struct appliance *a)
{
	const struct board *board = a->map[REGION_BOARD];

	return board ? &board->links : NULL;
}

static int attach_memory(struct worker *w)
{
	struct appliance *a = w->appliance;
	uint8_t *state = worker_state(a, w->id), *region = a->map[REGION_STATE + w->plan->stage];

	w->status = appliance_status(a, w->id);
	w->trace_ring = appliance_trace(a, w->id);
	w->control = appliance_control(a);
	tap_attach(&w->taps, appliance_taps(a), appliance_tap_ring(a, w->id), w->plan->stage, w->plan->lane);
	w->env = (struct stage_env){
	        .params = &a->plan.params,
	        .lane = w->plan->lane,
	        .state = state,
	        .state_lane0 = worker_state(a, w->id - w->plan->lane),
	        .pool = &a->pool,
	        .journal = &w->journal,
	        .pace = &w->pace,
	        .sockets = a->map[REGION_SOCKETS],
	        .links = links_of(a),
	};
	for (uint32_t l = 0; l < a->plan.params.lanes; l++)
		w->env.ports[l] = appliance_polls(a, plan_worker_id(&a->plan, STAGE_INGEST, l));
	if (w->plan->stage == STAGE_INGEST) {
		w->env.polls = appliance_polls(a, w->id);
		w->stack = (uint32_t *)(region + w->plan->stack_off);
		w->is_free = calloc((a->plan.params.buffers + 63) / 64, sizeof *w->is_free);
		if (!w->is_free)
			return -ENOMEM;
	}
	w->samples = appliance_samples(a, w->id);
	w->burst.pool = &a->pool;
	w->burst.journal = &w->journal;
	w->burst.trace = &w->log;
	w->burst.stats = (struct stat_block *)(region + w->plan->stats_off);
	w->burst.spare = &w->spare;
	w->burst.lane = w->plan->lane;
	w->burst.lanes = (uint8_t)a->plan.params.lanes;
	return 0;
}

/* Memory that nothing was ever committed to: whatever a predecessor began is begun anew. */
static void first_start(struct worker *w)
{
	memset(w->env.state, 0, w->plan->state_bytes);
	w->ops->init(w->env.state, w->env.params, w->plan->lane);
	if (w->stack)
		home_init(w);
	commit_open(w, JOURNAL_NO_INPUT, NOTE_NONE, 0);
	journal_commit(&w->journal);
}

/* What a timer of the predecessor's worked on, if it died of that: the timer would be done again. */
static void give_up_in_hand(struct worker *w)
{
	uint32_t what = journal_in_hand(&w->journal);
	nanos_t now = worker_now(w);
	const struct epoch *epoch;

	if (!what || !w->appliance->own_fault || !w->ops->give_up)
		return;
	w->newest = __atomic_load_n(&w->control->epoch, __ATOMIC_ACQUIRE);
	epoch = adopt_view(w, (uint16_t)w->newest);
	if (epoch) {
		begin_burst(w, INPUT_TIMER, w->plan->lane, 0, now);
		commit_open(w, JOURNAL_NO_INPUT, NOTE_RECOVERY, 0);
		w->ops->give_up(w->stage, epoch, now, what, &w->burst);
		emit_burst(w);
		commit_burst(w, NULL, 0, now);
	}
	w->newest = 0;
}

/* What the predecessor had in hand, so far as it is not simply done again.  The bytes of packets may be half
 * rewritten. */
static void drop_in_hand(struct worker *w, const struct journal_open_word *open)
{
	nanos_t now = worker_now(w);
	uint32_t port = (uint32_t)open->input - LINK_PORT_RX(w->plan, 0);

	if (open->input == JOURNAL_NO_INPUT)
		give_up_in_hand(w);
	if (w->stack && open->input != JOURNAL_NO_INPUT && port < EPOCH_PHYS_MAX) {
		w->newest = __atomic_load_n(&w->control->epoch, __ATOMIC_ACQUIRE);
		intake_drop_in_hand(w, (struct port_id){(uint16_t)port}, open->taken, now);
		w->newest = 0;
		return;
	}
	for (uint32_t k = 0; k < w->n_in; k++) {
		if (w->in[k].link != open->input || w->in[k].kind == INPUT_FREE || !open->taken)
			continue;
		dump_words(w, &w->in[k], open->taken);
		begin_burst(w, (enum input_kind)w->in[k].kind, w->in[k].lane, 0, now);
		commit_open(w, open->input, NOTE_RECOVERY, open->taken);
		load_dropped(w, &w->in[k], open->taken);
		emit_burst(w);
		commit_burst(w, &w->in[k], MIN(open->taken, BURST_MAX), now);
	}
}

static void arm(struct worker *w, bool on)
{
	for (uint32_t k = 0; k < w->n_in; k++) {
		if (on)
			ring_arm(&w->in[k].end);
		else
			ring_disarm(&w->in[k].end);
	}
}

int worker_start(struct worker *w, struct appliance *a, uint32_t id)
{
	struct journal_open_word open;
	struct journal_shared *shared = appliance_journal(a, id);
	int err;

	memset(w, 0, sizeof *w);
	w->appliance = a;
	w->id = id;
	w->plan = &a->plan.worker[id];
	w->ops = a->ops[w->plan->stage];
	w->fused = a->bell[id].fd < 0;
	w->burst_max = WORKER_BURST;
	w->pace = PACE_DEFAULTS;
	err = attach_memory(w);
	if (err)
		return err;
	/* The predecessor may have died in its sleep: who looks for rest is not to find it in ours. */
	__atomic_store_n(&w->status->idle, (w->status->idle | 1) + 1, __ATOMIC_RELEASE);
	journal_attach(&w->journal, shared,
	        (uint8_t *)a->map[REGION_STATE + w->plan->stage] + w->plan->undo_off, w->plan->undo_lines,
	        w->env.state, w->plan->state_bytes);
	attach_rings(w);
	if (w->stack)
		way_attach(w);
	if (w->journal.epoch == 0)
		first_start(w);
	arm(w, false); /* producers may have answered the predecessor's last arming: ours need numbers of
	                  their own */
	commit_republish(w);
	w->interrupted = journal_interrupted(&w->journal, &open);
	if (w->interrupted)
		journal_undo(&w->journal);
	if (w->stack)
		home_attach(w);
	err = w->ops->attach(&w->env, &w->stage);
	if (err) {
		free(w->is_free);
		return err;
	}
	__atomic_store_n(&w->status->starts, w->status->starts + 1, __ATOMIC_RELAXED);
	dump_begin(w, &open);
	if (w->interrupted) {
		record_add(&w->journal, SUM_CRASHES, 1);
		drop_in_hand(w, &open);
	}
	return 0;
}

void worker_stop(struct worker *w)
{
	w->ops->detach(w->stage);
	free(w->is_free);
	w->stage = NULL;
	w->is_free = NULL;
}

static bool input_burst(struct worker *w, struct worker_in *in, nanos_t now)
{
	const struct epoch *epoch;
	uint32_t taken, waiting = ring_used(&in->end, w->journal.work->index[in->link]);
	nanos_t began;

	if (!waiting || unlikely(!adopt_before(w, in, now)))
		return false;
	began = sample_begin(w);
	begin_burst(w, (enum input_kind)in->kind, in->lane, 0, now);
	taken = load_burst(w, in, w->burst_max, &epoch);
	commit_open(w, in->link, NOTE_NONE, taken);
	if (w->burst.n) {
		w->burst.epoch = (uint16_t)epoch->number;
		w->ops->burst(w->stage, epoch, now, &w->burst);
	}
	emit_burst(w);
	commit_burst(w, in, taken, now);
	if (unlikely(began))
		sample_end(w, began, waiting, w->stack && in->kind == INPUT_TX);
	return true;
}

/* As much of one input as a round of ingest brings in, so that no ring fills up between stages that take
 * turns. */
static bool input_bursts(struct worker *w, struct worker_in *in, nanos_t now)
{
	uint32_t packets = 0;
	bool did = false;

	while (packets < w->pace.budget && input_burst(w, in, now)) {
		packets += w->burst_max;
		did = true;
	}
	return did;
}

static bool timer_burst(struct worker *w, nanos_t now)
{
	const struct epoch *epoch = adopt_view(w, (uint16_t)w->newest);

	if (!epoch || w->ops->next_timer(w->stage) > now)
		return false;
	begin_burst(w, INPUT_TIMER, w->plan->lane, 0, now);
	commit_open(w, JOURNAL_NO_INPUT, NOTE_TIMER, 0);
	w->ops->timer(w->stage, epoch, now, &w->burst);
	emit_burst(w);
	commit_burst(w, NULL, 0, now);
	return true;
}

/* Until when the worker rests though there is work; 0: it does not. */
static nanos_t awaits(struct worker *w, nanos_t now)
{
	return w->ops->port_awaits ? w->ops->port_awaits(w->stage, now) : 0;
}

nanos_t worker_next_timer(struct worker *w)
{
	nanos_t next = NANOS_NEVER;

	if (!w->newest)
		return next;
	if (w->ops->port_next && !__atomic_load_n(&w->control->hold, __ATOMIC_RELAXED) && intake_can_take(w))
		next = w->ops->port_next(w->stage);
	return MIN(next, w->ops->next_timer(w->stage));
}

static bool census_wanted(const struct worker *w)
{
	const struct worker_census *census = appliance_census(w->appliance, w->id);

	return __atomic_load_n(&w->control->census, __ATOMIC_ACQUIRE) != census->number;
}

/* Between bursts, so that what is told is what was committed. */
static void take_census(struct worker *w)
{
	struct worker_census *census = appliance_census(w->appliance, w->id);
	uint32_t number = __atomic_load_n(&w->control->census, __ATOMIC_ACQUIRE);

	census->packets = 0;
	census->n = w->ops->held ? w->ops->held(w->stage, census->index, &census->packets) : 0;
	memset(census->kernel, 0, sizeof census->kernel);
	if (w->ops->port_kernel)
		w->ops->port_kernel(w->stage, census->kernel);
	census->epoch = w->journal.epoch;
	__atomic_store_n(&census->number, number, __ATOMIC_RELEASE);
}

bool worker_step(struct worker *w, nanos_t now)
{
	bool did = unlikely(adopt_offered(w)) && adopt_answer(w);

	if (unlikely(awaits(w, now)))
		return did;
	did |= adopt_newest(w, now);
	for (uint32_t k = 0; k < w->n_in; k++) {
		if (k == w->spare_in)
			continue;
		if (w->in[k].kind == INPUT_FREE)
			did |= supply_collect(w, &w->in[k], now);
		else
			did |= input_bursts(w, &w->in[k], now);
	}
	if (w->newest) {
		if (w->stack) {
			while (supply_done(w, now)) /* as many as inputs have brought, of each port */
				did = true;
			did |= supply_fill(w, now);
			did |= supply_top_up(w, now);
			did |= intake_ports(w, now);
		}
		did |= timer_burst(w, now);
		did |= adopt_confirm(w, now);
	}
	if (unlikely(census_wanted(w)))
		take_census(w);
	if (!w->fused && !did)
		commit_wake(w, now, true);
	if (w->ops->port_kick)
		w->ops->port_kick(w->stage, now);
	if (did)
		w->worked = now;
	w->status->steps++;
	return did;
}

bool worker_has_work(struct worker *w, nanos_t now)
{
	if (awaits(w, now))
		return false;
	for (uint32_t k = 0; k < w->n_in; k++)
		if (k != w->spare_in && ring_used(&w->in[k].end, w->journal.work->index[w->in[k].link]))
			return true;
	if (__atomic_load_n(&w->control->epoch, __ATOMIC_ACQUIRE) != w->newest || adopt_offered(w) ||
	        census_wanted(w))
		return true;
	return worker_next_timer(w) <= now;
}

/* Frames come only where there is room for them: else what makes room rings the bell. */
static uint32_t arm_ports(struct worker *w, bool on, int *fd)
{
	uint32_t n = w->ops->port_arm && w->newest ? w->ops->port_arm(w->stage, on, fd) : 0;

	if (!w->stack)
		return on ? n : 0;
	return on && n && intake_can_take(w) && !__atomic_load_n(&w->control->hold, __ATOMIC_RELAXED) ? n : 0;
}

int worker_sleep(struct worker *w, nanos_t now)
{
	bool shared = __atomic_load_n(&w->control->clock_shared, __ATOMIC_RELAXED);
	nanos_t rest = awaits(w, now), next = rest ? rest : worker_next_timer(w);
	int fd[BELL_EXTRA_MAX], err = 0;
	uint32_t n_fd;

	if (now - w->worked < w->pace.busy_poll && !shared) {
		sched_yield(); /* who shares the core has the next packet, perhaps */
		return 0;
	}
	__atomic_store_n(&w->status->next_timer, next, __ATOMIC_RELAXED);
	arm(w, true);
	n_fd = arm_ports(w, true, fd);
	__atomic_store_n(&w->status->idle, w->status->idle | 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(
	        __ATOMIC_SEQ_CST); /* with commit_wake's, between publishing and looking whether we sleep */
	if (!worker_has_work(w, now) && !__atomic_load_n(&w->control->stop, __ATOMIC_RELAXED)) {
		if (w->on_sleep)
			bell_ring(w->on_sleep);
		err = bell_wait(&w->appliance->bell[w->id], fd, n_fd,
		        shared || next == NANOS_NEVER ? NANOS_NEVER : next - now);
	}
	bell_clear(&w->appliance->bell[w->id]);
	__atomic_store_n(&w->status->idle, (w->status->idle | 1) + 1, __ATOMIC_RELEASE);
	arm_ports(w, false, fd);
	arm(w, false);
	return err < 0 ? err : 0;
}
