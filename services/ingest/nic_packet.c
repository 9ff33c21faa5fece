/* nic_packet: a port by AF_PACKET: a receive and a transmit ring of slots, copied to and from.
 *
 * A slot says whose it is by its status, which is stored in apply alone.  What tells, after a death, the
 * slots that the last commit took from those that the kernel has filled again since:
 *
 *     receive, V2   we write our index into the slot's padding, which the kernel zeroes with each frame
 *     receive, V3   a block has a number, which is our index and one
 *     transmit      our index stands in the upper half of the slot's length until it is handed over: one
 *                   store gives it its true length and to the kernel, so that nothing is sent twice or lost
 *
 * Source: Linux Documentation/networking/packet_mmap.rst, net/packet/af_packet.c. */
#include "services/ingest/nic.h"

#include "common/wire/ether.h"

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Journaled. */
struct packet_state {
	uint32_t rx;     /* next slot (V2), or block (V3) */
	uint32_t taken;  /* frames taken from that block */
	uint32_t offset; /* of the next frame in it, once one has been taken */
	uint32_t tx;     /* next slot */
};

static_assert(sizeof(struct packet_state) <= CACHE_LINE, "one line a burst");

struct packet {
	uint8_t *map;
	size_t bytes;
	uint8_t *rx;
	uint8_t *tx;
	uint32_t rx_bytes; /* of a slot, or block */
	uint32_t rx_mask;
	uint32_t tx_bytes;
	uint32_t tx_mask;
	uint32_t tx_offset; /* of the virtio header in a slot */
	uint32_t rx_seen;   /* receive slots before it have been given back */
	uint32_t tx_seen;   /* transmit slots before it have been handed over */
	uint32_t kicked;    /* of them the kernel has been told of those before it */
	int fd;
	bool v3;
};

/* A frame in the ring, V2 or V3. */
struct arrival {
	const uint8_t *frame;
	uint32_t len;  /* of it in the slot */
	uint32_t wire; /* as it came */
	uint32_t status;
	uint16_t tci;
	uint16_t tpid;
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
	free(p);
	nic->driver = NULL;
}

static void shape(struct packet *p, const struct grant_packet *g, const struct packet_state *s)
{
	p->rx_bytes = p->v3 ? g->rx.block_size : g->rx.frame_size;
	p->rx_mask = (p->v3 ? g->rx.block_nr : g->rx.frame_nr) - 1;
	p->tx_bytes = g->tx.frame_size;
	p->tx_mask = g->tx.frame_nr - 1;
	p->tx_offset = g->tx_offset;
	p->rx_seen = s->rx - (p->rx_mask + 1); /* all of them are looked at again */
	p->tx_seen = s->tx - (p->tx_mask + 1);
	p->kicked = s->tx - 1;
}

static int map_rings(struct nic *nic, struct packet *p)
{
	const struct grant_packet *g = &nic->grant.packet;
	size_t rx = (size_t)g->rx.block_size * g->rx.block_nr;

	p->bytes = rx + (size_t)g->tx.block_size * g->tx.block_nr;
	p->map = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, p->fd, 0);
	if (p->map == MAP_FAILED) {
		p->map = NULL;
		return -errno;
	}
	p->rx = p->map;
	p->tx = p->map + rx;
	return 0;
}

static bool power_of_two(uint32_t x)
{
	return x && !(x & (x - 1));
}

static int packet_open(struct nic *nic, const struct nic_settings *settings, char *error)
{
	const struct grant_packet *g = &nic->grant.packet;
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
	shape(p, g, nic->state);
	err = power_of_two(p->rx_mask + 1) && power_of_two(p->tx_mask + 1) &&
	                      g->vnet_hdr_len == sizeof(struct virtio_net_hdr)
	              ? map_rings(nic, p)
	              : -EINVAL;
	if (err) {
		snprintf(error, NIC_ERROR_BYTES, "the AF_PACKET rings of %s cannot be mapped: %s",
		        nic->grant.interface, strerror(-err));
		packet_close(nic);
	}
	return err;
}

/* Reception. */

#define MARKED 0x80000000u

static struct tpacket2_hdr *slot_v2(const struct packet *p, uint32_t at)
{
	return (struct tpacket2_hdr *)(void *)(p->rx + (size_t)(at & p->rx_mask) * p->rx_bytes);
}

static struct tpacket_hdr_v1 *block_v3(const struct packet *p, uint32_t at)
{
	uint8_t *block = p->rx + (size_t)(at & p->rx_mask) * p->rx_bytes;

