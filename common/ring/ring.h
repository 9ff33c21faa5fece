/* ring: a single-producer, single-consumer ring of 8-byte words between two processes, and the bell that
 * wakes its consumer.
 *
 * A ring has two halves, each in memory that one side alone may write: the producer's (its index and the
 * slots) and the consumer's (its index and whether it sleeps).  Indices run free over 32 bits; a slot is
 * index & mask.  The two ends are types of their own, so that neither side can do the other's work.
 *
 * The burst protocol (common/journal) decides when indices move: a producer writes slots beyond its published
 * index, where nobody looks, and publishes after the commit; the truth about an index is in the journal's
 * record, the ring holds its published copy.
 *
 *     producer: if (ring_room(p) >= n) ring_put(p, at, word) ...; [commit]; ring_publish(p, at + n)
 *               fence (seq_cst); if (ring_must_wake(p)) bell_ring(...)
 *     consumer: n = ring_used(c); ring_get(c, at) ...; [commit]; ring_release(c, at + n)
 *     to sleep: ring_arm(c); fence (seq_cst); look at ring_used(c) again; sleep; ring_disarm(c)
 *
 * Memory order, in pairs: ring_publish's release with ring_used's acquire (slots before index);
 * ring_release's release with ring_room's acquire (a slot is read before it is written again); the seq_cst
 * fence of a producer between publishing and looking at `armed` with the consumer's between arming and
 * looking again (one of the two sees the other: Dekker).
 *
 * One thread an end.  A neighbour that breaks the protocol (more used than there are slots) puts the end into
 * quarantine: it looks empty (or full) from then on, and the frame reports it.
 */
#ifndef SLUICE_COMMON_RING_RING_H
#define SLUICE_COMMON_RING_RING_H

#include "common/base/base.h"

#define RING_SLOTS_MAX (1u << 24)

/* In the producer's region. */
struct ring_producer_half {
	_Alignas(CACHE_LINE) uint32_t prod; /* published: all slots before it may be read */
	_Alignas(CACHE_LINE) uint64_t slots[];
};

/* In the consumer's region. */
struct ring_consumer_half {
	_Alignas(CACHE_LINE) uint32_t cons; /* published: all slots before it may be written again */
	uint32_t armed; /* odd: the consumer sleeps, or is about to; each arming has a number of its own */
};

static_assert(offsetof(struct ring_producer_half, slots) == CACHE_LINE, "shared layout");
static_assert(sizeof(struct ring_consumer_half) == CACHE_LINE, "shared layout");

/* Bytes of a producer's half with that many slots (a power of two). */
static inline uint64_t ring_producer_bytes(uint32_t slots)
{
	return sizeof(struct ring_producer_half) + (uint64_t)slots * sizeof(uint64_t);
}

/* The two ends.  Private to their thread. */
struct ring_prod {
	struct ring_producer_half *own;
	const struct ring_consumer_half *peer;
	uint32_t mask;
	uint32_t cons_seen; /* the peer's index as last read */
	uint32_t rung;      /* the arming that was answered last */
	bool quarantined;
};

struct ring_cons {
	struct ring_consumer_half *own;
	const struct ring_producer_half *peer;
	uint32_t mask;
	bool quarantined;
};

static inline void ring_prod_attach(struct ring_prod *r, struct ring_producer_half *own,
        const struct ring_consumer_half *peer, uint32_t slots)
{
	assert(slots && slots <= RING_SLOTS_MAX && !(slots & (slots - 1)));
	*r = (struct ring_prod){.own = own, .peer = peer, .mask = slots - 1};
	r->cons_seen = __atomic_load_n(&peer->cons, __ATOMIC_ACQUIRE);
}

static inline void ring_cons_attach(struct ring_cons *r, struct ring_consumer_half *own,
        const struct ring_producer_half *peer, uint32_t slots)
{
	assert(slots && slots <= RING_SLOTS_MAX && !(slots & (slots - 1)));
	*r = (struct ring_cons){.own = own, .peer = peer, .mask = slots - 1};
}

