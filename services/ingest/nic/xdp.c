/* xdp: a port by AF_XDP: five rings shared with the kernel, frames in buffers of the pool.
 *
 *     fill        ours to the kernel: buffers for frames to come
 *     rx          the kernel's: frames, in those buffers
 *     urgent      the same, for the control class (common/urgent), which is taken first
 *     tx          ours: frames to be sent
 *     completion  the kernel's: buffers whose frames have been sent
 *
 * A frame received stays where it is, and a free buffer takes its place in the fill ring, so that the kernel
 * always has as many as it was given at first: the fill ring has a slot for each and is never full.  As many
 * frames are under way as the completion ring has slots.
 *
 * Of a burst the control class gets no more than half where there is enough of the rest, which it must not
 * shut out.  When the transmit ring is nearly full what is left of it is the control class's.
 *
 * Our two indices in the kernel's memory (consumer of rx and completion, producer of fill and tx) are stored
 * in apply alone.  Source: Linux net/xdp/xsk_queue.h, Documentation/networking/af_xdp.rst. */
#include "services/ingest/nic/xdp_rx.h"
#include "services/ingest/nic/partial.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define KICKS_MAX 64u /* a round: the kernel sends some dozens of frames a call, older ones 32 */

static uint64_t inverse_of(uint32_t odd)
{
	uint64_t x = odd; /* right in its lowest 3 bits; each turn doubles them */

	for (int turn = 0; turn < 5; turn++)
		x *= 2 - odd * x;
	return x;
}

static void xdp_close(struct nic *nic)
{
	struct xdp *x = nic->driver;

	xdp_ring_unmap(&x->rx);
	xdp_ring_unmap(&x->fill);
	xdp_ring_unmap(&x->tx);
	xdp_ring_unmap(&x->completion);
	xdp_ring_unmap(&x->urgent);
	free(x);
	nic->driver = NULL;
}

static int map_rings(struct xdp *x, const struct grant_xdp *g, int fd, int urgent)
{
	int err = xdp_ring_map(&x->rx, &g->rx, fd, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc));

	if (!err)
		err = xdp_ring_map(&x->tx, &g->tx, fd, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc));
	if (!err)
		err = xdp_ring_map(&x->fill, &g->fill, fd, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t));
	if (!err)
		err = xdp_ring_map(
		        &x->completion, &g->completion, fd, XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t));
	if (!err && g->urgent.slots)
		err = xdp_ring_map(
		        &x->urgent, &g->urgent, urgent, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc));
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
	share_tx_init(&x->share, nic->grant.xdp.control_dscp, nic->grant.xdp.tx.slots);
	err = map_rings(x, &nic->grant.xdp, x->fd, nic->fd[1]);
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

/* Reception, but for what xdp_rx.c does. */

static nanos_t xdp_rx_next(struct nic *nic)
{
	return xdp_rx_ready(nic, 0, 1) ? 0 : NANOS_NEVER;
}

/* What the kernel is lent: a buffer for each slot that a frame may wait in. */
static uint32_t lent(const struct xdp *x)
{
	return x->rx.mask + 1 + (x->urgent.map ? x->urgent.mask + 1 : 0);
}

static uint32_t xdp_wants(struct nic *nic)
{
	const struct xdp *x = nic->driver;
	const struct xdp_state *s = nic->state;

	return lent(x) - (s->fill - s->rx.next - s->urgent.next);
}

static void xdp_fill(struct nic *nic, const struct pkt_index *index, uint32_t n)
{
	struct xdp_state *s = journal_touch(nic->journal, nic->state);

	assert(n <= xdp_wants(nic));
	for (uint32_t k = 0; k < n; k++)
		xdp_give(nic, s, index[k]);
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

	if (unlikely(!share_has_room(&x->share, xdp_pending(nic), packet) ||
	             (p->csum == PKT_CSUM_PARTIAL && !partial_complete(b, packet)))) {
		ref_drop(*packet, DROP_TX_FAILED);
		nic->stats.tx_errors++;
		return;
	}
	ledger_give(nic->ledger, packet->index, nic->port, LEDGER_TX);
	x->tx.desc[s->tx++ & x->tx.mask] = (struct xdp_desc){
	        .addr = xdp_address_of(nic, packet->index, p->data_off), .len = p->len};
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
		index[n] = xdp_buffer_of(nic, x->completion.address[s->completion++ & x->completion.mask]);
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
	__atomic_store_n(x->rx.consumer, s->rx.next, __ATOMIC_RELEASE);
	if (x->urgent.map)
		__atomic_store_n(x->urgent.consumer, s->urgent.next, __ATOMIC_RELEASE);
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

static uint32_t xdp_fds(struct nic *nic, int *fd)
{
	const struct xdp *x = nic->driver;

	fd[0] = x->fd;
	fd[1] = nic->fd[1];
	return x->urgent.map ? 2 : 1;
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
        .fds = xdp_fds,
};
