#include "services/replay/internal.h"

#include "services/filter/filter.h"
#include "services/ingest/ingest.h"
#include "services/router/router.h"
#include "services/session/session.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

const struct stage_ops *const replay_stages[STAGE_COUNT] = {
        [STAGE_INGEST] = &ingest_stage,
        [STAGE_FILTER] = &filter_stage,
        [STAGE_ROUTER] = &router_stage,
        [STAGE_SESSION] = &session_stage,
};

__attribute__((format(printf, 4, 5))) static int fail(
        char *error, size_t size, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, size, format, ap);
	va_end(ap);
	return err;
}

static int load_config(struct replay *r, char *error, size_t size)
{
	int err = config_load(r->options.config, &r->config, r->options.errors);

	if (err)
		fail(error, size, err, "%s is not a configuration that can be used", r->options.config);
	return err;
}

/* Faults at rates (in parts per million) that still let most packets through. */
#define FAULT_MIX                                                                                            \
	"fault.drop=10000;fault.repeat=10000;fault.reorder=20000;fault.delay_ms=20;fault.corrupt=20000;"     \
	"fault.truncate=10000"

/* What a port opens: a capture to read or none, a file to write or none. */
static int port_text(const struct replay *r, const char *capture, const char *name, char *text, size_t size)
{
	int n = snprintf(text, size, "%s%s", capture ? "in=" : "", capture ? capture : "");

	if (n >= 0 && (size_t)n < size && r->options.out)
		n += snprintf(
		        text + n, size - (size_t)n, "%sout=%s/%s.pcap", n ? ";" : "", r->options.out, name);
	if (n >= 0 && (size_t)n < size && r->options.faults)
		n += snprintf(text + n, size - (size_t)n, "%sfault.seed=%llu;" FAULT_MIX, n ? ";" : "",
		        (unsigned long long)r->options.fault_seed);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* An interface of the machine is played, so that what was captured on a running appliance can be looked at by
 * its own configuration. */
static bool takes_capture(const struct config_port *p)
{
	return p->driver == EPOCH_DRIVER_NONE || epoch_driver_live(p->driver);
}

/* Captures go to the ports without a driver and to interfaces, in the order of both. */
static int assign_captures(struct replay *r, char *error, size_t size)
{
	uint32_t given = 0, free_ports = 0;

	for (uint32_t i = 0; i < r->config->n_ports; i++) {
		char text[4096];
		const char *capture;

		if (!takes_capture(&r->config->ports[i]))
			continue;
		free_ports++;
		capture = given < r->options.n_captures ? r->options.captures[given++] : NULL;
		if (port_text(r, capture, r->config->ports[i].name.text, text, sizeof text))
			return fail(error, size, -ENAMETOOLONG, "%s: the path is too long",
			        capture ? capture : r->options.out);
		if (config_port_set_driver(r->config, i, EPOCH_DRIVER_PCAP, text))
			return fail(error, size, -ENOMEM, "out of memory");
	}
	if (given < r->options.n_captures)
		return fail(error, size, -EINVAL,
		        "%u captures, but %s has %u ports to play them into, without a driver or interfaces: "
		        "add ports or give fewer captures",
		        r->options.n_captures, r->options.config, free_ports);
	return 0;
}

static int make_out(const struct replay *r, char *error, size_t size)
{
	if (!r->options.out || mkdir(r->options.out, 0777) == 0 || errno == EEXIST)
		return 0;
	return fail(error, size, -errno, "%s: cannot make the folder for what is sent: %s", r->options.out,
	        strerror(errno));
}

static int make_appliance(struct replay *r, char *error, size_t size)
{
	struct stage_params params;
	uint64_t epoch_bytes, fib_bytes;
	int err = publish_sizes(r->config, &epoch_bytes, &fib_bytes);

	config_params(r->config, &params);
	if (!err)
		err = appliance_create(
		        &r->appliance, &params, replay_stages, epoch_bytes, fib_bytes, r->options.processes);
	if (!err)
		err = appliance_map(
		        &r->appliance, r->options.processes ? APPLIANCE_CONTROL : APPLIANCE_CONTROL | 0xf);
	if (err)
		return fail(error, size, err,
		        "no memory for the appliance (%s): lower appliance.buffers, ring_slots or limits in "
		        "%s",
		        strerror(-err), r->options.config);
	appliance_control(&r->appliance)->clock_shared = 1;
	/* Nothing is lost for want of room between stages: half a ring under way at the most. */
	appliance_control(&r->appliance)->in_flight = params.ring_slots / 2;
	publisher_init(&r->publisher, &r->appliance);
	err = publish_config(&r->publisher, r->config);
	if (err)
		fail(error, size, err, "%s does not fit the appliance: %s", r->options.config,
		        strerror(-err));
	return err;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct nic_trace_wish *)a)->number,
	         y = ((const struct nic_trace_wish *)b)->number;

	return (x > y) - (x < y);
}

