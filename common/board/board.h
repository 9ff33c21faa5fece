/* board: what the keeper and the attendants tell everybody: how the processes and the ports are.
 *
 *     board_port_begin(p); p->state = ...; board_port_end(p);      the opener, the only writer of a port
 *     board_port_read(&board->port[i], &copy);                     anybody, at any time
 *     board_role_read(&board->role[r], &copy);
 *     board_usage_read(&board->usage[r], &copy);                   what that process costs
 *     board_opener_read(&board->opener, &copy);                    how far it is with epochs: control
 *     if (board_adoptions(board) != before) board_adopted_read(&board->adopted[i], &copy);      control
 *     if (board_links_changes(&board->links) != before) board_link(&board->links, i) ...         the router
 *
 * Lies in REGION_BOARD, zero at first.  A role's entry is written by its attendant (and by the keeper while
 * that is dead), the ports by ingest's attendant; all others map it read-only.  Readers never block a writer
 * and never see half of an entry.  No pointers, fixed widths.
 */
#ifndef SLUICE_COMMON_BOARD_BOARD_H
#define SLUICE_COMMON_BOARD_BOARD_H

#include "common/epoch/epoch.h"

/* The processes; the first four are numbered as the stages (enum stage_id). */
enum role { ROLE_INGEST, ROLE_FILTER, ROLE_ROUTER, ROLE_SESSION, ROLE_CONTROL, ROLE_COUNT };

enum board_role_state {
	BOARD_ROLE_NONE,     /* never started */
	BOARD_ROLE_STARTING, /* forked; has not said that it is ready */
	BOARD_ROLE_RUNNING,
	BOARD_ROLE_WAITING, /* dead; started again at backoff_until */
	BOARD_ROLE_FAILED,  /* dead; has died of its own faults too often, and is tried seldom */
	BOARD_ROLE_STOPPED, /* dead, by order */
};

struct board_role {
	_Alignas(CACHE_LINE) uint32_t seq; /* odd while it is written */
	uint32_t state;                    /* enum board_role_state */
	int32_t pid;                       /* of the process; 0: none */
	int32_t attendant;                 /* pid of its parent */
	uint64_t starts;
	uint64_t faults;     /* deaths by its own fault: a signal that it raised itself, an exit, a stall */
	uint64_t stalls;     /* of the faults: killed for want of progress */
	int32_t last_signal; /* of the last death; 0: it exited */
	int32_t last_exit;
	uint64_t started_at; /* CLOCK_MONOTONIC, nanos_t */
	uint64_t died_at;
	uint64_t backoff_until; /* 0: none */
	uint64_t ready_at;
	uint32_t own_fault; /* 1: the last death was a fault of the process's own */
	int32_t last_pid;   /* of the one that died last */
	uint32_t crash;     /* the number of that fault among all of stages, from 1; 0: it was none */
	uint32_t reserved;
};

/* What a role costs, as its attendant sees it twice a second.  What is counted is counted over all processes
 * that the role has had. */
struct board_usage {
	_Alignas(CACHE_LINE) uint32_t seq; /* odd while it is written */
	uint32_t threads;
	uint64_t at;        /* CLOCK_MONOTONIC, of that look; 0: there was none */
	uint64_t cpu_ns;    /* of all threads, user and system */
	uint64_t waited_ns; /* that threads could have run, and had no processor */
	uint64_t switches;  /* of processors to its threads */
	uint64_t rss_bytes; /* resident, all shared memory among it; 0: no process lives */
	uint64_t pss_bytes; /* its share of that; 0: not known */
	uint64_t reserved;
};

enum board_port_state {
	BOARD_PORT_CLOSED,
	BOARD_PORT_OPENING,
	BOARD_PORT_UP,
	BOARD_PORT_DOWN,
	BOARD_PORT_ABSENT
};

enum board_duplex { BOARD_DUPLEX_UNKNOWN, BOARD_DUPLEX_HALF, BOARD_DUPLEX_FULL };

#define BOARD_TEXT 96u

