#include "common/stage/appliance.h"

#include "common/app/table.h"
#include "common/board/board.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const names[] = {"pool", "control", "epoch0", "epoch1", "fib0", "fib1", "board", "tap",
        "sockets", "ingest", "filter", "router", "session", "ingest-state", "filter-state", "router-state",
        "session-state"};

static_assert(ARRAY_LEN(names) == REGION_COUNT, "a name a region");

static int region_create(const char *name, uint64_t bytes)
{
	char full[64];
	int fd, err;

	snprintf(full, sizeof full, "sluice-%s", name);
	fd = memfd_create(full, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) ||
	        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static void region_sizes(struct appliance *a, uint64_t epoch_bytes, uint64_t fib_bytes)
{
	const struct stage_params *p = &a->plan.params;

	a->bytes[REGION_POOL] = ALIGN_UP(pool_bytes(p->buffers, p->stride), UINT64_C(4096));
	a->bytes[REGION_CONTROL] = ALIGN_UP(sizeof(struct control_block), UINT64_C(4096));
	a->bytes[REGION_EPOCH0] = a->bytes[REGION_EPOCH1] = ALIGN_UP(epoch_bytes, UINT64_C(4096));
	a->bytes[REGION_FIB0] = a->bytes[REGION_FIB1] = ALIGN_UP(fib_bytes, UINT64_C(4096));
	a->bytes[REGION_BOARD] = ALIGN_UP(sizeof(struct board), UINT64_C(4096));
	a->bytes[REGION_TAP] = ALIGN_UP(sizeof(struct tap_control), UINT64_C(4096));
	a->bytes[REGION_SOCKETS] = ALIGN_UP(sizeof(struct app_table), UINT64_C(4096));
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		a->bytes[REGION_PUBLIC + s] = a->plan.public_bytes[s];
		a->bytes[REGION_STATE + s] = a->plan.state_bytes[s];
	}
}

static void clear(struct appliance *a)
{
	memset(a->map, 0, sizeof a->map);
	for (uint32_t r = 0; r < REGION_COUNT; r++)
		a->fd[r] = -1;
	for (uint32_t w = 0; w < WORKERS_MAX; w++)
		a->bell[w] = (struct bell){.fd = -1};
	a->opener = (struct bell){.fd = -1};
}

int appliance_layout(struct appliance *a, const struct stage_params *params,
        const struct stage_ops *const ops[STAGE_COUNT], uint64_t epoch_bytes, uint64_t fib_bytes)
{
	int err = plan_make(&a->plan, params, ops);

	memcpy(a->ops, ops, sizeof a->ops);
	clear(a);
	if (!err)
		region_sizes(a, epoch_bytes, fib_bytes);
	return err;
}

int appliance_make(struct appliance *a, bool bells)
{
	int err = 0;

	for (uint32_t r = 0; r < REGION_COUNT && !err; r++) {
		a->fd[r] = region_create(names[r], a->bytes[r]);
		err = a->fd[r] < 0 ? a->fd[r] : 0;
	}
	for (uint32_t w = 0; w < a->plan.n_workers && bells && !err; w++)
		err = bell_open(&a->bell[w]);
	if (bells && !err)
		err = bell_open(&a->opener);
	if (err)
		appliance_destroy(a);
	return err;
}

int appliance_create(struct appliance *a, const struct stage_params *params,
        const struct stage_ops *const ops[STAGE_COUNT], uint64_t epoch_bytes, uint64_t fib_bytes, bool bells)
{
	int err = appliance_layout(a, params, ops, epoch_bytes, fib_bytes);

	return err ? err : appliance_make(a, bells);
}

void appliance_adopt(struct appliance *a, const struct plan *plan, const uint64_t bytes[REGION_COUNT])
{
	memset(a, 0, sizeof *a);
	a->plan = *plan;
	memcpy(a->bytes, bytes, sizeof a->bytes);
	clear(a);
}

