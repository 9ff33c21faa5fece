/* real: the stages that are shipped, with tests/crash/real.yaml, and captures that real_traffic.py has
 * written.
 *
 * Frames that leave go to wan-out.pcap and lan-out.pcap in the working folder. */
#ifndef SLUICE_TESTS_CRASH_REAL_H
#define SLUICE_TESTS_CRASH_REAL_H

#include "common/publish/publish.h"
#include "tests/crash/cut.h"

extern const struct stage_ops *const real_stages[STAGE_COUNT];

struct real {
	struct config *config;
	struct publisher publisher;
	struct stage_params params;
	uint64_t epoch_bytes, fib_bytes;
	uint32_t frames; /* in the captures */
};

/* Reads the configuration; ports read the captures in the folder, which is an absolute path.  Exits 2 where
 * that fails. */
void real_load(struct real *real, const char *config, const char *captures);

/* Publishes it into an appliance that is mapped. */
void real_publish(struct real *real, struct appliance *a);

void real_end(struct real *real);

/* Goes to a folder of its own, so that what a fork writes is not its parent's: struct cut's `apart`. */
void real_apart(struct cut *cut);

/* At rest: no frame that bears a number left twice, and the files hold as many frames as were sent.  NULL, or
 * a sentence. */
const char *real_judge(struct cut *cut);

#endif
