/* search: every state that can be reached, breadth first, so that what is told of a violation is a shortest
 * way. */
#include "tests/model/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum what { START, WRITE, CUT };

/* How a state was reached. */
struct node {
	uint32_t parent;
	uint8_t p;
	uint8_t what;
	struct op op;
};

struct level {
	struct state *state;
	uint32_t *node;
	uint64_t n, room;
};

/* What the search must have met, or it says nothing. */
struct met {
	uint64_t cuts, recovery_cuts, log_in_dead, unpublished_in_dead, two_dead, all_dead, chains, answers;
};

static struct {
	uint64_t *table; /* fingerprints of states */
	uint64_t size, n;
	struct node *node;
	uint64_t node_room;
	struct level now, next;
	uint32_t at; /* node of the state that is expanded */
	struct met met;
} search;

static const char *const op_name[] = {[OP_OPEN] = "open",
        [OP_REWRITE] = "rewrite",
        [OP_LOG] = "log",
        [OP_COUNT] = "undo count",
        [OP_SET] = "set",
        [OP_SENT] = "sent",
        [OP_PUT] = "put",
        [OP_PUSH] = "push",
        [OP_RECORD] = "record",
        [OP_RECORD_INDEX] = "record index",
        [OP_RECORD_HEIGHT] = "record height",
        [OP_COMMIT] = "commit",
        [OP_RELEASE] = "release",
        [OP_PUBLISH] = "publish",
        [OP_RESTORE] = "restore"};

static void *grown(void *p, uint64_t bytes)
{
	p = realloc(p, bytes);
	if (!p) {
		fprintf(stderr, "no memory\n");
		exit(2);
	}
	return p;
}

static uint64_t fingerprint(const struct state *s)
{
	const uint8_t *p = (const uint8_t *)s;
	uint64_t h = UINT64_C(0x243f6a8885a308d3), w;
	size_t i = 0;

	for (; i < sizeof *s; i += sizeof w) {
		w = 0;
		memcpy(&w, p + i, sizeof *s - i < sizeof w ? sizeof *s - i : sizeof w);
		h = (h ^ w) * UINT64_C(0x9fb21c651e98df25);
		h ^= h >> 35;
	}
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	return h ? h : 1;
}

static void table_put(uint64_t h)
{
	uint64_t i = h & (search.size - 1);

	while (search.table[i])
		i = (i + 1) & (search.size - 1);
	search.table[i] = h;
}

static void table_grow(void)
{
	uint64_t *old = search.table, size = search.size;

	search.size = size ? 2 * size : 1 << 16;
	search.table = calloc(search.size, sizeof *search.table);
	if (!search.table)
		exit(2);
	for (uint64_t i = 0; i < size; i++)
		if (old[i])
			table_put(old[i]);
	free(old);
}

/* Whether it is new. */
static bool table_add(uint64_t h)
{
	if (search.n * 3 >= search.size * 2)
		table_grow();
	for (uint64_t i = h & (search.size - 1); search.table[i]; i = (i + 1) & (search.size - 1))
		if (search.table[i] == h)
			return false;
	table_put(h);
	search.n++;
	return true;
}

static void level_add(struct level *l, const struct state *s, uint32_t node)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 4096;
		l->state = grown(l->state, l->room * sizeof *l->state);
		l->node = grown(l->node, l->room * sizeof *l->node);
	}
	l->state[l->n] = *s;
	l->node[l->n++] = node;
}

static void tell_step(const struct node *n)
{
	static const char *const who[] = {"ingest", "first", "second"};

	if (n->what == START)
		printf("    %-7s starts a burst or its recovery\n", who[n->p]);
	else if (n->what == CUT)
		printf("    %-7s DIES before: %s %u\n", who[n->p], op_name[n->op.kind], n->op.a);
	else if (n->op.kind == OP_PUT || n->op.kind == OP_RELEASE || n->op.kind == OP_PUBLISH)
		printf("    %-7s %s %s %d %u\n", who[n->p], op_name[n->op.kind], ring_name[n->op.a], n->op.b,
		        WORD_BUFFER(n->op.c));
	else
		printf("    %-7s %s %u %d %u\n", who[n->p], op_name[n->op.kind], n->op.a, n->op.b, n->op.c);
}

static void tell_way(uint32_t to)
{
	if (search.node[to].parent != to)
		tell_way(search.node[to].parent);
	if (to)
		tell_step(&search.node[to]);
}

static bool reached(struct state *s, const char *wrong, uint32_t p, enum what what, struct op op)
{
	struct node node = {search.at, (uint8_t)p, (uint8_t)what, op};

	if (!wrong)
		wrong = invariant_check(s);
	if (wrong) {
		printf("%s: %s (after %" PRIu64 " states)\n", variant_name[variant], wrong, search.n);
		tell_way(search.at);
		tell_step(&node);
		return false;
	}
	if (!table_add(fingerprint(s)))
		return true;
	if (search.n >= search.node_room) {
		search.node_room = search.node_room ? 2 * search.node_room : 1 << 16;
		search.node = grown(search.node, search.node_room * sizeof *search.node);
	}
	search.node[search.n - 1] = node;
	level_add(&search.next, s, (uint32_t)(search.n - 1));
	return true;
}

