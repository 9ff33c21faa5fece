#include "services/control/control.h"

#include "proto/capture.pb-c.h"
#include "services/control/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct rpc_method read_methods[] = {
        {"Status", control_status, false},
        {"Account", control_account, false},
        {"Ports", control_ports, false},
        {"Counters", control_counters, false},
};

static const struct rpc_method admin_methods[] = {
        {"Buffers", control_buffers, false},
        {"Apply", control_apply, false},
};

static const struct rpc_method tap_methods[] = {
        {"Capture", control_capture, true},
};

const struct board *control_board(const struct control *c)
{
	return c->appliance->map[REGION_BOARD];
}

const char *control_stage_name(enum stage_id stage)
{
	return board_role_name((enum role)stage);
}

bool control_lives(const struct control *c, enum stage_id stage)
{
	struct board_role role;

	/* Without a keeper (a test's appliance) all of them do. */
	if (!control_board(c) || control_board(c)->magic != BOARD_MAGIC)
		return true;
	board_role_read(&control_board(c)->role[stage], &role);
	return role.state == BOARD_ROLE_RUNNING;
}

void control_wake_all(struct control *c)
{
	for (uint32_t w = 0; w < c->appliance->plan.n_workers; w++)
		bell_ring(&c->appliance->bell[w]);
}

__attribute__((format(printf, 3, 4))) static int fail(char *why, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, CONTROL_WHY_BYTES, format, ap);
	va_end(ap);
	return err;
}

static int listen_at(
        struct control *c, const char *dir, const char *name, uint32_t mode, enum rpc_role role, char *why)
{
	char endpoint[1100];
	int err;

	snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", dir, name);
	err = rpc_server_listen(c->rpc, &(struct rpc_listen){endpoint, mode, role});
	return err ? fail(why, err, "cannot listen at %s: %s", endpoint, strerror(-err)) : 0;
}

static int serve(struct control *c, const char *dir, char *why)
{
	int err = rpc_server_open(&c->rpc, c->loop);

	if (err)
		return fail(why, err, "cannot serve: %s", strerror(-err));
	rpc_server_add(c->rpc, &(struct rpc_service){&sluice__read__descriptor, RPC_READER, read_methods,
	                               ARRAY_LEN(read_methods), c});
	rpc_server_add(c->rpc, &(struct rpc_service){&sluice__admin__descriptor, RPC_ADMIN, admin_methods,
	                               ARRAY_LEN(admin_methods), c});
	rpc_server_add(c->rpc, &(struct rpc_service){&sluice__taps__descriptor, RPC_ADMIN, tap_methods,
	                               ARRAY_LEN(tap_methods), c});
	err = listen_at(c, dir, "read.sock", 0666, RPC_READER, why);
	/* For root, and for who is in control's group. */
	return err ? err : listen_at(c, dir, "admin.sock", 0660, RPC_ADMIN, why);
}

/* The first error of a configuration, in a sentence. */
static void explain(const char *path, const struct config_errors *errors, char *why)
{
	const struct config_error *e = errors->list;

	if (errors->n)
		snprintf(why, CONTROL_WHY_BYTES, "%s:%u:%u: %s%s%s", e->file, e->line, e->column, e->found,
		        e->expected ? "; expected: " : "", e->expected ? e->expected : "");
	else
		snprintf(why, CONTROL_WHY_BYTES, "%.900s cannot be loaded", path);
}

int control_load(const char *path, struct config **first, char *why)
{
	struct config_errors errors = {0};
	int err = config_load(path, first, &errors);

	if (err)
		explain(path, &errors, why);
	config_errors_free(&errors);
	return err;
}

/* Where a predecessor has published already, what is in force stays. */
static void publish_first(struct control *c, const struct control_setup *setup)
{
	if (c->publisher.number)
		config_free(setup->first);
	else if (setup->first)
		apply_begin(c, setup->first, NULL, APPLY_DEADLINE_MS);
	else
		snprintf(c->problem, sizeof c->problem, "%s", setup->problem);
}

int control_open(struct control **out, uv_loop_t *loop, const struct control_setup *setup, char *why)
{
	struct control *c = calloc(1, sizeof *c);
	int err;

	*out = NULL;
	if (!c)
		return fail(why, -ENOMEM, "out of memory");
	c->loop = loop;
	c->appliance = setup->appliance;
	c->started = uv_hrtime();
	snprintf(c->config_path, sizeof c->config_path, "%s", setup->config);
	err = publisher_resume(&c->publisher, c->appliance);
	if (err) {
		free(c);
		return fail(why, err, "the configuration in force cannot be read: %s", strerror(-err));
	}
	/* A predecessor may have died while it held ingest. */
	__atomic_store_n(&appliance_control(c->appliance)->hold, 0, __ATOMIC_RELEASE);
	uv_timer_init(loop, &c->apply_timer);
	uv_timer_init(loop, &c->hold_timer);
	uv_timer_init(loop, &c->proc_timer);
	c->apply_timer.data = c->hold_timer.data = c->proc_timer.data = c;
	c->open_handles = 3;
	publish_first(c, setup);
	*out = c;
	err = captures_open(c);
	if (err)
		fail(why, err, "out of memory");
	else
		err = serve(c, setup->sockets_dir, why);
	if (!err)
		proc_begin(c, setup->sockets_dir);
	if (err) {
		control_close(c);
		*out = NULL;
	}
	return err;
}

static void closed(uv_handle_t *handle)
{
	struct control *c = handle->data;

	if (--c->open_handles)
		return;
	config_free(c->config);
	config_free(c->apply.config);
	publisher_end(&c->publisher);
	free(c);
}

void control_close(struct control *c)
{
	hold_end(c);
	apply_end(c);
	if (c->rpc)
		rpc_server_close(c->rpc);
	c->rpc = NULL;
	captures_close(c);
	uv_close((uv_handle_t *)&c->apply_timer, closed);
	uv_close((uv_handle_t *)&c->hold_timer, closed);
	proc_end(c);
	uv_close((uv_handle_t *)&c->proc_timer, closed);
}
