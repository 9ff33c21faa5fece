#include "common/grant/grant.h"

#include "common/settings/settings.h"

static bool slots_ok(uint32_t slots)
{
	return slots && slots <= GRANT_RING_MAX && !(slots & (slots - 1));
}

/* The indices and the slots of a ring lie within a mapping that is not larger than any could be. */
static bool xdp_ring_ok(const struct grant_xdp_ring *r)
{
	const uint64_t most = UINT64_C(1) << 24;

	return slots_ok(r->slots) && r->producer < most && r->consumer < most && r->desc < most &&
	       r->flags < most;
}

static bool xdp_ok(const struct grant *g)
{
	const struct grant_xdp *x = &g->xdp;

	return g->mode >= GRANT_XDP_GENERIC && g->mode <= GRANT_XDP_ZEROCOPY && xdp_ring_ok(&x->rx) &&
	       xdp_ring_ok(&x->tx) && xdp_ring_ok(&x->fill) && xdp_ring_ok(&x->completion) &&
	       (!x->urgent.slots || xdp_ring_ok(&x->urgent)) && g->n_fds == 1 + (x->urgent.slots > 0) &&
	       x->control_dscp <= SETTINGS_DSCP_MAX && x->headroom < 65536 && x->need_wakeup <= 1 &&
	       x->chunks <= 1;
}

static bool packet_ring_ok(const struct grant_packet_ring *r)
{
	return r->block_size && r->block_nr && r->frame_size && r->frame_nr &&
	       r->frame_nr <= GRANT_RING_MAX && r->frame_size <= r->block_size &&
	       r->frame_nr == (uint64_t)(r->block_size / r->frame_size) * r->block_nr &&
	       (uint64_t)r->block_size * r->block_nr <= UINT64_C(1) << 30;
}

static bool packet_ok(const struct grant *g)
{
	const struct grant_packet *p = &g->packet;

	return (g->mode == GRANT_PACKET_V2 || g->mode == GRANT_PACKET_V3) && packet_ring_ok(&p->rx) &&
	       packet_ring_ok(&p->tx) && (!p->urgent.frame_nr || packet_ring_ok(&p->urgent)) &&
	       g->n_fds == 1 + (p->urgent.frame_nr > 0) && p->control_dscp <= SETTINGS_DSCP_MAX &&
	       p->vnet_hdr_len <= 12 && p->tx_offset < p->tx.frame_size && p->segments <= 1;
}

static bool rings_ok(const struct grant *g)
{
	switch ((enum epoch_driver)g->driver) {
	case EPOCH_DRIVER_AF_XDP: return xdp_ok(g);
	case EPOCH_DRIVER_AF_PACKET: return packet_ok(g);
	case EPOCH_DRIVER_TAP: return g->mode == GRANT_MODE_NONE && g->tap.vnet_hdr_len <= 12;
	case EPOCH_DRIVER_NONE:
	case EPOCH_DRIVER_PCAP:
	case EPOCH_DRIVER_LOOP: break;
	}
	return false;
}

const char *grant_check(const void *message, size_t bytes, uint32_t n_fds)
{
	const struct grant *g = message;
	bool open;

	if (bytes != sizeof *g || g->magic != GRANT_MAGIC)
		return "it is no grant of this build";
	open = g->what == GRANT_OPEN;
	if (g->what < GRANT_OPEN || g->what > GRANT_GONE || !epoch_driver_live(g->driver))
		return "it grants nothing that is known";
	if (g->phys >= EPOCH_PHYS_MAX || !g->queues || g->queue >= g->queues || !g->incarnation)
		return "its port, queue or incarnation cannot be";
	if (g->interface[EPOCH_NAME_LEN - 1] || g->reason[GRANT_REASON_LEN - 1] || g->link > 1)
		return "its texts have no end";
	if (g->n_fds != n_fds || n_fds > GRANT_FDS_MAX || open != (n_fds > 0))
		return "it came with another number of descriptors";
	return open && !rings_ok(g) ? "its rings cannot be" : NULL;
}
