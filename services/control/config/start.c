/* start: what control does with what its predecessor, or the appliance before this one, left. */
#include "services/control/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- a new appliance ---- */

/* malloc'd; NULL: it cannot be read, or is larger than a text may be. */
static char *read_file(const char *path, size_t *len)
{
	char *text = NULL;
	size_t room = 0, got = 1;
	FILE *f = fopen(path, "re");

	*len = 0;
	while (f && got && *len <= STATE_TEXT_MAX) {
		char *more = *len == room ? realloc(text, room += 65536) : text;

		if (!more)
			break;
		text = more;
		got = fread(text + *len, 1, room - *len, f);
		*len += got;
	}
	if (!f || got || ferror(f)) {
		free(text);
		text = NULL;
	}
	if (f)
		fclose(f);
	return text;
}

void control_load(const char *path, struct control_first *first)
{
	struct config_errors errors = {0};
	int err;

	*first = (struct control_first){0};
	first->text = read_file(path, &first->len);
	if (!first->text) {
		snprintf(first->problem, sizeof first->problem, "%.900s cannot be read", path);
		return;
	}
	err = config_parse(path, first->text, first->len, &first->config, &errors);
	if (err)
		change_explain(path, &errors, first->problem);
	else
		config_take_macs(first->config);
	config_errors_free(&errors);
}

/* Whether the file says what it said when an appliance was started with it last. */
static bool unchanged(const struct control *c, const struct control_first *first)
{
	char *was = NULL;
	size_t was_len = 0;
	bool same = c->state.history.started &&
	            !state_text(&c->state, c->state.history.started, &was, &was_len) &&
	            was_len == first->len && !memcmp(was, first->text, was_len);

	free(was);
	return same;
}

/* What was in force last comes back.  false: it cannot, and c->problem says why. */
static bool restore_last(struct control *c)
{
	char why[CONTROL_WHY_BYTES];
	struct config *config = change_load(c, c->state.history.in_force, why);

	if (config)
		apply_restore(c, c->state.history.in_force, config, NULL);
	else
		snprintf(c->problem, sizeof c->problem,
		        "configuration %u, which was in force last, cannot come back: %.700s",
		        c->state.history.in_force, why);
	return config;
}

bool start_again(struct control *c)
{
	return c->state.history.in_force && restore_last(c);
}

/* What was under way ended with the appliance. */
static void end_begun(struct control *c)
{
	struct history *h = &c->state.history;

	if (h->begun)
		change_note(c, ENTRY_INTERRUPTED, h->begun, 0, "the appliance ended meanwhile");
	if (h->waits)
		change_note(c, ENTRY_UNCONFIRMED, h->waits, 0, "the appliance ended meanwhile");
}

/* The newer of two changes counts: that of the file since the last start, or what was applied last; and what
 * can be read before what cannot. */
static void start_anew(struct control *c, struct control_first *first)
{
	end_begun(c);
	if (!first->config)
		memcpy(c->problem, first->problem, sizeof c->problem);
	if (c->state.history.in_force && (!first->config || unchanged(c, first)) && restore_last(c))
		return;
	if (!first->config)
		return;
	change_want(c, &(struct change_wanted){.act = ENTRY_START,
	                       .file = c->config_path,
	                       .text = first->text,
	                       .len = first->len,
	                       .config = first->config});
	first->config = NULL;
}

/* ---- an appliance that runs ---- */

/* The configuration of a change; Status tells where it cannot be read. */
static struct config *load(struct control *c, uint32_t number)
{
	return number ? change_load(c, number, c->problem) : NULL;
}

/* What a predecessor had begun: it has put it in force, or offered it, or not even that. */
static void finish_begun(struct control *c, const struct change *begun)
{
	const struct entry r = begun->r;
	struct config *config;

	c->config = load(c, c->state.history.in_force);
	if (r.epoch != c->publisher.number && r.epoch != c->publisher.offered) {
		change_note(c, ENTRY_INTERRUPTED, r.number, 0,
		        "control died before it was put in force: nothing was changed");
		return;
	}
	config = load(c, r.number);
	if (config) {
		apply_resume(
		        c, &(struct apply){.config = config, .change = r.number, .confirm_s = r.confirm_s});
		return;
	}
	change_note(c, ENTRY_UNDONE, r.number, 0, c->problem);
	if (c->publisher.offered) {
		publish_withdraw(&c->publisher);
		return;
	}
	config = c->config;
	c->config = NULL;
	if (config)
		apply_restore(c, c->state.history.in_force, config, NULL);
}

/* Time goes on while no control lives; a clock that was set meanwhile does no harm beyond the time given. */
static void wait_on(struct control *c)
{
	const struct change *waits = history_find(&c->state.history, c->state.history.waits);
	uint64_t whole = (uint64_t)waits->r.confirm_s * 1000, now = 0, end = waits->ended_ms + whole;
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	now = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
	confirm_wait(c, MIN(end > now ? end - now : 0, whole));
}

static void go_on(struct control *c)
{
	const struct history *h = &c->state.history;
	const struct change *begun = history_find(h, h->begun);

	/* What was to come back, or what ports had taken over: that is begun anew. */
	if (c->publisher.offered && !(begun && begun->r.epoch == c->publisher.offered))
		publish_withdraw(&c->publisher);
	if (begun)
		finish_begun(c, begun);
	else if (h->in_force && h->in_force_epoch != c->publisher.number)
		(void)restore_last(c);
	else
		c->config = load(c, h->in_force);
	if (history_find(h, h->waits))
		wait_on(c);
}

void start_take_up(struct control *c, struct control_first *first)
{
	struct control_first none = {.problem = "no configuration was read"};

	if (!first)
		first = &none;
	if (c->publisher.number) {
		go_on(c);
	} else {
		publish_withdraw(&c->publisher); /* the first one, of a predecessor that died at once */
		start_anew(c, first);
	}
	config_free(first->config);
	free(first->text);
}
