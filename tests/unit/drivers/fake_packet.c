#include "tests/unit/drivers/fake.h"

#include <criterion/criterion.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOT_BYTES  512u
#define BLOCK_BYTES 2048u /* of V3: a few frames */
#define BLOCKS      8u
#define MAC_OFF     96u
#define FRAME_STEP  256u
#define BLOCK_HEAD  64u
#define VNET        ((uint32_t)sizeof(struct virtio_net_hdr))
#define SEGMENT_MAX (FRAME_STEP - MAC_OFF)
#define SHORT_SLOT  72u /* of V2, for some: a segment's headers and little more */

static uint32_t rx_bytes(const struct fake *f)
{
	return f->packet.v3 ? BLOCKS * BLOCK_BYTES : FAKE_SLOTS * SLOT_BYTES;
}

static uint8_t *tx_slot(const struct fake *f, uint32_t at)
{
	return f->map + rx_bytes(f) + (size_t)(at % FAKE_SLOTS) * SLOT_BYTES;
}

/* What the kernel keeps of frames that are longer than their slots. */
struct copy {
	uint32_t len;
	uint8_t bytes[VNET + SEGMENT_MAX];
};

static struct copy copies[FAKE_SLOTS];
static uint32_t copies_put, copies_got;

ssize_t __wrap_recv(int fd, void *to, size_t bytes, int flags);

/* As from a packet socket. */
ssize_t __wrap_recv(int fd, void *to, size_t bytes, int flags)
{
	const struct copy *c = &copies[copies_got % FAKE_SLOTS];

	(void)fd;
	cr_assert(flags & MSG_DONTWAIT && flags & MSG_TRUNC);
	if (copies_got == copies_put) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(to, c->bytes, MIN(bytes, c->len));
	copies_got += !(flags & MSG_PEEK);
	return c->len;
}

/* A virtio header and a frame, or a segment; what comes. */
struct coming {
	uint32_t len, packets;
	uint8_t bytes[VNET + SEGMENT_MAX];
};

/* Every third number begins a segment of several. */
static struct coming coming(const struct fake *f, uint32_t number)
{
	struct coming c = {.len = FAKE_FRAME, .packets = 1};
	struct virtio_net_hdr h = {0};

	if (f->packet.segments && number % 3 == 0) {
		c.packets = 2 + number % 9;
		c.len = fake_segment(c.bytes + VNET, number, c.packets);
		h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		h.gso_size = FAKE_PAYLOAD;
	} else {
		memcpy(c.bytes + VNET, &number, sizeof number);
	}
	memcpy(c.bytes, &h, VNET);
	return c;
}

static uint32_t receive_v2(struct fake *f, uint32_t number)
{
	struct tpacket2_hdr *h = (void *)(f->map + (size_t)(f->packet.rx % FAKE_SLOTS) * SLOT_BYTES);
	const struct coming c = coming(f, number);
	uint32_t room = c.packets > 4 ? SHORT_SLOT : SEGMENT_MAX;

	if (h->tp_status != TP_STATUS_KERNEL)
		return 0;
	h->tp_len = c.len;
	h->tp_snaplen = MIN(c.len, room);
	h->tp_mac = MAC_OFF;
	memcpy((uint8_t *)h + MAC_OFF - VNET, c.bytes, VNET + h->tp_snaplen);
	memset(h->tp_padding, 0, sizeof h->tp_padding);
	if (c.len > room) {
		struct copy *copy = &copies[copies_put++ % FAKE_SLOTS];

		cr_assert_leq(copies_put - copies_got, FAKE_SLOTS, "copies stay behind");
		copy->len = VNET + c.len;
		memcpy(copy->bytes, c.bytes, copy->len);
	}
	h->tp_status = TP_STATUS_USER | (c.len > room ? TP_STATUS_COPY : 0);
	f->packet.rx++;
	return c.packets;
}

/* A block is retired when it is full, or by a number that stands for the timer. */
static uint32_t receive_v3(struct fake *f, uint32_t number)
{
	uint8_t *block = f->map + (size_t)(f->packet.rx % BLOCKS) * BLOCK_BYTES;
	struct tpacket_hdr_v1 *b = &((struct tpacket_block_desc *)(void *)block)->hdr.bh1;
	struct tpacket3_hdr *h = (void *)(block + BLOCK_HEAD + f->packet.frames * FRAME_STEP);
	const struct coming c = coming(f, number);

	if (b->block_status != TP_STATUS_KERNEL)
		return 0;
	memset(h, 0, sizeof *h);
	h->tp_len = h->tp_snaplen = c.len;
	h->tp_mac = MAC_OFF;
	h->tp_next_offset = FRAME_STEP;
	memcpy((uint8_t *)h + MAC_OFF - VNET, c.bytes, VNET + c.len);
	if (++f->packet.frames == (BLOCK_BYTES - BLOCK_HEAD) / FRAME_STEP || number % 5 == 0) {
		b->num_pkts = f->packet.frames;
		b->offset_to_first_pkt = BLOCK_HEAD;
		b->seq_num = (uint64_t)f->packet.rx + 1;
		b->block_status = TP_STATUS_USER;
		f->packet.frames = 0;
		f->packet.rx++;
	}
	return c.packets;
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
	const uint32_t *state = nic->state; /* rx stands first, tx ninth */
	uint32_t tx = rx_bytes(f);

	memcpy(before, f->map, f->bytes);
	nic->ops->apply(nic);
	if (random_next(random) % 2) {
		keep_some(f->map + tx, before + tx, FAKE_SLOTS, SLOT_BYTES, state[8],
		        (uint32_t)(random_next(random) % 8));
	} else {
		memcpy(f->map + tx, before + tx, f->bytes - tx);
		keep_some(f->map, before, f->packet.v3 ? BLOCKS : FAKE_SLOTS,
		        f->packet.v3 ? BLOCK_BYTES : SLOT_BYTES, state[0],
		        (uint32_t)(random_next(random) % 8));
	}
	free(before);
}

void fake_packet(struct fake *f, const struct pool *pool, bool v3, bool segments)
{
	/* rx (next, taken, offset, cut), urgent (the same), tx */
	uint32_t start[9] = {FAKE_START, 0, 0, 0, 0, 0, 0, 0, FAKE_START};

	memset(f, 0, sizeof *f);
	f->packet.v3 = v3;
	f->packet.segments = segments;
	copies_put = copies_got = 0;
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
	        .mtu = FAKE_FRAME - ETHER_HDR_LEN,
	        .packet = {.rx = {v3 ? BLOCK_BYTES : SLOT_BYTES, v3 ? BLOCKS : FAKE_SLOTS, SLOT_BYTES,
	                           FAKE_SLOTS},
	                .tx = {SLOT_BYTES, FAKE_SLOTS, SLOT_BYTES, FAKE_SLOTS},
	                .vnet_hdr_len = sizeof(struct virtio_net_hdr),
	                .tx_offset = v3 ? 48 : 32,
	                .segments = segments},
	};
	memcpy(f->state, start, sizeof start);
	f->receive = v3 ? receive_v3 : receive_v2;
	f->send = send_next;
	f->cut_apply = cut_apply;
}
