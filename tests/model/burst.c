/* burst: what a process may decide to do, as scripts of writes. */
#include "tests/model/model.h"

#include <assert.h>
#include <string.h>

/* A burst while it is being decided. */
struct draft {
	const struct state *s;
	uint32_t p;
	struct script script;
	uint8_t input;
	uint8_t taken;       /* words of the input */
	uint8_t in_hand;     /* buffers, a bit each */
	uint8_t out[RINGS];  /* words put */
	uint8_t spare;       /* words taken from SPARE */
	uint8_t log;         /* lines logged */
	uint8_t held;        /* FIRST's, as it will be */
	uint8_t height, low; /* ingest's stack, as it will be; and how low it was */
	bool stack;          /* it has changed */
	uint16_t *start;     /* where the scripts go */
	uint32_t *n_starts;
};

static void add(struct draft *d, enum op_kind kind, uint32_t a, int b, uint32_t c)
{
	assert(d->script.n < SCRIPT_MAX);
	d->script.op[d->script.n++] = (struct op){(uint8_t)kind, (uint8_t)a, (int8_t)b, (uint8_t)c};
}

static struct draft draft_make(const struct state *s, uint32_t p, uint16_t *start, uint32_t *n_starts)
{
	struct draft d;

	memset(&d, 0, sizeof d);
	d.s = s;
	d.p = p;
	d.input = NO_INPUT;
	d.held = s->held;
	d.height = s->p[p].truth.height;
	d.start = start;
	d.n_starts = n_starts;
	return d;
}

/* Opens with `n` words of an input; those of a free ring are not packets, and taken again after a cut. */
static void open_burst(struct draft *d, uint8_t input, uint8_t n, bool packets)
{
	d->input = input;
	d->taken = n;
	add(d, OP_OPEN, input, packets ? n : 0, 0);
}

static uint8_t input_word(const struct draft *d, uint32_t i)
{
	return d->s->ring[d->input].slot[d->s->p[d->p].truth.index[d->input] + i];
}

/* Logs a line anew at each change: as where the table of seen lines has forgotten it. */
static void set_line(struct draft *d, uint8_t line, uint8_t value, bool sent)
{
	enum op_kind kind = sent ? OP_SENT : OP_SET;
	uint32_t k = d->log++;

	assert(k < UNDO_MAX);
	if (variant == STATE_BEFORE_LOG)
		add(d, kind, line, value, 0);
	if (variant == COUNT_BEFORE_LINE)
		add(d, OP_COUNT, k + 1, 0, 0);
	add(d, OP_LOG, k, line, 0);
	if (variant != COUNT_BEFORE_LINE)
		add(d, OP_COUNT, k + 1, 0, 0);
	if (variant != STATE_BEFORE_LOG)
		add(d, kind, line, value, 0);
}

static bool has_room(const struct draft *d, uint8_t ring, uint32_t words)
{
	return ring == FREE1 || d->s->p[d->p].truth.index[ring] + d->out[ring] + words <= ring_slots[ring] ||
	       (variant == ROOM_NOT_LOOKED_AT && ring == RX2);
}

static void put(struct draft *d, uint8_t ring, uint8_t word)
{
	if (ring == RX2 && variant == SENT_NOT_LOGGED)
		add(d, OP_SENT, LINE_SENT, 0, 0);
	else if (ring == RX2)
		set_line(d, LINE_SENT, 0, true);
	add(d, OP_PUT, ring, d->out[ring]++, word);
	if (variant == PUBLISH_BEFORE_COMMIT && ring == TX1)
		add(d, OP_PUBLISH, ring, d->out[ring], 0);
}

static void push(struct draft *d, uint8_t buffer)
{
	uint8_t committed = d->s->p[d->p].truth.height;

	if (d->height >= committed)
		add(d, OP_PUSH, d->height - committed, 0, buffer);
	else if (variant == STACK_WITHOUT_LOG)
		add(d, OP_SET, LINE_STACK + d->height, buffer, 0);
	else
		set_line(d, LINE_STACK + d->height, buffer, false);
	d->height++;
	d->stack = true;
}

