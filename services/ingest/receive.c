/* What becomes of frames that have arrived: their lanes. */
#include "common/trace/trace.h"
#include "common/wire/ether.h"
#include "services/ingest/ingest_internal.h"

static bool port_is_up(const struct epoch *epoch, struct port_id port)
{
	const struct epoch_port *p = epoch_port(epoch, port);

	return p && p->flags & EPOCH_PORT_UP;
}

/* Lengths of a frame that a port has received; the reason if it ends here. */
static enum drop_reason rx_flaw(const struct pool *pool, const struct pkt *p)
{
	if (likely(p->len >= ETHER_HDR_LEN))
		return DROP_NONE;
	return p->len == 0 && p->total_len > pool_frame_max(pool) ? DROP_RX_LENGTH : DROP_PKT_TOO_SMALL;
}

/* Decides about one frame that has arrived.  Returns its bytes. */
static always_inline uint32_t receive(const struct ingest *g, struct burst *b, struct pkt_ref r, bool up)
{
	struct pkt *p = r.pkt;
	enum drop_reason flaw = rx_flaw(b->pool, p);
	uint32_t lane = b->lane;

	trace(b->trace, p->trace, TRACE_RECEIVED, p->port.v, p->len);
	if (unlikely(flaw || !up)) {
		ref_drop(r, flaw ? flaw : DROP_PORT_DOWN);
		return p->len;
	}
	if (b->lanes > 1) {
		if (!(p->flags & PKT_F_HASHED)) {
			p->hash = rss_frame(*r.frame, p->len);
			p->flags |= PKT_F_HASHED;
		}
		lane = g->lane_of[p->hash % RSS_TABLE];
	}
	ref_pass(r, out_id(OUT_RX, lane));
	return p->len;
}

/* A frame that a driver had kept back: its number was counted when it came. */
static void count_late(const struct ingest *g, const struct pkt *p)
{
	if (p->port.v < EPOCH_PHYS_MAX)
		poll_stats_add(&g->polls->port[p->port.v].rx_bytes, p->len);
}

/* What drivers had kept back and now let go. */
void receive_outbox(const struct ingest *g, const struct epoch *epoch, struct burst *b)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < b->n_out; i++) {
		struct outbox_entry *e = &b->out[i];

		if (outbox_decided(e))
			continue;
		count_late(g, &e->pkt);
		bytes += receive(g, b, outbox_ref(e), port_is_up(epoch, e->pkt.port));
	}
	if (bytes)
		burst_count(b, STAT_RX_BYTES, bytes);
}

static void count_received(const struct ingest *g, const struct burst *b, uint64_t bytes)
{
	struct poll_port *p = &g->polls->port[b->pkt[0].port.v];
	uint64_t elsewhere = 0;

	poll_stats_add(&p->rx_packets, b->n);
	poll_stats_add(&p->rx_bytes, bytes);
	poll_stats_add(&g->polls->processed, b->n);
	for (uint32_t i = 0; i < b->n && b->lanes > 1; i++)
		elsewhere += b->verdict[i].kind == VERDICT_PASS &&
		             b->verdict[i].out.v != out_id(OUT_RX, b->lane).v;
	if (elsewhere)
		poll_stats_add(&g->polls->received_rps, elsewhere);
}

void receive_burst(const struct ingest *g, const struct epoch *epoch, struct burst *b)
{
	bool up = port_is_up(epoch, b->pkt[0].port), here = up && b->lanes == 1;
	struct out_id out = out_id(OUT_RX, b->lane);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct pkt *p = &b->pkt[i];

		if (likely(here && !burst_decided(b, i) && p->len >= ETHER_HDR_LEN && !p->trace)) {
			burst_pass(b, i, out);
			bytes += p->len;
		} else if (!burst_decided(b, i)) {
			bytes += receive(g, b, burst_ref(b, i), up);
		}
	}
	if (bytes)
		burst_count(b, STAT_RX_BYTES, bytes);
	count_received(g, b, bytes);
	if (unlikely(b->n_out))
		receive_outbox(g, epoch, b);
}
