/* sample: what top shows, at one time, as control answers. */
#ifndef SLUICE_SERVICES_CLI_TOP_SAMPLE_H
#define SLUICE_SERVICES_CLI_TOP_SAMPLE_H

#include "services/cli/remote.h"
#include "services/cli/top/top.h"

/* Connects if r is not connected.  0; or an exit code, the sentence where r says, and r is not connected. */
[[nodiscard]] int top_sample_take(struct top_sample *sample, struct remote *r);

#endif
