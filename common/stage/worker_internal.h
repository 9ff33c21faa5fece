/* worker_internal: what the parts of the frame share.  A burst goes through begin, load (from a ring) or
 * intake (from a port), the stage's function, emit (verdicts to rings and account) and commit; home has the
 * free buffers, supply moves them, adopt takes up epochs, worker takes turns.  Not for anyone else. */
#ifndef SLUICE_COMMON_STAGE_WORKER_INTERNAL_H
#define SLUICE_COMMON_STAGE_WORKER_INTERNAL_H

#include "common/stage/worker.h"

/* What a burst is about that its input does not tell: the note in its open word. */
enum { NOTE_NONE, NOTE_RECOVERY, NOTE_TIMER, NOTE_CONFIG };

/* begin.c: an empty burst, or one of n packets that the caller fills in. */
void begin_burst(struct worker *w, enum input_kind kind, uint8_t peer_lane, uint32_t n, nanos_t now);

/* load.c: up to `want` packets of an input into the burst; all of one epoch, chains whole.  Returns the words
 * taken from the ring (bad ones included); *epoch is the view to use, NULL if nothing usable was taken. */
uint32_t load_burst(struct worker *w, struct worker_in *in, uint32_t want, const struct epoch **epoch);
/* The words that a burst of `taken` words would hold, to be dropped with one reason. */
void load_dropped(struct worker *w, struct worker_in *in, uint32_t taken);

/* emit.c: every verdict of the burst and its outbox into rings, stack and account. */
void emit_burst(struct worker *w);
/* The buffer is free: to its home. */
void emit_free(struct worker *w, struct pkt_index index);
void emit_free_all(struct worker *w, const struct pkt_index *index, uint32_t n);
/* One word to an output; false: no room. */
bool emit_word(struct worker *w, uint32_t out, struct pkt_index index, uint8_t flags, uint16_t epoch);

/* commit.c */
void commit_open(struct worker *w, uint8_t link, uint8_t note, uint32_t taken);
/* The burst has happened: the record, then the rings; `in` may be NULL. */
void commit_burst(struct worker *w, struct worker_in *in, uint32_t taken, nanos_t now);
/* Publishes all indices from the record, wakes all consumers: after a death. */
void commit_republish(struct worker *w);
/* Wakes who is due to be woken; with `all` whoever sleeps on something published. */
void commit_wake(struct worker *w, nanos_t now, bool all);

/* home.c, of ingest: the free buffers of its share of the pool, a stack. */
static inline uint32_t home_count(const struct worker *w)
{
	return w->appliance->plan.params.buffers / w->appliance->plan.params.lanes;
}

static inline uint32_t home_first(const struct worker *w)
{
	return home_count(w) * w->plan->lane;
}

void home_init(struct worker *w);
void home_attach(struct worker *w);
void home_push(struct worker *w, struct pkt_index index);
void home_push_all(struct worker *w, const struct pkt_index *index, uint32_t n);
/* n free buffers, of w->stack_height. */
void home_give(struct worker *w, struct pkt_index *index, uint32_t n);
/* The same into the burst, for frames. */
void home_take(struct worker *w, uint32_t n);

/* supply.c, of ingest.  Each says whether it has done anything. */
/* Buffers that were freed elsewhere come home by an input. */
bool supply_collect(struct worker *w, struct worker_in *in, nanos_t now);
/* Into the rings of spare buffers that are half empty. */
bool supply_top_up(struct worker *w, nanos_t now);
/* Packets that drivers have sent by now: their buffers come home. */
bool supply_done(struct worker *w, nanos_t now);
/* Free buffers into the ports' rings, as long as enough are left for what arrives. */
bool supply_fill(struct worker *w, nanos_t now);

/* intake.c, of ingest. */
/* A round's frames.  Whether there were any. */
bool intake_ports(struct worker *w, nanos_t now);
/* The frames of a port that the predecessor had in hand are dropped. */
void intake_drop_in_hand(struct worker *w, struct port_id port, uint32_t n, nanos_t now);
/* Whether a frame would find room in every ring, and a buffer.  If not, ingest sleeps: what made no room
 * comes back to it, sent or free. */
bool intake_can_take(struct worker *w);

/* dump.c: the black box, of a predecessor that died by its own fault; else nothing is written.  dump_begin:
 * the record, whole where no packet was in hand; from then on the burst is marked as being recovered from. */
void dump_begin(struct worker *w, const struct journal_open_word *open);
/* The packets in hand, before their verdict: the next `taken` words of an input; the frames of the burst. */
void dump_words(struct worker *w, struct worker_in *in, uint32_t taken);
void dump_frames(struct worker *w);
/* The next n frames of that port were in hand; and when they come, among others, dropped as such. */
void dump_owe(struct worker *w, struct port_id port, uint32_t n);
void dump_owed(struct worker *w, struct port_id port);

/* way.c, of ingest */
void way_attach(struct worker *w);
/* Frames that may be let in for all rings behind to have room for them. */
uint32_t way_room(const struct worker *w);

/* taps.c: to be called only while w->taps.points says that a tap is open. */
/* The n frames that the burst has received. */
void taps_ingress(struct worker *w);
/* A packet of n buffers from place i of the burst on, by its verdict; or dropped though that was another. */
void taps_verdict(struct worker *w, uint32_t i, uint32_t n);
void taps_dropped(struct worker *w, uint32_t i, uint32_t n, enum drop_reason reason);
/* The same for the outbox, whose n entries are order[k] and on. */
void taps_outbox(struct worker *w, const uint16_t *order, uint32_t k, uint32_t n);
void taps_outbox_dropped(
        struct worker *w, const uint16_t *order, uint32_t k, uint32_t n, enum drop_reason reason);
/* A descriptor that never became a packet of the burst; its index may be any. */
void taps_rejected(struct worker *w, struct pkt_index index, enum drop_reason reason);

/* samples.c.  sample_begin: before a burst: the time, where this one is to be sampled, else 0.  sample_end:
 * it is committed; `waiting` in the ring that it came from (0: from a port); `sent`: what it held has been
 * given to drivers. */
nanos_t sample_take(const struct worker *w);
void sample_end(struct worker *w, nanos_t began, uint32_t waiting, bool sent);

static always_inline nanos_t sample_begin(struct worker *w)
{
	if (likely(w->until_sample)) {
		w->until_sample--;
		return 0;
	}
	w->until_sample = SAMPLE_EVERY - 1;
	return sample_take(w);
}

/* adopt.c */
bool adopt_newest(struct worker *w, nanos_t now);
const struct epoch *adopt_view(struct worker *w, uint16_t epoch);
bool adopt_confirm(struct worker *w, nanos_t now);

/* Whether an epoch is offered that this worker has not answered, and the answer: it can read what it would
 * take up. Nothing else is done before all have answered and it is in force, so that one that is withdrawn
 * leaves no trace. */
bool adopt_offered(const struct worker *w);
bool adopt_answer(struct worker *w);

/* Before anything is taken from an input that is not empty: an epoch whose packets come is taken up first.
 * false: it waits for lane 0, and so do they. */
bool adopt_before(struct worker *w, const struct worker_in *in, nanos_t now);

#endif
