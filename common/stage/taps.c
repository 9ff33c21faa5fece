/* taps: what the frame shows to open taps (common/tap): frames as they come in and leave, packets as their
 * drop is decided.  Nothing of it is called while no tap is open. */
#include "common/stage/worker_internal.h"
#include "common/wire/ether.h"

#define PARTS_MAX  64u
#define HEAD_BYTES 2048u

static struct port_id phys_of(const struct worker *w, struct port_id port)
{
	const struct epoch *view = &w->epochs[w->burst.epoch & 1];
	const struct epoch_port *p = view->header ? epoch_port(view, port) : NULL;

	return p ? p->phys : PORT_NONE;
}

static struct tap_packet describe(const struct worker *w, enum tap_point point, const struct pkt *p)
{
	struct tap_packet t = {
	        .time = w->log.now,
	        .point = point,
	        .len = MAX(p->total_len, (uint32_t)p->len),
	        .port = p->port,
	        .phys = phys_of(w, p->port),
	        .out = p->out,
	        .out_phys = phys_of(w, p->out),
	        .epoch = w->burst.epoch,
	        .vlan_outer = p->vlan_outer,
	        .vlan_inner = p->vlan_inner,
	};

	t.flags |= p->flags & PKT_F_TAGGED ? TAP_F_TAGGED : 0;
	t.flags |= p->flags & PKT_F_TAGGED2 ? TAP_F_TAGGED2 : 0;
	t.flags |= p->type == PKT_OUTGOING ? TAP_F_MADE : 0;
	return t;
}

/* Made here, and dropped before the neighbor layer wrote its link-layer header: that is zero so far. */
static bool lacks_type(const struct pkt *p, const uint8_t *frame)
{
	return p->type == PKT_OUTGOING && p->ethertype && p->l3_off == ETHER_HDR_LEN &&
	       p->len >= ETHER_HDR_LEN && !frame[ETHER_HDR_LEN - 2] && !frame[ETHER_HDR_LEN - 1];
}

/* Shows it with its ethertype in place, so that programs and readers know what it is. */
static void add_typed(struct worker *w, const struct tap_packet *t, const struct pkt *p, const uint8_t *frame,
        struct tap_part *parts, uint32_t n)
{
	uint8_t head[HEAD_BYTES];
	uint32_t len = MIN(parts[0].len, HEAD_BYTES);

	memcpy(head, frame, len);
	head[ETHER_HDR_LEN - 2] = (uint8_t)(p->ethertype >> 8);
	head[ETHER_HDR_LEN - 1] = (uint8_t)p->ethertype;
	parts[0] = (struct tap_part){head, len};
	tap_add(&w->taps, t, parts, len == p->len ? n : 1);
	parts[0] = (struct tap_part){frame, p->len};
}

static void show(struct worker *w, const struct tap_packet *t, const struct pkt *p, const uint8_t *frame,
        struct tap_part *parts, uint32_t n)
{
	parts[0] = (struct tap_part){frame, p->len};
	if (t->point == TAP_DROP && unlikely(lacks_type(p, frame)))
		add_typed(w, t, p, frame, parts, n);
	else
		tap_add(&w->taps, t, parts, n);
}

void taps_ingress(struct worker *w)
{
	const struct burst *b = &w->burst;

	if (!tap_wants(&w->taps, TAP_INGRESS))
		return;
	for (uint32_t i = 0; i < b->n; i++) {
		struct tap_packet t = describe(w, TAP_INGRESS, &b->pkt[i]);
		struct tap_part part;

		show(w, &t, &b->pkt[i], b->frame[i], &part, 1);
	}
}

static void show_drop(struct worker *w, const struct pkt *p, const uint8_t *frame, struct tap_part *parts,
        uint32_t n, enum drop_reason reason)
{
	struct tap_packet t = describe(w, TAP_DROP, p);

	t.reason = (uint16_t)reason;
	show(w, &t, p, frame, parts, n);
}

