/* load: from an input ring into the burst.  Nothing that a neighbour wrote is believed: an index outside the
 * pool, a dead epoch, metadata that points outside its buffer, a chain without an end are each counted and
 * dropped here. */
#include "common/pkt/flaws.h"
#include "common/stage/worker_internal.h"

static void reject(struct worker *w, struct pkt_index index, enum drop_reason reason)
{
	w->rejected[w->n_rejected] = index;
	w->rejected_reason[w->n_rejected++] = (uint16_t)reason;
}

/* Takes the entries from `first` on back out of the burst: they are dropped. */
static void reject_from(struct worker *w, uint32_t first, enum drop_reason reason)
{
	struct burst *b = &w->burst;

	for (uint32_t i = first; i < b->n; i++)
		reject(w, b->index[i], reason);
	b->n = first;
}

/* Something among the metadata does not pass pkt_check: here it is found, and made harmless. */
static __attribute__((noinline)) void mark_spoilt(struct burst *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct pkt *p = &b->pkt[i];

		if (pkt_check(b->pool, p))
			continue;
		*p = (struct pkt){.data_off = PKT_FRAME_OFF, .port = PORT_NONE, .out = PORT_NONE};
		b->frame[i] = pool_buffer(b->pool, b->index[i]) + PKT_FRAME_OFF;
		b->spoilt = true;
		burst_drop(b, i, DROP_BAD_DESC);
	}
}

/* What the packets have in common, for the stage; whether nothing is traced, for the frame itself. */
static always_inline void note_alike(
        struct worker *w, const struct pkt_flaws *flaws, const struct pkt_spread *spread)
{
	struct burst *b = &w->burst;

	pkt_spread_store(spread, &b->alike.differ);
	b->alike.n = b->n;
	b->alike.len_least = pkt_flaws_len_least(flaws);
	b->alike.single = w->plain && !flaws->slack;
	w->plain &= !(b->pkt[0].trace | b->alike.differ.trace);
}

/* The metadata of what was loaded, copied and checked, all at once; the frames' first lines on their way into
 * the cache. */
static void load_metadata(struct worker *w)
{
	struct burst *b = &w->burst;
	const struct pool pool = *b->pool;
	struct pkt_flaws flaws = pkt_flaws_none();
	struct pkt_spread spread = pkt_spread_none();
	uint32_t n = b->n;

	UNROLL_4
	for (uint32_t i = 0; i < n; i++) {
		struct pkt *p = &b->pkt[i];
		uint8_t *buffer = pool_buffer(&pool, b->index[i]);

		copy_line(p, buffer);
		pkt_flaws_gather(&flaws, p);
		pkt_spread_gather(&spread, &b->pkt[0], p);
		b->frame[i] = buffer + p->data_off;
		__builtin_prefetch(b->frame[i]);
	}
	note_alike(w, &flaws, &spread);
	if (unlikely(pkt_flaws_any(&flaws, &pool)))
		mark_spoilt(b);
}

/* A packet whose metadata was spoilt cannot be given to the stage, which looks at every packet: out with it.
 */
static void reject_spoilt(struct worker *w)
{
	struct burst *b = &w->burst;
	uint32_t to = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		if (burst_decided(b, i)) {
			b->verdict[i].kind = VERDICT_NONE;
			reject(w, b->index[i], DROP_BAD_DESC);
			continue;
		}
		b->pkt[to] = b->pkt[i];
		b->frame[to] = b->frame[i];
		b->index[to] = b->index[i];
		b->more[to++] = b->more[i];
	}
	b->n = to;
	if (to)
		b->more[to - 1] = 0;
	b->spoilt = false;
}

/* How far loading has come: up to the last word behind which no chain is open. */
struct boundary {
	uint32_t packets;
	uint32_t taken;
};

/* A word that is no packet: with it goes the open chain that it stands in. */
static void load_bad(struct worker *w, struct boundary *whole, uint32_t taken)
{
	reject_from(w, whole->packets, DROP_BAD_DESC);
	whole->taken = taken + 1;
}

/* One word.  false: it belongs to another epoch than those before it, and so to the next burst. */
static bool load_word(
        struct worker *w, struct desc d, uint32_t taken, struct boundary *whole, const struct epoch **view)
{
	struct burst *b = &w->burst;

