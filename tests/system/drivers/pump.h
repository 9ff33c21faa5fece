/* pump: a cable between two interfaces of the machine, made of the port opener's and ingest's parts alone:
 * what comes in on one leaves by the other.
 *
 * The parent opens both, as the opener does, and never touches a frame.  Its child drives the rings, in
 * bursts under the journal, and is killed as often as the parent likes; the next child goes on with the same
 * rings. What was in a dead child's hands is taken anew, so that each frame passes exactly once. */
#ifndef SLUICE_TESTS_SYSTEM_DRIVERS_PUMP_H
#define SLUICE_TESTS_SYSTEM_DRIVERS_PUMP_H

#include "common/stage/stage.h"
#include "common/trace/trace.h"
#include "services/ingest/nic/nic.h"

#define PUMP_BUFFERS 8192u
#define PUMP_BURST   64u
#define PUMP_UNDO    8192u

struct pump_counts {
	uint64_t received[2]; /* by side */
	uint64_t sent[2];     /* given to the driver */
	uint64_t dropped;     /* by us: too long, or no room */
};

/* Journaled. */
struct pump_state {
	_Alignas(CACHE_LINE) struct pump_counts counts;
	uint32_t height;
	_Alignas(CACHE_LINE) uint8_t nic[2][NIC_STATE_BYTES];
	_Alignas(CACHE_LINE) uint32_t stack[PUMP_BUFFERS];
	struct stat_block stats;
};

/* Seen by all. */
struct pump_shared {
	struct journal_shared journal;
	_Alignas(CACHE_LINE) uint32_t stop;
};

/* Mapped before the first fork. */
struct pump_memory {
	struct pump_shared *shared;
	struct pump_state *state;
	struct ledger_state *ledger;
	uint64_t state_bytes; /* with the ledger behind it */
	void *undo;
	struct pool pool;
};

void pump_memory_make(struct pump_memory *m);

/* Whether each buffer is in exactly one place; says where not. */
bool pump_memory_whole(const struct pump_memory *m, const struct ledger *ledger);

#endif
