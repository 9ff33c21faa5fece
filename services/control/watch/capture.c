/* capture: taps on behalf of clients (common/tap): opened for a call, read on the loop's timer, closed when
 * the client is gone.  What is read was written by stages, which parse hostile bytes: the reader has checked
 * it, and numbers are given names here only where they are in range. */
#include "services/control/internal.h"

#include "common/tap/reader.h"
#include "proto/capture.pb-c.h"

#include <stdlib.h>

#define TICK_MS       2u
#define TELL_MS       200u /* a piece at the least, so that a client knows what it misses */
#define PIECE_PACKETS 256u
#define PIECE_BYTES   65536u
#define TICK_RECORDS  4096u /* looked at for one client, before others have their turn */

struct capture {
	struct rpc_call *call;
	struct tap wish;
	char port[EPOCH_NAME_LEN];
	uint32_t epoch; /* that wish.port is of */
	uint32_t slot;
	uint32_t n_readers;
	struct tap_reader reader[WORKERS_MAX];
	uint64_t sent, refused; /* packets: in pieces that the client took, or did not */
	uint64_t told;          /* uv_now's milliseconds */
};

struct captures {
	struct control *control;
	uv_timer_t timer;
	struct capture *open[TAPS_MAX];
	/* The piece under way. */
	uint32_t n;
	uint32_t bytes;
	Sluice__CapturedPacket packet[PIECE_PACKETS], *list[PIECE_PACKETS];
	uint8_t data[PIECE_BYTES + TAP_SNAP_MAX];
};

/* ---- the request ---- */

static bool parse_points(const Sluice__CaptureRequest *r, uint32_t *points)
{
	*points = 0;
	for (size_t i = 0; i < r->n_points; i++) {
		uint32_t p = 0;

		while (p < TAP_POINTS && strcmp(r->points[i], tap_point_name((enum tap_point)p)) != 0)
			p++;
		if (p == TAP_POINTS)
			return false;
		*points |= 1u << p;
	}
	return *points;
}

static bool parse_reason(const char *label, uint16_t *reason)
{
	for (uint32_t d = 0; d < DROP_REASON_COUNT; d++) {
		if (*label && (!d || strcmp(label, drop_reason_label((enum drop_reason)d)) != 0))
			continue;
		*reason = (uint16_t)d;
		return true;
	}
	return false;
}

static bool parse_program(const Sluice__CaptureRequest *r, struct tap *wish)
{
	size_t n = r->program.len / sizeof wish->insn[0];

	if (n > TAP_INSNS_MAX || n * sizeof wish->insn[0] != r->program.len)
		return false;
	if (n)
		memcpy(wish->insn, r->program.data, r->program.len);
	wish->n_insns = (uint32_t)n;
	return !n || tap_program_check(wish->insn, wish->n_insns);
}

/* The port of that name now; PORT_NONE where there is none. */
static struct port_id find_port(const struct control *c, const char *name)
{
	const struct epoch *epoch = publisher_epoch(&c->publisher);

	for (uint32_t p = 0; epoch && p < epoch->n_ports; p++)
		if (epoch->ports[p].kind != EPOCH_PORT_NONE && !strcmp(epoch->ports[p].name, name))
			return (struct port_id){(uint16_t)p};
	return PORT_NONE;
}

/* Fails the call where that is no port, or one whose frames cannot be told apart on the wire. */
static bool parse_port(const struct control *c, struct rpc_call *call, const char *name, struct tap *wish)
{
	const struct epoch_port *p;

	wish->port = PORT_NONE;
	if (!*name)
		return true;
	wish->port = find_port(c, name);
	if (port_id_equal(wish->port, PORT_NONE)) {
		rpc_fail(call, RPC_NOT_FOUND, "there is no port '%.32s': `sluice port` shows which there are",
		        name);
		return false;
	}
	p = epoch_port(publisher_epoch(&c->publisher), wish->port);
	if (p->kind != EPOCH_PORT_VLAN || wish->points == 1u << TAP_DROP)
		return true;
	rpc_fail(call, RPC_INVALID_ARGUMENT,
	        "%s is a VLAN, whose frames come and leave by %s: capture there, with the filter 'vlan %u'",
	        name, control_port_name(c, p->phys), (unsigned)p->vid[0]);
	return false;
}

