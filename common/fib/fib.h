/* fib: where a destination goes.  The forwarding tables of IPv4 and IPv6 and their next-hop groups, in one
 * region of shared memory that one process writes while others read.
 *
 * The writer (control):
 *
 *	fib_init(region, size, &limits);  fib_open(region, size, &fib);
 *	fib_group_get(fib, &spec, &group);
 *	fib_route_add(fib, &(struct fib_route){.prefix = fib_prefix4(net, 24), .group = group});
 *	fib_group_put(fib, group);                          the route holds the group now
 *	...
 *	retired = fib_retired(fib);                         after some changes:
 *	    once every reader has been between two bursts since:
 *	fib_reclaim(fib, retired);
 *
 * A reader (router, explain), which may map the region read-only, for each burst:
 *
 *	fib_attach(region, size, &reader);                  once
 *	fib4_lookup_bulk(&reader, dst, group, n);
 *	hop = fib_group_select(&reader, group[i], hash);
 *	switch (fib_group(&reader, group[i])->type) ...
 *
 * How it is found.  IPv4: the first 24 bits index a flat table of 16-bit words; where a prefix is longer than
 * that, the last 8 bits are looked up in a line.  IPv6: the first 16 bits index a directory; each further 8
 *bits are looked up in a line.  A line is one cache line of 16 words, each a start (8 bits) and what lies
 *from there to the next start (24 bits: a group, or the line for the next 8 bits); counting the starts that
 *are not above the address's byte, one vector comparison, gives the word.  Behind the directory there are 1,
 *2, 4, 8 or 16 lines in a row, as many as the runs need; where a line does not suffice later on it leads to
 *lines for its parts.  A bulk lookup asks for the words and lines of many addresses before it needs the
 *first.
 *
 * What a reader sees.  Lines are written before they are published and never changed after: a change writes
 *new ones and swings one word of the table or directory (a release store; readers load it with acquire).  An
 *address has the result before the change or the one after, at each moment; different addresses under one
 *prefix may change at different moments.  What is no longer reachable is used again only after fib_reclaim
 *was told that no reader can hold it.  If the writer dies in the midst of a change, readers go on with what
 *is there; a new writer fills a new region.  Whatever the region holds, a reader stays inside it and comes to
 *an end: indices are bounded by what fib_attach worked out, and steps by the address's length.
 *
 * Memory.  The region is sized for the worst case that its limits allow: 373 MB for FIB_LIMITS_DEFAULT, never
 * less than 101 MB.  Only what routes need is ever touched (20 KB for a default route and two more, 118 MB
 * for 1,000,000 of IPv4): map it without populating it.  A region begins as zeros (a fresh memfd).
 *
 * The writer's functions are for one thread of one process; it keeps bookkeeping in its heap.  Everything
 * that takes a const struct fib_reader may be called by any thread, allocates nothing and calls nothing.
 */
#ifndef SLUICE_COMMON_FIB_FIB_H
#define SLUICE_COMMON_FIB_FIB_H

#include "common/base/base.h"

#define FIB_MAGIC      0x42494653u /* "SFIB" */
#define FIB_VERSION    1u
#define FIB_HOPS_MAX   64u
#define FIB_NO_ROUTE   0u /* the group that is none */
#define FIB_ROUTES_MAX 4000000u
#define FIB_GROUPS_MAX 1000000u
#define FIB_WEIGHT_MAX 256u
#define FIB_HOP_ONLINK 0x01u /* the gateway is on the port's link whatever the port's prefixes say */

enum fib_family {
	FIB_IPV4,
	FIB_IPV6,
};

