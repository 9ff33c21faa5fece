/* cage: a process gives up everything that it does not need, for good.
 *
 *     cage_leave(&(struct cage){.uid = ...}, &left)    single-threaded, as root: user, capabilities, files,
 *                                                      networks, limits
 *     ... threads are made ...
 *     cage_seal(CAGE_STAGE, bells, n)                  the system calls, of all threads; then the first
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

#define CAGE_FILES 512u
#define CAGE_STACK (UINT64_C(8) << 20) /* a thread's */

enum cage_calls {
	CAGE_STAGE,   /* memory, bells, sleeping, its socket to the attendant */
	CAGE_SESSION, /* and mapping shared memory: that of an application */
	CAGE_INGEST,  /* and a NIC's descriptors: mapping them shared, send, receive, statistics */

	/* A server of local and TCP sockets with files of its own: making both, threads too; no process, no
	 * program, no connection to others.  What libraries try and can do without is refused with an error.
	 */
	CAGE_CONTROL,
};

#define CAGE_KEEP_FILES   0x1u /* reading the file system, as far as the user's rights go */
#define CAGE_WRITABLE_MAX 4u

struct cage {
	uid_t uid; /* and group */
	uint32_t flags;
	uint32_t n_files;  /* descriptors that it may have open; 0: CAGE_FILES */
	uint64_t memory;   /* bytes of its own that it may map beyond what it has, stacks among them */
	int root;          /* descriptor of an empty folder that becomes its root; -1: none is given */
	int net;           /* descriptor of an empty network namespace; -1: none is given */
	int pdeath_signal; /* asked for after the change of user, which forgets it; 0: none */

	/* With CAGE_KEEP_FILES: the folders beneath which it may write; the first NULL ends them. */
	const char *writable[CAGE_WRITABLE_MAX];
};

/* What could not be had (a container forbids it), for a line in the log: seccomp then stands alone. */
#define CAGE_MISSED_ROOT     0x1u
#define CAGE_MISSED_NET      0x2u
#define CAGE_MISSED_LANDLOCK 0x4u
#define CAGE_MISSED_USER     0x8u /* it is root, if without a capability */

/* 0 with *missed, or a negative errno: the process must not go on.  All capabilities are always given up, and
 * no_new_privs is set; so are user and bounding set where the process has the capabilities to do so.  `root`
 * and `net` stay the caller's to close. */
[[nodiscard]] int cage_leave(const struct cage *cage, uint32_t *missed);

/* Says on stderr what `name` could not be given, if anything. */
void cage_tell_missed(const char *name, uint32_t missed);

/* Makes the folder, or takes one that is empty or that user's already, and gives it to the user of a cage,
 * with this mode: as root, where nobody else may write to the folder that it is in.  0; -ENOTEMPTY where it
 * holds what is another's; -EACCES where that user cannot pass through a folder above it; other negative
 * errno.
 */
[[nodiscard]] int cage_give_folder(const char *path, uid_t uid, uint32_t mode);

/* Closes every descriptor above 2 but these (n, ascending or not). */
void cage_close_all_but(const int *keep, uint32_t n);

#define CAGE_UNREAD_MAX 64u

/* Forbids all other system calls to all threads of the process, and reading these n descriptors: bells of
 * others, which it may ring, but whose calls it must not take away.  0 or a negative errno. */
[[nodiscard]] int cage_seal(enum cage_calls calls, const int *unread, uint32_t n);

#endif
