#include "services/keeper/stock.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAKE_MS 1000 /* what an attendant may take for each descriptor */

static int reopen_read_only(int fd)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_read_only(struct stock *s)
{
	int err = 0;

	for (uint32_t r = 0; r < REGION_COUNT; r++)
		s->read_only[r] = -1;
	for (uint32_t r = 0; r < REGION_COUNT && !err; r++) {
		s->read_only[r] = reopen_read_only(s->taken.appliance.fd[r]);
		err = MIN(s->read_only[r], 0);
	}
	return err;
}

static int empty_folder(const char *run_dir)
{
	char path[BLUEPRINT_PATH + 8];

	snprintf(path, sizeof path, "%s/empty", run_dir);
	if (mkdir(path, 0555) && errno != EEXIST)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A network namespace in which there is nothing. */
static int empty_network(void)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), net = -1;

	if (own >= 0 && unshare(CLONE_NEWNET) == 0) {
		net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (setns(own, CLONE_NEWNET)) {
			/* Without its way back this process would open ports where there are none. */
			perror("sluice-keeper: cannot return to its network namespace");
			_exit(1);
		}
	}
	if (own >= 0)
		close(own);
	return net;
}

int stock_make(struct stock *s, int blueprint)
{
	struct appliance *a = &s->taken.appliance;
	int err;

	memset(s, 0, sizeof *s);
	err = host_take_blueprint(&s->taken, blueprint);
	if (!err)
		err = appliance_make(a, true);
	if (!err)
		err = appliance_map(a, APPLIANCE_KEEPER);
	if (!err)
		err = open_read_only(s);
	s->taken.root = empty_folder(s->taken.run_dir);
	s->taken.net = empty_network();
	return err;
}

int stock_take(struct stock *s, int sock)
{
	int err = host_take_up(sock, APPLIANCE_KEEPER, TAKE_MS, &s->taken);

	return err ? err : open_read_only(s);
}

uint32_t stock_rights(enum role role)
{
	return role == ROLE_CONTROL ? APPLIANCE_CONTROL : 1u << role;
}

static int send_one(int sock, const char *name, int fd)
{
	return fd < 0 ? 0 : handle_send(sock, name, NULL, 0, &fd, 1);
}

static int send_bell(const struct stock *s, int sock, uint32_t w)
{
	char name[HANDLE_NAME_LEN];

	snprintf(name, sizeof name, "bell-%u", w);
	return send_one(sock, name, s->taken.appliance.bell[w].fd);
}

static int send_regions(const struct stock *s, int sock, uint32_t mask)
{
	int err = 0;

	for (uint32_t r = 0; r < REGION_COUNT && !err; r++) {
		int rights = appliance_rights(r, mask);

		if (rights & PROT_WRITE)
			err = send_one(sock, appliance_region_name(r), s->taken.appliance.fd[r]);
		else if (rights & PROT_READ)
			err = send_one(sock, appliance_region_name(r), s->read_only[r]);
	}
	return err;
}

/* Bells of workers with which the role shares a ring; all, for control, which tells all of a new epoch. */
static bool may_ring(const struct plan *plan, enum role role, uint32_t w)
{
	if (role == ROLE_CONTROL || plan->worker[w].stage == (uint32_t)role)
		return true;
	for (uint32_t r = 0; r < plan->n_rings; r++) {
		const struct ring_plan *ring = &plan->ring[r];

		if ((ring->to == w && plan->worker[ring->from].stage == (uint32_t)role) ||
		        (ring->from == w && plan->worker[ring->to].stage == (uint32_t)role))
			return true;
	}
	return false;
}

int stock_hand(const struct stock *s, int sock, enum role role)
{
	const struct plan *plan = &s->taken.appliance.plan;
	int err = send_one(sock, "blueprint", s->taken.blueprint);

	if (!err)
		err = send_regions(s, sock, stock_rights(role));
	for (uint32_t w = 0; w < plan->n_workers && !err; w++)
		if (may_ring(plan, role, w))
			err = send_bell(s, sock, w);
	if (!err && role == ROLE_CONTROL)
		err = send_one(sock, "bell-opener", s->taken.appliance.opener.fd);
	if (!err && role != ROLE_CONTROL)
		err = send_one(sock, "root", s->taken.root);
	if (!err && role != ROLE_CONTROL)
		err = send_one(sock, "net", s->taken.net);
	return err ? err : handle_send(sock, "go", NULL, 0, NULL, 0);
}

int stock_hand_all(const struct stock *s, int sock)
{
	int err = send_one(sock, "blueprint", s->taken.blueprint);

	for (uint32_t r = 0; r < REGION_COUNT && !err; r++)
		err = send_one(sock, appliance_region_name(r), s->taken.appliance.fd[r]);
	for (uint32_t w = 0; w < s->taken.appliance.plan.n_workers && !err; w++)
		err = send_bell(s, sock, w);
	if (!err)
		err = send_one(sock, "bell-opener", s->taken.appliance.opener.fd);
	if (!err)
		err = send_one(sock, "root", s->taken.root);
	if (!err)
		err = send_one(sock, "net", s->taken.net);
	return err ? err : handle_send(sock, "go", NULL, 0, NULL, 0);
}
