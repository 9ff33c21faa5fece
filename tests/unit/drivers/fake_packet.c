#include "tests/unit/drivers/fake.h"

#include <criterion/criterion.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOT_BYTES  512u
#define BLOCK_BYTES 2048u /* of V3: a few frames */
#define BLOCKS      8u
#define MAC_OFF     96u
#define FRAME_STEP  256u
#define BLOCK_HEAD  64u

static uint32_t rx_bytes(const struct fake *f)
{
	return f->packet.v3 ? BLOCKS * BLOCK_BYTES : FAKE_SLOTS * SLOT_BYTES;
}

static uint8_t *tx_slot(const struct fake *f, uint32_t at)
{
	return f->map + rx_bytes(f) + (size_t)(at % FAKE_SLOTS) * SLOT_BYTES;
}

static void write_frame(uint8_t *mac, uint32_t number)
{
	memset(mac - sizeof(struct virtio_net_hdr), 0, sizeof(struct virtio_net_hdr));
	memcpy(mac, &number, sizeof number);
}

static uint32_t receive_v2(struct fake *f, uint32_t number)
{
	struct tpacket2_hdr *h = (void *)(f->map + (size_t)(f->packet.rx % FAKE_SLOTS) * SLOT_BYTES);

	if (h->tp_status != TP_STATUS_KERNEL)
		return 0;
	write_frame((uint8_t *)h + MAC_OFF, number);
	h->tp_len = h->tp_snaplen = FAKE_FRAME;
	h->tp_mac = MAC_OFF;
	memset(h->tp_padding, 0, sizeof h->tp_padding);
	h->tp_status = TP_STATUS_USER;
	f->packet.rx++;
	return 1;
}

/* A block is retired when it is full, or by a number that stands for the timer. */
static uint32_t receive_v3(struct fake *f, uint32_t number)
{
	uint8_t *block = f->map + (size_t)(f->packet.rx % BLOCKS) * BLOCK_BYTES;
	struct tpacket_hdr_v1 *b = &((struct tpacket_block_desc *)(void *)block)->hdr.bh1;
	struct tpacket3_hdr *h = (void *)(block + BLOCK_HEAD + f->packet.frames * FRAME_STEP);

	if (b->block_status != TP_STATUS_KERNEL)
		return 0;
	memset(h, 0, sizeof *h);
	write_frame((uint8_t *)h + MAC_OFF, number);
	h->tp_len = h->tp_snaplen = FAKE_FRAME;
	h->tp_mac = MAC_OFF;
	h->tp_next_offset = FRAME_STEP;
	if (++f->packet.frames == (BLOCK_BYTES - BLOCK_HEAD) / FRAME_STEP || number % 5 == 0) {
		b->num_pkts = f->packet.frames;
		b->offset_to_first_pkt = BLOCK_HEAD;
		b->seq_num = (uint64_t)f->packet.rx + 1;
		b->block_status = TP_STATUS_USER;
		f->packet.frames = 0;
		f->packet.rx++;
	}
	return 1;
}

static bool send_next(struct fake *f, uint32_t *number)
{
	uint8_t *slot = tx_slot(f, f->packet.tx);
	uint32_t *status = f->packet.v3 ? &((struct tpacket3_hdr *)(void *)slot)->tp_status
	                                : &((struct tpacket2_hdr *)(void *)slot)->tp_status,
	         len = f->packet.v3 ? ((struct tpacket3_hdr *)(void *)slot)->tp_len
	                            : ((struct tpacket2_hdr *)(void *)slot)->tp_len;

	if (*status != TP_STATUS_SEND_REQUEST)
		return false;
	cr_assert_eq(len, FAKE_FRAME + sizeof(struct virtio_net_hdr));
	memcpy(number, slot + f->grant.packet.tx_offset + sizeof(struct virtio_net_hdr), sizeof *number);
	*status = TP_STATUS_AVAILABLE;
	f->packet.tx++;
	return true;
}

/* Which words a store has changed, in the order of the ring from `from` on; those behind `keep` go back. */
static void keep_some(
        uint8_t *now, const uint8_t *before, uint32_t slots, uint32_t bytes, uint32_t from, uint32_t keep)
{
	for (uint32_t i = 0; i < slots; i++) {
		size_t at = (size_t)((from + i) % slots) * bytes;

		if (memcmp(now + at, before + at, bytes) != 0 && !keep--)
			keep = 0, memcpy(now + at, before + at, bytes);
	}
}

/* Slots are stored one by one, receive before transmit; the last ones never are. */
static void cut_apply(struct fake *f, struct nic *nic, uint64_t *random)
{
	uint8_t *before = malloc(f->bytes);
	const uint32_t *state = nic->state; /* rx stands first, tx seventh */
	uint32_t tx = rx_bytes(f);

	memcpy(before, f->map, f->bytes);
	nic->ops->apply(nic);
	if (random_next(random) % 2) {
		keep_some(f->map + tx, before + tx, FAKE_SLOTS, SLOT_BYTES, state[6],
		        (uint32_t)(random_next(random) % 8));
	} else {
		memcpy(f->map + tx, before + tx, f->bytes - tx);
		keep_some(f->map, before, f->packet.v3 ? BLOCKS : FAKE_SLOTS,
		        f->packet.v3 ? BLOCK_BYTES : SLOT_BYTES, state[0],
		        (uint32_t)(random_next(random) % 8));
	}
	free(before);
}

void fake_packet(struct fake *f, const struct pool *pool, bool v3)
{
	/* rx (next, taken, offset), urgent (the same), tx */
	uint32_t start[7] = {FAKE_START, 0, 0, 0, 0, 0, FAKE_START};

	memset(f, 0, sizeof *f);
	f->packet.v3 = v3;
	f->bytes = rx_bytes(f) + FAKE_SLOTS * SLOT_BYTES;
	f->fd = memfd_create("rings", MFD_CLOEXEC);
	cr_assert(f->fd >= 0);
	cr_assert_eq(ftruncate(f->fd, (off_t)f->bytes), 0);
	f->map = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	cr_assert_neq(f->map, MAP_FAILED);
	f->packet.rx = f->packet.tx = FAKE_START;
	f->pool = pool;
	f->grant = (struct grant){
	        .driver = EPOCH_DRIVER_AF_PACKET,
	        .mode = v3 ? GRANT_PACKET_V3 : GRANT_PACKET_V2,
	        .packet = {.rx = {v3 ? BLOCK_BYTES : SLOT_BYTES, v3 ? BLOCKS : FAKE_SLOTS, SLOT_BYTES,
	                           FAKE_SLOTS},
	                .tx = {SLOT_BYTES, FAKE_SLOTS, SLOT_BYTES, FAKE_SLOTS},
	                .vnet_hdr_len = sizeof(struct virtio_net_hdr),
	                .tx_offset = v3 ? 48 : 32},
	};
	memcpy(f->state, start, sizeof start);
	f->receive = v3 ? receive_v3 : receive_v2;
	f->send = send_next;
	f->cut_apply = cut_apply;
}
