#include "common/publish/publish.h"

#include <sys/mman.h>

#define CLEAR_BYTES (UINT64_C(64) << 20) /* of a FIB at a time: giving back its pages takes milliseconds */

void publisher_init(struct publisher *p, struct appliance *a)
{
	*p = (struct publisher){.appliance = a};
}

static int view_slot(struct publisher *p, uint32_t number)
{
	const struct appliance *a = p->appliance;
	uint32_t slot = number & 1;
	int err = epoch_attach(a->map[REGION_EPOCH0 + slot], a->bytes[REGION_EPOCH0 + slot], &p->view[slot]);

	if (err || p->view[slot].number != number)
		return err ? err : -EINVAL;
	p->view[slot].fib = a->map[REGION_FIB0 + slot];
	p->view[slot].fib_bytes = a->bytes[REGION_FIB0 + slot];
	return 0;
}

int publisher_resume(struct publisher *p, struct appliance *a)
{
	uint32_t number = __atomic_load_n(&appliance_control(a)->epoch, __ATOMIC_ACQUIRE),
	         offered = __atomic_load_n(&appliance_control(a)->offered, __ATOMIC_ACQUIRE);
	int err = 0;

	publisher_init(p, a);
	if (number)
		err = view_slot(p, number);
	if (err)
		return err;
	p->number = number;
	if (offered == number || (offered && view_slot(p, offered)))
		publish_withdraw(p);
	else
		p->offered = offered;
	return 0;
}

int publish_sizes(const struct config *config, uint64_t *epoch_bytes, uint64_t *fib_bytes)
{
	size_t used = 0;
	int err = config_compile(config, 1, NULL, NULL, 0, &used);

	if (err && err != -ENOSPC)
		return err;
	*epoch_bytes = MAX((uint64_t)used * 2, UINT64_C(16) << 20);
	*fib_bytes = config_fib_bytes(config);
	return *fib_bytes ? 0 : -ENOSPC;
}

static void drop_fib(struct publisher *p, uint32_t slot)
{
	if (p->fib[slot])
		fib_close(p->fib[slot]);
	p->fib[slot] = NULL;
	p->grace[slot].waits = false;
}

static int too_small(struct publisher *p, const char *of, uint64_t needed, uint64_t has)
{
	p->shortage = (struct publish_shortage){of, needed, has};
	return -ENOSPC;
}

/* What the slot held was of an epoch that is retired.  0, or -EAGAIN: some of it is left. */
static int clear_fib(struct publisher *p, uint32_t slot)
{
	uint8_t *at = (uint8_t *)p->appliance->map[REGION_FIB0 + slot] + p->cleared;
	uint64_t left = p->appliance->bytes[REGION_FIB0 + slot] - p->cleared, n = MIN(left, CLEAR_BYTES);

	drop_fib(p, slot);
	if (madvise(at, n, MADV_REMOVE))
		memset(at, 0, n); /* memory that cannot be given back page-wise */
	p->cleared = n == left ? 0 : p->cleared + n;
	return n == left ? 0 : -EAGAIN;
}

/* A FIB in the slot, which is zeros. */
static int make_fib(
        struct publisher *p, uint32_t slot, const struct config *config, const struct epoch *epoch)
{
	struct appliance *a = p->appliance;
	void *region = a->map[REGION_FIB0 + slot];
	uint64_t bytes = a->bytes[REGION_FIB0 + slot];
	struct fib_limits limits;
	uint64_t needed;
	int err;

	if (config_fib_limits(config, bytes, &limits, &needed))
		return too_small(p, "routes", needed, bytes);
	err = fib_init(region, bytes, &limits);
	if (!err)
		err = fib_open(region, bytes, &p->fib[slot]);
	if (!err)
		err = config_fib(config, epoch, p->fib[slot]);
	if (err == -ENOSPC) /* prefixes so scattered that not even the most that a FIB may have holds them */
		return too_small(p, "routes", 0, bytes);
	return err;
}

/* The slot is told by the number, and that of the epoch in force is not free. */
uint32_t publisher_next(const struct publisher *p)
{
	uint32_t next = appliance_control(p->appliance)->numbered + 1;

	return next + (p->number && (next & 1) == (p->number & 1));
}

/* Who is awake looks by itself; the opener sleeps whenever it has nothing to do. */
static void wake_sleepers(struct appliance *a)
{
	__atomic_thread_fence(
	        __ATOMIC_SEQ_CST); /* with worker_sleep's, between saying that it sleeps and looking */
	for (uint32_t w = 0; w < a->plan.n_workers; w++)
		if (__atomic_load_n(&appliance_status(a, w)->idle, __ATOMIC_ACQUIRE) & 1)
			bell_ring(&a->bell[w]);
	bell_ring(&a->opener);
}

/* The epoch's slot from the configuration. */
static int make_epoch(struct publisher *p, uint32_t number, const struct config *config)
{
	uint32_t slot = number & 1;
	struct epoch_header *header = p->appliance->map[REGION_EPOCH0 + slot];
	uint64_t bytes = p->appliance->bytes[REGION_EPOCH0 + slot];
	size_t used;
	int err;

	header->magic = 0;
	err = config_compile(config, number, publisher_epoch(p), header, bytes, &used);
	if (err == -ENOSPC)
		return too_small(p, "ports, rules, neighbors and sockets", used, bytes);
	return err ? err : epoch_attach(header, bytes, &p->view[slot]);
}

