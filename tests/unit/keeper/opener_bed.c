#include "tests/unit/keeper/opener_bed.h"

#include <criterion/criterion.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "services/keeper/attendant.h"
#include "services/keeper/kept.h"
#include "services/keeper/opener/adopt.h"
#include "services/keeper/opener/ethtool.h"
#include "services/keeper/opener/open.h"

struct bed bed;

static struct kept kept; /* by the keeper */
static struct host_taken taken;
static void *opener, *dead;
static nanos_t now;
static jmp_buf death;
static uint32_t acts, dies_at; /* 0: not */

/* Before anything that another process sees. */
static void act(void)
{
	if (dies_at && ++acts == dies_at)
		longjmp(death, 1);
}

/* The attendant. */

struct appliance *attendant_appliance(struct attendant *a)
{
	(void)a;
	return &bed.whole.a;
}

const struct host_taken *attendant_taken(const struct attendant *a)
{
	(void)a;
	return &taken;
}

struct board *attendant_board(struct attendant *a)
{
	(void)a;
	return bed.whole.a.map[REGION_BOARD];
}

int attendant_send(
        struct attendant *a, const char *name, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	(void)a, (void)name, (void)body, (void)bytes, (void)fd, (void)n_fds;
	return -ENOTCONN;
}

int attendant_keep(
        struct attendant *a, uint64_t key, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	int copy[HANDLE_FDS_MAX];

	(void)a;
	act();
	for (uint32_t i = 0; i < n_fds; i++)
		copy[i] = dup(fd[i]);
	return kept_put(&kept, key, body, bytes, copy, n_fds);
}

/* The kernel. */

static struct bed_interface *find(uint32_t ifindex)
{
	cr_assert(ifindex >= 1 && ifindex <= BED_PORTS);
	return &bed.interface[ifindex - 1];
}

int netlink_open(struct netlink *nl, uint32_t groups)
{
	struct bell bell;
	int err = bell_open(&bell); /* a descriptor that epoll takes */

	(void)groups;
	nl->fd = bell.fd;
	return err;
}

void netlink_close(struct netlink *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
}

uint64_t netlink_namespace(const struct netlink *nl)
{
	(void)nl;
	return 1;
}

bool netlink_drain(struct netlink *nl)
{
	(void)nl;
	return false;
}

int netlink_link(struct netlink *nl, const char *name, struct netlink_link *link)
{
	(void)nl;
	memset(link, 0, sizeof *link);
	for (uint32_t i = 0; i < BED_PORTS; i++) {
		const struct bed_interface *f = &bed.interface[i];

		if (strcmp(f->name, name) != 0)
			continue;
		*link = (struct netlink_link){
		        .ifindex = i + 1, .flags = 1, .mtu = f->mtu, .mtu_max = f->mtu_max, .carrier = true};
		memcpy(link->name, f->name, sizeof link->name);
		return 0;
	}
	return -ENODEV;
}

int netlink_link_up(struct netlink *nl, uint32_t ifindex, bool up)
{
	(void)nl, (void)ifindex, (void)up;
	return 0;
}

int netlink_link_mtu(struct netlink *nl, uint32_t ifindex, uint32_t mtu)
{
	struct bed_interface *f = find(ifindex);

	(void)nl;
	act();
	if (mtu == f->refuses)
		return -ENOBUFS;
	f->mtu = mtu;
	f->told_after = bed_answer().ready;
	return 0;
}

/* The drivers: a descriptor each for a queue, and for a membership one that holds the MAC. */

int open_join(const struct open_wish *wish, uint32_t ifindex, char *error)
{
	int fd;

	find(ifindex);
	act();
	if (bed.refuses_mac) {
		snprintf(error, OPEN_ERROR_BYTES, "no room for a MAC");
		return -ENOBUFS;
	}
	fd = memfd_create("member", MFD_CLOEXEC);
	cr_assert(fd >= 0 && write(fd, &wish->mac, sizeof wish->mac) == sizeof wish->mac);
	return fd;
}

int open_port(struct opened *o, const struct open_wish *wish, char *error)
{
	memset(o, 0, sizeof *o);
	memset(o->queue, 0xff, sizeof o->queue);
	memset(o->urgent, 0xff, sizeof o->urgent);
	memset(o->part, 0xff, sizeof o->part);
	act();
	find(wish->ifindex)->opened++;
	o->queues = 1;
	o->queue[0] = memfd_create("queue", MFD_CLOEXEC);
	o->part[OPEN_MEMBERSHIPS] = open_join(wish, wish->ifindex, error);
	o->ifindex = wish->ifindex;
	o->grant[0] = (struct grant){.n_fds = 1, .packet.rx.frame_size = 2048};
	memcpy(o->interface, wish->interface, sizeof o->interface);
	return MIN(o->part[OPEN_MEMBERSHIPS], 0);
}

void open_close(struct opened *o)
{
	for (uint32_t i = 0; i < OPEN_PARTS; i++)
		if (o->part[i] >= 0)
			close(o->part[i]);
	if (o->queue[0] >= 0)
		close(o->queue[0]);
	memset(o->part, 0xff, sizeof o->part);
	memset(o->queue, 0xff, sizeof o->queue);
	o->queues = 0;
}

