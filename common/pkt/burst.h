/* burst: the packets that a stage has in hand, and what it decided about each.
 *
 * A stage is a function over a burst:
 *
 *     void router_burst(struct router *router, const struct epoch *epoch, nanos_t now, struct burst *burst);
 *
 * The frame (common/stage) fills `pkt`, `frame` and `index` of `n` packets, all from one kind of input and
 * all of one configuration epoch, each checked (pkt_check); the stage gives each exactly one verdict with
 * burst_pass and its fellows; the frame writes them into the rings, keeps the account, and commits. In a
 * burst of timers or calls n is 0. The stage does no I/O, reads no clock, allocates nothing; changes of state
 * are announced with journal_touch(burst->journal, ...).
 *
 * Packets that are not among the n go to the outbox: burst_make (a new packet, in a spare buffer),
 * burst_release (one that the stage had held), each placed behind packet `at` of the burst, so that order is
 * kept.
 *
 * A packet of several buffers (only behind reassembly) is several entries in a row, all but the last with
 * DESC_MORE in `more`; the verdict of the first counts for all.
 *
 * Private to the worker's thread.
 */
#ifndef SLUICE_COMMON_PKT_BURST_H
#define SLUICE_COMMON_PKT_BURST_H

#include "common/pkt/drop.h"
#include "common/pkt/pkt.h"

#define BURST_MAX  256u
#define OUTBOX_MAX 1024u
#define LANES_MAX  8u

struct journal;
struct trace_log;
struct stat_block;

/* Where a burst came from. */
enum input_kind {
	INPUT_RX,    /* from the stage before: towards the applications */
	INPUT_TX,    /* from the stage behind: towards the wire */
	INPUT_PUNT,  /* from another lane of this stage: work that lane 0 owns */
	INPUT_FREE,  /* buffers coming home (ingest) */
	INPUT_PORT,  /* from a driver (ingest) */
	INPUT_TIMER, /* something is due; n = 0 */
	INPUT_CALL,  /* an application's calls; n = 0 */
	INPUT_KINDS
};

/* Where a packet goes on: a direction and a lane. */
enum out_kind { OUT_RX, OUT_TX, OUT_PUNT, OUT_KINDS };

struct out_id {
	uint8_t v;
};

static always_inline struct out_id out_id(enum out_kind kind, uint32_t lane)
{
	return (struct out_id){(uint8_t)((uint32_t)kind * LANES_MAX + lane)};
}

enum verdict_kind {
	VERDICT_NONE,      /* none yet: a bug where the frame finds it */
	VERDICT_PASS,      /* goes on to `out` */
	VERDICT_DROP,      /* ends, with a reason */
	VERDICT_DELIVERED, /* consumed by a protocol of ours; the buffer is free */
	VERDICT_QUEUED, /* delivered to a socket; the stage keeps the buffer until it is read (burst_discard)
	                 */
	VERDICT_HELD,   /* the stage keeps packet and buffer (burst_release or burst_drop_held ends it) */
	VERDICT_CONSUMED, /* became the packets in the outbox; the buffer is free */
	VERDICT_SENT,   /* the driver has sent it; the buffer is free (ingest); `out` is the physical port */
	VERDICT_DRIVER, /* the driver has it until it completes (ingest): then burst_release, and SENT */
	VERDICT_SENT_KEPT, /* sent, but the driver goes on owning the buffer until burst_discard (ingest);
	                      `out` as for SENT */
};

struct verdict {
	uint8_t kind;
	struct out_id out; /* SENT: the physical port's number */
	uint16_t reason;   /* enum drop_reason */
};

