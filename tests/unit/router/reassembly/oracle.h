/* oracle: a reassembler that is too simple to be wrong: a byte map and a list a datagram, no limits of
 * memory.  It says what the real one must do with each fragment, and with each datagram in the end.
 */
#ifndef SLUICE_TESTS_UNIT_ROUTER_REASSEMBLY_ORACLE_H
#define SLUICE_TESTS_UNIT_ROUTER_REASSEMBLY_ORACLE_H

#include "tests/unit/router/reassembly/bed.h"

#define ORACLE_DATAGRAMS 64u

struct oracle_datagram {
	bool live;
	struct bed_piece piece[REASSEMBLY_PIECES_MAX];
	uint32_t n;
	nanos_t created;
	bool has[65536]; /* a byte of the payload */
	uint8_t bytes[65536];
};

struct oracle {
	struct bed *bed;
	struct oracle_datagram datagram[ORACLE_DATAGRAMS];
	/* Of the last burst. */
	uint32_t dropped[DROP_REASON_COUNT];
	uint32_t errors, wholes;
	/* Of all. */
	uint64_t reqds[FRAG_FAMILIES], oks[FRAG_FAMILIES], fails[FRAG_FAMILIES], timeouts[FRAG_FAMILIES];
	uint64_t overlaps;
};

/* Runs the burst (at most 8 fragments, so that the outbox has room for all that may come of it) on the bed,
 * and aborts where it does other than the oracle. */
void oracle_burst(struct oracle *o, nanos_t now, const struct bed_piece *piece, uint32_t n);

/* The same for the timers up to now. */
void oracle_until(struct oracle *o, nanos_t now);

#endif
