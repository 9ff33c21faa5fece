/* What becomes of single fragments and small datagrams: one rule a test. */
#include <criterion/criterion.h>

#include "common/wire/icmp.h"
#include "common/wire/icmp6.h"
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

TestSuite(reassembly, .init = set_up, .fini = tear_down);

Test(reassembly, makes_a_datagram_of_two)
{
	EACH_FAMILY(f)
	{
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 0, 1000, .more = true)), VERDICT_HELD, DROP_NONE);
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 1000, 13)), VERDICT_HELD, DROP_NONE);
		cr_assert_eq(b.n_whole, 1);
		cr_assert_eq(b.whole[0].pieces, 2);
		bed_expect_whole(&b.whole[0], &PIECE(f, 0, 0), NULL, 1013);
	}
	cr_assert_eq(bed_held(&b), 0);
	cr_assert_eq(fixture_stat(&b.f, STAT_IP_REASM_OKS), 1);
	cr_assert_eq(fixture_stat(&b.f, STAT_IP6_REASM_REQDS), 2);
	cr_assert_eq(reassembly_next_timer(&b.router), NANOS_NEVER);
}

Test(reassembly, makes_a_datagram_of_fragments_that_come_backwards_in_one_burst)
{
	EACH_FAMILY(f)
	{
		struct bed_piece p[] = {PIECE(f, 2000, 1), PIECE(f, 1000, 1000, .more = true),
		        PIECE(f, 0, 1000, .more = true, .options = 16)};

		bed_burst(&b, T0, p, 3);
		cr_assert_eq(b.n_whole, 1);
		cr_assert_eq(b.whole[0].pieces, 3);
		bed_expect_whole(&b.whole[0], &p[2], NULL, 2001);
	}
}

Test(reassembly, makes_the_longest_datagram_and_none_longer)
{
	struct bed_piece p[50];
	uint32_t n = 0;

	EACH_FAMILY(f)
	{
		uint32_t most = f == FRAG_IPV4 ? 65535 - 20 : 65535;

		n = 0;
		for (uint32_t off = 0; off < most; off += 1400)
			p[n++] = PIECE(f, off, MIN(1400u, most - off), .more = off + 1400 < most);
		bed_burst(&b, T0, p, n);
		cr_assert_eq(b.n_whole, 1);
		bed_expect_whole(&b.whole[0], &p[0], NULL, most);
		/* The header of the first takes more than the others left for it. */
		p[0].options = 8;
		p[0].id = p[1].id;
		bed_burst(&b, T0, p, n);
		cr_assert_eq(b.n_whole, 0);
		cr_assert_eq(b.dropped[DROP_FRAG_MALFORMED], n);
	}
	BED_EXPECT(bed_one(&b, T0, PIECE(FRAG_IPV4, 65512, 8)), VERDICT_DROP, DROP_FRAG_MALFORMED);
}

Test(reassembly, refuses_what_is_wrong_by_itself_alone)
{
	EACH_FAMILY(f)
	{
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 0, 16, .more = true)), VERDICT_HELD, DROP_NONE);
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 16, 0)), VERDICT_DROP, DROP_FRAG_MALFORMED);
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 16, 7, .more = true)), VERDICT_DROP, DROP_FRAG_MALFORMED);
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 16, 8, .cut = 1)), VERDICT_DROP, DROP_FRAG_MALFORMED);
		BED_EXPECT(
		        bed_one(&b, T0, PIECE(f, 16, 8, .nested = true)), VERDICT_DROP, DROP_FRAG_MALFORMED);
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 16, 8)), VERDICT_HELD, DROP_NONE);
		cr_assert_eq(b.n_whole, 1);
	}
}

