/* change: a configuration that somebody wants in force is judged, and noted before anything is done. */
#include "services/control/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What cannot change while it runs: NULL, or the key that would. */
static const char *fixed_key(const struct control *c, const struct config *config)
{
	struct stage_params wanted;

	config_params(config, &wanted);
	return config_fixed_key(&c->appliance->plan.params, &wanted);
}

void change_explain(const char *file, const struct config_errors *errors, char why[CONTROL_WHY_BYTES])
{
	const struct config_error *e = errors->list;

	if (errors->n)
		snprintf(why, CONTROL_WHY_BYTES, "%s:%u:%u: %s%s%s", e->file, e->line, e->column, e->found,
		        e->expected ? "; expected: " : "", e->expected ? e->expected : "");
	else
		snprintf(why, CONTROL_WHY_BYTES, "%.900s cannot be loaded", file);
}

/* ---- notes ---- */

/* "~ports.wan.mtu +routes[default], and 3 more": what differs from the text in force. */
static void summarise(const struct control *c, const struct change_wanted *w, char *to, size_t size)
{
	static const char sign[] = {'+', '-', '~', '^'};
	struct config_text before = {.name = "before"}, after = {w->file, w->text, w->len};
	struct config_differences d = {0};
	struct config_errors errors = {0};
	char *text = NULL;
	size_t at = 0;

	to[0] = 0;
	if (c->state.history.in_force &&
	        !state_text(&c->state, c->state.history.in_force, &text, &before.len))
		before.text = text;
	if (!config_diff(&before, &after, &d, &errors) && !d.n)
		snprintf(to, size, "nothing");
	for (uint32_t i = 0; i < d.n && at + 24 < size; i++) {
		size_t room = size - at - 24; /* for how many more */
		size_t len = strlen(d.list[i].path) + 2;

		if (len > room) {
			snprintf(to + at, size - at, "%sand %u more", at ? ", " : "", d.n - i);
			break;
		}
		at += (size_t)snprintf(
		        to + at, size - at, "%s%c%s", at ? " " : "", sign[d.list[i].kind], d.list[i].path);
	}
	config_differences_free(&d);
	config_errors_free(&errors);
	free(text);
}

void change_entry(const struct control *c, const struct change_wanted *w, struct entry *r)
{
	struct rpc_who who = {.uid = -1};

	*r = (struct entry){.number = c->state.history.next,
	        .act = (uint8_t)w->act,
	        .base = c->state.history.in_force,
	        .of = w->of,
	        .confirm_s = w->confirm_s};
	if (w->call) {
		who = rpc_caller(w->call);
		snprintf(r->from, sizeof r->from, "%s", rpc_socket_name(w->call));
	}
	r->uid = who.uid;
	r->pid = who.pid;
	snprintf(r->key, sizeof r->key, "%s", who.key);
	snprintf(r->file, sizeof r->file, "%s", w->file);
}

void change_note(struct control *c, enum entry_event event, uint32_t number, uint32_t epoch, const char *why)
{
	struct entry r = {.number = number, .event = (uint8_t)event, .uid = -1, .epoch = epoch};
	int err;

	if (!number)
		return;
	snprintf(r.why, sizeof r.why, "%.*s", (int)sizeof r.why - 1, why);
	err = state_note(&c->state, &r);
	if (err)
		snprintf(c->problem, sizeof c->problem,
		        "what became of configuration %u cannot be written down: %s", number, strerror(-err));
}

/* ---- refusing ---- */

static char *unconst(const char *s)
{
	return s ? (char *)s : (char *)"";
}

void change_fail(struct rpc_call *call, const struct config_errors *errors)
{
	Sluice__ApplyReply reply = SLUICE__APPLY_REPLY__INIT;
	Sluice__ConfigError *item = calloc(errors->n + 1, sizeof *item);
	Sluice__ConfigError **list = calloc(errors->n + 1, sizeof(void *));
	char message[128];

	for (uint32_t i = 0; item && list && i < errors->n; i++) {
		const struct config_error *e = &errors->list[i];

		sluice__config_error__init(&item[i]);
		item[i].file = unconst(e->file);
		item[i].line = e->line;
		item[i].column = e->column;
		item[i].found = unconst(e->found);
		item[i].expected = unconst(e->expected);
		item[i].hint = unconst(e->hint);
		item[i].source = unconst(e->source);
		list[i] = &item[i];
		reply.n_errors++;
	}
	reply.errors = list;
	snprintf(message, sizeof message, "%u error%s in the configuration; nothing was changed",
	        errors->n + errors->more, errors->n + errors->more == 1 ? "" : "s");
	rpc_fail_body(call, RPC_INVALID_ARGUMENT, message, &reply.base);
	free(list);
	free(item);
}

