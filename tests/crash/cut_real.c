/* cut_real [-c] CONFIG CAPTURES FOLDER STRIDE [FROM TO]: the stages that are shipped, cut before every
 * STRIDE-th write of what happens between two times (seconds; all without them).  Every change that they make
 * is watched (announce.h), but with -c, which leaves it to the cuts to find what is wrong; STRIDE 0 cuts
 * nothing.  What leaves goes to FOLDER.  CAPTURES is an absolute path. */
#include "tests/crash/announce.h"
#include "tests/crash/real.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int usage(void)
{
	fprintf(stderr, "usage: cut_real [-c] CONFIG CAPTURES FOLDER STRIDE [FROM TO]\n");
	return 2;
}

static nanos_t seconds(const char *text)
{
	return strtoull(text, NULL, 10) * NANOS_PER_SEC;
}

int main(int argc, char **argv)
{
	static struct cut cut = {.now = 1, .judge = real_judge, .apart = real_apart};
	struct real real = {0};
	uint32_t stride;

	if (argc > 1 && strcmp(argv[1], "-c") == 0) {
		cut.unwatched = true;
		argc--;
		argv++;
	}
	if (argc != 5 && argc != 7)
		return usage();
	stride = (uint32_t)strtoul(argv[4], NULL, 10);
	if (argc == 7) {
		cut.from = seconds(argv[5]);
		cut.to = seconds(argv[6]);
	}
	real_load(&real, argv[1], argv[2]);
	if (chdir(argv[3])) {
		perror(argv[3]);
		return 2;
	}
	cut_create(&cut, &real.params, real_stages, real.epoch_bytes, real.fib_bytes);
	real_publish(&real, &cut.appliance);
	cut_start(&cut);
	cut_explore(&cut, 70 * NANOS_PER_SEC, MAX(stride, 1u), 1, stride ? UINT64_MAX : 0);
	printf("%" PRIu64 " steps of the real stages, %" PRIu64 " changes of state watched, cut %" PRIu64
	       " times, their recoveries %" PRIu64 " times\n",
	        cut.steps, announce_seen(), cut.cuts, cut.recovery_cuts);
	real_end(&real);
	return 0;
}