/* A physical port, by its number in the epoch. */
struct board_port {
	_Alignas(CACHE_LINE) uint32_t seq; /* odd while it is written */
	uint32_t state;                    /* enum board_port_state */
	char name[EPOCH_NAME_LEN];         /* terminated; empty: no port */
	uint32_t driver;                   /* enum epoch_driver that is wanted */
	uint32_t mode;                     /* the driver's own number for how it runs; 0: not */
	uint64_t incarnation;              /* 0: none */
	uint32_t ifindex;
	uint32_t mtu;
	struct mac_addr mac;
	uint8_t carrier;
	uint8_t duplex;      /* enum board_duplex */
	uint32_t speed_mbps; /* 0: unknown */
	uint32_t queues;
	char mode_name[EPOCH_NAME_LEN];                              /* mode in words */
	char reason[BOARD_TEXT];                                     /* why it is not up */
	char why_not[BOARD_TEXT];                                    /* why it has no better mode */
	uint64_t rx_dropped, rx_ring_full, rx_fill_empty, rx_errors; /* the kernel's counters */
	uint64_t tx_errors, tx_dropped, changes;
	uint64_t urgent_dropped; /* frames of the control class that found its ring full */
	uint64_t reserved[6];
};

#define BOARD_ADDRESSES 32u
#define BOARD_ROUTES    128u

/* Of what the kernel had on an interface. */
struct board_address {
	struct ip6_addr addr; /* IPv4 mapped */
	uint8_t family;       /* 4 or 6 */
	uint8_t prefix_len;
	uint16_t reserved[3];
};

#define BOARD_ROUTE_ONLINK 0x01u /* the gateway need not be in a network of the interface */

struct board_route {
	struct ip6_addr to, gateway; /* gateway zero: the destination is on the link */
	uint32_t metric;
	uint8_t family;
	uint8_t prefix_len;
	uint8_t flags; /* BOARD_ROUTE_* */
	uint8_t reserved;
};

/* What a physical port has taken over from the kernel's interface, for the time that it is open. */
struct board_adopted {
	_Alignas(CACHE_LINE) uint32_t seq; /* odd while it is written */
	uint32_t n_addresses, n_routes;
	uint32_t left_out;         /* that found no room here, or are of a kind that Sluice does not have */
	char name[EPOCH_NAME_LEN]; /* of the port, terminated; empty: nothing is taken over */
	struct board_address address[BOARD_ADDRESSES];
	struct board_route route[BOARD_ROUTES];
};

/* What has become of a physical port's link, as one number: another one after each loss, with a bit that is
 * set while it is up.  0: nothing was said of it yet. */
#define BOARD_LINK_UP        UINT64_C(1)
#define BOARD_LINK_LOSS_BITS 23u

/* `incarnation` of the port, above 0; `losses`: how often the kernel's interface has lost its carrier. */
static inline uint64_t board_link_make(uint64_t incarnation, uint32_t losses, bool up)
{
	uint64_t interface = hash_mix(incarnation, 0) | 1, lost = losses % (1u << BOARD_LINK_LOSS_BITS);

	return interface << (BOARD_LINK_LOSS_BITS + 1) | lost << 1 | (up ? BOARD_LINK_UP : 0);
}

/* Whether no loss lies between the two, and whether both are of one opening of the interface. */
static inline bool board_link_lasted(uint64_t before, uint64_t now)
{
	return before >> 1 == now >> 1;
}

static inline bool board_link_reopened(uint64_t before, uint64_t now)
{
	return before >> (BOARD_LINK_LOSS_BITS + 1) != now >> (BOARD_LINK_LOSS_BITS + 1);
}

/* Written by the opener: a link, then that something has changed. */
struct board_links {
	_Alignas(CACHE_LINE) uint64_t changes;
	uint64_t reserved[7];
	uint64_t link[EPOCH_PHYS_MAX]; /* board_link_make */
};

enum board_refusal { BOARD_REFUSED_NOT, BOARD_REFUSED_MTU, BOARD_REFUSED_MAC };

#define BOARD_WHY 156u

