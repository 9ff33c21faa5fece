/* crash: the black box (common/box) as clients see it.  What stands there was written by stages, which parse
 * hostile bytes: the reader has checked it, and numbers are given names here only where they are in range. */
#include "services/control/internal.h"

#include "common/wire/text.h"
#include "proto/capture.pb-c.h"
#include "proto/crash.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

#define FOUND_MAX (WORKERS_MAX * BOX_RECORDS)

/* A record, and where it stands. */
struct found {
	const struct black_box *box;
	uint32_t worker, slot;
	struct box_head head;
};

/* In the order of crashes, and of one the workers. */
static int by_crash(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->head.death.crash != y->head.death.crash)
		return x->head.death.crash < y->head.death.crash ? -1 : 1;
	return x->worker < y->worker ? -1 : x->worker > y->worker;
}

/* The records of one crash (0: of all); room for FOUND_MAX. */
static uint32_t find(const struct appliance *a, uint32_t number, struct found *list)
{
	uint32_t n = 0;

	for (uint32_t w = 0; w < a->plan.n_workers; w++)
		for (uint32_t slot = 0; slot < BOX_RECORDS; slot++) {
			struct found *f = &list[n];

			*f = (struct found){.box = appliance_box(a, w), .worker = w, .slot = slot};
			n += box_read(f->box, slot, &f->head) && (!number || f->head.death.crash == number);
		}
	qsort(list, n, sizeof *list, by_crash);
	return n;
}

/* The same; NULL with *n = 0 where there is no memory.  free() it. */
static struct found *find_all(const struct control *c, uint32_t number, uint32_t *n)
{
	struct found *list = calloc(FOUND_MAX, sizeof *list);

	*n = list ? find(c->appliance, number, list) : 0;
	return list;
}

static enum stage_id stage_of(const struct control *c, const struct found *f)
{
	return (enum stage_id)c->appliance->plan.worker[f->worker].stage;
}

static const char *how(const struct box_death *d, char text[BOARD_DEATH_TEXT])
{
	return d->stalled ? "stalled" : board_death_text(text, d->signal, d->status);
}

/* ---- the list ---- */

struct crash_message {
	Sluice__Crash crash;
	char how[BOARD_DEATH_TEXT];
};

struct lane_message {
	Sluice__CrashLane lane;
	Sluice__Culprit culprit;
	char address[TEXT_IP6_SIZE], to[TEXT_IP6_SIZE];
};

static void fill_culprit(const struct control *c, struct lane_message *m, struct found *f)
{
	struct box_culprit *from = &f->head.culprit;
	Sluice__Culprit *to = &m->culprit;

	if (from->kind == BOX_CULPRIT_NONE)
		return;
	sluice__culprit__init(to);
	to->kind = (char *)box_culprit_name(from->kind);
	to->port = control_port_name(c, from->port);
	if (from->kind != BOX_CULPRIT_QUERY)
		to->address = control_address_text(m->address, &from->addr);
	if (from->kind == BOX_CULPRIT_FRAGMENTS)
		to->to = control_address_text(m->to, &from->to);
	to->id = from->id;
	to->protocol = from->proto;
	to->dump = (ProtobufCBinaryData){from->bytes, from->dump};
	m->lane.culprit = to;
}

static char *from_text(const struct control *c, const struct box_head *head)
{
	const struct plan *plan = &c->appliance->plan;

	switch ((enum box_step)head->step) {
	case BOX_STEP_PORT: return control_port_name(c, head->port);
	case BOX_STEP_RX:
	case BOX_STEP_TX:
	case BOX_STEP_PUNT:
	case BOX_STEP_BUFFERS:
		return head->from < plan->n_workers
		               ? (char *)control_stage_name((enum stage_id)plan->worker[head->from].stage)
		               : (char *)"";
	case BOX_STEP_NONE:
	case BOX_STEP_TIMER:
	case BOX_STEP_CONFIG:
	case BOX_STEP_RECOVERY:
	case BOX_STEP_COUNT: break;
	}
	return (char *)"";
}

static void fill_lane(const struct control *c, struct lane_message *m, struct found *f)
{
	Sluice__CrashLane *to = &m->lane;

	sluice__crash_lane__init(to);
	to->lane = c->appliance->plan.worker[f->worker].lane;
	to->step = (char *)box_step_name(f->head.step);
	to->text = (char *)box_step_text(f->head.step);
	to->from = from_text(c, &f->head);
	to->in_hand = f->head.n;
	to->kept = f->head.have;
	to->whole = f->head.ended && f->head.have == f->head.n;
	fill_culprit(c, m, f);
}

static void fill_crash(const struct control *c, struct crash_message *m, const struct found *f)
{
	const struct box_death *d = &f->head.death;
	Sluice__Crash *to = &m->crash;

	sluice__crash__init(to);
	to->number = d->crash;
	to->time_ns = d->at + (uint64_t)control_wall_offset();
	to->stage = (char *)control_stage_name(stage_of(c, f));
	to->pid = (uint32_t)d->pid;
	to->how = (char *)how(d, m->how);
	to->signal = (uint32_t)d->signal;
	to->exit = d->status;
	to->stalled = d->stalled;
	to->starts = d->starts;
	to->faults = d->faults;
}

struct listing {
	struct found *found;
	uint32_t n;
	struct crash_message *crash; /* as many as were found at the most */
	struct lane_message *lane;
	Sluice__CrashLane **lanes;
	Sluice__Crash **crashes;
};

