/* control: the process that people talk to: it publishes configurations and tells how the appliance is.
 *
 *     control_load(path, &first)             the file of the first epoch, while it has the rights to
 *     host_keep_bells(&taken, sock)          descriptors
 *     metrics_listen(&web, loop, ...)        with those rights too (metrics.h)
 *     follow_sockets(netlink)                likewise (follow.h)
 *     control_confine(&taken)                user, files, system calls: before anyone is heard
 *     control_open(&c, loop, &setup, why)    goes on from what a predecessor left, listens
 *     uv_run(loop, ...)
 *     control_close(c)                       and run the loop until it is empty
 *
 * It may die at any moment: the epoch in force stays in the shared memory, its text and what was under way in
 * the state folder (state.h); the next control goes on from there.  One thread, that of the loop.
 */
#ifndef SLUICE_SERVICES_CONTROL_CONTROL_H
#define SLUICE_SERVICES_CONTROL_CONTROL_H

#include "common/host/host.h"

#include <uv.h>

#define CONTROL_WHY_BYTES 1024u

struct config;
struct control;
struct web;

/* The file that the appliance was started with. */
struct control_first {
	char *text; /* malloc'd; NULL: it cannot be read */
	size_t len;
	struct config *config;           /* NULL: it cannot be read, or is none */
	char problem[CONTROL_WHY_BYTES]; /* why not */
};

struct control_setup {
	struct appliance *appliance; /* mapped with APPLIANCE_CONTROL */
	const char *config;          /* the file of the start */
	struct control_first *first; /* what it holds, taken over; NULL: there is an epoch in force */
	const char *sockets_dir;     /* where read.sock and admin.sock are made */
	const char *state_dir;       /* what outlives it */
	const int *netlink; /* follow_sockets', taken over; NULL: the kernel's routes are not followed */
	struct web *web;    /* metrics_listen's, taken over; NULL: metrics are told nowhere */
	uint64_t metrics;   /* and where that listens */
};

/* Reads the file of the first epoch and what it refers to. */
void control_load(const char *path, struct control_first *first);

/* Gives up whatever control does not need: the process then has a user of its own without capabilities,
 * writes to its two folders (beside its sockets the state folder) alone, and keeps the calls of CAGE_CONTROL.
 * 0 or a negative errno: it must not go on. */
[[nodiscard]] int control_confine(const struct host_taken *taken);

/* 0; or a negative errno with a sentence in `why` (CONTROL_WHY_BYTES).  A configuration that cannot be
 * published is no reason not to open: Status tells of it, and Apply mends it. */
[[nodiscard]] int control_open(
        struct control **out, uv_loop_t *loop, const struct control_setup *setup, char *why);
void control_close(struct control *c);

#endif