/* The history tells of it too, unless it was only to be judged. */
static void note_refused(struct control *c, const struct change_wanted *w, const char *why)
{
	struct entry r;
	int err;

	if (w->check)
		return;
	change_entry(c, w, &r);
	r.event = ENTRY_REFUSED;
	snprintf(r.why, sizeof r.why, "%.*s", (int)sizeof r.why - 1, why);
	err = state_note(&c->state, &r);
	if (err)
		snprintf(c->problem, sizeof c->problem, "a refusal cannot be written down: %s",
		        strerror(-err));
}

__attribute__((format(printf, 4, 5))) static void refuse(
        struct control *c, const struct change_wanted *w, enum rpc_status status, const char *format, ...)
{
	char why[CONTROL_WHY_BYTES];
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof why, format, ap);
	va_end(ap);
	if (w->call)
		rpc_fail(w->call, status, "%s", why);
	else
		memcpy(c->problem, why, sizeof why);
}

static void refuse_errors(
        struct control *c, const struct change_wanted *w, const struct config_errors *errors)
{
	char why[CONTROL_WHY_BYTES];

	change_explain(w->file, errors, why);
	note_refused(c, w, why);
	if (w->call)
		change_fail(w->call, errors);
	else
		memcpy(c->problem, why, sizeof why);
}

/* ---- accepting ---- */

/* The text is kept and the entry written; only then anything happens.  0 or a negative errno. */
static int write_down(struct control *c, const struct change_wanted *w, struct entry *r)
{
	int err;

	change_entry(c, w, r);
	r->event = ENTRY_BEGUN;
	r->epoch = publisher_next(&c->publisher);
	summarise(c, w, r->change, sizeof r->change);
	err = state_keep(&c->state, r->number, w->text, w->len);
	return err ? err : state_note(&c->state, r);
}

static void begin(
        struct control *c, const struct change_wanted *w, struct config *config, struct claim *claim)
{
	struct entry r;
	int err = write_down(c, w, &r);

	/* An appliance starts even where its disk is full. */
	if (err && w->call) {
		claim_drop(claim);
		config_free(config);
		refuse(c, w, RPC_RESOURCE_EXHAUSTED,
		        "the change cannot be written down in the state folder: %s; nothing was changed",
		        strerror(-err));
		return;
	}
	apply_begin(c,
	        &(struct apply){.call = w->call,
	                .config = config,
	                .change = err ? 0 : r.number,
	                .confirm_s = w->confirm_s,
	                .claim = *claim},
	        w->deadline_ms ? w->deadline_ms : APPLY_DEADLINE_MS);
}

/* The appliance could take it. */
static void answer_judged(struct control *c, const struct change_wanted *w, const struct config *config,
        const struct claim *claim)
{
	Sluice__ApplyReply reply = SLUICE__APPLY_REPLY__INIT;
	const char *later[NEXT_START_KEYS];

	reply.epoch = c->publisher.number;
	reply.number = c->state.history.in_force;
	reply.n_next_start = change_next_start(c, config, claim->metrics_wait, later);
	reply.next_start = (char **)later;
	rpc_reply(w->call, &reply.base);
}

/* Whether it can be heard where it says.  What was in force once comes back all the same, and is heard when
 * it can be. */
static bool take_addresses(
        struct control *c, const struct change_wanted *w, const struct config *config, struct claim *claim)
{
	const struct config_text text = {w->file, w->text, w->len};
	struct config_errors errors = {0};
	int err = 0;

	*claim = (struct claim){0};
	if (w->act == ENTRY_APPLY)
		err = claim_make(claim, c, config, &text, &errors);
	if (err)
		refuse_errors(c, w, &errors);
	config_errors_free(&errors);
	return !err;
}

