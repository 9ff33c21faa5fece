#include "tests/crash/dummy.h"

#include <stdlib.h>

#define HELD_MAX 256u
#define FRAME    64u
#define MARKS    40u /* in the frame, a byte a stage and input: how often it was run there */

uint32_t dummy_packets = 200;

struct dummy_state {
	uint64_t next; /* ingest: number of the next packet */
	uint64_t due;  /* time of the next timer; 0: none */
	uint32_t n_held;
	uint32_t n_queued;
	uint32_t half; /* a packet that waits for its other half; buffer + 1 */
	uint32_t pad;
	_Alignas(CACHE_LINE) uint32_t held[HELD_MAX];
	_Alignas(CACHE_LINE) uint32_t queued[HELD_MAX];
	_Alignas(CACHE_LINE) struct dummy_log log;
};

struct dummy {
	struct dummy_state *state;
	struct journal *journal;
	const struct pool *pool;
	uint32_t lane, lanes;
};

const struct dummy_log *dummy_log(const void *state)
{
	return &((const struct dummy_state *)state)->log;
}

static uint64_t state_bytes(const struct stage_params *params)
{
	(void)params;
	return sizeof(struct dummy_state);
}

static void init(void *state, const struct stage_params *params, uint32_t lane)
{
	(void)params;
	((struct dummy_state *)state)->next += lane; /* memory is zero, also where a start was cut */
}

static int attach(const struct stage_env *env, void **worker)
{
	struct dummy *d = malloc(sizeof *d);

	assert(d);
	*d = (struct dummy){env->state, env->journal, env->pool, env->lane, env->params->lanes};
	*worker = d;
	return 0;
}

static bool adopt(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	(void)worker, (void)epoch, (void)now, (void)burst;
	return true;
}

static void no_timer(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	(void)worker, (void)epoch, (void)now, (void)burst;
}

static nanos_t never(const void *worker)
{
	(void)worker;
	return NANOS_NEVER;
}

static uint64_t number_of(const uint8_t *frame)
{
	return load_u64(frame);
}

static void fill(uint8_t *frame, uint64_t number)
{
	memcpy(frame, &number, sizeof number);
	memset(frame + 8, (int)number, MARKS - 8);
	memset(frame + MARKS, 0, FRAME - MARKS);
}

bool dummy_is_whole(const uint8_t *frame, uint32_t len)
{
	uint8_t fresh[FRAME];

	if (len != FRAME)
		return false;
	fill(fresh, number_of(frame));
	return memcmp(frame, fresh, MARKS) == 0;
}

/* Rewrites a packet as a stage does, so that one which is run twice shows. */
static void mark(uint8_t *frame, enum stage_id stage, enum input_kind input)
{
	uint32_t at = MARKS + (uint32_t)stage * 4 + (input == INPUT_PORT ? 3 : input - INPUT_RX);

	assert(at < FRAME);
	frame[at]++;
}

static bool marked_twice(const uint8_t *frame)
{
	for (uint32_t i = MARKS; i < FRAME; i++)
		if (frame[i] > 1)
			return true;
	return false;
}

static void log_add(struct dummy *d, const uint8_t *frame, bool head)
{
	struct dummy_log *l = &d->state->log;
	uint64_t number = number_of(frame);

	journal_touch(d->journal, &l->packets);
	l->again += marked_twice(frame);
	journal_touch(d->journal, &l->n);
	l->packets += head;
	journal_touch(d->journal, &l->number[l->n % DUMMY_LOG]);
	l->number[l->n++ % DUMMY_LOG] = number;
}

/* Ingest: brings numbered packets, logs what is sent. */

static uint32_t port_ready(
        void *worker, const struct epoch *e, nanos_t now, uint32_t max, struct port_id *port)
{
	const struct dummy *d = worker;
	uint64_t next = d->state->next;

	(void)e, (void)now;
	*port = (struct port_id){0};
	return next < dummy_packets ? MIN(max, (uint32_t)((dummy_packets - next + d->lanes - 1) / d->lanes))
	                            : 0;
}

static void port_rx(void *worker, const struct epoch *e, nanos_t now, struct port_id port, struct burst *b)
{
	struct dummy *d = worker;

	(void)e, (void)now;
	journal_touch(d->journal, d->state);
	for (uint32_t i = 0; i < b->n; i++) {
		fill(b->frame[i], d->state->next);
		d->state->next += d->lanes;
		b->pkt[i].len = FRAME;
		b->pkt[i].total_len = FRAME;
		b->pkt[i].port = port;
	}
}

