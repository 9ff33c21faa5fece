/* nic: what a driver is to ingest: net_device cut to its bones.
 *
 * A driver moves frames between a wire and the pool's buffers.  rx never blocks and knows nothing of poll
 * policy; what it keeps across a death it keeps in `state`, announced with journal_touch like any stage's
 * state, or in the dead part of a file or ring (beyond the committed length), which a burst that never
 * committed leaves dead.
 *
 *     n = ops->rx_ready(nic, now, max);            how many frames could be taken
 *     [the frame opens a burst of n]
 *     ops->rx(nic, now, burst, 0, n);              fills entries 0 to n - 1: exactly so many
 *     [checks, RSS, lanes, commit]
 *     ops->apply(nic);                             the kernel's ring gets to see it
 *
 *     ops->tx(nic, now, burst, packets, n);        a verdict for each; commit, apply
 *     ops->work(nic, now, burst);                  when ops->work_next says so: what the driver had kept back
 *     ops->kick(nic);                              at the end of a worker's round: system calls
 *
 *     ops->fill(nic, free buffers, n);             where ops->wants says so: for frames to come; commit,
 * apply n = ops->done(nic, buffers, max);            what has been sent (VERDICT_DRIVER); commit, apply
 *
 * A kernel's ring is a ring like ours: `state` has our indices; slots beyond the committed ones are written
 * freely, but what the kernel looks at (an index, a slot's status) is stored in `apply` alone, which does so
 * for all that the state says, and again after a death: twice is the same as once.  `open` starts from the
 * state; apply follows it. What a driver must do at most once (a write to a TAP) it does in `kick`, behind a
 * cursor in a line of `state` of its own that is never announced with journal_touch and moves before each
 * call. Which buffers the kernel has is in the ledger (ledger.h), which is carried out before apply; when the
 * port's incarnation is gone ingest takes them back by the ledger, without the driver.
 *
 * A live port (af_xdp, af_packet, tap) is opened with a grant, and again with the next incarnation of the
 * queue: then state is zero again.
 *
 * A port has as many queues as it is given and there are lanes, not more; queue q belongs to lane (port's
 * lane + q) % lanes, so that a lane has one queue of a port at the most.  All calls come on that lane's
 * thread.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_NIC_H
#define SLUICE_SERVICES_INGEST_NIC_NIC_H

#include "common/epoch/epoch.h"
#include "common/grant/grant.h"
#include "common/journal/journal.h"
#include "common/pkt/burst.h"
#include "common/settings/settings.h"
#include "common/stage/stage.h"
#include "common/wire/ether.h"
#include "services/ingest/nic/ledger.h"

#define NIC_STATE_BYTES 4224u /* of a port's queue, for its driver */
#define NIC_ERROR_BYTES 512u
#define NIC_FDS_MAX     2u

struct nic_ops;

struct nic_stats {
	uint64_t rx_missed;   /* lost before the driver, for want of room */
	uint64_t rx_errors;   /* came in broken: unreadable record, bad length */
	uint64_t rx_segments; /* of rx_errors: several packets in one, which the driver cannot cut */
	uint64_t rx_cut;      /* cut short by who captured them */
	uint64_t tx_errors;
	uint64_t kicks;    /* system calls that made the kernel look */
	uint64_t in_doubt; /* sends that a death left undecided: counted as sent */
};

/* A frame to be traced: by its port (PORT_NONE: of any) and its number there, from 1 in the order of arrival;
 * for a file of one queue that is the number of the packet in the capture, as other tools show it.  `trace`
 * is what its events bear. */
struct nic_trace_wish {
	struct port_id port;
	uint32_t number;
	uint32_t trace;
};

/* What a host asks of all drivers; stays as it is while any of them is open. */
struct nic_wishes {
	const struct nic_trace_wish *trace; /* sorted by number */
	uint32_t n_trace;
	nanos_t clock_origin;   /* when the first frame of a file comes; 0: when its port was first opened */
	nanos_t capture_origin; /* the time in captures that clock_origin stands for, so that several files
	                           keep step; 0: of each file the time of its first frame */
	nanos_t wall_offset;    /* from our time to that in files written */
};

/* An open port queue.  Private to its worker; what must survive is in `state`. */
struct nic {
	const struct nic_ops *ops;
	struct port_id port;
	uint32_t queue;
	uint32_t queues;
	struct mac_addr mac; /* of the port */
	uint32_t mtu;        /* of a live port, as the newest epoch has it */
	const struct pool *pool;
	struct journal *journal;
	void *state;                /* NIC_STATE_BYTES, journaled, zero when the port was first opened */
	void *fault_state;          /* the same for what lies between the driver and ingest (fault.h) */
	const struct nic_ops *wire; /* with faults: the driver under them */
	nanos_t opened_at;          /* when that was */
	const struct nic_wishes *wishes;
	/* The driver's state of the port `name` on this lane; NULL where there is none with the same driver.
	 */
	void *(*peer_state)(const struct nic *nic, const char *name);
	void *peers; /* peer_state's own */
	/* Of a live port: what the opener said when it handed the queue over (`link`, `mac` and `mtu` follow
	 * what it says since), its descriptors, which ingest closes behind ops->close, and the ledger of this
	 * lane. */
	struct grant grant;
	int fd[GRANT_FDS_MAX];
	struct ledger *ledger;
	struct nic_stats stats;
	void *driver; /* the driver's own */
};