Test(reassembly, ends_the_datagram_on_any_overlap)
{
	static const struct {
		uint32_t offset, len;
	} bad[] = {{0, 24}, {8, 16}, {16, 16}, {24, 24}, {24, 16}, {0, 64}, {16, 32}};

	EACH_FAMILY(f)
	for (uint32_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint64_t overlaps = fixture_stat(&b.f, STAT_IP_EXT_REASM_OVERLAPS);

		bed_one(&b, T0, PIECE(f, 0, 16, .more = true));
		bed_one(&b, T0, PIECE(f, 24, 8, .more = true));
		bed_one(&b, T0, PIECE(f, 40, 16, .more = true));
		BED_EXPECT(bed_one(&b, T0, PIECE(f, bad[i].offset, bad[i].len, .more = true)), VERDICT_DROP,
		        DROP_FRAG_OVERLAP);
		cr_assert_eq(b.dropped[DROP_FRAG_OVERLAP], 4);
		cr_assert_eq(bed_held(&b), 0);
		cr_assert_eq(b.n_error, 0);
		cr_assert_eq(
		        fixture_stat(&b.f, STAT_IP_EXT_REASM_OVERLAPS) - overlaps, f == FRAG_IPV4 ? 1 : 0);
	}
}

Test(reassembly, drops_an_exact_duplicate_alone)
{
	EACH_FAMILY(f)
	{
		for (uint32_t off = 0; off < 64; off += 16)
			bed_one(&b, T0, PIECE(f, off, 8, .more = true));
		for (uint32_t off = 0; off < 64; off += 16)
			BED_EXPECT(
			        bed_one(&b, T0, PIECE(f, off, 8, .more = true)), VERDICT_DROP, DROP_DUP_FRAG);
	}
	cr_assert_eq(bed_held(&b), 8);
	cr_assert_eq(fixture_stat(&b.f, STAT_IP_REASM_FAILS), 0);
}

Test(reassembly, ends_the_datagram_where_ends_contradict)
{
	EACH_FAMILY(f)
	{
		bed_one(&b, T0, PIECE(f, 64, 8));
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 72, 8, .more = true)), VERDICT_DROP, DROP_FRAG_MALFORMED);
		cr_assert_eq(b.dropped[DROP_FRAG_MALFORMED], 2);
		bed_one(&b, T0, PIECE(f, 64, 8));
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 72, 8)), VERDICT_DROP, DROP_FRAG_MALFORMED);
		bed_one(&b, T0, PIECE(f, 64, 8, .more = true));
		BED_EXPECT(bed_one(&b, T0, PIECE(f, 32, 8)), VERDICT_DROP, DROP_FRAG_MALFORMED);
		cr_assert_eq(bed_held(&b), 0);
	}
}

Test(reassembly, tells_datagrams_apart)
{
	EACH_FAMILY(f)
	{
		struct bed_piece first = PIECE(f, 0, 8, .more = true), other;
		uint32_t kinds = f == FRAG_IPV4 ? 3 : 2;

		bed_one(&b, T0, first);
		for (uint32_t k = 0; k < kinds; k++) {
			other = PIECE(f, 8, 8);
			if (k == 0)
				other.id++;
			else if (k == 1)
				other.host++;
			else
				other.proto = 6;
			BED_EXPECT(bed_one(&b, T0, other), VERDICT_HELD, DROP_NONE);
			cr_assert_eq(b.n_whole, 0);
		}
		/* Another port is no other datagram. */
		bed_one(&b, T0, PIECE(f, 8, 8, .port = 3));
		cr_assert_eq(b.n_whole, 1);
	}
	/* But where the address means another node on each link. */
	bed_one(&b, T0, PIECE(FRAG_IPV6, 0, 8, .more = true, .on_link = true, .port = 1));
	bed_one(&b, T0, PIECE(FRAG_IPV6, 8, 8, .on_link = true, .port = 2));
	cr_assert_eq(b.n_whole, 0);
	bed_one(&b, T0, PIECE(FRAG_IPV6, 8, 8, .on_link = true, .port = 1));
	cr_assert_eq(b.n_whole, 1);
}

static uint8_t whole_ecn(uint8_t family, uint8_t first, uint8_t second)
{
	bed_one(&b, T0, PIECE(family, 0, 8, .more = true, .ecn = first));
	bed_one(&b, T0, PIECE(family, 8, 8, .ecn = second));
	if (!b.n_whole) {
		cr_assert_eq(b.dropped[DROP_FRAG_MALFORMED], 2);
		return UINT8_MAX;
	}
	bed_expect_whole(&b.whole[0], &PIECE(family, 0, 0), NULL, 16);
	return (family == FRAG_IPV4 ? b.whole[0].bytes[1] : b.whole[0].bytes[1] >> 4) & 3;
}

