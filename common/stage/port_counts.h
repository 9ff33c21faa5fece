/* port_counts: what the filter counts by (sub-)port: the columns of `ip -s link`.
 *
 * It stands at PORT_COUNTS_OFF in the state of each of the filter's workers, journaled, so that a packet
 * counts once across deaths.  Readers (appliance_port_counts) add up the lanes; each word is read atomically,
 * all of them are of one instant only at rest.
 */
#ifndef SLUICE_COMMON_STAGE_PORT_COUNTS_H
#define SLUICE_COMMON_STAGE_PORT_COUNTS_H

#include "common/epoch/epoch.h"

/* Of a (sub-)port, in packets and in bytes of frames without tags; `dropped` are those that end in the
 * filter.  What is tagged counts for its sub-port alone, and for the physical port where there is no such
 * sub-port. */
struct port_count {
	_Alignas(CACHE_LINE) uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t rx_dropped;
	uint64_t rx_multicast; /* broadcast among them */
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t tx_dropped;
	uint64_t unused;
};

static_assert(sizeof(struct port_count) == CACHE_LINE, "a port's counters are one line");

#define PORT_COUNTS_OFF CACHE_LINE

/* By port number. */
struct port_counts {
	struct port_count port[EPOCH_PORTS_MAX];
};

#endif
