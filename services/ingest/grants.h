/* grants: the last word that the opener has said about each queue (common/grant), for all workers of the
 * process.
 *
 *     ingest_grant(&grant, fd, n)            the thread that receives (ingest.h)
 *     if (grants_count() != seen) ...        a worker: something was said; the receiver then rings its bell
 *     grants_last(phys, queue, &word)        what; a worker of any lane
 *     n = grants_take(phys, queue, incarnation, fd)     the descriptors, for the one worker that drives the
 * queue
 *
 * A word about an incarnation older than the last one's is not heard.  LINK changes what OPEN said.
 *
 * Part of ingest.  Any thread; a short lock, on no packet's path.
 */
#ifndef SLUICE_SERVICES_INGEST_GRANTS_H
#define SLUICE_SERVICES_INGEST_GRANTS_H

#include "common/grant/grant.h"

/* Grows with each word. */
uint32_t grants_count(void);

/* The last word; false: none was said. */
bool grants_last(uint32_t phys, uint32_t queue, struct grant *word);

/* Hands the descriptors of that open incarnation over; the caller closes them.  Returns how many: 0 where it
 * is not open, or they were taken. */
uint32_t grants_take(uint32_t phys, uint32_t queue, uint64_t incarnation, int fd[GRANT_FDS_MAX]);

/* Forgets everything, closing what was not taken: for tests that are another process by intent. */
void grants_forget(void);

#endif
