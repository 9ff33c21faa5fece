/* Tables like those of the Internet's default-free zone, and addresses to look up; by seed. */
#ifndef SLUICE_TESTS_BENCH_FIB_ROUTES_H
#define SLUICE_TESTS_BENCH_FIB_ROUTES_H

#include "common/fib/fib.h"

/* n different prefixes; the group is 1 to groups. */
void routes4_make(struct fib_route *routes, uint32_t n, uint32_t groups, uint64_t seed);
void routes6_make(struct fib_route *routes, uint32_t n, uint32_t groups, uint64_t seed);

/* Addresses of any value (IPv6: within 2000::/3). */
void addrs4_uniform(uint32_t *addr, uint32_t n, uint64_t seed);
void addrs6_uniform(struct ip6_addr *addr, uint32_t n, uint64_t seed);

/* Addresses each in a prefix drawn from the routes. */
void addrs4_inside(
        uint32_t *addr, uint32_t n, const struct fib_route *routes, uint32_t n_routes, uint64_t seed);
void addrs6_inside(
        struct ip6_addr *addr, uint32_t n, const struct fib_route *routes, uint32_t n_routes, uint64_t seed);

#endif
