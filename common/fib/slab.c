/* Who hands out the pieces of the region: pools of single ones, slabs of runs. */
#include "common/fib/writer.h"

#include <stdlib.h>

#define PAGE_UNITS 16u
#define ALL_FREE   0xffffu

int fib_pool_init(struct fib_pool *pool, uint32_t limit)
{
	*pool = (struct fib_pool){.next = 1, .limit = limit};
	pool->free = calloc(limit, sizeof *pool->free);
	return pool->free ? 0 : -ENOMEM;
}

bool fib_pool_take(struct fib_pool *pool, uint32_t *index)
{
	if (pool->n_free > 0)
		*index = pool->free[--pool->n_free];
	else if (pool->next < pool->limit)
		*index = pool->next++;
	else
		return false;
	return true;
}

void fib_pool_give(struct fib_pool *pool, uint32_t index)
{
	assert(index > 0 && index < pool->next && pool->n_free < pool->limit);
	pool->free[pool->n_free++] = index;
}

int fib_slab_init(struct fib_slab *slab, uint32_t n_units)
{
	uint32_t n_pages = n_units / PAGE_UNITS;

	*slab = (struct fib_slab){.n_pages = n_pages};
	slab->free = calloc(n_pages + 1, sizeof *slab->free);
	slab->list = calloc(n_pages + 1, sizeof *slab->list);
	slab->after = calloc(n_pages + 1, sizeof *slab->after);
	slab->before = calloc(n_pages + 1, sizeof *slab->before);
	if (slab->free && slab->list && slab->after && slab->before)
		return 0;
	fib_slab_free(slab);
	return -ENOMEM;
}

void fib_slab_free(struct fib_slab *slab)
{
	free(slab->free);
	free(slab->list);
	free(slab->after);
	free(slab->before);
	*slab = (struct fib_slab){0};
}

/* The starts of aligned runs of 1 << order free units, a bit each. */
static uint32_t runs_free(uint32_t units, unsigned order)
{
	static const uint16_t aligned[] = {0xffff, 0x5555, 0x1111, 0x0101, 0x0001};

	for (unsigned o = 0; o < order; o++)
		units &= units >> (1u << o);
	return units & aligned[order];
}

static unsigned list_of(uint32_t units)
{
	unsigned list = 0;

	while (list <= FIB_ORDER_MAX && runs_free(units, list))
		list++;
	return list;
}

/* Puts a page on the list of its longest free run. */
static void page_relist(struct fib_slab *slab, uint32_t page)
{
	unsigned old = slab->list[page], list = list_of(slab->free[page]);
	uint32_t before = slab->before[page], after = slab->after[page];

	if (old == list)
		return;
	if (old) {
		*(before ? &slab->after[before - 1] : &slab->first[old]) = after;
		if (after)
			slab->before[after - 1] = before;
	}
	slab->list[page] = (uint8_t)list;
	if (!list)
		return;
	slab->before[page] = 0;
	slab->after[page] = slab->first[list];
	if (slab->first[list])
		slab->before[slab->first[list] - 1] = page + 1;
	slab->first[list] = page + 1;
}

bool fib_slab_take(struct fib_slab *slab, unsigned order, uint32_t *index)
{
	unsigned list = order + 1;
	uint32_t page, unit;

	while (list <= FIB_ORDER_MAX + 1 && !slab->first[list])
		list++;
	if (list <= FIB_ORDER_MAX + 1) {
		page = slab->first[list] - 1;
	} else {
		if (slab->next == slab->n_pages)
			return false;
		page = slab->next++;
		slab->free[page] = ALL_FREE;
	}
	unit = (uint32_t)__builtin_ctz(runs_free(slab->free[page], order));
	slab->free[page] &= (uint16_t) ~(((1u << (1u << order)) - 1) << unit);
	slab->used += 1u << order;
	page_relist(slab, page);
	*index = page * PAGE_UNITS + unit;
	return true;
}

void fib_slab_give(struct fib_slab *slab, unsigned order, uint32_t index)
{
	uint32_t page = index / PAGE_UNITS, units = ((1u << (1u << order)) - 1) << index % PAGE_UNITS;

	assert(page < slab->next && !(slab->free[page] & units));
	slab->free[page] |= (uint16_t)units;
	slab->used -= 1u << order;
	page_relist(slab, page);
}
