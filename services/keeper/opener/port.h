/* port: one physical port, as the opener sees it: what is wanted, what there is, and what was said of it.
 *
 *              wanted                  opened             carrier
 *     CLOSED ---------> OPENING -----------------> UP <------------> DOWN
 *        ^                | ^  fails: DOWN, again in a second          |
 *        |    no such     v |  vanishes                                |
 *        |              ABSENT <----------------------------------------
 *        +---- wanted no more: closed, given back
 *
 *     port_offer(p, host, ...)  what packets of an epoch that is offered need is there, or the epoch is
 * refused port_want(p, ...)         an epoch in force says what is wanted (once an epoch) port_step(p, host,
 * now)   one step towards it; port_next says when the next is due
 *
 * What is wanted in another way than what is open (another driver, interface, number of queues) is closed
 * first and opened anew, with a new incarnation; what is not wanted any more stays open until no packet of an
 * older epoch can leave by it.  The MTU and the MACs that frames are taken for follow the epochs while the
 * port stays open (port_follow.c).  Everything that is said goes through the host's functions, so that it can
 * be tested without a kernel or an attendant.  One thread.
 */
#ifndef SLUICE_SERVICES_KEEPER_OPENER_PORT_H
#define SLUICE_SERVICES_KEEPER_OPENER_PORT_H

#include "common/board/board.h"
#include "services/keeper/opener/netlink.h"
#include "services/keeper/opener/open.h"

#define PORT_RETRY     NANOS_PER_SEC
#define PORT_RETRY_NOW (20 * NANOS_PER_MS) /* the old sockets are still being closed */
#define PORT_SETTLE                                                                                          \
	(100 * NANOS_PER_MS) /* after the last program is detached nothing is written any more               \
	                      */

#define PORT_ADOPT_SETTLE                                                                                    \
	NANOS_PER_SEC /* who gives the interface addresses is to be done with it, and with routes over them  \
	               */

/* What an epoch wants of a port. */
struct port_want {
	uint64_t identity; /* what it was opened for is what is wanted still; 0: no port */
	char name[EPOCH_NAME_LEN];
	struct open_wish wish; /* ifindex, rx_queues and veth are found out */
	bool adopt;
};

/* What must survive the opener, besides the descriptors. */
struct port_kept {
	uint64_t identity;
	uint64_t incarnation;
	uint64_t space; /* network namespace of the interface */
	uint32_t ifindex;
	uint32_t queues;
	uint32_t mode;
	uint32_t driver;
	uint32_t parts; /* a bit each of enum open_part that has a descriptor, in this order */
	uint32_t mtu;   /* that the kernel was told; 0: another one was about to be told */
	char interface[EPOCH_NAME_LEN];
	char why_not[OPEN_WHY_BYTES];
};

struct port {
	uint16_t phys;
	uint64_t space; /* network namespace of its opener */
	struct port_want want;
	struct port_want
	        offer; /* of the epoch that is offered; identity 0: none is, or not on this interface */
	bool tried;    /* to open it, since it was wanted so and is not open */
	enum board_port_state state;
	uint64_t identity;    /* of what is open; 0: nothing is */
	uint64_t incarnation; /* of what is open or was last */
	struct opened opened;
	enum epoch_driver driver;       /* of what is open or was last */
	uint32_t queues;                /* likewise */
	char interface[EPOCH_NAME_LEN]; /* likewise */
	struct netlink_link link;       /* as last seen */
	uint32_t mtu;                   /* that the kernel was told last; 0: not known */
	uint64_t members, more;         /* whose frames come by OPEN_MEMBERSHIPS, OPEN_MORE; 0: not known */
	nanos_t due;                    /* when to try again; NANOS_NEVER: only when something changes */
	nanos_t gone_at;                /* closed: when GONE may be said; 0: said, or nothing was open */
	enum grant_what word;           /* the last about this incarnation; 0: none */
	bool untold;                    /* ... which ingest has yet to hear */
	uint64_t late;                  /* adopt_waiting, as last seen */
	nanos_t late_since;
	char reason[OPEN_ERROR_BYTES];
	uint64_t packet_drops, urgent_drops; /* PACKET_STATISTICS, which forgets as it is read */
};

/* What the opener does for its ports. */
struct port_host {
	void *context;
	struct netlink *nl;
	const struct pool *pool;
	/* Says a grant to ingest; 0, -EAGAIN (again later), -ENOTCONN (there is none). */
	int (*say)(void *context, const struct grant *grant, const int *fd, uint32_t n_fds);
	/* Has descriptors kept by the keeper under a key; n_fds 0: forgets. */
	void (*keep)(
	        void *context, uint64_t key, const void *body, size_t bytes, const int *fd, uint32_t n_fds);
	/* The file in which to write what an interface had; NULL: nothing is changed (tests). */
	const char *(*file)(void *context, const char *interface);
	struct board_port *(*board)(void *context, uint32_t phys);
	struct board_adopted *(*adopted)(void *context, uint32_t phys);
	/* Tells what has become of the link (board_link_make), whether it is news or not. */
	void (*link)(void *context, uint32_t phys, uint64_t link);
	bool older; /* packets of an epoch before that of the wishes are under way */
};

/* `space`: the network namespace that it is in (netlink_namespace). */
void port_init(struct port *p, uint16_t phys, uint64_t space);

/* Makes what packets of an epoch that is offered need: the larger MTU, the MAC, beside what packets of the
 * one in force need.  0; or a negative errno, with a sentence in `why` (OPEN_ERROR_BYTES) and which of both
 * it is in *refused: nothing is changed then.  A port that is opened only when the epoch is in force is
 * looked at as far as that tells.  The offer before it, if there was one, has ended, by port_want or
 * port_withdraw. */
[[nodiscard]] int port_offer(struct port *p, const struct port_host *host, const struct port_want *offer,
        enum board_refusal *refused, char *why);

/* It is offered no more, and all is again as what is in force wants it. */
void port_withdraw(struct port *p, const struct port_host *host);

/* What the epoch wants of it from now on. */
void port_want(struct port *p, const struct port_want *want);

/* Brings the port nearer to what is wanted; reads the link; writes the board. */
void port_step(struct port *p, const struct port_host *host, nanos_t now);

/* Whether what is wanted is open, or has been tried to be. */
bool port_settled(const struct port *p);

/* When port_step is to be called though nothing has happened. */
nanos_t port_next(const struct port *p);

/* A new ingest is to hear the last word about the port (port_step then tells it). */
void port_retell(struct port *p);

/* What the keeper held: the port's own part, or a queue's grant.  Descriptors become the port's. */
void port_resume(
        struct port *p, uint32_t slot, const void *body, size_t bytes, const int *fd, uint32_t n_fds);

/* After the last port_resume: what is not complete is closed. */
void port_resumed(struct port *p);

/* Closes and gives back at once, without a word to ingest, which is dead. */
void port_end(struct port *p, const struct port_host *host);

/* Keys of what is kept: a queue's number, or this. */
#define PORT_SLOT_OWN        0xffu
#define PORT_KEY(phys, slot) ((uint64_t)(phys) << 8 | (slot))

#endif
