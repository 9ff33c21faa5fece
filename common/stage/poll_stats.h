/* poll_stats: what a worker of ingest tells of its polling and its ports: softnet_stat and ethtool's, in its
 * public region.
 *
 * The worker alone writes it, word by word, beside the account: a death may cost it what the last round
 * counted. Numbers only grow while the appliance runs, over restarts and reopened ports.  Any process reads
 * it at any time (poll_stats_get for a word).  The exact packets of a port are in the account (account.h).
 */
#ifndef SLUICE_COMMON_STAGE_POLL_STATS_H
#define SLUICE_COMMON_STAGE_POLL_STATS_H

#include "common/epoch/epoch.h"

#define POLL_REASON_LEN 112u

enum poll_port_state {
	POLL_PORT_NONE, /* not on this lane */
	POLL_PORT_DOWN, /* see reason */
	POLL_PORT_UP,
};

/* A port's queue on this lane. */
struct poll_port {
	_Alignas(CACHE_LINE) uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets, tx_bytes; /* handed to the driver */
	uint64_t rx_missed;            /* lost before us, for want of room or buffers */
	uint64_t rx_errors;
	uint64_t tx_errors;
	uint64_t tx_done;     /* of tx_packets: completed; a driver that copies completes at once */
	uint64_t polls;       /* of the queue */
	uint64_t completes;   /* it ran dry and was unmasked */
	uint64_t deferrals;   /* it ran dry and stayed masked for a while */
	uint64_t wakeups;     /* it was scheduled: an interrupt, or found by looking */
	uint64_t kicks;       /* system calls for the kernel to look */
	uint64_t in_doubt;    /* sends that a death left undecided, counted as sent */
	uint64_t incarnation; /* of a live port; 0: none */
	uint32_t queue;
	uint32_t state;               /* enum poll_port_state */
	char reason[POLL_REASON_LEN]; /* terminated: why it is down */
	uint64_t rx_segments;         /* of rx_errors: several packets in one, which nobody could cut */
	uint64_t reserved[1];
};

static_assert(sizeof(struct poll_port) == 4 * CACHE_LINE, "shared layout");

/* A worker: /proc/net/softnet_stat's columns, and the rest of a row. */
struct poll_stats {
	_Alignas(CACHE_LINE) uint64_t processed; /* frames taken from ports */
	uint64_t dropped;                        /* of them: no room in the ring behind (RING_FULL) */
	uint64_t time_squeeze;                   /* rounds that ended with work left */
	uint64_t received_rps;                   /* frames steered to another lane */
	uint64_t flow_limit;                     /* always 0: there is no such limit */
	uint64_t rounds;
	uint64_t reserved[2];
	struct poll_port port[EPOCH_PHYS_MAX];
};

static_assert(
        sizeof(struct poll_stats) == CACHE_LINE + EPOCH_PHYS_MAX * sizeof(struct poll_port), "shared layout");

static inline uint64_t poll_stats_get(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* By the worker alone. */
static inline void poll_stats_add(uint64_t *word, uint64_t n)
{
	__atomic_store_n(word, *word + n, __ATOMIC_RELAXED);
}

#endif
