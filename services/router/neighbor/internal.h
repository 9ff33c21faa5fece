/* internal: what the files behind neighbor.h share; known to nobody else.
 *
 *     neighbor.c         the state, entries, lists, eviction
 *     nud.c              the states of an entry and what moves it between them
 *     output.c           a routed packet: resolved, or held in its neighbor's queue
 *     timer.c            what is due
 *     adopt.c            an epoch is taken up
 *     link.c             links that are lost and come back
 *     check.c            whether the state is consistent
 *     arp.c, nd.c        the two protocols of resolution
 *     dad.c              our addresses: duplicate address detection, announcements
 *     group.c            our groups; igmp.c and mld.c speak about them
 *
 * Every function that changes something gets a struct neighbor_call: what one call from the router works
 * with.
 */
#ifndef SLUICE_SERVICES_ROUTER_NEIGHBOR_INTERNAL_H
#define SLUICE_SERVICES_ROUTER_NEIGHBOR_INTERNAL_H

#include "common/trace/trace.h"
#include "services/router/neighbor/neighbor.h"

#define NEIGHBOR_MAGIC     0x4847454eu /* "NEGH" */
#define NEIGHBOR_ADDRESSES 2048u /* addresses of ours that are followed; those beyond are taken as unique */
#define NEIGHBOR_GROUPS    4096u /* groups that are reported */

/* Slots are taken in the order in which they became free, and so many are free at any time that none which a
 * burst frees is taken in the same burst. */
#define NEIGHBOR_SLOTS_FREE 1024u

/* Linux's values where they are no settings of an epoch. */
#define NEIGHBOR_LOCKTIME_MS 1000u /* net.ipv4.neigh.locktime: the first of several ARP replies wins */
#define NEIGHBOR_FORCED_MS   5000u /* an entry that changed since is not evicted (neigh_forced_gc) */
#define NEIGHBOR_RETRANS_MIN (10 * NANOS_PER_MS) /* neigh_timer_handler: HZ / 100 */
#define NEIGHBOR_FAILED_KEPT                                                                                 \
	(15 * NANOS_PER_SEC) /* a failed entry stays so long, to be found and evicted first */
#define NEIGHBOR_HOLD_MAX     (3 * NANOS_PER_SEC) /* DESIGN: a packet that waits pins its epoch no longer */
#define NEIGHBOR_RESOLVE_RATE ((struct epoch_rate){1000, 256}) /* resolutions begun (RFC 6583 7.1) */

/* Every entry is on one list, oldest first. */
enum neighbor_list {
	LIST_FAILED,
	LIST_INCOMPLETE,
	LIST_STALE,
	LIST_ACTIVE, /* REACHABLE, DELAY, PROBE */
	NEIGHBOR_LISTS
};

/* An epoch is taken up, and when the one before is through what only that one had is swept out. */
enum neighbor_phase {
	ADOPT_ADDRESSES,      /* those of the epoch */
	ADOPT_GROUPS,         /* those of the epoch's ports */
	ADOPT_ADDRESS_GROUPS, /* the solicited-node groups of our addresses */
	SWEEP_ENTRIES,        /* adopted: entries of ports that are gone */
	SWEEP_ADDRESSES,
	SWEEP_GROUPS,
	SWEEP_DONE,
};

struct neighbor_header {
	_Alignas(CACHE_LINE) uint32_t magic;
	uint32_t free_prod; /* free_ring's indices, free-running */
	uint32_t free_cons;
	uint32_t count[NEIGHBOR_LISTS];
	uint32_t held;             /* packets that wait */
	uint32_t pinned[2];        /* of them with an even and an odd epoch */
	uint32_t pinned_number[2]; /* which */
	nanos_t resolve_full_at;   /* token bucket of resolutions */
	_Alignas(CACHE_LINE) uint32_t first[NEIGHBOR_LISTS];
	uint32_t last[NEIGHBOR_LISTS];
	uint64_t random;
	_Alignas(CACHE_LINE)
	        uint32_t adopted; /* epoch number that all is in line with, once phase is SWEEP_DONE */
	uint32_t phase;           /* enum neighbor_phase */
	uint32_t cursor;          /* within the phase */
	uint32_t cursor2;
	uint32_t unusable; /* addresses that are tentative or duplicate */
	uint32_t address_free;
	uint32_t group_free;
	uint32_t addresses;
	uint32_t groups;
	uint32_t lost, risen, reopened; /* physical ports, a bit each, of whose links all is yet to be told */
	uint32_t link_cursor;           /* how far that is: number of a timer's owner (TIMER_ADDRESS...) */
};

