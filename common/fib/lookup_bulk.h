/* The lookup of many addresses, for one instruction set.  A source file may define
 *
 * - FIB_FIND(line, bound): the last word of a line within a bound;
 * - FIB_FLAT(walk, table, dst, value, n, few): IPv4, the flat table; whether some look in the wide one;
 * - FIB_START(walk, table, dst, value, n): IPv6, the directory, its words as values, and first lines;
 * - FIB_FIND_ALL(walk, table, value, n): IPv6, all through their first lines;
 * - FIB_OTHERWISE(value, otherwise, n): 0 becomes the default;
 * - FIB_TARGET and FIB_NAME(name): the attribute that its instructions need, and names;
 *
 * and include this; without, it is the code for the baseline.
 *
 * A group of addresses goes through in passes, each asking for the words and lines that the next one reads,
 * so that cache misses overlap.  Few branches depend on an address.
 */
#ifndef SLUICE_COMMON_FIB_LOOKUP_BULK_H
#define SLUICE_COMMON_FIB_LOOKUP_BULK_H

#include "common/fib/lookup.h"

#ifndef FIB_FIND
#define FIB_FIND      fib_find_plain
#define FIB_FLAT      flat_plain
#define FIB_START     start_plain
#define FIB_FIND_ALL  find_all_plain
#define FIB_OTHERWISE otherwise_plain
#define FIB_TARGET
#define FIB_NAME(name) name##_plain

static always_inline bool flat_plain(struct fib_walk *walk, struct fib_table table, const uint32_t *dst,
        uint32_t *value, uint32_t n, bool few)
{
	uint32_t any = 0;

	for (uint32_t at = 0; at < n; at += FIB_BLOCK) {
		uint32_t end = MIN(at + FIB_BLOCK, n), wide = 0;

		for (uint32_t i = at; i < end; i++) {
			uint32_t word = 0;

			if (!few || fib_flat_used(table, dst[i]))
				word = fib_flat_load(&table.flat[dst[i] >> 8]);
			value[i] = word;
			wide |= (word >> 15) << (i - at);
		}
		walk->deep[at / FIB_BLOCK] = (uint16_t)wide;
		any |= wide;
	}
	return any;
}

static always_inline void start_plain(struct fib_walk *walk, struct fib_table table,
        const struct ip6_addr *dst, uint32_t *value, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += FIB_BLOCK)
		(void)fib_start_block(walk, table, dst, value, at, MIN(FIB_BLOCK, n - at));
}

static always_inline void find_all_plain(
        struct fib_walk *walk, struct fib_table table, uint32_t *value, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += FIB_BLOCK) {
		uint32_t end = MIN(at + FIB_BLOCK, n), deep = 0;

		for (uint32_t i = at; i < end; i++) {
			uint32_t word = value[i];
			uint32_t found = fib_find_plain(fib_line_words(table, walk->line[i]), walk->bound[i]);

			found = (word & FIB_LINES ? found : word) & FIB_VALUE;
			value[i] = found;
			deep |= (found >> 23) << (i - at);
		}
		walk->deep[at / FIB_BLOCK] = (uint16_t)deep;
	}
}

static always_inline void otherwise_plain(uint32_t *value, uint32_t otherwise, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		value[i] = value[i] ? value[i] : otherwise;
}
#endif

/* Steps that an address can take behind 24 bits: two for each further byte. */
#define STEPS(form) (2 * ((form).n_bytes - 3))

/* Asks for the next line of an address that goes on. */
static always_inline void walk_on(
        struct fib_walk *walk, struct fib_table table, uint32_t at, uint32_t byte, uint32_t found)
{
	uint32_t line = fib_line(table, found & FIB_PAYLOAD), n = walk->n;

	__builtin_prefetch(fib_line_words(table, line));
	walk->n = n + 1;
	walk->line[at] = line;
	walk->at[n] = (uint8_t)at;
	walk->byte[n] = (uint8_t)byte;
}

/* Every address of the list through its line; those at their end leave the list. */
FIB_TARGET static always_inline void walk_step(struct fib_walk *walk, struct fib_table table,
        const uint8_t *dst, struct fib_form form, uint32_t *value)
{
	uint32_t n = walk->n;

	walk->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = walk->at[i], byte = walk->byte[i];
		uint32_t bound = fib_bound(dst[at * form.n_bytes + (byte ^ form.flip)]);
		uint32_t found = FIB_FIND(fib_line_words(table, walk->line[at]), bound) & FIB_VALUE;

		byte += !(found & FIB_SAME);
		/* A word that leads on behind the last byte is nothing that a writer wrote. */
		found = (found & FIB_DEEP) && byte >= form.n_bytes ? 0 : found;
		value[at] = found;
		if (found & FIB_DEEP)
			walk_on(walk, table, at, byte, found);
	}
}

