/* The results of one byte of the address, 256 values, in lines and back. */
#include "common/fib/writer.h"

/* Values as runs: words of a line, and a bit for each value that begins one. */
struct runs {
	uint32_t n;
	uint32_t word[256];
	uint64_t start[4];
};

static void runs_find(const uint32_t value[256], struct runs *runs)
{
	*runs = (struct runs){0};
	for (uint32_t i = 0; i < 256; i++) {
		if (i && value[i] == value[i - 1])
			continue;
		runs->start[i / 64] |= UINT64_C(1) << i % 64;
		runs->word[runs->n++] = i << FIB_START_BITS | value[i];
	}
}

/* The runs that begin within n values from the value `from` on: a power of two, aligned. */
static uint32_t runs_within(const struct runs *runs, uint32_t from, uint32_t n)
{
	uint32_t count = 0;

	if (n < 64)
		return (uint32_t)__builtin_popcountll(
		        runs->start[from / 64] >> from % 64 & ((UINT64_C(1) << n) - 1));
	for (uint32_t i = from / 64; i < (from + n) / 64; i++)
		count += (uint32_t)__builtin_popcountll(runs->start[i]);
	return count;
}

static void line_write(struct fib *fib, uint32_t line, const uint32_t *word, uint32_t n)
{
	uint32_t *to = &fib->lines[(size_t)line * FIB_RUNS];

	for (uint32_t i = 0; i < FIB_RUNS; i++)
		to[i] = word[MIN(i, n - 1)];
}

/* The values from `from` to before `to`, which one line holds. */
static void line_expand(const struct fib *fib, uint32_t line, uint32_t from, uint32_t to, uint32_t value[256])
{
	const uint32_t *word = &fib->lines[(size_t)line * FIB_RUNS];

	for (uint32_t i = 0; i < FIB_RUNS; i++) {
		uint32_t start = MAX(word[i] >> FIB_START_BITS, from);
		uint32_t end = i + 1 < FIB_RUNS ? word[i + 1] >> FIB_START_BITS : to;

		if (start < end && (word[i] & FIB_DEEP) && (word[i] & FIB_SAME))
			line_expand(fib, word[i] & FIB_PAYLOAD, start, end, value);
		else
			for (uint32_t v = start; v < end; v++)
				value[v] = word[i] & FIB_VALUE;
	}
}

void fib_unit_expand(const struct fib *fib, uint32_t line, uint32_t value[256])
{
	line_expand(fib, line, 0, 256, value);
}

