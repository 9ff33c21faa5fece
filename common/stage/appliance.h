/* appliance: the memory of a whole appliance, and a process's mapping of it.
 *
 *     appliance_create(&a, &params, ops, ...)      lays out and makes the regions (memfds, sealed against
 *                                                  resizing)
 *     appliance_map(&a, 1u << STAGE_ROUTER)        maps them with the rights of a process that runs these
 *                                                  stages
 *     a.bell[worker], worker_start(&w, &a, id)     (common/stage/worker.h)
 *     appliance_unmap, appliance_destroy
 *
 * Where processes have only their own stage's functions, one that knows all lays it out (appliance_layout),
 * another makes the memory (appliance_make), and each takes plan, sizes and descriptors over
 * (appliance_adopt; common/blueprint, common/handle carry them).
 *
 * Who creates holds every descriptor; a process that has mapped closes those it was not to have
 * (appliance_close_fds).  One thread.
 */
#ifndef SLUICE_COMMON_STAGE_APPLIANCE_H
#define SLUICE_COMMON_STAGE_APPLIANCE_H

#include "common/ring/bell.h"
#include "common/stage/plan.h"
#include "common/stage/port_counts.h"
#include "common/tap/tap.h"

enum region {
	REGION_POOL,
	REGION_CONTROL,
	REGION_EPOCH0,
	REGION_EPOCH1,
	REGION_FIB0,
	REGION_FIB1,
	REGION_BOARD,   /* struct board (common/board): of the keeper and the attendants */
	REGION_TAP,     /* what is captured: of control */
	REGION_SOCKETS, /* struct app_table (common/app): of the broker, session's attendant */
	REGION_PUBLIC,  /* one a stage */
	REGION_STATE = REGION_PUBLIC + STAGE_COUNT,
	REGION_COUNT = REGION_STATE + STAGE_COUNT
};

/* Rights of a process, in appliance_map's mask beside 1 << stage.  CONTROL writes control, epochs, FIBs and
 * taps, and reads all; KEEPER writes the board, the table of sockets and the control block (to stop all) and
 * reads what is public; OPENER has the pool too, which it hands to the kernel, and reads the epochs, as
 * BROKER does. */
#define APPLIANCE_CONTROL (1u << 31)
#define APPLIANCE_KEEPER  (1u << 30)
#define APPLIANCE_OPENER  (1u << 29)
#define APPLIANCE_BROKER  (1u << 28)

struct appliance {
	struct plan plan;
	const struct stage_ops *ops[STAGE_COUNT];
	int fd[REGION_COUNT];
	uint64_t bytes[REGION_COUNT];
	void *map[REGION_COUNT]; /* NULL: not mapped */
	struct bell bell[WORKERS_MAX];
	struct bell opener; /* of who opens live ports for ingest: an epoch is offered, in force, withdrawn */
	struct pool pool;
	bool own_fault; /* this process follows one that died of itself: a signal that it raised, an exit, a
	                   stall; */
	struct box_death death; /* then: how */
};

/* Makes the regions: `epoch_bytes` for each of the two epochs and `fib_bytes` for each of the two FIBs
 * (address space; memory is taken as it is written).  With bells each worker gets an eventfd, and the opener;
 * without (all in one thread) none.  0 or a negative errno. */
[[nodiscard]] int appliance_create(struct appliance *a, const struct stage_params *params,
        const struct stage_ops *const ops[STAGE_COUNT], uint64_t epoch_bytes, uint64_t fib_bytes, bool bells);

/* The first half of appliance_create: the plan and the bytes of every region; no memory yet.  0 or -EINVAL.
 */
[[nodiscard]] int appliance_layout(struct appliance *a, const struct stage_params *params,
        const struct stage_ops *const ops[STAGE_COUNT], uint64_t epoch_bytes, uint64_t fib_bytes);

/* The second: the memory of an appliance that was laid out or adopted.  After a failure it has none. */
[[nodiscard]] int appliance_make(struct appliance *a, bool bells);

