/* rib: routes that come and go while the appliance runs, by source, and which of them are in the FIBs.
 *
 *     rib_open(&rib, &publisher, key);          publisher.fill is rib_fill from now on
 *     rib_inherit(rib)                          where a predecessor's routes are in force: they stay, stale
 *     rib_configure(rib, config)                which sources there are
 *
 *     rib_put(rib, source, &route); rib_del(rib, source, &to, metric); rib_nexthop_put(...); rib_link(...)
 *     rib_flush(rib)                            brings the FIBs in line, a bounded part of it at a time
 *
 *     rib_mark(rib, feed); ... all are told again ...; rib_sweep(rib, feed)
 *
 * A route is named by prefix and metric, as in a FIB; the lowest metric of a prefix is in force.  Of one name
 * the configuration's route goes before every source's, and a source with a lower number before the others.
 * A route whose next hops lead to no port is held back until one does.
 *
 * A gateway of which no interface here is told and that is on no port's network is looked for among the
 * routes: those that need no such look themselves, so that none can go round in circles, and never the
 * default route (as FRR without `ip nht resolve-via-default`).  Whatever it then meets, be it a blackhole,
 * the route leads to as well.
 *
 * A change is noted at once and reaches the FIBs with the next flush, where a name that was deleted and told
 * again in between is changed in one step.  One thread.
 */
#ifndef SLUICE_SERVICES_CONTROL_ROUTES_RIB_H
#define SLUICE_SERVICES_CONTROL_ROUTES_RIB_H

#include "common/publish/publish.h"
#include "common/rtnl/rtnl.h"

/* Who tells of routes, and of next hops by number: each numbers by itself. */
enum rib_feed { RIB_NETLINK, RIB_FPM, RIB_FEEDS };

/* Sources: the tables of each feed in the configuration's order.  0 is the configuration itself. */
#define RIB_SOURCE(feed, i) (1u + (feed)*CONFIG_TABLES_MAX + (i))
#define RIB_SOURCES         RIB_SOURCE(RIB_FEEDS, 0)
#define RIB_NEXTHOPS_MAX    65536u /* of their own, over all feeds */
#define RIB_VIAS_MAX        4096u  /* gateways that are looked for among the routes */
#define RIB_LINKS_MAX       4096u
#define RIB_FLUSH_ROUTES    4096u /* that one flush looks at */

/* What has become of a route. */
enum rib_state {
	RIB_NEW,        /* not looked at yet */
	RIB_IN_FORCE,   /* in the FIB */
	RIB_SECOND,     /* another of the same name goes before it */
	RIB_UNRESOLVED, /* its next hops lead to no port */
	RIB_NO_ROOM,    /* the FIB is full */
	RIB_STATES
};

struct rib;

/* What a flush made of a name in the newest FIB.  What an apply gives and takes comes with its epoch. */
struct rib_change {
	const char *what; /* static: added, changed, deleted */
	struct fib_prefix to;
	uint32_t metric;
	uint8_t protocol;
	const struct fib_group_spec *group; /* where it leads now; NULL: it was deleted */
};

/* Of one source. */
struct rib_counts {
	uint32_t state[RIB_STATES];
	uint32_t stale;   /* of them: not told again yet */
	uint64_t refused; /* beyond the limit */
	uint64_t ignored; /* of kinds that Sluice has no routes of */
	uint64_t changes; /* that were told */
};

/* `key` is random: what the sources tell must not be able to choose places in a hash table.  0 or -ENOMEM. */
[[nodiscard]] int rib_open(struct rib **out, struct publisher *publisher, uint64_t key);
void rib_close(struct rib *rib);

/* Who is told of changes, from within rib_flush. */
void rib_on_change(
        struct rib *rib, void (*tell)(void *context, const struct rib_change *change), void *context);

/* Takes the limit, the tables and the names of interfaces from a configuration; routes of a source that it
 * does not have go. */
void rib_configure(struct rib *rib, const struct config *config);

/* The source of a feed's table; 0: it is not followed. */
uint32_t rib_source_of_table(const struct rib *rib, enum rib_feed feed, uint32_t table);

/* The dynamic routes of the FIB in force, which a predecessor filled, as stale ones of their sources. */
void rib_inherit(struct rib *rib);

/* Adds a route or takes the place of the one of its name.  0; -EOPNOTSUPP: no route of this kind is taken
 * (counted); -ENOSPC: the limit (counted); -ENOMEM. */
int rib_put(struct rib *rib, uint32_t source, const struct rtnl_route *route);
void rib_del(struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric);

/* What the source has told of a route's name. */
enum rib_known {
	RIB_UNKNOWN,
	RIB_STALE, /* a route, not since rib_mark */
	RIB_SAME,  /* this route, with the same ways */
	RIB_OTHER, /* a route with other ways */
};
enum rib_known rib_known(const struct rib *rib, uint32_t source, const struct rtnl_route *route);

/* Routes of a feed keep the ways that they have now when its next hops are told anew, by numbers that may
 * mean others; these are forgotten. */
void rib_freeze(struct rib *rib, enum rib_feed feed);

/* A next hop of its own, which routes refer to.  0, -ENOSPC, -ENOMEM. */
int rib_nexthop_put(struct rib *rib, enum rib_feed feed, const struct rtnl_nexthop *nexthop);
void rib_nexthop_del(struct rib *rib, enum rib_feed feed, uint32_t id);

/* An interface of the machine came, was renamed, or (up false with an empty name) went. */
void rib_link(struct rib *rib, const struct rtnl_link *link, bool gone);

/* Whether the numbers of interfaces that FPM tells are this machine's. */
void rib_fpm_interfaces(struct rib *rib, bool ours);

/* From now on all that a feed has told is stale, until it is told again; sweep takes what still is away. */
void rib_mark(struct rib *rib, enum rib_feed feed);
void rib_sweep(struct rib *rib, enum rib_feed feed);

/* Whether routes of a feed were refused for which there is room by now, so that it is to tell all again;
 * asked for once. */
bool rib_lacks(struct rib *rib, enum rib_feed feed);

/* Everything is to be looked at again: ports or addresses may have changed. */
void rib_refresh(struct rib *rib);

/* Brings the live FIBs in line with what was told.  Whether more is to be done: now (1), later (-1: something
 * retired has to be reclaimed first), or nothing (0). */
int rib_flush(struct rib *rib);

/* All that resolves goes into the FIB of a slot, as publisher.fill wants it. */
void rib_fill(void *rib, uint32_t slot, const struct epoch *epoch, struct fib *fib);

void rib_counts(const struct rib *rib, uint32_t source, struct rib_counts *counts);

#endif
