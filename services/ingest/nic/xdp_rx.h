/* xdp_rx: the receiving side of xdp.c, and what both sides share.  Not for anyone else; one thread for
 * one port queue. */
#ifndef SLUICE_SERVICES_INGEST_NIC_XDP_RX_H
#define SLUICE_SERVICES_INGEST_NIC_XDP_RX_H

#include "services/ingest/nic/nic.h"
#include "services/ingest/nic/share.h"
#include "services/ingest/nic/xdp_ring.h"

/* Where a ring that frames come by stands. */
struct xdp_place {
	uint32_t next; /* to be taken */
	uint32_t cut;  /* payload of the large segment there that packets have taken already */
};

struct xdp_state {
	/* Journaled. */
	_Alignas(CACHE_LINE) struct xdp_place rx;
	struct xdp_place urgent;
	uint32_t fill;       /* next to write */
	uint32_t tx;         /* next to write */
	uint32_t completion; /* next to take */
	/* Never journaled. */
	struct hand hand;
};

static_assert(offsetof(struct xdp_state, hand) == CACHE_LINE, "one line a burst");

struct xdp {
	struct xdp_ring rx, fill, tx, completion;
	struct xdp_ring urgent; /* not mapped: there is none */
	struct share_tx share;
	uint64_t inverse; /* of the stride in cache lines, which is odd: to divide by it */
	int fd;
	bool need_wakeup;
	bool chunks; /* a frame may come in several buffers */
};

/* Where a buffer lies in the pool and where its frame starts: an address in unaligned mode. */
static always_inline uint64_t xdp_address_of(const struct nic *nic, struct pkt_index index, uint32_t data_off)
{
	return (uint64_t)index.v * nic->pool->stride | (uint64_t)data_off << XSK_UNALIGNED_BUF_OFFSET_SHIFT;
}

/* The buffer of an address that was given as above: exact, since a chunk's start comes back as it went. */
static always_inline struct pkt_index xdp_buffer_of(const struct nic *nic, uint64_t address)
{
	const struct xdp *x = nic->driver;
	uint64_t at = (address & XSK_UNALIGNED_BUF_ADDR_MASK) / CACHE_LINE * x->inverse;

	return at < nic->pool->count ? (struct pkt_index){(uint32_t)at} : PKT_NONE;
}

static always_inline void xdp_fill_with(struct nic *nic, struct xdp_state *s, struct pkt_index index)
{
	struct xdp *x = nic->driver;

	x->fill.address[s->fill++ & x->fill.mask] = (uint64_t)index.v * nic->pool->stride;
}

static always_inline void xdp_give(struct nic *nic, struct xdp_state *s, struct pkt_index index)
{
	ledger_give(nic->ledger, index, nic->port, LEDGER_RX);
	xdp_fill_with(nic, s, index);
}

/* As in struct nic_ops. */
uint32_t xdp_rx_ready(struct nic *nic, nanos_t now, uint32_t max);
void xdp_rx(struct nic *nic, nanos_t now, struct burst *burst, uint32_t first, uint32_t n);

#endif
