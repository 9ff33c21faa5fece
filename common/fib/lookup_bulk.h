/* The lookup of many addresses, for one instruction set.  A source file may define FIB_COUNT(line, byte), the
 * number of words of a line that start at or before a byte, FIB_TARGET, the attribute that its instructions
 * need, and FIB_NAME(name), and include this; without, it is the code for the baseline.
 *
 * A group of addresses goes through in passes, each asking for the lines that the next one reads; the few
 * whose prefix is longer go on in a list.  No branch depends on an address save the end of that list.
 */
#ifndef SLUICE_COMMON_FIB_LOOKUP_BULK_H
#define SLUICE_COMMON_FIB_LOOKUP_BULK_H

#include "common/fib/lookup.h"

#ifndef FIB_COUNT
#define FIB_COUNT fib_count_plain
#define FIB_TARGET
#define FIB_NAME(name) name##_plain
#endif

/* On their way at once, so that their cache misses overlap. */
#define GROUP 128u

/* Steps that an address can take behind the directory: two for each byte. */
#define STEPS4 2u
#define STEPS6 26u

/* Addresses that go on behind the first 24 bits. */
struct walk {
	const struct fib_reader *reader;
	uint32_t n;
	uint8_t at[GROUP];   /* the addresses, */
	uint8_t byte[GROUP]; /* their next byte */
};

FIB_TARGET static always_inline uint32_t line_find(const uint32_t *line, uint32_t byte)
{
	return line[(FIB_COUNT(line, byte) - 1) & (FIB_RUNS - 1)] & FIB_VALUE;
}

/* Takes every address of the list one line further; those at their end leave it.  Bytes of an address lie
 * stride apart from address to address, in order (flip 0) or from the last to the first (flip 3). */
FIB_TARGET static always_inline void walk_step(
        struct walk *walk, const uint8_t *dst, uint32_t stride, uint32_t flip, uint32_t *value)
{
	const uint32_t *lines = walk->reader->lines;
	uint32_t n_lines = walk->reader->n_lines, left = 0;

	for (uint32_t i = 0; i < walk->n; i++) {
		uint32_t at = walk->at[i], byte = walk->byte[i];
		const uint32_t *line = fib_value_line(lines, n_lines, value[at]);
		uint32_t found = line_find(line, dst[at * stride + (byte ^ flip)]);
		bool deep = found & FIB_DEEP;

		byte += !(found & FIB_SAME);
		/* A word that leads on behind the last byte is nothing that a writer wrote. */
		found = deep && byte >= stride ? 0 : found;
		value[at] = found;
		walk->at[left] = (uint8_t)at;
		walk->byte[left] = (uint8_t)byte;
		left += found >> 23;
		__builtin_prefetch(fib_value_line(lines, n_lines, deep ? found : 0));
	}
	walk->n = left;
}

/* The second pass: the first 24 bits' results; starts the list of those that go on. */
FIB_TARGET static always_inline void lines_find(struct walk *walk, const uint32_t *const *line,
        const uint8_t *dst, uint32_t stride, uint32_t flip, uint32_t *value, uint32_t n)
{
	walk->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t found = line_find(line[i], dst[i * stride + (2 ^ flip)]);

		value[i] = found;
		walk->at[walk->n] = (uint8_t)i;
		walk->byte[walk->n] = 3;
		walk->n += found >> 23;
	}
	for (uint32_t i = 0; i < walk->n; i++)
		__builtin_prefetch(
		        fib_value_line(walk->reader->lines, walk->reader->n_lines, value[walk->at[i]]));
}

/* The rest: the list to its end, and the default where nothing was found. */
FIB_TARGET static always_inline void walk_finish(struct walk *walk, const uint8_t *dst, uint32_t stride,
        uint32_t flip, uint32_t steps, uint32_t otherwise, uint32_t *value, uint32_t n)
{
	for (; walk->n && steps; steps--)
		walk_step(walk, dst, stride, flip, value);
	for (uint32_t i = 0; i < walk->n; i++)
		value[walk->at[i]] = 0;
	for (uint32_t i = 0; i < n; i++)
		value[i] = value[i] ? value[i] : otherwise;
}

FIB_TARGET static void FIB_NAME(group4)(
        const struct fib_reader *reader, const uint32_t *dst, uint32_t *group, uint32_t n)
{
	const uint32_t *dir = reader->dir[FIB_IPV4], *lines = reader->lines, *line[GROUP];
	uint32_t n_lines = reader->n_lines, otherwise = fib_word_load(&reader->defaults[FIB_IPV4]);
	struct walk walk = {.reader = reader};

	for (uint32_t i = 0; i < n; i++) {
		line[i] = fib_dir_line(lines, n_lines, fib_word_load(&dir[dst[i] >> 16]), dst[i] >> 8 & 0xff);
		__builtin_prefetch(line[i]);
	}
	lines_find(&walk, line, (const uint8_t *)dst, 4, 3, group, n);
	walk_finish(&walk, (const uint8_t *)dst, 4, 3, STEPS4, otherwise, group, n);
}

FIB_TARGET static void FIB_NAME(group6)(
        const struct fib_reader *reader, const struct ip6_addr *dst, uint32_t *group, uint32_t n)
{
	const uint32_t *dir = reader->dir[FIB_IPV6], *lines = reader->lines, *line[GROUP];
	uint32_t n_lines = reader->n_lines, otherwise = fib_word_load(&reader->defaults[FIB_IPV6]);
	struct walk walk = {.reader = reader};

	for (uint32_t i = 0; i < n; i++) {
		line[i] = fib_dir_line(
		        lines, n_lines, fib_word_load(&dir[be16_to_host(dst[i].w16[0])]), dst[i].b[2]);
		__builtin_prefetch(line[i]);
	}
	lines_find(&walk, line, dst->b, 16, 0, group, n);
	walk_finish(&walk, dst->b, 16, 0, STEPS6, otherwise, group, n);
}

void FIB_NAME(fib4_lookup)(const struct fib_reader *reader, const uint32_t *dst, uint32_t *group, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += GROUP)
		FIB_NAME(group4)(reader, dst + at, group + at, MIN(GROUP, n - at));
}

void FIB_NAME(fib6_lookup)(
        const struct fib_reader *reader, const struct ip6_addr *dst, uint32_t *group, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += GROUP)
		FIB_NAME(group6)(reader, dst + at, group + at, MIN(GROUP, n - at));
}

#endif