static_assert(sizeof(struct neighbor_header) == 3 * CACHE_LINE, "journaled layout");

/* The cold half of an entry. */
struct neighbor_cold {
	_Alignas(CACHE_LINE) uint32_t prev; /* on its list */
	uint32_t next;
	uint32_t queue_head; /* buffers, linked by queue_next */
	uint32_t queue_tail;
	uint32_t queue_count;
	uint32_t reserved;
	nanos_t queue_since;   /* when the first of them was queued */
	nanos_t due;           /* the state's own timer; NANOS_NEVER: none */
	uint32_t reachable_ms; /* how long a confirmation lasts: drawn anew each time it becomes REACHABLE */
	uint8_t list;          /* enum neighbor_list */
	uint8_t probes;        /* sent in this state */
	uint8_t reserved2[2];
	nanos_t answer_at;       /* then its question about an anycast address is answered; 0: it has none */
	uint32_t answer_address; /* the epoch's address whose network's it is */
	uint32_t reserved3;
};

static_assert(sizeof(struct neighbor_cold) == CACHE_LINE, "one line");

/* queue_next[buffer]: the next buffer, and whether the packet's epoch is odd. */
#define QUEUE_ODD  0x80000000u
#define QUEUE_IN   0x40000000u /* it waits: a neighbour may hand the same buffer over twice */
#define QUEUE_NONE 0x3fffffffu

enum address_state {
	ADDRESS_FREE,
	ADDRESS_TENTATIVE,
	ADDRESS_OURS,
	ADDRESS_DUPLICATE, /* another node has it */
};

/* An address of ours on a port. */
struct neighbor_address {
	struct ip6_addr addr; /* IPv4 mapped */
	struct port_id port;
	uint8_t state;    /* enum address_state */
	uint8_t probes;   /* still to be sent before it is ours */
	uint8_t announce; /* announcements still to be sent */
	uint8_t linked;   /* the port has a link, where it can be probed and announced */
	uint8_t host;     /* of host scope, on no link */
	uint8_t nodad;    /* never probed */
	uint32_t next;    /* in its bucket, or of the free ones */
	uint32_t seen;    /* epoch number that has it */
};

static_assert(sizeof(struct neighbor_address) == 32, "two to a line");

enum group_state {
	GROUP_FREE,
	GROUP_JOINED,
	GROUP_LEFT, /* says so a last time */
};

/* A group that we listen to on a port. */
struct neighbor_group {
	struct ip6_addr addr; /* IPv4 mapped */
	struct port_id port;
	uint8_t state;    /* enum group_state */
	uint8_t repeats;  /* unsolicited reports still to be sent */
	uint8_t answer;   /* a query waits for the timer: the report is a current-state record */
	uint8_t reporter; /* the last report on the link was ours (RFC 2236: the Leave is due) */
	uint8_t reserved[2];
	uint32_t next;      /* in its bucket, or of the free ones */
	uint32_t port_next; /* on its port */
	uint32_t seen;      /* epoch number that has it */
	uint32_t reserved2;
	nanos_t due; /* its timer, NANOS_NEVER: none */
	uint64_t reserved3[2];
};

static_assert(sizeof(struct neighbor_group) == CACHE_LINE, "one line");

/* A port, as group memberships go. */
struct neighbor_port {
	uint32_t first_group; /* of its groups, linked by port_next */
	uint32_t walk[2];     /* where answering a general query goes on: next group; by family (IGMP, MLD) */
	uint32_t
	        spread_ms[2]; /* that answer: over so much time, each by itself; 0: in full reports at once */
	uint32_t reserved;
	nanos_t old_until[2]; /* an older querier is about until then (RFC 3376 7.2.1, RFC 3810 8.2.1) */
	nanos_t due[2];       /* answering goes on then; NANOS_NEVER: nothing to answer */
	uint8_t old_version[2];
	uint8_t reserved2[6];
};

static_assert(sizeof(struct neighbor_port) == CACHE_LINE, "one line");

/* A physical port's link, as far as its neighbors and our addresses there are in line with it. */
struct neighbor_wire {
	uint64_t link;       /* board_link */
	nanos_t announce_at; /* when what stands there is, or was last, announced again */
	uint32_t losses;     /* that were noticed */
	uint32_t reserved[3];
};

