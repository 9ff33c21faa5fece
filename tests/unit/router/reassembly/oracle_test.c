/* Random senders, whose datagrams come in pieces of any size and order, twice, overlapping, or not at all:
 * the real reassembler beside the naive one. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/router/reassembly/oracle.h"

#define SENDERS 12u

/* A sender and what it has yet to send of its datagram. */
struct sender {
	struct bed_piece piece[REASSEMBLY_PIECES_MAX + 8];
	uint32_t n, sent;
	uint32_t id;
};

static uint64_t seed;

static uint32_t below(uint32_t n)
{
	cr_assert_gt(n, 0);
	return (uint32_t)(random_next(&seed) >> 33) % n;
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

static void shuffle(struct sender *s)
{
	for (uint32_t i = s->n; i > 1; i--) {
		uint32_t k = below(i);
		struct bed_piece p = s->piece[k];

		s->piece[k] = s->piece[i - 1];
		s->piece[i - 1] = p;
	}
}

/* A datagram cut at random places: mostly soundly. */
static void plan(struct sender *s, uint32_t number)
{
	static const uint32_t sizes[] = {16, 200, 512, 1400, 1400, 1400};
	uint32_t most = sizes[below(ARRAY_LEN(sizes))], left = 1 + below(one_in(8) ? 64000 : 4000),
	         offset = 0;
	struct bed_piece p = {.family = number % FRAG_FAMILIES,
	        .proto = 17,
	        .host = number,
	        .port = 1,
	        .id = s->id,
	        .on_link = number % 4 == 3,
	        .ecn = (uint8_t)(one_in(3) ? 2 : 0),
	        .options = (number % 3) * 8,
	        .salt = (uint8_t)below(256)};

	s->n = s->sent = 0;
	s->id += !one_in(10);
	while (left && s->n < REASSEMBLY_PIECES_MAX + (one_in(50) ? 3 : 0)) {
		uint32_t len = MIN(left, 8 * (1 + below(most / 8)));

		left -= len;
		p.offset = offset;
		p.len = len;
		p.more = left > 0;
		p.df = one_in(2);
		s->piece[s->n++] = p;
		offset += len;
	}
	if (one_in(4))
		s->piece[below(s->n)].ecn = (uint8_t)below(4);
	if (!one_in(3))
		shuffle(s);
}

/* What a network or an attacker makes of a fragment. */
static void spoil(struct bed_piece *p)
{
	switch (below(9)) {
	case 0: p->offset += 8 * below(4); break;
	case 1: p->offset -= MIN(p->offset, 8 * below(4)); break;
	case 2: p->len = below(1400); break;
	case 3: p->more = !p->more; break;
	case 4: p->len += p->len < 1300 ? 8 : 0; break;
	case 5: p->offset = 65528 - 8 * below(10); break;
	case 6: p->cut = MIN(p->len, 1 + below(3)); break;
	case 7: p->nested = true; break;
	case 8: p->port = 2; break;
	}
}

static struct bed_piece next_piece(struct sender *senders)
{
	uint32_t number = below(SENDERS);
	struct sender *s = &senders[number];
	struct bed_piece p;

	if (s->sent == s->n)
		plan(s, number);
	if (s->sent && one_in(15))
		return s->piece[below(s->sent)]; /* again */
	p = s->piece[s->sent];
	s->sent += !one_in(300); /* some get lost, below */
	if (one_in(200))
		s->sent = s->n;
	if (one_in(60)) {
		p.salt++;
		spoil(&p);
	}
	return p;
}

static void run(uint64_t from, uint32_t bursts)
{
	static struct sender senders[SENDERS];
	static struct bed bed;
	struct oracle *o = calloc(1, sizeof *o);
	nanos_t now = T0;
	uint64_t oks;

	cr_assert(o);
	seed = from;
	memset(senders, 0, sizeof senders);
	bed_init(&bed);
	o->bed = &bed;
	for (uint32_t i = 0; i < bursts; i++) {
		struct bed_piece piece[8];
		uint32_t n = 1 + below(8);

		for (uint32_t k = 0; k < n; k++)
			piece[k] = next_piece(senders);
		oracle_burst(o, now, piece, n);
		now += (one_in(100) ? below(40000) : below(100)) * NANOS_PER_MS;
		oracle_until(o, now);
	}
	oks = o->oks[FRAG_IPV4] + o->oks[FRAG_IPV6];
	cr_expect_gt(oks, bursts / 20, "%lu datagrams became whole", (unsigned long)oks);
	cr_expect_gt(o->timeouts[FRAG_IPV4], 0);
	cr_expect_gt(o->timeouts[FRAG_IPV6], 0);
	cr_expect_gt(o->overlaps, 0);
	cr_expect_leq(bed.lines, REASSEMBLY_LINES_PACKET);
	cr_expect_leq(bed.timer_lines, REASSEMBLY_LINES_BURST / 2);
	oracle_until(o, now + 100 * NANOS_PER_SEC);
	cr_assert_eq(bed_held(&bed), 0);
	cr_assert_eq(reassembly_next_timer(&bed.router), NANOS_NEVER);
	bed_free(&bed);
	free(o);
}

Test(reassembly_oracle, agrees_on_random_fragments)
{
	run(1, 6000);
}

Test(reassembly_oracle, agrees_on_other_random_fragments)
{
	run(77, 6000);
}
