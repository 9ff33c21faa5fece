/* ports: a lane's ports: which are open, and their journaled state.
 *
 * A port's state belongs to an identity, which is its driver, text and place among the queues, and for a live
 * port to an incarnation of its rings (common/grant).  Settling brings states in line with the epoch and with
 * what the opener has said, in bursts, a port at a time; opening and closing follows from the states and is
 * private.  So a port can be opened at any time after a death, and finds itself where its last committed
 * burst left it.
 *
 * A port that only the epoch before the newest has takes no more frames, and sends as long as packets of that
 * epoch may come (ports_retire).  The state of a live port that is no longer wanted keeps its buffers until
 * the opener says that the kernel is done with them.
 *
 * Part of ingest; one thread for one structure.
 */
#ifndef SLUICE_SERVICES_INGEST_PORTS_H
#define SLUICE_SERVICES_INGEST_PORTS_H

#include "common/stage/stage.h"
#include "services/ingest/nic/fault.h"
#include "services/ingest/nic/nic.h"

#define PORTS_RETRY (NANOS_PER_SEC) /* between attempts to open a port that could not be */
#define PORTS_AWAIT                                                                                          \
	(NANOS_PER_SEC) /* how long a new worker rests for words about its predecessor's rings               \
	                 */

/* Journaled. */
struct port_state {
	_Alignas(CACHE_LINE) uint64_t identity; /* 0: no port */
	uint64_t incarnation;                   /* of a live port's rings; 0: it has none yet */
	nanos_t opened_at;
	uint32_t driver; /* enum epoch_driver */
	uint32_t queue;
	uint32_t owed; /* frames that a predecessor had in hand: the next ones are dropped */
	_Alignas(CACHE_LINE) uint8_t wire[NIC_STATE_BYTES];
	_Alignas(CACHE_LINE) uint8_t fault[FAULT_STATE_BYTES];
};

#define PORT_STATE_LINES ((uint32_t)(sizeof(struct port_state) / CACHE_LINE))

/* What an epoch asks for, a port. */
struct ports_view {
	uint32_t number; /* of the epoch; 0: none */
	uint64_t identity[EPOCH_PHYS_MAX];
	uint8_t queue[EPOCH_PHYS_MAX];
	uint8_t driver[EPOCH_PHYS_MAX];
};

struct open_port {
	uint64_t identity; /* tried; 0: none */
	uint64_t incarnation;
	nanos_t retry; /* when to try again */
	bool open;
	bool leaves; /* the newest epoch does not have it */
	struct nic nic;
	uint32_t n_fds; /* of nic.fd, ours to close */
	struct pace_settings pace;
	struct pace_queue queue;
	struct nic_stats told; /* what of nic.stats has been told */
	struct pace_queue told_queue;
	char error[NIC_ERROR_BYTES];
};

struct ports {
	const struct stage_env *env;
	struct port_state *state; /* EPOCH_PHYS_MAX */
	struct open_port *port;   /* EPOCH_PHYS_MAX */
	struct ledger ledger;
	struct ports_view view[2];
	const struct epoch *opening; /* while a port is being opened: for the names of its peers */
	uint32_t newest;             /* epoch */
	bool older;                  /* packets of the one before may come */
	uint32_t heard;              /* grants_count when all was last settled */
	bool unsettled;
	nanos_t retry;                /* the earliest; NANOS_NEVER: none */
	nanos_t awaits;               /* until when words are awaited; 0: none are */
	uint32_t n_open, n_polled;    /* those that leave are open and not polled */
	uint8_t open[EPOCH_PHYS_MAX]; /* in order of their numbers, those that leave behind the others */
	uint32_t touched;             /* a bit a port: took part in this burst */
	uint32_t kicks;               /* in this round */
};

/* 0 or -ENOMEM.  env, state and the ledger's memory stay the caller's. */
[[nodiscard]] int ports_attach(struct ports *ports, const struct stage_env *env, struct port_state *state,
        struct ledger_state *ledger);
void ports_detach(struct ports *ports);

/* Brings states in line with the epoch, a port a burst; true when all are as far as they can be, and ports
 * open. */
bool ports_adopt(struct ports *ports, const struct epoch *epoch, nanos_t now, struct burst *burst);

/* No packet of an older epoch comes any more: ports that only that one has close.  As ports_adopt. */
bool ports_retire(struct ports *ports, const struct epoch *epoch, nanos_t now, struct burst *burst);

/* Whether ports_settle has something to do: the opener has spoken, or a port is to be tried again. */
bool ports_unsettled(const struct ports *ports, nanos_t now);
/* A step of it, in a burst with n = 0. */
void ports_settle(struct ports *ports, const struct epoch *epoch, nanos_t now, struct burst *burst);

/* Until when words about rings that a predecessor had are to be awaited; 0: all were said. */
nanos_t ports_await(struct ports *ports, nanos_t now);

/* The open port as that epoch has it; NULL: it is not open, not on this lane, or another by now. */
struct nic *ports_get(struct ports *ports, const struct epoch *epoch, struct port_id port);

/* The port takes part in this burst. */
static inline void ports_touch(struct ports *ports, struct port_id port)
{
	ports->touched |= 1u << port.v;
}

/* After the commit: the ledger, then the rings of those that took part. */
void ports_apply(struct ports *ports);

/* Why the port is down: a sentence; NULL: it is open, or none of this lane's. */
const char *ports_error(const struct ports *ports, uint32_t port);

/* What a port's driver opens. */
static inline const char *ports_text(const struct epoch *epoch, const struct epoch_port *port)
{
	return port->driver_text ? epoch_text(epoch, port->driver_text) : "";
}

/* The driver of a number; NULL for none (drivers.c). */
const struct nic_ops *ports_driver(uint32_t driver);

#endif
