/* internal: attributes; private to rtnl. */
#ifndef SLUICE_COMMON_RTNL_INTERNAL_H
#define SLUICE_COMMON_RTNL_INTERNAL_H

#include "common/rtnl/rtnl.h"

#include <sys/socket.h>

struct rtnl_attribute {
	uint16_t type;
	const uint8_t *value;
	uint32_t len;
};

/* The next attribute; false: there is none, or what is left is none. */
bool rtnl_attribute_next(struct rtnl_bytes *left, struct rtnl_attribute *a);

/* A value of 4 bytes in host order.  False: it has another length. */
bool rtnl_u32(const struct rtnl_attribute *a, uint32_t *to);

/* An address of a family (AF_INET, AF_INET6), mapped.  False: it has another length. */
bool rtnl_address(uint8_t family, const uint8_t *value, uint32_t len, struct ip6_addr *to);

/* A gateway with its family in front (RTA_VIA).  False: of another family or length. */
bool rtnl_via(const struct rtnl_attribute *a, struct ip6_addr *to);

#endif
