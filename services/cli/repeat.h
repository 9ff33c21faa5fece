/* repeat: a command's answer again and again (--watch). */
#ifndef SLUICE_SERVICES_CLI_REPEAT_H
#define SLUICE_SERVICES_CLI_REPEAT_H

#include "services/cli/cli.h"

/* Carries the call out each call->watch_s until a person ends it: on a terminal in place, else one answer
 * behind the other.  What it says of an appliance that does not answer stands there too, until it does.  The
 * exit code of the last answer. */
int repeat_run(const struct cli_call *call);

#endif