/* Asks the drivers to mark the packets that are to be explained: the k-th with trace k + 1. */
static int wish(struct replay *r, char *error, size_t size)
{
	const struct epoch *epoch = publisher_epoch(&r->publisher);

	for (uint32_t k = 0; k < r->options.n_explain; k++) {
		const struct replay_explain *e = &r->options.explain[k];
		struct port_id port = PORT_NONE;

		for (uint32_t p = 0; *e->port && p < EPOCH_PHYS_MAX && p < epoch->n_ports; p++)
			if (epoch->ports[p].kind == EPOCH_PORT_PHYSICAL &&
			        !strcmp(epoch->ports[p].name, e->port))
				port = (struct port_id){(uint16_t)p};
		if (*e->port && port_id_equal(port, PORT_NONE))
			return fail(error, size, -EINVAL, "--explain %s:%u: %s has no port '%s'", e->port,
			        e->number, r->options.config, e->port);
		r->wish[k] = (struct nic_trace_wish){.port = port, .number = e->number, .trace = k + 1};
	}
	qsort(r->wish, r->options.n_explain, sizeof r->wish[0], by_number);
	r->wishes = (struct nic_wishes){
	        .trace = r->wish,
	        .n_trace = r->options.n_explain,
	        .clock_origin = r->now,
	        .capture_origin = ingest_first_time(epoch),
	};
	r->wishes.wall_offset = r->wishes.capture_origin - r->now;
	ingest_wish(&r->wishes);
	return 0;
}

/* Captures that cannot be read are said here, where the user gave them. */
static int probe(const struct replay *r, char *error, size_t size)
{
	const struct epoch *epoch = publisher_epoch(&r->publisher);
	char why[NIC_ERROR_BYTES];
	struct port_id port;
	int err = ingest_probe(epoch, &port, why);

	return err ? fail(error, size, err, "port %s: %s", epoch->ports[port.v].name, why) : 0;
}

/* Where every buffer is; needs the stages' private sides, so it is done in this process when all is at rest.
 */
static int count_buffers(struct replay *r)
{
	const void *stage[WORKERS_MAX] = {0};

	for (uint32_t id = 0; id < r->appliance.plan.n_workers; id++)
		stage[id] = r->worker[id] ? r->worker[id]->stage : NULL;
	return account_count_buffers(&r->buffers, &r->appliance, stage);
}

int replay_run(const struct replay_options *options, struct replay *r, char *error, size_t size)
{
	int err;

	*r = (struct replay){.options = *options, .now = 1};
	error[0] = 0;
	err = load_config(r, error, size);
	if (!err)
		err = assign_captures(r, error, size);
	if (!err)
		err = make_out(r, error, size);
	if (err)
		return err;
	err = make_appliance(r, error, size);
	if (!err)
		err = wish(r, error, size);
	if (!err)
		err = probe(r, error, size);
	if (!err)
		err = capture_start(r);
	if (err)
		return error[0] ? err : fail(error, size, err, "nothing can be captured: %s", strerror(-err));
	r->end = r->options.linger;
	err = options->processes ? processes_run(r) : fused_run(r);
	if (err)
		return error[0] ? err
		                : fail(error, size, err, "the appliance could not run: %s", strerror(-err));
	account_read(&r->account, &r->appliance);
	return count_buffers(r);
}

bool replay_balanced(const struct replay *r)
{
	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		if (r->account.stage[s].balance)
			return false;
	return !r->account.appliance.balance && !r->account.rings_off && !r->buffers.lost &&
	       !r->buffers.twice;
}

void replay_end(struct replay *r)
{
	for (uint32_t id = 0; id < WORKERS_MAX; id++) {
		if (r->worker[id])
			worker_stop(r->worker[id]);
		free(r->worker[id]);
	}
	publisher_end(&r->publisher);
	if (r->appliance.plan.n_workers)
		appliance_destroy(&r->appliance);
	config_free(r->config);
	free(r->events);
	free(r->capture);
	*r = (struct replay){0};
}
