/* The choice of the bits by which a node of a tree cuts its rules.
 *
 * Greedy: the bit that tells most pairs of rules apart (one has 0 there, the other 1), given the bits chosen
 * before, until the pieces are small.  A rule that does not care for a chosen bit stands in both pieces.
 */
#include "common/classify/classify.h"
#include "common/classify/blob.h"

#include <stdlib.h>

#define KEY_BITS   (KEY_WORDS * 64)
#define COUNT_MAX  255u /* what an 8-bit counter holds */
#define GROWTH_MAX 8u   /* copies over rules of one node */

/* The pieces that are still too large for a leaf: rules[start[i] .. start[i + 1] - 1]. */
struct pieces {
	uint16_t *rules;
	uint32_t *start;
	uint32_t n;
};

struct choice {
	struct builder *b;
	const uint16_t *all;
	uint32_t n_all;
	uint8_t *stars; /* by rule: chosen bits that it does not care for */
	uint64_t active[KEY_WORDS];
	uint64_t score[KEY_BITS];
	uint32_t first_byte, last_byte; /* of the bits chosen */
	uint32_t n_bits;
	uint64_t chosen[KEY_WORDS];
};

/* The bits of a byte as eight bytes of 0 or 1. */
static uint64_t spread(uint64_t byte)
{
	uint64_t each = (byte * UINT64_C(0x0101010101010101)) & UINT64_C(0x8040201008040201);

	return ((each + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7) & UINT64_C(0x0101010101010101);
}

static void count_bits(uint64_t lanes[8], uint64_t word)
{
	for (uint32_t i = 0; i < 8; i++)
		lanes[i] += spread(word >> (8 * i) & 0xff);
}

static void flush_counts(uint32_t counts[64], uint64_t lanes[8])
{
	uint8_t bytes[64];

	memcpy(bytes, lanes, sizeof bytes);
	for (uint32_t i = 0; i < 64; i++)
		counts[i] += bytes[i];
	memset(lanes, 0, sizeof bytes);
}

/* Adds to score[] the pairs of n rules that each bit of one word tells apart. */
static void score_word(
        const struct rule_bits *bits, const uint16_t *rules, uint32_t n, uint32_t word, uint64_t *score)
{
	uint32_t ones[64] = {0}, cares[64] = {0};
	uint64_t one_lanes[8] = {0}, care_lanes[8] = {0};

	for (uint32_t i = 0; i < n;) {
		uint32_t end = MIN(n, i + COUNT_MAX);

		for (; i < end; i++) {
			count_bits(one_lanes, bits[rules[i]].value[word]);
			count_bits(care_lanes, bits[rules[i]].care[word]);
		}
		flush_counts(ones, one_lanes);
		flush_counts(cares, care_lanes);
	}
	for (uint32_t i = 0; i < 64; i++)
		score[i] += (uint64_t)ones[i] * (cares[i] - ones[i]);
}

static void score_pieces(struct choice *choice, const struct pieces *pieces)
{
	memset(choice->score, 0, sizeof choice->score);
	for (uint32_t w = 0; w < KEY_WORDS; w++) {
		if (choice->active[w] == 0)
			continue;
		for (uint32_t i = 0; i < pieces->n; i++)
			score_word(choice->b->bits, pieces->rules + pieces->start[i],
			        pieces->start[i + 1] - pieces->start[i], w, choice->score + w * 64);
	}
}

/* Whether the bit fits in eight bytes together with those chosen before. */
static bool bit_in_reach(const struct choice *choice, uint32_t bit)
{
	uint32_t byte = bit / 8;

	return choice->n_bits == 0 || MAX(choice->last_byte, byte) - MIN(choice->first_byte, byte) < 8;
}

static bool best_bit(const struct choice *choice, uint32_t *best)
{
	uint64_t score = 0;

	for (uint32_t bit = 0; bit < KEY_BITS; bit++) {
		if (choice->score[bit] > score && bit_in_reach(choice, bit)) {
			score = choice->score[bit];
			*best = bit;
		}
	}
	return score > 0;
}

static bool cares(const struct rule_bits *bits, uint32_t bit)
{
	return bits->care[bit / 64] >> (bit % 64) & 1;
}

static void take_bit(struct choice *choice, uint32_t bit)
{
	uint32_t byte = bit / 8;

	choice->first_byte = choice->n_bits == 0 ? byte : MIN(choice->first_byte, byte);
	choice->last_byte = choice->n_bits == 0 ? byte : MAX(choice->last_byte, byte);
	choice->chosen[bit / 64] |= UINT64_C(1) << (bit % 64);
	choice->n_bits++;
	for (uint32_t i = 0; i < choice->n_all; i++) {
		uint16_t rule = choice->all[i];

		choice->stars[rule] += !cares(&choice->b->bits[rule], bit);
	}
}

/* Whether the rule stays in this tree with the bits chosen up to now. */
static bool stays(const struct choice *choice, uint16_t rule)
{
	return (uint64_t)choice->b->copies[rule] + (UINT64_C(1) << choice->stars[rule]) - 1 <=
	       choice->b->limit;
}

/* The rules of one piece that belong into the half where the bit is `side`; gives how many. */
static uint32_t half(const struct choice *choice, const uint16_t *rules, uint32_t n, uint32_t bit,
        uint32_t side, uint16_t *out)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct rule_bits *bits = &choice->b->bits[rules[i]];
		bool in = !cares(bits, bit) || (bits->value[bit / 64] >> (bit % 64) & 1) == side;

		out[kept] = rules[i];
		kept += in && stays(choice, rules[i]);
	}
	return kept;
}

