#include "common/host/host.h"

#include <stdlib.h>

int host_take_blueprint(struct host_taken *t, int fd)
{
	struct blueprint *b = malloc(sizeof *b);
	int err = b ? blueprint_read(fd, b) : -ENOMEM;

	*t = (struct host_taken){.root = -1, .net = -1, .blueprint = -1};
	if (!err) {
		t->blueprint = fd;
		appliance_adopt(&t->appliance, &b->plan, b->bytes);
		memcpy(t->run_dir, b->run_dir, sizeof t->run_dir);
		memcpy(t->sockets_dir, b->sockets_dir, sizeof t->sockets_dir);
		memcpy(t->state_dir, b->state_dir, sizeof t->state_dir);
		memcpy(t->config, b->config, sizeof t->config);
		t->n_cores = b->n_cores;
		memcpy(t->cores, b->cores, sizeof t->cores);
	}
	free(b);
	return err;
}

/* The place where a descriptor of that name belongs; NULL: the name says nothing to a stage. */
static int *place_of(struct host_taken *t, const char *name)
{
	unsigned long bell;
	char *end;

	for (uint32_t r = 0; r < REGION_COUNT; r++)
		if (!strcmp(name, appliance_region_name(r)))
			return &t->appliance.fd[r];
	if (!strcmp(name, "root"))
		return &t->root;
	if (!strcmp(name, "net"))
		return &t->net;
	if (!strcmp(name, "bell-opener"))
		return &t->appliance.opener.fd;
	if (strncmp(name, "bell-", 5) != 0)
		return NULL;
	bell = strtoul(name + 5, &end, 10);
	return *end == 0 && end != name + 5 && bell < t->appliance.plan.n_workers
	               ? &t->appliance.bell[bell].fd
	               : NULL;
}

static int take_handle(struct host_taken *t, struct handle *h)
{
	bool first = t->appliance.plan.n_workers == 0;
	int *place;

	if (h->n_fds != 1 || first != !strcmp(h->name, "blueprint"))
		return -EPROTO;
	if (first) {
		int err = host_take_blueprint(t, h->fd[0]);

		if (!err)
			handle_take(h, 0);
		return err;
	}
	place = place_of(t, h->name);
	if (!place || *place >= 0)
		return -EPROTO;
	*place = handle_take(h, 0);
	return 0;
}

static int receive(int sock, struct host_taken *t, int timeout_ms)
{
	struct handle h;
	int got, err;

	while ((got = handle_receive(sock, &h, timeout_ms)) > 0) {
		bool go = !strcmp(h.name, "go");

		err = go ? 0 : take_handle(t, &h);
		handle_close(&h);
		if (err || go)
			return err ? err : t->appliance.plan.n_workers ? 0 : -EPROTO;
	}
	return got ? got : -ETIMEDOUT;
}

int host_take_up(int sock, uint32_t mask, int timeout_ms, struct host_taken *t)
{
	int err;

	*t = (struct host_taken){.root = -1, .net = -1, .blueprint = -1};
	err = receive(sock, t, timeout_ms);
	return err ? err : appliance_map(&t->appliance, mask);
}

void host_keep_bells(struct host_taken *t, int sock)
{
	int keep[WORKERS_MAX + 2];
	uint32_t n = 0;

	keep[n++] = sock;
	for (uint32_t w = 0; w < WORKERS_MAX; w++)
		if (t->appliance.bell[w].fd >= 0)
			keep[n++] = t->appliance.bell[w].fd;
	if (t->appliance.opener.fd >= 0)
		keep[n++] = t->appliance.opener.fd;
	cage_close_all_but(keep, n);
	t->root = t->net = t->blueprint = -1;
	for (uint32_t r = 0; r < REGION_COUNT; r++)
		t->appliance.fd[r] = -1;
}
