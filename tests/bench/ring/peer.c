/* The chain over DPDK's rte_ring, single producer and single consumer, in plain shared memory.  Not together
 * with base.h. */
#include <errno.h>
#include <rte_ring.h>
#include <stdlib.h>

/* Its capacity is one less than its size. */
#define PEER_SIZE (2 * 4096u)

/* The consumer's flag, on a line of its own. */
struct peer_armed {
	_Alignas(64) uint32_t armed;
};

struct link_in {
	struct rte_ring *ring;
	struct peer_armed *armed;
};

struct link_out {
	struct rte_ring *ring;
	const struct peer_armed *armed;
	uint32_t rung;
};

static inline uint32_t link_pop(struct link_in *l, uint64_t *words, uint32_t max)
{
	return rte_ring_sc_dequeue_burst_elem(l->ring, words, sizeof *words, max, NULL);
}

static inline void link_push(struct link_out *l, const uint64_t *words, uint32_t n)
{
	if (rte_ring_sp_enqueue_bulk_elem(l->ring, words, sizeof *words, n, NULL) != n)
		abort();
}

static inline bool link_empty(struct link_in *l)
{
	return rte_ring_empty(l->ring);
}

static inline uint32_t link_fill(struct link_out *l)
{
	return rte_ring_count(l->ring);
}

/* As in common/ring. */
static inline void link_arm(struct link_in *l, bool on)
{
	__atomic_store_n(&l->armed->armed, (l->armed->armed | 1) + !on, __ATOMIC_RELAXED);
}

static inline bool link_armed(struct link_out *l)
{
	return __atomic_load_n(&l->armed->armed, __ATOMIC_RELAXED) & 1;
}

static inline bool link_must_wake(struct link_out *l)
{
	uint32_t armed = __atomic_load_n(&l->armed->armed, __ATOMIC_RELAXED);

	if (!(armed & 1) || armed == l->rung)
		return false;
	l->rung = armed;
	return true;
}

#include "tests/bench/ring/chain_loop.h"

static uint64_t ring_bytes(void)
{
	return ((uint64_t)rte_ring_get_memsize_elem(sizeof(uint64_t), PEER_SIZE) + 127) & ~(uint64_t)127;
}

static struct rte_ring *ring_at(void *rings, uint32_t k)
{
	return (struct rte_ring *)((uint8_t *)rings + 4096 + k * ring_bytes());
}

static uint64_t bytes(void)
{
	return 4096 + CHAIN_PROCESSES * ring_bytes();
}

static int init(void *rings)
{
	for (uint32_t k = 0; k < CHAIN_PROCESSES; k++)
		if (rte_ring_init(ring_at(rings, k), "chain", PEER_SIZE, RING_F_SP_ENQ | RING_F_SC_DEQ))
			return -EINVAL;
	return 0;
}

static void run(const struct chain *chain, uint32_t self)
{
	static struct chain_process p;
	struct peer_armed *armed = chain->rings;
	uint32_t next = (self + 1) % CHAIN_PROCESSES;

	p = (struct chain_process){
	        .chain = chain,
	        .self = self,
	        .in = {ring_at(chain->rings, self), &armed[self]},
	        .out = {ring_at(chain->rings, next), &armed[next], 0},
	};
	for (; self == 0 && p.kept < chain->packets; p.kept++)
		p.keep[p.kept] = p.kept;
	chain_live(&p);
}

const struct chain_side chain_peer = {"rte_ring SP/SC", bytes, init, run};
