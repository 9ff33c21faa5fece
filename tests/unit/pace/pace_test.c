#include "common/pace/pace.h"

#include <criterion/criterion.h>

static const struct pace_settings settings = PACE_DEFAULTS;

Test(pace, a_queue_that_gives_its_full_weight_stays_scheduled)
{
	struct pace_round round = {0};
	struct pace_queue q = {0};

	pace_schedule(&q);
	pace_round_start(&round, &settings, 0);
	cr_assert_eq(pace_polled(&round, &settings, &q, 1, 64, 64), PACE_AGAIN);
	cr_assert_eq(q.state, PACE_SCHEDULED);
}

Test(pace, a_queue_that_gives_less_completes_and_is_armed)
{
	struct pace_round round = {0};
	struct pace_queue q = {0};

	pace_schedule(&q);
	pace_round_start(&round, &settings, 0);
	cr_assert_eq(pace_polled(&round, &settings, &q, 1, 64, 63), PACE_COMPLETE);
	cr_assert_eq(q.state, PACE_ARMED);
	cr_assert_eq(q.completes, 1);
}

Test(pace, a_round_ends_with_its_budget)
{
	struct pace_round round = {0};
	struct pace_queue q = {0};
	uint32_t polls = 0, packets = 0, n;

	pace_round_start(&round, &settings, 0);
	while ((n = pace_allowance(&round, &settings, 1))) {
		(void)pace_polled(&round, &settings, &q, 1, n, n);
		packets += n;
		polls++;
	}
	cr_assert_eq(packets, 300);
	cr_assert_eq(polls, 5, "four of 64 and one of 44");
}

Test(pace, a_round_ends_with_its_time)
{
	struct pace_round round = {0};

	pace_round_start(&round, &settings, 1000);
	cr_assert_eq(pace_allowance(&round, &settings, 1000 + settings.budget_time - 1), 64);
	cr_assert_eq(pace_allowance(&round, &settings, 1000 + settings.budget_time), 0);
}

Test(pace, what_is_left_of_a_round_counts_as_a_squeeze_over_rounds)
{
	struct pace_round round = {0};

	pace_round_start(&round, &settings, 0);
	pace_squeeze(&round);
	pace_round_start(&round, &settings, 5);
	pace_squeeze(&round);
	cr_assert_eq(round.squeezes, 2);
}

Test(pace, deferred_interrupts_stay_masked_for_so_many_polls_that_ran_dry)
{
	struct pace_settings s = settings;
	struct pace_round round = {0};
	struct pace_queue q = {.state = PACE_SCHEDULED};

	s.defer_hard_irqs = 2;
	s.gro_flush_timeout = 50;
	pace_round_start(&round, &s, 0);
	cr_assert_eq(pace_polled(&round, &s, &q, 100, 64, 0), PACE_DEFER);
	cr_assert_not(pace_due(&q, 149));
	cr_assert(pace_due(&q, 150));
	cr_assert_eq(pace_polled(&round, &s, &q, 150, 64, 0), PACE_DEFER);
	cr_assert_eq(pace_polled(&round, &s, &q, 200, 64, 0), PACE_COMPLETE);
	cr_assert_not(pace_due(&q, 1000), "armed: its interrupt will tell");
	pace_schedule(&q);
	cr_assert(pace_due(&q, 0));
	for (uint32_t k = 0; k < 3; k++) { /* a packet starts the count anew */
		cr_assert_eq(pace_polled(&round, &s, &q, 300, 64, 3), PACE_DEFER);
		cr_assert_eq(q.deferred, 1);
	}
	cr_assert_eq(q.deferrals, 5);
	cr_assert_eq(q.wakeups, 1);
}

Test(pace, without_a_timeout_nothing_is_deferred)
{
	struct pace_settings s = settings;
	struct pace_round round = {0};
	struct pace_queue q = {.state = PACE_SCHEDULED};

	s.defer_hard_irqs = 2;
	pace_round_start(&round, &s, 0);
	cr_assert_eq(pace_polled(&round, &s, &q, 100, 64, 0), PACE_COMPLETE);
}

Test(pace, a_sleeper_is_woken_when_its_ring_is_a_quarter_full_or_it_waited_or_no_more_comes)
{
	cr_assert_not(pace_wake_due(&settings, 1, 4096, 0, true));
	cr_assert_not(pace_wake_due(&settings, 1023, 4096, settings.wake_wait - 1, true));
	cr_assert(pace_wake_due(&settings, 1024, 4096, 0, true));
	cr_assert(pace_wake_due(&settings, 1, 4096, settings.wake_wait, true));
	cr_assert(pace_wake_due(&settings, 1, 4096, 0, false));
}
