/* nic_xdp: a port by AF_XDP: four rings shared with the kernel, frames in buffers of the pool.
 *
 *     fill        ours to the kernel: buffers for frames to come
 *     rx          the kernel's: frames, in those buffers
 *     tx          ours: frames to be sent
 *     completion  the kernel's: buffers whose frames have been sent
 *
 * A frame received stays where it is, and a free buffer takes its place in the fill ring, so that the kernel
 * always has as many as it was given at first: the fill ring has a slot for each and is never full.  As many
 * frames are under way as the completion ring has slots.
 *
 * Generic XDP hands over what a veth's peer left to its offload: a TCP segment of up to 64 KiB in several
 * buffers, its chunks.  It is taken as the packets that gso.h makes of it: each is copied into a free buffer,
 * and with the last one the chunks go back into the fill ring.
 *
 * Our two indices in the kernel's memory (consumer of rx and completion, producer of fill and tx) are stored
 * in apply alone.  Source: Linux net/xdp/xsk_queue.h, Documentation/networking/af_xdp.rst. */
#include "services/ingest/nic.h"

#include "services/ingest/gso.h"
#include "services/ingest/partial.h"

#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define KICKS_MAX  64u /* a round: the kernel sends some dozens of frames a call, older ones 32 */
#define CHUNKS_MAX 64u /* of a frame; 64 KiB are fewer */

/* Younger than the headers that this must build with (Linux 6.6). */
#define PACKET_CONTINUES 1u /* XDP_PKT_CONTD */

/* Journaled. */
struct xdp_state {
	uint32_t rx;         /* next to take */
	uint32_t fill;       /* next to write */
	uint32_t tx;         /* next to write */
	uint32_t completion; /* next to take */
	uint32_t cut;        /* payload of the large segment at `rx` that packets have taken already */
};

static_assert(sizeof(struct xdp_state) <= CACHE_LINE, "one line a burst");

struct xdp_ring {
	uint32_t *producer;
	uint32_t *consumer;
	const uint32_t *flags;
	union {
		void *slots;
		struct xdp_desc *desc; /* rx, tx */
		uint64_t *address;     /* fill, completion */
	};
	uint32_t mask;
	void *map;
	size_t bytes;
};

struct xdp {
	struct xdp_ring rx, fill, tx, completion;
	uint64_t inverse; /* of the stride in cache lines, which is odd: to divide by it */
	int fd;
	bool need_wakeup;
	bool chunks; /* a frame may come in several buffers */
};

/* A frame and where it lies. */
struct chunks {
	const uint8_t *at[CHUNKS_MAX];
	uint32_t len[CHUNKS_MAX];
	uint32_t n;
	uint32_t bytes; /* of all */
};

/* Where a buffer lies in the pool and where its frame starts: an address in unaligned mode. */
static always_inline uint64_t address_of(const struct nic *nic, struct pkt_index index, uint32_t data_off)
{
	return (uint64_t)index.v * nic->pool->stride | (uint64_t)data_off << XSK_UNALIGNED_BUF_OFFSET_SHIFT;
}

/* The buffer of an address that was given as above: exact, since a chunk's start comes back as it went. */
static always_inline struct pkt_index buffer_of(const struct nic *nic, uint64_t address)
{
	const struct xdp *x = nic->driver;
	uint64_t at = (address & XSK_UNALIGNED_BUF_ADDR_MASK) / CACHE_LINE * x->inverse;

	return at < nic->pool->count ? (struct pkt_index){(uint32_t)at} : PKT_NONE;
}

static uint64_t inverse_of(uint32_t odd)
{
	uint64_t x = odd; /* right in its lowest 3 bits; each turn doubles them */

	for (int turn = 0; turn < 5; turn++)
		x *= 2 - odd * x;
	return x;
}

static int map_ring(struct xdp_ring *r, const struct grant_xdp_ring *g, int fd, uint64_t at, size_t slot)
{
	size_t bytes = (size_t)g->desc + (size_t)g->slots * slot;
	uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)at);

	if (map == MAP_FAILED)
		return -errno;
	*r = (struct xdp_ring){
	        .producer = (uint32_t *)(void *)(map + g->producer),
	        .consumer = (uint32_t *)(void *)(map + g->consumer),
	        .flags = (const uint32_t *)(const void *)(map + g->flags),
	        .slots = map + g->desc,
	        .mask = g->slots - 1,
	        .map = map,
	        .bytes = bytes,
	};
	return 0;
}

static void unmap_ring(struct xdp_ring *r)
{
	if (r->map)
		munmap(r->map, r->bytes);
}

static void xdp_close(struct nic *nic)
{
	struct xdp *x = nic->driver;

	unmap_ring(&x->rx);
	unmap_ring(&x->fill);
	unmap_ring(&x->tx);
	unmap_ring(&x->completion);
	free(x);
	nic->driver = NULL;
}