static_assert(sizeof(struct neighbor_wire) == 32, "two to a line");

#define FAMILY_IGMP 0u
#define FAMILY_MLD  1u

/* Timers, side by side in the wheel: entries by slot, then these. */
#define TIMER_ADDRESS(n, i)      ((n)->slots + (i))
#define TIMER_GROUP(n, i)        ((n)->slots + NEIGHBOR_ADDRESSES + (i))
#define TIMER_PORT(n, port, fam) ((n)->slots + NEIGHBOR_ADDRESSES + NEIGHBOR_GROUPS + (port)*2u + (fam))
#define TIMERS(slots)            ((slots) + NEIGHBOR_ADDRESSES + NEIGHBOR_GROUPS + EPOCH_PORTS_MAX * 2u)

struct neighbor_call {
	struct neighbor *n;
	const struct epoch *epoch;
	nanos_t now;
	struct burst *burst;
	const struct pkt *cause;       /* what made this happen, for traces; NULL: a timer, an epoch */
	const struct pkt_ref *waiting; /* the packet that wants to be sent, as long as it is in no queue */
	uint32_t at;                   /* where a packet made because of it belongs in the burst */
};

static inline struct neighbor_call neighbor_call_for(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref ref)
{
	return (struct neighbor_call){n, epoch, now, burst, ref.pkt, NULL, ref.at};
}

static inline struct neighbor_call neighbor_call_alone(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	return (struct neighbor_call){n, epoch, now, burst, NULL, NULL, burst->n};
}

static always_inline struct journal *call_journal(const struct neighbor_call *c)
{
	return c->burst->journal;
}

static always_inline void *call_touch(const struct neighbor_call *c, void *p)
{
	return journal_touch(c->burst->journal, p);
}

static always_inline void call_count(const struct neighbor_call *c, enum stat_id stat)
{
	burst_count(c->burst, stat, 1);
}

static always_inline uint32_t call_trace(const struct neighbor_call *c)
{
	return c->cause ? c->cause->trace : 0;
}

static always_inline uint32_t call_ms(const struct neighbor_call *c)
{
	return (uint32_t)(c->now / NANOS_PER_MS);
}

static always_inline struct ip6_addr entry_addr(const struct neighbor_entry *e)
{
	struct ip6_addr a;

	memcpy(&a, e->addr, sizeof a);
	return a;
}

static always_inline uint8_t entry_state(const struct neighbor_entry *e)
{
	return neighbor_link_of(e).state;
}

static inline const struct epoch_address *port_addresses(
        const struct epoch *epoch, const struct epoch_port *port)
{
	return (const void *)((const char *)epoch->header + port->addresses.off);
}

static inline const struct ip6_addr *port_groups(const struct epoch *epoch, const struct epoch_port *port)
{
	return (const void *)((const char *)epoch->header + port->groups.off);
}

/* Whether the port has a wire that is up. */
static inline bool port_has_link(const struct epoch_port *port)
{
	return port && port->kind != EPOCH_PORT_LOOPBACK && port->flags & EPOCH_PORT_UP;
}

#define NEIGHBOR_LINK_LOOK (250 * NANOS_PER_MS) /* between looks at a port that is not open yet */

/* Whether what is to be asked or announced there waits until the port is open. */
static inline bool neighbor_link_waits(const struct neighbor_call *c, struct port_id port)
{
	const struct neighbor_hooks *hooks = &c->n->hooks;

	return hooks->link_waits && hooks->link_waits(hooks->ctx, c->epoch, port);
}

/* The wire that a port is on; NULL: the epoch has no such port. */
static inline struct neighbor_wire *neighbor_wire(const struct neighbor_call *c, struct port_id port)
{
	const struct epoch_port *p = epoch_port(c->epoch, port);

	return p && p->phys.v < EPOCH_PHYS_MAX ? &c->n->wire[p->phys.v] : NULL;
}

/* A walk over tables goes on in the next burst after so many items, or where the log or the outbox has no
 * room for what one more may need; `room` is what the log had at its beginning. */
#define NEIGHBOR_ITEMS_BURST 4096u
#define NEIGHBOR_ITEM_LINES  64u
#define NEIGHBOR_ITEM_OUTBOX 128u

static inline bool neighbor_has_room(const struct neighbor_call *c, uint32_t room)
{
	return room - journal_room(call_journal(c)) + NEIGHBOR_ITEM_LINES <= NEIGHBOR_LINES_BURST &&
	       c->burst->n_out + NEIGHBOR_ITEM_OUTBOX <= OUTBOX_MAX;
}