uint32_t open_fds(const struct opened *o, uint32_t queue, int fd[GRANT_FDS_MAX])
{
	fd[0] = o->queue[queue];
	return 1;
}

const char *open_mode_name(uint32_t mode)
{
	(void)mode;
	return "";
}

uint32_t open_packet_slot(uint32_t mtu)
{
	return mtu;
}

bool open_xdp_fits(const struct pool *pool, uint32_t mtu)
{
	(void)pool;
	return mtu <= 1700;
}

int adopt_take(struct netlink *nl, const struct netlink_link *link, const struct adopt_wish *wish,
        const char *file, struct board_adopted *board, char *error)
{
	(void)file, (void)board, (void)error;
	return netlink_link_mtu(nl, link->ifindex, wish->mtu);
}

int adopt_give_back(struct netlink *nl, const char *file)
{
	(void)nl, (void)file;
	return 0;
}

void adopt_no_gro(const char *interface)
{
	(void)interface;
}

uint64_t adopt_waiting(struct netlink *nl, uint32_t ifindex)
{
	(void)nl, (void)ifindex;
	return 0;
}

int adopt_more(struct netlink *nl, const char *port, const char *file, struct board_adopted *board)
{
	(void)nl, (void)port, (void)file, (void)board;
	return 0;
}

void adopt_forget(struct board_adopted *board)
{
	(void)board;
}

struct ethtool_speed ethtool_speed(const char *interface)
{
	(void)interface;
	return (struct ethtool_speed){0};
}

/* The bed. */

void bed_work(void)
{
	now += NANOS_PER_SEC;
	opener_duty.work(opener, now);
}

void bed_settle(void)
{
	uint32_t number = appliance_control(&bed.whole.a)->epoch;

	cr_assert(whole_settle(&bed.whole));
	cr_assert(number < 2 || appliance_epoch_retired(&bed.whole.a, number - 1));
	bed_work();
}

static void begin(void)
{
	cr_assert_eq(opener_duty.begin(NULL, &opener), 0);
	for (uint32_t i = 0; i < kept.n; i++) {
		const struct kept_entry *e = &kept.list[i];
		struct handle h = {.name = "kept", .n_fds = e->n_fds, .bytes = e->bytes};

		memcpy(h.body, e->body, e->bytes);
		for (uint32_t k = 0; k < e->n_fds; k++)
			h.fd[k] = dup(e->fd[k]);
		opener_duty.kept(opener, e->key, &h);
		handle_close(&h);
	}
}

/* Each opener that dies leaves its descriptors in this process. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = MIN(limit.rlim_max, 8192u);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

void bed_setup(const char *text)
{
	struct board *board;

	memset(&bed, 0, sizeof bed);
	allow_descriptors();
	now = NANOS_PER_SEC;
	for (uint32_t i = 0; i < BED_PORTS; i++) {
		snprintf(bed.interface[i].name, sizeof bed.interface[i].name, "p%u", i);
		bed.interface[i].mtu = 1500;
	}
	whole_setup(&bed.whole, text);
	cr_assert_eq(bell_open(&bed.whole.a.opener), 0);
	snprintf(taken.run_dir, sizeof taken.run_dir, "/tmp/opener-XXXXXX");
	cr_assert(mkdtemp(taken.run_dir));
	board = attendant_board(NULL);
	board->magic = BOARD_MAGIC;
	begin();
	bed_settle();
}

void bed_teardown(void)
{
	char ports[sizeof taken.run_dir + 8];

	opener_duty.end(opener);
	snprintf(ports, sizeof ports, "%s/ports", taken.run_dir);
	cr_expect(!rmdir(ports) && !rmdir(taken.run_dir));
	free(dead);
	dead = NULL;
	kept_clear(&kept);
	whole_teardown(&bed.whole);
}

void bed_offer(const char *text)
{
	cr_assert_eq(whole_offer(&bed.whole, text), 0);
}

void bed_in_force(void)
{
	publish_in_force(&bed.whole.publisher);
}

void bed_withdraw(void)
{
	publish_withdraw(&bed.whole.publisher);
}

struct board_opener bed_answer(void)
{
	const struct board *board = attendant_board(NULL);
	struct board_opener copy;

	cr_assert(board_opener_read(&board->opener, &copy));
	return copy;
}

bool bed_takes(uint32_t i, uint8_t mac)
{
	for (uint32_t k = 0; k < kept.n; k++) {
		const struct kept_entry *e = &kept.list[k];
		struct mac_addr has;

		for (uint32_t f = 0; e->key >> 8 == i && f < e->n_fds; f++)
			if (pread(e->fd[f], &has, sizeof has, 0) == sizeof has && has.b[5] == mac)
				return true;
	}
	return false;
}

bool bed_survives(void (*what)(void), uint32_t at)
{
	acts = 0;
	dies_at = at;
	if (setjmp(death)) {
		dies_at = 0;
		return false;
	}
	what();
	dies_at = 0;
	return true;
}

void bed_follow(void)
{
	free(dead); /* its descriptors go with the test */
	dead = opener;
	board_opener_gone(&((struct board *)bed.whole.a.map[REGION_BOARD])->opener);
	begin();
}
