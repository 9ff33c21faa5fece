#include "tests/system/drivers/pump.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static void *shared_memory(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

void pump_memory_make(struct pump_memory *m)
{
	uint64_t head = ALIGN_UP(sizeof *m->state, (uint64_t)CACHE_LINE);

	m->state_bytes = head + ledger_bytes(PUMP_BUFFERS);
	m->shared = shared_memory(sizeof *m->shared);
	m->state = shared_memory(m->state_bytes);
	m->ledger = (struct ledger_state *)(void *)((uint8_t *)m->state + head);
	m->undo = shared_memory(journal_undo_bytes(PUMP_UNDO));
	if (pool_view(&m->pool, shared_memory(pool_bytes(PUMP_BUFFERS, PKT_STRIDE_DEFAULT)), PUMP_BUFFERS,
	            PKT_STRIDE_DEFAULT, 1))
		abort();
	for (uint32_t i = 0; i < PUMP_BUFFERS; i++)
		m->state->stack[i] = i;
	m->state->height = PUMP_BUFFERS;
}

bool pump_memory_whole(const struct pump_memory *m, const struct ledger *ledger)
{
	static uint8_t seen[PUMP_BUFFERS];
	uint32_t lost = 0, twice = 0;

	for (uint32_t i = 0; i < m->state->height; i++)
		seen[m->state->stack[i]]++;
	for (uint32_t i = 0; i < PUMP_BUFFERS; i++) {
		uint32_t n = seen[i] + (ledger->state->of[i] != LEDGER_NONE);

		lost += n == 0;
		twice += n > 1;
	}
	if (lost || twice)
		fprintf(stderr, "pump: %u buffers are nowhere, %u in two places\n", lost, twice);
	return !lost && !twice;
}
