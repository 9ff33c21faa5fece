/* The wheel beside an array of times, with random settings, times and cuts. */
#include <criterion/criterion.h>

#include "services/router/wheel.h"
#include "tests/unit/fixture/fixture.h"

#define TIMERS   200u
#define T_ORIGIN (5000 * NANOS_PER_SEC)

struct world {
	struct fixture f;
	struct wheel w;
	nanos_t when[TIMERS]; /* NANOS_NEVER: not set */
	uint64_t random;
};

static void world_init(struct world *x)
{
	fixture_init(&x->f, wheel_state_bytes(TIMERS));
	wheel_init(x->f.state, TIMERS);
	wheel_attach(&x->w, x->f.state, TIMERS);
	memset(x->when, 0xff, sizeof x->when);
	x->random = 42;
}

static uint64_t below(struct world *x, uint64_t bound)
{
	return random_next(&x->random) % bound;
}

/* A time to come, of every order of magnitude. */
static nanos_t some_time(struct world *x, nanos_t now)
{
	return now + random_next(&x->random) % (UINT64_C(1) << below(x, 45));
}

static nanos_t earliest(const struct world *x)
{
	nanos_t t = NANOS_NEVER;

	for (uint32_t i = 0; i < TIMERS; i++)
		t = MIN(t, x->when[i]);
	return t;
}

static void set_some(struct world *x, nanos_t now)
{
	for (uint32_t k = below(x, 6); k; k--) {
		uint32_t i = (uint32_t)below(x, TIMERS);

		if (below(x, 4) == 0) {
			wheel_cancel(&x->w, &x->f.journal, i);
			x->when[i] = NANOS_NEVER;
		} else {
			x->when[i] = some_time(x, now);
			wheel_set(&x->w, &x->f.journal, i, now, x->when[i]);
		}
		cr_assert_eq(wheel_is_set(&x->w, i), x->when[i] != NANOS_NEVER);
	}
}

/* Takes all that is due, in steps; none early, none left, in the order of their milliseconds. */
static void take_due(struct world *x, nanos_t now)
{
	nanos_t last = 0;

	while (wheel_next(&x->w) <= now) {
		uint32_t steps = 1 + (uint32_t)below(x, 3);
		uint32_t i = wheel_take(&x->w, &x->f.journal, now, &steps);

		if (i == WHEEL_NONE)
			continue;
		cr_assert_leq(x->when[i], now);
		cr_assert_geq(x->when[i] / MAX(NANOS_PER_MS, 1u) + 1, last / NANOS_PER_MS);
		last = x->when[i];
		x->when[i] = NANOS_NEVER;
	}
}

static void check(const struct world *x, nanos_t now)
{
	const char *wrong = wheel_check(&x->w);
	nanos_t first = earliest(x);

	cr_assert_null(wrong, "%s", wrong);
	cr_assert(first == NANOS_NEVER || first > now - NANOS_PER_MS, "a timer was left");
	cr_assert_eq(wheel_next(&x->w) == NANOS_NEVER, first == NANOS_NEVER);
	cr_assert(first == NANOS_NEVER || wheel_next(&x->w) <= first + NANOS_PER_MS, "it would come late");
}

Test(wheel, agrees_with_an_array_of_times_and_survives_cuts)
{
	static struct world x;
	static uint8_t before[1 << 16];
	nanos_t now = UINT64_C(1700000000) * NANOS_PER_SEC;

	world_init(&x);
	cr_assert_leq(x.f.journal.state_bytes, sizeof before);
	for (uint32_t round = 0; round < 30000; round++) {
		struct world kept = x;

		memcpy(before, x.f.state, x.f.journal.state_bytes);
		for (uint32_t cut = below(&x, 3) == 0, again = 0; again <= cut; again++) {
			fixture_begin(&x.f, INPUT_TIMER, now);
			set_some(&x, now);
			take_due(&x, now);
			if (again == cut)
				continue;
			fixture_cut(&x.f);
			cr_assert_eq(memcmp(before, x.f.state, x.f.journal.state_bytes), 0);
			memcpy(x.when, kept.when, sizeof x.when);
		}
		check(&x, now);
		fixture_end(&x.f);
		now = below(&x, 5) ? some_time(&x, now)
		                   : MAX(now, wheel_next(&x.w) == NANOS_NEVER ? now : wheel_next(&x.w));
	}
	fixture_free(&x.f);
}

Test(wheel, an_idle_timer_costs_few_wakes)
{
	static struct world x;
	uint32_t wakes = 0, steps = 100, got = WHEEL_NONE;
	nanos_t now = T_ORIGIN, when = now + 3600 * NANOS_PER_SEC;

	world_init(&x);
	fixture_begin(&x.f, INPUT_TIMER, now);
	cr_assert_eq(wheel_next(&x.w), NANOS_NEVER);
	wheel_set(&x.w, &x.f.journal, 5, now, when);
	for (; got == WHEEL_NONE; wakes++) {
		now = wheel_next(&x.w);
		cr_assert_lt(wakes, WHEEL_LEVELS);
		got = wheel_take(&x.w, &x.f.journal, now, &steps);
	}
	cr_assert_eq(got, 5);
	cr_assert_eq(now, when);
	fixture_free(&x.f);
}

Test(wheel, a_timer_in_the_past_is_due_at_once_and_rounds_up)
{
	static struct world x;
	uint32_t steps = 9;

	world_init(&x);
	fixture_begin(&x.f, INPUT_TIMER, T_ORIGIN);
	wheel_set(&x.w, &x.f.journal, 1, T_ORIGIN, 17);
	cr_assert_leq(wheel_next(&x.w), T_ORIGIN);
	cr_assert_eq(wheel_take(&x.w, &x.f.journal, T_ORIGIN, &steps), 1);
	wheel_set(&x.w, &x.f.journal, 2, T_ORIGIN, T_ORIGIN + 1);
	cr_assert_eq(wheel_take(&x.w, &x.f.journal, T_ORIGIN + 1, &steps), WHEEL_NONE);
	cr_assert_eq(wheel_take(&x.w, &x.f.journal, T_ORIGIN + NANOS_PER_MS, &steps), 2);
	fixture_free(&x.f);
}
