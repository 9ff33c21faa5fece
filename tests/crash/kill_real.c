/* kill_real CONFIG CAPTURES FOLDER KILLS [SEED]: processes of the stages that are shipped, killed KILLS times
 * over several runs; seeds count up from SEED (1).  CAPTURES is an absolute path; what leaves goes to FOLDER.
 */
#include "tests/crash/kill.h"
#include "tests/crash/real.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *one_run(struct real *real, uint64_t seed, struct kill *sum)
{
	static struct kill run;
	const char *wrong;

	run = (struct kill){
	        .seed = seed,
	        .writes = 8000,
	        .max = 100,
	        .packets = real->frames,
	        .until = 70 * NANOS_PER_SEC,
	        .cut = {.burst_max = seed % 2 ? 3 : 64, .judge = real_judge},
	};
	kill_create(&run, &real->params, real_stages, real->epoch_bytes, real->fib_bytes);
	real_publish(real, &run.cut.appliance);
	wrong = kill_run(&run);
	sum->chosen += run.chosen;
	sum->at_times += run.at_times;
	sum->cut.lost += run.cut.lost;
	publisher_end(&real->publisher);
	kill_destroy(&run);
	return wrong;
}

int main(int argc, char **argv)
{
	uint32_t kills = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0, runs = 0;
	static struct kill sum;
	uint64_t seed = argc > 5 ? strtoull(argv[5], NULL, 0) : 1;
	struct real real = {0};

	if (!kills) {
		fprintf(stderr, "usage: kill_real CONFIG CAPTURES FOLDER KILLS [SEED]\n");
		return 2;
	}
	real_load(&real, argv[1], argv[2]);
	if (chdir(argv[3])) {
		perror(argv[3]);
		return 2;
	}
	for (; sum.chosen + sum.at_times < kills; runs++, seed++) {
		const char *wrong = one_run(&real, seed, &sum);

		if (!wrong)
			continue;
		fprintf(stderr, "kill_real, seed %" PRIu64 ": %s\n", seed, wrong);
		return 1;
	}
	printf("%u runs of the real stages, %u processes died before a chosen write, %u were killed at "
	       "random times, %" PRIu64 " packets lost\n",
	        runs, sum.chosen, sum.at_times, sum.cut.lost);
	config_free(real.config);
	return 0;
}
