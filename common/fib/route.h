/* Routes within a change: the tree and the entries, without ending it. */
#ifndef SLUICE_COMMON_FIB_ROUTE_H
#define SLUICE_COMMON_FIB_ROUTE_H

#include "common/fib/writer.h"

/* 0 or -EINVAL: family, length, bits beyond it; and that the group exists. */
[[nodiscard]] int fib_prefix_check(const struct fib_prefix *prefix);
[[nodiscard]] int fib_route_check(const struct fib *fib, const struct fib_route *route);

/* Into the tree: -EEXIST unless it may replace, -ENOSPC, -ENOMEM. */
[[nodiscard]] int fib_route_insert(
        struct fib *fib, const struct fib_route *route, const struct fib_key *key, bool replace);

/* Out of the tree: -ENOENT (nothing was begun), -ENOSPC, -ENOMEM. */
[[nodiscard]] int fib_route_remove(
        struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len, uint32_t metric);

/* Makes the tables, or the default, follow the tree below a prefix. */
[[nodiscard]] int fib_route_show(
        struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len);

/* The default follows the tree. */
[[nodiscard]] int fib_default_show(struct fib *fib, enum fib_family family);

#endif
