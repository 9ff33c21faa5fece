/* The lookup, by the instruction set there is. */
#include "common/fib/fib.h"
#include "common/fib/lookup.h"
#include "common/fib/lookup_bulk.h"

void fib4_lookup_bulk(const struct fib_reader *reader, const uint32_t *dst, uint32_t *group, uint32_t n)
{
#if defined(__x86_64__)
	if (reader->vector) {
		fib4_lookup_avx512(reader, dst, group, n);
		return;
	}
#endif
	fib4_lookup_plain(reader, dst, group, n);
}

void fib6_lookup_bulk(
        const struct fib_reader *reader, const struct ip6_addr *dst, uint32_t *group, uint32_t n)
{
#if defined(__x86_64__)
	if (reader->vector) {
		fib6_lookup_avx512(reader, dst, group, n);
		return;
	}
#endif
	fib6_lookup_plain(reader, dst, group, n);
}

/* From the line for byte 2 on; flip as in walk_step. */
static always_inline uint32_t find_one(const struct fib_reader *reader, const uint32_t *line,
        const uint8_t *dst, uint32_t n_bytes, uint32_t flip)
{
	uint32_t byte = 2, value = line_find(line, dst[byte ^ flip]);

	for (uint32_t steps = 2 * n_bytes; value & FIB_DEEP; steps--) {
		byte += !(value & FIB_SAME);
		if (byte >= n_bytes || !steps)
			return 0;
		line = fib_value_line(reader->lines, reader->n_lines, value);
		value = line_find(line, dst[byte ^ flip]);
	}
	return value;
}

uint32_t fib4_lookup(const struct fib_reader *reader, struct be32 dst)
{
	uint32_t host = be32_to_host(dst), word = fib_word_load(&reader->dir[FIB_IPV4][host >> 16]);
	const uint32_t *line = fib_dir_line(reader->lines, reader->n_lines, word, host >> 8 & 0xff);
	uint32_t group = find_one(reader, line, (const uint8_t *)&host, 4, 3);

	return group ? group : fib_word_load(&reader->defaults[FIB_IPV4]);
}

uint32_t fib6_lookup(const struct fib_reader *reader, const struct ip6_addr *dst)
{
	uint32_t word = fib_word_load(&reader->dir[FIB_IPV6][be16_to_host(dst->w16[0])]);
	const uint32_t *line = fib_dir_line(reader->lines, reader->n_lines, word, dst->b[2]);
	uint32_t group = find_one(reader, line, dst->b, 16, 0);

	return group ? group : fib_word_load(&reader->defaults[FIB_IPV6]);
}
