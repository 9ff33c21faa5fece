/* ingest_internal: what the parts of the stage share: stage (its calls), receive and send (frames), poll
 * (NAPI), rings (what the kernel has).  Not for anyone else. */
#ifndef SLUICE_SERVICES_INGEST_INGEST_INTERNAL_H
#define SLUICE_SERVICES_INGEST_INGEST_INTERNAL_H

#include "services/ingest/ingest.h"
#include "services/ingest/ports.h"
#include "services/ingest/nic/rss.h"

/* Journaled, but for the ledger. */
struct ingest_state {
	struct port_state port[EPOCH_PHYS_MAX];
	struct ledger_state ledger;
};

/* Completions tell nobody: while some are still to come, the worker looks again so often. */
#define RINGS_LOOK (200 * NANOS_PER_US)

struct ingest {
	struct stage_env env;
	struct ports ports;
	uint32_t turn;           /* place in ports.open whose turn it is to receive */
	uint32_t done_turn;      /* and to say what it has sent */
	nanos_t look;            /* when to look for completions again; NANOS_NEVER: none are to come */
	struct pace_round round; /* the queues' own; the frame keeps the round's budget */
	struct poll_stats *polls;
	struct poll_stats unseen; /* where nobody gave room for them */
	uint8_t lane_of[RSS_TABLE];
	/* All packets of the burst that this is for, of which only the buffers change. */
	const struct burst *sent_of;
	struct pkt_ref sent[BURST_MAX];
};

/* poll.c: which queue is polled next, and when. */
uint32_t poll_ready(void *worker, const struct epoch *epoch, nanos_t now, uint32_t max, struct port_id *port);
nanos_t poll_next(const void *worker);
uint32_t poll_arm(void *worker, bool on, int *fd);

/* rings.c: buffers into the kernel's rings and back. */
uint32_t rings_wants(void *worker, uint32_t max, struct port_id *port);
void rings_fill(void *worker, struct port_id port, const struct pkt_index *index, uint32_t n);
bool rings_pending(const void *worker);
uint32_t rings_done(void *worker, struct port_id *port, struct pkt_index *index, uint32_t max);
void rings_apply(void *worker);
void rings_kick(void *worker, nanos_t now);
void rings_kernel(const void *worker, uint32_t buffers[EPOCH_PHYS_MAX]);

/* receive.c: decides about a burst that a port has received, and about what drivers had kept back. */
void receive_burst(const struct ingest *g, const struct epoch *epoch, struct burst *b);
void receive_outbox(const struct ingest *g, const struct epoch *epoch, struct burst *b);

/* send.c: gives a burst to the ports that it leaves by. */
void send_burst(struct ingest *g, const struct epoch *epoch, nanos_t now, struct burst *b);

/* tell.c: the statistics of the ports that a round has touched (a bit each), for others to read. */
void tell_ports(struct ingest *g, uint32_t ports);

#endif
