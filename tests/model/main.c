/* burst_model [-b BUFFERS] [-n BURST] [-m MILLION STATES] [VARIANT]: the model of the burst protocol
 * (model.h) and that of sleeping and waking (variants wake...).  Status 0: no violation in any state; 1: one,
 * told with the way to it; 2: no answer. */
#include "tests/model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const variant_name[VARIANTS] = {
        [RIGHT] = "right",
        [COMMIT_EARLY] = "commit_early",
        [ONE_RECORD] = "one_record",
        [STATE_BEFORE_LOG] = "state_before_log",
        [COUNT_BEFORE_LINE] = "count_before_line",
        [UNDO_NOT_APPLIED] = "undo_not_applied",
        [UNDO_OLDEST_FIRST] = "undo_oldest_first",
        [OPEN_NOT_VOIDED] = "open_not_voided",
        [NO_REPUBLISH] = "no_republish",
        [REPUBLISH_CONS_ONLY] = "republish_cons_only",
        [REPUBLISH_PROD_ONLY] = "republish_prod_only",
        [PROD_BEFORE_CONS] = "prod_before_cons",
        [RUN_AGAIN] = "run_again",
        [RECOVERY_FORGETS_TAKEN] = "recovery_forgets_taken",
        [SPARE_NOT_IN_RECORD] = "spare_not_in_record",
        [PUBLISH_BEFORE_COMMIT] = "publish_before_commit",
        [ROOM_NOT_LOOKED_AT] = "room_not_looked_at",
        [ONE_TOO_FEW] = "one_too_few",
        [ONE_TOO_MANY] = "one_too_many",
        [STACK_WITHOUT_LOG] = "stack_without_log",
        [CHAIN_IN_PIECES] = "chain_in_pieces",
        [SENT_NOT_LOGGED] = "sent_not_logged",
};

enum variant variant = RIGHT;
uint32_t n_buffers = 2, burst_max = 2;

static bool find_variant(const char *name)
{
	for (uint32_t v = 0; v < VARIANTS; v++) {
		if (strcmp(variant_name[v], name) != 0)
			continue;
		variant = (enum variant)v;
		return true;
	}
	fprintf(stderr, "there is no variant %s\n", name);
	return false;
}

/* Free rings have a slot for each buffer, and so are never full. */
static void size_rings(void)
{
	for (uint32_t r = 0; r < RINGS; r++)
		ring_slots[r] = r == FREE1 || r == FREE2 ? (uint8_t)n_buffers : r == SPARE ? 1 : 2;
}

int main(int argc, char **argv)
{
	uint64_t millions = 100;
	int option;

	while ((option = getopt(argc, argv, "b:n:m:")) != -1) {
		switch (option) {
		case 'b': n_buffers = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'n': burst_max = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'm': millions = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	if (n_buffers < 2 || n_buffers > BUFFERS_MAX - 1 || burst_max < 1 || burst_max > 2)
		return 2;
	if (optind < argc && wake_knows(argv[optind]))
		return wake_run(argv[optind]);
	if (optind < argc && !find_variant(argv[optind]))
		return 2;
	size_rings();
	return search_run(millions * 1000000);
}
