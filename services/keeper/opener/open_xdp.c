/* open_xdp: a port by AF_XDP: two sockets a queue, the whole pool as their UMEM, a program that sends each
 * frame to one of them.
 *
 * The second socket is for the control class (common/urgent) and has nothing but a small receive ring: the
 * kernel lets sockets of one queue share its fill ring, no more.  It is lent a buffer for each slot of both
 * receive rings, so that a full one leaves enough for the other.
 *
 * Chunks are unaligned, so that buffer i lies at i * stride whatever the stride; a chunk is what of a buffer
 * fits a page.  The frame starts at PKT_FRAME_OFF.  A driver whose zero copy wants aligned chunks is used
 * with a copy: the buffers of the pool stand an odd number of cache lines apart on purpose. */
#include "common/urgent/urgent.h"
#include "services/keeper/opener/bpf.h"
#include "services/keeper/opener/open.h"

#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef XDP_PACKET_HEADROOM
#define XDP_PACKET_HEADROOM 256
#endif

#define CHUNK_MAX 4096u /* a page */
#define HEADROOM  (PKT_FRAME_OFF - XDP_PACKET_HEADROOM)
#define SEND_ROOM (8 << 20) /* bytes of frames under way in the kernel; its default stops at some hundred */

/* Younger than the headers that this must build with. */
#define TX_BUDGET_OPTION 9         /* XDP_MAX_TX_SKB_BUDGET, Linux 6.17 */
#define SEVERAL_CHUNKS   (1u << 4) /* XDP_USE_SG, Linux 6.6 */

static_assert(PKT_FRAME_OFF > XDP_PACKET_HEADROOM, "the kernel's headroom is part of ours");

static int register_pool(int fd, const struct pool *pool, char *error)
{
	struct xdp_umem_reg umem = {
	        .addr = (uintptr_t)pool->base,
	        .len = (uint64_t)pool->count * pool->stride,
	        .chunk_size = MIN(pool->stride, CHUNK_MAX),
	        .headroom = HEADROOM,
	        .flags = XDP_UMEM_UNALIGNED_CHUNK_FLAG,
	};

	return open_option(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem,
	        "AF_XDP does not take the pool (memory that may be locked: CAP_IPC_LOCK or ulimit -l)",
	        error);
}

static int set_ring(int fd, int option, uint32_t slots, char *error)
{
	return open_option(fd, SOL_XDP, option, &slots, sizeof slots, "AF_XDP ring", error);
}

static uint32_t fill_slots(const struct open_wish *w)
{
	return pow2_at_least(w->rx_ring + URGENT_RING);
}

/* Room for what is lent to the kernel: its fill ring never overflows, hence as many as both receive rings. */
static int set_rings(int fd, const struct open_wish *w, char *error)
{
	uint32_t budget = w->tx_ring, room = SEND_ROOM;
	int err = set_ring(fd, XDP_RX_RING, w->rx_ring, error);

	if (!err)
		err = set_ring(fd, XDP_UMEM_FILL_RING, fill_slots(w), error);
	if (!err)
		err = set_ring(fd, XDP_TX_RING, w->tx_ring, error);
	if (!err)
		err = set_ring(fd, XDP_UMEM_COMPLETION_RING, w->tx_ring, error);
	if (err)
		return err;
	/* Both are for speed, and an older kernel or fewer rights do without. */
	(void)setsockopt(fd, SOL_XDP, TX_BUDGET_OPTION, &budget, sizeof budget);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	return 0;
}

static void ring_grant(struct grant_xdp_ring *ring, const struct xdp_ring_offset *at, uint32_t slots)
{
	*ring = (struct grant_xdp_ring){
	        .producer = at->producer,
	        .consumer = at->consumer,
	        .desc = at->desc,
	        .flags = at->flags,
	        .slots = slots,
	};
}

static int fill_grant(struct grant *g, int fd, const struct open_wish *w, char *error)
{
	struct xdp_mmap_offsets at;
	socklen_t bytes = sizeof at;
	int err;

	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &bytes)) {
		err = -errno;
		snprintf(error, OPEN_ERROR_BYTES, "AF_XDP ring offsets: %s", strerror(-err));
		return err;
	}
	ring_grant(&g->xdp.rx, &at.rx, w->rx_ring);
	ring_grant(&g->xdp.urgent, &at.rx, URGENT_RING);
	ring_grant(&g->xdp.fill, &at.fr, fill_slots(w));
	ring_grant(&g->xdp.tx, &at.tx, w->tx_ring);
	ring_grant(&g->xdp.completion, &at.cr, w->tx_ring);
	g->xdp.headroom = HEADROOM;
	g->xdp.need_wakeup = 1;
	g->xdp.control_dscp = w->control_dscp;
	return 0;
}

