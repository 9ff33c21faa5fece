/* account: whether everything balances (ACCOUNT.md): of each stage, of each ring, of the appliance, and of
 * the buffers.
 *
 *     account_read(&account, appliance);           consistent where the appliance is at rest; else each
 *                                                  worker's as of some commit
 *     account_snapshot(&account, appliance, 1000)  while it runs: all of one instant, or -EAGAIN
 *     account.appliance.balance == 0
 *     account_count_buffers(...)                   each buffer in exactly one place; at rest only
 *     account_census(...)                          the same from what the workers tell, while they live
 *
 * For a process that maps everything (control, the host of replay, tests).  Reads only.
 */
#ifndef SLUICE_COMMON_ACCOUNT_ACCOUNT_H
#define SLUICE_COMMON_ACCOUNT_ACCOUNT_H

#include "common/stage/appliance.h"

/* Packets; ACCOUNT.md's names. */
struct account_terms {
	uint64_t in;       /* taken from rings and ports */
	uint64_t out;      /* given to rings and ports */
	uint64_t received; /* of in: taken from drivers */
	uint64_t sent;     /* of out: completed by drivers */
	uint64_t generated, cloned, split;
	uint64_t delivered, merged, dropped;
	uint64_t held; /* in the stage's own state; of the appliance: in rings too */
	uint64_t held_buffers;
	uint64_t bursts, crashes;
	uint64_t by_reason[DROP_REASON_COUNT];
	uint64_t queued;     /* of a stage and the appliance: in the rings that lead to it */
	uint64_t ring_slots; /* and what these have room for */
	int64_t balance;     /* of a stage: in + born - out - gone - held.  0 where all is well */
};

struct account {
	struct account_terms worker[WORKERS_MAX];
	struct account_terms stage[STAGE_COUNT];
	struct account_terms appliance;
	uint64_t in_rings;  /* packets */
	uint32_t rings_off; /* rings whose law does not hold: out of the producer - in of the consumer =
	                       packets in it */
	uint32_t unread;    /* workers that do not let themselves be read: their terms are zero */
	uint64_t port_in[EPOCH_PHYS_MAX];
	uint64_t port_out[EPOCH_PHYS_MAX];
};

/* Reads all records; whatever a hostile stage writes meanwhile, it ends. */
void account_read(struct account *account, const struct appliance *a);

/* Reads while nobody commits: records are absolute as of a commit, so what was read between two looks that
 * find every worker at the same commit is of one instant, and balances exactly.  0; -EAGAIN: at each of
 * `tries` some worker was quicker (*account is then as account_read's); -ENOMEM. */
[[nodiscard]] int account_snapshot(struct account *account, const struct appliance *a, uint32_t tries);

/* Copies the record of each worker; returns how many of them did not let themselves be read: theirs are zero.
 */
uint32_t account_records(const struct appliance *a, struct record records[WORKERS_MAX]);

/* Each worker's commit, and whether it still is the latest of each. */
void account_mark(const struct appliance *a, uint32_t epoch[WORKERS_MAX]);
bool account_unmoved(const struct appliance *a, const uint32_t epoch[WORKERS_MAX]);

/* Where buffers are. */
struct account_buffers {
	uint32_t free, spare, ring, held;
	uint32_t held_by[STAGE_COUNT];    /* of held; what drivers and kernels have is ingest's */
	uint32_t kernel[EPOCH_PHYS_MAX];  /* of ingest's: what a kernel has, by physical port */
	uint32_t lost;                    /* in no place */
	uint32_t twice;                   /* in more than one */
	uint32_t first_lost, first_twice; /* examples */
};

/* Counts each buffer of the pool; `worker_stage` are the private sides of all workers (of this process or
 * made by attach for this purpose), asked for what they hold.  0, -ENOMEM, or -EBUSY where a worker does not
 * let itself be read.  At rest only. */
[[nodiscard]] int account_count_buffers(struct account_buffers *buffers, const struct appliance *a,
        const void *const worker_stage[WORKERS_MAX]);

/* Whether every worker has answered the newest request for a census (control_block.census). */
bool account_census_done(const struct appliance *a);

/* As account_count_buffers, from what the workers have told.  0; -EAGAIN: somebody has not answered, or has
 * gone on since: ask anew; -ENOMEM. */
[[nodiscard]] int account_census(struct account_buffers *buffers, const struct appliance *a);

#endif