/* What becomes of a packet that is routed here; Linux's RTN_* in brackets. */
enum fib_type {
	FIB_NONE,      /* no route: only group 0 */
	FIB_UNICAST,   /* to a gateway (RTN_UNICAST) */
	FIB_CONNECTED, /* on the link of a port: the destination is the neighbor (RTN_UNICAST, scope link) */
	FIB_LOCAL,     /* to us; the port is the one that holds the address (RTN_LOCAL) */
	FIB_BROADCAST, /* to us and to all on the port's link (RTN_BROADCAST) */
	FIB_BLACKHOLE, /* dropped in silence (RTN_BLACKHOLE) */
	FIB_UNREACHABLE, /* dropped, ICMP host unreachable, ICMPv6 no route (RTN_UNREACHABLE) */
	FIB_PROHIBIT,    /* dropped, ICMP communication administratively prohibited (RTN_PROHIBIT) */
};

/* One way out.  For types without a gateway the gateway is all zeros; for BLACKHOLE, UNREACHABLE and PROHIBIT
 * the port is PORT_NONE.  A reader must check the port against its own table. */
struct fib_hop {
	struct ip6_addr gateway; /* IPv4 mapped */
	struct port_id port;
	uint16_t weight;      /* 1 to FIB_WEIGHT_MAX */
	uint32_t upper_bound; /* of the 31-bit flow hash, as Linux's fib_nh_upper_bound; the writer sets it */
	uint32_t flags;       /* FIB_HOP_* */
	uint32_t zero;
};

static_assert(sizeof(struct fib_hop) == 32, "two in a line");

/* A next-hop group as it lies in the region: one cache line, with its only way out inside. */
struct fib_group {
	uint8_t type; /* enum fib_type; a reader must not trust that it is one */
	uint8_t n_hops;
	uint8_t zero[2];
	uint32_t mtu;       /* of the route in bytes, 0: the port's */
	uint32_t first_hop; /* into the table of hops, if n_hops > 1 */
	uint32_t zero2;
	struct ip6_addr source; /* preferred source address, zeros: none */
	struct fib_hop hop;     /* the first, or the only one */
} __attribute__((aligned(64)));

static_assert(sizeof(struct fib_group) == 64 && offsetof(struct fib_group, hop) == 32, "one cache line");

/* What the writer asks for: upper_bound of the hops is not looked at. */
struct fib_group_spec {
	enum fib_type type;
	uint32_t mtu; /* bytes, 0: none */
	struct ip6_addr source;
	uint32_t n_hops; /* 1; up to FIB_HOPS_MAX for UNICAST and CONNECTED */
	struct fib_hop hops[FIB_HOPS_MAX];
};

/* An IPv4 prefix is mapped, with len 0 to 32. */
struct fib_prefix {
	struct ip6_addr addr;
	uint8_t family; /* enum fib_family */
	uint8_t len;    /* bits */
};

static always_inline struct fib_prefix fib_prefix4(struct be32 addr, uint8_t len)
{
	return (struct fib_prefix){.addr = ip6_addr_mapped(addr), .family = FIB_IPV4, .len = len};
}

static always_inline struct fib_prefix fib_prefix6(struct ip6_addr addr, uint8_t len)
{
	return (struct fib_prefix){.addr = addr, .family = FIB_IPV6, .len = len};
}

/* A route is named by its prefix and metric.  Of several metrics the lowest is in force. */
struct fib_route {
	struct fib_prefix prefix;
	uint8_t protocol; /* who made it, as the caller numbers it (Linux: RTPROT_*); kept, not interpreted */
	uint8_t origin;   /* where the caller has it from; likewise */
	uint32_t metric;
	uint32_t group;
};

/* How much a region can hold.  hops counts the members of groups with more than one. */
struct fib_limits {
	uint32_t routes4;
	uint32_t routes6;
	uint32_t groups;
	uint32_t hops;
};

/* The sizes most appliances take: 1,000,000 IPv4 and 200,000 IPv6 routes. */
#define FIB_LIMITS_DEFAULT                                                                                   \
	((struct fib_limits){.routes4 = 1000000, .routes6 = 200000, .groups = 65536, .hops = 65536})

struct fib;
struct fib_node;
struct fib_entry;

