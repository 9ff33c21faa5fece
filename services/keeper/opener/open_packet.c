/* open_packet: a port by AF_PACKET: a socket a queue with a receive and a transmit ring, and one with a small
 * receive ring for the control class (common/urgent).  Each has a filter that lets nothing of the other's in.
 *
 * Frames come with a virtio header, which tells partial checksums from whole ones.  A veth's other end sends
 * what it likes to be cut later, up to 64 KiB in one frame; it stops doing so while a program for XDP is on
 * this end, hence one that lets everything pass.  Where there can be none the driver cuts
 * (grant_packet.segments): the kernel keeps for it what does not fit a slot of V2. */
#include "common/urgent/urgent.h"
#include "services/keeper/opener/bpf.h"
#include "services/keeper/opener/open.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK_BYTES (128u << 10)
#define SEND_ROOM   (8 << 20)
#define KEEP_ROOM   (8 << 20) /* of frames that no slot has room for; the kernel's default has room for two */
#define RETIRE_MS   1u
#define SLOT_MIN    2048u /* so that an MTU may be raised without opening the port anew */
#define LINK_ROOM   32u   /* Ethernet's header, two tags, and room to align */

#define VNET_BYTES ((uint32_t)sizeof(struct virtio_net_hdr))

/* A slot holds the header, the virtio header and a frame; a power of two, so that slots do not straddle
 * blocks. */
uint32_t open_packet_slot(uint32_t mtu)
{
	uint32_t frame = MAX(TPACKET3_HDRLEN, TPACKET2_HDRLEN) + 16 + VNET_BYTES + LINK_ROOM + mtu;

	return MAX(pow2_at_least(frame), SLOT_MIN);
}

static void ring_shape(struct grant_packet_ring *ring, uint32_t frames, uint32_t mtu)
{
	uint32_t frame = open_packet_slot(mtu), block = MAX(frame, MIN(BLOCK_BYTES, frame * frames));

	*ring = (struct grant_packet_ring){
	        .block_size = block,
	        .block_nr = frame * frames / block,
	        .frame_size = frame,
	        .frame_nr = frames,
	};
}

static int set_ring(int fd, int option, const struct grant_packet_ring *ring, bool v3, char *error)
{
	struct tpacket_req3 req = {
	        .tp_block_size = ring->block_size,
	        .tp_block_nr = ring->block_nr,
	        .tp_frame_size = ring->frame_size,
	        .tp_frame_nr = ring->frame_nr,
	        .tp_retire_blk_tov = option == PACKET_RX_RING ? RETIRE_MS : 0,
	};

	return open_option(fd, SOL_PACKET, option, &req,
	        v3 ? sizeof req : (uint32_t)sizeof(struct tpacket_req), "AF_PACKET ring (too large?)", error);
}

static int set_flag(int fd, int option, const char *what, char *error)
{
	int one = 1;

	return open_option(fd, SOL_PACKET, option, &one, sizeof one, what, error);
}

static int set_options(int fd, bool v3, char *error)
{
	int version = v3 ? TPACKET_V3 : TPACKET_V2, room = SEND_ROOM, keep = KEEP_ROOM;
	int err = open_option(
	        fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version, "TPACKET version", error);

	if (!err)
		err = set_flag(fd, PACKET_VNET_HDR, "virtio headers on AF_PACKET", error);
	if (!err)
		err = set_flag(fd, PACKET_LOSS, "PACKET_LOSS", error);
	if (!err)
		err = set_flag(fd, PACKET_QDISC_BYPASS, "PACKET_QDISC_BYPASS", error);
	if (!err)
		err = set_flag(fd, PACKET_IGNORE_OUTGOING, "PACKET_IGNORE_OUTGOING (Linux 4.20)", error);
	if (!err)
		err = set_flag(fd, PACKET_COPY_THRESH, "PACKET_COPY_THRESH", error);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &keep, sizeof keep);
	return err;
}

static int set_rings(int fd, struct grant_packet *g, const struct open_wish *w, bool v3, char *error)
{
	int err;

	ring_shape(&g->rx, w->rx_ring, w->mtu);
	ring_shape(&g->tx, w->tx_ring, w->mtu);
	ring_shape(&g->urgent, URGENT_RING, w->mtu);
	g->control_dscp = w->control_dscp;
	g->vnet_hdr_len = VNET_BYTES;
	g->tx_offset = (uint32_t)((v3 ? TPACKET3_HDRLEN : TPACKET2_HDRLEN) - sizeof(struct sockaddr_ll));
	err = set_ring(fd, PACKET_RX_RING, &g->rx, v3, error);
	return err ? err : set_ring(fd, PACKET_TX_RING, &g->tx, v3, error);
}

