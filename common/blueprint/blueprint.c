#include "common/blueprint/blueprint.h"

#include "common/blueprint/layout.h"
#include "common/board/board.h"
#include "common/ring/ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

const char *blueprint_build(void)
{
	return BUILD_NAME;
}

/* What must be equal in two builds that share memory. */
static uint64_t layout(void)
{
	static const size_t size[] = {sizeof(struct blueprint), sizeof(struct plan),
	        sizeof(struct worker_plan), sizeof(struct ring_plan), sizeof(struct stage_params),
	        sizeof(struct board), sizeof(struct worker_status), sizeof(struct trace_ring),
	        sizeof(struct journal_shared), sizeof(struct stat_block), sizeof(struct black_box),
	        REGION_COUNT};
	uint64_t h = hash_mix(BLUEPRINT_VERSION, LAYOUT_DIGEST);

	for (size_t i = 0; i < ARRAY_LEN(size); i++)
		h = hash_mix(h, size[i]);
	return h;
}

void blueprint_init(struct blueprint *b, const struct appliance *a)
{
	memset(b, 0, sizeof *b);
	b->magic = BLUEPRINT_MAGIC;
	b->version = BLUEPRINT_VERSION;
	b->layout = layout();
	memcpy(b->bytes, a->bytes, sizeof b->bytes);
	b->plan = a->plan;
}

int blueprint_seal(const struct blueprint *b)
{
	const uint8_t *from = (const uint8_t *)b;
	int fd = memfd_create("sluice-blueprint", MFD_CLOEXEC | MFD_ALLOW_SEALING), err = 0;
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (!err && done < sizeof *b) {
		ssize_t n = write(fd, from + done, sizeof *b - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			err = n ? -errno : -ENOSPC;
	}
	if (!err && fcntl(fd, F_ADD_SEALS, SEALS))
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

/* len bytes at off are inside a region of that many bytes. */
static bool inside(uint64_t off, uint64_t len, uint64_t bytes)
{
	return off <= bytes && len <= bytes - off && off % 8 == 0;
}

static bool worker_sound(const struct blueprint *b, uint32_t id)
{
	const struct plan *plan = &b->plan;
	const struct worker_plan *w = &plan->worker[id];
	uint64_t shared, state;

	if (w->stage >= STAGE_COUNT || w->lane >= plan->params.lanes ||
	        id != plan_worker_id(plan, (enum stage_id)w->stage, w->lane))
		return false;
	shared = b->bytes[REGION_PUBLIC + w->stage];
	state = b->bytes[REGION_STATE + w->stage];
	return inside(w->journal_off, sizeof(struct journal_shared), shared) &&
	       inside(w->status_off, sizeof(struct worker_status), shared) &&
	       inside(w->trace_off, sizeof(struct trace_ring), shared) &&
	       inside(w->tap_off, sizeof(struct tap_ring), shared) &&
	       inside(w->box_off, sizeof(struct black_box), shared) &&
	       inside(w->census_off, worker_census_bytes(plan->params.buffers), shared) &&
	       inside(w->state_off, w->state_bytes, state) &&
	       inside(w->stats_off, sizeof(struct stat_block), state) &&
	       inside(w->undo_off, journal_undo_bytes(w->undo_lines), state) &&
	       (w->stage != STAGE_INGEST ||
	               (inside(w->polls_off, sizeof(struct poll_stats), shared) &&
	                       inside(w->stack_off,
	                               (uint64_t)plan->params.buffers / plan->params.lanes * sizeof(uint32_t),
	                               state)));
}

static bool ring_sound(const struct blueprint *b, const struct ring_plan *r)
{
	const struct plan *plan = &b->plan;

	if (r->role >= RING_ROLES || r->from >= plan->n_workers || r->to >= plan->n_workers)
		return false;
	return r->slots && (r->slots & (r->slots - 1)) == 0 &&
	       inside(r->prod_off, ring_producer_bytes(r->slots),
	               b->bytes[REGION_PUBLIC + plan->worker[r->from].stage]) &&
	       inside(r->cons_off, sizeof(struct ring_consumer_half),
	               b->bytes[REGION_PUBLIC + plan->worker[r->to].stage]);
}

bool blueprint_sound(const struct blueprint *b)
{
	const struct plan *plan = &b->plan;
	const struct stage_params *p = &plan->params;

	if (p->lanes < 1 || p->lanes > LANES_MAX || plan->n_workers != p->lanes * STAGE_COUNT ||
	        plan->n_rings > PLAN_RINGS_MAX || b->n_cores > LANES_MAX ||
	        b->bytes[REGION_POOL] < pool_bytes(p->buffers, p->stride) ||
	        b->bytes[REGION_CONTROL] < sizeof(struct control_block) ||
	        b->bytes[REGION_BOARD] < sizeof(struct board))
		return false;
	for (uint32_t w = 0; w < plan->n_workers; w++)
		if (!worker_sound(b, w))
			return false;
	for (uint32_t r = 0; r < plan->n_rings; r++)
		if (!ring_sound(b, &plan->ring[r]))
			return false;
	return memchr(b->run_dir, 0, sizeof b->run_dir) && memchr(b->sockets_dir, 0, sizeof b->sockets_dir) &&
	       memchr(b->state_dir, 0, sizeof b->state_dir) && memchr(b->config, 0, sizeof b->config);
}

int blueprint_read(int fd, struct blueprint *b)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || fstat(fd, &st))
		return -errno;
	if ((seals & SEALS) != SEALS)
		return -EINVAL;
	if (st.st_size != (off_t)sizeof *b)
		return -ESTALE;
	for (size_t done = 0; done < sizeof *b;) {
		ssize_t n = pread(fd, (uint8_t *)b + done, sizeof *b - done, (off_t)done);

		if (n <= 0)
			return n ? -errno : -EINVAL;
		done += (size_t)n;
	}
	if (b->magic != BLUEPRINT_MAGIC)
		return -EINVAL;
	if (b->version != BLUEPRINT_VERSION || b->layout != layout())
		return -ESTALE;
	return blueprint_sound(b) ? 0 : -EINVAL;
}
