/* packet: a port by AF_PACKET: two receive rings (packet_rx.h) and one to transmit, of slots copied to
 * and from.  When the transmit ring is nearly full what is left of it is the control class's (common/urgent).
 *
 * What belongs to whom is stored in apply alone.  What tells, after a death, the slots that the last commit
 * used from those that the kernel has had again since, for reception says packet_ring.h; of transmission our
 * index stands in the upper half of the slot's length until it is handed over: one store gives it its true
 * length and to the kernel, so that nothing is sent twice or lost.
 *
 * Source: Linux Documentation/networking/packet_mmap.rst, net/packet/af_packet.c. */
#include "services/ingest/nic/packet_rx.h"

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define MARKED 0x80000000u

static int packet_probe(const struct nic_settings *settings, char *error)
{
	(void)settings, (void)error;
	return 0;
}

static void packet_close(struct nic *nic)
{
	struct packet *p = nic->driver;

	if (p->map)
		munmap(p->map, p->bytes);
	if (p->urgent_map)
		munmap(p->urgent_map, p->urgent_bytes);
	free(p->rx.whole);
	free(p->urgent.whole);
	free(p);
	nic->driver = NULL;
}

static size_t ring_bytes(const struct grant_packet_ring *g)
{
	return (size_t)g->block_size * g->block_nr;
}

static int map_socket(uint8_t **map, size_t bytes, int fd)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	*map = at;
	return 0;
}

static int map_rings(struct nic *nic, struct packet *p)
{
	const struct grant_packet *g = &nic->grant.packet;
	int err;

	p->bytes = ring_bytes(&g->rx) + ring_bytes(&g->tx);
	p->urgent_bytes = ring_bytes(&g->urgent);
	err = map_socket(&p->map, p->bytes, nic->fd[0]);
	if (!err && p->urgent_bytes)
		err = map_socket(&p->urgent_map, p->urgent_bytes, nic->fd[1]);
	return err;
}

/* Where a segment is put that no slot has room for.  false: no memory. */
static bool make_room(struct packet_source *from)
{
	from->whole = calloc(1, sizeof *from->whole);
	return from->whole;
}

/* false: sizes that cannot be. */
static bool attach_rings(
        struct packet *p, const struct grant_packet *g, const int *fd, const struct packet_state *s)
{
	p->tx = p->map + ring_bytes(&g->rx);
	p->tx_bytes = g->tx.frame_size;
	p->tx_mask = g->tx.frame_nr - 1;
	p->tx_offset = g->tx_offset;
	p->tx_seen = s->tx - g->tx.frame_nr; /* all of them are looked at again */
	p->kicked = s->tx - 1;
	share_tx_init(&p->share, g->control_dscp, g->tx.frame_nr);
	return !(g->tx.frame_nr & p->tx_mask) && g->vnet_hdr_len == sizeof(struct virtio_net_hdr) &&
	       packet_ring_attach(&p->rx.ring, &g->rx, p->v3, p->map, fd[0], &s->rx) &&
	       (!p->urgent_map || packet_ring_attach(&p->urgent.ring, &g->urgent, false, p->urgent_map, fd[1],
	                                  &s->urgent));
}

static int packet_open(struct nic *nic, const struct nic_settings *settings, char *error)
{
	struct packet *p = calloc(1, sizeof *p);
	int err = -ENOMEM;

	(void)settings;
	nic->driver = p;
	if (!p) {
		snprintf(error, NIC_ERROR_BYTES, "no memory");
		return err;
	}
	p->fd = nic->fd[0];
	p->v3 = nic->grant.mode == GRANT_PACKET_V3;
	p->segments = nic->grant.packet.segments;
	err = map_rings(nic, p);
	if (!err && !attach_rings(p, &nic->grant.packet, nic->fd, nic->state))
		err = -EINVAL;
	if (!err && p->segments && !(make_room(&p->rx) && make_room(&p->urgent)))
		err = -ENOMEM;
	if (err) {
		snprintf(error, NIC_ERROR_BYTES, "the AF_PACKET rings of %s cannot be mapped: %s",
		        nic->grant.interface, strerror(-err));
		packet_close(nic);
	}
	return err;
}

/* Reception, but for what packet_rx.c does. */

static nanos_t packet_rx_next(struct nic *nic)
{
	return packet_rx_ready(nic, 0, 1) ? 0 : NANOS_NEVER;
}

/* Transmission. */

/* Length and status of a slot are two halves of one word, in V3 in the other order than in V2. */
struct tx_slot {
	uint64_t *word;
	uint32_t status_shift;
	uint32_t len_shift;
};

#define LEN_BITS 20u /* of the length; our index's lower bits stand above, and MARKED */

static struct tx_slot tx_slot(const struct packet *p, uint32_t at)
{
	uint8_t *slot = p->tx + (size_t)(at & p->tx_mask) * p->tx_bytes;

	static_assert(offsetof(struct tpacket2_hdr, tp_len) == 4 &&
	                      offsetof(struct tpacket3_hdr, tp_len) == 16 &&
	                      offsetof(struct tpacket3_hdr, tp_status) == 20,
	        "one word");
	if (p->v3)
		return (struct tx_slot){(uint64_t *)(void *)(slot + 16), 32, 0};
	return (struct tx_slot){(uint64_t *)(void *)slot, 0, 32};
}

