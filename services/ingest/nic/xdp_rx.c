/* Generic XDP hands over what a veth's peer left to its offload: a TCP segment of up to 64 KiB in several
 * buffers, its chunks.  It is taken as the packets that gso.h makes of it: each is copied into a free buffer,
 * and with the last one the chunks go back into the fill ring.
 *
 * UDP's segments (UDP_SEGMENT) are several datagrams behind one header, and nothing here says where each
 * ends.  Those longer than the MTU are known by that, dropped and counted.  Shorter ones look like a single
 * datagram of that length, and are taken for one: the opener says so of the port. */
#include "services/ingest/nic/xdp_rx.h"

#include "services/ingest/nic/gso.h"

#define CHUNKS_MAX 64u /* of a frame; 64 KiB are fewer */

/* Younger than the headers that this must build with (Linux 6.6). */
#define PACKET_CONTINUES 1u /* XDP_PKT_CONTD */

/* A frame and where it lies. */
struct chunks {
	const uint8_t *at[CHUNKS_MAX];
	uint32_t len[CHUNKS_MAX];
	uint32_t n;
	uint32_t bytes; /* of all */
};

static bool is_large(const struct nic *nic, const struct xdp_desc *d)
{
	return d->options & PACKET_CONTINUES || d->len > nic_packet_max(nic) + ETHER_HDR_LEN;
}

/* Whether a descriptor's bytes lie in a buffer of the pool, behind its metadata. */
static always_inline bool is_inside(const struct nic *nic, uint32_t off, uint32_t len)
{
	return off >= PKT_META_BYTES && off <= nic->pool->stride && len <= nic->pool->stride - off;
}

/* The chunks of the frame whose first descriptor is `first`, before `end`.  false: it is not all there.  Of a
 * chunk that lies nowhere no byte is taken. */
static bool gather(
        const struct nic *nic, const struct xdp_ring *ring, uint32_t first, uint32_t end, struct chunks *c)
{
	bool more = true;

	*c = (struct chunks){0};
	while (more && c->n < CHUNKS_MAX && first + c->n != end) {
		const struct xdp_desc d = ring->desc[(first + c->n) & ring->mask];
		uint32_t off = (uint32_t)(d.addr >> XSK_UNALIGNED_BUF_OFFSET_SHIFT);
		struct pkt_index index = xdp_buffer_of(nic, d.addr);

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
	return c->at[0] && gso_read(g, c->at[0], c->len[0], c->bytes, nic_packet_max(nic), 0);
}

/* Whether a frame in one buffer is longer than a packet may be: the kernel lets none but segments be so. */
static bool is_several(const struct nic *nic, const struct chunks *c)
{
	return c->at[0] && gso_is_longer(c->at[0], c->len[0], nic_packet_max(nic));
}

/* Packets that could be taken, at most max, where a descriptor may be a part of a frame, or more than a
 * packet. */
static uint32_t cut_ready(const struct nic *nic, const struct xdp_ring *ring, const struct xdp_place *place,
        uint32_t end, uint32_t max)
{
	uint32_t at = place->next, cut = place->cut, n = 0;
	struct chunks c;
	struct gso g;

	while (n < max && at != end) {
		if (likely(!is_large(nic, &ring->desc[at & ring->mask]))) {
			at++;
			n++;
		} else if (gather(nic, ring, at, end, &c)) {
			at += c.n;
			n += to_be_cut(nic, &c, &g) ? MAX(gso_packets(&g, cut), 1u) : 1;
		} else {
			break;
		}
		cut = 0;
	}
	return MIN(n, max);
}

static uint32_t ready(
        const struct nic *nic, const struct xdp_ring *ring, const struct xdp_place *place, uint32_t max)
{
	const struct xdp *x = nic->driver;
	uint32_t end;

	if (unlikely(!ring->map))
		return 0;
	end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	if (unlikely(x->chunks))
		return cut_ready(nic, ring, place, end, max);
	return MIN(end - place->next, max);
}

/* Another number after each packet: a segment's payload is shorter than 64 KiB. */
static uint32_t stands(const struct xdp_place *place)
{
	return (place->next << 16) + place->cut;
}

static struct shares standing(const struct xdp_state *s)
{
	return (struct shares){stands(&s->urgent), stands(&s->rx)};
}

/* How many packets of each ring the next burst of at most `max` takes. */
static struct shares shares(const struct nic *nic, uint32_t max)
{
	const struct xdp *x = nic->driver;
	const struct xdp_state *s = nic->state;
	struct shares of = {ready(nic, &x->urgent, &s->urgent, max), ready(nic, &x->rx, &s->rx, max)};

	return share_ready(&s->hand, of, standing(s), max);
}

uint32_t xdp_rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	struct shares n = shares(nic, max);

	(void)now;
	return n.urgent + n.rest;
}