/* Whether this appliance can take it at this time; else that is told. */
static bool may_change(struct control *c, const struct change_wanted *w, const struct config *config)
{
	const char *key = fixed_key(c, config);
	char why[256];

	if (key) {
		snprintf(why, sizeof why,
		        "%s cannot change while the appliance runs: end it and start it with the new file",
		        key);
		note_refused(c, w, why);
		refuse(c, w, RPC_FAILED_PRECONDITION, "%s", why);
		return false;
	}
	if (w->check)
		return true;
	if (apply_busy(c)) {
		refuse(c, w, RPC_ABORTED, "another configuration is being applied; try again");
		return false;
	}
	if (c->state.history.waits) {
		refuse(c, w, RPC_FAILED_PRECONDITION,
		        "configuration %u waits to be confirmed: `sluice config confirm` keeps it, `sluice "
		        "config rollback` brings the one before it back; then apply",
		        c->state.history.waits);
		return false;
	}
	return true;
}

/* A configuration that holds together; it is taken over. */
static void accept_config(struct control *c, const struct change_wanted *w, struct config *config)
{
	struct claim claim;

	if (!may_change(c, w, config) || !take_addresses(c, w, config, &claim)) {
		config_free(config);
	} else if (w->check) {
		answer_judged(c, w, config, &claim);
		claim_drop(&claim);
		config_free(config);
	} else {
		begin(c, w, config, &claim);
	}
}

void change_want(struct control *c, const struct change_wanted *w)
{
	struct config_errors errors = {0};
	struct config *config = w->config;
	int err = config ? 0 : config_parse(w->file, w->text, w->len, &config, &errors);

	if (!err)
		accept_config(c, w, config);
	else if (err == -ENOMEM)
		refuse(c, w, RPC_RESOURCE_EXHAUSTED, "no memory to read the configuration");
	else
		refuse_errors(c, w, &errors);
	config_errors_free(&errors);
}

struct config *change_load(struct control *c, uint32_t number, char why[CONTROL_WHY_BYTES])
{
	const struct change *change = history_find(&c->state.history, number);
	const char *file = change ? change->r.file : "configuration";
	struct config_errors errors = {0};
	struct config *config = NULL;
	char *text;
	size_t len;
	int err = state_text(&c->state, number, &text, &len);

	if (err)
		snprintf(why, CONTROL_WHY_BYTES, "the text of configuration %u cannot be read: %s", number,
		        strerror(-err));
	else if (config_parse(file, text, len, &config, &errors))
		change_explain(file, &errors, why);
	else
		config_take_macs(config);
	config_errors_free(&errors);
	free(text);
	return config;
}

/* Read once, and anew when the appliance has been started with another one. */
static bool begun_with(struct control *c)
{
	uint32_t number = c->state.history.started;
	char why[CONTROL_WHY_BYTES];
	struct config *config;

	if (!number || number == c->begun_number)
		return number;
	config = change_load(c, number, why);
	if (!config)
		return false;
	c->begun_with = config->appliance.cores;
	config_free(config);
	c->begun_number = number;
	return true;
}

uint32_t change_next_start(
        struct control *c, const struct config *config, bool metrics, const char *key[NEXT_START_KEYS])
{
	uint32_t n = 0;

	if (config && begun_with(c) && !config_cores_same(&c->begun_with, &config->appliance.cores))
		key[n++] = "appliance.cores";
	if (config && metrics)
		key[n++] = "metrics";
	return n;
}

/* ---- calls ---- */

void control_apply(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__ApplyRequest *r = (const void *)request;
	const struct change_wanted wanted = {
	        .call = call,
	        .act = ENTRY_APPLY,
	        .file = *r->name ? r->name : "configuration",
	        .text = (const char *)r->text.data,
	        .len = r->text.len,
	        .check = r->check,
	        .deadline_ms = r->deadline_ms,
	        .confirm_s = r->confirm_s,
	};

	if (strlen(r->name) >= sizeof((struct entry *)0)->file)
		rpc_fail(call, RPC_INVALID_ARGUMENT, "the file's name is longer than 1,023 bytes");
	else if (r->confirm_s > CONFIRM_MAX_S)
		rpc_fail(call, RPC_INVALID_ARGUMENT, "it is to be confirmed within a day (%u s), not %u s",
		        CONFIRM_MAX_S, r->confirm_s);
	else
		change_want(context, &wanted);
}