/* A number below `bound` (0 for 0) from the state's own generator. */
uint64_t neighbor_random(const struct neighbor_call *c, uint64_t bound);

/* --- entries (neighbor.c) --- */

uint32_t entry_find(const struct neighbor *n, struct port_id port, const struct ip6_addr *addr);

/* Why an entry is made. */
enum entry_why {
	ENTRY_RESOLVE, /* a packet wants to go there */
	ENTRY_LEARN,   /* it has spoken to us */
};

/* Makes an entry in state NUD_NONE, which the caller moves to another with entry_enter at once.  Where the
 * table is full others give way: those that are not resolved before those that are, the oldest first, one
 * that is in use never.  NEIGHBOR_NONE where nothing gives way: counted. */
uint32_t entry_make(
        const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr, enum entry_why why);

/* The entry ends; what waits for it is dropped with `reason`.  false where the outbox has no room for that:
 * some may be dropped, the entry stays. */
[[nodiscard]] bool entry_remove(const struct neighbor_call *c, uint32_t slot, enum drop_reason reason);

/* Writes state, MAC and flags for all lanes to see. */
void entry_publish(const struct neighbor_call *c, uint32_t slot, struct neighbor_link link);

/* Moves the entry to a state: its list, its time, its timer (`due`); its probes start anew. */
void entry_enter(const struct neighbor_call *c, uint32_t slot, enum nud_state state, nanos_t due);

/* Sets the wheel by the entry's timer and by what waits for it. */
void entry_arm(const struct neighbor_call *c, uint32_t slot);

/* --- states (nud.c) --- */

#define UPDATE_OVERRIDE        0x01u /* Linux NEIGH_UPDATE_F_* */
#define UPDATE_WEAK_OVERRIDE   0x02u
#define UPDATE_OVERRIDE_ROUTER 0x04u
#define UPDATE_ROUTER          0x08u

/* The link layer has said something about a neighbor (Linux neigh_update); mac NULL:
 * nothing of its address.  What waited for it goes out. */
void nud_update(const struct neighbor_call *c, uint32_t slot, const struct mac_addr *mac,
        enum nud_state state, uint32_t flags);

/* Finds or makes the neighbor, and updates it to STALE: it has spoken to us and said its MAC (Linux
 * neigh_event_ns).  NEIGHBOR_NONE where the table is full. */
uint32_t nud_event_ns(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr,
        const struct mac_addr *mac, uint32_t flags);

/* May one more resolution begin?  Takes a token. */
bool nud_may_resolve(const struct neighbor_call *c);

/* A packet is to be sent (Linux neigh_event_send).  true: with the MAC that the entry has. */
bool nud_event_send(const struct neighbor_call *c, uint32_t slot);

/* The entry's timer (Linux neigh_timer_handler, neigh_periodic_work). */
void nud_timer(const struct neighbor_call *c, uint32_t slot);

/* An entry that is being resolved is asked for anew: what was sent before was lost. */
void nud_ask_again(const struct neighbor_call *c, uint32_t slot);

/* --- links (link.c) --- */

/* Whether neighbor_links has something to do. */
bool neighbor_links_due(const struct neighbor *n);

/* A part of it; `room` as for neighbor_has_room. */
void neighbor_links(const struct neighbor_call *c, uint32_t room);

/* --- packets that wait (output.c) --- */

void queue_add(const struct neighbor_call *c, uint32_t slot, struct pkt_ref ref);

/* Sends what waits for an entry that is resolved; what the outbox has no room for stays. */
void queue_send(const struct neighbor_call *c, uint32_t slot);

/* Drops what waits; with `report` the senders are told.  false where the outbox was too small for all. */
bool queue_drop(const struct neighbor_call *c, uint32_t slot, enum drop_reason reason, bool report);

/* --- messages of ours (output.c) --- */

/* A packet in the outbox for the port, room for an Ethernet header and `bytes` of `ethertype` behind it.  The
 * caller fills it and gives the verdict.  NULL: no buffer. */
struct outbox_entry *message_make(const struct neighbor_call *c, struct port_id port,
        const struct epoch_port *egress, uint16_t ethertype, uint32_t bytes);

static always_inline uint8_t *message_body(const struct outbox_entry *e)
{
	return e->frame + ETHER_HDR_LEN;
}