/* One frame: its buffer into the burst, the burst's into the fill ring. */
static always_inline void take(
        struct nic *nic, struct xdp_state *s, struct burst *b, uint32_t i, const struct xdp_desc d)
{
	struct pkt_index index = xdp_buffer_of(nic, d.addr);
	uint32_t off = (uint32_t)(d.addr >> XSK_UNALIGNED_BUF_OFFSET_SHIFT);

	b->pkt[i].len = 0;
	if (unlikely(!ledger_take(nic->ledger, index, nic->port, LEDGER_RX)))
		return;
	xdp_give(nic, s, b->index[i]);
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
		b->pkt[i].trace = nic_trace(nic, s->rx.next + s->urgent.next);
}

/* The frame is done with: its n buffers, which the kernel had, it gets again. */
static void return_chunks(struct nic *nic, struct xdp_state *s, const struct xdp_ring *ring,
        struct xdp_place *place, uint32_t n)
{
	for (; n; n--) {
		struct pkt_index index = xdp_buffer_of(nic, ring->desc[place->next++ & ring->mask].addr);

		if (ledger_has(nic->ledger, index, nic->port, LEDGER_RX))
			xdp_fill_with(nic, s, index);
	}
	place->cut = 0;
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

/* The next packet of the large frame at that place. */
static void take_large(struct nic *nic, struct xdp_state *s, const struct xdp_ring *ring,
        struct xdp_place *place, struct burst *b, uint32_t i)
{
	struct chunks c;
	struct gso g;

	b->pkt[i].len = 0;
	if (!gather(nic, ring, place->next, __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE), &c))
		return;
	if (to_be_cut(nic, &c, &g) && place->cut < g.payload) {
		uint32_t n = gso_write(&g, place->cut, b->frame[i], &b->pkt[i]);

		copy_out(&c, g.header_len + place->cut, b->frame[i] + g.header_len, n);
		place->cut += n;
		if (place->cut == g.payload)
			return_chunks(nic, s, ring, place, c.n);
	} else if (c.n == 1 && !is_several(nic, &c)) {
		place->cut = 0;
		take(nic, s, b, i, ring->desc[place->next++ & ring->mask]);
	} else {
		b->pkt[i].total_len = MAX(c.bytes, pool_frame_max(nic->pool) + 1);
		nic->stats.rx_errors++;
		nic->stats.rx_segments++;
		return_chunks(nic, s, ring, place, c.n);
	}
}

/* n packets into the entries from i on. */
static always_inline void take_all(struct nic *nic, const struct xdp_ring *ring, struct xdp_place *place,
        struct burst *b, uint32_t i, uint32_t n)
{
	const struct xdp *x = nic->driver;
	struct xdp_state *s = nic->state;

	for (; n; n--, i++) {
		const struct xdp_desc *d = &ring->desc[place->next & ring->mask];

		if (unlikely(x->chunks && is_large(nic, d))) {
			take_large(nic, s, ring, place, b, i);
		} else {
			place->next++;
			take(nic, s, b, i, *d);
		}
	}
}

void xdp_rx(struct nic *nic, nanos_t now, struct burst *b, uint32_t first, uint32_t n)
{
	const struct xdp *x = nic->driver;
	struct xdp_state *s = nic->state;
	struct shares of = shares(nic, n);

	(void)now;
	share_take(&s->hand, of, standing(s));
	journal_touch(nic->journal, s);
	take_all(nic, &x->urgent, &s->urgent, b, first, of.urgent);
	take_all(nic, &x->rx, &s->rx, b, first + of.urgent, n - of.urgent);
}