static int map_rings(struct xdp *x, const struct grant_xdp *g, int fd)
{
	int err = map_ring(&x->rx, &g->rx, fd, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc));

	if (!err)
		err = map_ring(&x->tx, &g->tx, fd, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc));
	if (!err)
		err = map_ring(&x->fill, &g->fill, fd, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t));
	if (!err)
		err = map_ring(
		        &x->completion, &g->completion, fd, XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t));
	return err;
}

static int xdp_open(struct nic *nic, const struct nic_settings *settings, char *error)
{
	struct xdp *x = calloc(1, sizeof *x);
	int err;

	(void)settings;
	if (!x) {
		snprintf(error, NIC_ERROR_BYTES, "no memory");
		return -ENOMEM;
	}
	nic->driver = x;
	x->fd = nic->fd[0];
	x->need_wakeup = nic->grant.xdp.need_wakeup;
	x->chunks = nic->grant.xdp.chunks;
	x->inverse = inverse_of(nic->pool->stride / CACHE_LINE);
	err = map_rings(x, &nic->grant.xdp, x->fd);
	if (err) {
		snprintf(error, NIC_ERROR_BYTES, "the AF_XDP rings of %s cannot be mapped: %s",
		        nic->grant.interface, strerror(-err));
		xdp_close(nic);
	}
	return err;
}

static int xdp_probe(const struct nic_settings *settings, char *error)
{
	(void)settings, (void)error;
	return 0;
}

/* Reception. */

/* The longest packet that is taken as it came. */
static uint32_t packet_max(const struct nic *nic)
{
	return MIN(nic->grant.mtu, pool_frame_max(nic->pool) - ETHER_HDR_LEN - VLAN_TAGS_MAX * VLAN_HDR_LEN);
}

static bool is_large(const struct nic *nic, const struct xdp_desc *d)
{
	return d->options & PACKET_CONTINUES || d->len > packet_max(nic) + ETHER_HDR_LEN;
}

/* Whether a descriptor's bytes lie in a buffer of the pool, behind its metadata. */
static always_inline bool is_inside(const struct nic *nic, uint32_t off, uint32_t len)
{
	return off >= PKT_META_BYTES && off <= nic->pool->stride && len <= nic->pool->stride - off;
}

/* The chunks of the frame whose first descriptor is `first`, before `end`.  false: it is not all there.  Of a
 * chunk that lies nowhere no byte is taken. */
static bool gather(const struct nic *nic, uint32_t first, uint32_t end, struct chunks *c)
{
	const struct xdp *x = nic->driver;
	bool more = true;

	*c = (struct chunks){0};
	while (more && c->n < CHUNKS_MAX && first + c->n != end) {
		const struct xdp_desc d = x->rx.desc[(first + c->n) & x->rx.mask];
		uint32_t off = (uint32_t)(d.addr >> XSK_UNALIGNED_BUF_OFFSET_SHIFT);
		struct pkt_index index = buffer_of(nic, d.addr);

		if (pool_has(nic->pool, index) && is_inside(nic, off, d.len)) {
			c->at[c->n] = pool_buffer(nic->pool, index) + off;
			c->len[c->n] = d.len;
			c->bytes += d.len;
		}
		c->n++;
		more = d.options & PACKET_CONTINUES;
	}
	return !more || c->n == CHUNKS_MAX;
}

static bool to_be_cut(const struct nic *nic, const struct chunks *c, struct gso *g)
{
	return c->at[0] && gso_read(g, c->at[0], c->len[0], c->bytes, packet_max(nic));
}

/* As xdp_rx_ready, where a descriptor may be a part of a frame, or more than a packet. */
static uint32_t packets_ready(const struct nic *nic, uint32_t end, uint32_t max)
{
	const struct xdp *x = nic->driver;
	const struct xdp_state *s = nic->state;
	uint32_t at = s->rx, cut = s->cut, n = 0;
	struct chunks c;
	struct gso g;

	while (n < max && at != end) {
		if (likely(!is_large(nic, &x->rx.desc[at & x->rx.mask]))) {
			at++;
			n++;
		} else if (gather(nic, at, end, &c)) {
			at += c.n;
			n += to_be_cut(nic, &c, &g) ? MAX(gso_packets(&g, cut), 1u) : 1;
		} else {
			break;
		}
		cut = 0;
	}
	return MIN(n, max);
}

static uint32_t xdp_rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	const struct xdp *x = nic->driver;
	const struct xdp_state *s = nic->state;
	uint32_t end = __atomic_load_n(x->rx.producer, __ATOMIC_ACQUIRE);

	(void)now;
	if (unlikely(x->chunks))
		return packets_ready(nic, end, max);
	return MIN(end - s->rx, max);
}