/* Lanes of one crash stand side by side. */
static uint32_t fill(const struct control *c, struct listing *l)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		struct found *f = &l->found[i], *before = i ? f - 1 : NULL;

		if (!before || before->head.death.crash != f->head.death.crash ||
		        stage_of(c, before) != stage_of(c, f)) {
			fill_crash(c, &l->crash[n], f);
			l->crash[n].crash.lanes = &l->lanes[i];
			l->crashes[n] = &l->crash[n].crash;
			n++;
		}
		fill_lane(c, &l->lane[i], f);
		l->lanes[i] = &l->lane[i].lane;
		l->crashes[n - 1]->n_lanes++;
	}
	return n;
}

static void reply_list(const struct control *c, struct rpc_call *call, struct listing *l)
{
	Sluice__CrashesReply reply = SLUICE__CRASHES_REPLY__INIT;
	const struct board *board = control_board(c);

	reply.crashes = l->crashes;
	reply.n_crashes = fill(c, l);
	reply.seen = board ? __atomic_load_n(&board->crashes, __ATOMIC_RELAXED) : 0;
	rpc_reply(call, &reply.base);
}

static void fail_unknown(struct rpc_call *call, uint32_t number)
{
	rpc_fail(call, RPC_NOT_FOUND,
	        "the black box has no crash %u: `sluice crash` shows which it has, the last ones of "
	        "each lane",
	        number);
}

void control_crashes(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const struct control *c = context;
	uint32_t number = ((const Sluice__CrashesRequest *)request)->number;
	struct listing l;

	l.found = find_all(c, number, &l.n);
	l.crash = calloc(l.n + 1, sizeof *l.crash);
	l.lane = calloc(l.n + 1, sizeof *l.lane);
	l.lanes = calloc(l.n + 1, sizeof *l.lanes);
	l.crashes = calloc(l.n + 1, sizeof *l.crashes);
	if (!l.found || !l.crash || !l.lane || !l.lanes || !l.crashes)
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	else if (number && !l.n)
		fail_unknown(call, number);
	else
		reply_list(c, call, &l);
	free(l.crashes);
	free(l.lanes);
	free(l.lane);
	free(l.crash);
	free(l.found);
}

/* ---- packets ---- */

#define PACKET_TEXT 96u

/* A record's packets, as they are sent. */
struct piece {
	Sluice__CapturedPacket packet[BURST_MAX], *list[BURST_MAX];
	char text[BURST_MAX][PACKET_TEXT];
	uint8_t data[BOX_BYTES + BOX_SNAP];
	uint32_t n, bytes;
};

static void describe(
        const struct control *c, struct piece *p, const struct found *f, const struct box_packet *from)
{
	const struct box_death *d = &f->head.death;
	Sluice__CapturedPacket *to = &p->packet[p->n];
	bool sound = !from->flags;
	char died[BOARD_DEATH_TEXT];

	sluice__captured_packet__init(to);
	to->time_ns = (sound ? from->pkt.timestamp : d->at) + (uint64_t)control_wall_offset();
	to->point = (char *)tap_point_name(TAP_DROP);
	to->stage = (char *)control_stage_name(stage_of(c, f));
	to->lane = c->appliance->plan.worker[f->worker].lane;
	to->port = sound ? control_port_name(c, from->pkt.port) : (char *)"";
	to->out = sound ? control_port_name(c, from->pkt.out) : (char *)"";
	to->reason = (char *)drop_reason_label(DROP_STAGE_CRASHED);
	snprintf(p->text[p->n], PACKET_TEXT, "in hand at crash %u (%s), %u of %u, epoch %u%s", d->crash,
	        how(d, died), p->n + 1, f->head.n, desc_unpack(from->desc).epoch,
	        sound ? "" : ", its metadata is spoilt");
	to->text = p->text[p->n];
	to->made = sound && from->pkt.type == PKT_OUTGOING;
	to->len = sound ? MAX(from->pkt.len, from->have) : from->have;
	to->bytes = (ProtobufCBinaryData){from->have, p->data + p->bytes};
}

static void read_packets(const struct control *c, struct piece *p, const struct found *f)
{
	struct box_packet from;

	p->n = p->bytes = 0;
	while (p->n < f->head.have &&
	        box_packet(f->box, f->slot, &f->head, p->n, &from, p->data + p->bytes)) {
		describe(c, p, f, &from);
		p->list[p->n] = &p->packet[p->n];
		p->bytes += from.have;
		p->n++;
	}
}

static void send_packets(
        const struct control *c, struct rpc_call *call, struct piece *p, const struct found *list, uint32_t n)
{
	Sluice__CapturePiece message = SLUICE__CAPTURE_PIECE__INIT;

	for (uint32_t i = 0; i < n; i++) {
		read_packets(c, p, &list[i]);
		message.packets = p->list;
		message.n_packets = p->n;
		message.captured += p->n;
		message.missed += list[i].head.n - p->n;
		(void)rpc_send(call, &message.base); /* a piece a lane: no client is too slow for that */
	}
	rpc_end(call);
}

void control_crash_packets(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const struct control *c = context;
	uint32_t number = ((const Sluice__CrashPacketsRequest *)request)->number, n;
	struct found *list = find_all(c, number, &n);
	struct piece *p = calloc(1, sizeof *p);

	if (!list || !p)
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	else if (!number || !n)
		fail_unknown(call, number);
	else
		send_packets(c, call, p, list, n);
	free(p);
	free(list);
}
