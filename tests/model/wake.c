/* wake: sleeping and waking between one producer and one consumer, both of which may die at any time.
 *
 * As in common/stage (commit_wake, commit_republish, worker_sleep, worker_start) and common/ring.  A store
 * sits in its processor's buffer until it is written or a fence or a system call drives it out, as on x86;
 * that of a dead process is written all the same.  A wake-up is lost where a word waits, its consumer sleeps,
 * and nobody will ring. */
#include "tests/model/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS 3u

enum fault {
	NONE,
	PRODUCER_WITHOUT_FENCE,
	CONSUMER_WITHOUT_FENCE,
	BEFORE_PUBLISH,
	WITHOUT_LOOKING,
	NO_BELL_IN_RECOVERY,
	BELL_ONLY_WHERE_CHANGED,
	ARMING_WITHOUT_NUMBER,
	ARMED_STAYS_AT_START,
	FORGETS_WHO_WAITS,
	FAULTS
};

static const char *const name_of[FAULTS] = {
        [NONE] = "wake",
        [PRODUCER_WITHOUT_FENCE] = "wake_producer_without_fence",
        [CONSUMER_WITHOUT_FENCE] = "wake_consumer_without_fence",
        [BEFORE_PUBLISH] = "wake_before_publish",
        [WITHOUT_LOOKING] = "wake_without_looking",
        [NO_BELL_IN_RECOVERY] = "wake_no_bell_in_recovery",
        [BELL_ONLY_WHERE_CHANGED] = "wake_bell_only_where_changed",
        [ARMING_WITHOUT_NUMBER] = "wake_arming_without_number",
        [ARMED_STAYS_AT_START] = "wake_armed_stays_at_start",
        [FORGETS_WHO_WAITS] = "wake_forgets_who_waits",
};

/* Where the producer stands ... */
enum { P_IDLE, P_PUBLISH, P_FENCE, P_LOOK, P_RING, P_RECOVER, P_RECOVER_FENCE, P_RECOVER_RING };
/* ... and the consumer. */
enum { C_START, C_POLL, C_ARM, C_FENCE, C_LOOK, C_SLEEP, C_CLEAR, C_DISARM };

#define NUMBERS 8u /* of armings, taken again and again */

struct wake {
	uint8_t p_at, c_at;
	uint8_t committed;            /* words in the producer's record */
	uint8_t prod, prod_pending;   /* published; and what its store buffer holds, + 1 */
	uint8_t changed;              /* its recovery had something to publish */
	uint8_t unwoken;              /* private: the consumer may have to be woken */
	uint8_t rung;                 /* private: the arming that was answered, + 1 */
	uint8_t taken;                /* the consumer's cons */
	uint8_t armed, armed_pending; /* as the ring has it; and the store buffer, + 1 */
	uint8_t bell;
};

static enum fault fault;
static struct wake seen[1u << 20];
static uint8_t used[1u << 20];
static uint32_t queue[1u << 20];
static uint32_t n_seen, deaths;

static void reach(struct wake w)
{
	const uint8_t *p = (const uint8_t *)&w;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof w; i++)
		h = (h ^ p[i]) * 16777619u;
	for (h %= 1u << 20; used[h]; h = (h + 1) % (1u << 20))
		if (!memcmp(&seen[h], &w, sizeof w))
			return;
	used[h] = 1;
	seen[h] = w;
	queue[n_seen++] = h;
}

static void drain_producer(struct wake *w)
{
	if (w->prod_pending)
		w->prod = w->prod_pending - 1;
	w->prod_pending = 0;
}

static void drain_consumer(struct wake *w)
{
	if (w->armed_pending)
		w->armed = w->armed_pending - 1;
	w->armed_pending = 0;
}

static uint8_t own_armed(const struct wake *w)
{
	return w->armed_pending ? w->armed_pending - 1 : w->armed;
}

static void store_armed(struct wake *w, uint8_t v)
{
	w->armed_pending = (uint8_t)(v % NUMBERS + 1);
}

static void to_producer(struct wake w, uint8_t at)
{
	w.p_at = at;
	reach(w);
}

/* commit_wake: who is armed and has not been rung for it is rung, now or when there is nothing else to do. */
static void look_at_armed(struct wake w)
{
	uint8_t behind = fault == BEFORE_PUBLISH ? P_PUBLISH : P_IDLE;

	if (!(w.armed & 1)) {
		w.unwoken = 0;
		to_producer(w, behind);
		return;
	}
	if (w.committed < WORDS && fault != BEFORE_PUBLISH)
		to_producer(w, P_IDLE); /* waits for company */
	w.unwoken = 0;
	if (w.rung == w.armed + 1) {
		to_producer(w, behind);
		return;
	}
	w.rung = (uint8_t)(w.armed + 1);
	to_producer(w, P_RING);
}

static void producer_bursts(struct wake w)
{
	if (w.committed < WORDS) {
		struct wake n = w;

		n.committed++;
		n.unwoken = 1;
		to_producer(n, fault == BEFORE_PUBLISH ? P_LOOK : P_PUBLISH);
	}
	if (w.unwoken && fault != FORGETS_WHO_WAITS && fault != BEFORE_PUBLISH)
		to_producer(w, P_FENCE);
}

