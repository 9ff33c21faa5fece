/* chain: five processes in a ring of rings: A -> B -> C -> D -> E -> A.  Each takes packets (numbers of
 * buffers) from the ring before it, touches the header's line of each, and hands them on; A keeps them while
 * the chain is halted.  The two sides differ in the ring alone; sleeping, waking and everything else is the
 * same code (chain_loop.h).
 *
 * Needs nothing of ours: what the peer's headers define clashes with base.h. */
#ifndef SLUICE_TESTS_BENCH_RING_CHAIN_H
#define SLUICE_TESTS_BENCH_RING_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#define CHAIN_PROCESSES 5u
#define CHAIN_SLOTS     4096u /* of each ring, and the most packets in flight */
#define CHAIN_BURST     64u
#define CHAIN_STRIDE    2240u /* from buffer to buffer */
#define CHAIN_HEADER    384u  /* in a buffer */

/* In shared memory, one a chain. */
struct chain_control {
	_Alignas(64) uint32_t go;   /* A sends */
	uint32_t stop;              /* all return */
	_Alignas(64) uint64_t sent; /* by A */
	uint32_t at_home;           /* packets that A keeps */
	_Alignas(64) uint64_t sleeps[CHAIN_PROCESSES];
};

struct chain {
	struct chain_control *control;
	uint8_t *pool;
	void *rings; /* the side's own */
	uint32_t packets;
	int bell[CHAIN_PROCESSES]; /* eventfds */
};

/* A side: how much memory its rings take, making them in zeroed memory, and the life of process `self`. */
struct chain_side {
	const char *name;
	uint64_t (*bytes)(void);
	int (*init)(void *rings);
	void (*run)(const struct chain *chain, uint32_t self);
};

extern const struct chain_side chain_ours;
extern const struct chain_side chain_peer;

/* What both sides share (ring_bench.c). */
uint64_t chain_now(void);
bool chain_wake_due(uint32_t fill, uint64_t waited, bool more);
void chain_bell_ring(int bell);
/* Until rung. */
void chain_bell_sleep(int bell);

#endif
