/* watch: whether a stage has something to do and does nothing, from what it tells in shared memory. */
#ifndef SLUICE_SERVICES_KEEPER_WATCH_H
#define SLUICE_SERVICES_KEEPER_WATCH_H

#include "common/stage/appliance.h"
#include "services/keeper/supervise.h"

struct watch {
	struct supervise_watch worker[LANES_MAX];
};

/* Whether a worker has work: words in an input, an epoch to take up, a timer that is long due. */
bool watch_has_work(const struct appliance *a, uint32_t worker, nanos_t now);

/* One look at all workers of a stage; `waiting`: there is work that shared memory does not show.  Rings the
 * bell of each that has had work since the look before and has not moved.  true: one of them is stalled. */
bool watch_look(struct watch *w, struct appliance *a, enum stage_id stage, bool waiting, nanos_t now);

#endif