struct nic_ops {
	const char *name;
	bool copies; /* tx is done with the frame's bytes when it returns: it may be called twice for one */

	/* Whether what the settings say could be opened; changes nothing.  0, or as open. */
	int (*probe)(const struct nic_settings *settings, char *error);

	/* Opens what the settings say.  0, or a negative errno with a sentence in `error` (NIC_ERROR_BYTES)
	 * that says what is wrong and with what. */
	int (*open)(struct nic *nic, const struct nic_settings *settings, char *error);
	void (*close)(struct nic *nic);

	/* Frames that could be taken now, at most max; 0: none.  Changes nothing that is journaled. */
	uint32_t (*rx_ready)(struct nic *nic, nanos_t now, uint32_t max);

	/* Takes exactly n frames into the entries from `first` on, which hold free buffers; the driver writes
	 * the frame, len, total_len, and where it knows them hash, csum, trace.  It may put another buffer of
	 * its own in place (and burst_discard the one there was), and may give a verdict (DROP, HELD): else
	 * ingest does.  A frame longer than a buffer gets len 0 and its own length as total_len. */
	void (*rx)(struct nic *nic, nanos_t now, struct burst *burst, uint32_t first, uint32_t n);

	/* When the next frame comes, if the driver knows (a file): else NANOS_NEVER.  0: now. */
	nanos_t (*rx_next)(struct nic *nic);

	/* Sends single-buffer packets in order; each gets its verdict: SENT, SENT_KEPT, DRIVER, HELD, or DROP
	 * with a reason. */
	void (*tx)(
	        struct nic *nic, nanos_t now, struct burst *burst, const struct pkt_ref *packets, uint32_t n);

	/* Lets go of what the driver had kept back (VERDICT_HELD) and is due: into the outbox; what arrives
	 * has no verdict there yet.  NULL for a driver that keeps nothing back. */
	void (*work)(struct nic *nic, nanos_t now, struct burst *burst);
	nanos_t (*work_next)(const struct nic *nic);

	/* The port is given up: whatever buffers its state has leave it by the outbox; not those in the
	 * ledger. false: to be called again in a further burst.  Needs no open port.  NULL: state has no
	 * buffers. */
	bool (*drain)(struct journal *journal, void *state, struct burst *burst);
	/* The buffers in the state, each once; adds those that are packets held to *packets.  NULL: none. */
	uint32_t (*held)(const void *state, struct pkt_index *index, uint32_t *packets);

	/* Publishes what the state says to the kernel's rings: after each commit of a burst in which the nic
	 * took part, and after open.  NULL: nothing to publish. */
	void (*apply)(struct nic *nic);

	/* At the end of a worker's round, where the nic took part in it: the system calls that
	 * make the kernel look.  NULL: none. */
	void (*kick)(struct nic *nic);

	/* Free buffers that the kernel's ring can take at the moment; asked for after open and when rx has
	 * taken frames without putting others in.  fill gets n <= wants of them and gives them to the kernel
	 * (ledger_give).  NULL: copies. */
	uint32_t (*wants)(struct nic *nic);
	void (*fill)(struct nic *nic, const struct pkt_index *index, uint32_t n);

	/* Buffers of packets (VERDICT_DRIVER) that have been sent, at most max, into `index`; each with
	 * ledger_take where the kernel had it.  `pending` says how many are still to come.  NULL: nothing is
	 * ever kept. */
	uint32_t (*done)(struct nic *nic, struct pkt_index *index, uint32_t max);
	uint32_t (*pending)(const struct nic *nic);

	/* The descriptors (at most NIC_FDS_MAX) that become readable when frames come, and the interrupt's
	 * switch; NULL for a driver that has none (arm: whose descriptors tell by their level).  After
	 * arm(on) ingest looks again. */
	uint32_t (*fds)(struct nic *nic, int *fd);
	void (*arm)(struct nic *nic, bool on);
};

extern const struct nic_ops nic_pcap; /* a file in, a file out */
extern const struct nic_ops nic_loop; /* a cable in memory */
extern const struct nic_ops nic_xdp;
extern const struct nic_ops nic_packet;
extern const struct nic_ops nic_tap;

/* The longest packet, behind Ethernet and its tags, that the port takes as it came: what the kernel lets in,
 * and what an epoch has raised that to, which it knows before its opener has said so. */
static inline uint32_t nic_packet_max(const struct nic *nic)
{
	return MIN(MAX(nic->grant.mtu, nic->mtu),
	        pool_frame_max(nic->pool) - ETHER_HDR_LEN - VLAN_TAGS_MAX * VLAN_HDR_LEN);
}

/* What a traced frame's events bear; 0: it is not traced. */
static inline uint32_t nic_trace(const struct nic *nic, uint32_t number)
{
	const struct nic_wishes *w = nic->wishes;
	uint32_t low = 0, high = w ? w->n_trace : 0;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (w->trace[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	for (; w && low < w->n_trace && w->trace[low].number == number; low++)
		if (w->trace[low].port.v == PORT_NONE.v || port_id_equal(w->trace[low].port, nic->port))
			return w->trace[low].trace;
	return 0;
}

#endif
