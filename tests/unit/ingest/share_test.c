/* How the control class and the rest share a burst and a transmit ring. */
#include "services/ingest/nic/share.h"
#include "tests/unit/ingest/lab.h"

#include <criterion/criterion.h>

static const struct shares nowhere = {0, 0};

static struct shares of(uint32_t urgent, uint32_t rest, uint32_t max)
{
	static const struct hand none;

	return share_ready(&none, (struct shares){urgent, rest}, nowhere, max);
}

Test(share, takes_as_many_as_there_are_and_the_control_class_at_least_half)
{
	for (uint32_t max = 1; max <= 9; max++)
		for (uint32_t urgent = 0; urgent < 12; urgent++)
			for (uint32_t rest = 0; rest < 12; rest++) {
				struct shares n = of(urgent, rest, max);

				cr_assert_eq(n.urgent + n.rest, MIN(urgent + rest, max));
				cr_assert(n.urgent <= urgent && n.rest <= rest);
				cr_assert_geq(n.urgent, MIN(urgent, (max + 1) / 2));
				cr_assert_geq(n.rest, MIN(rest, max / 2));
			}
}

/* What rx_ready has promised, rx takes, though more has come in between. */
Test(share, a_promise_is_kept_though_more_comes)
{
	for (uint32_t max = 1; max <= 8; max++)
		for (uint32_t urgent = 0; urgent < 10; urgent++)
			for (uint32_t rest = 0; rest < 10; rest++) {
				struct shares then = of(urgent, rest, max);
				struct shares now = of(urgent + 3, rest + 2, then.urgent + then.rest);

				cr_assert_eq(now.urgent + now.rest, then.urgent + then.rest);
			}
}

Test(share, what_a_dead_worker_had_in_hand_comes_first_again)
{
	struct shares at = {UINT32_MAX, 7}, n = {3, 5};
	struct hand hand = {0};

	share_take(&hand, n, at);
	n = share_ready(&hand, (struct shares){60, 60}, at, 8);
	cr_expect(n.urgent == 3 && n.rest == 5);
	n = share_ready(&hand, (struct shares){60, 60}, at, 64);
	cr_expect(n.urgent == 3 && n.rest == 60, "nothing is put before the rest that was in hand");
	n = share_ready(&hand, (struct shares){60, 60}, at, 2);
	cr_expect(n.urgent == 2 && n.rest == 0);
	n = share_ready(&hand, (struct shares){60, 60}, (struct shares){2, 12}, 8);
	cr_expect(n.urgent == 4 && n.rest == 4, "its commit has moved the rings");
	hand.whole = 0;
	n = share_ready(&hand, (struct shares){60, 60}, at, 8);
	cr_expect(n.urgent == 4 && n.rest == 4, "it died before it had touched any");
}

Test(share, the_last_slots_of_a_transmit_ring_are_the_control_classes)
{
	uint8_t bytes[64] = {[12] = 8, [14] = 0x45}, *frame = bytes;
	struct pkt pkt = {.len = sizeof bytes};
	struct pkt_ref packet = {.pkt = &pkt, .frame = &frame};
	struct share_tx tx;

	share_tx_init(&tx, URGENT_DSCP, 64);
	cr_expect(share_has_room(&tx, 59, &packet));
	cr_expect_not(share_has_room(&tx, 60, &packet));
	bytes[15] = 0xc0;
	cr_expect(share_has_room(&tx, 63, &packet));
	cr_expect_not(share_has_room(&tx, 64, &packet));
}
