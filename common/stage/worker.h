/* worker: the frame around one lane of a stage.  Written once for all stages.
 *
 *     worker_start(&w, &appliance, id)          takes up the memory; what a predecessor left half done is
 * undone or dropped while (running) if (!worker_step(&w, now))        one round: every input once, tx before
 * rx, then what is due worker_sleep(&w, now)     only where workers have threads of their own worker_stop(&w)
 *
 * One thread a worker; a host may run many workers on one thread (replay, tests), and then needs no bells.
 * The account (ACCOUNT.md), the journal (BURST.md), epochs and their retirement are kept here.
 */
#ifndef SLUICE_COMMON_STAGE_WORKER_H
#define SLUICE_COMMON_STAGE_WORKER_H

#include "common/pace/pace.h"
#include "common/ring/ring.h"
#include "common/stage/appliance.h"
#include "common/tap/writer.h"

#define WORKER_BURST 64u /* packets a burst, by default */
#define WORKER_RINGS 80u
#define WORKER_WAY   (2 * LANES_MAX * (LANES_MAX + 1))

struct worker_in {
	struct ring_cons end;
	uint8_t role; /* enum ring_role */
	uint8_t kind; /* enum input_kind */
	uint8_t lane; /* of the peer */
	uint8_t peer; /* worker */
	uint8_t link;
	bool marked[2];   /* per leg: the peer has confirmed the newest epoch, and then stood at ... */
	uint32_t mark[2]; /* ... this index: behind it nothing older comes */
};

struct worker_out {
	struct ring_prod end;
	uint8_t role;
	uint8_t lane;
	uint8_t peer;
	uint8_t link;
	uint32_t at;      /* next slot */
	uint32_t packets; /* in this burst */
	uint64_t full;    /* packets dropped for want of room, since the start */
	nanos_t waiting;  /* since when published words wait for a sleeping consumer; 0: none */
};

/* A ring on the way from port to port, whoever's it is. */
struct worker_way {
	const uint32_t *prod, *cons; /* as published */
	uint32_t lane;
};

struct worker {
	struct appliance *appliance;
	const struct stage_ops *ops;
	const struct worker_plan *plan;
	uint32_t id;
	void *stage; /* the stage's private side */
	struct worker_status *status;
	struct trace_ring *trace_ring;
	const struct control_block *control;
	struct stage_env env;

	struct journal journal;
	uint32_t n_in;
	uint32_t n_out;
	struct worker_in in[WORKER_RINGS];
	struct worker_out out[WORKER_RINGS];
	uint8_t out_of[OUT_KINDS * LANES_MAX]; /* struct out_id to place in out[]; NO_RING */
	uint8_t free_of[LANES_MAX];            /* home lane to place in out[]; NO_RING at home itself */
	uint8_t spare_in;                      /* place in in[]; NO_RING */
	uint64_t touched;                      /* outputs written in this burst */
	uint64_t unwoken;                      /* outputs published to whose consumers may sleep */
	uint64_t upward;                       /* outputs to the session */
	uint32_t burst_max;

	/* Ingest's free buffers: the stack, and a bit a buffer (rebuilt at start). */
	uint32_t *stack;
	uint32_t stack_height;    /* as it will be; in the record with the commit */
	uint32_t stack_committed; /* height at the last commit: what lies below is live */
	uint64_t *is_free;

	/* What is put into the black box about the predecessor; of ingest also the next frames of a port,
	 * which it had in hand. */
	struct box_writer dump;
	struct port_id owed_port;
	uint32_t owed;

	uint32_t n_way;
	struct worker_way way[WORKER_WAY]; /* of ingest */

	struct epoch epochs[2]; /* by number & 1 */
	uint32_t newest;        /* adopted */
	struct bell
	        *on_sleep; /* rung when the worker has gone to sleep, for who keeps a shared clock; or NULL */
	bool fused;        /* shares its thread with the others: nobody sleeps */
	bool interrupted;  /* the predecessor died in a burst (for tests) */

	struct pace_settings pace;
	struct pace_round round;
	nanos_t worked; /* when a round last found something to do */
	struct trace_log log;
	struct spare spare;
	struct pkt_index rejected[BURST_MAX]; /* descriptors of this burst that were no good, but whose buffer
	                                         exists */
	uint16_t rejected_reason[BURST_MAX];
	uint32_t n_rejected;
	uint32_t n_bad;
	bool plain; /* no chain and nothing traced among the packets of this burst */
	struct burst burst;
	struct tap_writer taps;
	struct worker_samples *samples;
	uint32_t until_sample; /* bursts before the next one that is measured */
};

#define NO_RING 0xff

/* Takes up worker `id` of a mapped appliance.  The memory is zero, or as a dead predecessor left it; the
 * caller knows that it is dead.  0, or a negative errno of the stage's attach. */
[[nodiscard]] int worker_start(struct worker *w, struct appliance *a, uint32_t id);

/* Gives the private side back; memory stays as it is, for the next start. */
void worker_stop(struct worker *w);

/* One round.  Returns whether anything was done. */
bool worker_step(struct worker *w, nanos_t now);

/* Whether a round would find something to do at `now`. */
bool worker_has_work(struct worker *w, nanos_t now);

/* When the worker wants to be called though nothing arrives: NANOS_NEVER, or a time (0: at once). */
nanos_t worker_next_timer(struct worker *w);

/* Arms every input, looks at all of them again, sleeps until woken or the next timer (clock: CLOCK_MONOTONIC
 * or the control block's, where only a bell wakes).  0 or a negative errno. */
[[nodiscard]] int worker_sleep(struct worker *w, nanos_t now);

/* The time as this appliance has it. */
nanos_t worker_now(const struct worker *w);

#endif
