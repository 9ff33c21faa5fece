/* rib_internal: what the parts of rib share: the table (rib.c), passes over it (rib_walk.c), what a
 * predecessor left (rib_inherit.c), next hops by number and interfaces (rib_nexthop.c), where a route leads
 * (rib_resolve.c), by which other one (rib_via.c), the FIBs that packets use (rib_sync.c), one that is being
 * made (rib_fill.c). */
#ifndef SLUICE_SERVICES_CONTROL_ROUTES_RIB_INTERNAL_H
#define SLUICE_SERVICES_CONTROL_ROUTES_RIB_INTERNAL_H

#include "services/control/routes/rib.h"

struct rib_hop {
	struct ip6_addr gateway;   /* IPv4 mapped; zeros: on the link */
	char port[EPOCH_NAME_LEN]; /* of an inherited route; else empty */
	uint32_t ifindex;          /* 0: none given */
	uint16_t weight;
	bool onlink;
	uint8_t zero; /* compared as bytes */
};

static_assert(sizeof(struct rib_hop) == 40, "without padding");

struct rib_route {
	struct rib_route *next;       /* in its bucket */
	struct rib_route *next_dirty; /* NULL at the end */
	struct fib_prefix to;
	uint32_t metric;
	uint8_t source;
	uint8_t type; /* enum fib_type: UNICAST where hops tell, or BLACKHOLE, UNREACHABLE, PROHIBIT */
	uint8_t protocol;
	uint8_t state; /* enum rib_state */
	bool dirty, gone;
	uint32_t told;      /* the round of its source in which it was told last */
	uint32_t in_fib[2]; /* of each slot, the FIB that it is in, by rib->fib */
	uint32_t mtu;
	uint32_t nexthop; /* by number; 0: none */
	struct ip6_addr prefer;
	uint32_t n_hops;
	struct rib_hop *hop; /* malloc'd */
};

/* A next hop by number; a group has members. */
struct rib_nexthop {
	struct rib_nexthop *next;
	uint32_t id;
	uint8_t feed;
	bool stale, blackhole;
	struct rib_hop hop;
	uint32_t n_members;
	struct {
		uint32_t id;
		uint16_t weight;
	} member[]; /* n_members */
};

#define RIB_NEXTHOP_BUCKETS 4096u

/* A gateway that is looked for among the routes. */
struct rib_via {
	struct rib_via *next; /* in its bucket */
	struct ip6_addr gateway;
	uint64_t lead[2]; /* of each slot, a hash: where it led when it was last looked for; 0: nowhere */
	bool asked;       /* for by a route, since all were looked at */
};

#define RIB_VIA_BUCKETS 1024u

/* In fib_route.origin beside the source: the route leads by way of another one. */
#define RIB_RECURSIVE 0x80u

static_assert(RIB_SOURCES <= RIB_RECURSIVE, "apart");

/* Where a route leads. */
struct rib_lead {
	struct fib_group_spec group;
	bool recursive;
};

struct rib_tables {
	uint32_t number[CONFIG_TABLES_MAX], n;
};

struct rib_interface {
	uint32_t ifindex; /* 0: free */
	char name[EPOCH_NAME_LEN];
};

/* A port that has another name than its interface. */
struct rib_alias {
	struct config_name interface, port;
};

/* What is done to every route, a part of the table at a time. */
enum rib_pass {
	RIB_FREEZE,                         /* and one for each further feed */
	RIB_SWEEP = RIB_FREEZE + RIB_FEEDS, /* what is stale for good goes */
	RIB_REFRESH,                        /* it is looked at again */
	RIB_COLLECT,                        /* it is to be put into the FIB that is being made */
	RIB_PASSES
};

#define RIB_FILL_PARTS 65536u /* of the addresses, by their first 16 bits */

/* Routes on their way into a FIB that is being made. */
struct rib_filling {
	bool on;
	bool recursive; /* the second of two rounds: by then what these lead by is in */
	bool failed;    /* there was no memory */
	uint32_t slot;
	struct rib_part {
		uint32_t first, n; /* its routes; the last one leads to none, which is 0 */
	} * part;                  /* RIB_FILL_PARTS of them */
	struct rib_collected {
		struct rib_route *route;
		uint32_t next;
	} * item; /* [0] is unused */
	uint32_t n, room;
	uint32_t at;   /* the part in hand */
	uint32_t next; /* of its routes, where some are in already; 0: none is */
	bool all_in;
	uint32_t behind; /* then: dirty routes that are to be flushed first */
};

/* A predecessor's FIB, that is being read. */
struct rib_inheriting {
	bool on;
	struct fib_reader fib;
	const struct epoch *epoch;
	struct fib_route at; /* the next one */
};

struct rib {
	struct publisher *publisher;
	uint64_t key;
	struct rib_route **bucket;      /* which are split one by one as routes come (linear hashing) */
	uint32_t n_buckets, room, base; /* base: the power of two that is not above n_buckets */
	uint32_t n;                     /* routes, those that are gone and not flushed too */
	uint32_t limit;
	uint32_t walk_at, walk_left[RIB_PASSES]; /* the bucket that comes next; of how many, to each pass */
	struct rib_filling fill;
	struct rib_inheriting inherit;
	uint32_t fib[2]; /* what is in each slot, by a number of its own */
	uint32_t fibs;   /* numbers given */
	struct rib_tables tables[RIB_FEEDS];
	bool lacks[RIB_FEEDS]; /* a route of it was refused */
	bool fpm_interfaces;

