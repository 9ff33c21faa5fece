/* The naive FIB: a list of routes, searched from end to end. */
#ifndef SLUICE_TESTS_UNIT_FIB_ORACLE_H
#define SLUICE_TESTS_UNIT_FIB_ORACLE_H

#include "common/fib/fib.h"

#define ORACLE_MAX 8192u

struct oracle {
	uint32_t n;
	struct fib_route route[ORACLE_MAX];
};

/* 0, -EEXIST or -ENOENT, as the FIB's. */
int oracle_add(struct oracle *o, const struct fib_route *route, bool replace);
int oracle_del(struct oracle *o, const struct fib_prefix *prefix, uint32_t metric);

/* The route for an address (IPv4 mapped); NULL: none. */
const struct fib_route *oracle_get(
        const struct oracle *o, enum fib_family family, const struct ip6_addr *dst);

/* The route that an address under *route has if this one, and what goes before it, is not there; NULL: none.
 */
const struct fib_route *oracle_wider(const struct oracle *o, const struct fib_route *route);

bool prefix_holds(const struct fib_prefix *prefix, const struct ip6_addr *addr);
bool prefix_equal(const struct fib_prefix *a, const struct fib_prefix *b);

/* In the order of the FIB: address, length, metric. */
int route_compare(const void *a, const void *b);

/* Random prefixes and addresses that often meet: few different bits at each length. */
struct fib_prefix random_prefix(uint64_t *random, enum fib_family family);
struct ip6_addr random_addr(uint64_t *random, enum fib_family family);
/* An address at or next to an end of a prefix, or within. */
struct ip6_addr random_addr_near(uint64_t *random, const struct fib_prefix *prefix);

#endif