const char *appliance_region_name(uint32_t region)
{
	return names[region];
}

int appliance_rights(uint32_t region, uint32_t mask)
{
	const uint32_t stages = (1u << STAGE_COUNT) - 1;
	bool control = mask & APPLIANCE_CONTROL, keeper = mask & APPLIANCE_KEEPER;
	bool write = false, read = true;

	if (region == REGION_POOL) {
		write = mask & (stages | APPLIANCE_OPENER);
		read = control;
	} else if (region == REGION_CONTROL) {
		write = control || keeper;
	} else if (region == REGION_BOARD) {
		write = keeper;
	} else if (region == REGION_SOCKETS) {
		write = keeper;
		read = control || mask & 1u << STAGE_SESSION;
	} else if (region < REGION_PUBLIC) {
		write = control;
		read = mask != APPLIANCE_KEEPER;
	} else if (region < REGION_STATE) {
		write = mask & 1u << (region - REGION_PUBLIC);
	} else {
		write = mask & 1u << (region - REGION_STATE);
		read = control;
	}
	return write ? PROT_READ | PROT_WRITE : read ? PROT_READ : PROT_NONE;
}

/* A read-only mapping is made from a read-only descriptor, so that mprotect cannot make it writable: the one
 * handed over, where it is such a one, or one made of it. */
static void *region_map(int fd, uint64_t bytes, int rights)
{
	void *p = MAP_FAILED;
	char path[32];
	int ro, mode = fcntl(fd, F_GETFL);

	if (mode < 0)
		return MAP_FAILED;
	if (rights & PROT_WRITE || (mode & O_ACCMODE) == O_RDONLY)
		return mmap(NULL, bytes, rights, MAP_SHARED, fd, 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	if (ro >= 0) {
		p = mmap(NULL, bytes, rights, MAP_SHARED, ro, 0);
		close(ro);
	}
	return p;
}

int appliance_map(struct appliance *a, uint32_t mask)
{
	const struct stage_params *p = &a->plan.params;

	for (uint32_t r = 0; r < REGION_COUNT; r++) {
		int rights = appliance_rights(r, mask);
		void *map = rights == PROT_NONE ? NULL : region_map(a->fd[r], a->bytes[r], rights);

		if (map == MAP_FAILED) {
			int err = -errno;

			appliance_unmap(a);
			return err;
		}
		a->map[r] = map;
	}
	if (!a->map[REGION_POOL])
		return 0;
	return pool_view(&a->pool, a->map[REGION_POOL], p->buffers, p->stride, p->lanes);
}

void appliance_unmap(struct appliance *a)
{
	for (uint32_t r = 0; r < REGION_COUNT; r++) {
		if (a->map[r])
			munmap(a->map[r], a->bytes[r]);
		a->map[r] = NULL;
	}
}

void appliance_close_fds(struct appliance *a)
{
	for (uint32_t r = 0; r < REGION_COUNT; r++) {
		if (a->fd[r] >= 0)
			close(a->fd[r]);
		a->fd[r] = -1;
	}
}

static void close_bell(struct bell *bell)
{
	if (bell->fd >= 0)
		close(bell->fd);
	bell->fd = -1;
}

void appliance_destroy(struct appliance *a)
{
	appliance_unmap(a);
	appliance_close_fds(a);
	for (uint32_t w = 0; w < WORKERS_MAX; w++)
		close_bell(&a->bell[w]);
	close_bell(&a->opener);
}

bool appliance_epoch_retired(const struct appliance *a, uint32_t number)
{
	for (uint32_t w = 0; w < a->plan.n_workers; w++) {
		const struct worker_status *s = appliance_status(a, w);

		for (uint32_t leg = LEG_RX; leg <= LEG_TX; leg++)
			if (__atomic_load_n(&s->confirmed[leg], __ATOMIC_ACQUIRE) <= number)
				return false;
	}
	return true;
}