#define GROUP_KNOWN 0x10000u /* beside a group's number, which may be 0 */

/* The sockets of a port share what comes by flow; `group` is 0 until the first has got it a number. */
static int spread(int fd, uint32_t *group, char *error)
{
	uint32_t wish = (*group & 0xffff) | (PACKET_FANOUT_HASH | (*group ? 0 : PACKET_FANOUT_FLAG_UNIQUEID))
	                                            << 16;
	socklen_t bytes = sizeof *group;
	int err = open_option(fd, SOL_PACKET, PACKET_FANOUT, &wish, sizeof wish, "AF_PACKET fanout", error);

	if (err || *group)
		return err;
	if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &bytes))
		return -errno;
	*group = (*group & 0xffff) | GROUP_KNOWN;
	return 0;
}

static int new_socket(char *error)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), err = -errno;

	if (fd >= 0)
		return fd;
	snprintf(error, OPEN_ERROR_BYTES, "a packet socket: %s (CAP_NET_RAW is needed)", strerror(-err));
	return err;
}

/* From the first frame on: before the socket is bound. */
static int set_filter(int fd, uint32_t dscp, bool urgent, char *error)
{
	struct urgent_program p;
	struct sock_filter insn[URGENT_INSNS];

	urgent_program(&p, dscp);
	if (!urgent)
		urgent_inverse(&p);
	static_assert(sizeof insn == sizeof p.insn, "the same machine's");
	memcpy(insn, p.insn, sizeof insn);
	return open_option(fd, SOL_SOCKET, SO_ATTACH_FILTER,
	        &(struct sock_fprog){.len = (unsigned short)p.n, .filter = insn}, sizeof(struct sock_fprog),
	        "the filter of AF_PACKET", error);
}

static int bind_socket(int fd, const struct open_wish *w, char *error)
{
	struct sockaddr_ll to = {
	        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)w->ifindex};
	int err = bind(fd, (const struct sockaddr *)&to, sizeof to) ? -errno : 0;

	if (err)
		snprintf(error, OPEN_ERROR_BYTES, "AF_PACKET on %s: %s", w->interface, strerror(-err));
	return err;
}

/* The sockets of a port share what comes by flow, each kind among themselves. */
struct groups {
	uint32_t rest, urgent;
};

static int open_queue(
        struct opened *o, uint32_t q, const struct open_wish *w, struct groups *groups, char *error)
{
	bool v3 = w->mode == MODE_V3;
	int fd = new_socket(error), err;

	if (fd < 0)
		return fd;
	o->queue[q] = fd;
	err = set_options(fd, v3, error);
	if (!err)
		err = set_rings(fd, &o->grant[q].packet, w, v3, error);
	if (!err)
		err = set_filter(fd, w->control_dscp, false, error);
	if (!err)
		err = bind_socket(fd, w, error);
	return err || w->queues == 1 ? err : spread(fd, &groups->rest, error);
}

/* Always V2, whose frames wait for no block to be full. */
static int open_urgent(
        struct opened *o, uint32_t q, const struct open_wish *w, struct groups *groups, char *error)
{
	int fd = new_socket(error), err;

	if (fd < 0)
		return fd;
	o->urgent[q] = fd;
	err = set_options(fd, false, error);
	if (!err)
		err = set_ring(fd, PACKET_RX_RING, &o->grant[q].packet.urgent, false, error);
	if (!err)
		err = set_filter(fd, w->control_dscp, true, error);
	if (!err)
		err = bind_socket(fd, w, error);
	return err || w->queues == 1 ? err : spread(fd, &groups->urgent, error);
}

/* Keeps a veth's peer from sending segments that are larger than its MTU.  false: they may come. */
static bool hold_segments(struct opened *o, const struct open_wish *w)
{
	int program = w->veth ? bpf_load_pass() : -1, link;

	if (program < 0)
		return false;
	link = bpf_link_xdp(program, w->ifindex, XDP_FLAGS_DRV_MODE);
	o->part[OPEN_XDP_LINK] = link;
	close(program);
	return link >= 0;
}

int open_packet(struct opened *o, const struct open_wish *w, char *error)
{
	bool held = hold_segments(o, w);
	struct groups groups = {0};

	o->mode = w->mode == MODE_V3 ? GRANT_PACKET_V3 : GRANT_PACKET_V2;
	open_quiet(o, w->ifindex, true);
	for (uint32_t q = 0; q < w->queues; q++) {
		int err = open_queue(o, q, w, &groups, error);

		if (!err)
			err = open_urgent(o, q, w, &groups, error);
		if (err)
			return err;
		o->grant[q].packet.segments = !held;
	}
	o->queues = w->queues;
	return 0;
}
