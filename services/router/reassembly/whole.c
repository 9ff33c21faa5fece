#include "services/router/reassembly/internal.h"

#include "common/wire/ipv6_ext.h"

/* What the whole's ECN is to be changed to, by what the fragments had (RFC 3168 5.3; Linux
 * ip_frag_ecn_table): false where some had none and others had.  CE where any had it, else as in the first.
 */
static bool combine_ecn(uint8_t seen, bool *ce)
{
	*ce = seen & 1u << IP_ECN_CE;
	return !(seen & 1u << IP_ECN_NONE) || seen == 1u << IP_ECN_NONE;
}

/* Header bytes of the whole datagram. */
static uint32_t whole_header_len(const struct frag_queue *q)
{
	return q->header_len - (q->key.family == FRAG_IPV6 ? IPV6_FRAGMENT_HDR_LEN : 0u);
}

/* Whether the length field can say it. */
static bool whole_fits(const struct frag_queue *q)
{
	uint32_t all = whole_header_len(q) + q->end;

	return q->key.family == FRAG_IPV6 ? all - IPV6_HDR_LEN <= IPV6_PAYLOAD_MAX : all <= IPV4_LEN_MAX;
}

/* The metadata was in the pool meanwhile: does the first buffer still hold its headers where they were? */
static bool first_is_sound(
        const struct outbox_entry *e, const struct frag_queue *q, const struct frag_piece *p)
{
	uint32_t payload = (uint32_t)e->pkt.l3_off + q->header_len;

	return e->pkt.data_off + payload == p->start && payload + p->len <= e->pkt.len;
}

static void rewrite4(struct ipv4_hdr *h, const struct frag_queue *q, bool ce)
{
	/* Linux ip_frag_reasm: the sender's wish is kept if it was about the largest fragment. */
	bool df = q->largest_df == q->largest;

	h->total_len = be16_from_host((uint16_t)(q->header_len + q->end));
	h->fragment = be16_from_host(df ? IPV4_DONT_FRAGMENT : 0);
	h->tos |= ce ? IP_ECN_CE : 0;
	ipv4_checksum_set(h, q->header_len);
}

static void rewrite6(uint8_t *h, const struct frag_queue *q, bool ce)
{
	h[q->next_field] = q->next_header;
	h[1] |= ce ? IP_ECN_CE << 4 : 0;
	wire_store_u16(h + IPV6_PAYLOAD_LEN_FIELD, (uint16_t)(whole_header_len(q) - IPV6_HDR_LEN + q->end));
}

/* The first fragment `from` in another buffer, without a fragment header, as the beginning of the whole. */
static void copy_first(const struct pool *pool, struct outbox_entry *to, const struct outbox_entry *from,
        const struct frag_queue *q, const struct frag_piece *p)
{
	uint32_t payload = from->pkt.l3_off + whole_header_len(q);
	bool ce;

	to->pkt = from->pkt;
	to->pkt.data_off = (uint16_t)(p->start - payload);
	to->pkt.len = (uint16_t)(payload + p->len);
	to->pkt.total_len = payload + q->end;
	to->pkt.l4_off = (uint16_t)payload;
	to->pkt.csum = PKT_CSUM_NONE;
	to->pkt.csum_start = 0;
	to->pkt.flags = (uint16_t)((from->pkt.flags & ~(PKT_F_FRAGMENT | PKT_F_HASHED)) | PKT_F_REASSEMBLED);
	to->frame = pool_buffer(pool, to->index) + to->pkt.data_off;
	memcpy(to->frame, from->frame, payload);
	memcpy(to->frame + payload, pool_buffer(pool, from->index) + p->start, p->len);
	combine_ecn(q->ecn, &ce);
	if (q->key.family == FRAG_IPV4)
		rewrite4((void *)(to->frame + to->pkt.l3_off), q, ce);
	else
		rewrite6(to->frame + to->pkt.l3_off, q, ce);
}

/* The first fragment leaves its queue and goes on as a copy: a buffer that was held before this burst must
 * not be written to, since it is held again if we die before the commit. */
static enum drop_reason release_first(const struct router_call *c, const struct frag_queue *q, uint32_t at)
{
	const struct frag_piece *p = frag_piece(c->router->reassembly, q->first);
	struct outbox_entry *from = burst_release(c->burst, at, (struct pkt_index){q->first}), *to;

	assert(from);
	if (outbox_decided(from) || !first_is_sound(from, q, p))
		return DROP_BAD_DESC;
	to = burst_make(c->burst, at, BORN_PIECE, &from->pkt);
	if (!to)
		return DROP_FRAG_MEMORY;
	copy_first(c->burst->pool, to, from, q, p);
	from->verdict = (struct verdict){VERDICT_CONSUMED, {0}, DROP_NONE};
	return DROP_NONE;
}

