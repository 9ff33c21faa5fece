/* cage: a process gives up everything that it does not need, for good.
 *
 *     cage_leave(&(struct cage){.uid = ...}, &left)    single-threaded, as root: user, capabilities, files,
 *                                                      networks, limits
 *     ... threads are made ...
 *     cage_seal(CAGE_STAGE)                            the system calls, of all threads; then the first
 * packet
 *
 * What is left after both: the mappings and descriptors that the process has, and a short list of calls on
 * them.  Anything else ends the process by SIGSYS.
 */
#ifndef SLUICE_COMMON_CAGE_CAGE_H
#define SLUICE_COMMON_CAGE_CAGE_H

#include "common/base/base.h"

#include <sys/types.h>

/* Users without a name, one a role, so that a caged process can neither trace nor kill another. */
#define CAGE_UID_BASE 64640u
#define CAGE_UID_ELSE 65534u /* where the first is not in the container's range */

enum cage_calls {
	CAGE_STAGE,  /* memory, bells, sleeping, its socket to the attendant */
	CAGE_INGEST, /* and a NIC's descriptors: mapping them shared, send, receive, statistics */
};

#define CAGE_KEEP_FILES 0x1u /* reading the file system, as far as the user's rights go */
#define CAGE_KEEP_USER  0x2u /* the user, without capabilities */

struct cage {
	uid_t uid; /* and group */
	uint32_t flags;
	int root;             /* descriptor of an empty folder that becomes its root; -1: none is given */
	int net;              /* descriptor of an empty network namespace; -1: none is given */
	int pdeath_signal;    /* asked for after the change of user, which forgets it; 0: none */
	const char *writable; /* with CAGE_KEEP_FILES: nothing may be written but beneath this folder */
};

/* What could not be had (a container forbids it), for a line in the log: seccomp then stands alone. */
#define CAGE_MISSED_ROOT     0x1u
#define CAGE_MISSED_NET      0x2u
#define CAGE_MISSED_LANDLOCK 0x4u

/* 0 with *missed, or a negative errno: the process must not go on.  The user and all capabilities are always
 * given up, the bounding set too, and no_new_privs is set.  `root` and `net` stay the caller's to close. */
[[nodiscard]] int cage_leave(const struct cage *cage, uint32_t *missed);

/* Closes every descriptor above 2 but these (n, ascending or not). */
void cage_close_all_but(const int *keep, uint32_t n);

/* Forbids all other system calls to all threads of the process.  0 or a negative errno. */
[[nodiscard]] int cage_seal(enum cage_calls calls);

#endif