static nanos_t xdp_rx_next(struct nic *nic)
{
	return xdp_rx_ready(nic, 0, 1) ? 0 : NANOS_NEVER;
}

static always_inline void fill_with(struct nic *nic, struct xdp_state *s, struct pkt_index index)
{
	struct xdp *x = nic->driver;

	x->fill.address[s->fill++ & x->fill.mask] = (uint64_t)index.v * nic->pool->stride;
}

static always_inline void give(struct nic *nic, struct xdp_state *s, struct pkt_index index)
{
	ledger_give(nic->ledger, index, nic->port, LEDGER_RX);
	fill_with(nic, s, index);
}

/* One frame: its buffer into the burst, the burst's into the fill ring. */
static always_inline void take(struct nic *nic, struct xdp_state *s, struct burst *b, uint32_t i)
{
	const struct xdp *x = nic->driver;
	const struct xdp_desc d = x->rx.desc[s->rx++ & x->rx.mask];
	struct pkt_index index = buffer_of(nic, d.addr);
	uint32_t off = (uint32_t)(d.addr >> XSK_UNALIGNED_BUF_OFFSET_SHIFT);

	b->pkt[i].len = 0;
	if (unlikely(!ledger_take(nic->ledger, index, nic->port, LEDGER_RX)))
		return;
	give(nic, s, b->index[i]);
	b->index[i] = index;
	if (unlikely(!is_inside(nic, off, d.len))) {
		nic->stats.rx_errors++;
		off = PKT_FRAME_OFF;
	} else {
		b->pkt[i].len = (uint16_t)d.len;
	}
	b->frame[i] = pool_buffer(nic->pool, index) + off;
	b->pkt[i].data_off = (uint16_t)off;
	b->pkt[i].total_len = b->pkt[i].len;
	__builtin_prefetch(b->frame[i]);
	if (unlikely(nic->wishes && nic->wishes->n_trace))
		b->pkt[i].trace = nic_trace(nic, s->rx);
}

/* The frame is done with: its n buffers, which the kernel had, it gets again. */
static void return_chunks(struct nic *nic, struct xdp_state *s, uint32_t n)
{
	struct xdp *x = nic->driver;

	for (; n; n--) {
		struct pkt_index index = buffer_of(nic, x->rx.desc[s->rx++ & x->rx.mask].addr);

		if (ledger_has(nic->ledger, index, nic->port, LEDGER_RX))
			fill_with(nic, s, index);
	}
	s->cut = 0;
}

/* n bytes of the frame, from byte `from` on. */
static void copy_out(const struct chunks *c, uint32_t from, uint8_t *to, uint32_t n)
{
	for (uint32_t k = 0; k < c->n && n; k++) {
		uint32_t skip = MIN(from, c->len[k]), part = MIN(n, c->len[k] - skip);

		if (part)
			memcpy(to, c->at[k] + skip, part);
		from -= skip;
		to += part;
		n -= part;
	}
}

/* The next packet of the large frame at `rx`. */
static void take_large(struct nic *nic, struct xdp_state *s, struct burst *b, uint32_t i)
{
	const struct xdp *x = nic->driver;
	struct chunks c;
	struct gso g;

	b->pkt[i].len = 0;
	if (!gather(nic, s->rx, __atomic_load_n(x->rx.producer, __ATOMIC_ACQUIRE), &c))
		return;
	if (to_be_cut(nic, &c, &g) && s->cut < g.payload) {
		uint32_t n = gso_write(&g, s->cut, b->frame[i], &b->pkt[i]);

		copy_out(&c, g.header_len + s->cut, b->frame[i] + g.header_len, n);
		s->cut += n;
		if (s->cut == g.payload)
			return_chunks(nic, s, c.n);
	} else if (c.n == 1) {
		s->cut = 0;
		take(nic, s, b, i);
	} else {
		b->pkt[i].total_len = MAX(c.bytes, pool_frame_max(nic->pool) + 1);
		nic->stats.rx_errors++;
		return_chunks(nic, s, c.n);
	}
}

static void xdp_rx(struct nic *nic, nanos_t now, struct burst *b, uint32_t first, uint32_t n)
{
	struct xdp_state *s = journal_touch(nic->journal, nic->state);
	const struct xdp *x = nic->driver;

	(void)now;
	for (uint32_t i = first; i < first + n; i++)
		if (unlikely(x->chunks && is_large(nic, &x->rx.desc[s->rx & x->rx.mask])))
			take_large(nic, s, b, i);
		else
			take(nic, s, b, i);
}

static uint32_t xdp_wants(struct nic *nic)
{
	const struct xdp *x = nic->driver;
	const struct xdp_state *s = nic->state;

	return x->fill.mask + 1 - (s->fill - s->rx);
}

