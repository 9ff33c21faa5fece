/* A change to the region, all or nothing, and what waits until readers have let go of it. */
#include "common/fib/writer.h"

#include <stdlib.h>

#define LOG_LEAST 1024u

bool fib_piece_take(struct fib *fib, struct fib_piece *piece)
{
	switch ((enum fib_kind)piece->kind) {
	case FIB_PIECE_LINES: return fib_slab_take(&fib->line_slab, piece->order, &piece->index);
	case FIB_PIECE_HOPS: return fib_slab_take(&fib->hop_slab, piece->order, &piece->index);
	case FIB_PIECE_NODE: return fib_pool_take(&fib->node_pool, &piece->index);
	case FIB_PIECE_ENTRY: return fib_pool_take(&fib->entry_pool, &piece->index);
	case FIB_PIECE_GROUP: return fib_pool_take(&fib->group_pool, &piece->index);
	}
	__builtin_unreachable();
}

void fib_piece_give(struct fib *fib, struct fib_piece piece)
{
	switch ((enum fib_kind)piece.kind) {
	case FIB_PIECE_LINES: fib_slab_give(&fib->line_slab, piece.order, piece.index); break;
	case FIB_PIECE_HOPS: fib_slab_give(&fib->hop_slab, piece.order, piece.index); break;
	case FIB_PIECE_NODE: fib_pool_give(&fib->node_pool, piece.index); break;
	case FIB_PIECE_ENTRY: fib_pool_give(&fib->entry_pool, piece.index); break;
	case FIB_PIECE_GROUP: fib_pool_give(&fib->group_pool, piece.index); break;
	}
}

void fib_retire(struct fib *fib, struct fib_piece piece)
{
	/* A piece waits once at most, and there is a slot for each. */
	if (fib->retired_tail == fib->retired_room) {
		size_t n = fib->retired_tail - fib->retired_head;

		assert(fib->retired_head > 0);
		memmove(fib->retired, fib->retired + fib->retired_head, n * sizeof piece);
		fib->retired_head = 0;
		fib->retired_tail = n;
	}
	fib->retired[fib->retired_tail++] = piece;
}

uint64_t fib_retired(const struct fib *fib)
{
	return fib->retired_first + (fib->retired_tail - fib->retired_head);
}

void fib_reclaim(struct fib *fib, uint64_t retired)
{
	assert(retired <= fib_retired(fib));
	for (; fib->retired_first < retired; fib->retired_first++)
		fib_piece_give(fib, fib->retired[fib->retired_head++]);
	if (fib->retired_head == fib->retired_tail)
		fib->retired_head = fib->retired_tail = 0;
}

static int log_room(struct fib *fib)
{
	size_t room = MAX(2 * fib->log_room, (size_t)LOG_LEAST);
	struct fib_log *log;

	if (fib->n_log < fib->log_room)
		return 0;
	log = realloc(fib->log, room * sizeof *log);
	if (!log)
		return -ENOMEM;
	fib->log = log;
	fib->log_room = room;
	return 0;
}

int fib_take(struct fib *fib, enum fib_kind kind, unsigned order, uint32_t *index)
{
	struct fib_piece piece = {.kind = (uint8_t)kind, .order = (uint8_t)order};

	if (log_room(fib))
		return -ENOMEM;
	if (!fib_piece_take(fib, &piece))
		return -ENOSPC;
	fib->log[fib->n_log++] = (struct fib_log){.op = FIB_TAKE, .piece = piece};
	*index = piece.index;
	return 0;
}

int fib_give(struct fib *fib, enum fib_kind kind, unsigned order, uint32_t index)
{
	if (log_room(fib))
		return -ENOMEM;
	fib->log[fib->n_log++] = (struct fib_log){
	        .op = FIB_GIVE, .piece = {.index = index, .kind = (uint8_t)kind, .order = (uint8_t)order}};
	return 0;
}

int fib_set(struct fib *fib, uint32_t *word, uint32_t value)
{
	if (log_room(fib))
		return -ENOMEM;
	fib->log[fib->n_log++] = (struct fib_log){.op = FIB_SET, .old = *word, .word = word};
	/* Release, so that what it leads to is there; pairs with fib_word_load and link_load. */
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	return 0;
}

int fib_fill(struct fib *fib, uint16_t *words, uint32_t count, uint16_t value)
{
	if (log_room(fib))
		return -ENOMEM;
	fib->log[fib->n_log++] = (struct fib_log){
	        .op = FIB_FILL, .count = (uint16_t)count, .old = *words, .words = words};
	for (uint32_t i = 0; i < count; i++)
		__atomic_store_n(&words[i], value, __ATOMIC_RELEASE); /* pairs with fib_flat_load */
	return 0;
}

/* A log that one large change has grown is not kept. */
static void log_clear(struct fib *fib)
{
	fib->n_log = 0;
	fib->delta[0] = fib->delta[1] = 0;
	if (fib->log_room <= 64 * LOG_LEAST)
		return;
	free(fib->log);
	fib->log = NULL;
	fib->log_room = 0;
}

/* An entry that came or went is a use of its group.  A group may lose one route and gain another in one
 * change: all that came are counted before any that went. */
void fib_commit(struct fib *fib)
{
	for (size_t i = 0; i < fib->n_log; i++) {
		const struct fib_log *l = &fib->log[i];

		if (l->op == FIB_TAKE && l->piece.kind == FIB_PIECE_ENTRY)
			fib->refs[fib->entries[l->piece.index].group]++;
	}
	for (size_t i = 0; i < fib->n_log; i++) {
		const struct fib_log *l = &fib->log[i];

		if (l->op != FIB_GIVE)
			continue;
		if (l->piece.kind == FIB_PIECE_ENTRY)
			fib_group_put(fib, fib->entries[l->piece.index].group);
		fib_retire(fib, l->piece);
	}
	fib->count[0] += (uint32_t)fib->delta[0];
	fib->count[1] += (uint32_t)fib->delta[1];
	log_clear(fib);
}

void fib_abort(struct fib *fib)
{
	for (size_t i = fib->n_log; i-- > 0;) {
		const struct fib_log *l = &fib->log[i];

		if (l->op == FIB_SET)
			__atomic_store_n(l->word, l->old, __ATOMIC_RELEASE);
		for (uint32_t w = 0; l->op == FIB_FILL && w < l->count; w++)
			__atomic_store_n(&l->words[w], (uint16_t)l->old, __ATOMIC_RELEASE);
	}
	for (size_t i = 0; i < fib->n_log; i++) {
		if (fib->log[i].op == FIB_TAKE)
			fib_retire(fib, fib->log[i].piece);
	}
	log_clear(fib);
}
