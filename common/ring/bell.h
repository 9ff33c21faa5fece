/* bell: what a worker sleeps on, and what others ring to wake it.
 *
 * An eventfd that outlives both sides.  A bell without a descriptor (fd -1) is that of workers which share a
 * thread with the ringer and look at their inputs in turn anyway: ringing it only leaves a mark.
 *
 * bell_ring may be called by any thread of any process that holds the descriptor; bell_wait and bell_clear by
 * the owner.
 */
#ifndef SLUICE_COMMON_RING_BELL_H
#define SLUICE_COMMON_RING_BELL_H

#include "common/base/base.h"

struct bell {
	int fd;        /* non-blocking eventfd, or -1 */
	uint32_t mark; /* with fd -1: rung since bell_clear */
};

/* Makes an eventfd.  0 or a negative errno.  The caller closes bell->fd. */
[[nodiscard]] int bell_open(struct bell *bell);

/* Rings: one system call.  Never blocks; ringing a rung bell is the same as ringing it once. */
void bell_ring(struct bell *bell);

/* Forgets earlier rings. */
void bell_clear(struct bell *bell);

/* Sleeps until the bell is rung, one of the n further descriptors is readable, or timeout nanoseconds have
 * passed (NANOS_NEVER: no limit).  n is at most BELL_EXTRA_MAX.  Returns 1 when woken, 0 on timeout, negative
 * errno. */
#define BELL_EXTRA_MAX 64
[[nodiscard]] int bell_wait(struct bell *bell, const int *extra, uint32_t n, nanos_t timeout);

#endif