	return &((struct tpacket_block_desc *)(void *)block)->hdr.bh1;
}

static bool ours(const uint32_t *status)
{
	return __atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static uint32_t ready_v3(const struct packet *p, const struct packet_state *s, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k <= p->rx_mask && n < max; k++) {
		const struct tpacket_hdr_v1 *block = block_v3(p, s->rx + k);

		if (!ours(&block->block_status))
			break;
		n += block->num_pkts - (k ? 0 : MIN(s->taken, block->num_pkts));
	}
	return MIN(n, max);
}

static uint32_t packet_rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	const struct packet *p = nic->driver;
	const struct packet_state *s = nic->state;
	uint32_t n = 0;

	(void)now;
	if (p->v3)
		return ready_v3(p, s, max);
	while (n < max && n <= p->rx_mask && ours(&slot_v2(p, s->rx + n)->tp_status))
		n++;
	return n;
}

static nanos_t packet_rx_next(struct nic *nic)
{
	return packet_rx_ready(nic, 0, 1) ? 0 : NANOS_NEVER;
}

static struct arrival next_v2(struct packet *p, struct packet_state *s)
{
	struct tpacket2_hdr *h = slot_v2(p, s->rx);
	uint32_t mark = s->rx | MARKED;

	memcpy(h->tp_padding, &mark, sizeof mark);
	s->rx++;
	return (struct arrival){
	        .frame = (const uint8_t *)h + h->tp_mac,
	        .len = h->tp_snaplen,
	        .wire = h->tp_len,
	        .status = h->tp_status,
	        .tci = h->tp_vlan_tci,
	        .tpid = h->tp_vlan_tpid,
	};
}

static struct arrival next_v3(struct packet *p, struct packet_state *s)
{
	const struct tpacket_hdr_v1 *block = block_v3(p, s->rx);
	const struct tpacket3_hdr *h;
	struct arrival a;

	while (s->taken >= block->num_pkts) { /* a block may be empty */
		block = block_v3(p, ++s->rx);
		s->taken = 0;
	}
	if (!s->taken)
		s->offset = block->offset_to_first_pkt;
	h = (const void *)(p->rx + (size_t)(s->rx & p->rx_mask) * p->rx_bytes + s->offset);
	a = (struct arrival){
	        .frame = (const uint8_t *)h + h->tp_mac,
	        .len = h->tp_snaplen,
	        .wire = h->tp_len,
	        .status = h->tp_status,
	        .tci = (uint16_t)h->hv1.tp_vlan_tci,
	        .tpid = h->hv1.tp_vlan_tpid,
	};
	s->offset += h->tp_next_offset;
	if (++s->taken == block->num_pkts) {
		s->rx++;
		s->taken = 0;
	}
	return a;
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
	struct packet_state *s = journal_touch(nic->journal, nic->state);
	bool traces = nic->wishes && nic->wishes->n_trace;

	(void)now;
	for (uint32_t i = first; i < first + n; i++) {
		struct arrival a = p->v3 ? next_v3(p, s) : next_v2(p, s);

		take_frame(nic, &a, &b->pkt[i], b->frame[i]);
		if (unlikely(traces))
			b->pkt[i].trace = nic_trace(nic, p->v3 ? 0 : s->rx);
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
		} else if (unlikely(s->tx - p->tx_seen > p->tx_mask || !tx_free(p, s->tx))) {
			ref_drop(packets[i], DROP_TX_FAILED);
			nic->stats.tx_errors++;
		} else {
			write_slot(p, s->tx++, pkt, *packets[i].frame);
			ref_sent(packets[i], nic->port);
		}
	}
}

/* The kernel's eyes. */

static void give_back_v2(struct packet *p, uint32_t at)
{
	struct tpacket2_hdr *h = slot_v2(p, at);

	if (ours(&h->tp_status) && load_u32(h->tp_padding) == (at | MARKED))
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

static void give_back_v3(struct packet *p, uint32_t at)
{
	struct tpacket_hdr_v1 *h = block_v3(p, at);

	if (ours(&h->block_status) && (uint32_t)h->seq_num == at + 1)
		__atomic_store_n(&h->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

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

	for (; p->rx_seen != s->rx; p->rx_seen++)
		if (p->v3)
			give_back_v3(p, p->rx_seen);
		else
			give_back_v2(p, p->rx_seen);
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

static int packet_fd(struct nic *nic)
{
	const struct packet *p = nic->driver;

	return p->fd;
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
        .fd = packet_fd,
};
