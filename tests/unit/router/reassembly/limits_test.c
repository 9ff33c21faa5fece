/* Bounds of memory, full outboxes, scarce buffers, and metadata that somebody has spoilt. */
#include <criterion/criterion.h>

#include "tests/unit/router/reassembly/bed.h"

static struct bed b;

static void set_up(void)
{
	bed_init(&b);
}

static void tear_down(void)
{
	cr_expect_leq(b.lines, REASSEMBLY_LINES_PACKET, "%u undo lines", b.lines);
	cr_expect_leq(b.timer_lines, REASSEMBLY_LINES_BURST / 2, "%u undo lines", b.timer_lines);
	bed_free(&b);
}

TestSuite(reassembly_limits, .init = set_up, .fini = tear_down);

Test(reassembly_limits, gives_up_the_oldest_where_memory_is_short)
{
	b.router.params.limits.frag_high_bytes = 4 * PKT_STRIDE_DEFAULT + 5;
	bed_restart(&b);
	EACH_FAMILY(f)
	{
		bed_one(&b, T0, PIECE(f, 0, 8, .more = true, .id = 1));
		bed_one(&b, T0, PIECE(f, 8, 8, .more = true, .id = 1));
		bed_one(&b, T0, PIECE(f, 0, 8, .more = true, .id = 2));
		bed_one(&b, T0, PIECE(f, 0, 8, .more = true, .id = 3));
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 8, 8, .more = true, .id = 3)), VERDICT_HELD, DROP_NONE);
		cr_assert_eq(b.dropped[DROP_FRAG_EVICTED], 2);
		bed_one(&b, T0, PIECE(f, 8, 8, .id = 2));
		cr_assert_eq(b.n_whole, 1);
		cr_assert_eq(b.n_error, 0);
	}
	cr_assert_eq(fixture_stat(&b.f, STAT_IP_REASM_FAILS), 1);
}

Test(reassembly_limits, never_gives_up_what_the_fragment_belongs_to)
{
	b.router.params.limits.frag_high_bytes = 2 * PKT_STRIDE_DEFAULT;
	bed_restart(&b);
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true));
	bed_one(&b, T0, PIECE(FRAG_IPV4, 8, 8, .more = true));
	BED_EXPECT(bed_one(&b, T0, PIECE(FRAG_IPV4, 16, 8)), VERDICT_DROP, DROP_FRAG_MEMORY);
	cr_assert_eq(bed_held(&b), 2);
	/* Not the oldest of all, but the oldest of the others. */
	b.router.params.limits.frag_high_bytes = 3 * PKT_STRIDE_DEFAULT;
	bed_restart(&b);
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true));
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = 8));
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = 9));
	bed_one(&b, T0, PIECE(FRAG_IPV4, 8, 8));
	cr_assert(b.n_whole == 1 && b.dropped[DROP_FRAG_EVICTED] == 1);
	bed_one(&b, T0, PIECE(FRAG_IPV4, 8, 8, .id = 9));
	cr_assert_eq(b.n_whole, 1);
}

Test(reassembly_limits, gives_up_the_oldest_of_both_families_where_queues_are_short)
{
	b.router.params.limits.frag_max_queues = 2;
	bed_restart(&b);
	bed_one(&b, T0, PIECE(FRAG_IPV6, 0, 8, .more = true, .id = 1));
	bed_one(&b, T0 + 1, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = 2));
	bed_one(&b, T0 + 2, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = 3));
	cr_assert_eq(b.dropped[DROP_FRAG_EVICTED], 1);
	cr_assert_eq(fixture_stat(&b.f, STAT_IP6_REASM_FAILS), 1);
	bed_one(&b, T0 + 3, PIECE(FRAG_IPV6, 0, 8, .more = true, .id = 4));
	cr_assert_eq(fixture_stat(&b.f, STAT_IP_REASM_FAILS), 1);
	bed_one(&b, T0 + 3, PIECE(FRAG_IPV4, 8, 8, .id = 3));
	cr_assert_eq(b.n_whole, 1);
}