Test(reassembly, keeps_congestion_marks)
{
	EACH_FAMILY(f)
	for (uint8_t first = 0; first < 4; first++)
		for (uint8_t second = 0; second < 4; second++) {
			uint8_t want = first == 3 || second == 3 ? 3 : first;

			if (!first != !second)
				want = UINT8_MAX;
			cr_assert_eq(whole_ecn(f, first, second), want, "%u and %u", first, second);
		}
}

Test(reassembly, keeps_dont_fragment_where_the_largest_had_it)
{
	for (uint32_t i = 0; i < 4; i++) {
		bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 16, .more = true, .df = i & 1));
		bed_one(&b, T0, PIECE(FRAG_IPV4, 16, 8, .df = i & 2));
		cr_assert_eq(b.whole[0].bytes[6], i & 1 ? 0x40 : 0);
	}
}

/* --- time --- */

Test(reassembly, tells_the_sender_when_time_is_over)
{
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true));
	bed_one(&b, T0, PIECE(FRAG_IPV4, 16, 8, .more = true));
	bed_one(&b, T0, PIECE(FRAG_IPV6, 0, 8, .more = true));
	bed_until(&b, T0 + 30 * NANOS_PER_SEC - 1);
	cr_assert_eq(bed_held(&b), 3);
	bed_until(&b, T0 + 30 * NANOS_PER_SEC);
	cr_assert_eq(b.dropped[DROP_FRAG_REASM_TIMEOUT], 2);
	cr_assert(b.n_error == 1 && b.error_type == ICMP_TYPE_TIME_EXCEEDED &&
	          b.error_code == ICMP_EXCEEDED_REASSEMBLY);
	bed_until(&b, T0 + 60 * NANOS_PER_SEC);
	cr_assert_eq(b.dropped[DROP_FRAG_REASM_TIMEOUT], 1);
	cr_assert(b.n_error == 1 && b.error_type == ICMP6_TYPE_TIME_EXCEEDED &&
	          b.error_code == ICMP6_EXCEEDED_REASSEMBLY);
	cr_assert_eq(fixture_stat(&b.f, STAT_IP_REASM_TIMEOUT), 1);
	cr_assert_eq(fixture_stat(&b.f, STAT_IP6_REASM_FAILS), 1);
}

Test(reassembly, says_nothing_without_the_first)
{
	bed_one(&b, T0, PIECE(FRAG_IPV4, 8, 8, .more = true));
	bed_one(&b, T0, PIECE(FRAG_IPV6, 8, 8, .more = true));
	bed_until(&b, T0 + 60 * NANOS_PER_SEC);
	cr_assert_eq(b.dropped[DROP_FRAG_REASM_TIMEOUT], 2);
	cr_assert_eq(b.n_error, 0);
}

Test(reassembly, counts_time_from_the_first_to_come)
{
	bed_one(&b, T0, PIECE(FRAG_IPV4, 0, 8, .more = true));
	bed_one(&b, T0 + 29 * NANOS_PER_SEC, PIECE(FRAG_IPV4, 8, 8, .more = true));
	bed_until(&b, T0 + 30 * NANOS_PER_SEC);
	cr_assert_eq(b.dropped[DROP_FRAG_REASM_TIMEOUT], 2);
}

Test(reassembly, gives_up_many_at_once_in_several_bursts)
{
	for (uint32_t i = 0; i < 100; i++)
		bed_one(&b, T0 + i, PIECE(FRAG_IPV4, 0, 8, .more = true, .id = i));
	bed_timer(&b, T0 + 31 * NANOS_PER_SEC);
	cr_assert_lt(b.n_error, 100);
	bed_until(&b, T0 + 31 * NANOS_PER_SEC);
	cr_assert_eq(bed_held(&b), 0);
}
