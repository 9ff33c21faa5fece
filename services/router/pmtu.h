/* pmtu: the path MTU towards destinations of our own packets, as ICMP told it (RFC 1191, RFC 8201).
 *
 * A table of lane 0 for each use, two ways by hash; an entry is one line with a sequence count, odd while it
 * changes, so that other lanes may read it meanwhile.  Forwarded packets never look here (RFC 1812: a router
 * does not act on them).
 */
#ifndef SLUICE_SERVICES_ROUTER_PMTU_H
#define SLUICE_SERVICES_ROUTER_PMTU_H

#include "services/router/router_internal.h"

#define PMTU_SETS    512u
#define PMTU_WAYS    2u
#define PMTU_EXPIRES (600 * NANOS_PER_SEC) /* Linux mtu_expires; RFC 8201 4: at least 5 minutes */
#define PMTU_MIN4    552u                  /* Linux min_pmtu: an ICMP may not push us below */

struct pmtu_entry {
	_Alignas(CACHE_LINE) uint32_t seq;
	uint32_t mtu; /* 0: empty */
	struct ip6_addr dst;
	nanos_t expires;
};

struct pmtu_table {
	struct pmtu_entry entry[PMTU_USES][PMTU_SETS][PMTU_WAYS];
};

static_assert(
        sizeof(struct pmtu_table) == PMTU_USES * PMTU_SETS * PMTU_WAYS * CACHE_LINE, "journaled layout");

#endif
