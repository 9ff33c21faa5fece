/* rtnl: messages of rtnetlink, as a kernel or a routing daemon sends them, read into structures.
 *
 *     struct rtnl_bytes left = {bytes, n};
 *     while (rtnl_next(&left, &m))             every message of a read, or of an FPM frame
 *             switch (m.type) ... rtnl_route(&m, &route), rtnl_nexthop(&m, &nexthop), rtnl_link(&m, &link)
 *     left.n                                   0: all of it was messages
 *
 *     rtnl_attribute_next(&left, &a)           of a message of another kind: its attributes
 *
 *     fpm_frame(bytes, n, &bytes_of_it)        where frames of the Forwarding Plane Manager come by TCP
 *
 * The bytes may be anybody's: nothing is read beyond them, whatever their lengths say, and what is read is
 * checked for being possible.  Pure functions: no I/O, no allocation.  Any thread.
 */
#ifndef SLUICE_COMMON_RTNL_RTNL_H
#define SLUICE_COMMON_RTNL_RTNL_H

#include "common/epoch/epoch.h"
#include "common/fib/fib.h"

#include <linux/rtnetlink.h>

#define RTNL_HOPS_MAX FIB_HOPS_MAX

/* What is left of a read. */
struct rtnl_bytes {
	const uint8_t *at;
	size_t n;
};

struct rtnl_message {
	uint16_t type;  /* RTM_*, NLMSG_* */
	uint16_t flags; /* NLM_F_* */
	uint32_t seq;
	const uint8_t *body; /* behind the header */
	uint32_t len;        /* of the body */
};

/* One way out. */
struct rtnl_hop {
	struct ip6_addr gateway; /* IPv4 mapped; zeros: on the link of the interface */
	uint32_t ifindex;        /* 0: none given */
	uint16_t weight;         /* 1 to 256 */
	bool onlink;
};

/* A route as RTM_NEWROUTE and RTM_DELROUTE have it. */
struct rtnl_route {
	struct fib_prefix to;
	uint32_t table;
	uint32_t metric;
	uint32_t mtu;     /* 0: none */
	uint32_t nexthop; /* number of a next hop of its own (RTA_NH_ID); 0: none */
	uint8_t type;     /* RTN_* */
	uint8_t protocol; /* RTPROT_* */
	struct ip6_addr source;
	uint32_t n_hops; /* that are alive */
	struct rtnl_hop hop[RTNL_HOPS_MAX];
};

/* A next hop of its own, or a group of such (RTM_NEWNEXTHOP, RTM_DELNEXTHOP). */
struct rtnl_nexthop {
	uint32_t id;
	bool blackhole;
	struct rtnl_hop hop; /* where n_members is 0 */
	uint32_t n_members;
	struct {
		uint32_t id;
		uint16_t weight;
	} member[RTNL_HOPS_MAX];
};

struct rtnl_link {
	uint32_t ifindex;
	bool up;
	char name[EPOCH_NAME_LEN]; /* empty: not told */
};

/* The next message.  False: there is none any more, or what is left is none (left->n is not 0 then). */
bool rtnl_next(struct rtnl_bytes *left, struct rtnl_message *m);

/* A route.  0; -EINVAL: it is malformed; -EOPNOTSUPP: of a kind that Sluice has no routes of (another family,
 * by source or TOS, with an encapsulation, more than RTNL_HOPS_MAX ways, a cached one). */
[[nodiscard]] int rtnl_route(const struct rtnl_message *m, struct rtnl_route *route);

/* As rtnl_route. */
[[nodiscard]] int rtnl_nexthop(const struct rtnl_message *m, struct rtnl_nexthop *nexthop);

/* An interface (RTM_NEWLINK, RTM_DELLINK).  0 or -EINVAL. */
[[nodiscard]] int rtnl_link(const struct rtnl_message *m, struct rtnl_link *link);

/* What follows the header of a message's kind, or stands within another attribute. */
struct rtnl_attribute {
	uint16_t type; /* without its flags */
	const uint8_t *value;
	uint32_t len;
};

/* The next attribute; false: there is none, or what is left is none. */
bool rtnl_attribute_next(struct rtnl_bytes *left, struct rtnl_attribute *a);

/* The first of that type.  False: there is none before the end, or before what is none. */
bool rtnl_attribute_find(struct rtnl_bytes in, uint16_t type, struct rtnl_attribute *a);

/* A value of 4 bytes in host order.  False: it has another length. */
bool rtnl_u32(const struct rtnl_attribute *a, uint32_t *to);

/* An address of a family, mapped.  False: of another family than AF_INET and AF_INET6, or of another length.
 */
bool rtnl_address(uint8_t family, const uint8_t *value, uint32_t len, struct ip6_addr *to);

/* What an NLMSG_ERROR or NLMSG_DONE says: 0 or a negative errno. */
int rtnl_error(const struct rtnl_message *m);

#define FPM_HEADER_BYTES 4u
#define FPM_NETLINK      1u

/* The frame at the start of a stream: *bytes with its header (FRR fpm/fpm.h: version 1, the type, the length
 * in network order).  0; -EAGAIN: more has to come; -EINVAL: this is no FPM. */
[[nodiscard]] int fpm_frame(const uint8_t *stream, size_t n, uint32_t *bytes, uint8_t *type);

/* The name of who made a route, as `ip route` tells it (/etc/iproute2/rt_protos): "kernel", "static", "bgp",
 * "zebra"; NULL: the number alone. */
const char *rtnl_protocol_name(uint8_t protocol);

#endif
