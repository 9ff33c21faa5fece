/* kill_dummy LANES KILLS [SEED]: real processes of the four small stages, killed KILLS times over many runs;
 * seeds count up from SEED (1). */
#include "tests/crash/dummy_rig.h"
#include "tests/crash/kill.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *one_run(uint32_t lanes, uint64_t seed, struct kill *sum)
{
	static struct kill run;
	struct stage_params params = {
	        .lanes = lanes, .buffers = 128 * lanes, .stride = 576, .ring_slots = 64};
	const char *wrong;

	run = (struct kill){
	        .seed = seed,
	        .writes = 6000,
	        .max = 24,
	        .packets = dummy_packets,
	        .until = 100000,
	        .cut = {.burst_max = seed % 3 ? 5 : 64, .judge = dummy_judge},
	};
	kill_create(&run, &params, dummy_stages, 4096, 4096);
	dummy_epoch(&run.cut.appliance);
	wrong = kill_run(&run);
	sum->chosen += run.chosen;
	sum->at_times += run.at_times;
	sum->cut.lost += run.cut.lost;
	kill_destroy(&run);
	return wrong;
}

int main(int argc, char **argv)
{
	uint32_t lanes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1,
	         kills = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 500;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	static struct kill sum;
	uint32_t runs = 0;

	dummy_packets = 600;
	for (; sum.chosen + sum.at_times < kills; runs++, seed++) {
		const char *wrong = one_run(lanes, seed, &sum);

		if (!wrong)
			continue;
		fprintf(stderr, "kill_dummy %u lanes, seed %" PRIu64 ": %s\n", lanes, seed, wrong);
		return 1;
	}
	printf("%u runs, %u processes died before a chosen write, %u were killed at random times, %" PRIu64
	       " packets lost; %u lanes\n",
	        runs, sum.chosen, sum.at_times, sum.cut.lost, lanes);
	return 0;
}
