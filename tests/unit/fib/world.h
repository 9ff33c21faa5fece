/* A FIB for a test, with a few groups. */
#ifndef SLUICE_TESTS_UNIT_FIB_WORLD_H
#define SLUICE_TESTS_UNIT_FIB_WORLD_H

#include "tests/unit/fib/oracle.h"

#define WORLD_GROUPS 40u

struct world {
	void *region;
	size_t size;
	struct fib *fib;
	struct fib_reader reader;
	uint32_t group[WORLD_GROUPS];
	uint64_t random;
};

/* Zeros, before and behind which an access faults; size is of whole pages. */
void *region_map(size_t size);
void region_unmap(void *region, size_t size);

struct world *world_new(const struct fib_limits *limits, uint64_t seed);
void world_free(struct world *w);

/* A group of one gateway, different for each number. */
struct fib_group_spec world_spec(uint32_t number);

/* A route with a random prefix, metric and group. */
struct fib_route world_route(struct world *w, enum fib_family family);

/* All readers have passed. */
void world_reclaim(struct world *w);

/* Compares every way to look up with the oracle, at n addresses that are near routes and n elsewhere. */
void world_compare(struct world *w, const struct oracle *o, enum fib_family family, uint32_t n);

/* Compares going through all routes with the oracle. */
void world_compare_routes(struct world *w, const struct oracle *o, enum fib_family family);

#endif
