/* Frames of any bytes through the whole appliance; time goes on in between; all is accounted for at the end.
 *
 * Input: one byte (1: two lanes; the rest: how far the clock goes on behind each group of frames), then
 * frames as world_push takes them, eight a group.  Two appliances are kept from input to input, so that what
 * one leaves behind meets the next.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/whole/world.h"

/* An appliance that has seen this many inputs gives way to a new one: a crash is to be repeated from few. */
#define INPUTS_MAX 2000u

static struct whole wholes[2];

static struct whole *with_lanes(uint32_t lanes)
{
	static uint32_t inputs[2];
	struct whole *whole = &wholes[lanes - 1];

	if (inputs[lanes - 1]++ % INPUTS_MAX)
		return whole;
	if (whole->now)
		whole_teardown(whole);
	whole_setup(whole, world_config(lanes));
	return whole;
}

static void judge(const struct whole *whole)
{
	const char *wrong = whole_judge(whole);

	if (!wrong)
		return;
	fprintf(stderr, "%s\n", wrong);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct whole *whole;
	nanos_t pause;

	if (!size)
		return 0;
	whole = with_lanes(1 + (data[0] & 1));
	pause = (nanos_t)(data[0] >> 1) * 20 * NANOS_PER_MS;
	for (size_t at = 1, used; at < size; at += used) {
		used = world_push(whole, data + at, size - at, 8);
		if (!used)
			break;
		if (!whole_advance(whole, whole->now + pause, 64)) {
			fprintf(stderr, "it never comes to rest\n");
			abort();
		}
	}
	judge(whole);
	return 0;
}
