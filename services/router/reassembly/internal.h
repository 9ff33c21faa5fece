/* internal: the state of reassembly and what its files share; known to nobody else.
 *
 * A datagram in the making is a queue: OPEN while fragments are awaited (found by its key, in its family's
 * list by age, with a timer), then WHOLE or DOOMED until the outbox has room for its pieces, which is mostly
 * at once.  Its pieces are buffers, chained in the order of their offsets through an array with an entry for
 * each buffer of the pool; what decides where we read and write is there, and never read back from the pool.
 */
#ifndef SLUICE_SERVICES_ROUTER_REASSEMBLY_INTERNAL_H
#define SLUICE_SERVICES_ROUTER_REASSEMBLY_INTERNAL_H

#include "services/router/reassembly/reassembly.h"
#include "services/router/wheel.h"

#define FRAG_NONE UINT32_MAX

enum frag_family { FRAG_IPV4, FRAG_IPV6, FRAG_FAMILIES };

/* What the fragments of a datagram have in common (RFC 791 3.2, RFC 8200 4.5; Linux struct
 * frag_v4_compare_key and _v6_): no padding, so that bytes may be compared. */
struct frag_key {
	struct ip6_addr src, dst; /* IPv4 mapped */
	uint32_t id;
	struct port_id port; /* IPv6 to a link-local address or a group; else PORT_NONE */
	uint8_t proto;       /* IPv4 */
	uint8_t family;      /* enum frag_family */
};

static_assert(sizeof(struct frag_key) == 40, "no padding");

enum frag_state {
	FRAG_FREE,
	FRAG_OPEN,
	FRAG_WHOLE,  /* complete, to be released */
	FRAG_DOOMED, /* given up, its pieces to be dropped */
};

#define FRAG_HAS_FIRST 0x01u
#define FRAG_HAS_LAST  0x02u

struct frag_queue {
	_Alignas(CACHE_LINE) struct frag_key key; /* a line that changes with the lists */
	uint32_t next;                            /* in its bucket, in a backlog, among the free */
	uint32_t older, newer;                    /* in its family, while OPEN */
	uint32_t reserved;
	nanos_t created;
	_Alignas(CACHE_LINE) uint32_t first; /* a line that changes with each fragment; a buffer */
	uint32_t last;
	uint32_t pieces;
	uint32_t end;        /* of what is there; of the whole with FRAG_HAS_LAST */
	uint32_t bytes;      /* that are there */
	uint16_t largest;    /* fragment with its header */
	uint16_t largest_df; /* that said don't fragment */
	uint16_t header_len; /* of the first: from its network header to its payload */
	uint16_t next_field; /* of the first, IPv6 */
	uint16_t reason;     /* enum drop_reason, when DOOMED */
	uint8_t next_header; /* of the first, IPv6 */
	uint8_t ecn;         /* a bit for each of enum ip_ecn that was seen */
	uint8_t flags;       /* FRAG_HAS_* */
	uint8_t state;       /* enum frag_state */
};

static_assert(sizeof(struct frag_queue) == 2 * CACHE_LINE, "journaled layout");

/* A held buffer.  Says nothing about a buffer that is in no queue. */
struct frag_piece {
	uint32_t next; /* buffer, or FRAG_NONE */
	uint32_t queue;
	uint16_t offset; /* of its payload in the whole */
	uint16_t len;
	uint16_t start; /* of its payload, from the buffer's first byte */
	uint16_t reserved;
};

static_assert(sizeof(struct frag_piece) == 16, "four to a line");

struct frag_list {
	uint32_t first, last;
};