static void xdp_fill(struct nic *nic, const struct pkt_index *index, uint32_t n)
{
	struct xdp_state *s = journal_touch(nic->journal, nic->state);

	assert(n <= xdp_wants(nic));
	for (uint32_t k = 0; k < n; k++)
		give(nic, s, index[k]);
}

/* Transmission. */

static uint32_t xdp_pending(const struct nic *nic)
{
	const struct xdp_state *s = nic->state;

	return s->tx - s->completion;
}

/* The kernel is told nothing of a packet but its bytes: a partial checksum must be whole by then. */
static void send_one(struct nic *nic, struct xdp_state *s, struct burst *b, const struct pkt_ref *packet)
{
	struct xdp *x = nic->driver;
	const struct pkt *p = packet->pkt;

	if (unlikely(xdp_pending(nic) > x->tx.mask ||
	             (p->csum == PKT_CSUM_PARTIAL && !partial_complete(b, packet)))) {
		ref_drop(*packet, DROP_TX_FAILED);
		nic->stats.tx_errors++;
		return;
	}
	ledger_give(nic->ledger, packet->index, nic->port, LEDGER_TX);
	x->tx.desc[s->tx++ & x->tx.mask] = (struct xdp_desc){
	        .addr = address_of(nic, packet->index, p->data_off), .len = p->len};
	*packet->verdict = (struct verdict){VERDICT_DRIVER, {(uint8_t)nic->port.v}, DROP_NONE};
}

static void xdp_tx(struct nic *nic, nanos_t now, struct burst *b, const struct pkt_ref *packets, uint32_t n)
{
	struct xdp_state *s = journal_touch(nic->journal, nic->state);

	(void)now;
	for (uint32_t i = 0; i < n; i++)
		send_one(nic, s, b, &packets[i]);
}

static uint32_t xdp_done(struct nic *nic, struct pkt_index *index, uint32_t max)
{
	const struct xdp *x = nic->driver;
	struct xdp_state *s = nic->state;
	uint32_t ready = __atomic_load_n(x->completion.producer, __ATOMIC_ACQUIRE) - s->completion, n = 0;

	ready = MIN(MIN(ready, max), xdp_pending(nic));
	if (!ready)
		return 0;
	journal_touch(nic->journal, s);
	for (uint32_t k = 0; k < ready; k++) {
		index[n] = buffer_of(nic, x->completion.address[s->completion++ & x->completion.mask]);
		n += ledger_take(nic->ledger, index[n], nic->port, LEDGER_TX);
	}
	return n;
}

/* The kernel's eyes. */

static void xdp_apply(struct nic *nic)
{
	struct xdp *x = nic->driver;
	const struct xdp_state *s = nic->state;

	__atomic_store_n(x->completion.consumer, s->completion, __ATOMIC_RELEASE);
	__atomic_store_n(x->rx.consumer, s->rx, __ATOMIC_RELEASE);
	__atomic_store_n(x->fill.producer, s->fill, __ATOMIC_RELEASE);
	__atomic_store_n(x->tx.producer, s->tx, __ATOMIC_RELEASE);
}

static bool must_wake(const struct xdp *x, const struct xdp_ring *r)
{
	return !x->need_wakeup || __atomic_load_n(r->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP;
}

/* Until all are on their way: a call sends no more than the kernel's budget. */
static void kick_tx(struct nic *nic)
{
	struct xdp *x = nic->driver;
	const struct xdp_state *s = nic->state;
	uint32_t before = s->tx;

	for (uint32_t k = 0; k < KICKS_MAX && must_wake(x, &x->tx); k++) {
		uint32_t left = s->tx - __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);

		if (!left || left == before)
			return;
		before = left;
		nic->stats.kicks++;
		if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY &&
		        errno != ENOBUFS)
			return;
	}
}

static void xdp_kick(struct nic *nic)
{
	struct xdp *x = nic->driver;

	kick_tx(nic);
	if (x->need_wakeup && must_wake(x, &x->fill)) {
		nic->stats.kicks++;
		(void)!recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	}
}

static int xdp_fd(struct nic *nic)
{
	const struct xdp *x = nic->driver;

	return x->fd;
}

const struct nic_ops nic_xdp = {
        .name = "af_xdp",
        .probe = xdp_probe,
        .open = xdp_open,
        .close = xdp_close,
        .rx_ready = xdp_rx_ready,
        .rx = xdp_rx,
        .rx_next = xdp_rx_next,
        .tx = xdp_tx,
        .apply = xdp_apply,
        .kick = xdp_kick,
        .wants = xdp_wants,
        .fill = xdp_fill,
        .done = xdp_done,
        .pending = xdp_pending,
        .fd = xdp_fd,
};
