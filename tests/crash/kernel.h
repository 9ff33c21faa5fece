/* kernel: a kernel's rings without a kernel, as a live port of the real ingest: a driver whose rings lie in
 * memory of the test, and the other end of them, which moves when the driver kicks.  Frames are the dummies'.
 */
#ifndef SLUICE_TESTS_CRASH_KERNEL_H
#define SLUICE_TESTS_CRASH_KERNEL_H

#include "tests/crash/dummy.h"

/* The real ingest, which is told of the port's rings at each start: at once, or (late) only when it waits for
 * that. */
extern struct stage_ops kernel_ingest;
extern bool kernel_late;

/* Before anything starts: the driver's stores into the rings are watched. */
void kernel_init(struct pool *pool);

/* What has been sent: each number so often.  Returns how many frames. */
uint64_t kernel_sent(uint8_t *times, bool *again);

/* Whether the kernel has exactly those buffers that the worker's ledger says; NULL, or a sentence. */
const char *kernel_judge(const void *worker, uint32_t buffers);

#endif
