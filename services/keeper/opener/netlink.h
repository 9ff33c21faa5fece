/* netlink: interfaces, addresses and routes of the kernel, by rtnetlink itself.
 *
 *     netlink_open(&nl, 0);  netlink_link(&nl, "eth1", &link);  netlink_link_up(&nl, link.ifindex, true);
 *     netlink_open(&watch, NETLINK_LINKS);   watch.fd is readable when a link has changed: netlink_drain
 *
 * Requests wait for the kernel's answer, which comes at once.  For the port opener: changes need
 * CAP_NET_ADMIN. One thread for one socket.
 */
#ifndef SLUICE_SERVICES_KEEPER_OPENER_NETLINK_H
#define SLUICE_SERVICES_KEEPER_OPENER_NETLINK_H

#include "common/epoch/epoch.h"
#include "common/rtnl/rtnl.h"

#define NETLINK_LINKS (1u << (RTNLGRP_LINK - 1))

struct netlink {
	int fd;
	uint32_t seq;
};

/* An interface as the kernel has it. */
struct netlink_link {
	uint32_t ifindex;
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	uint32_t mtu_max; /* 0: the kernel names no limit */
	uint32_t rx_queues;
	uint32_t losses; /* of its carrier; 0 before Linux 4.16 */
	bool carrier;
	uint8_t addr_gen_mode; /* of IPv6 (enum in6_addr_gen_mode); IN6_ADDR_GEN_MODE_EUI64 is 0 */
	struct mac_addr mac;
	char name[EPOCH_NAME_LEN];
	char kind[EPOCH_NAME_LEN]; /* "veth", "tun"; empty for a NIC */
	uint64_t rx_dropped, rx_errors, tx_errors, tx_dropped, changes;
};

/* A request under construction: rtnetlink's header of the type, then attributes. */
struct netlink_request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
		uint8_t room[1024];
	};
};

/* 0 or a negative errno; with groups it does not block. */
[[nodiscard]] int netlink_open(struct netlink *nl, uint32_t groups);
void netlink_close(struct netlink *nl);

/* Which network namespace it speaks of: a number that no other ever has (Linux 5.14); 0: unknown. */
uint64_t netlink_namespace(const struct netlink *nl);

/* Reads away what has been announced; whether there was anything (or some was lost). */
bool netlink_drain(struct netlink *nl);

/* The interface of that name.  0, -ENODEV, or another negative errno. */
[[nodiscard]] int netlink_link(struct netlink *nl, const char *name, struct netlink_link *link);

[[nodiscard]] int netlink_link_up(struct netlink *nl, uint32_t ifindex, bool up);
[[nodiscard]] int netlink_link_mtu(struct netlink *nl, uint32_t ifindex, uint32_t mtu);
/* How the kernel makes its own IPv6 addresses there. */
[[nodiscard]] int netlink_link_addr_gen(struct netlink *nl, uint32_t ifindex, uint8_t mode);

/* Begins a request of `type` with a fixed header of `bytes`, zeroed; flags beside NLM_F_REQUEST. */
void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, size_t bytes);
void netlink_put(struct netlink_request *r, uint16_t attribute, const void *value, size_t bytes);

/* Sends a message that is an rtnetlink request and waits for the answer: 0 or the kernel's negative errno. */
[[nodiscard]] int netlink_ask(struct netlink *nl, struct nlmsghdr *message);

/* Asks for all of a kind (RTM_GETADDR, RTM_GETROUTE) of a family and calls `each` for every answer, until it
 * returns an error.  0 or a negative errno. */
[[nodiscard]] int netlink_dump(struct netlink *nl, uint16_t type, uint8_t family,
        int (*each)(void *context, const struct nlmsghdr *message), void *context);

/* What follows the header of a message. */
static inline const void *netlink_data(const struct nlmsghdr *message)
{
	return (const uint8_t *)message + NLMSG_HDRLEN;
}

/* And the attributes behind the `bytes` of its kind's own header. */
struct rtnl_bytes netlink_attributes(const struct nlmsghdr *message, size_t bytes);

#endif