static uint8_t pop(struct draft *d)
{
	d->stack = true;
	return d->s->stack[--d->height];
}

static void free_buffer(struct draft *d, uint8_t word)
{
	if (d->p == INGEST)
		push(d, WORD_BUFFER(word));
	else
		put(d, d->p == FIRST ? FREE1 : FREE2, WORD_BUFFER(word));
}

/* Indices that the burst moves: as RECORD, as RELEASE and as PUBLISH. */
static void finish_record(struct draft *d)
{
	int off = variant == ONE_TOO_FEW ? -1 : variant == ONE_TOO_MANY ? 1 : 0;

	add(d, OP_RECORD, 0, 0, 0);
	if (d->taken)
		add(d, OP_RECORD_INDEX, d->input, d->taken + (d->input == RX2 ? off : 0), 0);
	if (d->spare && variant != SPARE_NOT_IN_RECORD)
		add(d, OP_RECORD_INDEX, SPARE, d->spare, 0);
	for (uint32_t r = 0; r < RINGS; r++)
		if (d->out[r])
			add(d, OP_RECORD_INDEX, r, d->out[r], 0);
	if (d->stack)
		add(d, OP_RECORD_HEIGHT, 0, d->height - d->s->p[d->p].truth.height, 0);
}

static void finish_cons(struct draft *d)
{
	if (d->taken)
		add(d, OP_RELEASE, d->input, 0, 0);
	if (d->spare)
		add(d, OP_RELEASE, SPARE, 0, 0);
}

static void finish_prod(struct draft *d)
{
	for (uint32_t r = 0; r < RINGS; r++) {
		if (!d->out[r])
			continue;
		if (variant == CHAIN_IN_PIECES && d->out[r] > 1)
			add(d, OP_PUBLISH, r, 1 - d->out[r], 0);
		add(d, OP_PUBLISH, r, 0, 0);
	}
}

static uint16_t finish_script(struct draft *d)
{
	if (variant == COMMIT_EARLY)
		add(d, OP_COMMIT, d->in_hand, 0, 0);
	finish_record(d);
	if (variant != COMMIT_EARLY)
		add(d, OP_COMMIT, d->in_hand, 0, 0);
	if (variant == PROD_BEFORE_CONS) {
		finish_prod(d);
		finish_cons(d);
	} else {
		finish_cons(d);
		finish_prod(d);
	}
	return script_intern(&d->script);
}

static void finish(struct draft d)
{
	assert(*d.n_starts < STARTS_MAX);
	d.start[(*d.n_starts)++] = finish_script(&d);
}

/* Words of the packet that begins at word i. */
static uint32_t packet_words(const struct draft *d, uint32_t i)
{
	uint32_t n = 1;

	while (i + n < d->taken && input_word(d, i + n - 1) & WORD_MORE)
		n++;
	return n;
}

static struct draft with_packet(const struct draft *d, uint32_t i, uint32_t n)
{
	struct draft e = *d;

	for (uint32_t k = 0; k < n; k++) {
		uint8_t buffer = WORD_BUFFER(input_word(d, i + k));

		add(&e, OP_REWRITE, buffer, 0, 0);
		e.in_hand |= (uint8_t)(1u << buffer);
	}
	return e;
}

static void decide(const struct draft *d, uint32_t i);

static void choose_pass(const struct draft *d, uint32_t i, uint32_t n, uint8_t ring)
{
	struct draft e = with_packet(d, i, n);

	if (!has_room(d, ring, n))
		return;
	for (uint32_t k = 0; k < n; k++)
		put(&e, ring, input_word(d, i + k) & (7u | WORD_MORE));
	decide(&e, i + n);
}

static void choose_drop(const struct draft *d, uint32_t i, uint32_t n)
{
	struct draft e = with_packet(d, i, n);

	for (uint32_t k = 0; k < n; k++)
		free_buffer(&e, input_word(d, i + k));
	decide(&e, i + n);
}

