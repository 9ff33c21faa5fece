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

/* From a line for one byte of an address on. */
static always_inline uint32_t find_one(
        struct fib_table table, uint32_t line, uint32_t byte, const uint8_t *dst, struct fib_form form)
{
	for (uint32_t steps = STEPS(form) + 1; steps; steps--) {
		uint32_t bound = fib_bound(dst[byte ^ form.flip]);
		uint32_t value = fib_find_plain(fib_line_words(table, line), bound) & FIB_VALUE;

		byte += !(value & FIB_SAME);
		if (!(value & FIB_DEEP))
			return value;
		if (byte >= form.n_bytes)
			break;
		line = fib_line(table, value & FIB_PAYLOAD);
	}
	return 0;
}

uint32_t fib4_lookup(const struct fib_reader *reader, struct be32 dst)
{
	struct fib_table table = fib_table(reader);
	uint32_t host = be32_to_host(dst), group = 0;

	if (fib_flat_used(table, host))
		group = fib_flat_load(&table.flat[host >> 8]);
	if (group & FIB_WIDE)
		group = fib_word_load(&table.wide[host >> 8]) & FIB_VALUE;
	if (group & FIB_DEEP) {
		uint32_t line = fib_line(table, group & FIB_PAYLOAD);

		group = find_one(table, line, 3, (const uint8_t *)&host, FIB_FORM4);
	}
	return group ? group : fib_word_load(&reader->defaults[FIB_IPV4]);
}

uint32_t fib6_lookup(const struct fib_reader *reader, const struct ip6_addr *dst)
{
	struct fib_table table = fib_table(reader);
	uint32_t group = fib_word_load(&table.dir[be16_to_host(dst->w16[0])]);

	if (group & FIB_LINES)
		group = find_one(table, fib_dir_line(table, group, dst->b[2]), 2, dst->b, FIB_FORM6);
	group &= FIB_VALUE;
	return group ? group : fib_word_load(&reader->defaults[FIB_IPV6]);
}