static bool expand_write(const struct state *s, uint32_t p)
{
	const struct process *q = &s->p[p];
	const struct script *script = script_get(q->script);
	struct op op = script->op[q->pc];
	struct state written = *s, cut = *s;
	const char *wrong = step_do(&written, p, &op);

	written.p[p].pc++;
	if (written.p[p].pc == script->n)
		written.p[p].mode = IDLE, written.p[p].script = 0, written.p[p].pc = 0;
	search.met.chains += op.kind == OP_PUT && op.c & WORD_MORE && op.a == RX2;
	search.met.answers += op.kind == OP_PUT && op.a == TX2 && !(s->rewritten >> WORD_BUFFER(op.c) & 1);
	search.met.cuts++;
	search.met.recovery_cuts += q->mode == RECOVERS;
	step_cut(&cut, p);
	return reached(&written, wrong, p, WRITE, op) && reached(&cut, NULL, p, CUT, op);
}

static bool expand_starts(const struct state *s, uint32_t p)
{
	uint16_t script[STARTS_MAX];
	uint32_t n = s->p[p].mode == DEAD ? 1 : burst_starts(s, p, script);

	if (s->p[p].mode == DEAD)
		script[0] = burst_recovery(s, p);
	for (uint32_t i = 0; i < n; i++) {
		struct state t = *s;

		t.p[p].mode = s->p[p].mode == DEAD ? RECOVERS : RUNS;
		t.p[p].script = script[i];
		if (script_get(script[i])->n == 0)
			t.p[p].mode = IDLE, t.p[p].script = 0;
		if (!reached(&t, NULL, p, START, (struct op){0}))
			return false;
	}
	return true;
}

static void meet(const struct state *s)
{
	uint32_t dead = 0;

	for (uint32_t p = 0; p < PROCESSES; p++) {
		const struct process *q = &s->p[p];
		bool behind = false;

		if (q->mode != DEAD)
			continue;
		dead++;
		for (uint32_t r = 0; r < RINGS; r++)
			behind |= (ring_producer[r] == p && q->truth.index[r] != s->ring[r].prod) ||
			          (ring_consumer[r] == p && q->truth.index[r]);
		search.met.unpublished_in_dead += behind;
		search.met.log_in_dead += q->open && q->undo;
	}
	search.met.two_dead += dead == 2;
	search.met.all_dead += dead == PROCESSES;
}

static bool writes(const struct process *q)
{
	return q->mode == RUNS || q->mode == RECOVERS;
}

/* A write that no other process can tell is not tried against theirs: only the cut before it matters. */
static bool expand(const struct state *s)
{
	meet(s);
	for (uint32_t p = 0; p < PROCESSES; p++)
		if (writes(&s->p[p]) && !step_visible(&script_get(s->p[p].script)->op[s->p[p].pc]))
			return expand_write(s, p);
	for (uint32_t p = 0; p < PROCESSES; p++)
		if (!(writes(&s->p[p]) ? expand_write(s, p) : expand_starts(s, p)))
			return false;
	return true;
}

static struct state first_state(void)
{
	struct state s;

	memset(&s, 0, sizeof s);
	for (uint32_t p = 0; p < PROCESSES; p++) {
		memset(&s.p[p].next, POISON, sizeof s.p[p].next);
		memset(s.p[p].line, POISON, sizeof s.p[p].line);
		memset(s.p[p].old, POISON, sizeof s.p[p].old);
	}
	for (uint32_t r = 0; r < RINGS; r++)
		memset(s.ring[r].slot, POISON, sizeof s.ring[r].slot);
	memset(s.stack, POISON, sizeof s.stack);
	for (uint32_t b = 0; b < n_buffers; b++)
		s.stack[b] = (uint8_t)(b + 1);
	s.p[INGEST].truth.height = (uint8_t)n_buffers;
	return s;
}

static int told(void)
{
	const struct met *m = &search.met;

	printf("%s: %" PRIu64 " states, no violation; %" PRIu64 " cuts, %" PRIu64
	       " of them in a recovery; of states with a dead process %" PRIu64 " had a log, %" PRIu64
	       " something to publish, %" PRIu64 " a second dead one, %" PRIu64 " no other; %" PRIu64
	       " chains, %" PRIu64 " answers\n",
	        variant_name[variant], search.n, m->cuts, m->recovery_cuts, m->log_in_dead,
	        m->unpublished_in_dead, m->two_dead, m->all_dead, m->chains, m->answers);
	if (m->recovery_cuts && m->log_in_dead && m->unpublished_in_dead && m->two_dead &&
	        (m->all_dead || n_buffers < 3) && m->chains && m->answers)
		return 0;
	printf("the search never met what it is for\n");
	return 2;
}

int search_run(uint64_t max_states)
{
	struct state s = first_state();
	struct script none = {.n = 0};

	script_intern(&none);
	if (!reached(&s, NULL, 0, START, (struct op){0}))
		return 1;
	while (search.next.n) {
		struct level done = search.now;

		search.now = search.next;
		search.next = done;
		search.next.n = 0;
		for (uint64_t i = 0; i < search.now.n; i++) {
			search.at = search.now.node[i];
			if (!expand(&search.now.state[i]))
				return 1;
		}
		if (search.n > max_states) {
			printf("%s: more than %" PRIu64 " states\n", variant_name[variant], max_states);
			return 2;
		}
	}
	return told();
}
