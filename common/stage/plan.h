/* plan: which workers there are, which rings join them, and where in shared memory everything lies.
 *
 * A pure function of the parameters: every process that computes it gets the same layout.  Workers are
 * numbered stage * lanes + lane.  Each stage has one public region (it alone writes it: its workers' journals
 * and status, the producer halves of its output rings, the consumer halves of its input rings) and one state
 * region.
 */
#ifndef SLUICE_COMMON_STAGE_PLAN_H
#define SLUICE_COMMON_STAGE_PLAN_H

#include "common/box/box.h"
#include "common/stage/samples.h"
#include "common/stage/stage.h"
#include "common/tap/tap.h"
#include "common/trace/trace.h"

#define WORKERS_MAX    (STAGE_COUNT * LANES_MAX)
#define PLAN_RINGS_MAX 512u
#define TRACE_RING     4096u /* events kept for readers, a worker */

enum ring_role {
	RING_RX,    /* towards the applications */
	RING_TX,    /* towards the wire */
	RING_PUNT,  /* from a lane's router to lane 0's */
	RING_FREE,  /* buffers to their home ingest */
	RING_SPARE, /* buffers from ingest for new packets */
	RING_BACK,  /* buffers from an ingest worker to the one they belong to */
	RING_ROLES
};

struct ring_plan {
	uint8_t role; /* enum ring_role */
	uint8_t from; /* worker */
	uint8_t to;
	uint8_t from_link; /* in the producer's record */
	uint8_t to_link;
	uint32_t slots;
	uint64_t prod_off; /* struct ring_producer_half, in the public region of from's stage */
	uint64_t cons_off; /* struct ring_consumer_half, in the public region of to's stage */
};

struct worker_plan {
	uint8_t stage; /* enum stage_id */
	uint8_t lane;
	uint32_t n_links;     /* rings' links; ingest's ports and stack follow */
	uint64_t journal_off; /* struct journal_shared, in the public region */
	uint64_t status_off;  /* struct worker_status */
	uint64_t trace_off;   /* struct trace_ring */
	uint64_t tap_off;     /* struct tap_ring */
	uint64_t box_off;     /* struct black_box */
	uint64_t census_off;  /* struct worker_census */
	uint64_t samples_off; /* struct worker_samples */
	uint64_t polls_off;   /* of ingest: struct poll_stats, in the public region */
	uint64_t state_off;   /* in the state region: the stage's state ... */
	uint64_t state_bytes; /* ... with counters and stack behind it: what the undo log covers */
	uint64_t stats_off;   /* struct stat_block, in the state region */
	uint64_t stack_off;   /* of ingest: uint32_t numbers of free buffers, in the state region */
	uint64_t undo_off;    /* in the state region */
	uint32_t undo_lines;
};

struct plan {
	struct stage_params params;
	uint32_t n_workers;
	uint32_t n_rings;
	struct worker_plan worker[WORKERS_MAX];
	struct ring_plan ring[PLAN_RINGS_MAX];
	uint64_t public_bytes[STAGE_COUNT];
	uint64_t state_bytes[STAGE_COUNT];
};

/* Links of ingest's record behind its rings. */
#define LINK_PORT_RX(plan_worker, phys) ((plan_worker)->n_links + (phys))
#define LINK_PORT_TX(plan_worker, phys) ((plan_worker)->n_links + EPOCH_PHYS_MAX + (phys))
#define LINK_STACK(plan_worker)         ((plan_worker)->n_links + 2 * EPOCH_PHYS_MAX)

/* What a worker tells the others.  One line, atomic members. */
struct worker_status {
	_Alignas(CACHE_LINE) uint64_t next_timer; /* nanos_t */
	uint32_t adopted;                         /* newest epoch it has taken up */
	uint32_t confirmed[2]; /* RX and TX leg: no packet of an older epoch will come from it */
	uint32_t idle;         /* a count that is odd while it sleeps or has nothing to do */
	uint32_t quarantines;  /* rings whose other end broke the protocol */
	uint32_t starts;
	uint32_t ready;    /* newest epoch of those offered that it can take up */
	uint64_t bad_desc; /* impossible descriptors received */
	uint64_t steps;    /* rounds: progress, for who watches */
};

enum leg { LEG_RX, LEG_TX };

/* Events of traced packets, for readers: slot n % TRACE_RING; lossy. */
struct trace_ring {
	_Alignas(CACHE_LINE) uint64_t n;
	_Alignas(CACHE_LINE) struct trace_event event[TRACE_RING];
};

/* The buffers that a worker holds, each once: filled in between two bursts when the control block asks for
 * it, for the account of buffers.  It holds as long as the worker commits nothing more. */
struct worker_census {
	_Alignas(CACHE_LINE) uint32_t number; /* of the request that this answers; written last */
	uint32_t epoch;                       /* the journal's, then */
	uint32_t n;
	uint32_t packets;
	uint32_t kernel[EPOCH_PHYS_MAX]; /* of them: what a kernel has, by physical port */
	struct pkt_index index[];        /* room for all buffers: memory is taken as it is written */
};

#define CONTROL_HOLD_ASKED   1u /* control, for an account at rest */
#define CONTROL_HOLD_OPENING 2u /* the opener, before all ports have been tried once */

/* In the control region, which stages map read-only. */
struct control_block {
	_Alignas(CACHE_LINE) uint32_t epoch; /* in force: packets are stamped with it */
	uint32_t stop;                       /* workers are to return */
	uint64_t clock;                      /* with clock_shared: the time */
	uint32_t clock_shared;               /* 1: `clock` is the time; 0: CLOCK_MONOTONIC */
	uint32_t hold;      /* ingest takes nothing from its ports; CONTROL_HOLD_: who says so */
	uint32_t in_flight; /* buffers of a lane that may be under way before ingest takes more; 0: only rings
	                       bound it */
	uint32_t census;    /* number of the newest request to tell what one holds; 0: none */
	uint32_t offered;   /* the epoch to be in force as soon as all can take it up; 0: none */
	uint32_t numbered;  /* the last number that an epoch was offered by: none has two */
};

/* Lays everything out for these stages.  0, or -EINVAL where the parameters are impossible (lanes from 1 to
 * LANES_MAX, buffers a power of two a lane, ring_slots a power of two). */
[[nodiscard]] int plan_make(
        struct plan *plan, const struct stage_params *params, const struct stage_ops *const ops[STAGE_COUNT]);

static inline uint64_t worker_census_bytes(uint32_t buffers)
{
	return sizeof(struct worker_census) + (uint64_t)buffers * sizeof(struct pkt_index);
}

static inline uint32_t plan_worker_id(const struct plan *plan, enum stage_id stage, uint32_t lane)
{
	return (uint32_t)stage * plan->params.lanes + lane;
}

#endif
