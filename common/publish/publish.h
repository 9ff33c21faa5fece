/* publish: a loaded configuration becomes the appliance's next epoch.
 *
 *     publisher_init(&p, &appliance);         or publisher_resume, where a predecessor may have published
 *     publish_make(&p, config);               compiles into the free epoch slot and a FIB, which nobody reads
 *     ...                                     other routes may be added to that FIB, for as long as it takes
 *     publish_offer(&p);                      for all to look at
 *     publish_missing(&p, worker)             each worker has answered, or its process does not live;
 *                                             so has who opens live ports (common/board):
 *     publish_in_force(&p);                   from now on packets are stamped with it
 *     publish_withdraw(&p);                   else: no packet has been, and none will
 *     publisher_end(&p);
 *
 * The one store of publish_in_force decides; before and after it a successor of who did all this finds in
 * shared memory how far that came.  A worker that starts takes the epoch in force; it answers what is offered
 * as the others do.
 *
 * At most two epochs live: while the one before that in force is not retired everywhere, nothing can be
 * offered (-EBUSY; to be tried again).  For the one process that controls an appliance.
 */
#ifndef SLUICE_COMMON_PUBLISH_PUBLISH_H
#define SLUICE_COMMON_PUBLISH_PUBLISH_H

#include "common/config/config.h"
#include "common/fib/fib.h"
#include "common/stage/appliance.h"

/* When a FIB's readers have passed the point at which something in it was retired. */
struct publish_grace {
	bool waits;
	uint64_t retired;            /* fib_retired, then */
	uint64_t steps[WORKERS_MAX]; /* of each worker, then */
};

/* What of a configuration found no room: its bytes (0: more than any region could have), and those that the
 * appliance was started with. */
struct publish_shortage {
	const char *of;
	uint64_t needed, has;
};

struct publisher {
	struct appliance *appliance;
	struct fib *fib[2]; /* writers of the two FIB slots; NULL: none yet */
	uint32_t number;    /* of the epoch in force; 0: none */
	uint32_t making;    /* what nobody was told of yet; 0: none */
	uint32_t offered;   /* 0: none */
	uint64_t cleared;   /* bytes of the free FIB slot, so far */
	struct epoch view[2];
	struct publish_grace grace[2];
	struct publish_shortage shortage; /* after -ENOSPC */
};

void publisher_init(struct publisher *p, struct appliance *a);

/* As publisher_init, and takes up what a predecessor, dead at any point, has left in force (number 0: nothing
 * yet).  0, or -EINVAL: the epoch in force cannot be read. */
[[nodiscard]] int publisher_resume(struct publisher *p, struct appliance *a);

/* Bytes that the epoch slots and FIB slots must have for this configuration, with room for another of twice
 * its size. */
[[nodiscard]] int publish_sizes(const struct config *config, uint64_t *epoch_bytes, uint64_t *fib_bytes);

/* The number of the next epoch that is offered.  None is used twice, also where it was withdrawn: who has
 * slept meanwhile is not to take one for the other. */
uint32_t publisher_next(const struct publisher *p);

/* 0; -EAGAIN: some memory was cleared, more is to be, so that no call takes long: call it again; -EBUSY;
 * -ENOSPC: it does not fit the slots (p->shortage); -ENOMEM.  After a failure nothing is made. */
[[nodiscard]] int publish_make(struct publisher *p, const struct config *config);

/* Offers what was made. */
void publish_offer(struct publisher *p);

/* Whether this worker has not taken up yet what is offered, or where nothing is, what is in force. */
bool publish_missing(const struct publisher *p, uint32_t worker);

void publish_in_force(struct publisher *p);
/* What is offered, or only made, is nothing any more. */
void publish_withdraw(struct publisher *p);

/* Makes it, offers it and puts it in force at once: for who knows that all workers are there.  As
 * publish_make, but for -EAGAIN. */
[[nodiscard]] int publish_config(struct publisher *p, const struct config *config);

/* The slots whose FIBs are used by packets now, or are to be, and have their writer here: one, or while an
 * epoch is made or offered or the one before is not retired two, the newest first, but what is being made
 * last.  None where a predecessor made what is in force: what is in a FIB then stays until another epoch is
 * published. */
uint32_t publisher_live(const struct publisher *p, uint32_t slot[2]);

/* Makes what was retired in FIBs ready for use as far as no reader can hold it: to be called now and then
 * while routes change.  Whether something still waits. */
bool publisher_reclaim(struct publisher *p);

/* The epoch in force, and its FIB; NULL before the first. */
const struct epoch *publisher_epoch(const struct publisher *p);

void publisher_end(struct publisher *p);

#endif
