#include "common/ring/bell.h"
#include "common/ring/ring.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define SLOTS     8u
#define NEAR_WRAP (UINT32_MAX - 5)

static struct {
	_Alignas(64) uint8_t producer[64 + SLOTS * 8];
	struct ring_consumer_half consumer;
} memory;

static struct ring_prod prod;
static struct ring_cons cons;

/* Both ends at an index close to the wrap, as after years of traffic. */
static void setup(void)
{
	struct ring_producer_half *p = (void *)memory.producer;

	memset(&memory, 0, sizeof memory);
	p->prod = NEAR_WRAP;
	memory.consumer.cons = NEAR_WRAP;
	ring_prod_attach(&prod, p, &memory.consumer, SLOTS);
	ring_cons_attach(&cons, &memory.consumer, p, SLOTS);
}

TestSuite(ring, .init = setup);

Test(ring, is_empty_at_first)
{
	cr_assert_eq(ring_used(&cons, NEAR_WRAP), 0);
	cr_assert_eq(ring_room(&prod, NEAR_WRAP, 1), SLOTS);
}

Test(ring, hands_words_over_in_order_across_the_wrap)
{
	uint32_t at = NEAR_WRAP, got = NEAR_WRAP;

	for (uint64_t w = 0; w < 100; w++) {
		cr_assert_geq(ring_room(&prod, at, 1), 1);
		ring_put(&prod, at++, w);
		cr_assert_eq(ring_used(&cons, got), 0, "nothing is seen before it is published");
		ring_publish(&prod, at);
		cr_assert_eq(ring_used(&cons, got), 1);
		cr_assert_eq(ring_get(&cons, got++), w);
		ring_release(&cons, got);
	}
}

Test(ring, refuses_push_when_full_after_index_wrap)
{
	uint32_t at = NEAR_WRAP;

	for (uint32_t i = 0; i < SLOTS; i++)
		ring_put(&prod, at++, i);
	ring_publish(&prod, at);
	cr_assert_eq(ring_room(&prod, at, 1), 0);
	cr_assert_eq(ring_used(&cons, NEAR_WRAP), SLOTS);
	ring_release(&cons, NEAR_WRAP + 3);
	cr_assert_eq(ring_room(&prod, at, 1), 3);
}

Test(ring, quarantines_a_producer_that_claims_more_than_there_are_slots)
{
	ring_publish(&prod, NEAR_WRAP + SLOTS + 1);
	cr_assert_eq(ring_used(&cons, NEAR_WRAP), 0);
	cr_assert(cons.quarantined);
	ring_publish(&prod, NEAR_WRAP + 1);
	cr_assert_eq(ring_used(&cons, NEAR_WRAP), 0, "and stays closed");
}

Test(ring, quarantines_a_consumer_that_runs_ahead)
{
	ring_release(&cons, NEAR_WRAP + 4);
	prod.cons_seen = NEAR_WRAP - SLOTS; /* looks full, so that the peer's index is read */
	cr_assert_eq(ring_room(&prod, NEAR_WRAP, 1), 0);
	cr_assert(prod.quarantined);
}

Test(ring, wakes_a_sleeper_once_for_each_arming)
{
	cr_assert_not(ring_must_wake(&prod));
	ring_arm(&cons);
	cr_assert(ring_must_wake(&prod));
	cr_assert_not(ring_must_wake(&prod));
	ring_disarm(&cons);
	cr_assert_not(ring_must_wake(&prod));
	ring_arm(&cons);
	cr_assert(ring_must_wake(&prod));
}

#define MANY 200000u

static struct bell bell;

static void *produce(void *arg)
{
	uint32_t at = NEAR_WRAP;

	(void)arg;
	for (uint64_t w = 0; w < MANY;) {
		uint32_t room = ring_room(&prod, at, 1), n = 0;

		for (; n < room && w < MANY; n++)
			ring_put(&prod, at++, w++ * 3);
		if (!n) {
			sched_yield(); /* both may have to share a processor */
			continue;
		}
		ring_publish(&prod, at);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (ring_must_wake(&prod))
			bell_ring(&bell);
	}
	return NULL;
}

/* Sleeps whenever it sees nothing; a lost wake-up hangs it until the test's limit. */
Test(ring, loses_no_word_and_no_wake_up_between_threads, .timeout = 250)
{
	uint32_t at = NEAR_WRAP;
	pthread_t thread;

	cr_assert_eq(bell_open(&bell), 0);
	cr_assert_eq(pthread_create(&thread, NULL, produce, NULL), 0);
	for (uint64_t w = 0; w < MANY;) {
		uint32_t n = ring_used(&cons, at);

		for (uint32_t i = 0; i < n; i++)
			cr_assert_eq(ring_get(&cons, at++), w++ * 3);
		if (n) {
			ring_release(&cons, at);
			continue;
		}
		ring_arm(&cons);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!ring_used(&cons, at))
			cr_assert_geq(bell_wait(&bell, NULL, 0, NANOS_NEVER), 0);
		bell_clear(&bell);
		ring_disarm(&cons);
	}
	pthread_join(thread, NULL);
	close(bell.fd);
}

Test(bell, rings_once_however_often_it_is_rung_and_is_quiet_when_cleared)
{
	struct bell b;

	cr_assert_eq(bell_open(&b), 0);
	cr_assert_eq(bell_wait(&b, NULL, 0, 0), 0);
	bell_ring(&b);
	bell_ring(&b);
	cr_assert_eq(bell_wait(&b, NULL, 0, NANOS_NEVER), 1);
	bell_clear(&b);
	cr_assert_eq(bell_wait(&b, NULL, 0, 1), 0);
	close(b.fd);
}

Test(bell, wakes_for_another_descriptor_too)
{
	struct bell b, other;

	cr_assert_eq(bell_open(&b), 0);
	cr_assert_eq(bell_open(&other), 0);
	bell_ring(&other);
	cr_assert_eq(bell_wait(&b, &other.fd, 1, NANOS_NEVER), 1);
	close(b.fd);
	close(other.fd);
}

Test(bell, without_a_descriptor_only_marks)
{
	struct bell b = {.fd = -1};

	bell_ring(&b);
	cr_assert_eq(b.mark, 1);
	bell_clear(&b);
	cr_assert_eq(b.mark, 0);
}