/* Slots free to a producer whose next slot is `at` (its own index, published or not); 0 in quarantine.  Reads
 * the peer's index only where what it knows shows less than `want`. */
static always_inline uint32_t ring_room(struct ring_prod *r, uint32_t at, uint32_t want)
{
	uint32_t room = r->mask + 1 - (at - r->cons_seen);

	if (likely(room >= want && room <= r->mask + 1))
		return room;
	r->cons_seen = __atomic_load_n(&r->peer->cons, __ATOMIC_ACQUIRE);
	room = r->mask + 1 - (at - r->cons_seen);
	if (unlikely(room > r->mask + 1 || r->quarantined)) {
		r->quarantined = true;
		return 0;
	}
	return room;
}

static always_inline void ring_put(struct ring_prod *r, uint32_t at, uint64_t word)
{
	__atomic_store_n(&r->own->slots[at & r->mask], word, __ATOMIC_RELAXED);
}

/* The slot `at`, behind which *n slots (at least 1, at most as many as *n says) stand in a row: for
 * ring_put_in one after the other. */
static always_inline uint64_t *ring_row(const struct ring_prod *r, uint32_t at, uint32_t *n)
{
	uint32_t slot = at & r->mask;

	*n = MIN(*n, r->mask + 1 - slot);
	return &r->own->slots[slot];
}

static always_inline void ring_put_in(uint64_t *slot, uint64_t word)
{
	__atomic_store_n(slot, word, __ATOMIC_RELAXED);
}

static always_inline void ring_publish(struct ring_prod *r, uint32_t prod)
{
	__atomic_store_n(&r->own->prod, prod, __ATOMIC_RELEASE);
}

/* Whether the consumer sleeps and has not been woken for it; to be asked behind a seq_cst fence that follows
 * ring_publish.  The one who is told true rings the bell. */
static always_inline bool ring_must_wake(struct ring_prod *r)
{
	uint32_t armed = __atomic_load_n(&r->peer->armed, __ATOMIC_RELAXED);

	if (likely(!(armed & 1) || armed == r->rung))
		return false;
	r->rung = armed;
	return true;
}

/* Words ready for a consumer whose next slot is `at`; 0 in quarantine. */
static always_inline uint32_t ring_used(struct ring_cons *r, uint32_t at)
{
	uint32_t used = __atomic_load_n(&r->peer->prod, __ATOMIC_ACQUIRE) - at;

	if (unlikely(used > r->mask + 1 || r->quarantined)) {
		r->quarantined = true;
		return 0;
	}
	return used;
}

static always_inline uint64_t ring_get(const struct ring_cons *r, uint32_t at)
{
	return __atomic_load_n(&r->peer->slots[at & r->mask], __ATOMIC_RELAXED);
}

/* As ring_row, to be read. */
static always_inline const uint64_t *ring_row_used(const struct ring_cons *r, uint32_t at, uint32_t *n)
{
	uint32_t slot = at & r->mask;

	*n = MIN(*n, r->mask + 1 - slot);
	return &r->peer->slots[slot];
}

static always_inline uint64_t ring_get_from(const uint64_t *slot)
{
	return __atomic_load_n(slot, __ATOMIC_RELAXED);
}

static always_inline void ring_release(struct ring_cons *r, uint32_t cons)
{
	__atomic_store_n(&r->own->cons, cons, __ATOMIC_RELEASE);
}

static always_inline void ring_arm(struct ring_cons *r)
{
	__atomic_store_n(&r->own->armed, r->own->armed | 1, __ATOMIC_RELAXED);
}

static always_inline void ring_disarm(struct ring_cons *r)
{
	__atomic_store_n(&r->own->armed, (r->own->armed | 1) + 1, __ATOMIC_RELAXED);
}

#endif