/* A buffer behind the first: nothing but payload. */
static void trim_later(const struct pool *pool, struct outbox_entry *e, const struct frag_piece *p)
{
	e->pkt.data_off = p->start;
	e->pkt.len = p->len;
	e->pkt.total_len = p->len;
	e->pkt.l3_off = 0;
	e->pkt.l4_off = 0;
	e->pkt.csum = PKT_CSUM_NONE;
	e->pkt.csum_start = 0;
	e->frame = pool_buffer(pool, e->index) + p->start;
}

static enum drop_reason release_later(const struct router_call *c, const struct frag_queue *q, uint32_t at)
{
	const struct reassembly *f = c->router->reassembly;
	enum drop_reason reason = DROP_NONE;

	for (uint32_t i = frag_piece(f, q->first)->next; i != FRAG_NONE; i = frag_piece(f, i)->next) {
		struct outbox_entry *e = burst_release(c->burst, at, (struct pkt_index){i});

		assert(e);
		if (outbox_decided(e))
			reason = DROP_BAD_DESC;
		else
			trim_later(c->burst->pool, e, frag_piece(f, i));
	}
	return reason;
}

/* The entries become one packet; it arrived when the last of them did (Linux inet_frag_reasm_finish). */
static void merge(struct outbox_entry *e, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		e[i].more = i + 1 < n;
		if (i == 0)
			continue;
		burst_merge(&e[i]);
		e[0].pkt.timestamp = MAX(e[0].pkt.timestamp, e[i].pkt.timestamp);
	}
}

/* All that was released is dropped; for the first fragment its copy is, where it has one. */
static void drop_from(struct burst *b, uint32_t first, enum drop_reason reason)
{
	for (uint32_t i = first; i < b->n_out; i++)
		if (b->out[i].verdict.kind != VERDICT_CONSUMED)
			outbox_drop(&b->out[i], reason);
}

/* There is room for all; the queue is freed. */
static struct outbox_entry *release(const struct router_call *c, uint32_t slot, uint32_t at)
{
	struct reassembly *f = c->router->reassembly;
	const struct frag_queue *q = frag_queue(f, slot);
	uint32_t start = c->burst->n_out;
	struct outbox_entry *whole = &c->burst->out[start + 1];
	enum drop_reason first = release_first(c, q, at), later = release_later(c, q, at);
	bool sound = first == DROP_NONE && later == DROP_NONE;

	frag_touch(c, &f->pieces);
	f->pieces[q->key.family] -= q->pieces;
	if (sound) {
		merge(whole, q->pieces);
		trace(c->burst->trace, whole->pkt.trace, TRACE_FRAG_WHOLE,
		        whole->pkt.total_len - whole->pkt.l3_off, q->pieces, q->largest);
	} else {
		drop_from(c->burst, start, first != DROP_NONE ? first : later);
	}
	frag_count(c, q->key.family, sound ? FRAG_OKS : FRAG_FAILS);
	frag_free(c, slot);
	return sound ? whole : NULL;
}

/* Outbox entries: of each piece, and of the copy of the first. */
static bool has_room(const struct router_call *c, const struct frag_queue *q)
{
	return q->pieces + 1 <= frag_room(c);
}

struct outbox_entry *frag_complete(const struct router_call *c, uint32_t slot, uint32_t at)
{
	struct reassembly *f = c->router->reassembly;
	const struct frag_queue *q = frag_queue(f, slot);
	bool ce;

	if (!combine_ecn(q->ecn, &ce) || !whole_fits(q)) {
		frag_doom(c, slot, DROP_FRAG_MALFORMED, at);
		return NULL;
	}
	frag_close(c, slot, FRAG_WHOLE);
	if (has_room(c, q))
		return release(c, slot, at);
	frag_list_add(c, &f->whole, slot);
	return NULL;
}

struct outbox_entry *reassembly_whole(const struct router_call *c)
{
	struct reassembly *f = c->router->reassembly;
	struct outbox_entry *e = NULL;

	while (!e && f->whole.first != FRAG_NONE) {
		uint32_t slot = f->whole.first;

		if (!has_room(c, frag_queue(f, slot)))
			return NULL;
		journal_hand(c->burst->journal, REASSEMBLY_HAND | slot);
		frag_touch(c, &f->whole);
		f->whole.first = frag_queue(f, slot)->next;
		e = release(c, slot, c->burst->n);
	}
	return e;
}