/* What the opener has done about epochs, as workers say it in their status. */
struct board_opener {
	_Alignas(CACHE_LINE) uint32_t seq; /* odd while it is written */
	uint32_t lives;                    /* 1: it answers; 0: there is none, or it has only begun */
	uint32_t ready;   /* the last epoch that was offered and answered: its packets may pass, or */
	uint32_t refused; /* enum board_refusal: they cannot, */
	uint32_t phys;    /* by this port */
	uint32_t adopted; /* the last in force that was acted upon: its ports are open, as far as they can be
	                   */
	uint32_t reserved[3];
	char why[BOARD_WHY];
};

#define BOARD_MAGIC 0x44524f42u /* "BORD" */

struct board {
	_Alignas(CACHE_LINE) uint32_t magic; /* 0 until the keeper has begun */
	int32_t keeper;                      /* pid */
	uint64_t keeper_starts;
	uint64_t started_at; /* of the appliance, CLOCK_MONOTONIC */
	uint32_t crashes;    /* faults of stages since then: counted by their attendants */
	struct board_role role[ROLE_COUNT];
	struct board_usage usage[ROLE_COUNT];
	struct board_port port[EPOCH_PHYS_MAX];
	struct board_adopted adopted[EPOCH_PHYS_MAX]; /* by the number of the port as well */
	struct board_links links;
	struct board_opener opener; /* written by it; `lives` by the keeper too, when it is dead */
};

static_assert(sizeof(struct board_role) == 2 * CACHE_LINE, "shared layout");
static_assert(sizeof(struct board_usage) == CACHE_LINE, "shared layout");
static_assert(sizeof(struct board_port) == 6 * CACHE_LINE, "shared layout");
static_assert(sizeof(struct board_opener) == 3 * CACHE_LINE, "shared layout");
static_assert(sizeof(struct board_address) == 24 && sizeof(struct board_route) == 40, "shared layout");

/* Around a change of an entry; one writer at a time. */
void board_port_begin(struct board_port *p);
void board_port_end(struct board_port *p);
void board_role_begin(struct board_role *r);
void board_role_end(struct board_role *r);
void board_usage_begin(struct board_usage *u);
void board_usage_end(struct board_usage *u);
void board_adopted_begin(struct board_adopted *a);
void board_adopted_end(struct board_adopted *a);
void board_opener_begin(struct board_opener *o);
void board_opener_end(struct board_opener *o);

/* It answers no more: it is dead, or a new one begins, which has answered nothing. */
void board_opener_gone(struct board_opener *o);

/* A copy of an entry as it was at one time.  false: it is written without end (its writer died meanwhile, or
 * lies); the copy is then what could be seen. */
bool board_port_read(const struct board_port *p, struct board_port *copy);
bool board_role_read(const struct board_role *r, struct board_role *copy);
bool board_usage_read(const struct board_usage *u, struct board_usage *copy);
/* Its counts are then within bounds, whatever stood there. */
bool board_adopted_read(const struct board_adopted *a, struct board_adopted *copy);
bool board_opener_read(const struct board_opener *o, struct board_opener *copy);

/* Another number after each change of what ports have taken over; 0: none ever has. */
uint32_t board_adoptions(const struct board *board);

/* Whether that was news: then the router's bell is to be rung. */
bool board_link_set(struct board_links *links, uint32_t phys, uint64_t link);

/* All is to be looked at: a writer may have died before it counted what it wrote. */
void board_links_again(struct board_links *links);

/* What is read of a link after this is at least as new as the count; 0: nothing was said yet. */
static inline uint64_t board_links_changes(const struct board_links *links)
{
	return __atomic_load_n(&links->changes, __ATOMIC_ACQUIRE); /* with board_links_again */
}

static inline uint64_t board_link(const struct board_links *links, uint32_t phys)
{
	return __atomic_load_n(&links->link[phys], __ATOMIC_RELAXED);
}

#define BOARD_DEATH_TEXT 16u

/* How a process ended: "SIGSEGV", "exit 3". */
const char *board_death_text(char text[BOARD_DEATH_TEXT], int32_t signal, int32_t status);

/* "ingest", "filter", "router", "session", "control". */
const char *board_role_name(enum role role);
const char *board_role_state_name(uint32_t state);
const char *board_port_state_name(uint32_t state);

#endif
