/* invariant: what holds in every state, whoever is dead: judged by the records, which are the truth. */
#include "tests/model/model.h"

#include <string.h>

/* The owners found so far. */
struct owners {
	uint8_t seen[BUFFERS_MAX + 1];
	const char *wrong;
};

static void own(struct owners *o, uint8_t buffer)
{
	if (buffer == 0 || buffer > n_buffers)
		o->wrong = "no buffer where one must be";
	else if (o->seen[buffer]++)
		o->wrong = "a buffer has two owners";
}

void invariant_undone(const struct state *s, uint8_t *held, uint8_t stack[BUFFERS_MAX])
{
	*held = s->held;
	memcpy(stack, s->stack, BUFFERS_MAX);
	for (uint32_t p = INGEST; p <= FIRST; p++) {
		const struct process *q = &s->p[p];

		for (uint32_t k = q->open ? q->undo : 0; k-- > 0;) {
			if (q->line[k] == LINE_HELD)
				*held = q->old[k];
			else if (q->line[k] >= LINE_STACK && q->line[k] != POISON)
				stack[q->line[k] - LINE_STACK] = q->old[k];
		}
	}
}

static void check_ring(struct owners *o, const struct state *s, uint32_t r)
{
	const struct ring *ring = &s->ring[r];
	uint8_t cons = s->p[ring_consumer[r]].truth.index[r], prod = s->p[ring_producer[r]].truth.index[r];

	if (cons == POISON || prod == POISON || prod > ring_slots[r] || cons > ring->prod ||
	        ring->prod > prod) {
		o->wrong = "a ring's window is impossible";
		return;
	}
	for (uint32_t k = cons; k < prod && !o->wrong; k++)
		own(o, WORD_BUFFER(ring->slot[k]));
	if ((prod > cons && ring->slot[prod - 1] & WORD_MORE) ||
	        (ring->prod > cons && ring->slot[ring->prod - 1] & WORD_MORE))
		o->wrong = "a packet of several buffers can be seen in part";
}

/* A packet that a burst which never happened has changed is in the input of one that lives and will run it.
 */
static bool runs_again(const struct state *s, uint32_t r)
{
	const struct process *q = &s->p[ring_consumer[r]];

	if (q->mode != IDLE)
		return false;
	for (uint32_t k = q->truth.index[r]; k < s->ring[r].prod; k++)
		if (s->rewritten >> WORD_BUFFER(s->ring[r].slot[k]) & 1)
			return true;
	return false;
}

/* Who has nothing in hand has published what its record says. */
static bool unpublished(const struct state *s, uint32_t r)
{
	const struct process *from = &s->p[ring_producer[r]], *to = &s->p[ring_consumer[r]];

	return (from->mode == IDLE && from->truth.index[r] != s->ring[r].prod) ||
	       (to->mode == IDLE && to->truth.index[r]);
}

const char *invariant_check(const struct state *s)
{
	struct owners o = {0};
	uint8_t held, stack[BUFFERS_MAX];

	invariant_undone(s, &held, stack);
	for (uint32_t r = 0; r < RINGS && !o.wrong; r++)
		check_ring(&o, s, r);
	for (uint32_t r = 0; r < RINGS && !o.wrong; r++) {
		if (runs_again(s, r))
			o.wrong = "a packet that was in a dead one's hand runs again";
		else if (unpublished(s, r))
			o.wrong = "the indices in a ring are not those of the record";
	}
	if (held && !o.wrong)
		own(&o, held);
	if (s->p[INGEST].truth.height > n_buffers)
		o.wrong = "the stack's height is impossible";
	for (uint32_t k = 0; k < s->p[INGEST].truth.height && !o.wrong; k++)
		own(&o, stack[k]);
	for (uint32_t b = 1; b <= n_buffers && !o.wrong; b++)
		if (!o.seen[b])
			o.wrong = "a buffer has no owner";
	return o.wrong;
}
