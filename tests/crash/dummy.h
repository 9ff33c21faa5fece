/* dummy: four small stages that between them do everything a stage may do with a packet: pass, drop, hold,
 * release by timer, make, clone, split, merge, queue and discard, punt.  The crash harness cuts them at every
 * write; each packet bears a number, and what left or was delivered is kept in a list, so that a loss or a
 * double shows. */
#ifndef SLUICE_TESTS_CRASH_DUMMY_H
#define SLUICE_TESTS_CRASH_DUMMY_H

#include "common/stage/stage.h"

#define DUMMY_LOG  4096u
#define DUMMY_MADE (UINT64_C(1) << 32) /* in the number of a packet made because of another */

extern const struct stage_ops dummy_ingest, dummy_filter, dummy_router, dummy_session;

/* Journaled: what came to its end here, in order. */
struct dummy_log {
	uint64_t packets; /* a packet of several buffers counts once, and each of its numbers is listed */
	uint64_t again;   /* of which a stage had run one twice */
	uint64_t n;
	uint64_t number[DUMMY_LOG];
};

/* Packets that the dummy port brings, over all lanes. */
extern uint32_t dummy_packets;

/* Whether the bytes are those of a packet, whatever stages have marked in it. */
bool dummy_is_whole(const uint8_t *frame, uint32_t len);

/* The log of a worker's state. */
const struct dummy_log *dummy_log(const void *state);

#endif