/* A frame that its driver has taken: shown once, whether it said DRIVER before SENT or not. */
static void show_egress(struct worker *w, struct pkt *p, struct pkt_index index, const uint8_t *frame,
        const struct verdict *v)
{
	bool shown = p->flags & PKT_F_SHOWN;
	struct tap_packet t;
	struct tap_part part;

	if (shown || !tap_wants(&w->taps, TAP_EGRESS))
		return;
	t = describe(w, TAP_EGRESS, p);
	t.port = v->kind == VERDICT_DRIVER ? t.out_phys : (struct port_id){v->out.v};
	t.phys = t.port;
	show(w, &t, p, frame, &part, 1);
	if (v->kind == VERDICT_DRIVER) {
		p->flags |= PKT_F_SHOWN;
		pkt_store(&w->appliance->pool, index, p);
	}
}

static bool leaves(const struct verdict *v)
{
	return v->kind == VERDICT_SENT || v->kind == VERDICT_SENT_KEPT || v->kind == VERDICT_DRIVER;
}

void taps_dropped(struct worker *w, uint32_t i, uint32_t n, enum drop_reason reason)
{
	struct burst *b = &w->burst;
	struct tap_part parts[PARTS_MAX];

	if (!tap_wants(&w->taps, TAP_DROP))
		return;
	n = MIN(n, PARTS_MAX);
	for (uint32_t k = 1; k < n; k++)
		parts[k] = (struct tap_part){b->frame[i + k], b->pkt[i + k].len};
	show_drop(w, &b->pkt[i], b->frame[i], parts, n, reason);
}

void taps_verdict(struct worker *w, uint32_t i, uint32_t n)
{
	struct burst *b = &w->burst;
	const struct verdict *v = &b->verdict[i];

	if (v->kind == VERDICT_DROP)
		taps_dropped(w, i, n, (enum drop_reason)v->reason);
	else if (leaves(v))
		show_egress(w, &b->pkt[i], b->index[i], b->frame[i], v);
}

void taps_outbox_dropped(
        struct worker *w, const uint16_t *order, uint32_t k, uint32_t n, enum drop_reason reason)
{
	struct burst *b = &w->burst;
	struct outbox_entry *head = &b->out[order[k]];
	struct tap_part parts[PARTS_MAX];

	if (!tap_wants(&w->taps, TAP_DROP))
		return;
	n = MIN(n, PARTS_MAX);
	for (uint32_t i = 1; i < n; i++) {
		const struct outbox_entry *e = &b->out[order[k + i]];

		parts[i] = (struct tap_part){e->frame, e->pkt.len};
	}
	show_drop(w, &head->pkt, head->frame, parts, n, reason);
}

void taps_outbox(struct worker *w, const uint16_t *order, uint32_t k, uint32_t n)
{
	struct outbox_entry *head = &w->burst.out[order[k]];
	const struct verdict *v = &head->verdict;

	if (v->kind == VERDICT_DROP)
		taps_outbox_dropped(w, order, k, n, (enum drop_reason)v->reason);
	else if (leaves(v))
		show_egress(w, &head->pkt, head->index, head->frame, v);
}

void taps_rejected(struct worker *w, struct pkt_index index, enum drop_reason reason)
{
	static const struct pkt unknown = {.port = {UINT16_MAX}, .out = {UINT16_MAX}};
	const struct pool *pool = &w->appliance->pool;
	struct pkt p = unknown;
	struct tap_part part;

	if (!tap_wants(&w->taps, TAP_DROP))
		return;
	if (pool_has(pool, index))
		pkt_load(pool, index, &p);
	if (!pool_has(pool, index) || !pkt_check(pool, &p))
		p = unknown;
	show_drop(w, &p, p.data_off ? pool_buffer(pool, index) + p.data_off : pool->base, &part, 1, reason);
}
