#include "services/control/control.h"

#include "proto/capture.pb-c.h"
#include "proto/crash.pb-c.h"
#include "proto/health.pb-c.h"
#include "proto/keys.pb-c.h"
#include "proto/monitor.pb-c.h"
#include "proto/tables.pb-c.h"
#include "services/control/internal.h"
#include "services/control/metrics/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct rpc_method read_methods[] = {
        {"Status", control_status, false},
        {"Account", control_account, false},
        {"Ports", control_ports, false},
        {"Counters", control_counters, false},
        {"ConfigText", control_config_text, false},
        {"ConfigHistory", control_config_history, false},
};

static const struct rpc_method admin_methods[] = {
        {"Buffers", control_buffers, false},
        {"Apply", control_apply, false},
        {"Rollback", control_rollback, false},
        {"Confirm", control_confirm, false},
};

static const struct rpc_method table_methods[] = {
        {"Routes", control_routes, false},
        {"RouteSources", control_route_sources, false},
        {"Neighbors", control_neighbors, false},
        {"Rules", control_rules, false},
        {"Sockets", control_sockets, false},
};

static const struct rpc_method tap_methods[] = {
        {"Capture", control_capture, true},
        {"Crash", control_crash_packets, true},
};

static const struct rpc_method crash_methods[] = {
        {"List", control_crashes, false},
};

static const struct rpc_method health_methods[] = {
        {"Check", control_health_check, false},
        {"Watch", control_health_watch, true},
};

static const struct rpc_method key_methods[] = {
        {"List", control_keys_list, false},
};

static const struct rpc_method monitor_methods[] = {
        {"Events", control_events, true},
};

#define SERVICE(name, role, methods)                                                                         \
	{                                                                                                    \
		&sluice__##name##__descriptor, role, methods, ARRAY_LEN(methods)                             \
	}

static const struct rpc_service services[] = {
        SERVICE(read, RPC_READER, read_methods),
        SERVICE(tables, RPC_READER, table_methods),
        SERVICE(health, RPC_READER, health_methods),
        SERVICE(keys, RPC_READER, key_methods),
        SERVICE(admin, RPC_ADMIN, admin_methods),
        SERVICE(taps, RPC_ADMIN, tap_methods),
        SERVICE(crashes, RPC_READER, crash_methods),
        SERVICE(monitor, RPC_READER, monitor_methods),
};

const struct board *control_board(const struct control *c)
{
	const struct board *board = c->appliance->map[REGION_BOARD];

	return board && board->magic == BOARD_MAGIC ? board : NULL;
}

const char *control_stage_name(enum stage_id stage)
{
	return board_role_name((enum role)stage);
}

char *control_port_name(const struct control *c, struct port_id id)
{
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	const struct epoch_port *p = epoch ? epoch_port(epoch, id) : NULL;

	return p ? (char *)p->name : (char *)"";
}

char *control_address_text(char text[TEXT_IP6_SIZE], const struct ip6_addr *addr)
{
	return ip6_addr_is_mapped(addr) ? text_ipv4(text, addr->w32[3]) : text_ip6(text, addr);
}

const struct config *control_config(const struct control *c)
{
	return c->apply.config && c->apply.phase == APPLY_IN_FORCE ? c->apply.config : c->config;
}

const void *control_state(const struct control *c, enum stage_id stage, uint32_t lane)
{
	const struct appliance *a = c->appliance;
	uint32_t worker = plan_worker_id(&a->plan, stage, lane);

	return (const uint8_t *)a->map[REGION_STATE + stage] + a->plan.worker[worker].state_off;
}

bool control_lives(const struct control *c, enum stage_id stage)
{
	struct board_role role;

	/* Without a keeper all of them do. */
	if (!control_board(c))
		return true;
	board_role_read(&control_board(c)->role[stage], &role);
	return role.state == BOARD_ROLE_RUNNING;
}

int64_t control_wall_offset(void)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (wall.tv_sec - mono.tv_sec) * (int64_t)NANOS_PER_SEC + wall.tv_nsec - mono.tv_nsec;
}

void control_wake_all(struct control *c)
{
	for (uint32_t w = 0; w < c->appliance->plan.n_workers; w++)
		bell_ring(&c->appliance->bell[w]);
	bell_ring(&c->appliance->opener);
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
	int err = rpc_server_open(&c->rpc, c->loop, services, ARRAY_LEN(services), c);

	if (err)
		return fail(why, err, "cannot serve: %s", strerror(-err));
	err = listen_at(c, dir, "read.sock", 0666, RPC_READER, why);
	/* For root, and for who is in control's group. */
	return err ? err : listen_at(c, dir, "admin.sock", 0660, RPC_ADMIN, why);
}

/* Without its state control serves what it can: it publishes and tells, and refuses changes. */
static void open_state(struct control *c, const char *path)
{
	char why[CONTROL_WHY_BYTES];

	if (state_open(&c->state, path, why, sizeof why))
		memcpy(c->problem, why, sizeof why);
	else if (c->state.unreadable)
		snprintf(c->problem, sizeof c->problem,
		        "%u lines of %.900s/history.jsonl cannot be read and were passed over",
		        c->state.unreadable, path);
}

static void init_timers(struct control *c)
{
	uv_timer_t *const timers[] = {&c->apply_timer, &c->hold_timer, &c->confirm_timer, &c->proc_timer,
	        &c->health_timer, &c->adoption_timer, &c->listen_timer};

	for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
		uv_timer_init(c->loop, timers[i]);
		timers[i]->data = c;
	}
	c->open_handles = ARRAY_LEN(timers);
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
	c->web = setup->web;
	c->metrics = setup->metrics;
	c->started = uv_hrtime();
	snprintf(c->config_path, sizeof c->config_path, "%s", setup->config);
	err = publisher_resume(&c->publisher, c->appliance);
	if (err) {
		free(c);
		return fail(why, err, "the configuration in force cannot be read: %s", strerror(-err));
	}
	/* A predecessor may have died while it held ingest. */
	__atomic_store_n(&appliance_control(c->appliance)->hold, 0, __ATOMIC_RELEASE);
	init_timers(c);
	err = dynamic_open(c, setup->netlink);
	if (err) {
		*out = NULL;
		control_close(c);
		return fail(why, err, "out of memory");
	}
	open_state(c, setup->state_dir);
	start_take_up(c, setup->first);
	dynamic_configure(c);
	*out = c;
	err = captures_open(c);
	if (!err)
		err = monitor_open(c);
	if (err)
		fail(why, err, "out of memory");
	else
		err = serve(c, setup->sockets_dir, why);
	if (!err) {
		metrics_take_up(c);
		listen_take_up(c);
		proc_begin(c, setup->sockets_dir);
		adoption_begin(c);
	}
	if (!err && c->web)
		web_serve(c->web, metrics_page, c);
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
	config_free(c->before);
	config_free(c->apply.config);
	state_close(&c->state);
	dynamic_free(c);
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
	dynamic_close(c, closed);
	monitor_close(c);
	uv_close((uv_handle_t *)&c->apply_timer, closed);
	uv_close((uv_handle_t *)&c->hold_timer, closed);
	uv_close((uv_handle_t *)&c->confirm_timer, closed);
	uv_close((uv_handle_t *)&c->health_timer, closed);
	uv_close((uv_handle_t *)&c->adoption_timer, closed);
	uv_close((uv_handle_t *)&c->listen_timer, closed);
	proc_end(c);
	if (c->web)
		web_close(c->web);
	uv_close((uv_handle_t *)&c->proc_timer, closed);
}
