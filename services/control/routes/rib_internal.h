/* rib_internal: what the parts of rib share: the table (rib.c), next hops by number and interfaces
 * (rib_nexthop.c), where a route leads (rib_resolve.c), by which other one (rib_via.c), the FIBs
 * (rib_sync.c). */
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
	uint8_t state;  /* enum rib_state */
	uint8_t in_fib; /* a bit a slot */
	bool dirty, gone, stale;
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

struct rib {
	struct publisher *publisher;
	uint64_t key;
	struct rib_route **bucket; /* a power of two of them */
	uint32_t mask, n;          /* n counts those that are gone and not flushed too */
	uint32_t limit;
	struct rib_tables tables[RIB_FEEDS];
	bool lacks[RIB_FEEDS]; /* a route of it was refused */
	bool fpm_interfaces;

	struct rib_route *dirty_first, *dirty_last;
	uint32_t refresh_at,
	        refresh_left; /* the next bucket whose routes are looked at again; how many are */
	struct rib_counts counts[RIB_SOURCES];
	uint32_t n_of[RIB_SOURCES]; /* routes, gone ones too */

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
void rib_touch(struct rib *rib, struct rib_route *r);
void rib_set_state(struct rib *rib, struct rib_route *r, enum rib_state state);
/* A next hop of a route of its own. */
struct rib_hop rib_hop_of(const struct rtnl_hop *from);
/* Takes a route that is gone, and in no FIB, out of the table for good. */
void rib_forget(struct rib *rib, struct rib_route *r);

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
/* All routes are about to be looked at again, or were: what none asked for is forgotten. */
void rib_via_mark(struct rib *rib);
void rib_via_sweep(struct rib *rib);
void rib_via_close(struct rib *rib);

static inline enum rib_feed rib_feed_of(uint32_t source)
{
	return (enum rib_feed)((source - 1) / CONFIG_TABLES_MAX);
}

#endif