static void ingest_burst(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	struct dummy *d = worker;

	(void)e, (void)now;
	for (uint32_t i = 0; i < b->n; i++) {
		uint64_t n = number_of(b->frame[i]);

		mark(b->frame[i], STAGE_INGEST, b->input);
		if (b->input == INPUT_PORT) {
			if (n % 29 == 28)
				burst_drop(b, i, DROP_RX_LENGTH);
			else
				burst_pass(b, i, out_id(OUT_RX, n / 2 % d->lanes));
			continue;
		}
		log_add(d, b->frame[i], true);
		burst_sent(b, i, 0);
	}
}

/* Filter: drops some. */

static void filter_burst(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	struct dummy *d = worker;

	(void)e, (void)now;
	for (uint32_t i = 0; i < b->n; i++) {
		uint64_t n = number_of(b->frame[i]);

		mark(b->frame[i], STAGE_FILTER, b->input);
		b->pkt[i].out = (struct port_id){0};
		if (b->input == INPUT_TX)
			burst_pass(b, i, out_id(OUT_TX, n / 2 % d->lanes));
		else if (n % 11 == 3)
			burst_drop(b, i, DROP_TC_INGRESS);
		else
			burst_pass(b, i, out_id(OUT_RX, d->lane));
	}
}

/* Router: forwards, holds, answers, clones, splits, merges. */

static void make(struct burst *b, uint32_t i, enum born born, uint64_t number, struct out_id out)
{
	struct outbox_entry *e = burst_make(b, i, born, &b->pkt[i]);

	if (!e)
		return;
	fill(e->frame, number);
	e->pkt.len = FRAME;
	e->pkt.total_len = FRAME;
	outbox_pass(e, out);
}

static bool hold(struct dummy *d, struct burst *b, uint32_t i, nanos_t now)
{
	struct dummy_state *s = d->state;

	if (s->n_held == HELD_MAX)
		return false;
	journal_touch(d->journal, s);
	journal_touch(d->journal, &s->held[s->n_held]);
	s->held[s->n_held++] = b->index[i].v;
	if (!s->due)
		s->due = now + 5;
	ref_hold(b, burst_ref(b, i));
	return true;
}

/* Two packets become one of two buffers. */
static void merge(struct dummy *d, struct burst *b, uint32_t i)
{
	struct dummy_state *s = d->state;
	struct outbox_entry *first, *second;

	journal_touch(d->journal, s);
	ref_hold(b, burst_ref(b, i));
	if (!s->half) {
		s->half = b->index[i].v + 1;
		return;
	}
	first = burst_release(b, i, (struct pkt_index){s->half - 1});
	second = burst_release(b, i, b->index[i]);
	assert(first && second);
	first->more = DESC_MORE;
	first->pkt.total_len = first->pkt.len + second->pkt.len;
	burst_merge(second);
	outbox_pass(first, out_id(OUT_RX, d->lane));
	outbox_pass(second, out_id(OUT_RX, d->lane));
	s->half = 0;
}

static void router_rx(struct dummy *d, struct burst *b, uint32_t i, nanos_t now)
{
	uint64_t n = number_of(b->frame[i]);
	struct out_id tx = out_id(OUT_TX, d->lane), rx = out_id(OUT_RX, n % d->lanes);

	if (b->input == INPUT_RX && d->lane && n % 13 == 5) {
		burst_pass(b, i, out_id(OUT_PUNT, 0));
	} else if (n % 7 == 1 && hold(d, b, i, now)) {
		return;
	} else if (n % 17 == 2) {
		merge(d, b, i);
	} else if (n % 5 == 2) {
		make(b, i, BORN_GENERATED, n | DUMMY_MADE, tx);
		burst_pass(b, i, rx);
	} else if (n % 19 == 4 && b->spare->n - b->spare->used >= 2) {
		make(b, i, BORN_PIECE, n | DUMMY_MADE, tx);
		make(b, i, BORN_PIECE, n | 2 * DUMMY_MADE, tx);
		burst_consume(b, i);
	} else if (n % 23 == 6) {
		make(b, i, BORN_CLONED, n | DUMMY_MADE, tx);
		burst_pass(b, i, tx);
	} else if (n % 2) {
		burst_pass(b, i, tx);
	} else {
		burst_pass(b, i, rx);
	}
}

