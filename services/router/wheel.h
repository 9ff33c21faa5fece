/* wheel: timers of a stage in its journaled state: a hierarchical timing wheel.
 *
 * A timer is a number below the count the wheel was made for; the owner gives numbers to what it times (its
 * kinds side by side: entries from 0, addresses behind them, ...).  Setting and cancelling cost O(1); nothing
 * ticks: an empty wheel asks for nothing, and a timer costs at most one step a level on its way down.
 *
 *     wheel_set(&w, journal, timer, now, when);
 *     ...
 *     steps = 64;
 *     while ((timer = wheel_take(&w, journal, now, &steps)) != WHEEL_NONE)
 *             do what is due;
 *
 * The resolution is a millisecond; a timer is never early.  Every change is announced to the journal.  For
 * the thread of the worker that owns the state.
 */
#ifndef SLUICE_SERVICES_ROUTER_WHEEL_H
#define SLUICE_SERVICES_ROUTER_WHEEL_H

#include "common/journal/journal.h"

#define WHEEL_NONE   UINT32_MAX
#define WHEEL_LEVELS 8u  /* 64^8 ms: more than a nanos_t holds */
#define WHEEL_SLOTS  64u /* of a level */

/* Undo lines that one wheel_set or wheel_cancel may need, and one step of wheel_take. */
#define WHEEL_LINES_SET  10u
#define WHEEL_LINES_STEP 8u

struct wheel_head;
struct wheel_timer;

/* A view of a wheel's state; private to the process. */
struct wheel {
	struct wheel_head *head;
	struct wheel_timer *timer;
	uint32_t count;
};

/* Bytes of state for `count` timers; a multiple of a cache line. */
uint64_t wheel_state_bytes(uint32_t count);

/* Makes an empty wheel of `count` timers in memory aligned to a cache line.  Not journaled: for a stage's
 * init. */
void wheel_init(void *state, uint32_t count);

void wheel_attach(struct wheel *w, void *state, uint32_t count);

/* The timer is due at `when` and no longer at what was set before. */
void wheel_set(struct wheel *w, struct journal *j, uint32_t timer, nanos_t now, nanos_t when);

/* The timer is no longer set; it may not have been. */
void wheel_cancel(struct wheel *w, struct journal *j, uint32_t timer);

bool wheel_is_set(const struct wheel *w, uint32_t timer);

/* When wheel_take is to be called next: the time of the first timer or a little before it; 0: at once;
 * NANOS_NEVER: no timer is set. */
nanos_t wheel_next(const struct wheel *w);

/* Takes one timer that is due, which is then no longer set; WHEEL_NONE where there is none, or where *steps,
 * which each step of the search lowers, is used up (wheel_next is then not later than now). */
[[nodiscard]] uint32_t wheel_take(struct wheel *w, struct journal *j, nanos_t now, uint32_t *steps);

/* NULL, or what is wrong with the wheel.  For tests. */
const char *wheel_check(const struct wheel *w);

#endif
