/* journal: the burst protocol, by which a worker may die at any instruction.
 *
 * What a worker keeps in memory that no other process may write:
 *
 *     open       one word: which epoch the burst belongs to, how many undo lines it has, which input, how
 * many taken epoch      the commit word: record[epoch & 1] is the truth record[2]  absolute values: the index
 * of each link (rings, drivers' rings, the free stack), packets over each link, the account's counters undo[]
 * line number and old content of each 64-byte line of state that this burst has changed
 *
 * A burst:
 *
 *     journal_open(j, input, n);               before any byte of a packet is touched
 *     journal_touch(j, entry); entry->x = ...; before the first change of each line of state
 *     journal_record(j)->... , or record_*     next record, privately
 *     journal_commit(j);                       now it has happened
 *     publish own indices to the rings, ring bells    (common/stage does this)
 *
 * Before the commit only what is dead to the last committed truth may be written without journal_touch: ring
 * slots beyond `prod`, the stack above its height, the buffers that this burst took.
 *
 * After a death: journal_attach finds the same memory, journal_interrupted and journal_in_hand tell what was
 * in hand; journal_undo puts state back. It is idempotent and may die too.  Cost: O(burst).
 *
 * All functions but journal_read are for the worker's own thread.
 */
#ifndef SLUICE_COMMON_JOURNAL_JOURNAL_H
#define SLUICE_COMMON_JOURNAL_JOURNAL_H

#include "common/base/base.h"
#include "common/pkt/drop.h"

#define RECORD_LINKS 128u /* rings and ports of one worker */
#define RECORD_DROPS 128u

static_assert((unsigned)DROP_REASON_COUNT <= RECORD_DROPS, "room for each reason");

/* The account's terms (ACCOUNT.md's names); absolute, in packets. */
enum record_sum {
	SUM_GENERATED,    /* born without a parent */
	SUM_CLONED,       /* each copy */
	SUM_SPLIT,        /* pieces of one, less one */
	SUM_DELIVERED,    /* queued to a socket, or consumed by a protocol of ours */
	SUM_MERGED,       /* those that went into one, less one */
	SUM_DROPPED,      /* over all reasons */
	SUM_HELD,         /* in the stage's own state now (not absolute: goes up and down) */
	SUM_HELD_BUFFERS, /* buffers in the stage's own state now, delivered ones that wait for a reader
	                     included */
	SUM_BURSTS,
	SUM_CRASHES, /* times that a burst was found interrupted */
	SUM_COUNT,
};

struct record {
	uint32_t index[RECORD_LINKS];   /* free-running: cons of an input, prod of an output */
	uint64_t packets[RECORD_LINKS]; /* over the link since the appliance started */
	uint64_t sum[16];               /* enum record_sum */
	uint64_t dropped[RECORD_DROPS]; /* enum drop_reason */
};

#define RECORD_LINES (sizeof(struct record) / CACHE_LINE)
static_assert(sizeof(struct record) % CACHE_LINE == 0 && RECORD_LINES <= 64, "one bit a line");

/* What was in hand.  One aligned word. */
struct journal_open_word {
	uint16_t epoch; /* low bits of the epoch that the burst starts from */
	uint16_t undo;  /* valid undo lines */
	uint8_t input;  /* link, or JOURNAL_NO_INPUT */
	uint8_t note;   /* what else was in hand: the stage's own code */
	uint16_t taken; /* packets */
};

static_assert(sizeof(struct journal_open_word) == 8, "stored in one instruction");

#define JOURNAL_NO_INPUT 0xff

/* In the worker's region: others may read it. */
struct journal_shared {
	_Alignas(CACHE_LINE) uint64_t open;
	uint64_t hand; /* epoch and the stage's own number of what is being worked on; 0: nothing is told */
	_Alignas(CACHE_LINE) uint32_t epoch;
	_Alignas(CACHE_LINE) struct record record[2];
};

/* In the worker's state: `lines` of these numbers, and as many old lines behind them. */
struct journal_undo_line {
	uint8_t old[CACHE_LINE];
};

#define JOURNAL_SEEN  1024u
#define JOURNAL_TRIES 1000u /* under a millisecond */

/* Private to the worker; rebuilt by journal_attach. */
struct journal {
	struct journal_shared *shared;
	uint32_t *undo_number;
	struct journal_undo_line *undo_old;
	uint8_t *state; /* what undo line numbers count from */
	uint64_t state_bytes;
	uint32_t undo_max;
	uint32_t undo;               /* lines so far in this burst */
	uint32_t epoch;              /* = shared->epoch */
	uint64_t open_bits;          /* the open word without its count of lines */
	uint64_t dirty;              /* lines of the record changed in this burst */
	uint64_t dirty_before;       /* and in the one before: both go into the other record */
	uint64_t seen[JOURNAL_SEEN]; /* lines known to be in the log: epoch and number; a miss only logs a
	                                line twice */
	struct record *work;         /* the record as it will be; private until the commit */
	struct record work_copy;
};

/* Bytes that an undo log of that many lines takes in the worker's state. */
static inline uint64_t journal_undo_bytes(uint32_t lines)
{
	return ALIGN_UP((uint64_t)lines * sizeof(uint32_t), (uint64_t)CACHE_LINE) +
	       (uint64_t)lines * CACHE_LINE;
}

/* Takes up the journal at `shared` (zeroed memory is that of a worker that has never run), the undo log of
 * `lines` lines at `undo`, and the state that touches refer to.  All aligned to CACHE_LINE; all outlive the
 * handle. */
