/* rte_fib and rte_fib6 of DPDK, in each way that they can be set up. */
#ifndef SLUICE_TESTS_BENCH_FIB_PEER_H
#define SLUICE_TESTS_BENCH_FIB_PEER_H

#include "common/fib/fib.h"

struct peer;

/* Starts DPDK without huge pages, files and devices.  False: it does not start here. */
bool peer_start(const char *program);

/* An empty table whose next hops take bytes (2, 4, 8); NULL where there is no memory. */
struct peer *peer_new(enum fib_family family, unsigned bytes);
void peer_free(struct peer *peer);

/* Adds the routes with their groups as next hops; false: they do not fit. */
bool peer_add(struct peer *peer, const struct fib_route *routes, uint32_t n);
bool peer_del(struct peer *peer, const struct fib_route *route);

/* Chooses the AVX-512 code, or the best of the scalar ones. */
bool peer_vector(struct peer *peer, bool vector);

/* Bulk lookup; addresses as ours. */
void peer_lookup(struct peer *peer, const void *dst, uint64_t *hop, uint32_t n);

#endif