static void producer_steps(struct wake w)
{
	switch (w.p_at) {
	case P_IDLE: producer_bursts(w); break;
	case P_PUBLISH:
		w.prod_pending = w.committed + 1;
		to_producer(w, fault == BEFORE_PUBLISH ? P_IDLE : P_FENCE);
		break;
	case P_FENCE:
		if (fault != PRODUCER_WITHOUT_FENCE)
			drain_producer(&w);
		to_producer(w, P_LOOK);
		break;
	case P_LOOK: look_at_armed(w); break;
	case P_RING:
		drain_producer(&w);
		w.bell = 1;
		to_producer(w, fault == BEFORE_PUBLISH ? P_PUBLISH : P_IDLE);
		break;
	case P_RECOVER:
		w.changed = w.prod != w.committed;
		w.prod_pending = w.committed + 1;
		to_producer(w, P_RECOVER_FENCE);
		break;
	case P_RECOVER_FENCE:
		drain_producer(&w);
		to_producer(w, P_RECOVER_RING);
		break;
	case P_RECOVER_RING:
		if (fault != NO_BELL_IN_RECOVERY && (fault != BELL_ONLY_WHERE_CHANGED || w.changed))
			w.bell = 1;
		w.changed = 0;
		to_producer(w, P_IDLE);
		break;
	}
}

static void producer_dies(struct wake w)
{
	drain_producer(&w);
	w.unwoken = w.rung = w.changed = 0;
	deaths++;
	to_producer(w, P_RECOVER);
}

static void to_consumer(struct wake w, uint8_t at)
{
	w.c_at = at;
	reach(w);
}

/* The next number, and never one that anybody still remembers: the real ones do not come back within 2^31. */
static void disarm(struct wake *w)
{
	uint8_t own = own_armed(w) | 1u, next = own;

	if (fault == ARMING_WITHOUT_NUMBER) {
		store_armed(w, own - 1);
		return;
	}
	do
		next = (uint8_t)((next + 2u) % NUMBERS);
	while (next + 1 == w->rung || next == (w->armed | 1u));
	store_armed(w, next - 1);
}

static void consumer_steps(struct wake w)
{
	switch (w.c_at) {
	case C_START:
		if (fault != ARMED_STAYS_AT_START && own_armed(&w) & 1)
			disarm(&w);
		to_consumer(w, C_POLL);
		break;
	case C_POLL:
		if (w.prod == w.taken)
			to_consumer(w, C_ARM);
		w.taken = w.prod;
		to_consumer(w, C_POLL);
		break;
	case C_ARM:
		store_armed(&w, own_armed(&w) | 1);
		to_consumer(w, C_FENCE);
		break;
	case C_FENCE:
		if (fault != CONSUMER_WITHOUT_FENCE)
			drain_consumer(&w);
		to_consumer(w, C_LOOK);
		break;
	case C_LOOK: to_consumer(w, w.prod != w.taken && fault != WITHOUT_LOOKING ? C_CLEAR : C_SLEEP); break;
	case C_SLEEP:
		drain_consumer(&w);
		if (w.bell)
			to_consumer(w, C_CLEAR);
		break;
	case C_CLEAR:
		drain_consumer(&w);
		w.bell = 0;
		to_consumer(w, C_DISARM);
		break;
	case C_DISARM:
		disarm(&w);
		to_consumer(w, C_POLL);
		break;
	}
}

static void consumer_dies(struct wake w)
{
	drain_consumer(&w);
	deaths++;
	to_consumer(w, C_START);
}

/* A word waits, its consumer sleeps for good, and the producer has nothing more to do. */
static bool lost(const struct wake *w)
{
	bool over = w->p_at == P_IDLE && !w->prod_pending && (!w->unwoken || fault == FORGETS_WHO_WAITS);

	return over && w->c_at == C_SLEEP && !w->armed_pending && !w->bell && w->prod != w->taken;
}

bool wake_knows(const char *name)
{
	for (uint32_t f = 0; f < FAULTS; f++) {
		if (strcmp(name, name_of[f]) != 0)
			continue;
		fault = (enum fault)f;
		return true;
	}
	return false;
}

int wake_run(const char *name)
{
	reach((struct wake){0});
	for (uint32_t i = 0; i < n_seen; i++) {
		struct wake w = seen[queue[i]], p = w, c = w;

		if (lost(&w)) {
			printf("%s: %u words wait, the consumer sleeps (armed %u, answered %d), nobody "
			       "rings\n",
			        name, w.prod - w.taken, w.armed, w.rung - 1);
			return 1;
		}
		if (n_seen > (1u << 19))
			return 2;
		drain_producer(&p);
		reach(p);
		drain_consumer(&c);
		reach(c);
		producer_steps(w);
		producer_dies(w);
		consumer_steps(w);
		consumer_dies(w);
	}
	printf("%s: %u states, no wake-up lost in %u deaths\n", name, n_seen, deaths);
	return deaths ? 0 : 2;
}
