/* apply: a configuration is offered to all stages and to the opener of live ports, and in force when every
 * one that lives can take it up; where one cannot, it is withdrawn, and no packet has seen anything of it.
 * The opener may say why it cannot: the kernel refuses a port's MTU.
 *
 * What decides is one store (publish_in_force).  A control that follows one that died finds in shared memory
 * what is offered and what is in force, and in the history which of both the change was to be (start.c). */
#include "services/control/internal.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void tick(uv_timer_t *timer);

static void finish(struct control *c)
{
	uv_timer_stop(&c->apply_timer);
	if (!c->apply.adopted)
		config_free(c->apply.config);
	c->apply.config = NULL;
	c->apply.call = NULL;
	c->apply.adopted = false;
}

/* The end of what could not be published: told to who waits, or kept for Status. */
__attribute__((format(printf, 3, 4))) static void give_up(
        struct control *c, enum rpc_status status, const char *format, ...)
{
	struct rpc_call *call = c->apply.call;
	char why[CONTROL_WHY_BYTES];
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof why, format, ap);
	va_end(ap);
	if (!c->apply.restore && !c->apply.adopted)
		change_note(c, ENTRY_REFUSED, c->apply.change, 0, why);
	if (!call)
		memcpy(c->problem, why, sizeof why);
	claim_drop(&c->apply.claim);
	finish(c);
	if (call)
		rpc_fail(call, status, "%s", why);
}

/* Adds a name to those that are told. */
static void add_name(char *names, size_t size, const char *name)
{
	size_t at = strlen(names);

	snprintf(names + at, size - at, "%s%s", at ? ", " : "", name);
}

/* What the opener says, where one lives. */
static bool opener_says(const struct control *c, struct board_opener *opener)
{
	const struct board *board = control_board(c);

	return board && board_opener_read(&board->opener, opener) && opener->lives;
}

static bool waits_for_opener(const struct control *c)
{
	const struct board *board = control_board(c);
	struct board_opener opener;

	if (!board)
		return false;
	if (!board_opener_read(&board->opener, &opener))
		return true; /* it is writing, or has died so: the keeper then takes its word away */
	if (!opener.lives)
		return false;
	return c->publisher.offered ? opener.ready != c->publisher.offered
	                            : opener.adopted != c->publisher.number;
}

/* Who lives and has not answered the offer, or taken up what is in force, by name; returns how many. */
static uint32_t waiting_for(const struct control *c, char *names, size_t size)
{
	const struct appliance *a = c->appliance;
	uint32_t n = 0, last = STAGE_COUNT;

	names[0] = 0;
	for (uint32_t w = 0; w < a->plan.n_workers; w++) {
		uint32_t stage = a->plan.worker[w].stage;

		if (!publish_missing(&c->publisher, w) || !control_lives(c, (enum stage_id)stage) ||
		        stage == last)
			continue;
		add_name(names, size, control_stage_name((enum stage_id)stage));
		last = stage;
		n++;
	}
	if (!waits_for_opener(c))
		return n;
	add_name(names, size, "the port opener");
	return n + 1;
}

static void note_applied(struct control *c, uint64_t took_ns)
{
	struct entry r = {.number = c->apply.change,
	        .event = c->apply.adopted   ? ENTRY_ADOPTED
	                 : c->apply.restore ? ENTRY_RESTORED
	                                    : ENTRY_APPLIED,
	        .uid = -1,
	        .epoch = c->apply.number,
	        .took_us = c->apply.adopted ? 0 : took_ns / 1000};
	int err = c->apply.change ? state_note(&c->state, &r) : 0;

	if (err)
		snprintf(c->problem, sizeof c->problem,
		        "configuration %u is in force as epoch %u, but that cannot be written down: %s",
		        r.number, r.epoch, strerror(-err));
	else if (!c->apply.restore && !c->apply.adopted)
		c->problem[0] = 0;
}

static void take_over(struct control *c)
{
	config_free(c->before);
	c->before = c->apply.confirm_s ? c->config : NULL;
	if (!c->apply.confirm_s)
		config_free(c->config);
	c->config = c->apply.config;
	c->apply.config = NULL;
	c->adoptions = 0;
}

static void taken_up(struct control *c)
{
	Sluice__ApplyReply reply = SLUICE__APPLY_REPLY__INIT;
	struct rpc_call *call = c->apply.call;
	const char *later[NEXT_START_KEYS];

	reply.epoch = c->apply.number;
	reply.took_ns = uv_hrtime() - c->apply.began;
	reply.number = c->apply.change;
	reply.confirm_s = c->apply.confirm_s;
	note_applied(c, reply.took_ns);
	if (!c->apply.adopted)
		take_over(c);
	finish(c);
	dynamic_configure(c);
	if (reply.confirm_s)
		confirm_wait(c, (uint64_t)reply.confirm_s * 1000);
	metrics_take_up(c);
	reply.n_next_start = call ? change_next_start(c, c->config, c->metrics_wait, later) : 0;
	reply.next_start = (char **)later;
	if (call)
		rpc_reply(call, &reply.base);
	listen_take_up(c);
	claim_drop(&c->apply.claim);
}

