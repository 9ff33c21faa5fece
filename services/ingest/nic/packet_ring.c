#include "services/ingest/nic/packet_ring.h"

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <sys/socket.h>

#define MARKED   0x80000000u
#define VNET     ((uint32_t)sizeof(struct virtio_net_hdr))
#define COMPARED 256u /* bytes in which no two frames are alike: the headers */

static struct tpacket2_hdr *slot_v2(const struct packet_ring *r, uint32_t slot)
{
	return (struct tpacket2_hdr *)(void *)(r->slots + (size_t)(slot & r->mask) * r->bytes);
}

static struct tpacket_hdr_v1 *block_v3(const struct packet_ring *r, uint32_t slot)
{
	uint8_t *block = r->slots + (size_t)(slot & r->mask) * r->bytes;

	return &((struct tpacket_block_desc *)(void *)block)->hdr.bh1;
}

static bool ours(const uint32_t *status)
{
	return __atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static uint32_t ready_v3(const struct packet_ring *r, const struct packet_place *at, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k <= r->mask && n < max; k++) {
		const struct tpacket_hdr_v1 *block = block_v3(r, at->next + k);

		if (!ours(&block->block_status))
			break;
		n += block->num_pkts - (k ? 0 : MIN(at->taken, block->num_pkts));
	}
	return MIN(n, max);
}

static struct arrival arrival_v2(const struct tpacket2_hdr *h)
{
	return (struct arrival){
	        .frame = (const uint8_t *)h + h->tp_mac,
	        .len = h->tp_snaplen,
	        .wire = h->tp_len,
	        .status = h->tp_status,
	        .tci = h->tp_vlan_tci,
	        .tpid = h->tp_vlan_tpid,
	};
}

static bool look_v2(const struct packet_ring *r, struct packet_place *at, struct arrival *a)
{
	const struct tpacket2_hdr *h = slot_v2(r, at->next);

	if (!ours(&h->tp_status))
		return false;
	*a = arrival_v2(h);
	at->next++;
	return true;
}

static void next_block(struct packet_place *at)
{
	at->next++;
	at->taken = at->offset = 0;
}

static bool look_v3(const struct packet_ring *r, struct packet_place *at, struct arrival *a)
{
	const struct tpacket_hdr_v1 *block = block_v3(r, at->next);
	const struct tpacket3_hdr *h;

	while (ours(&block->block_status) && at->taken >= block->num_pkts) { /* a block may be empty */
		next_block(at);
		block = block_v3(r, at->next);
	}
	if (!ours(&block->block_status))
		return false;
	if (!at->taken)
		at->offset = block->offset_to_first_pkt;
	h = (const void *)(r->slots + (size_t)(at->next & r->mask) * r->bytes + at->offset);
	*a = (struct arrival){
	        .frame = (const uint8_t *)h + h->tp_mac,
	        .len = h->tp_snaplen,
	        .wire = h->tp_len,
	        .status = h->tp_status,
	        .tci = (uint16_t)h->hv1.tp_vlan_tci,
	        .tpid = h->hv1.tp_vlan_tpid,
	};
	at->offset += h->tp_next_offset;
	if (++at->taken == block->num_pkts)
		next_block(at);
	return true;
}

bool packet_ring_attach(struct packet_ring *r, const struct grant_packet_ring *grant, bool v3, uint8_t *slots,
        int fd, const struct packet_place *at)
{
	uint32_t n = v3 ? grant->block_nr : grant->frame_nr;

	*r = (struct packet_ring){
	        .slots = slots,
	        .bytes = v3 ? grant->block_size : grant->frame_size,
	        .mask = n - 1,
	        .seen = at->next - n,
	        .v3 = v3,
	        .fd = fd,
	};
	return n && !(n & (n - 1));
}

uint32_t packet_ring_ready(const struct packet_ring *r, const struct packet_place *at, uint32_t max)
{
	uint32_t n = 0;

	if (r->v3)
		return ready_v3(r, at, max);
	while (n < max && n <= r->mask && ours(&slot_v2(r, at->next + n)->tp_status))
		n++;
	return n;
}

bool packet_ring_look(const struct packet_ring *r, struct packet_place *at, struct arrival *arrival)
{
	return r->v3 ? look_v3(r, at, arrival) : look_v2(r, at, arrival);
}

void packet_ring_pass(struct packet_ring *r, struct packet_place *at, const struct packet_place *behind)
{
	uint32_t mark = at->next | MARKED;

	if (!r->v3)
		memcpy(slot_v2(r, at->next)->tp_padding, &mark, sizeof mark);
	*at = *behind;
}

bool packet_ring_has_copy(const struct arrival *a)
{
	return a->status & TP_STATUS_COPY;
}

/* A bad interface is told once, in place of what is queued. */
static ssize_t receive(int fd, uint8_t *to, uint32_t bytes, int flags)
{
	ssize_t got = recv(fd, to, bytes, MSG_DONTWAIT | MSG_TRUNC | flags);

	return got < 0 && errno != EAGAIN ? recv(fd, to, bytes, MSG_DONTWAIT | MSG_TRUNC | flags) : got;
}

/* Whether the frame queued first is the slot's; as much of it as there is room for is in `to`. */
static bool peek(const struct packet_ring *r, const struct arrival *a, uint8_t *to, uint32_t bytes)
{
	ssize_t got = receive(r->fd, to, bytes, MSG_PEEK);

	return got == (ssize_t)VNET + (ssize_t)a->wire && !memcmp(to + VNET, a->frame, MIN(a->len, COMPARED));
}

const uint8_t *packet_ring_copy(const struct packet_ring *r, const struct arrival *a, uint8_t *to)
{
	if (VNET + a->wire > PACKET_COPY_BYTES || !peek(r, a, to, PACKET_COPY_BYTES))
		return NULL;
	return to + VNET;
}

static void discard_copy(const struct packet_ring *r, const struct tpacket2_hdr *h)
{
	struct arrival a = arrival_v2(h);
	uint8_t head[VNET + COMPARED];

	if (peek(r, &a, head, sizeof head))
		(void)!receive(r->fd, head, sizeof head, 0);
}

static void give_back_v2(struct packet_ring *r, uint32_t slot)
{
	struct tpacket2_hdr *h = slot_v2(r, slot);

	if (!ours(&h->tp_status) || load_u32(h->tp_padding) != (slot | MARKED))
		return;
	if (unlikely(h->tp_status & TP_STATUS_COPY))
		discard_copy(r, h);
	__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

static void give_back_v3(struct packet_ring *r, uint32_t slot)
{
	struct tpacket_hdr_v1 *h = block_v3(r, slot);

	if (ours(&h->block_status) && (uint32_t)h->seq_num == slot + 1)
		__atomic_store_n(&h->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

void packet_ring_return(struct packet_ring *r, uint32_t next)
{
	for (; r->seen != next; r->seen++)
		if (r->v3)
			give_back_v3(r, r->seen);
		else
			give_back_v2(r, r->seen);
}