	if (unlikely(!pool_has(b->pool, d.index))) {
		w->n_bad++;
		load_bad(w, whole, taken);
		return true;
	}
	if (unlikely(!*view || d.epoch != (uint16_t)(*view)->number)) {
		const struct epoch *v = adopt_view(w, d.epoch);

		if (!v) {
			reject(w, d.index, DROP_BAD_EPOCH);
			load_bad(w, whole, taken);
			return true;
		}
		if (*view)
			return false;
		*view = v;
	}
	__builtin_prefetch(pool_buffer(b->pool, d.index));
	b->index[b->n] = d.index;
	b->more[b->n++] = d.flags & DESC_MORE;
	if (likely(!(d.flags & DESC_MORE)))
		*whole = (struct boundary){b->n, taken + 1};
	return true;
}

/* Words in a row that are single buffers of one epoch, into the burst from k on.  Returns how many they are.
 */
static always_inline uint32_t load_row(
        struct burst *b, uint32_t k, const uint64_t *slot, uint32_t n, uint64_t base)
{
	const struct pool pool = *b->pool;
	struct pkt_index *index = &b->index[k];
	uint32_t i;

	UNROLL_4
	for (i = 0; i < n; i++) {
		/* Beyond the pool too where more than the index differs. */
		uint64_t word = ring_get_from(&slot[i]) - base;

		if (unlikely(word >= pool.count))
			break;
		index[i] = (struct pkt_index){(uint32_t)word};
		__builtin_prefetch(pool_buffer(&pool, index[i]));
	}
	return i;
}

/* Words that are single buffers of the epoch of the first: nearly all.  Returns how many it took. */
static uint32_t load_plain(
        struct worker *w, const struct worker_in *in, uint32_t at, uint32_t n, const struct epoch **view)
{
	struct burst *b = &w->burst;
	const struct epoch *v = adopt_view(w, desc_unpack(ring_get(&in->end, at)).epoch);
	uint32_t k = 0, row, taken;
	uint64_t base;

	if (unlikely(!v))
		return 0;
	base = desc_pack((struct desc){.epoch = (uint16_t)v->number});
	do {
		const uint64_t *slot;

		row = n - k;
		slot = ring_row_used(&in->end, at + k, &row);
		taken = load_row(b, k, slot, row, base);
		k += taken;
	} while (k < n && taken == row);
	memset(b->more, 0, k);
	b->n = k;
	*view = v;
	return k;
}

uint32_t load_burst(struct worker *w, struct worker_in *in, uint32_t want, const struct epoch **epoch)
{
	struct burst *b = &w->burst;
	uint32_t at = w->journal.work->index[in->link],
	         n = MIN(ring_used(&in->end, at), MIN(want, BURST_MAX));
	struct boundary whole;
	uint32_t taken;

	*epoch = NULL;
	taken = n ? load_plain(w, in, at, n, epoch) : 0;
	whole = (struct boundary){taken, taken};
	w->plain = taken == n;
	while (taken < n && load_word(w, desc_unpack(ring_get(&in->end, at + taken)), taken, &whole, epoch))
		taken++;
	if (unlikely(b->n > whole.packets && whole.taken == 0)) { /* nothing but the head of a chain */
		if (want < BURST_MAX) {
			b->n = 0;
			return load_burst(w, in, BURST_MAX, epoch);
		}
		load_bad(w, &whole, taken - 1);
	}
	b->n = whole.packets;
	memset(b->verdict, 0, b->n * sizeof b->verdict[0]);
	load_metadata(w);
	if (unlikely(b->spoilt))
		reject_spoilt(w);
	return whole.taken;
}

void load_dropped(struct worker *w, struct worker_in *in, uint32_t taken)
{
	uint32_t at = w->journal.work->index[in->link];

	taken = MIN(taken, MIN(BURST_MAX, ring_used(&in->end, at)));
	for (uint32_t i = 0; i < taken; i++) {
		struct desc d = desc_unpack(ring_get(&in->end, at + i));

		if (!pool_has(w->burst.pool, d.index))
			w->n_bad++;
		else if (i + 1 < taken && d.flags & DESC_MORE)
			emit_free(w, d.index); /* counts with the last of its chain */
		else
			reject(w, d.index, DROP_STAGE_CRASHED);
	}
}
