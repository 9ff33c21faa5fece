/* internal: what the readers of messages share; private to rtnl. */
#ifndef SLUICE_COMMON_RTNL_INTERNAL_H
#define SLUICE_COMMON_RTNL_INTERNAL_H

#include "common/rtnl/rtnl.h"

#include <sys/socket.h>

/* A gateway with its family in front (RTA_VIA).  False: of another family or length. */
bool rtnl_via(const struct rtnl_attribute *a, struct ip6_addr *to);

#endif
