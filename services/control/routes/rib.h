/* rib: routes that come and go while the appliance runs, by source, and which of them are in the FIBs.
 *
 *     rib_open(&rib, &publisher, key);
 *     rib_inherit(rib)                          where a predecessor's routes are in force: they stay, stale
 *     rib_configure(rib, config)                which sources there are
 *
 *     rib_put(rib, source, &route); rib_del(rib, source, &to, metric); rib_nexthop_put(...); rib_link(...)
 *     rib_flush(rib)                            brings the FIBs in line, a bounded part of it at a time
 *
 *     rib_mark(rib, feed); ... all are told again ...; rib_sweep(rib, feed)
 *
 *     publish_make(...); rib_fill_begin(rib); while (rib_fill(rib) > 0) ...; publish_offer(...)
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
 * again in between is changed in one step.
 *
 * There may be millions, and who calls has others to serve: no function takes longer than RIB_SLICE routes do
 * (milliseconds).  What is to be done to all of them, a part is done with each flush: rib_inherit, rib_sweep,
 * rib_freeze, rib_refresh; and with each rib_fill, between which routes may change as ever: a change reaches
 * the FIB that is being made as it does the others.  A fill ends however much changes meanwhile: it goes
 * through the table twice at the most.  One thread.
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
#define RIB_SLICE           2048u /* routes at a time */

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

/* The dynamic routes of the FIB in force, which a predecessor filled, as stale ones of their sources.  Until
 * all are read (rib_inherits) there is to be no rib_configure, and no other epoch made. */
void rib_inherit(struct rib *rib);
bool rib_inherits(const struct rib *rib);

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
 * mean others; these are forgotten.  As long as rib_freezes nothing of the feed is to be told. */
void rib_freeze(struct rib *rib, enum rib_feed feed);
bool rib_freezes(const struct rib *rib, enum rib_feed feed);

/* A next hop of its own, which routes refer to.  0, -ENOSPC, -ENOMEM. */
int rib_nexthop_put(struct rib *rib, enum rib_feed feed, const struct rtnl_nexthop *nexthop);
void rib_nexthop_del(struct rib *rib, enum rib_feed feed, uint32_t id);

/* An interface of the machine came, was renamed, or (up false with an empty name) went. */
void rib_link(struct rib *rib, const struct rtnl_link *link, bool gone);

/* Whether the numbers of interfaces that FPM tells are this machine's. */
void rib_fpm_interfaces(struct rib *rib, bool ours);

/* From now on all that a feed has told is stale, until it is told again; sweep takes what still is away, what
 * is told again before its turn comes excepted. */
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

/* All that resolves goes into the FIB that is being made, a part with each rib_fill: 1: more is to be done;
 * 0: all are in, and what changes from now on is; -ENOMEM.  rib_fill_end where it is withdrawn before. */
[[nodiscard]] int rib_fill_begin(struct rib *rib);
[[nodiscard]] int rib_fill(struct rib *rib);
void rib_fill_end(struct rib *rib);

void rib_counts(const struct rib *rib, uint32_t source, struct rib_counts *counts);

#endif
