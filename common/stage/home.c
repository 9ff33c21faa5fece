/* home: ingest's free buffers.
 *
 * Each ingest worker is home to a share of the pool.  Its free buffers stand on a stack whose height is in
 * the record.  A burst writes above the committed height freely; below it, only through the undo log. */
#include "common/stage/worker_internal.h"

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

void home_give(struct worker *w, struct pkt_index *index, uint32_t n)
{
	assert(n <= w->stack_height);
	for (uint32_t i = 0; i < n; i++)
		index[i] = home_pop(w);
}

void home_take(struct worker *w, uint32_t n)
{
	struct burst *b = &w->burst;
	const struct pool pool = *b->pool;
	const struct pkt fresh = {.timestamp = w->log.now, .data_off = PKT_FRAME_OFF, .out = PORT_NONE};

	assert(n <= w->stack_height);
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
