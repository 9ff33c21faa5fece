/* host: the main of a stage's process.
 *
 *     int main(void)
 *     {
 *             return host_main(&(struct host){.ops = &filter_stage});
 *     }
 *
 * Receives its handles from the attendant (common/handle, descriptor HANDLE_STAGE_FD), maps the memory with
 * the stage's own rights, closes every descriptor that is not needed, makes a thread a lane, gives up user,
 * capabilities, files and system calls (common/cage), says `ready`, and runs until the attendant says `stop`
 * or is gone.  A replay with processes shares host_lane, the loop of a thread.
 *
 * Handles, in any order before `go`: `blueprint`; a region's name (appliance_region_name) for those that the
 * stage may see, read-only where it may not write; `bell-N` of its own workers and their neighbours.  What
 * else comes, before or after `go`, is the stage's own (ingest's grants).
 */
#ifndef SLUICE_COMMON_HOST_HOST_H
#define SLUICE_COMMON_HOST_HOST_H

#include "common/cage/cage.h"
#include "common/handle/handle.h"
#include "common/stage/worker.h"

struct host {
	const struct stage_ops *ops;
	enum cage_calls calls; /* the system calls that it keeps */

	/* A handle that is the stage's own; called on the main thread, at any time after the memory is mapped
	 * and before or after its workers start.  Takes the descriptors that it keeps (handle_take).  Returns
	 * whether the workers are to be woken.  NULL: such handles are closed. */
	bool (*handle)(void *context, struct handle *h);
	void *context;

	/* Before the process is caged, single-threaded: what it must still do with its rights.  0 or a
	 * negative errno.  NULL: nothing. */
	int (*prepare)(void *context, struct appliance *a);
};

/* The whole life of a process.  Returns its exit status: 0 after `stop`, 1 with a sentence on stderr. */
int host_main(const struct host *host);

/* One lane's thread. */
struct host_lane {
	struct worker *worker;
	int core;   /* processor to stay on; -1: any */
	bool batch; /* SCHED_BATCH */
};

/* Steps and sleeps until the control block says stop; then gives the worker's private side back.  Ends the
 * process where it cannot sleep. */
void host_lane_run(struct host_lane *lane);

#endif
