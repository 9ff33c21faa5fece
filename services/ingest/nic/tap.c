/* tap: a TAP: the other end is an interface of the kernel.
 *
 * Frames are copied both ways by a system call each.  What is read ahead of the worker is private: a death
 * loses it, as a wire would.  What is sent stands in the state until it is written, after the commit, by
 * kick: at most once, since the cursor moves before each call, so that a death leaves one frame in doubt,
 * which counts as sent. */
#include "services/ingest/nic/nic.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define TAP_QUEUE 256u
#define TAP_AHEAD 64u

#define NEEDS_CSUM 1u /* VIRTIO_NET_HDR_F_NEEDS_CSUM */
#define DATA_VALID 2u /* VIRTIO_NET_HDR_F_DATA_VALID */

/* struct virtio_net_hdr_v1, in the host's order as a TAP has it. */
struct vnet_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

static_assert(sizeof(struct vnet_hdr) == 12, "as the kernel has it");

struct tap_slot {
	struct pkt_index index;
	uint16_t data_off;
	uint16_t len;
	uint16_t csum_start; /* 0: the checksum is whole */
	uint16_t csum_off;
	uint32_t failed;
};

struct tap_state {
	/* Journaled.  Slots from tx on are dead. */
	_Alignas(CACHE_LINE) uint32_t tx;
	uint32_t done;
	/* Never journaled: what has been written, and whether a call may be under way. */
	_Alignas(CACHE_LINE) uint32_t written;
	uint32_t calling;
	_Alignas(CACHE_LINE) struct tap_slot slot[TAP_QUEUE];
};

static_assert(sizeof(struct tap_state) <= NIC_STATE_BYTES, "a driver's state");

struct ahead {
	struct vnet_hdr hdr;
	uint32_t len;
};

struct tap {
	int fd;
	uint32_t hdr_len;
	uint32_t first, n;    /* of those read ahead */
	uint32_t frame_bytes; /* room for each: one more than a buffer holds, so that a longer one shows */
	struct ahead ahead[TAP_AHEAD];
	uint8_t frames[]; /* TAP_AHEAD of them */
};

static int tap_probe(const struct nic_settings *settings, char *error)
{
	(void)settings, (void)error;
	return 0;
}

static int tap_open(struct nic *nic, const struct nic_settings *settings, char *error)
{
	uint32_t bytes = ALIGN_UP(pool_frame_max(nic->pool) + 1, CACHE_LINE);
	struct tap *t = malloc(sizeof *t + (size_t)TAP_AHEAD * bytes);
	struct tap_state *s = nic->state;

	(void)settings;
	if (!t) {
		snprintf(error, NIC_ERROR_BYTES, "no memory");
		return -ENOMEM;
	}
	*t = (struct tap){.fd = nic->fd[0], .hdr_len = nic->grant.tap.vnet_hdr_len, .frame_bytes = bytes};
	nic->stats.in_doubt += s->calling;
	s->calling = 0;
	nic->driver = t;
	return 0;
}

static void tap_close(struct nic *nic)
{
	free(nic->driver);
	nic->driver = NULL;
}

/* Reception. */

static uint8_t *frame_ahead(struct tap *t, uint32_t at)
{
	return t->frames + (size_t)(at % TAP_AHEAD) * t->frame_bytes;
}

/* One frame more.  false: there is none. */
static bool read_ahead(struct nic *nic)
{
	struct tap *t = nic->driver;
	uint32_t at = t->first + t->n;
	struct ahead *a = &t->ahead[at % TAP_AHEAD];
	struct iovec parts[2] = {{&a->hdr, t->hdr_len}, {frame_ahead(t, at), t->frame_bytes}};
	ssize_t got;

	a->hdr = (struct vnet_hdr){0};
	do
		got = readv(t->fd, parts, 2);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return false;
	if ((size_t)got < t->hdr_len) {
		nic->stats.rx_errors++;
		return false;
	}
	a->len = (uint32_t)got - t->hdr_len;
	t->n++;
	return true;
}

static uint32_t tap_rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	struct tap *t = nic->driver;

	(void)now;
	max = MIN(max, TAP_AHEAD);
	while (t->n < max && read_ahead(nic))
		;
	return MIN(t->n, max);
}

static nanos_t tap_rx_next(struct nic *nic)
{
	return tap_rx_ready(nic, 0, 1) ? 0 : NANOS_NEVER;
}

/* What the sender says of the checksum, where it can be (Linux skb_partial_csum_set). */
static void take_checksum(struct nic *nic, struct pkt *p, const struct vnet_hdr *h)
{
	uint32_t end = (uint32_t)h->csum_start + h->csum_offset + 2;

	if (h->flags & DATA_VALID)
		p->csum = PKT_CSUM_VALID;
	if (!(h->flags & NEEDS_CSUM))
		return;
	if (end > p->len) {
		nic->stats.rx_errors++;
		return;
	}
	p->csum = PKT_CSUM_PARTIAL;
	p->csum_start = h->csum_start;
	p->csum_off = h->csum_offset;
}

