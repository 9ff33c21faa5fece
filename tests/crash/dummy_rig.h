/* dummy_rig: the four small stages as an appliance, and what must be true of it at the end. */
#ifndef SLUICE_TESTS_CRASH_DUMMY_RIG_H
#define SLUICE_TESTS_CRASH_DUMMY_RIG_H

#include "tests/crash/cut.h"
#include "tests/crash/dummy.h"

extern const struct stage_ops *const dummy_stages[STAGE_COUNT];

/* Puts the one epoch that they need into an appliance that is mapped. */
void dummy_epoch(struct appliance *a);

/* At rest: each packet taken once came to its end once, or is in the account; none was run twice.  NULL, or a
 * sentence. */
const char *dummy_judge(struct cut *cut);

#endif
