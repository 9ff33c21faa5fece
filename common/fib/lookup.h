/* Steps of a lookup, and its code for each instruction set. */
#ifndef SLUICE_COMMON_FIB_LOOKUP_H
#define SLUICE_COMMON_FIB_LOOKUP_H

#include "common/fib/region.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* Addresses on their way at once, so that their cache misses overlap, in blocks. */
#define FIB_GROUP 256u
#define FIB_BLOCK 16u

/* Where they are.  line is the next line, inside the region and asked for, in bytes from the first. */
struct fib_walk {
	uint32_t line[FIB_GROUP] __attribute__((aligned(64)));
	uint32_t bound[FIB_GROUP] __attribute__((aligned(64))); /* fib_bound of the byte to look up there */
	bool on[FIB_GROUP / FIB_BLOCK];       /* some of the block are not found in the directory */
	uint16_t deep[FIB_GROUP / FIB_BLOCK]; /* of these blocks: who goes on behind the first line */
	/* The few that go on behind their first line. */
	uint32_t n;
	uint8_t at[FIB_GROUP];
	uint8_t byte[FIB_GROUP];
};

/* How the bytes of addresses lie: so many each, from the first to the last (flip 0) or as words of the host
 * (3). */
struct fib_form {
	uint32_t n_bytes;
	uint32_t flip;
};

#define FIB_FORM4 ((struct fib_form){4, 3})
#define FIB_FORM6 ((struct fib_form){16, 0})

/* A word that the writer swings. */
static always_inline uint32_t fib_word_load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE); /* pairs with fib_set */
}

static always_inline uint16_t fib_flat_load(const uint16_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE); /* pairs with fib_fill */
}

/* The table as a lookup has it in registers: what a lookup stores could, to the compiler, be the reader
 * itself. */
struct fib_table {
	const uint16_t *flat;
	const uint32_t *flat_used;
	const uint32_t *wide;
	const uint32_t *dir;
	const uint32_t *lines;
	uint32_t n_lines;
};

static always_inline struct fib_table fib_table(const struct fib_reader *reader)
{
	return (struct fib_table){
	        reader->flat, reader->flat_used, reader->wide, reader->dir, reader->lines, reader->n_lines};
}

/* Whether there ever was a route behind the first byte of an IPv4 address. */
static always_inline bool fib_flat_used(struct fib_table table, uint32_t addr)
{
	return fib_word_load(&table.flat_used[addr >> 29]) >> (addr >> 24 & 31) & 1;
}

/* A line, in bytes from the first; one that is not there is the first. */
static always_inline uint32_t fib_line(struct fib_table table, uint32_t line)
{
	return line < table.n_lines ? line * (uint32_t)CACHE_LINE : 0;
}

static always_inline const uint32_t *fib_line_words(struct fib_table table, uint32_t line)
{
	return (const uint32_t *)((const char *)table.lines + line);
}

/* The line behind a word of the directory for the byte that follows; of a word without lines the first, which
 * the writer leaves alone: it is read for nothing.  By a mask, for the compiler would take a branch. */
static always_inline uint32_t fib_dir_line(struct fib_table table, uint32_t word, uint32_t byte)
{
	uint32_t line = (word & ~FIB_LINES) >> FIB_ORDER_BITS, has = (uint32_t)((int32_t)word >> 31);

	return fib_line(table, (line + (byte >> (8 - (word & FIB_ORDER_MASK)))) & has);
}

/* The highest word of a line that starts at or before a byte. */
static always_inline uint32_t fib_bound(uint32_t byte)
{
	return byte << FIB_START_BITS | FIB_VALUE;
}

/* The last word of a line within a bound.  If there is none, which no writer writes, it is the word before
 * the line: that lies in the region too. */
static always_inline uint32_t fib_find_plain(const uint32_t *line, uint32_t most)
{
#if defined(__AVX2__)
	__m256i bound = _mm256_set1_epi32((int)most);
	__m256i low = _mm256_load_si256((const void *)line),
	        high = _mm256_load_si256((const void *)(line + 8));
	__m256i low_in = _mm256_cmpeq_epi32(_mm256_max_epu32(low, bound), bound);
	__m256i high_in = _mm256_cmpeq_epi32(_mm256_max_epu32(high, bound), bound);
	/* Two bits a word. */
	unsigned in = (unsigned)_mm256_movemask_epi8(_mm256_packs_epi32(low_in, high_in));

	return *(const uint32_t *)((const char *)(line - 1) + 2 * (size_t)__builtin_popcount(in));
#else
	uint32_t n = 0;

	for (uint32_t i = 0; i < FIB_RUNS; i++)
		n += line[i] <= most;
	return *(line - 1 + n);
#endif
}

/* A block of addresses through the directory, one by one.  Gives whether some of it go on. */
static always_inline bool fib_start_block(struct fib_walk *walk, struct fib_table table,
        const struct ip6_addr *dst, uint32_t *value, uint32_t at, uint32_t n)
{
	uint32_t any = 0;

	for (uint32_t i = at; i < at + n; i++) {
		uint32_t first = be32_to_host(dst[i].w32[0]), byte = first >> 8 & 0xff;
		uint32_t word = fib_word_load(&table.dir[first >> 16]),
		         line = fib_dir_line(table, word, byte);

		__builtin_prefetch(fib_line_words(table, line));
		walk->line[i] = line;
		walk->bound[i] = fib_bound(byte);
		value[i] = word;
		any |= word;
	}
	walk->on[at / FIB_BLOCK] = any >> 31;
	return any >> 31;
}

void fib4_lookup_plain(const struct fib_reader *reader, const uint32_t *dst, uint32_t *group, uint32_t n);
void fib6_lookup_plain(
        const struct fib_reader *reader, const struct ip6_addr *dst, uint32_t *group, uint32_t n);
#if defined(__x86_64__)
void fib4_lookup_avx512(const struct fib_reader *reader, const uint32_t *dst, uint32_t *group, uint32_t n);
void fib6_lookup_avx512(
        const struct fib_reader *reader, const struct ip6_addr *dst, uint32_t *group, uint32_t n);
#endif

#endif