Test(reassembly_limits, follows_an_epoch_with_lower_limits)
{
	for (uint32_t i = 0; i < 10; i++)
		bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = i));
	b.header.limits.frag_max_queues = 3;
	BED_EXPECT(bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = 20)), VERDICT_DROP,
	        DROP_FRAG_MEMORY);
	cr_assert_eq(b.dropped[DROP_FRAG_EVICTED], 2);
	for (uint32_t i = 0; i < 5; i++)
		bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = 20 + i));
	cr_assert_eq(bed_held(&b), 3);
	b.header.limits.frag_high_bytes = 100;
	BED_EXPECT(bed_one(&b, T0, PIECE(FRAG_IPV6, 0, 8, .more = true)), VERDICT_DROP, DROP_FRAG_MEMORY);
	b.header.limits = b.router.params.limits;
	b.header.limits.frag_timeout_ms = 100;
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = 90));
	bed_until(&b, T0 + 100 * NANOS_PER_MS);
	cr_assert_eq(b.n_error, 1);
}

Test(reassembly_limits, bounds_the_pieces_of_a_datagram)
{
	b.router.params.limits.frag_max_pieces = 4;
	bed_restart(&b);
	EACH_FAMILY(f)
	{
		for (uint32_t i = 0; i < 4; i++)
			bed_one(&b, T0, PIECE(f, i * 8, 8, .more = true));
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 32, 8, .more = true)), VERDICT_DROP, DROP_FRAG_MEMORY);
		cr_assert_eq(b.dropped[DROP_FRAG_MEMORY], 5);
		cr_assert_eq(bed_held(&b), 0);
	}
}

Test(reassembly_limits, shares_the_limits_among_lanes)
{
	b.router.params.lanes = 4;
	b.router.params.limits.frag_high_bytes = 12 * PKT_STRIDE_DEFAULT;
	bed_restart(&b);
	for (uint32_t i = 0; i < 10; i++)
		bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = i));
	cr_assert_eq(bed_held(&b), 3);
}

Test(reassembly_limits, leaves_most_buffers_to_others)
{
	static struct bed_piece p[200];

	b.router.params.limits.frag_high_bytes = 1 << 30;
	b.router.params.limits.frag_max_queues = 4096;
	bed_restart(&b);
	for (uint32_t i = 0; i < 20; i++) {
		for (uint32_t k = 0; k < 200; k++)
			p[k] = PIECE(FRAG_IPV4, 0, 8, .more = true, .id = i * 200 + k);
		bed_burst(&b, T0, p, 200);
	}
	cr_assert_eq(bed_held(&b), FIXTURE_BUFFERS / 4);
}

/* --- full outboxes, no spare buffers, spoilt metadata --- */

static void fill(uint32_t id, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		bed_one(&b, T0, PIECE(FRAG_IPV4, i * 8, 8, .more = true, .id = id));
}

Test(reassembly_limits, finishes_later_what_the_outbox_has_no_room_for)
{
	struct bed_piece p[] = {PIECE(FRAG_IPV4, 80, 5, .id = 1), PIECE(FRAG_IPV4, 80, 5, .id = 2)};

	fill(1, 10);
	fill(2, 10);
	b.room = 12;
	bed_burst(&b, T0, p, 2);
	cr_assert_eq(b.n_whole, 1);
	cr_assert_eq(bed_held(&b), 11);
	cr_assert_eq(reassembly_next_timer(&b.router), 0);
	/* Closed: the same again begins anew. */
	BED_EXPECT(bed_one(&b, T0, PIECE(FRAG_IPV4, 80, 5, .id = 2)), VERDICT_HELD, DROP_NONE);
	b.room = 11;
	bed_timer(&b, T0);
	cr_assert_eq(b.n_whole, 0);
	b.room = 0;
	bed_timer(&b, T0);
	cr_assert_eq(b.n_whole, 1);
	bed_expect_whole(&b.whole[0], &p[1], NULL, 85);
	cr_assert_eq(bed_held(&b), 1);
	cr_assert_neq(reassembly_next_timer(&b.router), 0);
}