static void router_burst(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	struct dummy *d = worker;

	(void)e;
	for (uint32_t i = 0; i < b->n; i++) {
		mark(b->frame[i], STAGE_ROUTER, b->input);
		if (b->input == INPUT_TX)
			burst_pass(b, i, out_id(OUT_TX, d->lane));
		else
			router_rx(d, b, i, now);
	}
}

static void router_timer(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	struct dummy *d = worker;
	struct dummy_state *s = d->state;

	(void)e, (void)now;
	journal_touch(d->journal, s);
	for (uint32_t left = 4; left && s->n_held; left--) {
		uint32_t i = s->held[s->n_held - 1];

		if (i % 3 == 0) {
			if (!burst_drop_held(b, 0, (struct pkt_index){i}, DROP_NEIGH_FAILED))
				return;
		} else {
			struct outbox_entry *o = burst_release(b, 0, (struct pkt_index){i});

			if (!o)
				return;
			if (!outbox_decided(o))
				outbox_pass(o, out_id(OUT_TX, d->lane));
		}
		s->n_held--;
	}
	if (!s->n_held)
		s->due = 0;
}

static nanos_t router_next(const void *worker)
{
	const struct dummy *d = worker;

	return d->state->due ? d->state->due : NANOS_NEVER;
}

static uint32_t held(const void *worker, struct pkt_index *index, uint32_t *packets)
{
	const struct dummy_state *s = ((const struct dummy *)worker)->state;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_held; i++)
		index[n++] = (struct pkt_index){s->held[i]};
	if (s->half)
		index[n++] = (struct pkt_index){s->half - 1};
	*packets = n;
	for (uint32_t i = 0; i < s->n_queued; i++)
		index[n++] = (struct pkt_index){s->queued[i]};
	return n;
}

/* Session: delivers, queues, discards by and by, answers some. */

static void session_burst(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	struct dummy *d = worker;
	struct dummy_state *s = d->state;

	(void)e;
	for (uint32_t i = 0, n; i < b->n; i += n) {
		uint64_t number = number_of(b->frame[i]);

		n = 1;
		while (b->more[i + n - 1])
			n++;
		for (uint32_t k = 0; k < n; k++) {
			mark(b->frame[i + k], STAGE_SESSION, b->input);
			log_add(d, b->frame[i + k], k == 0);
		}
		if (number % 9 == 4)
			make(b, i, BORN_GENERATED, number | 4 * DUMMY_MADE, out_id(OUT_TX, d->lane));
		if (number % 4 == 0 || s->n_queued + n > HELD_MAX) {
			burst_deliver(b, i);
			continue;
		}
		journal_touch(d->journal, s);
		for (uint32_t k = 0; k < n; k++) {
			journal_touch(d->journal, &s->queued[s->n_queued]);
			s->queued[s->n_queued++] = b->index[i + k].v;
		}
		s->due = now + 3;
		burst_queue(b, i);
	}
}

static void session_timer(void *worker, const struct epoch *e, nanos_t now, struct burst *b)
{
	struct dummy *d = worker;
	struct dummy_state *s = d->state;

	(void)e, (void)now;
	journal_touch(d->journal, s);
	for (uint32_t left = 5; left && s->n_queued; left--)
		if (burst_discard(b, (struct pkt_index){s->queued[s->n_queued - 1]}))
			s->n_queued--;
	if (!s->n_queued)
		s->due = 0;
}

#define DUMMY_OPS                                                                                            \
	.state_bytes = state_bytes, .init = init, .attach = attach, .detach = free, .adopt = adopt,          \
	.held = held

const struct stage_ops dummy_ingest = {
        DUMMY_OPS,
        .name = "ingest",
        .burst = ingest_burst,
        .timer = no_timer,
        .next_timer = never,
        .port_ready = port_ready,
        .port_rx = port_rx,
        .lines_a_packet = 4,
        .lines_a_burst = 64,
};

const struct stage_ops dummy_filter = {
        DUMMY_OPS,
        .name = "filter",
        .burst = filter_burst,
        .timer = no_timer,
        .next_timer = never,
        .lines_a_packet = 4,
        .lines_a_burst = 64,
};

const struct stage_ops dummy_router = {
        DUMMY_OPS,
        .name = "router",
        .burst = router_burst,
        .timer = router_timer,
        .next_timer = router_next,
        .lines_a_packet = 4,
        .lines_a_burst = 64,
};

const struct stage_ops dummy_session = {
        DUMMY_OPS,
        .name = "session",
        .burst = session_burst,
        .timer = session_timer,
        .next_timer = router_next,
        .lines_a_packet = 6,
        .lines_a_burst = 64,
};
