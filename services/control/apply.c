/* apply: a configuration is judged, published, and waited for. */
#include "services/control/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void finish(struct control *c)
{
	uv_timer_stop(&c->apply_timer);
	config_free(c->apply.config);
	c->apply.config = NULL;
	c->apply.call = NULL;
}

/* The end of what could not be done: told to who waits, or kept for Status. */
__attribute__((format(printf, 3, 4))) static void give_up(
        struct control *c, enum rpc_status status, const char *format, ...)
{
	char why[CONTROL_WHY_BYTES];
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof why, format, ap);
	va_end(ap);
	if (c->apply.call)
		rpc_fail(c->apply.call, status, "%s", why);
	else
		memcpy(c->problem, why, sizeof why);
	finish(c);
}

/* The living stages that have not taken the epoch up, by name; returns how many. */
static uint32_t waiting_for(const struct control *c, uint32_t number, char *names, size_t size)
{
	const struct appliance *a = c->appliance;
	uint32_t n = 0, last = STAGE_COUNT;
	size_t at = 0;

	names[0] = 0;
	for (uint32_t w = 0; w < a->plan.n_workers; w++) {
		uint32_t stage = a->plan.worker[w].stage;

		if (__atomic_load_n(&appliance_status(a, w)->adopted, __ATOMIC_ACQUIRE) >= number ||
		        !control_lives(c, (enum stage_id)stage) || stage == last)
			continue;
		if (at < size)
			at += (size_t)snprintf(names + at, size - at, "%s%s", n ? ", " : "",
			        control_stage_name((enum stage_id)stage));
		last = stage;
		n++;
	}
	return n;
}

static void taken_up(struct control *c)
{
	Sluice__ApplyReply reply = SLUICE__APPLY_REPLY__INIT;

	reply.epoch = c->apply.number;
	reply.took_ns = uv_hrtime() - c->apply.began;
	if (c->apply.call)
		rpc_reply(c->apply.call, &reply.base);
	c->apply.call = NULL;
	config_free(c->config);
	c->config = c->apply.config;
	c->apply.config = NULL;
	if (!c->apply.undo)
		c->problem[0] = 0;
	finish(c);
}

static void tick(uv_timer_t *timer);

/* A living stage has not taken it up: what was in force before comes back, as the next epoch, as soon as the
 * one before the last is retired everywhere. */
static void undo(struct control *c, const char *names)
{
	struct config *before = c->config;

	snprintf(c->problem, sizeof c->problem, "epoch %u was not taken up in time by: %s; %s",
	        c->apply.number, names,
	        before ? "the configuration before it is put back in force"
	               : "the one before it is not known any more: apply it again");
	c->config = NULL;
	if (c->apply.call)
		rpc_fail(c->apply.call, RPC_ABORTED, "%s", c->problem);
	finish(c);
	if (!before)
		return;
	c->apply = (struct apply){.config = before, .undo = true, .deadline = UINT64_MAX};
	uv_timer_start(&c->apply_timer, tick, APPLY_TICK_MS, APPLY_TICK_MS);
}

static void try_publish(struct control *c, bool late)
{
	int err = publish_config(&c->publisher, c->apply.config);

	if (!err) {
		c->apply.published = true;
		c->apply.number = c->publisher.number;
		c->apply.began = uv_hrtime();
	} else if (err != -EBUSY) {
		give_up(c, err == -ENOSPC ? RPC_RESOURCE_EXHAUSTED : RPC_INTERNAL,
		        err == -ENOSPC
		                ? "it does not fit the memory that the appliance was started with (%s): "
		                  "start it anew with this file"
		                : "it cannot be compiled: %s",
		        strerror(-err));
	} else if (late) {
		give_up(c, RPC_ABORTED,
		        "packets of epoch %u are still under way, so that no third one can be put in force; "
		        "try again",
		        c->publisher.number - 1);
	}
}

static void tick(uv_timer_t *timer)
{
	struct control *c = timer->data;
	bool late = uv_now(c->loop) >= c->apply.deadline;
	char names[128];

	if (!c->apply.published)
		try_publish(c, late);
	if (!c->apply.config || !c->apply.published)
		return;
	if (!waiting_for(c, c->apply.number, names, sizeof names))
		taken_up(c);
	else if (late)
		undo(c, names);
}

void apply_begin(struct control *c, struct config *config, struct rpc_call *call, uint32_t deadline_ms)
{
	uv_update_time(c->loop);
	c->apply = (struct apply){
	        .call = call,
	        .config = config,
	        .deadline = uv_now(c->loop) + deadline_ms,
	};
	/* The first one may have to wait until the stages have been started. */
	if (!c->publisher.number)
		c->apply.deadline = UINT64_MAX;
	uv_timer_start(&c->apply_timer, tick, 0, APPLY_TICK_MS);
}

void apply_end(struct control *c)
{
	uv_timer_stop(&c->apply_timer);
	c->apply.call = NULL;
}

/* What cannot change while it runs: NULL, or the key that would. */
static const char *fixed_key(const struct control *c, const struct config *config)
{
	const struct stage_params *now = &c->appliance->plan.params;
	struct stage_params wanted;

	config_params(config, &wanted);
	if (wanted.lanes != now->lanes)
		return "appliance.lanes";
	if (wanted.buffers != now->buffers)
		return "appliance.buffers";
	if (wanted.stride != now->stride)
		return "appliance.buffer_bytes";
	if (wanted.ring_slots != now->ring_slots)
		return "appliance.ring_slots";
	if (memcmp(&wanted.limits, &now->limits, sizeof now->limits) != 0)
		return "limits";
	return NULL;
}

static char *unconst(const char *s)
{
	return s ? (char *)s : (char *)"";
}

static void fail_errors(struct rpc_call *call, const struct config_errors *errors)
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

static void gone(void *context, struct rpc_call *call)
{
	struct control *c = context;

	(void)call;
	c->apply.call = NULL;
}

/* A configuration that holds together: whether this appliance, now, can take it. */
static void accept_config(
        struct control *c, struct rpc_call *call, const Sluice__ApplyRequest *r, struct config *config)
{
	Sluice__ApplyReply reply = SLUICE__APPLY_REPLY__INIT;
	const char *key = fixed_key(c, config);

	if (key) {
		rpc_fail(call, RPC_FAILED_PRECONDITION,
		        "%s cannot change while the appliance runs: end it and start it with the new file",
		        key);
	} else if (r->check) {
		reply.epoch = c->publisher.number;
		rpc_reply(call, &reply.base);
	} else if (c->apply.config) {
		rpc_fail(call, RPC_ABORTED, "another configuration is being applied; try again");
	} else {
		rpc_on_cancel(call, gone, c);
		apply_begin(c, config, call, r->deadline_ms ? r->deadline_ms : APPLY_DEADLINE_MS);
		return;
	}
	config_free(config);
}

void control_apply(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__ApplyRequest *r = (const void *)request;
	struct config_errors errors = {0};
	struct control *c = context;
	struct config *config;
	int err = config_parse(*r->name ? r->name : "configuration", (const char *)r->text.data, r->text.len,
	        &config, &errors);

	if (!err)
		accept_config(c, call, r, config);
	else if (err == -ENOMEM)
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory to read the configuration");
	else
		fail_errors(call, &errors);
	config_errors_free(&errors);
}
