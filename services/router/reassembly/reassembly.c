#include "services/router/reassembly/internal.h"

#include "common/wire/ipv6_ext.h"

/* Datagrams given up for one fragment, and by one timer burst. */
#define EVICT_MAX   2u
#define EXPIRE_MAX  16u
#define EXPIRE_STEP 64u

/* --- the state --- */

struct layout {
	uint32_t queues, buckets;
	uint64_t bucket_off, queue_off, piece_off, wheel_off, bytes;
};

static uint32_t queues_of_lane(const struct stage_params *params, uint32_t queues)
{
	return MAX(queues / MAX(params->lanes, 1u), 1u);
}

static struct layout lay(const struct stage_params *params)
{
	struct layout l = {.queues = queues_of_lane(params, params->limits.frag_max_queues)};

	l.buckets = pow2_at_least(l.queues);
	l.bucket_off = sizeof(struct reassembly);
	l.queue_off = l.bucket_off + ALIGN_UP((uint64_t)l.buckets * sizeof(uint32_t), (uint64_t)CACHE_LINE);
	l.piece_off = l.queue_off + (uint64_t)l.queues * sizeof(struct frag_queue);
	l.wheel_off = l.piece_off +
	              ALIGN_UP((uint64_t)params->buffers * sizeof(struct frag_piece), (uint64_t)CACHE_LINE);
	l.bytes = l.wheel_off + wheel_state_bytes(l.queues);
	return l;
}

uint64_t reassembly_bytes(const struct stage_params *params)
{
	return lay(params).bytes;
}

void reassembly_init(struct reassembly *f, const struct stage_params *params)
{
	static const struct frag_list empty = {FRAG_NONE, FRAG_NONE};
	struct layout l = lay(params);

	*f = (struct reassembly){
	        .hash_key = params->hash_key,
	        .bucket_off = l.bucket_off,
	        .queue_off = l.queue_off,
	        .piece_off = l.piece_off,
	        .wheel_off = l.wheel_off,
	        .n_buckets = l.buckets,
	        .n_queues = l.queues,
	        .n_buffers = params->buffers,
	        .age = {empty, empty},
	        .whole = empty,
	        .doomed = empty,
	};
	memset(frag_bucket(f, 0), 0xff, l.buckets * sizeof(uint32_t));
	for (uint32_t i = 0; i < l.queues; i++)
		frag_queue(f, i)->next = i + 1 < l.queues ? i + 1 : FRAG_NONE;
	wheel_init((uint8_t *)f + l.wheel_off, l.queues);
}

/* --- limits --- */

/* Each lane has its share, and no family more than a quarter of the lane's buffers: fragments must not keep
 * the appliance from receiving. */
static struct frag_limits limits_of(const struct router_call *c, uint8_t family)
{
	const struct epoch_limits *now = &c->epoch->header->limits;
	const struct stage_params *params = &c->router->params;
	uint32_t lanes = MAX(params->lanes, 1u);
	uint32_t timeout_ms = family == FRAG_IPV4 ? now->frag_timeout_ms : now->frag6_timeout_ms;

	return (struct frag_limits){
	        .pieces = MIN(now->frag_high_bytes / params->stride, params->buffers / 4) / lanes,
	        .queues = MIN(queues_of_lane(params, now->frag_max_queues), c->router->reassembly->n_queues),
	        .pieces_each = MIN(now->frag_max_pieces, REASSEMBLY_PIECES_MAX),
	        .timeout = timeout_ms * NANOS_PER_MS,
	};
}

void frag_count(const struct router_call *c, uint8_t family, enum frag_stat stat)
{
	static const enum stat_id ids[FRAG_FAMILIES][FRAG_STATS] = {
	        [FRAG_IPV4] = {STAT_IP_REASM_REQDS, STAT_IP_REASM_OKS, STAT_IP_REASM_FAILS,
	                STAT_IP_REASM_TIMEOUT},
	        [FRAG_IPV6] = {STAT_IP6_REASM_REQDS, STAT_IP6_REASM_OKS, STAT_IP6_REASM_FAILS,
	                STAT_IP6_REASM_TIMEOUT},
	};

	burst_count(c->burst, ids[family][stat], 1);
}

