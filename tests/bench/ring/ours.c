/* The chain over common/ring. */
#include "common/ring/ring.h"

#include <stdlib.h>

struct link_in {
	struct ring_cons end;
	uint32_t cons;
};

struct link_out {
	struct ring_prod end;
	uint32_t prod;
};

static inline uint32_t link_pop(struct link_in *l, uint64_t *words, uint32_t max)
{
	uint32_t n = MIN(ring_used(&l->end, l->cons), max);

	if (!n)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		words[i] = ring_get(&l->end, l->cons + i);
	l->cons += n;
	ring_release(&l->end, l->cons);
	return n;
}

static inline void link_push(struct link_out *l, const uint64_t *words, uint32_t n)
{
	if (ring_room(&l->end, l->prod, n) < n)
		abort();
	for (uint32_t i = 0; i < n; i++)
		ring_put(&l->end, l->prod + i, words[i]);
	l->prod += n;
	ring_publish(&l->end, l->prod);
}

static inline bool link_empty(struct link_in *l)
{
	return !ring_used(&l->end, l->cons);
}

static inline uint32_t link_fill(struct link_out *l)
{
	return l->prod - __atomic_load_n(&l->end.peer->cons, __ATOMIC_RELAXED);
}

static inline void link_arm(struct link_in *l, bool on)
{
	if (on)
		ring_arm(&l->end);
	else
		ring_disarm(&l->end);
}

static inline bool link_armed(struct link_out *l)
{
	return __atomic_load_n(&l->end.peer->armed, __ATOMIC_RELAXED) & 1;
}

static inline bool link_must_wake(struct link_out *l)
{
	return ring_must_wake(&l->end);
}

#include "tests/bench/ring/chain_loop.h"

/* Ring k leads to process k. */
struct ours {
	struct ring_consumer_half cons[CHAIN_PROCESSES];
	uint8_t prod[CHAIN_PROCESSES][sizeof(struct ring_producer_half) + CHAIN_SLOTS * sizeof(uint64_t)];
};

static uint64_t bytes(void)
{
	return sizeof(struct ours);
}

static int init(void *rings)
{
	(void)rings; /* zero is an empty ring */
	return 0;
}

static void run(const struct chain *chain, uint32_t self)
{
	static struct chain_process p;
	struct ours *rings = chain->rings;
	uint32_t next = (self + 1) % CHAIN_PROCESSES;

	p = (struct chain_process){.chain = chain, .self = self};
	ring_cons_attach(&p.in.end, &rings->cons[self], (void *)rings->prod[self], CHAIN_SLOTS);
	ring_prod_attach(&p.out.end, (void *)rings->prod[next], &rings->cons[next], CHAIN_SLOTS);
	for (; self == 0 && p.kept < chain->packets; p.kept++)
		p.keep[p.kept] = p.kept;
	chain_live(&p);
}

const struct chain_side chain_ours = {"ring", bytes, init, run};
