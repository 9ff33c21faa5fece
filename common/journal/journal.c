#include "common/journal/journal.h"

static struct journal_open_word open_word(const struct journal_shared *shared)
{
	uint64_t w = __atomic_load_n(&shared->open, __ATOMIC_RELAXED);

	return (struct journal_open_word){
	        .epoch = (uint16_t)w,
	        .undo = (uint16_t)(w >> 16),
	        .input = (uint8_t)(w >> 32),
	        .note = (uint8_t)(w >> 40),
	        .taken = (uint16_t)(w >> 48),
	};
}

void journal_attach(struct journal *j, struct journal_shared *shared, void *undo, uint32_t lines, void *state,
        uint64_t state_bytes)
{
	assert(lines > 0 && lines <= UINT16_MAX);
	j->shared = shared;
	j->undo_number = undo;
	j->undo_old = (void *)((uint8_t *)undo + journal_undo_bytes(lines) - (uint64_t)lines * CACHE_LINE);
	j->undo_max = lines;
	j->undo = 0;
	j->state = state;
	j->state_bytes = state_bytes;
	j->epoch = __atomic_load_n(&shared->epoch, __ATOMIC_ACQUIRE);
	memset(j->seen, 0xff, sizeof j->seen);
	j->dirty = 0;
	j->dirty_before = UINT64_MAX;
#ifndef SLUICE_NO_JOURNAL
	j->work = &j->work_copy;
	j->work_copy = shared->record[j->epoch & 1];
	if (j->epoch == 0 &&
	        shared->open == 0) /* never ran: an all-zero open word would seem to be of epoch 0 */
		shared->open = UINT16_MAX;
#else
	j->work = &shared->record[0];
#endif
}

bool journal_interrupted(const struct journal *j, struct journal_open_word *open)
{
	*open = open_word(j->shared);
	return open->epoch == (uint16_t)j->epoch;
}

uint32_t journal_in_hand(const struct journal *j)
{
	uint64_t hand = __atomic_load_n(&j->shared->hand, __ATOMIC_RELAXED);
	struct journal_open_word open;

	return journal_interrupted(j, &open) && hand >> 32 == j->epoch ? (uint32_t)hand : 0;
}

void journal_undo(struct journal *j)
{
	struct journal_open_word open;

	if (!journal_interrupted(j, &open))
		return;
	for (uint32_t k = MIN(open.undo, j->undo_max); k-- > 0;) {
		uint64_t off = (uint64_t)j->undo_number[k] * CACHE_LINE;

		assert(off + CACHE_LINE <= j->state_bytes);
		memcpy(j->state + off, j->undo_old[k].old, CACHE_LINE);
	}
}

void journal_mark(struct journal *j, uint8_t note)
{
	uint64_t open = __atomic_load_n(&j->shared->open, __ATOMIC_RELAXED) & ~(UINT64_C(0xff) << 40);

	__atomic_store_n(&j->shared->open, open | (uint64_t)note << 40, __ATOMIC_RELAXED);
	order_stores();
}

/* Whether the worker committed nothing meanwhile. */
static bool copy_record(const struct journal_shared *shared, struct record *out)
{
	uint32_t epoch = __atomic_load_n(&shared->epoch, __ATOMIC_ACQUIRE);
	const uint64_t *from = (const uint64_t *)&shared->record[epoch & 1];
	uint64_t *to = (uint64_t *)out;

	for (size_t i = 0; i < sizeof *out / sizeof *to; i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&shared->epoch, __ATOMIC_RELAXED) == epoch;
}

bool journal_read(const struct journal_shared *shared, struct record *out)
{
	for (uint32_t tries = 0; tries < JOURNAL_TRIES; tries++)
		if (copy_record(shared, out))
			return true;
	memset(out, 0, sizeof *out);
	return false;
}

#ifndef SLUICE_NO_JOURNAL

void journal_touch_line(struct journal *j, uint32_t line)
{
	uint32_t k = j->undo;

	assert(k < j->undo_max && (uint64_t)line * CACHE_LINE + CACHE_LINE <= j->state_bytes);
	memcpy(j->undo_old[k].old, j->state + (uint64_t)line * CACHE_LINE, CACHE_LINE);
	j->undo_number[k] = line;
	order_stores();
	j->undo = k + 1;
	__atomic_store_n(&j->shared->open, j->open_bits | (uint64_t)j->undo << 16, __ATOMIC_RELAXED);
	order_stores();
	j->seen[line % JOURNAL_SEEN] = (uint64_t)j->epoch << 32 | line;
}

/* A line of the record that is not the truth yet.  Who reads it meanwhile sees by the epoch that he read for
 * nothing; word by word only where a sanitizer wants to see that (or to cut between two of them). */
static always_inline void store_line(uint64_t *to, const uint64_t *from)
{
#ifdef __SANITIZE_THREAD__
	for (size_t i = 0; i < CACHE_LINE / sizeof *to; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
#else
	copy_line(to, from);
#endif
}

void journal_commit(struct journal *j)
{
	uint64_t *to = (uint64_t *)&j->shared->record[(j->epoch + 1) & 1];
	const uint64_t *from = (const uint64_t *)j->work;

	for (uint64_t lines = (j->dirty | j->dirty_before) & (UINT64_MAX >> (64 - RECORD_LINES)); lines;
	        lines &= lines - 1) {
		size_t line = (size_t)__builtin_ctzll(lines) * (CACHE_LINE / sizeof *to);

		store_line(to + line, from + line);
	}
	j->dirty_before = j->dirty;
	j->dirty = 0;
	order_stores();
	j->epoch++;
	__atomic_store_n(&j->shared->epoch, j->epoch, __ATOMIC_RELEASE);
}

#endif
