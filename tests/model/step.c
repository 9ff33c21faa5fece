/* step: what each write does, and what a cut leaves. */
#include "tests/model/model.h"

#include <string.h>

const uint8_t ring_producer[RINGS] = {INGEST, FIRST, SECOND, FIRST, FIRST, SECOND, INGEST};
const uint8_t ring_consumer[RINGS] = {FIRST, SECOND, FIRST, INGEST, INGEST, INGEST, FIRST};
const char *const ring_name[RINGS] = {"rx1", "rx2", "tx1", "tx2", "free1", "free2", "spare"};
uint8_t ring_slots[RINGS];

bool step_visible(const struct op *op)
{
	return op->kind == OP_COMMIT || op->kind == OP_RELEASE || op->kind == OP_PUBLISH;
}

static uint8_t *line_of(struct state *s, uint8_t line)
{
	if (line == LINE_HELD)
		return &s->held;
	return line == LINE_SENT ? &s->sent : &s->stack[line - LINE_STACK];
}

static void forget_log(struct process *q, uint32_t from)
{
	for (uint32_t k = from; k < UNDO_MAX; k++)
		q->line[k] = q->old[k] = POISON;
}

static void open_word(struct process *q, const struct op *op)
{
	q->open = 1;
	q->input = op->a;
	q->taken = (uint8_t)op->b;
	q->undo = 0;
	forget_log(q, 0);
}

static const char *put(struct state *s, uint32_t p, const struct op *op)
{
	uint32_t at = s->p[p].truth.index[op->a] + (uint32_t)op->b;

	if (at >= ring_slots[op->a])
		return "a slot is written that has not been let go: the ring is full";
	s->ring[op->a].slot[at] = op->c;
	if (op->a == RX2)
		s->ring[op->a].slot[at] |= (uint8_t)(((s->sent - 1u) & 3u) << 4);
	return NULL;
}

static void move(uint8_t *index, int by)
{
	if (*index != POISON)
		*index = (uint8_t)(*index + by);
}

static void record(struct process *q, const struct op *op)
{
	/* Where a variant turns to a record before it has filled it, the older one is the next one. */
	struct record *to = variant == COMMIT_EARLY || variant == ONE_RECORD ? &q->truth : &q->next;
	const struct record *from = variant == COMMIT_EARLY ? &q->next : &q->truth;

	if (op->kind == OP_RECORD)
		*to = *from;
	else if (op->kind == OP_RECORD_HEIGHT)
		move(&to->height, op->b);
	else
		move(&to->index[op->a], op->b);
}

/* What stands above the height is dead. */
static void poison_stack(struct state *s)
{
	for (uint32_t k = s->p[INGEST].truth.height; k < BUFFERS_MAX; k++)
		s->stack[k] = POISON;
}

static void commit(struct state *s, struct process *q, const struct op *op)
{
	struct record old = q->truth;

	if (variant != ONE_RECORD)
		q->truth = q->next;
	memset(&q->next, POISON, sizeof q->next);
	if (variant == COMMIT_EARLY)
		q->next = old;
	s->rewritten &= (uint8_t)~op->a;
	if (q == &s->p[INGEST])
		poison_stack(s);
	if (variant == OPEN_NOT_VOIDED)
		return;
	q->open = q->input = q->taken = q->undo = 0;
	forget_log(q, 0);
}

/* SECOND lets a word go: it must have been the next one. */
static const char *observe(struct state *s)
{
	struct process *first = &s->p[FIRST];

	if (WORD_STAMP(s->ring[RX2].slot[0]))
		return "what was sent downstream is not what the sender's state says: twice, or left out";
	s->sent = (s->sent - 1u) & 3u;
	for (uint32_t k = 0; k < UNDO_MAX; k++)
		if (first->line[k] == LINE_SENT && first->old[k] != POISON)
			first->old[k] = (first->old[k] - 1u) & 3u;
	for (uint32_t k = 1; k < SLOTS_MAX; k++)
		if (s->ring[RX2].slot[k] != POISON)
			s->ring[RX2].slot[k] = (uint8_t)(s->ring[RX2].slot[k] - 16u) & 0x3fu;
	return NULL;
}

