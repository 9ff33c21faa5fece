/* confine: what control gives up, before it listens to anyone. */
#include "services/control/control.h"

#include "common/board/board.h"

#include <signal.h>
#include <unistd.h>

#define FILES 8192u /* each client is two descriptors (common/rpc/monitor.c) */
#define MEMORY                                                                                               \
	(UINT64_C(2) << 30) /* configurations with a million routes, twice, and what clients have under way  \
	                     */

int control_confine(const struct host_taken *taken)
{
	const struct cage cage = {
	        .uid = CAGE_UID_BASE + ROLE_CONTROL,
	        .flags = CAGE_KEEP_FILES,
	        .n_files = FILES,
	        .memory = MEMORY,
	        .root = -1,
	        .net = -1,
	        .pdeath_signal = SIGKILL,
	        .writable = {taken->sockets_dir, taken->state_dir},
	};
	pid_t parent = getppid();
	uint32_t missed;
	int err;

	err = cage_leave(&cage, &missed);
	if (err)
		return err;
	cage_tell_missed("control", missed);
	/* The attendant may have died before its death was to be told. */
	return getppid() == parent ? cage_seal(CAGE_CONTROL, NULL, 0) : -EPIPE;
}
