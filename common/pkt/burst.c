#include "common/pkt/burst.h"

#include "common/pkt/flaws.h"
#include "common/trace/trace.h"

void burst_compare(struct burst *b)
{
	struct pkt_flaws flaws = pkt_flaws_none();
	struct pkt_spread spread = pkt_spread_none();
	uint8_t more = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		pkt_flaws_gather(&flaws, &b->pkt[i]);
		pkt_spread_gather(&spread, &b->pkt[0], &b->pkt[i]);
		more |= b->more[i];
	}
	b->alike.n = b->n;
	b->alike.len_least = pkt_flaws_len_least(&flaws);
	b->alike.single = !more && !flaws.slack;
	pkt_spread_store(&spread, &b->alike.differ);
}

static struct outbox_entry *outbox_add(struct burst *b, uint32_t at, enum born born, struct pkt_index index)
{
	struct outbox_entry *e;

	if (b->n_out == OUTBOX_MAX)
		return NULL;
	e = &b->out[b->n_out++];
	e->index = index;
	e->verdict = (struct verdict){VERDICT_NONE, {0}, DROP_NONE};
	e->at = (uint16_t)MIN(at, b->n);
	e->more = 0;
	e->born = (uint8_t)born;
	return e;
}

struct outbox_entry *burst_make(struct burst *b, uint32_t at, enum born born, const struct pkt *parent)
{
	struct outbox_entry *e = NULL;

	if (b->spare->used < b->spare->n)
		e = outbox_add(b, at, born, b->spare->index[b->spare->used]);
	if (!e) {
		b->no_buffer++;
		return NULL;
	}
	b->spare->used++;
	e->pkt = (struct pkt){
	        .timestamp = b->trace->now,
	        .data_off = PKT_FRAME_OFF,
	        .trace = parent ? parent->trace : 0,
	        .mark = parent ? parent->mark : 0,
	        .port = PORT_NONE,
	        .out = PORT_NONE,
	        .type = PKT_OUTGOING,
	};
	e->frame = pool_buffer(b->pool, e->index) + PKT_FRAME_OFF;
	return e;
}

struct outbox_entry *burst_release(struct burst *b, uint32_t at, struct pkt_index index)
{
	struct outbox_entry *e = outbox_add(b, at, BORN_HELD, index);

	if (!e)
		return NULL;
	pkt_load(b->pool, index, &e->pkt);
	if (!pkt_check(b->pool, &e->pkt)) {
		e->pkt = (struct pkt){.data_off = PKT_FRAME_OFF, .port = PORT_NONE, .out = PORT_NONE};
		outbox_drop(e, DROP_BAD_DESC);
	}
	e->frame = pool_buffer(b->pool, index) + e->pkt.data_off;
	return e;
}

bool burst_drop_held(struct burst *b, uint32_t at, struct pkt_index index, enum drop_reason reason)
{
	struct outbox_entry *e = burst_release(b, at, index);

	if (e)
		outbox_drop(e, reason);
	return e;
}

bool burst_discard(struct burst *b, struct pkt_index index)
{
	struct outbox_entry *e = outbox_add(b, b->n, BORN_DELIVERED, index);

	if (e)
		e->verdict = (struct verdict){VERDICT_DELIVERED, {0}, DROP_NONE};
	return e;
}
