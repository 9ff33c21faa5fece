/* Matches of rules on their way into the rules' counters.
 *
 * The rules that a burst's packets match are mostly all different, and a counter of each would be a line of
 * the undo log.  So a burst appends their numbers to a list, a few lines, and the list is counted when it is
 * full. */
#include "services/filter/state.h"

/* One more line that is not kept for others. */
static bool take_line(struct filter *f, uint32_t *lines)
{
	if (!*lines || journal_room(f->env.journal) <= BURST_MAX * FILTER_LINES_PORT + FILTER_LINES_KEPT)
		return false;
	--*lines;
	return true;
}

bool tally_fold(struct filter *f, uint32_t *lines)
{
	uint64_t *count = &f->state->rule[0][0][0];
	struct filter_tally *t = &f->state->tally;
	struct journal *j = f->env.journal;
	uint32_t n = t->n;

	if (!n)
		return true;
	journal_touch(j, t);
	while (n && take_line(f, lines)) {
		uint64_t *of = &count[t->match[--n]];

		journal_touch(j, of);
		++*of;
	}
	t->n = n;
	t->folds++;
	return n == 0;
}

static void uncounted(struct filter *f, uint32_t n)
{
	uint64_t *count = journal_touch(f->env.journal, &f->state->uncounted);

	*count += n;
}

void tally_flush(struct filter *f)
{
	struct filter_tally *t = &f->state->tally;
	struct journal *j = f->env.journal;
	uint32_t n = f->n_matched, lines = UINT32_MAX;

	f->n_matched = 0;
	if (!n)
		return;
	if (unlikely(t->n + n > FILTER_TALLY))
		tally_fold(f, &lines);
	if (unlikely(t->n + n > FILTER_TALLY)) {
		uncounted(f, n);
		return;
	}
	journal_touch(j, t);
	journal_touch_range(j, &t->match[t->n], n * sizeof t->match[0]);
	memcpy(&t->match[t->n], f->matched, n * sizeof t->match[0]);
	t->n += n;
}

void tally_add_unknown(struct filter *f)
{
	uncounted(f, 1);
}

void tally_read(const struct filter_state *s, uint32_t first, uint64_t *count, uint32_t n)
{
	uint32_t waiting = MIN(__atomic_load_n(&s->tally.n, __ATOMIC_RELAXED), FILTER_TALLY);

	for (uint32_t k = 0; k < waiting; k++) {
		uint32_t rule = __atomic_load_n(&s->tally.match[k], __ATOMIC_RELAXED) - first;

		if (rule < n)
			count[rule]++;
	}
}

const char *tally_check(const struct filter_state *s)
{
	if (s->tally.n > FILTER_TALLY)
		return "more matches of rules wait than there is room for";
	for (uint32_t k = 0; k < s->tally.n; k++) {
		uint32_t bank = s->tally.match[k] / FILTER_BANK_RULES,
		         rule = s->tally.match[k] % FILTER_BANK_RULES;

		if (bank >= FILTER_DIRECTIONS * FILTER_BANKS || rule >= (&s->bank[0][0])[bank].n)
			return "a rule that does not exist has matched lately";
	}
	return NULL;
}
