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
 * Handles: `blueprint` first; then a region's name (appliance_region_name) for those that the stage may see,
 * read-only where it may not write; `bell-N` of its own workers and their neighbours, for control of all, and
 * `bell-opener`; `root` and `net` for the cage; then `go`.  What else comes behind that is the stage's own
 * (ingest's grants).
 */
#ifndef SLUICE_COMMON_HOST_HOST_H
#define SLUICE_COMMON_HOST_HOST_H

#include "common/blueprint/blueprint.h"
#include "common/cage/cage.h"
#include "common/handle/handle.h"
#include "common/stage/worker.h"

#include <pthread.h>

/* What the attendant has handed over. */
struct host_taken {
	struct appliance appliance; /* mapped; no stage's functions */
	char run_dir[BLUEPRINT_PATH];
	char sockets_dir[BLUEPRINT_PATH];
	char state_dir[BLUEPRINT_PATH];
	char config[BLUEPRINT_PATH];
	uint32_t n_cores, cores[LANES_MAX]; /* of each lane */
	int root, net;                      /* for cage_leave; -1: not given */
	int blueprint;
};

/* Receives until `go` and maps with the rights of `mask` (appliance_map).  Descriptors stay open, for the
 * caller to close.  0 or a negative errno: -EPROTO where what came is not what this process should have,
 * -ETIMEDOUT where nothing came for timeout_ms (-1: it waits).  Of use to control too, which is no stage. */
[[nodiscard]] int host_take_up(int sock, uint32_t mask, int timeout_ms, struct host_taken *taken);

/* The first step of it: reads a blueprint, whose descriptor is then *taken's.  Nothing is mapped. */
[[nodiscard]] int host_take_blueprint(struct host_taken *taken, int fd);

/* Closes every descriptor above 2 but the bells and that socket: once all is mapped and cage_leave is done.
 */
void host_keep_bells(struct host_taken *taken, int sock);

struct host {
	const struct stage_ops *ops;
	enum stage_id stage;
	enum cage_calls calls; /* the system calls that it keeps */

	/* A handle that is the stage's own; called on the main thread of the caged process, while the workers
	 * run.  Takes the descriptors that it keeps (handle_take).  Returns whether the workers are to be
	 * woken.  NULL: such handles are closed. */
	bool (*handle)(void *context, struct handle *h);
	void *context;

	/* Before the process is caged, single-threaded, the memory mapped.  0 or a negative errno.  NULL:
	 * nothing to do. */
	int (*prepare)(void *context, struct appliance *a);

	bool uncaged;  /* keeps all rights: for tests whose ports are files */
	bool unsealed; /* keeps all system calls: for a test of what holds without */
};

/* The whole life of a process: host_enter, host_run.  Returns its exit status: 0 after `stop`, 1 with a
 * sentence on stderr. */
int host_main(const struct host *host);

/* One lane's thread. */
struct host_lane {
	struct worker *worker;
	int core;               /* processor to stay on; -1: any */
	bool batch;             /* SCHED_BATCH */
	uint32_t *go, *settled; /* of host_process: futexes between its threads */
};

/* Moves the calling thread to its core and class: before it is sealed. */
void host_lane_settle(const struct host_lane *lane);

/* Steps and sleeps until the control block says stop; then gives the worker's private side back.  Ends the
 * process where it cannot sleep. */
void host_lane_run(struct host_lane *lane);

/* The two halves of host_main, for a test that looks around in the cage. */
struct host_process {
	const struct host *host;
	int sock;
	struct host_taken taken;
	struct host_lane lane[LANES_MAX];
	pthread_t thread[LANES_MAX];
	uint32_t n_threads;
	uint32_t go;      /* futex: threads wait until it is 1 */
	uint32_t settled; /* futex: threads that have */
};

/* Receives, maps, closes, starts the workers and their threads, which wait, and enters the cage.  0 or a
 * negative errno, told on stderr. */
[[nodiscard]] int host_enter(const struct host *host, int sock, struct host_process *p);

/* Lets the threads go and serves the attendant until the end.  Returns the exit status. */
int host_run(struct host_process *p);

#endif
