/* usage: what a role's process costs, read from outside it, so that one that hangs or lies is told of too.
 *
 *     usage_begin(&u, entry)               a process was born: what came before it is kept
 *     usage_look(&u, pid, now, entry)      now and then; the last time when it is dead and not yet waited for
 *
 * `entry` is the role's on the board, which is written here alone.
 */
#ifndef SLUICE_SERVICES_KEEPER_USAGE_H
#define SLUICE_SERVICES_KEEPER_USAGE_H

#include "common/board/board.h"

#include <sys/types.h>

struct usage {
	uint64_t cpu_ns, waited_ns, switches; /* of the processes before */
	uint32_t looks;                       /* at this one */
};

void usage_begin(struct usage *u, const struct board_usage *entry);

/* Its share of memory, for which the kernel walks all its pages, is read at one look in USAGE_SHARE_EVERY. */
#define USAGE_SHARE_EVERY 20u
void usage_look(struct usage *u, pid_t pid, nanos_t now, struct board_usage *entry);

#endif
