#include "services/ingest/packet_ring.h"

#include <linux/if_packet.h>

#define MARKED 0x80000000u

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

static struct arrival next_v2(struct packet_ring *r, struct packet_place *at)
{
	struct tpacket2_hdr *h = slot_v2(r, at->next);
	uint32_t mark = at->next | MARKED;

	memcpy(h->tp_padding, &mark, sizeof mark);
	at->next++;
	return (struct arrival){
	        .frame = (const uint8_t *)h + h->tp_mac,
	        .len = h->tp_snaplen,
	        .wire = h->tp_len,
	        .status = h->tp_status,
	        .tci = h->tp_vlan_tci,
	        .tpid = h->tp_vlan_tpid,
	};
}

static struct arrival next_v3(struct packet_ring *r, struct packet_place *at)
{
	const struct tpacket_hdr_v1 *block = block_v3(r, at->next);
	const struct tpacket3_hdr *h;
	struct arrival a;

	while (at->taken >= block->num_pkts) { /* a block may be empty */
		block = block_v3(r, ++at->next);
		at->taken = 0;
	}
	if (!at->taken)
		at->offset = block->offset_to_first_pkt;
	h = (const void *)(r->slots + (size_t)(at->next & r->mask) * r->bytes + at->offset);
	a = (struct arrival){
	        .frame = (const uint8_t *)h + h->tp_mac,
	        .len = h->tp_snaplen,
	        .wire = h->tp_len,
	        .status = h->tp_status,
	        .tci = (uint16_t)h->hv1.tp_vlan_tci,
	        .tpid = h->hv1.tp_vlan_tpid,
	};
	at->offset += h->tp_next_offset;
	if (++at->taken == block->num_pkts) {
		at->next++;
		at->taken = 0;
	}
	return a;
}

bool packet_ring_attach(struct packet_ring *r, const struct grant_packet_ring *grant, bool v3, uint8_t *slots,
        const struct packet_place *at)
{
	uint32_t n = v3 ? grant->block_nr : grant->frame_nr;

	*r = (struct packet_ring){
	        .slots = slots,
	        .bytes = v3 ? grant->block_size : grant->frame_size,
	        .mask = n - 1,
	        .seen = at->next - n,
	        .v3 = v3,
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

struct arrival packet_ring_next(struct packet_ring *r, struct packet_place *at)
{
	return r->v3 ? next_v3(r, at) : next_v2(r, at);
}

static void give_back_v2(struct packet_ring *r, uint32_t slot)
{
	struct tpacket2_hdr *h = slot_v2(r, slot);

	if (ours(&h->tp_status) && load_u32(h->tp_padding) == (slot | MARKED))
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