/* How an outbox packet came to be; the account's terms. */
enum born {
	BORN_GENERATED, /* no parent */
	BORN_CLONED,    /* a copy of a packet that goes on by itself */
	BORN_PIECE,  /* a piece of a packet whose verdict is CONSUMED: k pieces of one count k - 1 in `split`
	              */
	BORN_HELD,   /* was held, goes on (or ends) now */
	BORN_MERGED, /* was held, and is now part of the packet before it in the outbox (a DESC_MORE chain),
	                or used up by it (verdict DELIVERED): counts one in `merged` */
	BORN_DELIVERED, /* only the buffer of a packet that was delivered or sent before (VERDICT_QUEUED,
	                   VERDICT_SENT_KEPT); no packet any more */
};

struct outbox_entry {
	struct pkt pkt;
	uint8_t *frame;
	struct pkt_index index;
	struct verdict verdict; /* as in the burst; a made packet may be HELD too */
	uint16_t at;            /* goes out before packet `at` of the burst; n: behind all */
	uint8_t more;           /* DESC_MORE: the next entry belongs to the same packet */
	uint8_t born;           /* enum born */
};

/* Spare buffers that the burst may take from, in order.  Filled by the frame. */
struct spare {
	struct pkt_index index[OUTBOX_MAX];
	uint32_t n;    /* there are */
	uint32_t used; /* of them taken by this burst */
};

/* What the packets of a burst have in common, as they came in: the frame finds it out while it loads them, so
 * that a pass over the burst asks once what it would ask of each packet. */
struct burst_alike {
	uint32_t n;         /* packets compared: where that is not the burst's n, nothing here holds */
	uint16_t len_least; /* bytes of the shortest frame */
	bool single;        /* each is in one buffer, with total_len = len */
	struct pkt differ;  /* a bit is set where any differs from the first */
};

struct burst {
	uint32_t n;
	enum input_kind input;
	uint8_t lane;       /* of this worker */
	uint8_t lanes;      /* of the appliance */
	uint8_t input_lane; /* of the worker at the other end of the input */
	uint16_t epoch;
	const struct pool *pool;
	struct journal *journal;
	struct trace_log *trace;
	struct stat_block *stats; /* counted with burst_count (common/stage) */
	struct spare *spare;
	uint32_t n_out;
	bool spoilt; /* the frame's own: some metadata did not pass pkt_check */
	struct burst_alike alike;
	uint64_t no_buffer; /* packets not made for want of a buffer: shown beside the account */
	struct pkt pkt[BURST_MAX];
	uint8_t *frame[BURST_MAX]; /* first byte of the frame; pkt.len bytes */
	struct pkt_index index[BURST_MAX];
	uint8_t more[BURST_MAX];
	struct verdict verdict[BURST_MAX];
	struct outbox_entry out[OUTBOX_MAX];
};

/* As one word. */
static always_inline void verdict_put(struct verdict *to, struct verdict v)
{
	uint32_t word = (uint32_t)v.kind | (uint32_t)v.out.v << 8 | (uint32_t)v.reason << 16;

	memcpy(to, &word, sizeof word);
}

static_assert(sizeof(struct verdict) == 4 && offsetof(struct verdict, out) == 1 &&
                      offsetof(struct verdict, reason) == 2,
        "stored as one word");

/* The one verdict of packet i. */
static always_inline void burst_pass(struct burst *b, uint32_t i, struct out_id out)
{
	verdict_put(&b->verdict[i], (struct verdict){VERDICT_PASS, out, DROP_NONE});
}

static always_inline void burst_drop(struct burst *b, uint32_t i, enum drop_reason reason)
{
	verdict_put(&b->verdict[i], (struct verdict){VERDICT_DROP, {0}, (uint16_t)reason});
}

static always_inline void burst_deliver(struct burst *b, uint32_t i)
{
	verdict_put(&b->verdict[i], (struct verdict){VERDICT_DELIVERED, {0}, DROP_NONE});
}

static always_inline void burst_queue(struct burst *b, uint32_t i)
{
	verdict_put(&b->verdict[i], (struct verdict){VERDICT_QUEUED, {0}, DROP_NONE});
}

static always_inline void burst_hold(struct burst *b, uint32_t i)
{
	verdict_put(&b->verdict[i], (struct verdict){VERDICT_HELD, {0}, DROP_NONE});
}

