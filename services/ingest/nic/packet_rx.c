/* Two rings: the second is that of the control class (common/urgent), which is taken first; of a burst it
 * gets no more than half where there is enough of the rest.
 *
 * Where nothing keeps a veth's peer from it, and where an interface merges what it receives, a frame is a
 * segment of up to 64 KiB, whose sender's own packets the virtio header tells.  It is taken as those (gso.h),
 * each copied into a buffer.  What of it a slot has no room for the kernel has queued, one at a time: with
 * the second such frame a burst ends.
 *
 * Source: Linux net/packet/af_packet.c, include/linux/virtio_net.h. */
#include "services/ingest/nic/packet_rx.h"

#include "services/ingest/nic/gso.h"

#include <linux/if_packet.h>
#include <linux/virtio_net.h>

/* Younger than the headers that this must build with (Linux 6.2). */
#define GSO_UDP_L4 5u /* VIRTIO_NET_HDR_GSO_UDP_L4 */

static struct virtio_net_hdr header_of(const struct arrival *a)
{
	struct virtio_net_hdr h;

	memcpy(&h, a->frame - sizeof h, sizeof h);
	return h;
}

/* Bytes of the tag that the kernel took out. */
static uint32_t tag_of(const struct arrival *a)
{
	return a->status & TP_STATUS_VLAN_VALID && a->len >= ETHER_HDR_LEN ? VLAN_HDR_LEN : 0;
}

/* The first `len` bytes of the frame, which are in the slot, with that tag put back. */
static void copy_frame(uint8_t *to, const struct arrival *a, uint32_t len)
{
	uint16_t tpid = a->status & TP_STATUS_VLAN_TPID_VALID ? a->tpid : ETHER_TYPE_VLAN;
	struct be16 tag[2] = {be16_from_host(tpid), be16_from_host(a->tci)};
	const uint32_t macs = 2 * sizeof(struct mac_addr);

	if (likely(!tag_of(a))) {
		memcpy(to, a->frame, len);
		return;
	}
	memcpy(to, a->frame, macs);
	memcpy(to + macs, tag, sizeof tag);
	memcpy(to + macs + sizeof tag, a->frame + macs, len - macs);
}

static bool is_packet(const struct nic *nic, const struct arrival *a)
{
	return header_of(a).gso_type == VIRTIO_NET_HDR_GSO_NONE && a->len == a->wire &&
	       a->len + tag_of(a) <= pool_frame_max(nic->pool);
}

/* Payload of each packet but the last; 0: of a kind that is not cut. */
static uint32_t packet_payload(const struct virtio_net_hdr *h)
{
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case GSO_UDP_L4: return h->gso_size;
	default: return 0;
	}
}

/* Whether a frame is a segment to be cut: by what of it stands in the slot. */
static bool read_segment(const struct nic *nic, const struct arrival *a, struct gso *g)
{
	const struct packet *p = nic->driver;
	struct virtio_net_hdr h = header_of(a);
	uint32_t n = MIN(a->len, GSO_HEADER_MAX), tag = tag_of(a), payload = packet_payload(&h);
	uint8_t head[GSO_HEADER_MAX + VLAN_HDR_LEN];

	if (!p->segments || !payload)
		return false;
	copy_frame(head, a, n);
	return gso_read(g, head, n + tag, a->wire + tag, nic_packet_max(nic), payload);
}

/* Packets from the frame at `place` on, at most max, where one may be several. */
static uint32_t cut_ready(const struct nic *nic, const struct packet_source *from,
        const struct packet_place *place, uint32_t max)
{
	struct packet_place at = *place;
	uint32_t n = 0, copies = 0;
	struct arrival a;
	struct gso g;

	while (n < max && at.next - place->next <= from->ring.mask &&
	        packet_ring_look(&from->ring, &at, &a)) {
		if (packet_ring_has_copy(&a) && copies++)
			break;
		n += !is_packet(nic, &a) && read_segment(nic, &a, &g) ? MAX(gso_packets(&g, at.cut), 1u) : 1;
		at.cut = 0;
	}
	return MIN(n, max);
}

static uint32_t ready(const struct nic *nic, const struct packet_source *from,
        const struct packet_place *place, uint32_t max)
{
	const struct packet *p = nic->driver;

	if (unlikely(!from->ring.slots))
		return 0;
	return p->segments ? cut_ready(nic, from, place, max) : packet_ring_ready(&from->ring, place, max);
}

