/* The process of control: handles from its attendant, the cage, the loop. */
#include "services/control/control.h"

#include "services/control/routes/follow.h"
#include "services/control/metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct control *control;
static uv_poll_t attendant;

static int fail(const char *what, int err)
{
	if (err == -ESTALE)
		fprintf(stderr, "sluice-control: %s\n", BLUEPRINT_STALE);
	else
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

/* With all rights that the process began with. */
static void load(const struct host_taken *taken, uv_loop_t *loop, struct control_setup *setup)
{
	static int netlink[FOLLOW_SOCKETS];
	static struct control_first first;
	int err = follow_sockets(netlink);
	char why[CONTROL_WHY_BYTES];

	if (!appliance_control(&taken->appliance)->epoch) {
		control_load(taken->config, &first);
		setup->first = &first;
	}
	if (metrics_listen(&setup->web, &setup->metrics, loop, taken->config, first.config, why))
		fprintf(stderr, "sluice-control: %s\n", why);
	if (err)
		fprintf(stderr, "sluice-control: the kernel's routes cannot be followed: %s\n",
		        strerror(-err));
	else
		setup->netlink = netlink;
}

int main(void)
{
	static struct host_taken taken;
	struct control_setup setup = {.appliance = &taken.appliance,
	        .config = taken.config,
	        .sockets_dir = taken.sockets_dir,
	        .state_dir = taken.state_dir};
	char why[CONTROL_WHY_BYTES] = "";
	uv_loop_t loop;
	int err = host_take_up(HANDLE_STAGE_FD, APPLIANCE_CONTROL, -1, &taken);

	if (err)
		return fail("cannot take up what the attendant hands it", err);
	host_keep_bells(&taken, HANDLE_STAGE_FD);
	uv_loop_init(&loop);
	load(&taken, &loop, &setup);
	err = control_confine(&taken);
	if (err)
		return fail("cannot give up its privileges", err);
	err = control_open(&control, &loop, &setup, why);
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
