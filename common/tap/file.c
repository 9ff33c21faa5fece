#include "common/tap/file.h"

/* Packets that were made here and had no port yet. */
#define NO_PORT "(none)"

void tap_file_start(struct tap_file *f, FILE *to, uint32_t snap_bytes)
{
	f->start = f->last = 0;
	f->n_ports = f->found = 0;
	pcapng_start(&f->ng, to, snap_bytes, "sluice");
}

void tap_file_port(struct tap_file *f, const char *name)
{
	struct tap_file_port *p;

	if (f->n_ports == TAP_FILE_PORTS)
		return;
	f->found = pcapng_interface(&f->ng, name, strcmp(name, NO_PORT) ? "" : "packets without a port yet");
	p = &f->port[f->n_ports++];
	snprintf(p->name, sizeof p->name, "%s", name);
	p->packets = 0;
}

/* The number of a port's interface; a new one is told of.  Where there are too many the last stands for all.
 */
static uint32_t interface_of(struct tap_file *f, const char *name)
{
	if (f->found < f->n_ports && !strncmp(f->port[f->found].name, name, TAP_NAME_BYTES - 1))
		return f->found;
	for (f->found = 0; f->found < f->n_ports; f->found++)
		if (!strncmp(f->port[f->found].name, name, TAP_NAME_BYTES - 1))
			return f->found;
	tap_file_port(f, name);
	return f->found = f->n_ports - 1;
}

const char *tap_shown_port(const struct tap_shown *shown)
{
	return *shown->port ? shown->port : shown->out;
}

static enum pcapng_direction direction(const struct tap_shown *s)
{
	switch (s->point) {
	case TAP_INGRESS: return PCAPNG_INBOUND;
	case TAP_EGRESS: return PCAPNG_OUTBOUND;
	case TAP_DROP: return s->made ? PCAPNG_OUTBOUND : PCAPNG_INBOUND;
	case TAP_POINTS: break;
	}
	return PCAPNG_UNKNOWN;
}

void tap_file_add(struct tap_file *f, const struct tap_shown *s)
{
	const char *port = tap_shown_port(s);
	struct pcapng_packet packet = {
	        .interface = interface_of(f, *port ? port : NO_PORT),
	        .time = s->time,
	        .bytes = s->bytes,
	        .have = s->have,
	        .len = s->len,
	        .direction = direction(s),
	};
	char comment[256];

	if (s->point == TAP_DROP) {
		snprintf(comment, sizeof comment, "dropped by %s: %s: %s", s->stage, s->reason, s->text);
		packet.comment = comment;
	}
	pcapng_packet(&f->ng, &packet);
	f->port[packet.interface].packets++;
	f->start = f->start ? f->start : s->time;
	f->last = MAX(f->last, s->time);
}

int tap_file_end(struct tap_file *f, uint64_t captured, uint64_t missed)
{
	char comment[96];

	snprintf(comment, sizeof comment, "%llu packets captured on all ports, %llu missed",
	        (unsigned long long)captured, (unsigned long long)missed);
	for (uint32_t i = 0; i < f->n_ports; i++) {
		struct pcapng_statistics s = {
		        .interface = i,
		        .start = f->start,
		        .end = f->last,
		        .captured = f->port[i].packets,
		        .missed = i ? 0 : missed,
		        .comment = i ? NULL : comment,
		};

		pcapng_statistics(&f->ng, &s);
	}
	return pcapng_flush(&f->ng);
}
