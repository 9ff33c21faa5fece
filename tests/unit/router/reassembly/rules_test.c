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
	bed_free(&b);
}

TestSuite(reassembly, .init = set_up, .fini = tear_down);

#define PIECE(f, off, bytes, ...)                                                                            \
	((struct bed_piece){.family = (f),                                                                   \
	        .proto = 17,                                                                                 \
	        .id = 7,                                                                                     \
	        .host = 2,                                                                                   \
	        .offset = (off),                                                                             \
	        .len = (bytes),                                                                              \
	        __VA_ARGS__})

#define EACH_FAMILY(f) for (uint8_t f = FRAG_IPV4; f < FRAG_FAMILIES; f++)

static void expect(struct verdict v, enum verdict_kind kind, enum drop_reason reason)
{
	cr_assert_eq(v.kind, kind, "verdict %u, %s", v.kind, drop_reason_label(v.reason));
	cr_assert_eq(v.reason, reason, "%s", drop_reason_label(v.reason));
}

Test(reassembly, makes_a_datagram_of_two)
{
	EACH_FAMILY(f)
	{
		expect(bed_one(&b, T0, PIECE(f, 0, 1000, .more = true)), VERDICT_HELD, DROP_NONE);
		expect(bed_one(&b, T0, PIECE(f, 1000, 13)), VERDICT_HELD, DROP_NONE);
		cr_assert_eq(b.n_whole, 1);
		cr_assert_eq(b.whole[0].pieces, 2);
		bed_expect_whole(&b.whole[0], &PIECE(f, 0, 0), 1013);
	}
	cr_assert_eq(bed_held(&b), 0);
	cr_assert_eq(fixture_stat(&b.f, STAT_IP_REASM_OKS), 1);
	cr_assert_eq(fixture_stat(&b.f, STAT_IP6_REASM_REQDS), 2);
	cr_assert_eq(reassembly_next_timer(&b.router), NANOS_NEVER);
}