int publish_make(struct publisher *p, const struct config *config)
{
	struct appliance *a = p->appliance;
	uint32_t number = publisher_next(p), slot = number & 1;
	struct epoch_header *header = a->map[REGION_EPOCH0 + slot];
	int err;

	assert(!p->offered && !p->making);
	if (p->number > 1 && !appliance_epoch_retired(a, p->number - 1))
		return -EBUSY;
	err = clear_fib(p, slot);
	if (!err)
		err = make_epoch(p, number, config);
	if (!err)
		err = make_fib(p, slot, config, &p->view[slot]);
	if (err)
		return err;
	header->fib_slot = slot;
	p->view[slot].fib = a->map[REGION_FIB0 + slot];
	p->view[slot].fib_bytes = a->bytes[REGION_FIB0 + slot];
	p->making = number;
	return 0;
}

void publish_offer(struct publisher *p)
{
	struct appliance *a = p->appliance;

	assert(p->making);
	p->offered = p->making;
	p->making = 0;
	appliance_control(a)->numbered = p->offered;
	__atomic_store_n(&appliance_control(a)->offered, p->offered, __ATOMIC_RELEASE);
	wake_sleepers(a);
}

bool publish_missing(const struct publisher *p, uint32_t worker)
{
	const struct worker_status *s = appliance_status(p->appliance, worker);

	return p->offered ? __atomic_load_n(&s->ready, __ATOMIC_ACQUIRE) != p->offered
	                  : __atomic_load_n(&s->adopted, __ATOMIC_ACQUIRE) != p->number;
}

void publish_in_force(struct publisher *p)
{
	struct control_block *control = appliance_control(p->appliance);

	assert(p->offered);
	p->number = p->offered;
	__atomic_store_n(&control->epoch, p->number, __ATOMIC_RELEASE);
	p->offered = 0;
	__atomic_store_n(&control->offered, 0, __ATOMIC_RELEASE);
	wake_sleepers(p->appliance);
}

void publish_withdraw(struct publisher *p)
{
	if (p->offered || p->making)
		drop_fib(p, (p->offered | p->making) & 1);
	p->offered = p->making = 0;
	__atomic_store_n(&appliance_control(p->appliance)->offered, 0, __ATOMIC_RELEASE);
	bell_ring(&p->appliance->opener);
}

int publish_config(struct publisher *p, const struct config *config)
{
	int err = publish_make(p, config);

	while (err == -EAGAIN)
		err = publish_make(p, config);
	if (err)
		return err;
	publish_offer(p);
	publish_in_force(p);
	return 0;
}

uint32_t publisher_live(const struct publisher *p, uint32_t slot[2])
{
	uint32_t newest = (p->offered ? p->offered : p->number) & 1, n = 0;

	if (p->number + p->offered && p->fib[newest])
		slot[n++] = newest;
	if (n && !p->making && p->fib[newest ^ 1] &&
	        (p->offered || !appliance_epoch_retired(p->appliance, p->number - 1)))
		slot[n++] = newest ^ 1;
	if (p->making)
		slot[n++] = p->making & 1;
	return n;
}

/* A worker has ended a round since, or sleeps: it holds no result of a lookup that was made before. */
static bool passed(const struct appliance *a, const struct publish_grace *g)
{
	for (uint32_t w = 0; w < a->plan.n_workers; w++) {
		const struct worker_status *s = appliance_status(a, w);

		if (a->plan.worker[w].stage == STAGE_ROUTER &&
		        __atomic_load_n(&s->steps, __ATOMIC_ACQUIRE) == g->steps[w] &&
		        !(__atomic_load_n(&s->idle, __ATOMIC_ACQUIRE) & 1))
			return false;
	}
	return true;
}

static bool reclaim(struct publisher *p, uint32_t slot)
{
	struct publish_grace *g = &p->grace[slot];
	struct fib_usage usage;

	if (p->making && slot == (p->making & 1)) { /* which nobody reads */
		fib_reclaim(p->fib[slot], fib_retired(p->fib[slot]));
		return false;
	}
	if (g->waits && passed(p->appliance, g)) {
		fib_reclaim(p->fib[slot], g->retired);
		g->waits = false;
	}
	fib_usage(p->fib[slot], &usage);
	if (g->waits || !usage.retired)
		return usage.retired;
	g->retired = fib_retired(p->fib[slot]);
	g->waits = true;
	/* What was changed is seen by every round that begins after its worker's steps were read here. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t w = 0; w < p->appliance->plan.n_workers; w++)
		g->steps[w] = __atomic_load_n(&appliance_status(p->appliance, w)->steps, __ATOMIC_ACQUIRE);
	return true;
}

bool publisher_reclaim(struct publisher *p)
{
	bool waits = false;

	for (uint32_t s = 0; s < 2; s++)
		waits |= p->fib[s] && reclaim(p, s);
	return waits;
}

const struct epoch *publisher_epoch(const struct publisher *p)
{
	return p->number ? &p->view[p->number & 1] : NULL;
}

void publisher_end(struct publisher *p)
{
	for (uint32_t s = 0; s < 2; s++)
		drop_fib(p, s);
}
