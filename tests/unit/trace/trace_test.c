#include <criterion/criterion.h>

#include "common/pkt/drop.h"
#include "common/trace/trace.h"

static const char *names(void *context, struct port_id port)
{
	(void)context;
	return port.v == 3 ? "wan" : NULL;
}

Test(trace, keeps_events_of_traced_packets_until_it_is_full)
{
	static struct trace_log log;

	log.now = 42;
	trace(&log, 0, TRACE_RECEIVED, 1, 60);
	cr_expect_eq(log.n, 0);
	for (uint32_t i = 0; i < TRACE_LOG_SLOTS + 5; i++)
		trace(&log, 7, TRACE_RECEIVED, i, 60);
	cr_expect_eq(log.n, TRACE_LOG_SLOTS);
	cr_expect_eq(log.lost, 5);
	cr_expect_eq(log.event[9].at, 42);
	cr_expect_eq(log.event[9].trace, 7);
	cr_expect_eq(log.event[9].code, TRACE_RECEIVED);
	cr_expect_eq(log.event[9].arg[0], 9);
	cr_expect_eq(log.event[9].arg[1], 60);
	cr_expect_eq(log.event[9].arg[2], 0);
}

Test(trace, a_drop_says_why)
{
	struct trace_event e = {.code = TRACE_VERDICT_DROP, .arg = {DROP_IP_CSUM}};
	char text[256];

	trace_format(&e, NULL, NULL, text, sizeof text);
	cr_expect(strstr(text, drop_reason_text(DROP_IP_CSUM)), "%s", text);
}

Test(trace, ports_have_names_where_there_are_any)
{
	struct trace_event e = {.code = TRACE_RECEIVED, .arg = {3, 60}};
	char text[256];

	trace_format(&e, names, NULL, text, sizeof text);
	cr_expect(strstr(text, "wan"), "%s", text);
	e.arg[0] = 4;
	trace_format(&e, names, NULL, text, sizeof text);
	cr_expect(strstr(text, "port 4"), "%s", text);
}

Test(trace, tells_an_address_of_either_family_as_people_write_it)
{
	struct trace_event e = {.code = TRACE_NEIGH_QUEUED, .arg = {0, 0, 3, 1}};
	const uint8_t mapped[16] = {[10] = 0xff, 0xff, 198, 51, 100, 2}, six[16] = {0xfe, 0x80, [15] = 2};
	char text[256];

	memcpy(e.arg, mapped, sizeof mapped);
	trace_format(&e, names, NULL, text, sizeof text);
	cr_expect(strstr(text, " 198.51.100.2 on wan"), "%s", text);
	memcpy(e.arg, six, sizeof six);
	trace_format(&e, names, NULL, text, sizeof text);
	cr_expect(strstr(text, " fe80::2 on wan"), "%s", text);
}

/* Whatever the event and the room, the text ends within it and is the start of the whole one. */
Test(trace, every_event_fits_any_room)
{
	uint64_t random = 5;

	for (uint32_t code = 0; code <= TRACE_CODE_COUNT; code++) {
		struct trace_event e = {.code = (uint16_t)code};
		char whole[512], part[512];
		size_t len;

		for (uint32_t i = 0; i < TRACE_ARGS; i++)
			e.arg[i] = random_next(&random);
		len = trace_format(&e, names, NULL, whole, sizeof whole);
		cr_expect_eq(len, strlen(whole));
		cr_expect_gt(len, 0);
		cr_expect(!strchr(whole, '{'), "a mark is left: %s", whole);
		for (size_t size = 1; size < len; size += 7) {
			memset(part, 'x', sizeof part);
			cr_expect_lt(trace_format(&e, names, NULL, part, size), size);
			cr_expect_eq(strncmp(part, whole, strlen(part)), 0, "%s", part);
			cr_expect_eq(part[size], 'x');
		}
	}
}
