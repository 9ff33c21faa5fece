/* control: the process that people talk to: it publishes configurations and tells how the appliance is.
 *
 *     control_open(&c, loop, &setup, why)      takes up what a predecessor left, publishes the file, listens
 *     uv_run(loop, ...)
 *     control_close(c)                         and run the loop until it is empty
 *
 * It may die at any moment: the epoch in force stays in the shared memory, the next control goes on from
 * there.  One thread, that of the loop.
 */
#ifndef SLUICE_SERVICES_CONTROL_CONTROL_H
#define SLUICE_SERVICES_CONTROL_CONTROL_H

#include "common/stage/appliance.h"

#include <uv.h>

#define CONTROL_WHY_BYTES 1024u

struct control;

struct control_setup {
	struct appliance *appliance; /* mapped with APPLIANCE_CONTROL */
	const char *config;          /* file of the first epoch */
	const char *run_dir;         /* where read.sock and admin.sock are made */
};

/* 0; or a negative errno with a sentence in `why` (CONTROL_WHY_BYTES).  A configuration that cannot be
 * published is no reason not to open: Status tells of it, and Apply mends it. */
[[nodiscard]] int control_open(
        struct control **out, uv_loop_t *loop, const struct control_setup *setup, char *why);
void control_close(struct control *c);

#endif