/* Takes over a plan and sizes that another process has laid out.  No stage's functions, no descriptors: they
 * are the caller's to set (a->ops, a->fd, a->bell[].fd). */
void appliance_adopt(struct appliance *a, const struct plan *plan, const uint64_t bytes[REGION_COUNT]);

/* A region's name, by which its descriptor is handed on. */
const char *appliance_region_name(uint32_t region);

/* How a process with this mask may see a region: PROT_NONE for not at all, PROT_READ, or PROT_READ |
 * PROT_WRITE.  Writable are the pool, the public and state regions of the stages in the mask, and what the
 * APPLIANCE_ bits say; state regions of others are read by APPLIANCE_CONTROL alone. */
int appliance_rights(uint32_t region, uint32_t mask);

/* Maps all regions with these rights.  A region to be read is mapped such that mprotect cannot make it
 * writable.  0 or a negative errno (-EBADF: a descriptor is missing): nothing stays mapped. */
[[nodiscard]] int appliance_map(struct appliance *a, uint32_t mask);
void appliance_unmap(struct appliance *a);

/* Closes the descriptors of the regions (mappings stay). */
void appliance_close_fds(struct appliance *a);
void appliance_destroy(struct appliance *a);

static inline void *appliance_public(const struct appliance *a, uint32_t worker, uint64_t off)
{
	return (uint8_t *)a->map[REGION_PUBLIC + a->plan.worker[worker].stage] + off;
}

static inline struct journal_shared *appliance_journal(const struct appliance *a, uint32_t worker)
{
	return appliance_public(a, worker, a->plan.worker[worker].journal_off);
}

static inline struct worker_status *appliance_status(const struct appliance *a, uint32_t worker)
{
	return appliance_public(a, worker, a->plan.worker[worker].status_off);
}

static inline struct trace_ring *appliance_trace(const struct appliance *a, uint32_t worker)
{
	return appliance_public(a, worker, a->plan.worker[worker].trace_off);
}

static inline struct tap_ring *appliance_tap_ring(const struct appliance *a, uint32_t worker)
{
	return appliance_public(a, worker, a->plan.worker[worker].tap_off);
}

/* What is captured; NULL where the process does not map it. */
static inline struct tap_control *appliance_taps(const struct appliance *a)
{
	return a->map[REGION_TAP];
}

static inline struct black_box *appliance_box(const struct appliance *a, uint32_t worker)
{
	return appliance_public(a, worker, a->plan.worker[worker].box_off);
}

static inline struct worker_census *appliance_census(const struct appliance *a, uint32_t worker)
{
	return appliance_public(a, worker, a->plan.worker[worker].census_off);
}

static inline struct worker_samples *appliance_samples(const struct appliance *a, uint32_t worker)
{
	return appliance_public(a, worker, a->plan.worker[worker].samples_off);
}

/* Of a worker of ingest. */
static inline struct poll_stats *appliance_polls(const struct appliance *a, uint32_t worker)
{
	return appliance_public(a, worker, a->plan.worker[worker].polls_off);
}

static inline struct control_block *appliance_control(const struct appliance *a)
{
	return a->map[REGION_CONTROL];
}

static inline struct stat_block *appliance_stats(const struct appliance *a, uint32_t worker)
{
	const struct worker_plan *w = &a->plan.worker[worker];

	return (void *)((uint8_t *)a->map[REGION_STATE + w->stage] + w->stats_off);
}

/* Of a worker of the filter. */
static inline const struct port_counts *appliance_port_counts(const struct appliance *a, uint32_t worker)
{
	const struct worker_plan *w = &a->plan.worker[worker];

	assert(w->stage == STAGE_FILTER);
	return (void *)((uint8_t *)a->map[REGION_STATE + w->stage] + w->state_off + PORT_COUNTS_OFF);
}

/* Whether epoch `number` (and so every older one) is retired: no worker has a packet of it any more, and none
 * will. */
bool appliance_epoch_retired(const struct appliance *a, uint32_t number);

#endif
