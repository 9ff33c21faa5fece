/* rib_bed: a rib over the FIBs of a real appliance.
 *
 * Ports: `in` with 192.0.2.0/24, `out` with 198.51.100.0/24.  The configuration's own route is 10.0.0.0/24
 * with metric 1.  Followed are the kernel's tables main and 100, and zebra's main.
 */
#ifndef SLUICE_TESTS_UNIT_CONTROL_RIB_BED_H
#define SLUICE_TESTS_UNIT_CONTROL_RIB_BED_H

#include "services/control/routes/rib.h"
#include "tests/unit/whole/whole.h"

#define NET(i)   (0x0a000000u + ((i) << 8))
#define IN(i)    (0xc0000200u + (i)) /* 192.0.2.i */
#define OUT(i)   (0xc6336400u + (i)) /* 198.51.100.i */
#define THIRD(i) (0xac1f0000u + (i)) /* 172.31.0.i */
#define NOWHERE  0xcb007107u         /* 203.0.113.7 */

#define MAIN  RIB_SOURCE(RIB_NETLINK, 0)
#define ZEBRA RIB_SOURCE(RIB_FPM, 0)

extern struct whole whole;
extern struct rib *rib;

void bed_setup(void);
void bed_teardown(void);

/* Applies it anew.  `third`: a port has 172.31.0.0/24 too; limit: of dynamic routes. */
void bed_configure(bool third, uint32_t limit);

/* The next epoch of it is being made: its FIB is to be filled, and offered. */
void bed_make(bool third, uint32_t limit);

/* Until the FIBs are in line. */
void bed_flush(void);

struct ip6_addr addr4(uint32_t host);

/* A /24 by a gateway, both in host order. */
struct rtnl_route route_to(uint32_t net, uint32_t metric, uint32_t gateway);

/* The route of a /24 in the FIB in force, and its group.  False: there is none. */
bool bed_find(uint32_t net, uint32_t metric, struct fib_route *found, const struct fib_group **group);

/* Where the one of metric 0 leads: its first gateway, 0: there is none; and how many ways it has. */
uint32_t bed_gateway_of(uint32_t net, uint32_t *n_hops);

/* The group of the one of metric 0, which must be there. */
const struct fib_group *bed_group_of(uint32_t net);

#endif
