/* cut_dummy [LANES [PACKETS [BURST [tapped]]]]: the frame and the burst protocol, by four small stages, cut
 * at every write; with `tapped` all packets are captured meanwhile, which changes nothing. */
#include "tests/crash/dummy_rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void open_tap(const struct appliance *a)
{
	static const struct tap all = {.points = 7, .snap_bytes = TAP_SNAP_MAX, .port = {UINT16_MAX}};
	uint32_t slot, number;

	if (tap_open(appliance_taps(a), &all, &slot, &number))
		exit(2);
}

int main(int argc, char **argv)
{
	struct cut cut = {.burst_max = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 5,
	        .judge = dummy_judge,
	        .is_whole = dummy_is_whole};
	struct stage_params params = {
	        .lanes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1,
	        .stride = 576,
	        .ring_slots = 64,
	};

	if (argc > 2)
		dummy_packets = (uint32_t)strtoul(argv[2], NULL, 10);
	params.buffers = 128 * params.lanes;
	cut_create(&cut, &params, dummy_stages, 4096, 4096);
	dummy_epoch(&cut.appliance);
	if (argc > 4)
		open_tap(&cut.appliance);
	cut_explore_starts(&cut, 100000, 13);
	cut_explore(&cut, 100000, 1, 1, UINT64_MAX);
	printf("%" PRIu64 " steps cut at each of %" PRIu64 " writes, recovery cut %" PRIu64
	       " times, first starts %" PRIu64 " times; %u lanes\n",
	        cut.steps, cut.cuts, cut.recovery_cuts, cut.start_cuts, params.lanes);
	return 0;
}
