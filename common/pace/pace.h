/* pace: when to poll, when to sleep, when to wake another: NAPI's decisions as a pure state machine.
 *
 * A queue is armed (its interrupt will tell) or scheduled (it is polled, its interrupt masked).  A round
 * serves the scheduled queues in turn, each with its weight, until its budget of packets or time is spent;
 * what is left then is a squeeze and goes on in the next round.  A queue that gave less than its weight
 * completes: it is unmasked and looked at once more.
 *
 *     pace_round_start(&round, &settings, now);
 *     while a queue q is due (pace_due) and pace_allowance(&round, &settings, now) > 0:
 *             got = poll(q, allowance);
 *             switch (pace_polled(&round, &settings, &q, now, allowance, got)) ...
 *
 * With defer_hard_irqs and gro_flush_timeout a queue that ran dry is not unmasked at once but polled again so
 * much later, so many times over; with busy_poll a worker looks again so long before it sleeps.
 *
 * No clock, no I/O: time is an argument.  One thread for one structure.
 * Source: Linux net/core/dev.c net_rx_action, napi_poll, napi_complete_done.
 */
#ifndef SLUICE_COMMON_PACE_PACE_H
#define SLUICE_COMMON_PACE_PACE_H

#include "common/base/base.h"

struct pace_settings {
	uint32_t weight;           /* packets a queue and poll (napi->weight, 64) */
	uint32_t budget;           /* packets a round (netdev_budget, 300) */
	nanos_t budget_time;       /* of a round (netdev_budget_usecs, 2 ms) */
	uint32_t defer_hard_irqs;  /* polls that ran dry before the interrupt is unmasked
	                              (napi_defer_hard_irqs, 0) */
	nanos_t gro_flush_timeout; /* between those (gro_flush_timeout, 0: they are not deferred) */
	nanos_t busy_poll;         /* how long to look again before sleeping (net.core.busy_poll, 0) */
	nanos_t wake_wait;  /* a sleeper is woken at the latest so long after its first packet, 50 us */
	uint32_t wake_fill; /* ... or when its ring is so many 256ths full, 64 */
};

#define PACE_DEFAULTS                                                                                        \
	((struct pace_settings){.weight = 64,                                                                \
	        .budget = 300,                                                                               \
	        .budget_time = 2 * NANOS_PER_MS,                                                             \
	        .wake_wait = 50 * NANOS_PER_US,                                                              \
	        .wake_fill = 64})

enum pace_state { PACE_ARMED, PACE_SCHEDULED };

struct pace_queue {
	enum pace_state state;
	uint32_t deferred; /* since the last packet */
	nanos_t again;     /* deferred: when it is polled again; 0: at once */
	uint64_t polls;
	uint64_t completes; /* times that it was unmasked */
	uint64_t deferrals;
	uint64_t wakeups; /* times that it was scheduled */
};

struct pace_round {
	uint32_t left;     /* packets of the budget */
	nanos_t until;     /* when its time is up */
	uint64_t squeezes; /* rounds that ended with work left (softnet_stat's time_squeeze); kept over rounds
	                    */
};

enum pace_next {
	PACE_AGAIN,    /* gave its full weight: stays scheduled, goes behind the others */
	PACE_COMPLETE, /* ran dry: unmask its interrupt, look once more, pace_schedule if there was something
	                */
	PACE_DEFER,    /* ran dry, but its interrupt stays masked: it is due again after gro_flush_timeout */
};

/* The interrupt (or the look behind it) found work. */
static inline void pace_schedule(struct pace_queue *q)
{
	q->state = PACE_SCHEDULED;
	q->again = 0;
	q->wakeups++;
}

/* Whether it is to be polled now: scheduled, and not put off. */
static inline bool pace_due(const struct pace_queue *q, nanos_t now)
{
	return q->state == PACE_SCHEDULED && q->again <= now;
}

/* Starts a round at `now`. */
void pace_round_start(struct pace_round *round, const struct pace_settings *settings, nanos_t now);

/* Packets that the next poll may take; 0 where the round is over (then, with work left, call pace_squeeze).
 */
uint32_t pace_allowance(const struct pace_round *round, const struct pace_settings *settings, nanos_t now);

/* A poll at `now` allowed `allowance` packets and gave `got`. */
enum pace_next pace_polled(struct pace_round *round, const struct pace_settings *settings,
        struct pace_queue *q, nanos_t now, uint32_t allowance, uint32_t got);

/* The round ended with work left. */
void pace_squeeze(struct pace_round *round);

/* Whether a sleeping consumer is to be woken now: its ring holds `fill` of `slots`, the first of them came
 * `waited` ago, and the producer has (more) input of its own to go on with. */
bool pace_wake_due(
        const struct pace_settings *settings, uint32_t fill, uint32_t slots, nanos_t waited, bool more);

#endif