Test(reassembly_limits, drops_later_what_the_outbox_has_no_room_for)
{
	fill(1, 10);
	fill(2, 10);
	b.room = 4;
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 16, .more = true, .id = 1));
	cr_assert_eq(b.dropped[DROP_FRAG_OVERLAP], 5);
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 16, .more = true, .id = 2));
	cr_assert_eq(b.dropped[DROP_FRAG_OVERLAP], 5);
	cr_assert_eq(bed_held(&b), 12);
	cr_assert_eq(reassembly_next_timer(&b.router), 0);
	bed_timer(&b, T0);
	cr_assert_eq(bed_held(&b), 8);
	b.room = 0;
	bed_timer(&b, T0);
	cr_assert_eq(bed_held(&b), 0);
}

Test(reassembly_limits, gives_several_whole_ones_in_several_bursts)
{
	struct bed_piece p[40];

	for (uint32_t i = 0; i < 40; i++) {
		p[i] = PIECE(FRAG_IPV6, 8, 8, .id = i);
		bed_one(&b, T0, PIECE(FRAG_IPV6, 0, 8, .more = true, .id = i));
	}
	b.room = 2;
	bed_burst(&b, T0, p, 40);
	cr_assert_eq(b.n_whole, 0);
	b.room = 0;
	bed_timer(&b, T0);
	cr_assert_eq(b.n_whole, REASSEMBLY_WHOLES_BURST);
	bed_until(&b, T0);
	cr_assert_eq(b.n_whole, 40 - REASSEMBLY_WHOLES_BURST);
}

Test(reassembly_limits, drops_a_datagram_for_want_of_a_buffer)
{
	fill(1, 3);
	b.spare = 0;
	bed_one(&b, T0, PIECE(FRAG_IPV4, 24, 8, .id = 1));
	cr_assert_eq(b.n_whole, 0);
	cr_assert_eq(b.dropped[DROP_FRAG_MEMORY], 4);
	cr_assert_eq(bed_held(&b), 0);
	cr_assert_eq(fixture_stat(&b.f, STAT_IP_REASM_FAILS), 1);
}

/* The metadata of the piece that was just taken, in the pool. */
static struct pkt *meta(void)
{
	return (struct pkt *)pool_buffer(&b.f.pool, b.index[0]);
}

Test(reassembly_limits, trusts_no_metadata_in_the_pool)
{
	for (uint32_t way = 0; way < 5; way++) {
		bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true));
		if (way == 0)
			meta()->data_off = 0;
		else if (way == 1)
			meta()->data_off += 8, meta()->len -= 8;
		else if (way == 2)
			meta()->len -= 1;
		bed_one(&b, T0, PIECE(FRAG_IPV4, 8, 8, .more = true));
		if (way == 3)
			meta()->len = UINT16_MAX;
		else if (way == 4) /* what is sound in itself is not looked at */
			meta()->data_off += 5, meta()->len -= 5;
		bed_one(&b, T0, PIECE(FRAG_IPV4, 16, 8));
		cr_assert_eq(b.dropped[DROP_BAD_DESC], way == 4 ? 0 : 3, "way %u", way);
		cr_assert_eq(b.n_whole, way == 4);
	}
	bed_expect_whole(&b.whole[0], &PIECE(FRAG_IPV4, 0, 0), NULL, 24);
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true));
	meta()->data_off = 0;
	bed_until(&b, T0 + 30 * NANOS_PER_SEC);
	cr_assert(b.dropped[DROP_BAD_DESC] == 1 && b.n_error == 0);
}