void journal_attach(struct journal *j, struct journal_shared *shared, void *undo, uint32_t lines, void *state,
        uint64_t state_bytes);

/* Whether a burst was interrupted; fills *open.  To be asked before journal_open. */
bool journal_interrupted(const struct journal *j, struct journal_open_word *open);

/* What the interrupted burst had in hand when it died (journal_hand); 0: nothing, or it did not say.  To be
 * asked before journal_open. */
uint32_t journal_in_hand(const struct journal *j);

/* Puts back each line of state that the interrupted burst had changed.  Idempotent. */
void journal_undo(struct journal *j);

/* Behind journal_undo: the interrupted burst gets another note.  Whoever comes next finds it interrupted as
 * before, with that note. */
void journal_mark(struct journal *j, uint8_t note);

/* A consistent copy of the last committed record of a worker, perhaps in another process, which goes on
 * meanwhile. false, and *out is all zero: it committed during each of JOURNAL_TRIES copies, which no worker
 * does that has bursts to handle in between: it is broken, or wants to keep its reader busy. */
[[nodiscard]] bool journal_read(const struct journal_shared *shared, struct record *out);

static always_inline struct record *journal_record(struct journal *j)
{
	return j->work;
}

/* Undo lines that this burst may still take. */
static always_inline uint32_t journal_room(const struct journal *j)
{
	return j->undo_max - j->undo;
}

#ifndef SLUICE_NO_JOURNAL

/* Opens a burst of `taken` packets of the link `input` (JOURNAL_NO_INPUT: timers, calls). */
static always_inline void journal_open(struct journal *j, uint8_t input, uint8_t note, uint16_t taken)
{
	j->undo = 0;
	j->open_bits = (uint64_t)(uint16_t)j->epoch | (uint64_t)input << 32 | (uint64_t)note << 40 |
	               (uint64_t)taken << 48;
	__atomic_store_n(&j->shared->hand, 0, __ATOMIC_RELAXED); /* of a burst that never was committed */
	order_stores();
	__atomic_store_n(&j->shared->open, j->open_bits, __ATOMIC_RELAXED);
	order_stores();
}

/* What the burst works on from here: a timer's entry, by a number that only the stage knows (not 0).  If the
 * process dies of it, that is what its successor gives up (stage_ops.give_up). */
static always_inline void journal_hand(struct journal *j, uint32_t what)
{
	__atomic_store_n(&j->shared->hand, (uint64_t)j->epoch << 32 | what, __ATOMIC_RELAXED);
	order_stores();
}

void journal_touch_line(struct journal *j, uint32_t line);

/* Announces a change of the line of state that holds p: to be called before the change, in each burst anew.
 * Returns p. */
static always_inline void *journal_touch(struct journal *j, void *p)
{
	uint64_t line = (uint64_t)((uint8_t *)p - j->state) / CACHE_LINE;

	if (j->seen[line % JOURNAL_SEEN] != ((uint64_t)j->epoch << 32 | line))
		journal_touch_line(j, (uint32_t)line);
	return p;
}

/* Announces a change of any of the bytes. */
static inline void journal_touch_range(struct journal *j, void *p, size_t bytes)
{
	uint8_t *first = (uint8_t *)((uintptr_t)p & ~(uintptr_t)(CACHE_LINE - 1));

	for (uint8_t *q = first; q < (uint8_t *)p + bytes; q += CACHE_LINE)
		journal_touch(j, q);
}

static always_inline void record_mark(struct journal *j, const void *field)
{
	j->dirty |= UINT64_C(1) << ((uint64_t)((const uint8_t *)field - (const uint8_t *)j->work) /
	                            CACHE_LINE);
}

/* The burst has happened: fills the other record and turns to it. */
void journal_commit(struct journal *j);

#else /* without crash safety, only to measure what it costs: the record is changed in place */

static always_inline void journal_open(struct journal *j, uint8_t input, uint8_t note, uint16_t taken)
{
	(void)j, (void)input, (void)note, (void)taken;
}

static always_inline void journal_hand(struct journal *j, uint32_t what)
{
	(void)j, (void)what;
}

static always_inline void *journal_touch(struct journal *j, void *p)
{
	(void)j;
	return p;
}

static inline void journal_touch_range(struct journal *j, void *p, size_t bytes)
{
	(void)j, (void)p, (void)bytes;
}

static always_inline void record_mark(struct journal *j, const void *field)
{
	(void)j, (void)field;
}

static always_inline void journal_commit(struct journal *j)
{
	(void)j;
}

#endif

/* Changes to the record to be. */
static always_inline void record_set_index(struct journal *j, uint32_t link, uint32_t index)
{
	j->work->index[link] = index;
	record_mark(j, &j->work->index[link]);
}

static always_inline void record_add_packets(struct journal *j, uint32_t link, uint64_t n)
{
	j->work->packets[link] += n;
	record_mark(j, &j->work->packets[link]);
}

static always_inline void record_add(struct journal *j, enum record_sum sum, uint64_t n)
{
	j->work->sum[sum] += n;
	record_mark(j, &j->work->sum[sum]);
}

static always_inline void record_drop(struct journal *j, enum drop_reason reason, uint64_t n)
{
	assert(reason != DROP_NONE);
	j->work->dropped[reason] += n;
	record_mark(j, &j->work->dropped[reason]);
	record_add(j, SUM_DROPPED, n);
}

#endif
