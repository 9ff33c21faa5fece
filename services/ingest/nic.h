/* nic: what a driver is to ingest: net_device cut to its bones.
 *
 * A driver moves frames between a wire and the pool's buffers.  rx never blocks and knows nothing of poll
 * policy; what it keeps across a death it keeps in `state`, announced with journal_touch like any stage's
 * state, or in the dead part of a file or ring (beyond the committed length), which a burst that never
 * committed leaves dead.
 *
 *     n = ops->rx_ready(nic, queue, now, max);     how many frames could be taken
 *     [ingest opens a burst of n]
 *     ops->rx(nic, queue, now, burst);             fills burst->n packets: exactly so many
 *     [RSS, lanes, commit]
 *
 * Called on the thread of the lane that owns the queue.  Queue q of a port belongs to lane (port's lane + q)
 * % lanes.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_H
#define SLUICE_SERVICES_INGEST_NIC_H

#include "common/epoch/epoch.h"
#include "common/journal/journal.h"
#include "common/pkt/burst.h"

#define NIC_QUEUES_MAX  8u
#define NIC_STATE_BYTES 4096u /* of a port and queue */

struct nic_ops;

struct nic_stats {
	uint64_t rx_missed; /* lost before the driver, for want of room */
	uint64_t rx_errors; /* came in broken: unreadable record, bad length */
	uint64_t tx_errors;
};

/* Which frames of a pcap become traced, and the like: what replay asks of drivers. */
struct nic_wishes {
	const uint32_t *trace; /* numbers of frames (from 1, in the order of arrival at the appliance) to be
	                          traced, sorted */
	uint32_t n_trace;
	nanos_t clock_origin; /* a capture's first timestamp counts as this */
};

/* An open port queue.  Private to its worker; what must survive is in `state`. */
struct nic {
	const struct nic_ops *ops;
	struct port_id port;
	uint32_t queue;
	uint32_t queues;
	const struct pool *pool;
	struct journal *journal;
	void *state;                     /* NIC_STATE_BYTES, journaled, zero when the port was first opened */
	const struct nic_wishes *wishes; /* may be NULL */
	struct nic_stats stats;
	void *driver; /* the driver's own */
};

struct nic_ops {
	const char *name;

	/* Opens what `text` says in the driver's own syntax.  0, or a negative errno with a sentence in
	 * `error` that says what to do. */
	int (*open)(struct nic *nic, const char *text, char *error, size_t error_size);
	void (*close)(struct nic *nic);

	/* Frames that could be taken now, at most max; 0: none. */
	uint32_t (*rx_ready)(struct nic *nic, nanos_t now, uint32_t max);

	/* Takes exactly burst->n frames.  burst->index and burst->frame hold free buffers; the driver writes
	 * the frame, len, total_len, timestamp, and where it knows them hash, csum, trace.  A frame longer
	 * than the buffer gets len 0: ingest drops it (RX_LENGTH). */
	void (*rx)(struct nic *nic, nanos_t now, struct burst *burst);

	/* When the next frame comes, if the driver knows (a file): else NANOS_NEVER.  0: now. */
	nanos_t (*rx_next)(struct nic *nic);

	/* Sends packets which[0..n) of the burst, in order; gives each its verdict: SENT (done with the
	 * buffer), DRIVER (keeps it until it completes), or DROP with a reason. */
	void (*tx)(struct nic *nic, nanos_t now, struct burst *burst, const uint16_t *which, uint32_t n);

	/* A descriptor that becomes readable when frames come, and the interrupt's switch; -1 and NULL for a
	 * driver that has none. */
	int (*fd)(struct nic *nic);
	void (*arm)(struct nic *nic, bool on);
};

#endif
