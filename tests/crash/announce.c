#include "tests/crash/announce.h"

#include "tests/crash/hooks.h"

#include <execinfo.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FRAMES 12

static const struct worker *watched;
static uint64_t seen;

static bool within(const void *p, const void *base, uint64_t bytes)
{
	return (uintptr_t)p - (uintptr_t)base < bytes;
}

static void complain(const char *what, uint64_t at)
{
	const struct worker *w = watched;
	void *frame[FRAMES];

	hooks_observe = NULL;
	fprintf(stderr, "uncut %s lane %u, burst %u: %s (%" PRIu64 ")\n", w->ops->name, w->plan->lane,
	        w->journal.epoch, what, at);
	backtrace_symbols_fd(frame, backtrace(frame, FRAMES), STDERR_FILENO);
	exit(1);
}

static bool burst_is_open(const struct journal *j)
{
	return (uint16_t)j->shared->open == (uint16_t)j->shared->epoch;
}

static bool logged(const struct journal *j, uint64_t line)
{
	for (uint32_t k = (uint16_t)(j->shared->open >> 16); k-- > 0;)
		if (j->undo_number[k] == line)
			return true;
	return false;
}

/* Slots of the stack above its committed height hold nothing. */
static bool free_slot(const struct worker *w, const void *p)
{
	const struct stage_params *params = &w->appliance->plan.params;

	return w->stack && within(p, w->stack + w->stack_committed,
	                           (params->buffers / params->lanes - w->stack_committed) * sizeof *w->stack);
}

static void look_at_state(const struct worker *w, const uint8_t *p, size_t bytes)
{
	const struct journal *j = &w->journal;
	uint64_t off = (uint64_t)(p - j->state);

	seen++;
	if (free_slot(w, p))
		return;
	if (!burst_is_open(j))
		complain("it changes state and no burst is open, at byte", off);
	for (uint64_t line = off / CACHE_LINE; line <= (off + bytes - 1) / CACHE_LINE; line++)
		if (!logged(j, line))
			complain("it changes state that is not in the undo log, at byte", off);
}

static void look_at_record(const struct journal *j, const void *p)
{
	const struct record *live = &j->shared->record[j->shared->epoch & 1];

	if (within(p, live, sizeof *live))
		complain("it changes the record in force, at byte",
		        (uint64_t)((const char *)p - (const char *)live));
}

/* Slots from the consumer's index to the committed one hold words. */
static void look_at_rings(const struct worker *w, const void *p)
{
	const struct record *live = &w->journal.shared->record[w->journal.shared->epoch & 1];

	for (uint32_t k = 0; k < w->n_out; k++) {
		const struct worker_out *o = &w->out[k];
		const uint64_t *slots = o->end.own->slots;
		uint32_t slot = (uint32_t)((const uint64_t *)p - slots), cons = o->end.peer->cons;

		if (within(p, slots, (o->end.mask + 1) * sizeof *slots) &&
		        ((slot - cons) & o->end.mask) < live->index[o->link] - cons)
			complain("it writes over a word that stands in a ring, in slot", slot);
	}
}

static void look(const void *p, size_t bytes)
{
	const struct worker *w = watched;

	if (within(p, w->journal.state, w->journal.state_bytes))
		look_at_state(w, p, bytes);
	else if (within(p, w->journal.shared, sizeof *w->journal.shared))
		look_at_record(&w->journal, p);
	else
		look_at_rings(w, p);
}

void announce_begin(const struct worker *worker)
{
	watched = worker;
	hooks_observe = look;
}

void announce_end(void)
{
	hooks_observe = NULL;
}

uint64_t announce_seen(void)
{
	return seen;
}