/* Ingest: the driver has sent packet i on physical port `phys`. */
static always_inline void burst_sent(struct burst *b, uint32_t i, uint32_t phys)
{
	verdict_put(&b->verdict[i], (struct verdict){VERDICT_SENT, {(uint8_t)phys}, DROP_NONE});
}

static always_inline void burst_consume(struct burst *b, uint32_t i)
{
	verdict_put(&b->verdict[i], (struct verdict){VERDICT_CONSUMED, {0}, DROP_NONE});
}

static always_inline bool burst_decided(const struct burst *b, uint32_t i)
{
	return b->verdict[i].kind != VERDICT_NONE;
}

/* A packet in hand, wherever it stands: in the burst or in its outbox.  For code that serves both. */
struct pkt_ref {
	struct pkt *pkt;
	uint8_t **frame; /* changes with pkt->data_off */
	struct verdict *verdict;
	struct pkt_index index;
	uint16_t at; /* where a packet made because of it belongs */
};

static always_inline struct pkt_ref burst_ref(struct burst *b, uint32_t i)
{
	return (struct pkt_ref){&b->pkt[i], &b->frame[i], &b->verdict[i], b->index[i], (uint16_t)i};
}

static always_inline struct pkt_ref outbox_ref(struct outbox_entry *e)
{
	return (struct pkt_ref){&e->pkt, &e->frame, &e->verdict, e->index, e->at};
}

static always_inline void ref_pass(struct pkt_ref r, struct out_id out)
{
	verdict_put(r.verdict, (struct verdict){VERDICT_PASS, out, DROP_NONE});
}

static always_inline void ref_drop(struct pkt_ref r, enum drop_reason reason)
{
	verdict_put(r.verdict, (struct verdict){VERDICT_DROP, {0}, (uint16_t)reason});
}

static always_inline void ref_deliver(struct pkt_ref r)
{
	verdict_put(r.verdict, (struct verdict){VERDICT_DELIVERED, {0}, DROP_NONE});
}

/* The driver has sent it on physical port `port`. */
static always_inline void ref_sent(struct pkt_ref r, struct port_id port)
{
	verdict_put(r.verdict, (struct verdict){VERDICT_SENT, {(uint8_t)port.v}, DROP_NONE});
}

/* Sent, but the buffer stays the driver's until it says burst_discard. */
static always_inline void ref_sent_kept(struct pkt_ref r, struct port_id port)
{
	verdict_put(r.verdict, (struct verdict){VERDICT_SENT_KEPT, {(uint8_t)port.v}, DROP_NONE});
}

/* The stage keeps it; its metadata, as it now is, goes into the buffer for burst_release to find. */
static always_inline void ref_hold(const struct burst *b, struct pkt_ref r)
{
	pkt_store(b->pool, r.index, r.pkt);
	verdict_put(r.verdict, (struct verdict){VERDICT_HELD, {0}, DROP_NONE});
}

/* Moves the frame's first byte by `bytes` (negative: towards the headroom), offsets following.  false where
 * there is no room: nothing is changed. */
static inline bool ref_move_start(const struct pool *pool, struct pkt_ref r, int bytes)
{
	struct pkt *p = r.pkt;
	int start = p->data_off + bytes;

	if (start < (int)PKT_META_BYTES || bytes > p->len || start + p->len - bytes > (int)pool->stride)
		return false;
	p->data_off = (uint16_t)start;
	p->len = (uint16_t)(p->len - bytes);
	p->total_len = (uint32_t)((int)p->total_len - bytes);
	p->l3_off = (uint16_t)MAX(p->l3_off - bytes, 0);
	p->l4_off = p->l4_off ? (uint16_t)MAX(p->l4_off - bytes, 0) : 0;
	p->csum_start = p->csum_start ? (uint16_t)MAX(p->csum_start - bytes, 0) : 0;
	*r.frame += bytes;
	return true;
}

