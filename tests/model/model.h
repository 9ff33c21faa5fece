/* model: the burst protocol as a machine small enough to look at every state of it.
 *
 * Three processes (ingest with its stack of free buffers, a first stage with held packets, chains and timers,
 * a second stage) and seven rings.  One transition is one write to shared memory, or the start of a burst or
 * of a recovery, which reads.  Any process may be cut before any of its writes, those of its recovery
 * included, as often as it likes; the others go on meanwhile.
 *
 * A burst is decided when it starts (its input does not change under it, and room only grows) and is from
 * then on a script of writes; a cut forgets the script.  What is dead to the protocol is poisoned, so that
 * reading it shows.  Indices are kept relative to the published cons of their ring.
 *
 * A faulty variant breaks one rule; the search must find it (tests/model/model_test). */
#ifndef SLUICE_TESTS_MODEL_MODEL_H
#define SLUICE_TESTS_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum { INGEST, FIRST, SECOND, PROCESSES };
enum { RX1, RX2, TX1, TX2, FREE1, FREE2, SPARE, RINGS, NO_INPUT = RINGS };

extern const uint8_t ring_producer[RINGS], ring_consumer[RINGS];
extern const char *const ring_name[RINGS];
extern uint8_t ring_slots[RINGS];

#define BUFFERS_MAX 4
#define SLOTS_MAX   4
#define UNDO_MAX    6
#define POISON      0xff

/* A word of a ring: buffer (from 1), whether its packet goes on, and on RX2 a running number. */
#define WORD_BUFFER(w) ((w)&7u)
#define WORD_MORE      8u
#define WORD_STAMP(w)  ((uint8_t)((w) >> 4 & 3u))

/* Journaled state, by line: of FIRST, then of INGEST. */
enum { LINE_HELD, LINE_SENT, LINE_STACK };

struct record {
	uint8_t index[RINGS]; /* cons or prod, relative to the ring's published cons */
	uint8_t height;       /* of the stack */
};

enum mode { IDLE, RUNS, DEAD, RECOVERS };

struct process {
	uint16_t script;
	uint8_t pc;
	uint8_t mode;
	/* The open word; `open`: it bears the current epoch. */
	uint8_t open, input, taken, undo;
	uint8_t line[UNDO_MAX], old[UNDO_MAX];
	struct record truth, next; /* record[epoch & 1] and the other */
};

struct ring {
	uint8_t prod;            /* published */
	uint8_t slot[SLOTS_MAX]; /* from the published cons on */
};

struct state {
	struct process p[PROCESSES];
	struct ring ring[RINGS];
	uint8_t stack[BUFFERS_MAX];
	uint8_t held;      /* by FIRST: a buffer, or 0 */
	uint8_t sent;      /* words that FIRST has sent over RX2, less those that SECOND has let go; mod 4 */
	uint8_t rewritten; /* a bit a buffer: a burst that has not happened (yet) has changed its bytes */
};

/* A write. */
enum op_kind {
	OP_OPEN,         /* a: input, b: taken */
	OP_REWRITE,      /* a: buffer */
	OP_LOG,          /* a: place in the log, b: line */
	OP_COUNT,        /* a: lines in the log */
	OP_SET,          /* a: line, b: value */
	OP_SENT,         /* one more word sent */
	OP_PUT,          /* a: ring, b: slots beyond prod, c: word */
	OP_PUSH,         /* a: entries above the committed height, b: buffer */
	OP_RECORD,       /* the whole record, as it was ... */
	OP_RECORD_INDEX, /* ... with index a moved on by b */
	OP_RECORD_HEIGHT,
	OP_COMMIT,  /* a: buffers in hand, a bit each */
	OP_RELEASE, /* a: ring */
	OP_PUBLISH, /* a: ring */
	OP_RESTORE, /* a: place in the log */
};

struct op {
	uint8_t kind;
	uint8_t a;
	int8_t b;
	uint8_t c;
};

#define SCRIPT_MAX 64

struct script {
	struct op op[SCRIPT_MAX];
	uint32_t n;
};

enum variant {
	RIGHT,
	COMMIT_EARLY,
	ONE_RECORD,
	STATE_BEFORE_LOG,
	COUNT_BEFORE_LINE,
	UNDO_NOT_APPLIED,
	UNDO_OLDEST_FIRST,
	OPEN_NOT_VOIDED,
	NO_REPUBLISH,
	REPUBLISH_CONS_ONLY,
	REPUBLISH_PROD_ONLY,
	PROD_BEFORE_CONS,
	RUN_AGAIN,
	RECOVERY_FORGETS_TAKEN,
	SPARE_NOT_IN_RECORD,
	PUBLISH_BEFORE_COMMIT,
	ROOM_NOT_LOOKED_AT,
	ONE_TOO_FEW,
	ONE_TOO_MANY,
	STACK_WITHOUT_LOG,
	CHAIN_IN_PIECES,
	SENT_NOT_LOGGED,
	VARIANTS
};

extern const char *const variant_name[VARIANTS];
extern enum variant variant;
extern uint32_t n_buffers, burst_max;

/* script.c */
const struct script *script_get(uint16_t id);
uint16_t script_intern(const struct script *script);

/* burst.c: the scripts that a process may start now; at most `max`. */
#define STARTS_MAX 256
uint32_t burst_starts(const struct state *s, uint32_t p, uint16_t *script);
/* The script of a recovery. */
uint16_t burst_recovery(const struct state *s, uint32_t p);

/* step.c: NULL, or what is wrong. */
const char *step_do(struct state *s, uint32_t p, const struct op *op);
void step_cut(struct state *s, uint32_t p);
/* Whether another process can tell that it was done. */
bool step_visible(const struct op *op);

/* invariant.c: NULL, or what is wrong. */
const char *invariant_check(const struct state *s);
/* What FIRST holds and the stack, with the log of an open burst put back. */
void invariant_undone(const struct state *s, uint8_t *held, uint8_t stack[BUFFERS_MAX]);

/* search.c: 0 no violation, 1 one was found and told, 2 the search was too small or too large to say. */
int search_run(uint64_t max_states);

/* wake.c: the same for sleeping and waking; the variant by name, "wake" for the right one. */
bool wake_knows(const char *name);
int wake_run(const char *name);

#endif
