/* crash: the black box: what stages had in hand when they died by their own fault. */
#include "services/cli/json.h"
#include "services/cli/watch/packets.h"

#include "proto/crash.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

#define DUMP_LINE 16u

enum { WRITE };

static int ask(const struct cli_call *call, uint32_t number, ProtobufCMessage **reply)
{
	Sluice__CrashesRequest request = SLUICE__CRASHES_REQUEST__INIT;
	struct remote r = {.call = call};

	request.number = number;
	return remote_ask(&r, RPC_READER, &sluice__crashes__descriptor, "List", &request.base, reply);
}

/* ---- words ---- */

static void print_culprit(const Sluice__Culprit *c)
{
	fputs(c->kind, stdout);
	if (*c->address)
		printf(" %s", c->address);
	if (*c->to)
		printf(" > %s id %u", c->to, c->id);
	if (c->protocol)
		printf(" protocol %u", c->protocol);
	if (*c->port)
		printf(" dev %s", c->port);
}

static void print_hand(const Sluice__CrashLane *l)
{
	fputs(l->step, stdout);
	if (*l->from)
		printf(" from %s", l->from);
	if (l->in_hand)
		printf(", %u packets in hand", l->in_hand);
	if (l->culprit) {
		fputs(": ", stdout);
		print_culprit(l->culprit);
	}
	if (!l->whole)
		printf(", %u of them kept", l->kept);
}

static void print_line(const Sluice__Crash *c)
{
	char when[32];

	printf("%5u %s  %s%-7s%s pid %-7u %s%-8s%s ", c->number, remote_date(when, c->time_ns / NANOS_PER_MS),
	        remote_paint("\033[1m"), c->stage, remote_paint("\033[0m"), c->pid, remote_paint("\033[31m"),
	        c->how, remote_paint("\033[0m"));
	for (size_t i = 0; i < c->n_lanes; i++) {
		if (c->n_lanes > 1)
			printf("%slane %u: ", i ? "; " : "", c->lanes[i]->lane);
		print_hand(c->lanes[i]);
	}
	fputc('\n', stdout);
}

static void print_dump(const ProtobufCBinaryData *dump)
{
	for (size_t i = 0; i < dump->len; i++) {
		if (i % DUMP_LINE == 0)
			printf("%s    %04zx ", i ? "\n" : "", i);
		printf(" %02x", dump->data[i]);
	}
	if (dump->len)
		fputc('\n', stdout);
}

static void print_lane(const Sluice__CrashLane *l)
{
	printf("  lane %u: ", l->lane);
	print_hand(l);
	printf(" (%s)\n", l->text);
	if (l->culprit)
		print_dump(&l->culprit->dump);
}

static void print_whole(const Sluice__Crash *c)
{
	uint64_t kept = 0;
	char when[32];

	printf("crash %u: %s, pid %u, %s, %s\n", c->number, c->stage, c->pid, c->how,
	        remote_date(when, c->time_ns / NANOS_PER_MS));
	printf("  start %" PRIu64 " of it, fault %" PRIu64 "\n", c->starts, c->faults);
	for (size_t i = 0; i < c->n_lanes; i++) {
		print_lane(c->lanes[i]);
		kept += c->lanes[i]->kept;
	}
	if (kept)
		printf("  its packets: sluice crash capture %u\n", c->number);
}

/* ---- list ---- */

static void print_list(const Sluice__CrashesReply *all)
{
	for (size_t i = 0; i < all->n_crashes; i++)
		print_line(all->crashes[i]);
	if (!all->seen)
		puts("No stage has died by its own fault.");
	else if (all->seen > all->n_crashes)
		printf("%s%u stages have died by their own fault; the last ones of each lane are kept.%s\n",
		        remote_paint("\033[2m"), all->seen, remote_paint("\033[0m"));
}

static int list(const struct cli_call *call)
{
	ProtobufCMessage *reply;
	int code = ask(call, 0, &reply);

	if (code)
		return code;
	if (call->json)
		json_line(reply);
	else
		print_list((const void *)reply);
	rpc_free(reply);
	return CLI_FINE;
}

/* ---- show ---- */