	struct rib_route *dirty_first, *dirty_last;
	uint32_t n_dirty;
	struct rib_counts counts[RIB_SOURCES];
	uint32_t n_of[RIB_SOURCES];   /* routes, gone ones too */
	uint32_t round[RIB_SOURCES];  /* that is under way: what was told in an earlier one is stale */
	uint32_t swept[RIB_SOURCES];  /* what was told last in this one, or before it, goes */
	uint32_t numbered[RIB_FEEDS]; /* routes whose next hop is told by number */

	struct rib_nexthop *nexthop[RIB_NEXTHOP_BUCKETS];
	uint32_t n_nexthops;
	struct rib_via *via[RIB_VIA_BUCKETS];
	uint32_t n_vias;
	bool vias_full; /* a gateway found no room; it is looked for again when some has gone */
	bool moved;     /* a FIB has changed: vias may lead elsewhere */
	struct rib_interface link[RIB_LINKS_MAX];
	uint32_t n_links; /* places in use */
	struct rib_alias alias[EPOCH_PHYS_MAX];
	uint32_t n_aliases;
	struct rib_lead lead; /* of the route in hand */

	void (*tell)(void *context, const struct rib_change *change); /* NULL: nobody listens */
	void *context;
};

/* rib.c */
struct rib_route *rib_lookup(
        const struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric);
/* Adds one that is gone until somebody says that it came; NULL: the limit, or no memory. */
struct rib_route *rib_make(struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric);
/* It is there (again), told in this round of its source. */
void rib_come(struct rib *rib, struct rib_route *r, uint32_t round);
void rib_go(struct rib *rib, struct rib_route *r);
void rib_touch(struct rib *rib, struct rib_route *r);
void rib_set_state(struct rib *rib, struct rib_route *r, enum rib_state state);
/* A next hop of a route of its own. */
struct rib_hop rib_hop_of(const struct rtnl_hop *from);
/* Takes a route that is gone, and in no FIB, out of the table for good. */
void rib_forget(struct rib *rib, struct rib_route *r);

/* rib_walk.c: every route, from where it is once around: what comes last has its turn however often a pass
 * begins anew. */
void rib_pass_begin(struct rib *rib, enum rib_pass pass);
/* A part of all passes that are under way. */
void rib_walk(struct rib *rib);
bool rib_walks(const struct rib *rib);
/* The last bucket has taken routes over from another one, which the walk may have before it. */
void rib_walk_split(struct rib *rib);

/* rib_inherit.c: reads a part. */
void rib_inherit_some(struct rib *rib);

/* rib_fill.c: notes one of those that are to be put in. */
void rib_collect(struct rib *rib, struct rib_route *r);

/* rib_sync.c: all of one name, by their source; [0] is unused. */
struct rib_candidates {
	struct rib_route *of[RIB_SOURCES];
	struct rib_route *winner;    /* the first that resolves, which leads to rib->lead; NULL: none does */
	struct rib_route *installed; /* what is in the FIB; NULL: nothing is */
	const char *change;          /* of the FIB; NULL: none */
};
void rib_candidates(const struct rib *rib, struct rib_route *r, struct rib_candidates *c);
void rib_choose(struct rib *rib, struct rib_candidates *c, uint32_t slot);
/* The route as it is in a FIB, by a group of rib->lead. */
struct fib_route rib_fib_route(const struct rib *rib, const struct rib_route *r, uint32_t group);

/* rib_nexthop.c */
void rib_nexthop_mark(struct rib *rib, enum rib_feed feed);
void rib_nexthop_sweep(struct rib *rib, enum rib_feed feed);
void rib_nexthop_forget_all(struct rib *rib, enum rib_feed feed);
const struct rib_nexthop *rib_nexthop_find(const struct rib *rib, enum rib_feed feed, uint32_t id);
/* The name of the port that has the interface; NULL: it is not known. */
const char *rib_port_of(const struct rib *rib, uint32_t ifindex);

/* rib_resolve.c: where the route leads (rib->lead), with the ports, addresses and routes of a slot.  False:
 * to no port. */
bool rib_resolve(struct rib *rib, const struct rib_route *r, uint32_t slot);

/* rib_via.c: the group that a gateway meets in the FIB of a slot; NULL: none.  From now on
 * rib_via_look looks at it. */
const struct fib_group *rib_via(struct rib *rib, const struct ip6_addr *gateway, uint32_t slot);
/* After changes of the FIBs of these slots: where a gateway leads elsewhere, all routes are looked at again.
 */
void rib_via_look(struct rib *rib, const uint32_t *slot, uint32_t n);
/* Where they lead in a slot is as it is now. */
void rib_via_settle(struct rib *rib, uint32_t slot);
/* All routes are about to be looked at again, or were: what none asked for is forgotten. */
void rib_via_mark(struct rib *rib);
void rib_via_sweep(struct rib *rib);
void rib_via_close(struct rib *rib);

static inline enum rib_feed rib_feed_of(uint32_t source)
{
	return (enum rib_feed)((source - 1) / CONFIG_TABLES_MAX);
}

static inline bool rib_is_stale(const struct rib *rib, const struct rib_route *r)
{
	return r->told != rib->round[r->source];
}

static inline bool rib_in_fib(const struct rib *rib, const struct rib_route *r, uint32_t slot)
{
	return r->in_fib[slot] == rib->fib[slot];
}

#endif