/* Fails the call where it makes no sense. */
static bool parse(
        const struct control *c, struct rpc_call *call, const Sluice__CaptureRequest *r, struct tap *wish)
{
	*wish = (struct tap){.snap_bytes = r->snap_bytes ? MIN(r->snap_bytes, TAP_SNAP_MAX) : TAP_SNAP_MAX};
	if (!parse_points(r, &wish->points))
		rpc_fail(call, RPC_INVALID_ARGUMENT, "points are some of: ingress, egress, drop");
	else if (!parse_reason(r->reason, &wish->reason))
		rpc_fail(call, RPC_INVALID_ARGUMENT, "nothing is ever dropped as '%.40s'", r->reason);
	else if (!parse_program(r, wish))
		rpc_fail(call, RPC_INVALID_ARGUMENT,
		        "the filter's program is none that could be run: %u instructions at the most",
		        TAP_INSNS_MAX);
	else
		return parse_port(c, call, r->port, wish);
	return false;
}

/* ---- pieces ---- */

static void describe(
        const struct captures *all, Sluice__CapturedPacket *p, const struct tap_record *r, int64_t offset)
{
	enum drop_reason reason = (enum drop_reason)r->reason;
	bool dropped = r->point == TAP_DROP;

	sluice__captured_packet__init(p);
	p->time_ns = r->time + (uint64_t)offset;
	p->point = (char *)tap_point_name((enum tap_point)r->point);
	p->stage = r->stage < STAGE_COUNT ? (char *)control_stage_name((enum stage_id)r->stage) : (char *)"";
	p->lane = r->lane;
	p->port = control_port_name(all->control, r->port);
	p->out = control_port_name(all->control, r->out);
	p->reason = dropped ? (char *)drop_reason_label(reason) : (char *)"";
	p->text = dropped ? (char *)drop_reason_text(reason) : (char *)"";
	p->made = r->flags & TAP_F_MADE;
	p->len = r->len;
}

static uint64_t missed(const struct capture *t)
{
	uint64_t n = t->refused;

	for (uint32_t w = 0; w < t->n_readers; w++)
		n += t->reader[w].missed;
	return n;
}

/* Workers' rings are read one after the other; what was read together goes out in the order of time. */
static int by_time(const void *a, const void *b)
{
	const Sluice__CapturedPacket *x = *(Sluice__CapturedPacket *const *)a,
	                             *y = *(Sluice__CapturedPacket *const *)b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x < y ? -1 : 1;
}

static void send_piece(struct captures *all, struct capture *t, char **ports, size_t n_ports)
{
	Sluice__CapturePiece piece = SLUICE__CAPTURE_PIECE__INIT;

	qsort(all->list, all->n, sizeof all->list[0], by_time);
	piece.packets = all->list;
	piece.n_packets = all->n;
	piece.ports = ports;
	piece.n_ports = n_ports;
	piece.captured = t->sent + all->n;
	piece.missed = missed(t);
	if (rpc_send(t->call, &piece.base))
		t->sent += all->n;
	else
		t->refused += all->n;
	t->told = uv_now(all->control->loop);
	all->n = all->bytes = 0;
}

static void read_ring(struct captures *all, struct capture *t, struct tap_reader *reader, uint32_t budget)
{
	struct tap_record record;
	int64_t offset = control_wall_offset();

	while (tap_reader_next(reader, &record, all->data + all->bytes, &budget) == TAP_GOT) {
		Sluice__CapturedPacket *p = &all->packet[all->n];
		uint32_t have = MIN(record.have, t->wish.snap_bytes);

		describe(all, p, &record, offset);
		p->bytes = (ProtobufCBinaryData){have, all->data + all->bytes};
		all->list[all->n++] = p;
		all->bytes += have;
		if (all->n == PIECE_PACKETS || all->bytes >= PIECE_BYTES)
			send_piece(all, t, NULL, 0);
	}
}

