/* open: an interface of the machine is made a port's: what needs privileges, and none of what moves frames.
 *
 *     struct open_wish wish = {...};
 *     if (open_port(&opened, &wish, error) == 0)
 *             for each queue: grant_send(opened.grant[q], opened.queue[q])
 *     ...
 *     open_close(&opened);                       the last holder's close gives the interface back
 *
 * Everything that is done to the interface hangs on descriptors: sockets, BPF links, memberships.  Whoever
 * holds copies keeps the port as it is, and when the last copy is closed the kernel undoes it all by itself.
 * Settings that do not (offloads, addresses) are adopt.h's.
 *
 * While a port is open the kernel neither answers nor speaks on it: AF_XDP takes every frame before the
 * kernel sees it; for AF_PACKET a program behind the tap drops them; and one at egress drops whatever the
 * kernel itself would send (frames of ours do not pass there).  A TAP's other end is the kernel itself and is
 * left alone.
 *
 * A queue of AF_XDP and AF_PACKET has two rings to receive from: frames of the control class
 * (common/urgent) have one of their own, so that they do not find it full of others.
 *
 * For the port opener.  One thread.
 */
#ifndef SLUICE_SERVICES_KEEPER_OPENER_OPEN_H
#define SLUICE_SERVICES_KEEPER_OPENER_OPEN_H

#include "common/grant/grant.h"
#include "common/pkt/burst.h"
#include "common/settings/settings.h"

#define OPEN_ERROR_BYTES 256u
#define OPEN_WHY_BYTES   96u

struct open_wish {
	uint32_t ifindex;               /* 0: the interface is to be made (tap) */
	char interface[EPOCH_NAME_LEN]; /* terminated */
	enum epoch_driver driver;       /* a live one */
	enum settings_mode mode;
	uint32_t queues;           /* from 1 to LANES_MAX */
	uint32_t rx_queues;        /* that the interface has; 0: unknown */
	uint32_t rx_ring, tx_ring; /* powers of two */
	uint32_t busy_poll_us;     /* 0: none */
	uint32_t control_dscp;     /* common/urgent */
	uint32_t mtu;
	bool promiscuous;
	bool veth;               /* the interface is one end of a veth pair */
	struct mac_addr mac;     /* frames to it are to be taken, whatever the interface's own is */
	const struct pool *pool; /* mapped writable; outlives the call */
};

/* Descriptors that belong to the port as a whole. */
enum open_part {
	OPEN_XDP_MAP,     /* sockets by queue */
	OPEN_XDP_LINK,    /* the program that takes frames, or lets them pass */
	OPEN_QUIET_IN,    /* drops what comes in, behind the tap */
	OPEN_QUIET_OUT,   /* drops what the kernel sends */
	OPEN_MEMBERSHIPS, /* a socket that takes no frames: MAC, multicast, promiscuous */
	OPEN_MORE,        /* another, of an epoch that is offered, or of the one before that in force */
	OPEN_PARTS
};

struct opened {
	uint32_t queues;
	uint32_t mode; /* enum grant_mode */
	int queue[LANES_MAX];
	int urgent[LANES_MAX];          /* the queue's ring of the control class; -1: it has none */
	int part[OPEN_PARTS];           /* -1: there is none */
	struct grant grant[LANES_MAX];  /* but for what, phys, incarnation, link, mtu: the caller's */
	char why_not[OPEN_WHY_BYTES];   /* why there is no better mode; empty: it is the best */
	char interface[EPOCH_NAME_LEN]; /* as it is called */
	uint32_t ifindex;
};

/* Opens what the wish says.  0, or a negative errno with a sentence in `error` (OPEN_ERROR_BYTES) that says
 * what is missing and what helps; nothing stays open then. */
[[nodiscard]] int open_port(struct opened *opened, const struct open_wish *wish, char *error);

/* Which frames the interface lets in, beside what others have asked of it: those to the wish's MAC, or all
 * where it says so; and all of multicast.  As long as the descriptor lives that this returns; or a negative
 * errno with a sentence in `error`. */
[[nodiscard]] int open_join(const struct open_wish *wish, uint32_t ifindex, char *error);

/* Closes all descriptors. */
void open_close(struct opened *opened);

/* The descriptors of a queue in the order of its grant; they stay the port's.  Returns how many. */
uint32_t open_fds(const struct opened *opened, uint32_t queue, int fd[GRANT_FDS_MAX]);

/* "native", "v2", ...; "" for GRANT_MODE_NONE. */
const char *open_mode_name(uint32_t mode);

/* The kinds; called by open_port with *opened empty. */
[[nodiscard]] int open_xdp(struct opened *opened, const struct open_wish *wish, char *error);
[[nodiscard]] int open_packet(struct opened *opened, const struct open_wish *wish, char *error);
[[nodiscard]] int open_tap(struct opened *opened, const struct open_wish *wish, char *error);

/* Bytes of an AF_PACKET slot for frames of that MTU: with room for those of any that fits the default
 * buffers. */
uint32_t open_packet_slot(uint32_t mtu);

/* Whether frames of that MTU fit what AF_XDP may write of a buffer. */
bool open_xdp_fits(const struct pool *pool, uint32_t mtu);

/* Quiets the kernel on the interface (tcx), ingress too where asked.  Where that cannot be, `why_not` says
 * so. */
void open_quiet(struct opened *opened, uint32_t ifindex, bool ingress);

/* Sets a socket's option; 0, or a negative errno and a sentence in `error`. */
[[nodiscard]] int open_option(
        int fd, int level, int option, const void *value, uint32_t bytes, const char *what, char *error);

#endif