/* How often the ring has come round, as far as it fits beside a length. */
static uint32_t tx_mark(const struct packet *p, uint32_t at)
{
	return MARKED | ((at / (p->tx_mask + 1) << LEN_BITS) & ~MARKED);
}

static bool tx_free(const struct packet *p, uint32_t at)
{
	struct tx_slot slot = tx_slot(p, at);
	uint32_t status = (uint32_t)(__atomic_load_n(slot.word, __ATOMIC_ACQUIRE) >> slot.status_shift);

	return !(status & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING));
}

/* The virtio header says that all is header: the kernel then copies the frame, and lets go of the slot when
 * it says so; else the receiver could find another frame in a slot that is used again. */
static void write_slot(struct packet *p, uint32_t at, const struct pkt *pkt, const uint8_t *frame)
{
	struct tx_slot slot = tx_slot(p, at);
	uint8_t *to = p->tx + (size_t)(at & p->tx_mask) * p->tx_bytes + p->tx_offset;
	struct virtio_net_hdr h = {.hdr_len = pkt->len};

	if (pkt->csum == PKT_CSUM_PARTIAL) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = pkt->csum_start;
		h.csum_offset = pkt->csum_off;
	}
	memcpy(to, &h, sizeof h);
	memcpy(to + sizeof h, frame, pkt->len);
	if (p->v3)
		*(uint32_t *)(void *)(p->tx +
		                      (size_t)(at & p->tx_mask) * p->tx_bytes) = 0; /* tp_next_offset */
	__atomic_store_n(slot.word,
	        (uint64_t)(tx_mark(p, at) | (pkt->len + (uint32_t)sizeof h)) << slot.len_shift,
	        __ATOMIC_RELAXED);
}

/* Whether the slot is free that lies so far ahead of the next one. */
static bool has_slot(const struct packet *p, const struct packet_state *s, uint32_t ahead)
{
	return s->tx + ahead - p->tx_seen <= p->tx_mask && tx_free(p, s->tx + ahead);
}

static bool has_room(const struct packet *p, const struct packet_state *s, const struct pkt_ref *packet)
{
	return likely(has_slot(p, s, p->share.slots - p->share.rest)) ||
	       (has_slot(p, s, 0) && share_is_urgent(&p->share, packet));
}

static void packet_tx(
        struct nic *nic, nanos_t now, struct burst *b, const struct pkt_ref *packets, uint32_t n)
{
	struct packet *p = nic->driver;
	struct packet_state *s = journal_touch(nic->journal, nic->state);
	uint32_t most = p->tx_bytes - p->tx_offset - (uint32_t)sizeof(struct virtio_net_hdr);

	(void)now, (void)b;
	for (uint32_t i = 0; i < n; i++) {
		const struct pkt *pkt = packets[i].pkt;

		if (unlikely(pkt->len > most)) {
			ref_drop(packets[i], DROP_TX_LENGTH);
		} else if (unlikely(!has_room(p, s, &packets[i]))) {
			ref_drop(packets[i], DROP_TX_FAILED);
			nic->stats.tx_errors++;
		} else {
			write_slot(p, s->tx++, pkt, *packets[i].frame);
			ref_sent(packets[i], nic->port);
		}
	}
}

/* The kernel's eyes. */

static void hand_over(struct packet *p, uint32_t at)
{
	struct tx_slot slot = tx_slot(p, at);
	uint64_t word = __atomic_load_n(slot.word, __ATOMIC_RELAXED);
	uint32_t len = (uint32_t)(word >> slot.len_shift);

	if ((len & ~((1u << LEN_BITS) - 1)) != tx_mark(p, at))
		return; /* done before the death */
	len &= (1u << LEN_BITS) - 1;
	word = (uint64_t)len << slot.len_shift | (uint64_t)TP_STATUS_SEND_REQUEST << slot.status_shift;
	__atomic_store_n(slot.word, word, __ATOMIC_RELEASE);
}

static void packet_apply(struct nic *nic)
{
	struct packet *p = nic->driver;
	const struct packet_state *s = nic->state;

	packet_ring_return(&p->rx.ring, s->rx.next);
	if (p->urgent_map)
		packet_ring_return(&p->urgent.ring, s->urgent.next);
	for (; p->tx_seen != s->tx; p->tx_seen++)
		hand_over(p, p->tx_seen);
}

static void packet_kick(struct nic *nic)
{
	struct packet *p = nic->driver;

	if (p->kicked == p->tx_seen)
		return;
	nic->stats.kicks++;
	if (sendto(p->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
		p->kicked = p->tx_seen; /* else the next round tries again: nothing is lost */
}

static uint32_t packet_fds(struct nic *nic, int *fd)
{
	const struct packet *p = nic->driver;

	fd[0] = p->fd;
	fd[1] = nic->fd[1];
	return p->urgent_map ? 2 : 1;
}

const struct nic_ops nic_packet = {
        .name = "af_packet",
        .copies = true,
        .probe = packet_probe,
        .open = packet_open,
        .close = packet_close,
        .rx_ready = packet_rx_ready,
        .rx = packet_rx,
        .rx_next = packet_rx_next,
        .tx = packet_tx,
        .apply = packet_apply,
        .kick = packet_kick,
        .fds = packet_fds,
};