static void end(struct captures *all, struct capture *t)
{
	bool any = false;

	tap_close(appliance_taps(all->control->appliance), t->slot);
	all->open[t->slot] = NULL;
	free(t);
	for (uint32_t k = 0; k < TAPS_MAX; k++)
		any |= all->open[k] != NULL;
	if (!any)
		uv_timer_stop(&all->timer);
}

/* Another configuration may have given the port's number to another one.  false: the call has ended. */
static bool same_port(struct captures *all, struct capture *t)
{
	struct rpc_call *call = t->call;
	char port[EPOCH_NAME_LEN];

	if (!*t->port || t->epoch == all->control->publisher.number)
		return true;
	t->epoch = all->control->publisher.number;
	if (port_id_equal(find_port(all->control, t->port), t->wish.port))
		return true;
	memcpy(port, t->port, sizeof port);
	end(all, t);
	rpc_fail(call, RPC_ABORTED, "with the new configuration port %s is another, or gone: start again",
	        port);
	return false;
}

static void tick(uv_timer_t *timer)
{
	struct captures *all = timer->data;

	for (uint32_t k = 0; k < TAPS_MAX; k++) {
		struct capture *t = all->open[k];

		if (!t || !same_port(all, t))
			continue;
		for (uint32_t w = 0; w < t->n_readers; w++)
			read_ring(all, t, &t->reader[w], TICK_RECORDS / t->n_readers);
		if (all->n || uv_now(all->control->loop) - t->told >= TELL_MS)
			send_piece(all, t, NULL, 0);
	}
}

static void gone(void *context, struct rpc_call *call)
{
	struct captures *all = context;

	for (uint32_t k = 0; k < TAPS_MAX; k++)
		if (all->open[k] && all->open[k]->call == call) {
			end(all, all->open[k]);
			return;
		}
}

static void greet(struct captures *all, struct capture *t)
{
	const struct epoch *epoch = publisher_epoch(&all->control->publisher);
	char *ports[EPOCH_PHYS_MAX];
	size_t n = 0;

	for (uint32_t p = 0; epoch && p < EPOCH_PHYS_MAX && p < epoch->n_ports; p++)
		if (epoch->ports[p].kind == EPOCH_PORT_PHYSICAL)
			ports[n++] = (char *)epoch->ports[p].name;
	send_piece(all, t, ports, n);
}

/* ---- the service ---- */

void control_capture(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__CaptureRequest *r = (const void *)request;
	struct captures *all = ((struct control *)context)->captures;
	struct appliance *a = all->control->appliance;
	struct capture *t = calloc(1, sizeof *t);
	uint32_t number;

	if (!t)
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for a capture");
	if (!t || !parse(all->control, call, r, &t->wish)) {
		free(t);
		return;
	}
	if (tap_open(appliance_taps(a), &t->wish, &t->slot, &number)) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "%u captures are under way already: end one of them",
		        TAPS_MAX);
		free(t);
		return;
	}
	t->call = call;
	t->epoch = all->control->publisher.number;
	snprintf(t->port, sizeof t->port, "%s", r->port);
	t->n_readers = a->plan.n_workers;
	for (uint32_t w = 0; w < t->n_readers; w++)
		tap_reader_start(&t->reader[w], appliance_tap_ring(a, w), t->slot, number);
	all->open[t->slot] = t;
	rpc_on_cancel(call, gone, all);
	greet(all, t);
	uv_timer_start(&all->timer, tick, TICK_MS, TICK_MS);
}

int captures_open(struct control *c)
{
	struct captures *all = calloc(1, sizeof *all);

	if (!all)
		return -ENOMEM;
	all->control = c;
	uv_timer_init(c->loop, &all->timer);
	all->timer.data = all;
	tap_reset(appliance_taps(c->appliance));
	c->captures = all;
	return 0;
}

static void closed(uv_handle_t *handle)
{
	free(handle->data);
}

void captures_close(struct control *c)
{
	for (uint32_t k = 0; c->captures && k < TAPS_MAX; k++)
		if (c->captures->open[k])
			end(c->captures, c->captures->open[k]);
	if (c->captures)
		uv_close((uv_handle_t *)&c->captures->timer, closed);
	c->captures = NULL;
}