void fib_dir_expand(const struct fib *fib, uint32_t word, uint32_t value[256])
{
	uint32_t line = (word & ~FIB_LINES) >> FIB_ORDER_BITS, n = 1u << (word & FIB_ORDER_MASK),
	         size = 256 / n;

	if (!(word & FIB_LINES)) {
		for (uint32_t i = 0; i < 256; i++)
			value[i] = word;
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		line_expand(fib, line + i, i * size, (i + 1) * size, value);
}

void fib_flat_expand(const struct fib *fib, uint32_t at, uint32_t value[256])
{
	const uint16_t *word = &fib->flat[at << 8];

	for (uint32_t i = 0; i < 256; i++)
		value[i] = word[i] & FIB_WIDE ? fib->wide[at << 8 | i] & FIB_VALUE : word[i];
}

static uint16_t flat_of(uint32_t value)
{
	return value < FIB_WIDE ? (uint16_t)value : (uint16_t)FIB_WIDE;
}

/* Notes that a part of the flat table is written to, before it is: a reader who does not know yet finds
 * nothing there without a look, as it was before.  It is never taken back, since the memory stays in use. */
static void flat_note(struct fib *fib, uint32_t at)
{
	uint64_t bit = UINT64_C(1) << at % 64;
	uint32_t *used = &fib->flat_used[at >> 13];

	if (fib->flat_written[at / 64] & bit)
		return;
	fib->flat_written[at / 64] |= bit;
	__atomic_store_n(used, *used | 1u << (at >> 8 & 31), __ATOMIC_RELEASE); /* pairs with fib_word_load */
	__atomic_store_n(fib->flat_parts, *fib->flat_parts + 1, __ATOMIC_RELEASE);
}

/* A reader that saw FIB_WIDE reads the wide word next: it must find the old value or the new one there, so
 * the wide word is set first, and stays when the flat one no longer leads to it. */
int fib_flat_write(struct fib *fib, uint32_t at, const uint32_t before[256], const uint32_t after[256])
{
	uint16_t *word = &fib->flat[at << 8];
	uint32_t n;
	int error = 0;

	flat_note(fib, at);
	for (uint32_t i = 0; i < 256 && !error; i++) {
		if (before[i] != after[i] && (flat_of(after[i]) == FIB_WIDE || word[i] == FIB_WIDE))
			error = fib_set(fib, &fib->wide[at << 8 | i], after[i]);
	}
	for (uint32_t i = 0; i < 256 && !error; i += n) {
		uint16_t old = word[i], next = flat_of(after[i]);

		for (n = 1; i + n < 256 && word[i + n] == old && flat_of(after[i + n]) == next;)
			n++;
		if (old != next)
			error = fib_fill(fib, &word[i], n, next);
	}
	return error;
}

/* More runs than a line holds: a line of lines. */
static int unit_split(struct fib *fib, const struct runs *runs, uint32_t *line)
{
	uint32_t top[FIB_RUNS], n = 0;

	for (uint32_t at = 0; at < runs->n; at += FIB_RUNS) {
		uint32_t part;
		int error = fib_take(fib, FIB_PIECE_LINES, 0, &part);

		if (error)
			return error;
		line_write(fib, part, &runs->word[at], MIN(FIB_RUNS, runs->n - at));
		top[n++] = (runs->word[at] & ~FIB_VALUE) | FIB_DEEP | FIB_SAME | part;
	}
	line_write(fib, *line, top, n);
	return 0;
}

int fib_unit_write(struct fib *fib, const uint32_t value[256], uint32_t *word)
{
	struct runs runs;
	uint32_t line;
	int error;

	runs_find(value, &runs);
	if (runs.n == 1) {
		*word = value[0];
		return 0;
	}
	error = fib_take(fib, FIB_PIECE_LINES, 0, &line);
	if (error)
		return error;
	*word = FIB_DEEP | line;
	if (runs.n > FIB_RUNS)
		return unit_split(fib, &runs, &line);
	line_write(fib, line, runs.word, runs.n);
	return 0;
}

/* How many lines in a row, as a power of two, so that none has more runs than fit. */
static unsigned dir_order(const struct runs *runs)
{
	for (unsigned order = 0; order < FIB_ORDER_MAX; order++) {
		uint32_t size = 256u >> order, from = 0;

		/* A run that began before the part takes a word of it as well. */
		while (from < 256 &&
		        runs_within(runs, from, size) + !(runs->start[from / 64] >> from % 64 & 1) <=
		                FIB_RUNS)
			from += size;
		if (from == 256)
			return order;
	}
	return FIB_ORDER_MAX;
}

int fib_dir_write(struct fib *fib, const uint32_t value[256], uint32_t *word)
{
	struct runs runs;
	uint32_t line, run = 0;
	unsigned order;
	int error;

	runs_find(value, &runs);
	if (runs.n == 1) {
		*word = value[0];
		return 0;
	}
	order = dir_order(&runs);
	error = fib_take(fib, FIB_PIECE_LINES, order, &line);
	if (error)
		return error;
	for (uint32_t from = 0; from < 256; from += 256u >> order) {
		bool begins = runs.start[from / 64] >> from % 64 & 1;
		uint32_t first = run - !begins;

		run += runs_within(&runs, from, 256u >> order);
		line_write(fib, line + (from << order >> 8), &runs.word[first], run - first);
	}
	*word = FIB_LINES | line << FIB_ORDER_BITS | order;
	return 0;
}

int fib_unit_give(struct fib *fib, uint32_t line)
{
	const uint32_t *word = &fib->lines[(size_t)line * FIB_RUNS];
	int error = fib_give(fib, FIB_PIECE_LINES, 0, line);

	for (uint32_t i = 0; i < FIB_RUNS && !error; i++) {
		bool repeated = i && word[i] == word[i - 1];

		if ((word[i] & FIB_DEEP) && (word[i] & FIB_SAME) && !repeated)
			error = fib_give(fib, FIB_PIECE_LINES, 0, word[i] & FIB_PAYLOAD);
	}
	return error;
}

int fib_dir_give(struct fib *fib, uint32_t word)
{
	if (!(word & FIB_LINES))
		return 0;
	return fib_give(fib, FIB_PIECE_LINES, word & FIB_ORDER_MASK, (word & ~FIB_LINES) >> FIB_ORDER_BITS);
}