/* Cuts all pieces by the bit, drops those small enough, and gives how many rules the others hold. */
static uint32_t cut_pieces(const struct choice *choice, struct pieces *from, struct pieces *to, uint32_t bit)
{
	uint32_t total = 0;

	to->n = 0;
	for (uint32_t i = 0; i < from->n; i++) {
		const uint16_t *rules = from->rules + from->start[i];
		uint32_t n = from->start[i + 1] - from->start[i];

		for (uint32_t side = 0; side < 2; side++) {
			uint32_t kept = half(choice, rules, n, bit, side, to->rules + total);

			if (kept <= LEAF_GOAL)
				continue;
			to->start[to->n++] = total;
			total += kept;
		}
	}
	to->start[to->n] = total;
	return total;
}

static bool pieces_alloc(struct pieces *pieces, uint32_t n)
{
	/* A piece has more than LEAF_GOAL rules; half() writes one beyond what it keeps. */
	pieces->rules = calloc((size_t)n * GROWTH_MAX * 2 + 1, sizeof *pieces->rules);
	pieces->start = calloc((size_t)n * GROWTH_MAX * 2 / LEAF_GOAL + 2, sizeof *pieces->start);
	pieces->n = 0;
	return pieces->rules != NULL && pieces->start != NULL;
}

static void pieces_free(struct pieces *pieces)
{
	free(pieces->rules);
	free(pieces->start);
}

/* As many bits as make about one child a rule, and the tuning's: more would be empty children, fewer another
 * level. */
static uint32_t bits_max(const struct choice *choice)
{
	uint32_t bits = 32u - (uint32_t)__builtin_clz(choice->n_all) + choice->b->tuning.extra_bits;

	return MIN(bits, NODE_BITS_MAX);
}

static void choose(struct choice *choice, struct pieces *from, struct pieces *to)
{
	uint32_t bit = 0, total = choice->n_all;

	memcpy(from->rules, choice->all, choice->n_all * sizeof *from->rules);
	from->start[0] = 0;
	from->start[1] = choice->n_all;
	from->n = 1;
	while (choice->n_bits < bits_max(choice) && total > choice->n_all / 8 &&
	        total <= choice->n_all * GROWTH_MAX) {
		score_pieces(choice, from);
		if (!best_bit(choice, &bit))
			break;
		take_bit(choice, bit);
		total = cut_pieces(choice, from, to, bit);
		struct pieces swap = *from;

		*from = *to;
		*to = swap;
	}
}

bool cut_choose(struct builder *b, const uint16_t *rules, uint32_t n, struct cut *cut)
{
	struct choice choice = {.b = b, .all = rules, .n_all = n, .stars = b->stars};
	struct pieces from = {0}, to = {0};

	if (!pieces_alloc(&from, n) || !pieces_alloc(&to, n)) {
		b->failed = true;
	} else {
		for (uint32_t i = 0; i < n; i++) {
			b->stars[rules[i]] = 0;
			for (uint32_t w = 0; w < KEY_WORDS; w++)
				choice.active[w] |= b->bits[rules[i]].care[w];
		}
		choose(&choice, &from, &to);
	}
	pieces_free(&from);
	pieces_free(&to);
	if (choice.n_bits == 0)
		return false;
	cut->offset = (uint8_t)MIN(choice.first_byte, sizeof(struct classify_key) - 8);
	cut->mask = window(choice.chosen, cut->offset);
	return true;
}
