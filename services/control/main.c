/* The process of control: handles from its attendant, the cage, the loop. */
#include "services/control/control.h"

#include <stdio.h>
#include <stdlib.h>
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

int main(void)
{
	static struct host_taken taken;
	static struct control_first first;
	char why[CONTROL_WHY_BYTES] = "";
	bool anew;
	uv_loop_t loop;
	int err = host_take_up(HANDLE_STAGE_FD, APPLIANCE_CONTROL, -1, &taken);

	if (err)
		return fail("cannot take up what the attendant hands it", err);
	anew = !appliance_control(&taken.appliance)->epoch;
	if (anew)
		control_load(taken.config, &first);
	err = control_confine(&taken, HANDLE_STAGE_FD);
	if (err)
		return fail("cannot give up its privileges", err);
	uv_loop_init(&loop);
	err = control_open(&control, &loop,
	        &(struct control_setup){&taken.appliance, taken.config, anew ? &first : NULL,
	                taken.sockets_dir, taken.state_dir},
	        why);
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