/* A new packet behind what the outbox has, to leave before packet `at`: its frame starts PKT_FRAME_OFF bytes
 * into a spare buffer, pkt is zero but for data_off, type PKT_OUTGOING, ports PORT_NONE, and what it takes
 * from its cause `parent` (may be NULL): trace and mark; timestamp is now (of b->trace).  The caller fills
 * frame, len and total_len, and the verdict with outbox_pass. NULL where there is no spare buffer or no room:
 * counted (no_buffer); the caller does without. */
[[nodiscard]] struct outbox_entry *burst_make(
        struct burst *b, uint32_t at, enum born born, const struct pkt *parent);

/* A packet that the stage had held (VERDICT_HELD in an earlier burst, or earlier in this one) goes on: its
 * metadata is read from the buffer and checked.  The caller gives the verdict; its own entry for it is to be
 * forgotten in the same burst. NULL where the outbox is full: it stays held.  If the metadata was spoilt by a
 * neighbour the entry is returned with verdict DROP (BAD_DESC) already given; outbox_decided() tells. Until
 * the commit the buffer is still the held one: after a death it is released anew, so what is written to its
 * frame and metadata meanwhile must be such that doing it twice is the same as once (an Ethernet header put
 * in front is; decrementing a TTL is not). */
[[nodiscard]] struct outbox_entry *burst_release(struct burst *b, uint32_t at, struct pkt_index index);

/* Reassembly: the last fragment gets VERDICT_HELD like those before it (ref_hold); then all are released in
 * order, the first as it is, the others turned into BORN_MERGED with burst_merge, `more` set on all but the
 * last. */
static inline void burst_merge(struct outbox_entry *e)
{
	assert(e->born == BORN_HELD);
	e->born = BORN_MERGED;
}

/* A held packet ends, with a reason.  false where the outbox is full: it stays held. */
[[nodiscard]] bool burst_drop_held(
        struct burst *b, uint32_t at, struct pkt_index index, enum drop_reason reason);

/* The buffer of a delivered packet (VERDICT_QUEUED), or of one sent and kept, is free again.  false where the
 * outbox is full. */
[[nodiscard]] bool burst_discard(struct burst *b, struct pkt_index index);

/* The metadata of packet i, as the stage now has it, into its buffer: to be called for what is held or queued
 * and will be looked at in a later burst. */
static always_inline void burst_save(struct burst *b, uint32_t i)
{
	pkt_store(b->pool, b->index[i], &b->pkt[i]);
}

static always_inline void outbox_pass(struct outbox_entry *e, struct out_id out)
{
	e->verdict = (struct verdict){VERDICT_PASS, out, DROP_NONE};
}

static always_inline void outbox_drop(struct outbox_entry *e, enum drop_reason reason)
{
	e->verdict = (struct verdict){VERDICT_DROP, {0}, (uint16_t)reason};
}

static always_inline bool outbox_decided(const struct outbox_entry *e)
{
	return e->verdict.kind != VERDICT_NONE;
}

/* Whether `alike` speaks of this burst, and all its packets are in one buffer each and not traced.  To be
 * asked before the stage changes any of them. */
static always_inline bool burst_is_plain(const struct burst *b)
{
	const struct burst_alike *a = &b->alike;

	return a->n && a->n == b->n && a->single && !(b->pkt[0].trace | a->differ.trace);
}

/* Finds out what the packets have in common, for who fills a burst by hand (tests, benchmarks of one stage).
 */
void burst_compare(struct burst *b);

/* Readies a burst for n packets: no verdict, an empty outbox. */
static inline void burst_reset(struct burst *b, enum input_kind input, uint32_t n)
{
	b->n = n;
	b->input = input;
	b->n_out = 0;
	b->spoilt = false;
	b->alike.n = 0;
	b->no_buffer = 0;
	memset(b->verdict, 0, n * sizeof b->verdict[0]);
}

#endif