static int show(const struct cli_call *call)
{
	const Sluice__CrashesReply *found;
	ProtobufCMessage *reply;
	int code = ask(call, (uint32_t)cli_word_number(call, 0, 0), &reply);

	if (code)
		return code;
	found = (const void *)reply;
	for (size_t i = 0; i < found->n_crashes; i++) {
		if (call->json)
			json_line(&found->crashes[i]->base);
		else
			print_whole(found->crashes[i]);
	}
	rpc_free(reply);
	return CLI_FINE;
}

/* ---- capture ---- */

static int capture(const struct cli_call *call)
{
	struct watch watch = {.crash = (uint32_t)cli_word_number(call, 0, 0), .snap_bytes = TAP_SNAP_MAX};

	return packets_show(call, &watch, cli_text(call, WRITE));
}

#define NUMBER                                                                                               \
	{                                                                                                    \
		{                                                                                            \
			{"N", CLI_NUMBER, 1, UINT32_MAX},                                                    \
			        .needed = true, .meaning = "its number, as `sluice crash` tells it"          \
		}                                                                                            \
	}

static const struct cli_command verb_show = {
        .name = "show",
        .what = "all that is kept of one crash, but its packets",
        .about = "One crash: the process, how it ended, and of each lane that was in a burst what was in "
                 "hand. Where that was a timer's entry (a neighbor, the fragments of a datagram) it is named "
                 "and its bytes are told: it killed the process, perhaps, and has been given up, with all "
                 "that waited for it.",
        .arguments = NUMBER,
        .examples = {{"sluice crash show 3", "what was in hand"},
                {"sluice crash show 3 --json | jq -r '.lanes[].culprit.address'", "whom a timer was about"}},
        .exits = {[CLI_NO] = "that crash is not kept"},
        .json = "the crash",
        .asks = true,
        .run = show,
};

static const struct cli_command verb_capture = {
        .name = "capture",
        .what = "the packets that were in hand, for tcpdump and Wireshark",
        .about = "The packets that a stage had in hand when it died, as it left them: a line each, or as "
                 "pcapng, where each packet's comment says of which crash it is. One of them killed it, "
                 "perhaps; they were dropped as stage_crashed. Of 64 packets in hand each is kept whole up "
                 "to 1,968 bytes, of 256 up to 432.",
        .options = {[WRITE] = {.letter = 'w',
                            .takes = {"FILE", CLI_FILE},
                            .meaning = "pcapng into FILE; -: to standard output"}},
        .arguments = NUMBER,
        .examples = {{"sluice crash capture 3", "a line a packet"},
                {"sluice crash capture 3 -w - | tcpdump -nr -", "in the eyes of tcpdump"},
                {"sluice crash capture 3 -w killers.pcapng", "to be played by `sluice replay`"}},
        .exits = {[CLI_NO] = "that crash is not kept",
                [CLI_SYSTEM] = "nobody answers, or the file cannot be written"},
        .json = "an object a packet, a line each",
        .asks = true,
        .run = capture,
};

const struct cli_command command_crash = {
        .name = "crash",
        .what = "the black box: what stages had in hand when they died by their own fault",
        .about = "The deaths of stages by their own fault (a signal that they raised, an exit, a stall; not "
                 "`kill -9`): number, when, which, how, and what was in hand. The black box keeps the last "
                 "four of each lane; it outlives stages and control.",
        .terms = {{"rx, tx, punt", "packets towards the applications, towards the wire, from another lane"},
                {"port", "frames of a port"}, {"buffers", "free buffers"},
                {"timer", "what was due, and of whom: neighbor, address, group, query, fragments"},
                {"config", "a configuration was being taken up"},
                {"recovery", "what its predecessor had died with: it is not read again"},
                {"none", "nothing: it was between two bursts"}},
        .examples = {{"sluice crash", "those that are kept"}, {"sluice crash show 3", "one of them"},
                {"sluice crash capture 3 -w - | tcpdump -nr -", "its packets"}},
        .json = "{\"crashes\": [...], \"seen\"}",
        .asks = true,
        .verbs = {&verb_show, &verb_capture},
        .run = list,
};
