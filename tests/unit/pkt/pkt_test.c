#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/pkt/burst.h"
#include "common/pkt/flaws.h"
#include "common/trace/trace.h"

Test(drop, labels_and_texts_tell_reasons_apart)
{
	for (uint32_t a = 0; a < DROP_REASON_COUNT; a++) {
		const char *label = drop_reason_label((enum drop_reason)a);

		cr_expect(
		        label[0] && strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(label));
		cr_expect(drop_reason_text((enum drop_reason)a)[0]);
		for (uint32_t b = 0; b < a; b++) {
			cr_expect_str_neq(label, drop_reason_label((enum drop_reason)b));
			cr_expect_str_neq(drop_reason_text((enum drop_reason)a),
			        drop_reason_text((enum drop_reason)b), "%s", label);
		}
	}
	cr_expect_str_eq(drop_reason_label(DROP_IP_CSUM), "ip_csum");
	cr_expect_str_eq(drop_reason_label(DROP_REASON_COUNT), "unknown");
	cr_expect_str_eq(drop_reason_text((enum drop_reason)9999), "unknown");
}

Test(pool, refuses_what_cannot_be_laid_out)
{
	const uint32_t least = PKT_FRAME_OFF + CACHE_LINE;
	struct pool pool;

	cr_expect_eq(pool_view(&pool, NULL, 1024, PKT_STRIDE_DEFAULT, 1), 0);
	cr_expect_eq(pool_view(&pool, NULL, 1024, least, 1), 0);
	cr_expect_eq(pool_view(&pool, NULL, 1024, PKT_STRIDE_MAX, 1), 0);
	cr_expect_eq(pool_view(&pool, NULL, 1024, least - 2 * CACHE_LINE, 1), -EINVAL, "too small");
	cr_expect_eq(pool_view(&pool, NULL, 1024, PKT_STRIDE_MAX + 2 * CACHE_LINE, 1), -EINVAL, "too large");
	cr_expect_eq(pool_view(&pool, NULL, 1024, 2048, 1), -EINVAL, "an even number of lines");
	cr_expect_eq(pool_view(&pool, NULL, 1024, PKT_STRIDE_DEFAULT + 8, 1), -EINVAL, "no lines");
	cr_expect_eq(pool_view(&pool, NULL, 1000, PKT_STRIDE_DEFAULT, 1), -EINVAL, "no power of two");
	cr_expect_eq(pool_view(&pool, NULL, 1024, PKT_STRIDE_DEFAULT, 3), -EINVAL, "not even a lane");
	cr_expect_eq(pool_view(&pool, NULL, 1024, PKT_STRIDE_DEFAULT, 0), -EINVAL, "no lane");
	cr_expect_eq(pool_view(&pool, NULL, 0, PKT_STRIDE_DEFAULT, 1), -EINVAL, "no buffer");
	cr_assert_eq(pool_view(&pool, NULL, 3 * 512, PKT_STRIDE_DEFAULT, 3), 0);
	for (uint32_t i = 0; i < 3 * 512; i++)
		cr_assert_eq(pool_home(&pool, (struct pkt_index){i}), i / 512);
	cr_expect(pool_has(&pool, (struct pkt_index){1535}));
	cr_expect_not(pool_has(&pool, (struct pkt_index){1536}));
	cr_expect_not(pool_has(&pool, PKT_NONE));
}

static struct pool pool;
static struct burst burst;
static struct spare spare;
static struct trace_log events;

static void setup(uint32_t spares)
{
	static uint8_t memory[2048 * 448] __attribute__((aligned(64)));

	memset(memory, 0, sizeof memory);
	cr_assert_eq(pool_view(&pool, memory, 2048, 448, 1), 0);
	spare = (struct spare){.n = spares};
	for (uint32_t i = 0; i < spares; i++)
		spare.index[i] = (struct pkt_index){i};
	burst.pool = &pool;
	burst.spare = &spare;
	burst.trace = &events;
	burst_reset(&burst, INPUT_CALL, 0);
}

static struct pkt whole_packet(void)
{
	return (struct pkt){.data_off = PKT_FRAME_OFF, .len = 60, .total_len = 60, .l3_off = 14};
}

Test(burst, makes_as_many_as_there_are_spare_buffers)
{
	const struct pkt parent = {.trace = 5, .mark = 9};

	setup(3);
	events.now = 77;
	for (uint32_t i = 0; i < 3; i++) {
		struct outbox_entry *e = burst_make(&burst, 4, BORN_GENERATED, i ? &parent : NULL);

		cr_assert(e);
		cr_expect_eq(e->index.v, i);
		cr_expect_eq(e->at, 0, "behind all of none");
		cr_expect_eq(e->pkt.trace, i ? 5 : 0);
		cr_expect_eq(e->pkt.mark, i ? 9 : 0);
		cr_expect_eq(e->pkt.timestamp, 77);
		cr_expect(port_id_equal(e->pkt.out, PORT_NONE) && !outbox_decided(e));
		cr_expect_eq(e->frame, pool_buffer(&pool, e->index) + PKT_FRAME_OFF);
	}
	cr_expect_null(burst_make(&burst, 0, BORN_GENERATED, NULL));
	cr_expect_eq(burst.no_buffer, 1);
	cr_expect_eq(spare.used, 3);
}

