#include "tests/unit/drivers/fake.h"

#include <criterion/criterion.h>
#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <unistd.h>

/* Each ring in a page of its own: producer, consumer and flags a line each, then the slots. */
enum { RING_RX, RING_TX, RING_FILL, RING_COMPLETION, RINGS };

static const off_t places[RINGS] = {
        XDP_PGOFF_RX_RING, XDP_PGOFF_TX_RING, XDP_UMEM_PGOFF_FILL_RING, XDP_UMEM_PGOFF_COMPLETION_RING};

#define RING_BYTES 4096u
#define DESC_OFF   192u

static uint32_t *producer(const struct fake *f, uint32_t ring)
{
	return (uint32_t *)(void *)(f->map + ring * RING_BYTES);
}

static uint32_t *consumer(const struct fake *f, uint32_t ring)
{
	return (uint32_t *)(void *)(f->map + ring * RING_BYTES + 64);
}

static void *slots(const struct fake *f, uint32_t ring)
{
	return f->map + ring * RING_BYTES + DESC_OFF;
}

/* Buffers that frames may be written to now. */
static uint32_t room(const struct fake *f)
{
	uint32_t buffers = *producer(f, RING_FILL) - f->xdp.fill;

	cr_assert_leq(buffers, FAKE_SLOTS);
	return MIN(buffers, FAKE_SLOTS - (f->xdp.rx - *consumer(f, RING_RX)));
}

static void put_chunk(struct fake *f, const void *bytes, uint32_t len, uint32_t options)
{
	const uint64_t *fill = slots(f, RING_FILL);
	uint64_t address = fill[f->xdp.fill++ % FAKE_SLOTS];
	struct xdp_desc *rx = slots(f, RING_RX);

	cr_assert_eq(address % f->pool->stride, 0);
	memcpy(f->pool->base + address + PKT_FRAME_OFF, bytes, len);
	rx[f->xdp.rx++ % FAKE_SLOTS] = (struct xdp_desc){
	        .addr = address | (uint64_t)PKT_FRAME_OFF << 48, .len = len, .options = options};
}

static void publish(struct fake *f)
{
	*producer(f, RING_RX) = f->xdp.rx;
	*consumer(f, RING_FILL) = f->xdp.fill;
}

static uint32_t receive(struct fake *f, uint32_t number)
{
	uint8_t frame[FAKE_FRAME] = {0};

	if (!room(f))
		return 0;
	memcpy(frame, &number, sizeof number);
	put_chunk(f, frame, sizeof frame, 0);
	publish(f);
	return 1;
}

/* Every third number begins a segment of several, in chunks of different length. */
static uint32_t receive_large(struct fake *f, uint32_t number)
{
	uint8_t frame[512] = {0};
	uint32_t n = 2 + number % 9, len, chunk = FAKE_FRAME + number % 17;

	if (number % 3)
		return receive(f, number);
	len = fake_segment(frame, number, n);
	if (room(f) < (len + chunk - 1) / chunk)
		return 0;
	for (uint32_t at = 0; at < len; at += chunk)
		put_chunk(f, frame + at, MIN(chunk, len - at), at + chunk < len);
	publish(f);
	return n;
}

static bool send_next(struct fake *f, uint32_t *number)
{
	const struct xdp_desc *tx = slots(f, RING_TX), *d;
	uint64_t *completion = slots(f, RING_COMPLETION);

	if (f->xdp.tx == *producer(f, RING_TX))
		return false;
	cr_assert_leq(*producer(f, RING_TX) - f->xdp.tx, FAKE_SLOTS);
	cr_assert_lt(f->xdp.completion - *consumer(f, RING_COMPLETION), FAKE_SLOTS, "completions overflow");
	d = &tx[f->xdp.tx++ % FAKE_SLOTS];
	cr_assert_eq(d->len, FAKE_FRAME);
	memcpy(number, f->pool->base + (d->addr & XSK_UNALIGNED_BUF_ADDR_MASK) + (d->addr >> 48),
	        sizeof *number);
	completion[f->xdp.completion++ % FAKE_SLOTS] = d->addr;
	*consumer(f, RING_TX) = f->xdp.tx;
	*producer(f, RING_COMPLETION) = f->xdp.completion;
	return true;
}

/* The four stores in their order, of which the last ones never happen. */
static void cut_apply(struct fake *f, struct nic *nic, uint64_t *random)
{
	uint32_t *stored[] = {consumer(f, RING_COMPLETION), consumer(f, RING_RX), producer(f, RING_FILL),
	        producer(f, RING_TX)};
	uint32_t before[4], done = (uint32_t)(random_next(random) % 4);

	for (uint32_t i = 0; i < 4; i++)
		before[i] = *stored[i];
	nic->ops->apply(nic);
	for (uint32_t i = done; i < 4; i++)
		*stored[i] = before[i];
}

static struct grant_xdp_ring ring(void)
{
	return (struct grant_xdp_ring){
	        .producer = 0, .consumer = 64, .flags = 128, .desc = DESC_OFF, .slots = FAKE_SLOTS};
}

void fake_xdp(struct fake *f, const struct pool *pool, bool chunks)
{
	/* rx (next, cut), urgent (the same), fill, tx, completion */
	uint32_t start[7] = {FAKE_START, 0, 0, 0, FAKE_START, FAKE_START, FAKE_START};

	memset(f, 0, sizeof *f);
	f->fd = memfd_create("rings", MFD_CLOEXEC);
	cr_assert(f->fd >= 0);
	cr_assert_eq(ftruncate(f->fd, places[RING_COMPLETION] + RING_BYTES), 0);
	f->bytes = RINGS * RING_BYTES;
	f->map = mmap(NULL, f->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(f->map, MAP_FAILED);
	for (uint32_t r = 0; r < RINGS; r++) {
		cr_assert_neq(mmap(f->map + r * RING_BYTES, RING_BYTES, PROT_READ | PROT_WRITE,
		                      MAP_SHARED | MAP_FIXED, f->fd, places[r]),
		        MAP_FAILED);
		*producer(f, r) = *consumer(f, r) = FAKE_START;
	}
	f->xdp.rx = f->xdp.fill = f->xdp.tx = f->xdp.completion = FAKE_START;
	f->pool = pool;
	f->grant = (struct grant){
	        .driver = EPOCH_DRIVER_AF_XDP,
	        .mtu = FAKE_FRAME - ETHER_HDR_LEN,
	        .xdp = {ring(), ring(), ring(), ring(), .headroom = 128, .need_wakeup = 1, .chunks = chunks},
	};
	memcpy(f->state, start, sizeof start);
	f->receive = chunks ? receive_large : receive;
	f->send = send_next;
	f->cut_apply = cut_apply;
}