static const char *release(struct state *s, uint32_t p, uint8_t r)
{
	struct ring *ring = &s->ring[r];
	uint8_t n = s->p[p].truth.index[r];

	if (n > ring->prod)
		return "cons moves beyond prod, or comes from a record that was never filled";
	for (; n; n--) {
		const char *wrong = r == RX2 ? observe(s) : NULL;

		if (wrong)
			return wrong;
		memmove(ring->slot, ring->slot + 1, SLOTS_MAX - 1);
		ring->slot[SLOTS_MAX - 1] = POISON;
		ring->prod--;
		for (uint32_t q = 0; q < PROCESSES; q++) {
			if (q != ring_producer[r] && q != ring_consumer[r])
				continue;
			move(&s->p[q].truth.index[r], -1);
			move(&s->p[q].next.index[r], -1);
		}
	}
	return NULL;
}

static const char *publish(struct state *s, uint32_t p, const struct op *op)
{
	uint8_t to = s->p[p].truth.index[op->a];

	if (to == POISON)
		return "prod comes from a record that was never filled";
	to = (uint8_t)(to + op->b);
	if (to > ring_slots[op->a] || to < s->ring[op->a].prod)
		return "prod moves back, or beyond the ring";
	s->ring[op->a].prod = to;
	return NULL;
}

static const char *restore(struct state *s, struct process *q, const struct op *op)
{
	if (q->line[op->a] == POISON || q->old[op->a] == POISON)
		return "a line that was not logged is put back";
	*line_of(s, q->line[op->a]) = q->old[op->a];
	return NULL;
}

const char *step_do(struct state *s, uint32_t p, const struct op *op)
{
	struct process *q = &s->p[p];

	switch ((enum op_kind)op->kind) {
	case OP_OPEN: open_word(q, op); break;
	case OP_REWRITE: s->rewritten |= (uint8_t)(1u << op->a); break;
	case OP_LOG:
		q->line[op->a] = (uint8_t)op->b;
		q->old[op->a] = *line_of(s, (uint8_t)op->b);
		break;
	case OP_COUNT: q->undo = op->a; break;
	case OP_SET: *line_of(s, op->a) = (uint8_t)op->b; break;
	case OP_SENT: s->sent = (s->sent + 1u) & 3u; break;
	case OP_PUT: return put(s, p, op);
	case OP_PUSH:
		if (q->truth.height + op->a >= BUFFERS_MAX)
			return "the stack grows beyond its end";
		s->stack[q->truth.height + op->a] = op->c;
		break;
	case OP_RECORD:
	case OP_RECORD_INDEX:
	case OP_RECORD_HEIGHT: record(q, op); break;
	case OP_COMMIT: commit(s, q, op); break;
	case OP_RELEASE: return release(s, p, op->a);
	case OP_PUBLISH: return publish(s, p, op);
	case OP_RESTORE: return restore(s, q, op);
	}
	return NULL;
}

void step_cut(struct state *s, uint32_t p)
{
	struct process *q = &s->p[p];

	q->mode = DEAD;
	q->script = 0;
	q->pc = 0;
	if (variant != COMMIT_EARLY && variant != ONE_RECORD)
		memset(&q->next, POISON, sizeof q->next);
	forget_log(q, q->undo);
	/* What was written where nobody looks is dead. */
	for (uint32_t r = 0; r < RINGS; r++)
		if (ring_producer[r] == p)
			for (uint32_t k = q->truth.index[r]; k < SLOTS_MAX; k++)
				s->ring[r].slot[k] = POISON;
	if (p == INGEST)
		poison_stack(s);
}