static void undo(struct control *c, const char *names)
{
	struct rpc_call *call = c->apply.call;

	dynamic_withdraw(c);
	snprintf(c->problem, sizeof c->problem,
	        "epoch %u was not taken up in time by: %s; the configuration before it stays in force",
	        c->apply.number, names);
	change_note(c, ENTRY_UNDONE, c->apply.change, 0, c->problem);
	claim_drop(&c->apply.claim);
	finish(c);
	if (call)
		rpc_fail(call, RPC_ABORTED, "%s", c->problem);
}

static void no_room(struct control *c)
{
	const struct publish_shortage *s = &c->publisher.shortage;

	if (s->needed)
		give_up(c, RPC_RESOURCE_EXHAUSTED,
		        "its %s take %lu MiB, and the appliance was started with room for %lu MiB of them: "
		        "start it anew with this file",
		        s->of, (unsigned long)(s->needed >> 20) + 1, (unsigned long)(s->has >> 20));
	else
		give_up(c, RPC_RESOURCE_EXHAUSTED,
		        "its %s do not fit any table: join prefixes that have the same next hop", s->of);
}

/* Whether it comes into force whoever is late: it was in force before, or nothing is. */
static bool insists(const struct control *c)
{
	return c->apply.restore || c->apply.adopted || !c->publisher.number;
}

static void cannot_make(struct control *c, int err)
{
	dynamic_withdraw(c);
	if (err == -ENOSPC)
		no_room(c);
	else
		give_up(c, RPC_INTERNAL, "it cannot be compiled: %s", strerror(-err));
}

/* Whether there is more to be done for it at once. */
static bool try_make(struct control *c)
{
	bool late = uv_now(c->loop) >= c->apply.deadline;
	int err = adoption_take(c, c->apply.config);

	if (!err)
		err = publish_make(&c->publisher, c->apply.config);
	if (!err)
		err = dynamic_fill_begin(c);
	if (!err)
		c->apply.phase = APPLY_FILLS;
	else if (err == -EBUSY && late && !insists(c))
		give_up(c, RPC_ABORTED,
		        "packets of epoch %u are still under way, so that no third one can be put in force; "
		        "try again",
		        c->publisher.number - 1);
	else if (err != -EBUSY && err != -EAGAIN)
		cannot_make(c, err);
	return !err || err == -EAGAIN;
}

/* What control itself takes is none of the time that stages have. */
static void wait_longer(struct control *c)
{
	c->apply.deadline += uv_now(c->loop) - c->apply.looked;
	c->apply.looked = uv_now(c->loop);
}

static void offer(struct control *c)
{
	publish_offer(&c->publisher);
	uv_update_time(c->loop);
	wait_longer(c);
	c->apply.phase = APPLY_OFFERED;
	c->apply.number = c->publisher.offered;
	c->apply.began = uv_hrtime();
	if (insists(c))
		c->apply.deadline = uv_now(c->loop) + APPLY_DEADLINE_MS;
	dynamic_published(c);
}

static bool fill(struct control *c)
{
	int more = dynamic_fill(c);

	if (more == 0)
		offer(c);
	else if (more < 0)
		cannot_make(c, more);
	return more > 0;
}

/* A part of it.  Whether there is another one to be done at once. */
static bool make_part(struct control *c)
{
	switch (c->apply.phase) {
	case APPLY_WAITS: return !dynamic_inherits(c) && try_make(c);
	case APPLY_FILLS: return fill(c);
	case APPLY_OFFERED:
	case APPLY_IN_FORCE: return false;
	}
	__builtin_unreachable();
}

static void make_some(struct control *c)
{
	uint64_t until = uv_hrtime() + APPLY_FILL_NS;

	if (c->apply.phase == APPLY_FILLS || dynamic_inherits(c) || c->publisher.cleared)
		wait_longer(c);
	c->apply.looked = uv_now(c->loop);
	while (c->apply.config && make_part(c) && uv_hrtime() < until)
		;
}

/* Whether the opener cannot take up what is offered. */
static bool is_refused(const struct control *c, struct board_opener *opener)
{
	return c->apply.phase == APPLY_OFFERED && !insists(c) && opener_says(c, opener) &&
	       opener->ready == c->publisher.offered && opener->refused;
}

