/* report: what became of the packets, for people and as one JSON object. */
#include "services/replay/internal.h"

#include <inttypes.h>

static const char *const stage_names[STAGE_COUNT] = {"ingest", "filter", "router", "session"};

/* The terms of the account in the order in which they are told. */
static const struct {
	const char *name;
	size_t offset;
} terms[] = {
#define TERM(name)                                                                                           \
	{                                                                                                    \
#name, offsetof(struct account_terms, name)                                                  \
	}
        TERM(in),
        TERM(out),
        TERM(received),
        TERM(sent),
        TERM(generated),
        TERM(cloned),
        TERM(split),
        TERM(delivered),
        TERM(merged),
        TERM(dropped),
        TERM(held),
#undef TERM
};

static uint64_t term(const struct account_terms *t, size_t offset)
{
	return *(const uint64_t *)((const char *)t + offset);
}

static const char *paint(bool colour, const char *code)
{
	return colour ? code : "";
}

static void print_stage(FILE *to, const char *name, const struct account_terms *t, bool colour)
{
	fprintf(to, "  %s%-9s%s", paint(colour, "\033[1m"), name, paint(colour, "\033[0m"));
	fprintf(to, " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64, t->in,
	        t->out, t->generated + t->cloned + t->split, t->delivered + t->merged, t->dropped, t->held);
	fprintf(to, " %s%8" PRId64 "%s\n", paint(colour, t->balance ? "\033[31m" : "\033[32m"), t->balance,
	        paint(colour, "\033[0m"));
}

static void print_drops(const struct replay *r, FILE *to, bool colour)
{
	bool any = false;

	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		for (uint32_t d = 1; d < DROP_REASON_COUNT; d++) {
			uint64_t n = r->account.stage[s].by_reason[d];

			if (!n)
				continue;
			if (!any)
				fprintf(to, "\n%sDropped%s\n", paint(colour, "\033[1m"),
				        paint(colour, "\033[0m"));
			any = true;
			fprintf(to, "  %9" PRIu64 "  %-8s %s%-24s%s %s\n", n, stage_names[s],
			        paint(colour, "\033[33m"), drop_reason_label((enum drop_reason)d),
			        paint(colour, "\033[0m"), drop_reason_text((enum drop_reason)d));
		}
	}
	if (!any)
		fprintf(to, "\nNothing was dropped.\n");
}

static void print_ports(const struct replay *r, FILE *to, bool colour)
{
	const struct epoch *epoch = publisher_epoch(&r->publisher);

	fprintf(to, "\n%sPorts%s            received       sent\n", paint(colour, "\033[1m"),
	        paint(colour, "\033[0m"));
	for (uint32_t p = 0; p < EPOCH_PHYS_MAX && p < epoch->n_ports; p++)
		if (epoch->ports[p].kind == EPOCH_PORT_PHYSICAL)
			fprintf(to, "  %-15s %9" PRIu64 "  %9" PRIu64 "\n", epoch->ports[p].name,
			        r->account.port_in[p], r->account.port_out[p]);
}

void replay_print(const struct replay *r, FILE *to, bool colour)
{
	const struct account_buffers *b = &r->buffers;

	fprintf(to, "%sPackets%s          in       out      born      ended   dropped      held  balance\n",
	        paint(colour, "\033[1m"), paint(colour, "\033[0m"));
	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		print_stage(to, stage_names[s], &r->account.stage[s], colour);
	print_stage(to, "appliance", &r->account.appliance, colour);
	print_drops(r, to, colour);
	print_ports(r, to, colour);
	fprintf(to, "\n%sBuffers%s  %u free, %u spare, %u in rings, %u held; %u lost, %u with two owners\n",
	        paint(colour, "\033[1m"), paint(colour, "\033[0m"), b->free, b->spare, b->ring, b->held,
	        b->lost, b->twice);
	if (r->options.capture)
		fprintf(to, "%" PRIu64 " packets captured, %" PRIu64 " missed\n", r->captured, r->missed);
	if (r->restarts)
		fprintf(to, "%u stages died and were started again\n", r->restarts);
	fprintf(to, "%s%s%s\n", paint(colour, replay_balanced(r) ? "\033[32m" : "\033[31m"),
	        replay_balanced(r) ? "Every packet is accounted for." : "THE ACCOUNT DOES NOT BALANCE.",
	        paint(colour, "\033[0m"));
}

