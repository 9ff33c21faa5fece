/* buffers: each index in exactly one place. */
#include "common/account/account.h"

#include "common/ring/ring.h"

#include <stdlib.h>

static void count(
        struct account_buffers *b, uint8_t *seen, const struct appliance *a, uint32_t index, uint32_t *place)
{
	if (index >= a->plan.params.buffers)
		return;
	if (seen[index]) {
		b->first_twice = b->twice ? b->first_twice : index;
		b->twice++;
	}
	seen[index] = 1;
	(*place)++;
}

static void count_rings(
        struct account_buffers *b, uint8_t *seen, const struct appliance *a, const struct record *records)
{
	for (uint32_t k = 0; k < a->plan.n_rings; k++) {
		const struct ring_plan *r = &a->plan.ring[k];
		const struct ring_producer_half *half = appliance_public(a, r->from, r->prod_off);
		uint32_t cons = records[r->to].index[r->to_link];
		/* The record of a broken stage may say anything. */
		uint32_t used = MIN(records[r->from].index[r->from_link] - cons, r->slots);

		for (uint32_t i = 0; i < used; i++)
			count(b, seen, a, desc_unpack(half->slots[(cons + i) & (r->slots - 1)]).index.v,
			        r->role == RING_SPARE ? &b->spare : &b->ring);
	}
}

static void count_stack(struct account_buffers *b, uint8_t *seen, const struct appliance *a, uint32_t id,
        const struct record *record)
{
	const struct worker_plan *w = &a->plan.worker[id];
	const uint32_t *stack = (const void *)((const uint8_t *)a->map[REGION_STATE + w->stage] +
	                                       w->stack_off);
	uint32_t height = MIN(record->index[LINK_STACK(w)], a->plan.params.buffers / a->plan.params.lanes);

	for (uint32_t i = 0; i < height; i++)
		count(b, seen, a, stack[i], &b->free);
}

static void count_held(struct account_buffers *b, uint8_t *seen, const struct appliance *a, uint32_t id,
        const struct pkt_index *held, uint32_t n)
{
	uint32_t before = b->held;

	for (uint32_t i = 0; i < n; i++)
		count(b, seen, a, held[i].v, &b->held);
	b->held_by[a->plan.worker[id].stage] += b->held - before;
}

static void find_lost(struct account_buffers *b, const uint8_t *seen, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (seen[i])
			continue;
		b->first_lost = b->lost ? b->first_lost : i;
		b->lost++;
	}
}

/* What is in rings and on stacks, from the records. */
static void count_shared(
        struct account_buffers *b, uint8_t *seen, const struct appliance *a, const struct record *records)
{
	count_rings(b, seen, a, records);
	for (uint32_t id = 0; id < a->plan.n_workers; id++)
		if (a->plan.worker[id].stage == STAGE_INGEST)
			count_stack(b, seen, a, id, &records[id]);
}

int account_count_buffers(struct account_buffers *buffers, const struct appliance *a,
        const void *const worker_stage[WORKERS_MAX])
{
	uint32_t n = a->plan.params.buffers, packets;
	struct pkt_index *held = calloc(n, sizeof *held);
	uint8_t *seen = calloc(n, 1);
	struct record *records = malloc(WORKERS_MAX * sizeof *records);
	int err = -ENOMEM;

	*buffers = (struct account_buffers){0};
	if (held && seen && records)
		err = account_records(a, records) ? -EBUSY : 0;
	if (!err)
		count_shared(buffers, seen, a, records);
	for (uint32_t id = 0; !err && id < a->plan.n_workers; id++) {
		const struct stage_ops *ops = a->ops[a->plan.worker[id].stage];
		uint32_t k = ops->held && worker_stage[id] ? ops->held(worker_stage[id], held, &packets) : 0;

		count_held(buffers, seen, a, id, held, k);
		if (ops->port_kernel && worker_stage[id])
			ops->port_kernel(worker_stage[id], buffers->kernel);
	}
	if (!err)
		find_lost(buffers, seen, n);
	free(records);
	free(held);
	free(seen);
	return err;
}

bool account_census_done(const struct appliance *a)
{
	uint32_t number = __atomic_load_n(&appliance_control(a)->census, __ATOMIC_RELAXED);

	for (uint32_t id = 0; id < a->plan.n_workers; id++)
		if (__atomic_load_n(&appliance_census(a, id)->number, __ATOMIC_ACQUIRE) != number)
			return false;
	return true;
}

int account_census(struct account_buffers *buffers, const struct appliance *a)
{
	uint32_t n = a->plan.params.buffers, epoch[WORKERS_MAX];
	uint8_t *seen = calloc(n, 1);
	struct record *records = malloc(WORKERS_MAX * sizeof *records);
	bool one = account_census_done(a), memory = seen && records;

	*buffers = (struct account_buffers){0};
	account_mark(a, epoch);
	if (memory) {
		one &= !account_records(a, records);
		count_shared(buffers, seen, a, records);
	}
	for (uint32_t id = 0; memory && id < a->plan.n_workers; id++) {
		const struct worker_census *census = appliance_census(a, id);

		count_held(buffers, seen, a, id, census->index, MIN(census->n, n));
		for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
			buffers->kernel[i] += census->kernel[i];
		one &= census->epoch == epoch[id];
	}
	if (memory)
		find_lost(buffers, seen, n);
	free(records);
	free(seen);
	return !memory ? -ENOMEM : one && account_unmoved(a, epoch) ? 0 : -EAGAIN;
}
