#include "services/ingest/nic/partial.h"

#include <criterion/criterion.h>

#define FRAME_BYTES 80u

struct sample {
	bool ip6, tcp, tagged;
};

static const struct sample samples[] = {{false, false, false}, {false, true, false}, {true, false, false},
        {true, true, true}, {false, false, true}};

/* The frame behind its MACs: tag, IP header with addresses, and where the layers begin. */
static uint32_t put_ip(uint8_t *frame, const struct sample *s)
{
	uint8_t *at = frame + 12;
	uint32_t len;

	if (s->tagged) {
		memcpy(at, (uint8_t[]){0x81, 0x00, 0x00, 0x0a}, 4);
		at += 4;
	}
	memcpy(at, s->ip6 ? (uint8_t[]){0x86, 0xdd} : (uint8_t[]){0x08, 0x00}, 2);
	at += 2;
	len = FRAME_BYTES - (uint32_t)(at - frame);
	if (s->ip6) {
		memcpy(at, (uint8_t[]){0x60, 0, 0, 0, 0, (uint8_t)(len - 40), s->tcp ? 6 : 17, 64}, 8);
		memset(at + 8, 0x20, 32);
		return (uint32_t)(at - frame) + 40;
	}
	memcpy(at, (uint8_t[]){0x45, 0, 0, (uint8_t)len, 0, 0, 0, 0, 64, s->tcp ? 6 : 17}, 10);
	memset(at + 12, 0xc0, 8);
	return (uint32_t)(at - frame) + 20;
}

/* A frame with what a peer leaves to its device; returns its pseudo-header. */
static struct csum make_partial(uint8_t *frame, const struct sample *s, uint32_t *l4, uint32_t *field)
{
	struct csum pseudo = CSUM_ZERO;
	struct be16 sum;
	uint32_t len;

	memset(frame, 0, FRAME_BYTES);
	*l4 = put_ip(frame, s);
	len = FRAME_BYTES - *l4;
	for (uint32_t i = *l4; i < FRAME_BYTES; i++)
		frame[i] = (uint8_t)(i * 37);
	pseudo = csum_add(pseudo, csum_bytes(CSUM_ZERO, frame + *l4 - (s->ip6 ? 32 : 8), s->ip6 ? 32 : 8));
	pseudo = csum_bytes(pseudo, (uint8_t[]){0, s->tcp ? 6 : 17, 0, (uint8_t)len}, 4);
	*field = s->tcp ? 16 : 6;
	if (s->tcp)
		frame[*l4 + 12] = 0x50;
	else
		memcpy(frame + *l4 + 4, (uint8_t[]){0, (uint8_t)len}, 2);
	sum = csum_fold(pseudo);
	memcpy(frame + *l4 + *field, &sum, sizeof sum);
	return pseudo;
}

static struct pkt look(uint8_t *frame, uint32_t len)
{
	struct pkt p = {.len = (uint16_t)len, .csum = PKT_CSUM_NONE};
	struct pkt_ref r = {.pkt = &p, .frame = &frame};

	partial_recognize(&r);
	return p;
}

Test(partial, is_recognized_by_the_pseudo_header_alone)
{
	uint8_t frame[FRAME_BYTES];
	uint32_t l4, field;

	for (uint32_t i = 0; i < ARRAY_LEN(samples); i++) {
		struct csum pseudo = make_partial(frame, &samples[i], &l4, &field);
		struct pkt p = look(frame, FRAME_BYTES);
		struct be16 sum;

		cr_expect_eq(p.csum, PKT_CSUM_PARTIAL, "sample %u", i);
		cr_expect_eq(p.csum_start, l4);
		cr_expect_eq(p.csum_off, field);
		sum = csum_complete(pseudo, frame + l4, FRAME_BYTES - l4, field);
		memcpy(frame + l4 + field, &sum, sizeof sum);
		cr_expect_eq(look(frame, FRAME_BYTES).csum, PKT_CSUM_NONE, "sample %u is whole", i);
		frame[l4 + field] ^= 1;
		cr_expect_eq(look(frame, FRAME_BYTES).csum, PKT_CSUM_NONE, "sample %u is broken", i);
	}
}

Test(partial, is_not_seen_in_what_is_cut_or_a_fragment)
{
	uint8_t frame[FRAME_BYTES];
	uint32_t l4, field;

	for (uint32_t i = 0; i < ARRAY_LEN(samples); i++) {
		make_partial(frame, &samples[i], &l4, &field);
		for (uint32_t len = 0; len < FRAME_BYTES; len++)
			cr_expect_eq(look(frame, len).csum, PKT_CSUM_NONE, "sample %u of %u bytes", i, len);
		if (samples[i].ip6)
			continue;
		frame[l4 - 14] = 0x20; /* more fragments */
		cr_expect_eq(look(frame, FRAME_BYTES).csum, PKT_CSUM_NONE, "sample %u is a fragment", i);
	}
}
