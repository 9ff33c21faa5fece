/* nic_packet: a port by AF_PACKET: two receive rings and one to transmit, of slots copied to and from.
 *
 * The second receive ring is that of the control class (common/urgent), which is taken first; of a burst it
 * gets no more than half where there is enough of the rest.  When the transmit ring is nearly full what is
 * left of it is the control class's.
 *
 * What belongs to whom is stored in apply alone.  What tells, after a death, the slots that the last commit
 * used from those that the kernel has had again since, for reception says packet_ring.h; of transmission our
 * index stands in the upper half of the slot's length until it is handed over: one store gives it its true
 * length and to the kernel, so that nothing is sent twice or lost.
 *
 * Source: Linux Documentation/networking/packet_mmap.rst, net/packet/af_packet.c. */
#include "services/ingest/nic.h"

#include "common/wire/ether.h"
#include "services/ingest/packet_ring.h"
#include "services/ingest/share.h"

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define MARKED 0x80000000u

struct packet_state {
	/* Journaled. */
	_Alignas(CACHE_LINE) struct packet_place rx;
	struct packet_place urgent;
	uint32_t tx; /* next slot */
	/* Never journaled. */
	struct hand hand;
};

static_assert(offsetof(struct packet_state, hand) == CACHE_LINE, "one line a burst");

struct packet {
	uint8_t *map, *urgent_map; /* of each socket; the second NULL: there is none */
	size_t bytes, urgent_bytes;
	struct packet_ring rx, urgent;
	uint8_t *tx;
	uint32_t tx_bytes;
	uint32_t tx_mask;
	uint32_t tx_offset; /* of the virtio header in a slot */
	uint32_t tx_seen;   /* transmit slots before it have been handed over */
	uint32_t kicked;    /* of them the kernel has been told of those before it */
	struct share_tx share;
	int fd;
	bool v3;
};

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

/* false: sizes that cannot be. */
static bool attach_rings(struct packet *p, const struct grant_packet *g, const struct packet_state *s)
{
	p->tx = p->map + ring_bytes(&g->rx);
	p->tx_bytes = g->tx.frame_size;
	p->tx_mask = g->tx.frame_nr - 1;
	p->tx_offset = g->tx_offset;
	p->tx_seen = s->tx - g->tx.frame_nr; /* all of them are looked at again */
	p->kicked = s->tx - 1;
	share_tx_init(&p->share, g->control_dscp, g->tx.frame_nr);
	return !(g->tx.frame_nr & p->tx_mask) && g->vnet_hdr_len == sizeof(struct virtio_net_hdr) &&
	       packet_ring_attach(&p->rx, &g->rx, p->v3, p->map, &s->rx) &&
	       (!p->urgent_map ||
	               packet_ring_attach(&p->urgent, &g->urgent, false, p->urgent_map, &s->urgent));
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
	err = map_rings(nic, p);
	if (!err && !attach_rings(p, &nic->grant.packet, nic->state))
		err = -EINVAL;
	if (err) {
		snprintf(error, NIC_ERROR_BYTES, "the AF_PACKET rings of %s cannot be mapped: %s",
		        nic->grant.interface, strerror(-err));
		packet_close(nic);
	}
	return err;
}

/* Reception. */

/* Where a ring stands: another number after each frame. */
static uint32_t stands(const struct packet_place *at)
{
	return (at->next << 16) + at->taken;
}

static struct shares standing(const struct packet_state *s)
{
	return (struct shares){stands(&s->urgent), stands(&s->rx)};
}

/* How many frames of each ring the next burst of at most `max` takes. */
static struct shares shares(const struct nic *nic, uint32_t max)
{
	const struct packet *p = nic->driver;
	const struct packet_state *s = nic->state;
	struct shares ready = {
	        p->urgent_map ? packet_ring_ready(&p->urgent, &s->urgent, max) : 0,
	        packet_ring_ready(&p->rx, &s->rx, max),
	};

	return share_ready(&s->hand, ready, standing(s), max);
}

static uint32_t packet_rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	struct shares n = shares(nic, max);

	(void)now;
	return n.urgent + n.rest;
}

static nanos_t packet_rx_next(struct nic *nic)
{
	return packet_rx_ready(nic, 0, 1) ? 0 : NANOS_NEVER;
}

/* What the kernel says of the checksum; `moved` bytes were put in front of what it counts from. */
static void take_checksum(struct pkt *pkt, const struct virtio_net_hdr *h, uint32_t moved)
{
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		pkt->csum = PKT_CSUM_PARTIAL;
		pkt->csum_start = (uint16_t)(h->csum_start + moved);
		pkt->csum_off = h->csum_offset;
	} else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		pkt->csum = PKT_CSUM_VALID;
	}
}

/* The frame with the tag that the kernel took out put back. */
static void copy_tagged(uint8_t *to, const struct arrival *a)
{
	uint16_t tpid = a->status & TP_STATUS_VLAN_TPID_VALID ? a->tpid : ETHER_TYPE_VLAN;
	struct be16 tag[2] = {be16_from_host(tpid), be16_from_host(a->tci)};
	const uint32_t macs = 2 * sizeof(struct mac_addr);

	memcpy(to, a->frame, macs);
	memcpy(to + macs, tag, sizeof tag);
	memcpy(to + macs + sizeof tag, a->frame + macs, a->len - macs);
}

static void take_frame(struct nic *nic, const struct arrival *a, struct pkt *pkt, uint8_t *to)
{
	uint32_t tag = a->status & TP_STATUS_VLAN_VALID && a->len >= ETHER_HDR_LEN ? VLAN_HDR_LEN : 0;
	struct virtio_net_hdr h;

	memcpy(&h, a->frame - sizeof h, sizeof h);
	pkt->len = 0;
	pkt->total_len = a->wire + tag;
	if (unlikely(h.gso_type != VIRTIO_NET_HDR_GSO_NONE || a->len != a->wire ||
	             a->len + tag > pool_frame_max(nic->pool))) {
		/* Several packets in one are none that a buffer has room for, however short they are. */
		pkt->total_len = MAX(pkt->total_len, pool_frame_max(nic->pool) + 1);
		nic->stats.rx_errors++;
		nic->stats.rx_segments += h.gso_type != VIRTIO_NET_HDR_GSO_NONE;
		return;
	}
	pkt->len = (uint16_t)pkt->total_len;
	if (unlikely(tag))
		copy_tagged(to, a);
	else
		memcpy(to, a->frame, a->len);
	take_checksum(pkt, &h, tag);
}

static void packet_rx(struct nic *nic, nanos_t now, struct burst *b, uint32_t first, uint32_t n)
{
	struct packet *p = nic->driver;
	struct packet_state *s = nic->state;
	struct shares of = shares(nic, n);
	bool traces = nic->wishes && nic->wishes->n_trace;

	(void)now;
	share_take(&s->hand, of, standing(s));
	journal_touch(nic->journal, s);
	for (uint32_t i = 0; i < n; i++) {
		struct arrival a = i < of.urgent ? packet_ring_next(&p->urgent, &s->urgent)
		                                 : packet_ring_next(&p->rx, &s->rx);

		take_frame(nic, &a, &b->pkt[first + i], b->frame[first + i]);
		if (unlikely(traces))
			b->pkt[first + i].trace = nic_trace(nic, p->v3 ? 0 : s->rx.next + s->urgent.next);
	}
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

	packet_ring_return(&p->rx, s->rx.next);
	if (p->urgent_map)
		packet_ring_return(&p->urgent, s->urgent.next);
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