static int new_socket(char *error)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), err = -errno;

	if (fd >= 0)
		return fd;
	snprintf(error, OPEN_ERROR_BYTES, "AF_XDP socket: %s (CAP_NET_RAW and CONFIG_XDP_SOCKETS are needed)",
	        strerror(-err));
	return err;
}

/* A socket that only has to be bound. */
static int make_socket(struct opened *o, uint32_t q, const struct open_wish *w, char *error)
{
	int fd = new_socket(error), err;

	if (fd < 0)
		return fd;
	o->queue[q] = fd;
	err = register_pool(fd, w->pool, error);
	if (!err)
		err = set_rings(fd, w, error);
	return err ? err : fill_grant(&o->grant[q], fd, w, error);
}

static int bind_as(int fd, const struct open_wish *w, uint32_t q, uint32_t flags)
{
	struct sockaddr_xdp to = {
	        .sxdp_family = AF_XDP,
	        .sxdp_flags = (uint16_t)(flags | XDP_USE_NEED_WAKEUP),
	        .sxdp_ifindex = w->ifindex,
	        .sxdp_queue_id = q,
	};

	return bind(fd, (const struct sockaddr *)&to, sizeof to) ? -errno : 0;
}

/* In generic mode frames come as the kernel's stack has them: a segment of up to 64 KiB too, where the sender
 * is on this machine.  An older kernel drops those. */
static int bind_socket(struct opened *o, const struct open_wish *w, uint32_t q, uint32_t flags)
{
	int err = -EINVAL;

	if (o->mode == GRANT_XDP_GENERIC)
		err = bind_as(o->queue[q], w, q, flags | SEVERAL_CHUNKS);
	o->grant[q].xdp.chunks = !err;
	return err == -EINVAL ? bind_as(o->queue[q], w, q, flags) : err;
}

/* The ring of the control class, once the queue's own socket is bound, which says how. */
static int open_urgent(struct opened *o, uint32_t q, const struct open_wish *w, char *error)
{
	struct sockaddr_xdp to = {
	        .sxdp_family = AF_XDP,
	        .sxdp_flags = XDP_SHARED_UMEM,
	        .sxdp_ifindex = w->ifindex,
	        .sxdp_queue_id = q,
	        .sxdp_shared_umem_fd = (uint32_t)o->queue[q],
	};
	int fd = new_socket(error), err;

	if (fd < 0)
		return fd;
	o->urgent[q] = fd;
	err = set_ring(fd, XDP_RX_RING, URGENT_RING, error);
	if (!err && bind(fd, (const struct sockaddr *)&to, sizeof to)) {
		err = -errno;
		snprintf(error, OPEN_ERROR_BYTES, "a second AF_XDP socket on queue %u of %s: %s", q,
		        w->interface, strerror(-err));
	}
	return err;
}

/* In the places where bpf_load_steer's program looks. */
static int place_sockets(const struct opened *o, uint32_t q)
{
	int map = o->part[OPEN_XDP_MAP], err = bpf_xskmap_set(map, 2 * q, o->queue[q]);

	return err ? err : bpf_xskmap_set(map, 2 * q + 1, o->urgent[q]);
}

/* Opens and binds the sockets of all queues, without a copy or with one. */
static int bind_all(struct opened *o, const struct open_wish *w, uint16_t flags, char *error)
{
	for (uint32_t q = 0; q < w->queues; q++) {
		int err = make_socket(o, q, w, error);

		if (!err) {
			err = bind_socket(o, w, q, flags);
			if (err)
				snprintf(error, OPEN_ERROR_BYTES, "AF_XDP on queue %u of %s: %s%s", q,
				        w->interface, strerror(-err),
				        err == -EBUSY ? " (another program has a socket there)" : "");
		}
		if (!err)
			err = open_urgent(o, q, w, error);
		if (!err)
			err = place_sockets(o, q);
		if (err)
			return err;
	}
	o->queues = w->queues;
	return 0;
}

static void unbind_all(struct opened *o)
{
	for (uint32_t q = 0; q < LANES_MAX; q++) {
		if (o->queue[q] >= 0)
			close(o->queue[q]);
		if (o->urgent[q] >= 0)
			close(o->urgent[q]);
		o->queue[q] = o->urgent[q] = -1;
	}
}