/* What is left after the first 24 bits. */
FIB_TARGET static always_inline void walk_finish(struct fib_walk *walk, struct fib_table table,
        const uint8_t *dst, struct fib_form form, uint32_t *value)
{
	for (uint32_t steps = STEPS(form); walk->n && steps; steps--)
		walk_step(walk, table, dst, form, value);
	for (uint32_t i = 0; i < walk->n; i++)
		value[walk->at[i]] = 0;
}

/* The addresses whose flat word says so go to the wide table, which is asked for before it is read. */
static always_inline void walk_wide(
        struct fib_walk *walk, struct fib_table table, const uint32_t *dst, uint32_t *value, uint32_t n)
{
	uint32_t n_wide = 0;

	for (uint32_t at = 0; at < n; at += FIB_BLOCK) {
		for (uint32_t wide = walk->deep[at / FIB_BLOCK]; wide; wide &= wide - 1) {
			uint32_t i = at + (uint32_t)__builtin_ctz(wide);

			__builtin_prefetch(&table.wide[dst[i] >> 8]);
			walk->bound[n_wide++] = i;
		}
	}
	walk->n = 0;
	for (uint32_t w = 0; w < n_wide; w++) {
		uint32_t i = walk->bound[w], word = fib_word_load(&table.wide[dst[i] >> 8]);

		value[i] = word & FIB_VALUE;
		if (word & FIB_DEEP)
			walk_on(walk, table, i, 3, word);
	}
}

static always_inline void walk_deep(
        struct fib_walk *walk, struct fib_table table, const uint32_t *value, uint32_t n)
{
	walk->n = 0;
	for (uint32_t at = 0; at < n; at += FIB_BLOCK) {
		for (uint32_t deep = walk->deep[at / FIB_BLOCK]; deep; deep &= deep - 1) {
			uint32_t i = at + (uint32_t)__builtin_ctz(deep);

			walk_on(walk, table, i, 3, value[i]);
		}
	}
}

/* few: of the flat table little is in use, so that it is in the cache; the rest is not even looked at, for
 * that would take memory. */
FIB_TARGET static always_inline void group4(
        struct fib_table table, const uint32_t *dst, uint32_t *value, uint32_t n, bool few)
{
	struct fib_walk walk;

	for (uint32_t i = 0; !few && i < n; i++)
		__builtin_prefetch(&table.flat[dst[i] >> 8]);
	if (!FIB_FLAT(&walk, table, dst, value, n, few))
		return;
	walk_wide(&walk, table, dst, value, n);
	walk_finish(&walk, table, (const uint8_t *)dst, FIB_FORM4, value);
}

FIB_TARGET void FIB_NAME(fib4_lookup)(
        const struct fib_reader *reader, const uint32_t *dst, uint32_t *group, uint32_t n)
{
	uint32_t otherwise = fib_word_load(&reader->defaults[FIB_IPV4]);
	bool few = fib_word_load(reader->flat_parts) <= FIB_FEW_PARTS;
	struct fib_table table = fib_table(reader);

	for (uint32_t at = 0; at < n; at += FIB_GROUP) {
		uint32_t part = MIN(FIB_GROUP, n - at);

		if (few)
			group4(table, dst + at, group + at, part, true);
		else
			group4(table, dst + at, group + at, part, false);
	}
	if (otherwise)
		FIB_OTHERWISE(group, otherwise, n);
}

FIB_TARGET void FIB_NAME(fib6_lookup)(
        const struct fib_reader *reader, const struct ip6_addr *dst, uint32_t *group, uint32_t n)
{
	uint32_t otherwise = fib_word_load(&reader->defaults[FIB_IPV6]), part;
	struct fib_table table = fib_table(reader);
	struct fib_walk walk;

	for (uint32_t at = 0; at < n; at += part) {
		part = MIN(FIB_GROUP, n - at);
		FIB_START(&walk, table, dst + at, group + at, part);
		FIB_FIND_ALL(&walk, table, group + at, part);
		walk_deep(&walk, table, group + at, part);
		walk_finish(&walk, table, dst[at].b, FIB_FORM6, group + at);
	}
	if (otherwise)
		FIB_OTHERWISE(group, otherwise, n);
}

#endif