/* A reader's own copy of where things are and how many there are; its fields are for the inline functions
 * below and the library. */
struct fib_reader {
	const uint16_t *flat; /* IPv4, by 24 bits */
	const uint32_t *wide; /* IPv4, by 24 bits: what does not fit there */
	const uint32_t *dir;  /* IPv6, by 16 bits */
	const uint32_t *lines;
	const uint32_t *flat_parts;
	const uint32_t *flat_used; /* 8 words */
	const uint32_t *defaults;  /* by family: the group of the prefix of length 0 */
	const uint32_t *roots;     /* by family: of the writer's tree */
	const struct fib_group *groups;
	const struct fib_hop *hops;
	const struct fib_node *nodes;
	const struct fib_entry *entries;
	uint32_t n_lines;
	uint32_t n_groups;
	uint32_t n_hops;
	uint32_t n_nodes;
	uint32_t n_entries;
	bool vector; /* AVX-512 is there; clear it for the other code */
};

/* Regions. */

/* The bytes that a region for these limits takes, a multiple of 4096; 0 if a limit is beyond FIB_ROUTES_MAX
 * or FIB_GROUPS_MAX (hops: four times that). */
size_t fib_region_size(const struct fib_limits *limits);

/* Makes zeroed memory an empty FIB; touches only the header's page and the first of the others.  -EINVAL: the
 * limits, or size is less than fib_region_size says, or region is not aligned to 64 bytes. */
[[nodiscard]] int fib_init(void *region, size_t size, const struct fib_limits *limits);

/* Checks a region of size bytes and fills in *reader.  -EINVAL: it is not a FIB of this version, or too small
 * for what it says.  The region must stay mapped as long as the reader is used. */
[[nodiscard]] int fib_attach(const void *region, size_t size, struct fib_reader *reader);

/* The writer. */

/* Takes a region fresh from fib_init for writing.  0 and *fib (the caller's, ends with fib_close), -EINVAL as
 * fib_attach or if it was written to before, -ENOMEM. */
[[nodiscard]] int fib_open(void *region, size_t size, struct fib **fib);

/* Gives back the writer's own memory; the region stays as it is. */
void fib_close(struct fib *fib);

/* The writer's own view of its region, valid as long as fib. */
const struct fib_reader *fib_reader_of(const struct fib *fib);

/* The group with this content, made if there is none: *id, above 0, stable until as many fib_group_put as
 * fib_group_get gave it up and no route uses it.  -EINVAL: the spec (no hop or too many, a weight out of
 * range, an unknown type); -ENOSPC: groups or hops are used up (what is retired counts until reclaimed);
 * -ENOMEM. */
[[nodiscard]] int fib_group_get(struct fib *fib, const struct fib_group_spec *spec, uint32_t *id);
void fib_group_put(struct fib *fib, uint32_t id);

/* Adds a route, which holds its group as long as it stands.  -EEXIST: there is one with this prefix and
 * metric; -EINVAL: the prefix has bits beyond its length, or no such group; -ENOSPC: a limit is reached, or
 * too much is retired and not reclaimed; -ENOMEM.  On an error nothing has changed. */
[[nodiscard]] int fib_route_add(struct fib *fib, const struct fib_route *route);

/* As fib_route_add, but takes the place of the one that has this prefix and metric, if there is one. */
[[nodiscard]] int fib_route_replace(struct fib *fib, const struct fib_route *route);

/* Takes a route away: the next metric of its prefix, or a shorter prefix, is in force.  -ENOENT: there is
 * none; -ENOSPC, -ENOMEM: as for fib_route_add (taking one away may need room for a new list before the old
 * one can be reused: reclaim and try again). */
[[nodiscard]] int fib_route_del(struct fib *fib, const struct fib_prefix *prefix, uint32_t metric);