/* The program on the interface, in one mode; *loaded: that is not where it failed. */
static int attach_as(struct opened *o, const struct open_wish *w, uint32_t mode, bool *loaded)
{
	bool generic = mode == GRANT_XDP_GENERIC;
	int map = o->part[OPEN_XDP_MAP], program, *link = &o->part[OPEN_XDP_LINK];
	struct urgent_program urgent;

	urgent_program(&urgent, w->control_dscp);
	program = map < 0 ? map : bpf_load_steer(map, urgent.insn, urgent.n, generic);
	*loaded = program >= 0;
	if (program < 0)
		return program;
	o->mode = mode;
	*link = bpf_link_xdp(program, w->ifindex, generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	close(program);
	return MIN(*link, 0);
}

static void why_generic(struct opened *o, const struct open_wish *w, int err)
{
	const char *why = err == -ERANGE       ? "MTU too large for one page"
	                  : err == -EOPNOTSUPP ? "its driver has no XDP"
	                                       : strerror(-err);

	snprintf(o->why_not, sizeof o->why_not, "native XDP on %s: %s", w->interface, why);
}

/* Native where it may be and can be, else generic; o->mode says which. */
static int attach(struct opened *o, const struct open_wish *w, char *error)
{
	bool loaded = true;
	int err = -EINVAL;

	o->part[OPEN_XDP_MAP] = bpf_xskmap(2 * MAX(w->queues, 1u));
	if (w->mode != MODE_GENERIC) {
		err = attach_as(o, w, GRANT_XDP_NATIVE, &loaded);
		if (!err)
			return 0;
		why_generic(o, w, err);
	}
	if (w->mode == MODE_GENERIC || (w->mode == MODE_AUTO && loaded && err != -EBUSY)) {
		err = attach_as(o, w, GRANT_XDP_GENERIC, &loaded);
		if (!err)
			return 0;
	}
	if (loaded)
		snprintf(error, OPEN_ERROR_BYTES, "XDP on %s: %s%s", w->interface, strerror(-err),
		        err == -EBUSY ? " (another program is attached: `ip link set dev ... xdp off`)" : "");
	else
		snprintf(error, OPEN_ERROR_BYTES,
		        "the XDP program: %s (CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN)", strerror(-err));
	return err;
}

static int bind_best(struct opened *o, const struct open_wish *w, char *error)
{
	bool may = o->mode == GRANT_XDP_NATIVE && (w->mode == MODE_AUTO || w->mode == MODE_ZEROCOPY);
	int err = may ? bind_all(o, w, XDP_ZEROCOPY, error) : -EOPNOTSUPP;

	if (!err) {
		o->mode = GRANT_XDP_ZEROCOPY;
		return 0;
	}
	if (w->mode == MODE_ZEROCOPY)
		return err;
	unbind_all(o);
	if (may)
		snprintf(o->why_not, sizeof o->why_not, "zero copy on %s: %s", w->interface,
		        err == -EOPNOTSUPP ? "its driver has none"
		        : err == -EINVAL   ? "its driver takes no unaligned chunks, or too small a ring"
		                           : strerror(-err));
	return bind_all(o, w, XDP_COPY, error);
}

#define LINK_ROOM 22u /* Ethernet's header and two tags */

static uint32_t frame_max(const struct pool *pool)
{
	return MIN(pool->stride, CHUNK_MAX) - PKT_FRAME_OFF;
}

bool open_xdp_fits(const struct pool *pool, uint32_t mtu)
{
	return mtu + LINK_ROOM <= frame_max(pool);
}

/* What the port says of segments that a veth's peer leaves to it to cut.  UDP's that are no larger than the
 * MTU together come as one datagram, and nothing tells them from one. */
static void why_segments(struct opened *o)
{
	bool cut = o->grant[0].xdp.chunks;

	snprintf(o->why_not, sizeof o->why_not, "generic XDP: a peer's segments larger than its MTU: %s",
	        cut ? "TCP's cut, UDP's lost (smaller: merged)" : "lost (Linux 6.6 is needed)");
}

int open_xdp(struct opened *o, const struct open_wish *w, char *error)
{
	int err;

	if (!open_xdp_fits(w->pool, w->mtu)) {
		snprintf(error, OPEN_ERROR_BYTES,
		        "MTU %u does not fit a buffer of AF_XDP, which takes frames of %u bytes: a smaller "
		        "`mtu`, larger `buffer_bytes`, or driver af_packet",
		        w->mtu, frame_max(w->pool));
		return -EMSGSIZE;
	}
	err = attach(o, w, error);
	if (!err)
		err = bind_best(o, w, error);
	if (err)
		return err;
	open_quiet(o, w->ifindex, false);
	if (w->veth && o->mode == GRANT_XDP_GENERIC && !o->why_not[0])
		why_segments(o);
	return 0;
}