static void choose_hold(const struct draft *d, uint32_t i)
{
	struct draft e = with_packet(d, i, 1);

	e.held = WORD_BUFFER(input_word(d, i));
	set_line(&e, LINE_HELD, e.held, false);
	decide(&e, i + 1);
}

/* What was held and this one become one packet of two buffers. */
static void choose_chain(const struct draft *d, uint32_t i)
{
	struct draft e = with_packet(d, i, 1);

	if (!has_room(d, RX2, 2))
		return;
	put(&e, RX2, d->held | WORD_MORE);
	put(&e, RX2, WORD_BUFFER(input_word(d, i)));
	e.held = 0;
	set_line(&e, LINE_HELD, 0, false);
	decide(&e, i + 1);
}

/* A new packet in a spare buffer goes back, or comes to nothing; the one that caused it is dropped. */
static void choose_answer(const struct draft *d, uint32_t i, uint8_t ring)
{
	const struct record *truth = &d->s->p[FIRST].truth;
	struct draft e = with_packet(d, i, 1);

	if (!has_room(d, ring, 1) || truth->index[SPARE] + d->spare >= d->s->ring[SPARE].prod)
		return;
	put(&e, ring, WORD_BUFFER(d->s->ring[SPARE].slot[truth->index[SPARE] + e.spare++]));
	free_buffer(&e, input_word(d, i));
	decide(&e, i + 1);
}

static void decide(const struct draft *d, uint32_t i)
{
	uint32_t n;

	if (i == d->taken) {
		finish(*d);
		return;
	}
	n = packet_words(d, i);
	choose_drop(d, i, n);
	if (d->input == RX1) {
		choose_pass(d, i, n, RX2);
		if (d->held)
			choose_chain(d, i);
		else
			choose_hold(d, i);
		choose_answer(d, i, TX2);
		choose_answer(d, i, FREE1);
	} else if (d->p != INGEST) {
		choose_pass(d, i, n, d->p == FIRST ? TX2 : TX1);
	}
}

static uint32_t words_ready(const struct state *s, uint32_t p, uint8_t ring)
{
	return (uint32_t)s->ring[ring].prod - s->p[p].truth.index[ring];
}

static void start_inputs(const struct draft *d)
{
	static const uint8_t inputs[PROCESSES][3] = {
	        {TX2, NO_INPUT, NO_INPUT}, {RX1, TX1, NO_INPUT}, {RX2, NO_INPUT, NO_INPUT}};

	for (uint32_t k = 0; k < 3 && inputs[d->p][k] != NO_INPUT; k++) {
		uint8_t ring = inputs[d->p][k];
		uint32_t ready = words_ready(d->s, d->p, ring);

		for (uint32_t n = 1; n <= ready && n <= burst_max + 1; n++) {
			struct draft e = *d;

			open_burst(&e, ring, (uint8_t)n, true);
			/* Chains whole; one of two buffers may exceed a burst of one. */
			if (input_word(&e, n - 1) & WORD_MORE || (n > burst_max && packet_words(&e, 0) < n))
				continue;
			decide(&e, 0);
		}
	}
}

/* FIRST: what it holds is given up, or goes on. */
static void start_timer(const struct draft *d)
{
	struct draft drop = *d, pass = *d;

	if (!d->held)
		return;
	open_burst(&drop, NO_INPUT, 0, false);
	free_buffer(&drop, d->held);
	set_line(&drop, LINE_HELD, 0, false);
	finish(drop);
	if (!has_room(d, RX2, 1))
		return;
	open_burst(&pass, NO_INPUT, 0, false);
	put(&pass, RX2, d->held);
	set_line(&pass, LINE_HELD, 0, false);
	finish(pass);
}

