/* control: the process that people talk to: it publishes configurations and tells how the appliance is.
 *
 *     control_load(path, &config, why)         the file of the first epoch, with all rights that it began
 * with control_confine(&taken, sock)              user, files, system calls: for good, before anyone is
 * listened to control_open(&c, loop, &setup, why)      takes up what a predecessor left, publishes the file,
 * listens uv_run(loop, ...) control_close(c)                         and run the loop until it is empty
 *
 * It may die at any moment: the epoch in force stays in the shared memory, the next control goes on from
 * there.  One thread, that of the loop.
 */
#ifndef SLUICE_SERVICES_CONTROL_CONTROL_H
#define SLUICE_SERVICES_CONTROL_CONTROL_H

#include "common/host/host.h"

#include <uv.h>

#define CONTROL_WHY_BYTES 1024u

struct config;
struct control;

struct control_setup {
	struct appliance *appliance; /* mapped with APPLIANCE_CONTROL */
	const char *config;          /* its file, for Status */
	struct config *first;    /* of the first epoch, taken over; NULL: none could be loaded, or there is
	                          * an epoch in force */
	const char *problem;     /* why first is NULL; may be empty */
	const char *sockets_dir; /* where read.sock and admin.sock are made */
};

/* Reads the file of the first epoch and what it refers to.  0 with *first, or a negative errno with a
 * sentence in `why` (CONTROL_WHY_BYTES). */
[[nodiscard]] int control_load(const char *path, struct config **first, char *why);

/* Gives up whatever control does not need: the process then has a user of its own without capabilities,
 * writes to its two folders (beside its sockets the state folder) alone, and keeps the calls of CAGE_CONTROL.
 * Of the descriptors the bells stay, and `sock`, to the attendant. 0 or a negative errno: it must not go on.
 */
[[nodiscard]] int control_confine(struct host_taken *taken, int sock);

/* 0; or a negative errno with a sentence in `why` (CONTROL_WHY_BYTES).  A configuration that cannot be
 * published is no reason not to open: Status tells of it, and Apply mends it. */
[[nodiscard]] int control_open(
        struct control **out, uv_loop_t *loop, const struct control_setup *setup, char *why);
void control_close(struct control *c);

#endif
