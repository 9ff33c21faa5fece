/* relay: four stages that pass packets on, as the tests of the frame tell them; and an appliance of them on
 * one thread. */
#ifndef SLUICE_TESTS_UNIT_STAGE_RELAY_H
#define SLUICE_TESTS_UNIT_STAGE_RELAY_H

#include "common/account/account.h"
#include "common/stage/worker.h"

#include <setjmp.h>

struct relay {
	struct appliance a;
	struct worker *w[WORKERS_MAX];
	uint32_t left;           /* frames that the port still brings */
	uint32_t epochs_seen[4]; /* bursts of each epoch that the router saw, by number */
	bool router_makes;       /* the router makes a packet for each that it passes */
	bool router_holds;       /* the router keeps what comes */
	bool router_dies;        /* it leaves by `death` when it has decided about a burst */
	sigjmp_buf death;
	uint32_t retired; /* the epoch for which the router has taken away what is older */
	uint32_t pinned;  /* what the router says of the oldest epoch it needs; 0: none */
};

extern struct relay relay; /* one at a time: the stages' functions look here */

void relay_setup(uint32_t lanes);
void relay_teardown(void);
void relay_publish(uint32_t number);
/* One step of the stage's worker on a lane. */
bool relay_step(enum stage_id stage, uint32_t lane);
/* Until nothing moves. */
void relay_settle(void);
/* The account balances, and every buffer is in one place. */
bool relay_sound(void);
uint64_t relay_dropped(enum stage_id stage, enum drop_reason reason);

/* The producer's half of the ring between two workers, to be spoilt. */
struct ring_producer_half *relay_ring(
        enum ring_role role, enum stage_id from, enum stage_id to, uint32_t *slots);

#endif
