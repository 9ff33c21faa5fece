/* cut_real CONFIG CAPTURES FOLDER STRIDE [SKIP]: the stages that are shipped, cut before every STRIDE-th
 * write; what leaves goes to FOLDER.  CAPTURES is an absolute path. */
#include "tests/crash/real.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct cut cut;
	struct real real = {0};
	uint32_t stride = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;

	if (!stride) {
		fprintf(stderr, "usage: cut_real CONFIG CAPTURES FOLDER STRIDE\n");
		return 2;
	}
	cut = (struct cut){.now = 1, .judge = real_judge, .apart = real_apart};
	real_load(&real, argv[1], argv[2]);
	if (chdir(argv[3])) {
		perror(argv[3]);
		return 2;
	}
	cut_create(&cut, &real.params, real_stages, real.epoch_bytes, real.fib_bytes);
	real_publish(&real, &cut.appliance);
	cut_start(&cut);
	cut_explore(&cut, 70 * NANOS_PER_SEC, stride, 1, UINT64_MAX);
	printf("%" PRIu64 " steps of the real stages, cut %" PRIu64 " times, their recoveries %" PRIu64
	       " times\n",
	        cut.steps, cut.cuts, cut.recovery_cuts);
	real_end(&real);
	return 0;
}