/* Ethernet header and verdict. */
void message_send(const struct neighbor_call *c, struct outbox_entry *e, const struct epoch_port *egress,
        const struct mac_addr *dst);

/* --- the protocols --- */

/* An ARP request for an entry: broadcast, or to the MAC that it has (Linux arp_solicit). */
void arp_solicit(const struct neighbor_call *c, uint32_t slot, bool unicast);

/* A neighbor solicitation (Linux ndisc_solicit). */
void nd_solicit(const struct neighbor_call *c, uint32_t slot, bool unicast);

/* The answer that a neighbor waits for who has asked all routers of a network. */
void nd_answer(const struct neighbor_call *c, uint32_t slot);

/* A gratuitous ARP request for an address of ours (Linux inetdev_send_gratuitous_arp), or a probe or
 * unsolicited advertisement of neighbor discovery (Linux ndisc_send_ns from ::, ndisc_send_unsol_na). */
void arp_announce(const struct neighbor_call *c, struct port_id port, struct be32 addr);
void nd_probe(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr);
void nd_announce(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr);

/* An address of the port to speak from: link-local, or else any; none that may not be used.  NULL: there is
 * none. */
const struct ip6_addr *nd_source(
        const struct neighbor_table *t, const struct epoch *epoch, struct port_id port);

/* --- our addresses (dad.c) --- */

uint32_t address_find(const struct neighbor_table *t, struct port_id port, const struct ip6_addr *addr);

/* The epoch has this address, or has it no longer. */
void address_up(const struct neighbor_call *c, const struct epoch_address *a);
void address_down(const struct neighbor_call *c, uint32_t i);
void address_timer(const struct neighbor_call *c, uint32_t i);
/* Its link is back: it is announced again at `when`; one that was not ours yet, or whose interface is another
 * one (`reopened`), is probed first as when it came up (Linux addrconf_notify). */
void address_risen(const struct neighbor_call *c, uint32_t i, bool reopened, nanos_t when);
/* Its timer does harm: it is ours, and nothing is said of it any more. */
void address_give_up(const struct neighbor_call *c, uint32_t i);

/* Another node uses a tentative address (Linux addrconf_dad_failure). */
void address_duplicate(const struct neighbor_call *c, uint32_t i);

/* --- our groups (group.c, igmp.c, mld.c) --- */

uint32_t group_find(const struct neighbor_table *t, struct port_id port, const struct ip6_addr *group);
void group_join(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *group);
void group_leave(const struct neighbor_call *c, uint32_t i);
void group_timer(const struct neighbor_call *c, uint32_t i);
/* Its link is back: it is reported as if it were joined at `when` (Linux ipv6_mc_up). */
void group_risen(const struct neighbor_call *c, uint32_t i, nanos_t when);
void group_port_timer(const struct neighbor_call *c, struct port_id port, uint32_t family);
/* Their timers do harm: nothing is reported until something new is to be. */
void group_give_up(const struct neighbor_call *c, uint32_t i);
void group_port_give_up(const struct neighbor_call *c, struct port_id port, uint32_t family);

/* A query: what it says about version, delay and group (unspecified: all). */
struct group_query {
	struct port_id port;
	uint32_t family; /* FAMILY_* */
	uint8_t version; /* of the querier */
	uint8_t newest;  /* version of the protocol */
	uint32_t max_resp_ms;
	uint32_t interval_s; /* 0: not told */
	uint32_t robustness;
	struct ip6_addr group;
	bool general;
};

void group_query(const struct neighbor_call *c, const struct group_query *q);

/* Somebody else on the link has reported the group: we need not (RFC 2236 3, RFC 2710 4). */
void group_reported(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *group);

/* The version that is spoken on the port: the newest, or that of an older querier. */
uint8_t group_version(const struct neighbor_call *c, struct port_id port, uint32_t family);

#define GROUP_REPORT_MAX 32u /* records in one message of ours */

/* One message about up to GROUP_REPORT_MAX groups of a port; an older version takes just one. */
struct group_report {
	struct port_id port;
	uint8_t version;
	uint32_t count;
	struct ip6_addr group[GROUP_REPORT_MAX];
	uint8_t type[GROUP_REPORT_MAX]; /* enum group_record_type */
};

void igmp_report(const struct neighbor_call *c, const struct group_report *r);
void mld_report(const struct neighbor_call *c, const struct group_report *r);

#endif