Test(burst, a_full_outbox_refuses_and_takes_nothing)
{
	const struct pkt good = whole_packet();

	setup(8);
	for (uint32_t i = 0; i < OUTBOX_MAX; i++) {
		pkt_store(&pool, (struct pkt_index){100 + i}, &good);
		cr_assert(burst_release(&burst, 0, (struct pkt_index){100 + i}));
	}
	cr_expect_null(burst_make(&burst, 0, BORN_GENERATED, NULL));
	cr_expect_eq(spare.used, 0);
	cr_expect_eq(burst.no_buffer, 1);
	cr_expect_null(burst_release(&burst, 0, (struct pkt_index){9}));
	cr_expect_not(burst_drop_held(&burst, 0, (struct pkt_index){9}, DROP_NEIGH_FAILED));
	cr_expect_not(burst_discard(&burst, (struct pkt_index){9}));
	cr_expect_eq(burst.n_out, OUTBOX_MAX);
}

Test(burst, what_was_spoilt_while_held_is_dropped)
{
	struct pkt p = whole_packet();
	struct outbox_entry *e;

	setup(0);
	p.len = 448;
	pkt_store(&pool, (struct pkt_index){7}, &p);
	e = burst_release(&burst, 0, (struct pkt_index){7});
	cr_assert(e && outbox_decided(e));
	cr_expect_eq(e->verdict.kind, VERDICT_DROP);
	cr_expect_eq(e->verdict.reason, DROP_BAD_DESC);
	cr_expect(pkt_check(&pool, &e->pkt));
}

/* Against the plain statement of what must hold, over all that 16 bits can say near the bounds. */
Test(pkt, check_takes_what_lies_within_its_buffer)
{
	static const uint32_t edge[] = {
	        0, 1, 63, 64, 127, 128, 129, 383, 384, 385, 447, 448, 449, 0x7fff, 0x8000, 0xffff};
	uint64_t random = 3, good = 0;

	setup(0);
	for (uint32_t i = 0; i < 300000; i++) {
		uint64_t r = random_next(&random);
		struct pkt p = {.data_off = (uint16_t)edge[r & 15],
		        .len = (uint16_t)edge[r >> 4 & 15],
		        .l3_off = (uint16_t)edge[r >> 8 & (r >> 60 & 1 ? 15 : 1)],
		        .l4_off = (uint16_t)edge[r >> 12 & (r >> 61 & 1 ? 15 : 1)],
		        .total_len = r >> 62 ? (uint32_t)edge[r >> 16 & 15] : UINT32_MAX,
		        .type = (uint8_t)(r >> 20 & 7),
		        .csum = (uint8_t)(r >> 23 & 3)};
		bool fits = p.data_off >= PKT_META_BYTES && (uint32_t)p.data_off + p.len <= pool.stride &&
		            p.l3_off <= p.len && p.l4_off <= p.len && p.total_len >= p.len &&
		            p.type <= PKT_OUTGOING && p.csum <= PKT_CSUM_PARTIAL;

		cr_assert_eq(pkt_check(&pool, &p), fits);
		good += fits;
	}
	cr_expect_gt(good, 1000);
}

/* One bad one among good ones is found wherever it stands, and good ones alone are not. */
Test(pkt, flaws_of_many_are_those_of_one_of_them)
{
	static const uint32_t edge[] = {
	        0, 14, 63, 64, 65, 127, 128, 129, 384, 447, 448, 449, 0x7fff, 0x8000, 0xffff};
	uint64_t random = 5, flawless = 0;

	setup(0);
	for (uint32_t round = 0; round < 100000; round++) {
		struct pkt_flaws flaws = pkt_flaws_none();
		bool good = true;

		for (uint32_t n = 1 + random_next(&random) % 5; n; n--) {
			uint64_t r = random_next(&random);
			struct pkt p = whole_packet();

			switch (r >> 60) {
			case 0: p.data_off = (uint16_t)edge[r % ARRAY_LEN(edge)]; break;
			case 1: p.len = (uint16_t)edge[r % ARRAY_LEN(edge)]; break;
			case 2: p.l3_off = (uint16_t)edge[r % ARRAY_LEN(edge)]; break;
			case 3: p.l4_off = (uint16_t)edge[r % ARRAY_LEN(edge)]; break;
			case 4: p.total_len = (uint32_t)r; break;
			case 5: p.type = (uint8_t)(r % 8); break;
			case 6: p.csum = (uint8_t)r; break;
			}
			good &= pkt_check(&pool, &p);
			pkt_flaws_gather(&flaws, &p);
		}
		cr_assert_eq(pkt_flaws_any(&flaws, &pool), !good, "round %u", round);
		flawless += good;
	}
	cr_expect_gt(flawless, 1000);
	cr_expect_lt(flawless, 99000);
}

Test(pkt, its_start_moves_within_the_buffer)
{
	struct pkt p = whole_packet();
	uint8_t *frame;
	struct verdict v;
	struct pkt_ref r = {.pkt = &p, .frame = &frame, .verdict = &v};

	setup(0);
	p.l4_off = 34;
	frame = pool_buffer(&pool, (struct pkt_index){1}) + p.data_off;
	cr_expect_not(ref_move_start(&pool, r, 61), "beyond its end");
	cr_expect_not(ref_move_start(&pool, r, -257), "into the metadata");
	cr_assert(ref_move_start(&pool, r, -256));
	cr_expect_eq(p.data_off, PKT_META_BYTES);
	cr_expect_eq(p.len, 316);
	cr_expect_eq(p.total_len, 316);
	cr_expect_eq(p.l3_off, 270);
	cr_expect_eq(p.l4_off, 290);
	cr_expect(pkt_check(&pool, &p));
	cr_assert(ref_move_start(&pool, r, 316));
	cr_expect_eq(p.len, 0);
	cr_expect_eq(p.l3_off, 0);
	cr_expect_eq(frame, pool_buffer(&pool, (struct pkt_index){1}) + p.data_off);
	cr_expect(pkt_check(&pool, &p));
}
