#include "services/keeper/supervise.h"

#include <criterion/criterion.h>
#include <signal.h>

#define MS NANOS_PER_MS

static nanos_t die(struct supervise *s, int signal, nanos_t now)
{
	return supervise_died(s, &(struct supervise_death){.signal = signal}, now);
}

Test(supervise, counts_faults_of_its_own_alone)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, 0};
	static const int outside[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		cr_assert(supervise_own_fault(&(struct supervise_death){.signal = own[i]}), "%d", own[i]);
	for (size_t i = 0; i < ARRAY_LEN(outside); i++)
		cr_assert(!supervise_own_fault(&(struct supervise_death){.signal = outside[i]}), "%d",
		        outside[i]);
	cr_assert(supervise_own_fault(&(struct supervise_death){.signal = SIGKILL, .stalled = true}));
	cr_assert(!supervise_own_fault(
	        &(struct supervise_death){.signal = SIGKILL, .stalled = true, .ordered = true}));
	cr_assert(!supervise_own_fault(&(struct supervise_death){.status = 0, .ordered = true}));
}

Test(supervise, starts_again_at_once_however_often_it_is_killed)
{
	struct supervise s = {0};

	for (nanos_t now = 1; now < 1000; now++)
		cr_assert_eq(die(&s, SIGKILL, now), now);
	cr_assert(!supervise_failed(&s));
}

Test(supervise, backs_off_twice_as_long_each_time_and_then_tries_seldom)
{
	struct supervise s = {0};
	nanos_t now = NANOS_PER_SEC, wait = SUPERVISE_FIRST;

	cr_assert_eq(die(&s, SIGSEGV, now), now, "the first time at once");
	for (uint32_t i = 2; i < SUPERVISE_LIMIT; i++) {
		nanos_t at = die(&s, SIGSEGV, now);

		cr_assert_eq(at - now, wait);
		cr_assert(!supervise_failed(&s));
		cr_assert_eq(die(&s, SIGKILL, at), at, "what is killed from outside waits for nothing");
		wait *= 2;
		now = at + MS;
	}
	cr_assert_eq(die(&s, SIGSEGV, now), now + SUPERVISE_SELDOM);
	cr_assert(supervise_failed(&s));
	for (int i = 0; i < 100; i++) {
		now += SUPERVISE_SELDOM + MS;
		cr_assert_eq(die(&s, SIGSEGV, now), now + SUPERVISE_SELDOM);
	}
}

Test(supervise, forgets_faults_after_a_calm_time)
{
	struct supervise s = {0};
	nanos_t now = NANOS_PER_SEC;

	for (int i = 0; i < 5; i++)
		(void)die(&s, SIGABRT, now);
	now += SUPERVISE_CALM - 1;
	cr_assert_gt(die(&s, SIGABRT, now), now);
	now += SUPERVISE_CALM;
	cr_assert_eq(die(&s, SIGABRT, now), now);
}

Test(supervise, tells_a_stall_from_idleness)
{
	struct supervise_watch w = {0};
	nanos_t now = 5 * NANOS_PER_SEC;

	/* Idle for an hour. */
	for (int i = 0; i < 3600; i++)
		cr_assert(!supervise_stalled(&w, 7, false, now += NANOS_PER_SEC));
	/* Work that is being done, slowly. */
	for (uint64_t steps = 8; steps < 100; steps++)
		cr_assert(!supervise_stalled(&w, steps, true, now += 2 * NANOS_PER_SEC));
	/* Work that waits. */
	cr_assert(!supervise_stalled(&w, 100, true, now));
	for (nanos_t after = SUPERVISE_LOOK; after < SUPERVISE_STALLED; after += SUPERVISE_LOOK)
		cr_assert(!supervise_stalled(&w, 100, true, now + after));
	cr_assert(supervise_stalled(&w, 100, true, now + SUPERVISE_STALLED));
	/* Work that went away meanwhile begins anew. */
	cr_assert(!supervise_stalled(&w, 100, false, now += SUPERVISE_STALLED));
	cr_assert(!supervise_stalled(&w, 100, true, now += SUPERVISE_STALLED));
	cr_assert(!supervise_stalled(&w, 100, true, now + SUPERVISE_LOOK));
}

Test(supervise, blames_nobody_for_a_machine_that_stood_still)
{
	struct supervise_watch w = {0};
	nanos_t now = 5 * NANOS_PER_SEC;

	cr_assert(!supervise_stalled(&w, 7, true, now));
	cr_assert(!supervise_stalled(&w, 7, true, now += 60 * NANOS_PER_SEC));
	for (nanos_t left = SUPERVISE_STALLED - SUPERVISE_LOOK; left > SUPERVISE_LOOK; left -= SUPERVISE_LOOK)
		cr_assert(!supervise_stalled(&w, 7, true, now += SUPERVISE_LOOK));
	cr_assert(
	        supervise_stalled(&w, 7, true, now += SUPERVISE_LOOK), "what does not move then is stalled");
}