static uint32_t older_of(const struct reassembly *f, uint32_t a, uint32_t b)
{
	if (a == FRAG_NONE || b == FRAG_NONE)
		return a == FRAG_NONE ? b : a;
	return frag_queue(f, b)->created < frag_queue(f, a)->created ? b : a;
}

/* Which datagram goes to make room: the oldest of the family that has too much, or of all where queues are
 * short.  Never `but`. */
static uint32_t victim(const struct reassembly *f, uint8_t family, bool queues, uint32_t but)
{
	uint32_t oldest = f->age[family].first;

	if (oldest == but && but != FRAG_NONE)
		oldest = frag_queue(f, but)->newer;
	return queues ? older_of(f, f->age[FRAG_IPV4].first, f->age[FRAG_IPV6].first) : oldest;
}

/* Room for one more piece of the family, and for a new queue where slot is FRAG_NONE. */
static bool make_room(const struct router_call *c, uint8_t family, const struct frag_limits *limits,
        uint32_t slot, uint32_t at)
{
	const struct reassembly *f = c->router->reassembly;

	for (uint32_t tries = 0;; tries++) {
		bool pieces = f->pieces[family] >= limits->pieces;
		bool queues = slot == FRAG_NONE && f->used >= limits->queues;
		uint32_t old;

		if (!pieces && !queues)
			return true;
		old = victim(f, family, !pieces, slot);
		if (tries == EVICT_MAX || old == FRAG_NONE)
			return false;
		frag_doom(c, old, DROP_FRAG_EVICTED, at);
	}
}

/* --- a fragment --- */

/* What is wrong with it whatever the others are. */
static bool is_malformed(struct pkt_ref r, const struct fragment *g)
{
	uint32_t most = g->key.family == FRAG_IPV4 ? IPV4_LEN_MAX - IPV4_HDR_LEN : IPV6_PAYLOAD_MAX;

	if (r.pkt->flags & PKT_F_REASSEMBLED)
		return true;
	if ((uint32_t)r.pkt->l3_off + g->header_len + g->len > r.pkt->len)
		return true;
	if (g->len == 0 || g->offset + g->len > most)
		return true;
	return g->more && g->len % 8 != 0;
}

/* Whether the end that it implies agrees with what is known (Linux ip_frag_queue). */
static bool agrees_on_end(const struct frag_queue *q, const struct fragment *g)
{
	uint32_t end = g->offset + g->len;

	if (q->flags & FRAG_HAS_LAST)
		return g->more ? end <= q->end : end == q->end;
	return g->more || end >= q->end;
}

static uint32_t piece_end(const struct frag_piece *p)
{
	return (uint32_t)p->offset + p->len;
}

/* The piece behind which it belongs, FRAG_NONE for the front; and whether it fits there. */
static enum drop_reason find_place(
        const struct reassembly *f, const struct frag_queue *q, const struct fragment *g, uint32_t *after)
{
	uint32_t end = g->offset + g->len, i = q->first;

	*after = q->last;
	if (g->offset >= piece_end(frag_piece(f, q->last)))
		return DROP_NONE;
	for (*after = FRAG_NONE; i != FRAG_NONE && frag_piece(f, i)->offset <= g->offset;
	        i = frag_piece(f, i)->next)
		*after = i;
	if (*after != FRAG_NONE) {
		const struct frag_piece *p = frag_piece(f, *after);

		if (p->offset == g->offset && p->len == g->len)
			return DROP_DUP_FRAG;
		if (piece_end(p) > g->offset)
			return DROP_FRAG_OVERLAP;
	}
	return i != FRAG_NONE && frag_piece(f, i)->offset < end ? DROP_FRAG_OVERLAP : DROP_NONE;
}

static enum drop_reason judge(const struct router_call *c, uint32_t slot, const struct fragment *g,
        const struct frag_limits *limits, uint32_t *after)
{
	const struct reassembly *f = c->router->reassembly;
	const struct frag_queue *q = frag_queue(f, slot);
	enum drop_reason reason;

	if (!agrees_on_end(q, g))
		return DROP_FRAG_MALFORMED;
	reason = find_place(f, q, g, after);
	if (reason != DROP_NONE)
		return reason;
	return q->pieces < limits->pieces_each ? DROP_NONE : DROP_FRAG_MEMORY;
}