/* Where in the configuration's text the refused key stands. */
static void place_refusal(
        const struct control *c, const struct board_opener *opener, struct config_errors *errors)
{
	const struct change *change = history_find(&c->state.history, c->apply.change);
	const struct epoch_port *port = epoch_port(&c->publisher.view[c->publisher.offered & 1],
	        (struct port_id){(uint16_t)MIN(opener->phys, EPOCH_PHYS_MAX)});
	const struct config *config = c->apply.config;
	struct config_text text = {.name = change ? change->r.file : "configuration"};
	const char *key = opener->refused == BOARD_REFUSED_MAC ? "mac" : "mtu";
	char *kept = NULL, found[BOARD_WHY + 64];

	if (!state_text(&c->state, c->apply.change, &kept, &text.len))
		text.text = kept;
	for (uint32_t i = 0; i < config->n_ports && port && kept; i++) {
		const struct config_port *p = &config->ports[i];

		if (strcmp(p->name.text, port->name) != 0)
			continue;
		snprintf(found, sizeof found, "the %s of port %s: %s", key, port->name, opener->why);
		config_error_at(&text, &p->item, key, found, NULL, errors);
	}
	free(kept);
}

static void refuse(struct control *c, const struct board_opener *opener)
{
	struct config_errors errors = {0};
	struct rpc_call *call = c->apply.call;
	char why[CONTROL_WHY_BYTES];

	place_refusal(c, opener, &errors);
	dynamic_withdraw(c);
	if (!errors.n) {
		give_up(c, RPC_ABORTED, "the port opener refuses it: %s", opener->why);
		return;
	}
	change_explain(errors.list->file, &errors, why);
	change_note(c, ENTRY_REFUSED, c->apply.change, 0, why);
	claim_drop(&c->apply.claim);
	finish(c);
	if (call)
		change_fail(call, &errors);
	else
		memcpy(c->problem, why, sizeof why);
	config_errors_free(&errors);
}

/* Who is late in taking up what is in force will find it when it runs again: its packets wait for it. */
static void follow_offer(struct control *c)
{
	bool late = uv_now(c->loop) >= c->apply.deadline;
	struct board_opener opener;
	char names[128];
	uint32_t n = waiting_for(c, names, sizeof names);

	if (is_refused(c, &opener)) {
		refuse(c, &opener);
		return;
	}
	if (c->apply.phase == APPLY_OFFERED && (!n || (late && insists(c)))) {
		publish_in_force(&c->publisher);
		c->apply.phase = APPLY_IN_FORCE;
		n = waiting_for(c, names, sizeof names);
	}
	if (c->apply.phase == APPLY_IN_FORCE && (!n || late))
		taken_up(c);
	else if (late)
		undo(c, names);
}

static void tick(uv_timer_t *timer)
{
	struct control *c = timer->data;
	uint64_t until;

	make_some(c);
	until = uv_hrtime() + APPLY_LOOK_NS;
	/* They answer in microseconds, where the machine lets them. */
	while (c->apply.config && c->apply.phase >= APPLY_OFFERED) {
		follow_offer(c);
		if (uv_hrtime() >= until)
			break;
		sched_yield();
	}
}

static void run(struct control *c, const struct apply *how, uint64_t deadline)
{
	c->apply = *how;
	c->apply.deadline = deadline;
	c->apply.looked = uv_now(c->loop);
	if (how->call)
		rpc_on_cancel(how->call, apply_gone, c);
	uv_timer_start(&c->apply_timer, tick, 0, APPLY_TICK_MS);
}

void apply_begin(struct control *c, const struct apply *how, uint32_t deadline_ms)
{
	uv_update_time(c->loop);
	run(c, how, uv_now(c->loop) + deadline_ms);
}

void apply_restore(struct control *c, uint32_t change, struct config *config, struct rpc_call *call)
{
	apply_begin(c, &(struct apply){.call = call, .config = config, .change = change, .restore = true},
	        APPLY_DEADLINE_MS);
}

void apply_adopted(struct control *c)
{
	apply_begin(c,
	        &(struct apply){.config = c->config, .change = c->state.history.in_force, .adopted = true},
	        APPLY_DEADLINE_MS);
}

bool apply_busy(struct control *c)
{
	if (c->apply.adopted) {
		if (c->apply.phase == APPLY_FILLS || c->apply.phase == APPLY_OFFERED)
			dynamic_withdraw(c);
		finish(c);
	}
	return c->apply.config;
}

void apply_resume(struct control *c, const struct apply *how)
{
	struct apply rest = *how;

	rest.phase = c->publisher.offered ? APPLY_OFFERED : APPLY_IN_FORCE;
	rest.number = c->publisher.offered ? c->publisher.offered : c->publisher.number;
	rest.began = uv_hrtime();
	/* A predecessor may have died before it had told everybody. */
	control_wake_all(c);
	apply_begin(c, &rest, APPLY_DEADLINE_MS);
}

void apply_end(struct control *c)
{
	uv_timer_stop(&c->apply_timer);
	claim_drop(&c->apply.claim);
	c->apply.call = NULL;
	(void)apply_busy(c);
}

/* What its client began goes on without it. */
void apply_gone(void *context, struct rpc_call *call)
{
	struct control *c = context;

	(void)call;
	c->apply.call = NULL;
}
