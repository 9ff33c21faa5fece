/* flaws: pkt_check for a whole burst: what is wrong is gathered packet by packet, without a branch, and
 * looked for once.
 *
 *     struct pkt_flaws flaws = pkt_flaws_none();
 *     for each packet: pkt_flaws_gather(&flaws, p);          p: a private copy of metadata
 *     if (pkt_flaws_any(&flaws, pool)) ...                   pkt_check says no to one of them at least
 *
 * Beside it, in the same pass, in which bits packets differ from the first (struct burst_alike).
 *
 * Private to the caller's thread.
 */
#ifndef SLUICE_COMMON_PKT_FLAWS_H
#define SLUICE_COMMON_PKT_FLAWS_H

#include "common/pkt/pkt.h"

#ifdef __AVX2__
#include <immintrin.h>

/* Extremes over all packets.  The 16-bit lanes 4 to 7 are those of data_off, len, l3_off and l4_off. */
struct pkt_flaws {
	__m128i least;  /* of the lanes themselves */
	__m128i end;    /* most of the lanes plus len, saturated */
	__m128i beyond; /* by what they are more than len */
	__m256i codes;  /* most, byte by byte, of the second half of the line */
	int64_t slack;  /* negative: total_len is less than len in one; 0: it is len in all */
};

static_assert(offsetof(struct pkt, data_off) == 8 && offsetof(struct pkt, len) == 10 &&
                      offsetof(struct pkt, l3_off) == 12 && offsetof(struct pkt, l4_off) == 14,
        "lanes 4 to 7");
static_assert(PKT_STRIDE_MAX < UINT16_MAX, "a saturated sum lies beyond every buffer");

static always_inline struct pkt_flaws pkt_flaws_none(void)
{
	__m128i zero = _mm_setzero_si128();

	return (struct pkt_flaws){_mm_cmpeq_epi16(zero, zero), zero, zero, _mm256_setzero_si256(), 0};
}

static always_inline void pkt_flaws_gather(struct pkt_flaws *f, const struct pkt *p)
{
	__m128i lanes = _mm_loadu_si128((const __m128i *)p);
	__m128i len = _mm_shuffle_epi8(lanes, _mm_set1_epi16(0x0b0a));

	f->least = _mm_min_epu16(f->least, lanes);
	f->end = _mm_max_epu16(f->end, _mm_adds_epu16(lanes, len));
	f->beyond = _mm_or_si128(f->beyond, _mm_subs_epu16(lanes, len));
	f->codes = _mm256_max_epu8(f->codes, _mm256_loadu_si256((const __m256i *)p + 1));
	f->slack |= (int64_t)p->total_len - p->len;
}

static always_inline uint16_t pkt_flaws_len_least(const struct pkt_flaws *f)
{
	return (uint16_t)_mm_extract_epi16(f->least, 5);
}

static inline bool pkt_flaws_any(const struct pkt_flaws *f, const struct pool *pool)
{
	_Alignas(32) uint8_t codes[32];

	_mm256_store_si256((__m256i *)codes, f->codes);
	return _mm_extract_epi16(f->least, 4) < (int)PKT_META_BYTES ||
	       _mm_extract_epi16(f->end, 4) > (int)pool->stride || _mm_extract_epi16(f->beyond, 6) ||
	       _mm_extract_epi16(f->beyond, 7) || codes[offsetof(struct pkt, type) - 32] > PKT_OUTGOING ||
	       codes[offsetof(struct pkt, csum) - 32] > PKT_CSUM_PARTIAL || f->slack < 0;
}

#else

/* A sign bit is set in one of these where anything is wrong; the stride comes last. */
struct pkt_flaws {
	int64_t lengths;
	int64_t end; /* the most */
	int64_t slack;
	uint16_t len_least;
};

static always_inline struct pkt_flaws pkt_flaws_none(void)
{
	return (struct pkt_flaws){0, 0, 0, UINT16_MAX};
}

static always_inline void pkt_flaws_gather(struct pkt_flaws *f, const struct pkt *p)
{
	int64_t off = p->data_off, len = p->len;

	f->end = MAX(f->end, off + len);
	f->slack |= (int64_t)p->total_len - len;
	f->len_least = MIN(f->len_least, p->len);
	f->lengths |= (off - (int64_t)PKT_META_BYTES) | (len - p->l3_off) | (len - p->l4_off) |
	              ((int64_t)p->total_len - len) | ((int64_t)PKT_OUTGOING - p->type) |
	              ((int64_t)PKT_CSUM_PARTIAL - p->csum);
}

static always_inline uint16_t pkt_flaws_len_least(const struct pkt_flaws *f)
{
	return f->len_least;
}

static inline bool pkt_flaws_any(const struct pkt_flaws *f, const struct pool *pool)
{
	return f->lengths < 0 || f->end > (int64_t)pool->stride;
}

#endif

/* Bits, of both halves of the metadata's line, in which packets differ from the first. */
struct pkt_spread {
	line_half low, high;
};

static always_inline struct pkt_spread pkt_spread_none(void)
{
	return (struct pkt_spread){};
}

static always_inline void pkt_spread_gather(
        struct pkt_spread *s, const struct pkt *first, const struct pkt *p)
{
	const line_half *a = (const line_half *)first, *b = (const line_half *)p;

	s->low |= a[0] ^ b[0];
	s->high |= a[1] ^ b[1];
}

static always_inline void pkt_spread_store(const struct pkt_spread *s, struct pkt *differ)
{
	((line_half *)differ)[0] = s->low;
	((line_half *)differ)[1] = s->high;
}

#endif