static void chain(const struct router_call *c, struct pkt_ref r, uint32_t slot, const struct fragment *g,
        uint32_t after)
{
	struct reassembly *f = c->router->reassembly;
	struct frag_queue *q = frag_queue(f, slot);
	struct frag_piece *p = frag_touch(c, frag_piece(f, r.index.v));
	uint32_t *link = after == FRAG_NONE ? &q->first : frag_touch(c, &frag_piece(f, after)->next);

	*p = (struct frag_piece){
	        .next = *link,
	        .queue = slot,
	        .offset = (uint16_t)g->offset,
	        .len = (uint16_t)g->len,
	        .start = (uint16_t)(r.pkt->data_off + r.pkt->l3_off + g->header_len),
	};
	*link = r.index.v;
	if (p->next == FRAG_NONE)
		q->last = r.index.v;
	frag_touch(c, &f->pieces);
	f->pieces[g->key.family]++;
}

/* The piece joins its queue behind `after`. */
static void take(const struct router_call *c, struct pkt_ref r, uint32_t slot, const struct fragment *g,
        uint32_t after)
{
	struct frag_queue *q = frag_queue(c->router->reassembly, slot);
	uint16_t size = (uint16_t)(g->header_len + g->len);

	frag_touch(c, &q->first);
	chain(c, r, slot, g, after);
	q->pieces++;
	q->bytes += g->len;
	q->end = MAX(q->end, g->offset + g->len);
	q->ecn |= (uint8_t)(1u << g->ecn);
	q->largest = MAX(q->largest, size);
	q->largest_df = g->df ? MAX(q->largest_df, size) : q->largest_df;
	q->flags |= g->more ? 0 : FRAG_HAS_LAST;
	if (g->offset == 0) {
		q->flags |= FRAG_HAS_FIRST;
		q->header_len = g->header_len;
		q->next_field = g->next_field;
		q->next_header = g->next_header;
	}
	r.pkt->flags |= PKT_F_FRAGMENT;
	trace(c->burst->trace, r.pkt->trace, TRACE_FRAG_TAKEN, g->offset, g->offset + g->len, q->pieces);
	ref_hold(c->burst, r);
}

/* The fragment ends, and with it all that came before, where it contradicts them. */
static struct outbox_entry *refuse(const struct router_call *c, struct pkt_ref r, const struct fragment *g,
        uint32_t slot, enum drop_reason reason)
{
	trace(c->burst->trace, r.pkt->trace, TRACE_FRAG_REFUSED, g->offset, g->offset + g->len, reason);
	ref_drop(r, reason);
	if (reason == DROP_FRAG_OVERLAP && g->key.family == FRAG_IPV4)
		burst_count(c->burst, STAT_IP_EXT_REASM_OVERLAPS, 1);
	if (slot != FRAG_NONE)
		frag_doom(c, slot, reason, r.at);
	else if (reason != DROP_DUP_FRAG)
		frag_count(c, g->key.family, FRAG_FAILS);
	return NULL;
}

static struct outbox_entry *input(const struct router_call *c, struct pkt_ref r, const struct fragment *g)
{
	struct reassembly *f = c->router->reassembly;
	struct frag_limits limits = limits_of(c, g->key.family);
	enum drop_reason reason = DROP_NONE;
	uint32_t slot, after = FRAG_NONE;
	const struct frag_queue *q;

	frag_count(c, g->key.family, FRAG_REQDS);
	if (is_malformed(r, g))
		return refuse(c, r, g, FRAG_NONE, DROP_FRAG_MALFORMED);
	slot = frag_find(f, &g->key);
	if (slot != FRAG_NONE)
		reason = judge(c, slot, g, &limits, &after);
	if (reason != DROP_NONE)
		return refuse(c, r, g, reason == DROP_DUP_FRAG ? FRAG_NONE : slot, reason);
	if (!make_room(c, g->key.family, &limits, slot, r.at))
		return refuse(c, r, g, FRAG_NONE, DROP_FRAG_MEMORY);
	if (slot == FRAG_NONE)
		slot = frag_open(c, &g->key, limits.timeout);
	take(c, r, slot, g, after);
	q = frag_queue(f, slot);
	if (q->flags == (FRAG_HAS_FIRST | FRAG_HAS_LAST) && q->bytes == q->end)
		return frag_complete(c, slot, r.at);
	return NULL;
}

