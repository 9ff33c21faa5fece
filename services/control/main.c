/* The process of control: handles from its attendant, the cage, the loop. */
#include "services/control/control.h"

#include "common/host/host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static struct control *control;
static uv_poll_t attendant;

static int fail(const char *what, int err)
{
	fprintf(stderr, "sluice-control: %s: %s\n", what, strerror(-err));
	return 1;
}

/* `stop`, or the attendant is gone. */
static void on_attendant(uv_poll_t *poll, int status, int events)
{
	struct handle h;
	int got = handle_receive(HANDLE_STAGE_FD, &h, 0);
	bool stop = got > 0 && !strcmp(h.name, "stop");

	(void)events;
	if (got > 0)
		handle_close(&h);
	if (!status && !stop && (got >= 0 || got == -EPROTO))
		return;
	uv_close((uv_handle_t *)poll, NULL);
	control_close(control);
}

/* It keeps the file system, read-only but for the folder of its sockets, and no capability. */
static int leave(const struct host_taken *taken)
{
	const struct cage cage = {
	        .uid = getuid(),
	        .flags = CAGE_KEEP_FILES | CAGE_KEEP_USER,
	        .root = -1,
	        .net = taken->net,
	        .pdeath_signal = SIGKILL,
	        .writable = taken->run_dir,
	};
	uint32_t missed;

	return cage_leave(&cage, &missed);
}

/* Each client is a descriptor. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(void)
{
	static struct host_taken taken;
	char why[CONTROL_WHY_BYTES];
	uv_loop_t loop;
	int err = host_take_up(HANDLE_STAGE_FD, APPLIANCE_CONTROL, &taken);

	if (err)
		return fail("cannot take up what the attendant hands it", err);
	appliance_close_fds(&taken.appliance);
	raise_limits();
	err = leave(&taken);
	if (err)
		return fail("cannot give up its privileges", err);
	uv_loop_init(&loop);
	err = control_open(
	        &control, &loop, &(struct control_setup){&taken.appliance, taken.config, taken.run_dir}, why);
	if (err) {
		fprintf(stderr, "sluice-control: %s\n", why);
		return 1;
	}
	uv_poll_init(&loop, &attendant, HANDLE_STAGE_FD);
	uv_poll_start(&attendant, UV_READABLE | UV_DISCONNECT, on_attendant);
	err = handle_send(HANDLE_STAGE_FD, "ready", NULL, 0, NULL, 0);
	if (err)
		return fail("the attendant is gone", err);
	uv_run(&loop, UV_RUN_DEFAULT);
	return 0;
}