/* INGEST: buffers come home; the first may be turned around at once. */
static void start_collect(const struct draft *d, uint8_t ring)
{
	uint32_t ready = words_ready(d->s, INGEST, ring);

	for (uint32_t n = 1; n <= ready && n <= burst_max; n++) {
		for (uint32_t turn = 0; turn < 2; turn++) {
			struct draft e = *d;

			if (turn && !has_room(d, SPARE, 1))
				continue;
			open_burst(&e, ring, (uint8_t)n, false);
			for (uint32_t i = 0; i < n; i++) {
				if (turn && i == 0)
					put(&e, SPARE, WORD_BUFFER(input_word(&e, i)));
				else
					push(&e, WORD_BUFFER(input_word(&e, i)));
			}
			finish(e);
		}
	}
}

/* INGEST: frames come from the port into free buffers; `drops` says which of them are not wanted. */
static void start_port(const struct draft *d, uint32_t n, uint32_t drops)
{
	struct draft e = *d;
	uint8_t taken[BUFFERS_MAX];

	open_burst(&e, NO_INPUT, 0, false);
	for (uint32_t i = 0; i < n; i++)
		taken[i] = pop(&e);
	for (uint32_t i = 0; i < n; i++) {
		if (drops >> i & 1)
			push(&e, taken[i]);
		else if (has_room(&e, RX1, 1))
			put(&e, RX1, taken[i]);
		else
			return;
	}
	finish(e);
}

static void start_ingest(const struct draft *d)
{
	start_collect(d, FREE1);
	start_collect(d, FREE2);
	for (uint32_t n = 1; n <= burst_max && n <= d->height; n++)
		for (uint32_t drops = 0; drops + 1 < 1u << n; drops++)
			start_port(d, n, drops);
	if (d->height && has_room(d, SPARE, 1)) {
		struct draft e = *d;

		open_burst(&e, NO_INPUT, 0, false);
		put(&e, SPARE, pop(&e));
		finish(e);
	}
}

uint32_t burst_starts(const struct state *s, uint32_t p, uint16_t *script)
{
	uint32_t n = 0;
	struct draft d = draft_make(s, p, script, &n);

	start_inputs(&d);
	if (p == FIRST)
		start_timer(&d);
	if (p == INGEST)
		start_ingest(&d);
	return n;
}

static void recover_indices(struct draft *d)
{
	const struct process *q = &d->s->p[d->p];

	if (variant == NO_REPUBLISH)
		return;
	for (uint32_t r = 0; r < RINGS && variant != REPUBLISH_PROD_ONLY; r++)
		if (ring_consumer[r] == d->p && q->truth.index[r])
			add(d, OP_RELEASE, r, 0, 0);
	for (uint32_t r = 0; r < RINGS && variant != REPUBLISH_CONS_ONLY; r++)
		if (ring_producer[r] == d->p && q->truth.index[r] != d->s->ring[r].prod)
			add(d, OP_PUBLISH, r, 0, 0);
}

static void recover_undo(struct draft *d)
{
	uint8_t n = d->s->p[d->p].undo;

	if (variant == UNDO_NOT_APPLIED)
		return;
	for (uint32_t k = 0; k < n; k++)
		add(d, OP_RESTORE, variant == UNDO_OLDEST_FIRST ? k : n - 1 - k, 0, 0);
}

/* The packets in hand are dropped in a burst. */
static void recover_drop(struct draft *d)
{
	const struct process *q = &d->s->p[d->p];

	d->log = 0;
	open_burst(d, q->input, q->taken, variant != RECOVERY_FORGETS_TAKEN);
	for (uint32_t i = 0; i < d->taken; i++) {
		d->in_hand |= (uint8_t)(1u << WORD_BUFFER(input_word(d, i)));
		free_buffer(d, input_word(d, i));
	}
	finish_script(d);
}

uint16_t burst_recovery(const struct state *s, uint32_t p)
{
	struct draft d = draft_make(s, p, NULL, NULL);

	recover_indices(&d);
	if (s->p[p].open) {
		recover_undo(&d);
		if (s->p[p].taken && variant != RUN_AGAIN)
			recover_drop(&d);
	}
	return script_intern(&d.script);
}
