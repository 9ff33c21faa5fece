/* stage: what a stage is to the frame that runs it.
 *
 * A stage is a set of functions over its state; the frame (common/stage/worker.h) does everything around
 * them: rings, the journal, the account, epochs, timers, sleeping, death and recovery.  A service offers one
 * `const struct stage_ops NAME_stage` in its public header services/NAME/NAME.h.
 *
 * A worker of a stage is one lane of it.  Its state lies in memory that outlives it and that no other process
 * may write; a new process finds it as the last committed burst left it.  State holds no pointers; every
 * change in a burst is announced with journal_touch before it is made.  `worker` (attach) is the private
 * side: pointers into the state, scratch; it dies with the process, and nothing in it may matter.
 *
 * Order of calls: state_bytes; once in the life of the state init (memory is zero; not journaled); in each
 * process attach; then adopt for the epoch in force, and after that burst, timer and next_timer in any order,
 * adopt again when a new epoch is published; detach.  All on one thread for one worker.
 */
#ifndef SLUICE_COMMON_STAGE_STAGE_H
#define SLUICE_COMMON_STAGE_STAGE_H

#include "common/box/box.h"
#include "common/epoch/epoch.h"
#include "common/journal/journal.h"
#include "common/pace/pace.h"
#include "common/pkt/burst.h"
#include "common/stage/poll_stats.h"
#include "common/stat/stat.h"

struct app_table;
struct board_links;

enum stage_id { STAGE_INGEST, STAGE_FILTER, STAGE_ROUTER, STAGE_SESSION, STAGE_COUNT };

/* Fixed while the appliance runs. */
struct stage_params {
	uint32_t lanes;
	uint32_t buffers;    /* of the pool, over all lanes */
	uint32_t stride;     /* of the pool, bytes */
	uint32_t ring_slots; /* of each rx and tx ring */
	uint64_t hash_key; /* for hash tables that hold what strangers choose; random, but fixed in replay */
	struct epoch_limits
	        limits; /* what state is sized by; an epoch's own limits may be lower, never higher */
};

/* What a worker is given at attach.  All of it outlives the worker. */
struct stage_env {
	const struct stage_params *params;
	uint32_t lane;
	void *state;             /* this worker's, journaled, state_bytes long, aligned to a cache line */
	const void *state_lane0; /* that of lane 0 (itself there): neighbors, path MTU; read-only, changed by
	                            another thread meanwhile */
	const struct pool *pool;
	struct journal *journal;
	struct pace_settings
	        *pace; /* of the frame's rounds: ingest sets what its ports ask for; may be NULL */
	const struct app_table *sockets; /* of applications (session); may be NULL */
	struct poll_stats *polls;        /* of an ingest worker, where others read it; may be NULL */
	const struct poll_stats *ports[LANES_MAX]; /* of each lane's ingest, for the stages behind it: what
	                                              becomes of its ports; may be NULL */
	const struct board_links *links;           /* of the physical ports (common/board); may be NULL */
};

#define PORT_SEND_FAILED 0x80000000u /* in a buffer's number */

struct stage_ops {
	const char *name;

	/* Bytes of a worker's state. */
	uint64_t (*state_bytes)(const struct stage_params *params);

	/* Makes zeroed memory a valid, empty state. */
	void (*init)(void *state, const struct stage_params *params, uint32_t lane);

	/* Makes the private side; may allocate.  0 or a negative errno. */
	int (*attach)(const struct stage_env *env, void **worker);
	void (*detach)(void *worker);

	/* Takes up an epoch: adds to the state what it has (addresses to be announced, sockets), before any
	 * packet of it comes, and on other lanes than 0 after lane 0.  What only the epoch before has stays:
	 * packets of that one still come.  A burst with n = 0 (packets may be made in its outbox).  Returns
	 * true when done, false to be called again in a further burst: at most `lines_a_burst` lines are
	 * touched each time.  Called at each start too, and must then change nothing that already is in line.
	 */
	bool (*adopt)(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst);

	/* No packet of an older epoch comes any more, on any lane: takes away what `epoch`, the newest, does
	 * not have.  As adopt; once more where the process dies before all know of it.  NULL: nothing. */
	bool (*retire)(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst);

	/* Decides about the packets of a burst (INPUT_RX, INPUT_TX, INPUT_PUNT; ingest: INPUT_PORT,
	 * INPUT_TX). */
	void (*burst)(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst);

	/* Does what is due at `now`, a bounded part of it (lines_a_burst).  n = 0. `epoch` is the newest. */
	void (*timer)(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst);