struct outbox_entry *reassembly_input4(
        const struct router_call *c, struct pkt_ref r, const struct ipv4_view *view)
{
	struct fragment g = {
	        .key = {.src = ip6_addr_mapped(view->src),
	                .dst = ip6_addr_mapped(view->dst),
	                .id = view->id,
	                .port = PORT_NONE,
	                .proto = view->proto,
	                .family = FRAG_IPV4},
	        .offset = ipv4_fragment_offset(view),
	        .len = (uint32_t)view->total_len - view->header_len,
	        .header_len = view->header_len,
	        .ecn = view->tos & IP_ECN_MASK,
	        .more = view->fragment & IPV4_MORE_FRAGMENTS,
	        .df = view->fragment & IPV4_DONT_FRAGMENT,
	};

	return input(c, r, &g);
}

struct outbox_entry *reassembly_input6(const struct router_call *c, struct pkt_ref r,
        const struct ipv6_view *view, const struct reassembly_frag6 *fragment)
{
	uint32_t header_len = fragment->fragment_off + IPV6_FRAGMENT_HDR_LEN;
	bool on_link = ip6_is_link_local(&view->dst) || ip6_is_multicast(&view->dst);
	struct fragment g = {
	        .key = {.src = view->src,
	                .dst = view->dst,
	                .id = fragment->id,
	                .port = on_link ? r.pkt->port : PORT_NONE,
	                .family = FRAG_IPV6},
	        .offset = fragment->offset,
	        .len = view->total_len - MIN(header_len, view->total_len),
	        .header_len = (uint16_t)header_len,
	        .next_field = (uint16_t)fragment->next_field,
	        .next_header = fragment->next_header,
	        .ecn = view->traffic_class & IP_ECN_MASK,
	        .more = fragment->more,
	};

	return input(c, r, &g);
}

/* --- time --- */

void reassembly_timer(const struct router_call *c)
{
	struct reassembly *f = c->router->reassembly;
	struct wheel wheel = frag_wheel(f);
	uint32_t steps = EXPIRE_STEP;

	frag_sweep(c);
	for (uint32_t n = 0; n < EXPIRE_MAX && frag_room(c); n++) {
		uint32_t slot = wheel_take(&wheel, c->burst->journal, c->now, &steps);

		if (slot == WHEEL_NONE)
			return;
		journal_hand(c->burst->journal, REASSEMBLY_HAND | slot);
		frag_doom(c, slot, DROP_FRAG_REASM_TIMEOUT, c->burst->n);
	}
}

void reassembly_give_up(const struct router_call *c, uint32_t slot)
{
	if (slot < c->router->reassembly->n_queues)
		frag_give_up(c, slot);
}

void reassembly_describe(const struct router *router, uint32_t slot, struct box_culprit *culprit)
{
	const struct reassembly *f = router->reassembly;
	const struct frag_queue *q = slot < f->n_queues ? frag_queue(f, slot) : NULL;

	if (!q || q->state == FRAG_FREE)
		return;
	culprit->kind = BOX_CULPRIT_FRAGMENTS;
	culprit->addr = q->key.src;
	culprit->to = q->key.dst;
	culprit->id = q->key.id;
	culprit->proto = q->key.proto;
	culprit->port = q->key.port;
	box_dump(culprit, q, sizeof *q);
}

nanos_t reassembly_next_timer(const struct router *router)
{
	const struct reassembly *f = router->reassembly;
	struct wheel wheel = frag_wheel(f);

	if (f->whole.first != FRAG_NONE || f->doomed.first != FRAG_NONE)
		return 0;
	return wheel_next(&wheel);
}
