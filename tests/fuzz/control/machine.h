/* machine: the machine that control runs on in a fuzz target: a clock of the target's own, files that nothing
 * is waited for, and no socket that anybody else could reach.
 *
 *     machine_play(true);  machine_pass(ms);  ...  machine_play(false);
 *
 * Has the names of the C library's functions, and of the one in services/control that opens sockets.  The
 * clock of the day stays the machine's, since libFuzzer measures by it.
 */
#ifndef SLUICE_TESTS_FUZZ_CONTROL_MACHINE_H
#define SLUICE_TESTS_FUZZ_CONTROL_MACHINE_H

#include "common/base/base.h"

/* From now on the clock is ours and begins anew, or is the machine's again. */
void machine_play(bool on);
void machine_pass(uint64_t ms);
/* What the clock shows. */
nanos_t machine_now(void);

#endif
