/* capture: what comes in, leaves and is dropped, into one pcapng file (`sluice replay --capture`). */
#include "services/replay/internal.h"

#include "common/tap/file.h"
#include "common/tap/reader.h"

#include <stdlib.h>

struct replay_capture {
	uint32_t slot;
	struct tap_reader reader[WORKERS_MAX];
	struct tap_file file;
	uint8_t bytes[TAP_SNAP_MAX];
};

static const char *const stages[STAGE_COUNT] = {"ingest", "filter", "router", "session"};

static void tell_ports(const struct replay *r, struct tap_file *file)
{
	const struct epoch *epoch = publisher_epoch(&r->publisher);

	for (uint32_t p = 0; p < EPOCH_PHYS_MAX && p < epoch->n_ports; p++)
		if (epoch->ports[p].kind == EPOCH_PORT_PHYSICAL)
			tap_file_port(file, epoch->ports[p].name);
}

int capture_start(struct replay *r)
{
	const struct replay_options *o = &r->options;
	struct tap wish = {
	        .points = (1u << TAP_POINTS) - 1,
	        .snap_bytes = TAP_SNAP_MAX,
	        .port = PORT_NONE,
	        .n_insns = o->capture_insns,
	};
	struct replay_capture *c;
	uint32_t number;
	int err;

	if (!o->capture)
		return 0;
	if (o->capture_insns)
		memcpy(wish.insn, o->capture_program, o->capture_insns * sizeof wish.insn[0]);
	r->capture = c = calloc(1, sizeof *c);
	err = c ? tap_open(appliance_taps(&r->appliance), &wish, &c->slot, &number) : -ENOMEM;
	if (err)
		return err;
	for (uint32_t id = 0; id < r->appliance.plan.n_workers; id++)
		tap_reader_start(&c->reader[id], appliance_tap_ring(&r->appliance, id), c->slot, number);
	tap_file_start(&c->file, o->capture, TAP_SNAP_MAX);
	tell_ports(r, &c->file);
	return 0;
}

static const char *port_name(const struct replay *r, struct port_id id)
{
	const struct epoch_port *p = epoch_port(publisher_epoch(&r->publisher), id);

	return p ? p->name : "";
}

static void take(struct replay *r, const struct tap_record *record)
{
	struct replay_capture *c = r->capture;
	enum drop_reason reason = (enum drop_reason)record->reason;
	struct tap_shown shown = {
	        .time = record->time + r->wishes.wall_offset,
	        .point = (enum tap_point)MIN(record->point, (uint8_t)TAP_POINTS),
	        .made = record->flags & TAP_F_MADE,
	        .stage = stages[MIN(record->stage, (uint8_t)(STAGE_COUNT - 1))],
	        .port = port_name(r, record->port),
	        .out = port_name(r, record->out),
	        .reason = drop_reason_label(reason),
	        .text = drop_reason_text(reason),
	        .lane = record->lane,
	        .len = record->len,
	        .have = record->have,
	        .bytes = c->bytes,
	};

	tap_file_add(&c->file, &shown);
}

void capture_collect(struct replay *r)
{
	struct replay_capture *c = r->capture;

	for (uint32_t id = 0; c && id < r->appliance.plan.n_workers; id++) {
		struct tap_record record;
		uint32_t budget = TAP_RING_BYTES / sizeof record;

		while (tap_reader_next(&c->reader[id], &record, c->bytes, &budget) == TAP_GOT)
			take(r, &record);
	}
}

int capture_end(struct replay *r)
{
	struct replay_capture *c = r->capture;
	int err;

	if (!c)
		return 0;
	tap_close(appliance_taps(&r->appliance), c->slot);
	capture_collect(r);
	for (uint32_t id = 0; id < r->appliance.plan.n_workers; id++) {
		tap_reader_end(&c->reader[id]);
		r->captured += c->reader[id].delivered;
		r->missed += c->reader[id].missed;
	}
	err = tap_file_end(&c->file, r->captured, r->missed);
	free(c);
	r->capture = NULL;
	return err;
}