struct reassembly {
	_Alignas(CACHE_LINE) uint64_t hash_key; /* a line that never changes */
	uint64_t bucket_off;                    /* from this struct's start: uint32_t, n_buckets of them */
	uint64_t queue_off;                     /* struct frag_queue */
	uint64_t piece_off;                     /* struct frag_piece, one a buffer */
	uint64_t wheel_off;                     /* a timer a queue */
	uint32_t n_buckets;
	uint32_t n_queues;
	uint32_t n_buffers;
	uint32_t reserved;
	_Alignas(CACHE_LINE) struct frag_list age[FRAG_FAMILIES]; /* OPEN ones, the oldest first */
	uint32_t pieces[FRAG_FAMILIES];                           /* held, whatever the queue's state */
	struct frag_list whole, doomed;                           /* backlogs */
	uint32_t free;
	uint32_t used; /* queues that are not free */
};

static_assert(sizeof(struct reassembly) == 2 * CACHE_LINE, "journaled layout");

/* What the limits of an epoch come to in this lane. */
struct frag_limits {
	uint32_t pieces; /* of the family */
	uint32_t queues;
	uint32_t pieces_each;
	nanos_t timeout;
};

/* A fragment that is to be taken, of either family. */
struct fragment {
	struct frag_key key;
	uint32_t offset; /* of its payload in the whole */
	uint32_t len;
	uint16_t header_len; /* from l3_off to its payload */
	uint16_t next_field; /* IPv6 */
	uint8_t next_header; /* IPv6 */
	uint8_t ecn;         /* enum ip_ecn */
	bool more;
	bool df;
};

enum frag_stat { FRAG_REQDS, FRAG_OKS, FRAG_FAILS, FRAG_TIMEOUTS, FRAG_STATS };

static inline uint32_t *frag_bucket(const struct reassembly *f, uint32_t i)
{
	return (uint32_t *)((uintptr_t)f + f->bucket_off) + i;
}

static inline struct frag_queue *frag_queue(const struct reassembly *f, uint32_t i)
{
	return (struct frag_queue *)((uintptr_t)f + f->queue_off) + i;
}

static inline struct frag_piece *frag_piece(const struct reassembly *f, uint32_t i)
{
	return (struct frag_piece *)((uintptr_t)f + f->piece_off) + i;
}

static inline struct wheel frag_wheel(const struct reassembly *f)
{
	struct wheel w;

	wheel_attach(&w, (void *)((uintptr_t)f + f->wheel_off), f->n_queues);
	return w;
}

static inline void *frag_touch(const struct router_call *c, void *p)
{
	return journal_touch(c->burst->journal, p);
}

/* Outbox entries that this burst may still take. */
static inline uint32_t frag_room(const struct router_call *c)
{
	return OUTBOX_MAX - MIN(c->burst->n_out + REASSEMBLY_OUTBOX_RESERVE, OUTBOX_MAX);
}

void frag_count(const struct router_call *c, uint8_t family, enum frag_stat stat);

/* --- queues (queue.c) --- */

/* The OPEN queue of a key; FRAG_NONE where there is none. */
uint32_t frag_find(const struct reassembly *f, const struct frag_key *key);

/* A new OPEN queue; there is a free one. */
uint32_t frag_open(const struct router_call *c, const struct frag_key *key, nanos_t timeout);

/* No longer OPEN: `state` is the new one.  Its pieces stay. */
void frag_close(const struct router_call *c, uint32_t slot, enum frag_state state);

/* Closed, and no pieces belong to it any more. */
void frag_free(const struct router_call *c, uint32_t slot);

/* An OPEN queue is given up: drops the pieces that the outbox has room for, in front of packet `at`, the
 * others later. */
void frag_doom(const struct router_call *c, uint32_t slot, enum drop_reason reason, uint32_t at);

/* The same of any queue, whose pieces may have killed the process: nothing but that. */
void frag_give_up(const struct router_call *c, uint32_t slot);

/* Drops pieces of what is DOOMED as far as there is room. */
void frag_sweep(const struct router_call *c);

void frag_list_add(const struct router_call *c, struct frag_list *list, uint32_t slot);

/* --- whole datagrams (whole.c) --- */

/* The queue has all its pieces: its first entry in the outbox, or NULL where the datagram is no good, or must
 * wait for room. */
struct outbox_entry *frag_complete(const struct router_call *c, uint32_t slot, uint32_t at);

#endif