	/* What timer had in hand (journal_hand) when the process died by its own fault: it would die of it
	 * again.  A burst with n = 0: that entry is given up, packets that it held are dropped with
	 * STAGE_CRASHED, and nothing of it is done.  It may have ended meanwhile.  NULL: timers have no
	 * entries. */
	void (*give_up)(
	        void *worker, const struct epoch *epoch, nanos_t now, uint32_t what, struct burst *burst);

	/* Before give_up: what journal_hand's number stands for, for people: kind, names and dump of
	 * *culprit, which is zero.  It may have ended meanwhile, and is left alone then.  NULL: timers have
	 * no entries. */
	void (*describe)(const void *worker, uint32_t what, struct box_culprit *culprit);

	/* When timer is to be called next; NANOS_NEVER: nothing is due.  0: at once. */
	nanos_t (*next_timer)(const void *worker);

	/* The oldest epoch number that something held still needs; UINT32_MAX: none.  NULL: never any. */
	uint32_t (*oldest_epoch)(const void *worker);

	/* The buffers in the worker's state, each once, into `index` (room for params->buffers); returns how
	 * many, in packets where held (VERDICT_HELD) into *packets.  For the account of buffers and for
	 * tests; not on the packet path. */
	uint32_t (*held)(const void *worker, struct pkt_index *index, uint32_t *packets);

	/* Whether the state is consistent (chains, counts, timers), for tests: NULL, or a sentence about what
	 * is not. */
	const char *(*check)(const void *worker);

	/* Of ingest alone, else NULL.  port_ready: the next port to be polled and how many of its frames may
	 * be taken now (at most max; 0: none on any port).  port_rx: fills the burst's n packets from it;
	 * index and frame hold free buffers. */
	uint32_t (*port_ready)(
	        void *worker, const struct epoch *epoch, nanos_t now, uint32_t max, struct port_id *port);
	void (*port_rx)(void *worker, const struct epoch *epoch, nanos_t now, struct port_id port,
	        struct burst *burst);

	/* Of ingest alone, else NULL: when the next frame comes that a driver knows of (a file); NANOS_NEVER:
	 * none is known.  0: now. */
	nanos_t (*port_next)(const void *worker);

	/* The rest is of a stage with rings beside those of the plan: ingest's of a kernel or NIC, session's
	 * of applications; NULL elsewhere.  A port is what is at their other end.
	 *
	 * port_wants: free buffers that some port's ring has room for, at most max, and which port.
	 * port_fill: in a burst with n = 0, gives it exactly n (they count as held buffers). */
	uint32_t (*port_wants)(void *worker, uint32_t max, struct port_id *port);
	void (*port_fill)(void *worker, struct port_id port, const struct pkt_index *index, uint32_t n);

	/* port_pending: whether packets given to a driver (VERDICT_DRIVER) are still to be sent.  port_done:
	 * in a burst with n = 0, the buffers of those of one port that have been, at most max, and which
	 * port; those that could not be sent bear PORT_SEND_FAILED. */
	bool (*port_pending)(const void *worker);
	uint32_t (*port_done)(void *worker, struct port_id *port, struct pkt_index *index, uint32_t max);

	/* After each commit: what it says is published to the rings of the ports that took part.  Idempotent,
	 * but for the ports' own account of which took part; a new worker publishes all when it opens them.
	 */
	void (*port_apply)(void *worker);

	/* At the end of each round: the system calls that make the kernel look. */
	void (*port_kick)(void *worker, nanos_t now);

	/* Before sleeping: unmasks (on) the queues that are not being polled, and lists the descriptors that
	 * tell of frames (at most BELL_EXTRA_MAX); the frame looks again before it sleeps.  Off: masks them.
	 */
	uint32_t (*port_arm)(void *worker, bool on, int *fd);

	/* Buffers that a kernel has, by physical port: added to those in `buffers`.  They are among `held`.
	 */
	void (*port_kernel)(const void *worker, uint32_t buffers[EPOCH_PHYS_MAX]);

	/* After a death in a burst of n frames from a port: whether the port is open, so that they can be
	 * taken and dropped; else port_owe, in a burst with n = 0, notes that the next n are to be dropped
	 * when it is. */
	bool (*port_open)(void *worker, const struct epoch *epoch, struct port_id port);
	void (*port_owe)(void *worker, struct port_id port, uint32_t n);

	/* Until when the worker should rest, since it does not know yet what became of rings that its
	 * predecessor had (its frames would be lost); 0: it knows. */
	nanos_t (*port_awaits)(void *worker, nanos_t now);

	/* Undo lines that one packet of a burst may need at the most, and those of a timer, adopt, retire or
	 * call burst. */
	uint32_t lines_a_packet;
	uint32_t lines_a_burst;
};

static always_inline void burst_count(struct burst *b, enum stat_id stat, uint64_t n)
{
	stat_add(b->journal, b->stats, stat, n);
}

#endif
