#include "services/keeper/opener/open.h"

#include "services/keeper/opener/bpf.h"

#include <linux/if_packet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#define SO_BUSY_POLL_BUDGET 70
#endif

const char *open_mode_name(uint32_t mode)
{
	switch ((enum grant_mode)mode) {
	case GRANT_MODE_NONE: break;
	case GRANT_XDP_GENERIC: return "generic";
	case GRANT_XDP_NATIVE: return "native";
	case GRANT_XDP_ZEROCOPY: return "zerocopy";
	case GRANT_PACKET_V2: return "v2";
	case GRANT_PACKET_V3: return "v3";
	}
	return "";
}

int open_option(
        int fd, int level, int option, const void *value, uint32_t bytes, const char *what, char *error)
{
	int err;

	if (setsockopt(fd, level, option, value, bytes) == 0)
		return 0;
	err = errno;
	snprintf(error, OPEN_ERROR_BYTES, "%s: %s", what, strerror(err));
	return -err;
}

void open_quiet(struct opened *opened, uint32_t ifindex, bool ingress)
{
	int program = bpf_load_drop(), err = MIN(program, 0);

	if (!err) {
		opened->part[OPEN_QUIET_OUT] = bpf_link_tcx(program, ifindex, true);
		err = MIN(opened->part[OPEN_QUIET_OUT], 0);
		close(program);
	}
	program = ingress && !err ? bpf_load_drop() : -1;
	if (program >= 0) {
		opened->part[OPEN_QUIET_IN] = bpf_link_tcx(program, ifindex, false);
		err = MIN(opened->part[OPEN_QUIET_IN], 0);
		close(program);
	}
	if (err && !opened->why_not[0])
		snprintf(opened->why_not, sizeof opened->why_not,
		        "the kernel may speak on the port: tcx (Linux 6.6): %s", strerror(-err));
}

static int join(int fd, const struct open_wish *wish, uint32_t ifindex, char *error)
{
	struct packet_mreq own = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_UNICAST, .mr_alen = 6};
	struct packet_mreq all = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_ALLMULTI};
	int err;

	memcpy(own.mr_address, wish->mac.b, sizeof wish->mac.b);
	err = open_option(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all, "all multicast", error);
	if (err)
		return err;
	if (!wish->promiscuous && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &own, sizeof own) == 0)
		return 0;
	/* An interface that takes no second MAC takes all. */
	all.mr_type = PACKET_MR_PROMISC;
	return open_option(
	        fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all, "promiscuous mode", error);
}

/* A socket of protocol 0 gets no frames itself. */
int open_join(const struct open_wish *wish, uint32_t ifindex, char *error)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), err;

	if (fd < 0) {
		err = -errno;
		snprintf(error, OPEN_ERROR_BYTES, "a packet socket: %s (CAP_NET_RAW is needed)",
		        strerror(-err));
		return err;
	}
	err = join(fd, wish, ifindex, error);
	if (err)
		close(fd);
	return err ? err : fd;
}

/* Busy polling is a wish: an interface without NAPI has nothing to poll. */
static void busy_poll(const struct opened *opened, uint32_t us)
{
	int usecs = (int)us, prefer = us > 0, budget = 64;

	for (uint32_t q = 0; us && q < opened->queues; q++) {
		int fd = opened->queue[q];

		if (!setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &prefer, sizeof prefer) &&
		        !setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &usecs, sizeof usecs))
			(void)setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget);
	}
}

static int open_kind(struct opened *opened, const struct open_wish *wish, char *error)
{
	int err = -EINVAL;

	switch (wish->driver) {
	case EPOCH_DRIVER_TAP: return open_tap(opened, wish, error);
	case EPOCH_DRIVER_AF_XDP: err = open_xdp(opened, wish, error); break;
	case EPOCH_DRIVER_AF_PACKET: err = open_packet(opened, wish, error); break;
	case EPOCH_DRIVER_NONE:
	case EPOCH_DRIVER_PCAP:
	case EPOCH_DRIVER_LOOP: assert(!"not a live driver");
	}
	if (err)
		return err;
	opened->part[OPEN_MEMBERSHIPS] = open_join(wish, wish->ifindex, error);
	return MIN(opened->part[OPEN_MEMBERSHIPS], 0);
}

uint32_t open_fds(const struct opened *opened, uint32_t queue, int fd[GRANT_FDS_MAX])
{
	fd[0] = opened->queue[queue];
	fd[1] = opened->urgent[queue];
	return fd[1] >= 0 ? 2 : 1;
}

static void fill_grants(struct opened *opened, const struct open_wish *wish)
{
	for (uint32_t q = 0; q < opened->queues; q++) {
		struct grant *g = &opened->grant[q];

		g->magic = GRANT_MAGIC;
		g->driver = (uint16_t)wish->driver;
		g->mode = (uint16_t)opened->mode;
		g->queue = (uint16_t)q;
		g->queues = (uint16_t)opened->queues;
		g->n_fds = (uint16_t)open_fds(opened, q, (int[GRANT_FDS_MAX]){0});
		g->ifindex = opened->ifindex;
		memcpy(g->interface, opened->interface, sizeof g->interface);
	}
}

int open_port(struct opened *opened, const struct open_wish *wish, char *error)
{
	int err;

	memset(opened, 0, sizeof *opened);
	memset(opened->queue, 0xff, sizeof opened->queue);
	memset(opened->urgent, 0xff, sizeof opened->urgent);
	memset(opened->part, 0xff, sizeof opened->part);
	opened->ifindex = wish->ifindex;
	memcpy(opened->interface, wish->interface, sizeof opened->interface);
	assert(wish->queues >= 1 && wish->queues <= LANES_MAX);
	err = open_kind(opened, wish, error);
	if (err) {
		open_close(opened);
		return err;
	}
	busy_poll(opened, wish->busy_poll_us);
	fill_grants(opened, wish);
	return 0;
}

void open_close(struct opened *opened)
{
	/* The programs first: what takes frames away goes before those who wait for them. */
	for (uint32_t i = 0; i < OPEN_PARTS; i++)
		if (opened->part[i] >= 0)
			close(opened->part[i]);
	for (uint32_t q = 0; q < LANES_MAX; q++) {
		if (opened->queue[q] >= 0)
			close(opened->queue[q]);
		if (opened->urgent[q] >= 0)
			close(opened->urgent[q]);
	}
	memset(opened->queue, 0xff, sizeof opened->queue);
	memset(opened->urgent, 0xff, sizeof opened->urgent);
	memset(opened->part, 0xff, sizeof opened->part);
	opened->queues = 0;
}