static void tap_rx(struct nic *nic, nanos_t now, struct burst *b, uint32_t first, uint32_t n)
{
	struct tap *t = nic->driver;
	uint32_t most = pool_frame_max(nic->pool);

	(void)now;
	assert(n <= t->n);
	for (uint32_t i = first; i < first + n; i++, t->first++, t->n--) {
		const struct ahead *a = &t->ahead[t->first % TAP_AHEAD];
		struct pkt *p = &b->pkt[i];

		p->len = a->len <= most ? (uint16_t)a->len : 0;
		p->total_len = a->len;
		p->trace = nic_trace(nic, t->first + 1);
		memcpy(b->frame[i], frame_ahead(t, t->first), p->len);
		take_checksum(nic, p, &a->hdr);
	}
}

/* Transmission. */

static bool fits(const struct pkt *p)
{
	return p->csum_start < p->len && p->csum_off + 2u <= (uint32_t)p->len - p->csum_start;
}

static void tap_tx(struct nic *nic, nanos_t now, struct burst *b, const struct pkt_ref *packets, uint32_t n)
{
	struct tap_state *s = journal_touch(nic->journal, nic->state);
	const struct tap *t = nic->driver;

	(void)now, (void)b;
	for (uint32_t i = 0; i < n; i++) {
		const struct pkt *p = packets[i].pkt;
		bool partial = p->csum == PKT_CSUM_PARTIAL;

		if (s->tx - s->done == TAP_QUEUE || (partial && !(t->hdr_len && fits(p)))) {
			nic->stats.tx_errors++;
			ref_drop(packets[i], DROP_TX_FAILED);
			continue;
		}
		s->slot[s->tx++ % TAP_QUEUE] = (struct tap_slot){
		        .index = packets[i].index,
		        .data_off = p->data_off,
		        .len = p->len,
		        .csum_start = partial ? p->csum_start : 0,
		        .csum_off = partial ? p->csum_off : 0,
		};
		*packets[i].verdict = (struct verdict){VERDICT_DRIVER, {(uint8_t)nic->port.v}, DROP_NONE};
	}
}

/* Writes one frame.  false: there is no room yet. */
static bool write_slot(struct nic *nic, struct tap_slot *slot)
{
	struct tap *t = nic->driver;
	struct vnet_hdr hdr = {
	        .flags = slot->csum_start ? NEEDS_CSUM : 0,
	        .csum_start = slot->csum_start,
	        .csum_offset = slot->csum_off,
	};
	struct iovec parts[2] = {
	        {&hdr, t->hdr_len}, {pool_buffer(nic->pool, slot->index) + slot->data_off, slot->len}};
	ssize_t put;

	do
		put = writev(t->fd, parts, 2);
	while (put < 0 && errno == EINTR);
	if (put < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	slot->failed = put < 0;
	nic->stats.tx_errors += put < 0;
	nic->stats.kicks++;
	return true;
}

static void tap_kick(struct nic *nic)
{
	struct tap_state *s = nic->state;
	bool room = true;

	while (room && s->written != s->tx) {
		struct tap_slot *slot = &s->slot[s->written % TAP_QUEUE];

		s->calling = 1;
		order_stores();
		s->written++; /* before the call: a frame may be lost with us, but never sent twice */
		order_stores();
		room = write_slot(nic, slot);
		order_stores();
		s->written -= !room;
		order_stores();
		s->calling = 0;
	}
}

static uint32_t tap_done(struct nic *nic, struct pkt_index *index, uint32_t max)
{
	struct tap_state *s = nic->state;
	uint32_t n = MIN(s->written - s->done, max);

	if (!n)
		return 0;
	journal_touch(nic->journal, s);
	for (uint32_t i = 0; i < n; i++) {
		const struct tap_slot *slot = &s->slot[s->done++ % TAP_QUEUE];

		index[i].v = slot->index.v | (slot->failed ? PORT_SEND_FAILED : 0);
	}
	return n;
}

static uint32_t tap_pending(const struct nic *nic)
{
	const struct tap_state *s = nic->state;

	return s->tx - s->done;
}

static bool tap_drain(struct journal *journal, void *state, struct burst *burst)
{
	struct tap_state *s = state;

	while (s->done != s->tx) {
		if (!burst_drop_held(burst, burst->n, s->slot[s->done % TAP_QUEUE].index, DROP_PORT_DOWN))
			return false;
		journal_touch(journal, s);
		s->done++;
	}
	return true;
}

static uint32_t tap_held(const void *state, struct pkt_index *index, uint32_t *packets)
{
	const struct tap_state *s = state;
	uint32_t n = 0;

	for (uint32_t i = s->done; i != s->tx; i++)
		index[n++] = s->slot[i % TAP_QUEUE].index;
	*packets += n;
	return n;
}

static uint32_t tap_fds(struct nic *nic, int *fd)
{
	const struct tap *t = nic->driver;

	fd[0] = t->fd;
	return 1;
}

const struct nic_ops nic_tap = {
        .name = "tap",
        .probe = tap_probe,
        .open = tap_open,
        .close = tap_close,
        .rx_ready = tap_rx_ready,
        .rx = tap_rx,
        .rx_next = tap_rx_next,
        .tx = tap_tx,
        .kick = tap_kick,
        .done = tap_done,
        .pending = tap_pending,
        .drain = tap_drain,
        .held = tap_held,
        .fds = tap_fds,
};