/* Adds many routes of any order and both families at the speed of a sort.  Where one stands twice or stands
 * already the last one wins, as if by fib_route_replace in the given order.  All or nothing, errors as
 * fib_route_add; the index of the route at fault goes to *at (if not NULL) for -EINVAL. */
[[nodiscard]] int fib_route_load(struct fib *fib, const struct fib_route *routes, size_t n, size_t *at);

/* How many routes stand, of one family. */
uint32_t fib_route_count(const struct fib *fib, enum fib_family family);

/* A number that tells what has been retired so far; fib_reclaim makes all that was retired up to such a
 * number ready for use.  To be called with a number only once every reader has passed a point, after the
 * number was taken, at which it held no result of a lookup. */
uint64_t fib_retired(const struct fib *fib);
void fib_reclaim(struct fib *fib, uint64_t retired);

/* What of the region is in use or retired, and what it has room for. */
struct fib_usage {
	uint64_t line_bytes, line_bytes_max;
	uint64_t node_bytes, node_bytes_max;
	uint64_t groups, groups_max;
	uint64_t retired; /* pieces that wait for fib_reclaim */
};

void fib_usage(const struct fib *fib, struct fib_usage *usage);

/* Readers. */

/* The groups of n addresses in host order; 0 where there is no route. */
void fib4_lookup_bulk(const struct fib_reader *reader, const uint32_t *dst, uint32_t *group, uint32_t n);
void fib6_lookup_bulk(
        const struct fib_reader *reader, const struct ip6_addr *dst, uint32_t *group, uint32_t n);

/* The group of one address. */
uint32_t fib4_lookup(const struct fib_reader *reader, struct be32 dst);
uint32_t fib6_lookup(const struct fib_reader *reader, const struct ip6_addr *dst);

/* The longest prefix that holds an address, with its route in force, for people who ask why: a walk down the
 * writer's own tree, many times slower than a lookup.  An IPv4 address is mapped.  False: no route. */
bool fib_route_get(const struct fib_reader *reader, enum fib_family family, const struct ip6_addr *dst,
        struct fib_route *route);

/* The route that would be in force where *route is if it and all lower metrics of its prefix were not: the
 * next metric, or the longest prefix around.  The same walk.  False: there is none. */
bool fib_route_wider(const struct fib_reader *reader, struct fib_route *route);

/* The route of exactly this prefix and metric.  False: there is none. */
bool fib_route_find(const struct fib_reader *reader, const struct fib_prefix *prefix, uint32_t metric,
        struct fib_route *route);

/* All routes of a family in order of address, length, metric: first, then the one after *route, which need
 * not stand any more.  False: there is none.  The same walk, for people who list; beside a writer in another
 * process a route that changes meanwhile may be left out. */
bool fib_route_first(const struct fib_reader *reader, enum fib_family family, struct fib_route *route);
bool fib_route_next(const struct fib_reader *reader, struct fib_route *route);

/* A group, never NULL: what is no group is group 0, whose type is FIB_NONE. */
static always_inline const struct fib_group *fib_group(const struct fib_reader *reader, uint32_t id)
{
	return &reader->groups[id < reader->n_groups ? id : 0];
}

/* The ways out of a group: *n of them, at least 1 (of group 0 it is zeros), at most FIB_HOPS_MAX. */
const struct fib_hop *fib_group_hops(
        const struct fib_reader *reader, const struct fib_group *group, uint32_t *n);

/* The way out that a flow takes: the first whose upper bound the hash, shifted to 31 bits, does not exceed
 * (Linux fib_select_multipath: hash threshold, RFC 2992).  Never NULL. */
const struct fib_hop *fib_hops_select(
        const struct fib_reader *reader, const struct fib_group *group, uint32_t hash);

static always_inline const struct fib_hop *fib_group_select(
        const struct fib_reader *reader, uint32_t id, uint32_t hash)
{
	const struct fib_group *group = fib_group(reader, id);

	return likely(group->n_hops <= 1) ? &group->hop : fib_hops_select(reader, group, hash);
}

#endif