/* Where a ring stands: another number after each packet, since a block has at most 128 KiB, and a segment's
 * payload lies in it between that frame's offset and the next one's. */
static uint32_t stands(const struct packet_place *at)
{
	return (at->next << 17) + at->offset + at->cut;
}

static struct shares standing(const struct packet_state *s)
{
	return (struct shares){stands(&s->urgent), stands(&s->rx)};
}

/* How many packets of each ring the next burst of at most `max` takes. */
static struct shares shares(const struct nic *nic, uint32_t max)
{
	const struct packet *p = nic->driver;
	const struct packet_state *s = nic->state;
	struct shares of = {ready(nic, &p->urgent, &s->urgent, max), ready(nic, &p->rx, &s->rx, max)};

	return share_ready(&s->hand, of, standing(s), max);
}

uint32_t packet_rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	struct shares n = shares(nic, max);

	(void)now;
	return n.urgent + n.rest;
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

static void take_packet(const struct arrival *a, struct pkt *pkt, uint8_t *to)
{
	struct virtio_net_hdr h = header_of(a);
	uint32_t tag = tag_of(a);

	copy_frame(to, a, a->len);
	pkt->len = (uint16_t)(a->len + tag);
	pkt->total_len = pkt->len;
	take_checksum(pkt, &h, tag);
}

/* Several packets in one are none that a buffer has room for, however short they are. */
static void refuse(struct nic *nic, const struct arrival *a, struct pkt *pkt)
{
	pkt->len = 0;
	pkt->total_len = MAX(a->wire + tag_of(a), pool_frame_max(nic->pool) + 1);
	nic->stats.rx_errors++;
	nic->stats.rx_segments += header_of(a).gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

/* All bytes of the frame in that slot; NULL: the kernel had no room to keep them. */
static const uint8_t *whole(struct packet_source *from, uint32_t slot, const struct arrival *a)
{
	struct packet_whole *w = from->whole;

	if (a->len == a->wire)
		return a->frame;
	if (!w->frame || w->slot != slot)
		w->frame = packet_ring_has_copy(a) ? packet_ring_copy(&from->ring, a, w->bytes) : NULL;
	w->slot = slot;
	return w->frame;
}

/* The next packet of the segment at that place, which moves on in it. */
static void cut(struct nic *nic, struct packet_source *from, struct packet_place *place,
        const struct arrival *a, const struct gso *g, struct pkt *pkt, uint8_t *to)
{
	const uint8_t *frame = whole(from, place->next, a);
	uint32_t n = gso_write(g, place->cut, to, pkt);

	if (likely(frame))
		memcpy(to + g->header_len, frame + g->header_len - tag_of(a) + place->cut, n);
	else
		refuse(nic, a, pkt);
	place->cut += n;
}

/* The next packet at that place, which moves behind it. */
static void take_next(
        struct nic *nic, struct packet_source *from, struct packet_place *place, struct pkt *pkt, uint8_t *to)
{
	struct packet_place behind = *place;
	struct arrival a;
	struct gso g;

	pkt->len = 0;
	if (unlikely(!packet_ring_look(&from->ring, &behind, &a)))
		return;
	if (likely(is_packet(nic, &a))) {
		take_packet(&a, pkt, to);
	} else if (read_segment(nic, &a, &g) && place->cut < g.payload) {
		cut(nic, from, place, &a, &g, pkt, to);
		if (place->cut < g.payload)
			return;
	} else {
		refuse(nic, &a, pkt);
	}
	behind.cut = 0;
	packet_ring_pass(&from->ring, place, &behind);
}

void packet_rx(struct nic *nic, nanos_t now, struct burst *b, uint32_t first, uint32_t n)
{
	struct packet *p = nic->driver;
	struct packet_state *s = nic->state;
	struct shares of = shares(nic, n);
	bool traces = nic->wishes && nic->wishes->n_trace;

	(void)now;
	share_take(&s->hand, of, standing(s));
	journal_touch(nic->journal, s);
	for (uint32_t i = 0; i < n; i++) {
		struct pkt *pkt = &b->pkt[first + i];

		if (i < of.urgent)
			take_next(nic, &p->urgent, &s->urgent, pkt, b->frame[first + i]);
		else
			take_next(nic, &p->rx, &s->rx, pkt, b->frame[first + i]);
		if (unlikely(traces))
			pkt->trace = nic_trace(nic, p->v3 ? 0 : s->rx.next + s->urgent.next);
	}
}