static void json_terms(FILE *to, const struct account_terms *t)
{
	bool first = true;

	fprintf(to, "{");
	for (size_t i = 0; i < ARRAY_LEN(terms); i++)
		fprintf(to, "\"%s\":%" PRIu64 ",", terms[i].name, term(t, terms[i].offset));
	fprintf(to, "\"balance\":%" PRId64 ",\"dropped_by_reason\":{", t->balance);
	for (uint32_t d = 1; d < DROP_REASON_COUNT; d++) {
		if (!t->by_reason[d])
			continue;
		fprintf(to, "%s\"%s\":%" PRIu64, first ? "" : ",", drop_reason_label((enum drop_reason)d),
		        t->by_reason[d]);
		first = false;
	}
	fprintf(to, "}}");
}

static void json_string(FILE *to, const char *s)
{
	fputc('"', to);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(to, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(to, "\\u%04x", (unsigned)(unsigned char)*s);
		else
			fputc(*s, to);
	}
	fputc('"', to);
}

static void json_ports(const struct replay *r, FILE *to)
{
	const struct epoch *epoch = publisher_epoch(&r->publisher);
	bool first = true;

	for (uint32_t p = 0; p < EPOCH_PHYS_MAX && p < epoch->n_ports; p++) {
		if (epoch->ports[p].kind != EPOCH_PORT_PHYSICAL)
			continue;
		fputs(first ? "" : ",", to);
		json_string(to, epoch->ports[p].name);
		fprintf(to, ":{\"received\":%" PRIu64 ",\"sent\":%" PRIu64 "}", r->account.port_in[p],
		        r->account.port_out[p]);
		first = false;
	}
}

/* The protocols' counters that are not zero, grouped as Linux groups them. */
static void json_counters(const struct replay *r, FILE *to)
{
	const char *group = "";

	for (uint32_t s = 0; s < STAT_COUNT; s++) {
		uint64_t n = 0;

		for (uint32_t id = 0; id < r->appliance.plan.n_workers; id++)
			n += appliance_stats(&r->appliance, id)->v[s];
		if (!n)
			continue;
		fprintf(to, "%s\"%s%s\":%" PRIu64, *group ? "," : "", stat_group((enum stat_id)s),
		        stat_name((enum stat_id)s), n);
		group = stat_group((enum stat_id)s);
	}
}

void replay_print_json(const struct replay *r, FILE *to)
{
	const struct account_buffers *b = &r->buffers;

	fprintf(to, "{\"account\":{\"appliance\":");
	json_terms(to, &r->account.appliance);
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		fprintf(to, ",\"%s\":", stage_names[s]);
		json_terms(to, &r->account.stage[s]);
	}
	fprintf(to, "},\"balanced\":%s,\"rings_off\":%u,\"ports\":{", replay_balanced(r) ? "true" : "false",
	        r->account.rings_off);
	json_ports(r, to);
	fprintf(to,
	        "},\"buffers\":{\"free\":%u,\"spare\":%u,\"ring\":%u,\"held\":%u,\"lost\":%u,\"twice\":%u},"
	        "\"counters\":{",
	        b->free, b->spare, b->ring, b->held, b->lost, b->twice);
	json_counters(r, to);
	fprintf(to, "},\"restarts\":%u", r->restarts);
	if (r->options.capture)
		fprintf(to, ",\"captured\":%" PRIu64 ",\"missed\":%" PRIu64, r->captured, r->missed);
	fprintf(to, "}\n");
}
