/* cores: where the lanes' workers run.
 *
 * For `sluice up` alone, before anything is started: what the option or else the configuration says is judged
 * by the processors that this process may use, and goes into the blueprint.
 */
#ifndef SLUICE_SERVICES_CLI_CORES_H
#define SLUICE_SERVICES_CLI_CORES_H

#include "common/blueprint/blueprint.h"
#include "common/config/config.h"
#include "services/cli/cli.h"

/* Sets b->cores.  `option` is what --cores says, NULL where it is not given.  0, or an exit code; the reason
 * is told on stderr. */
int cores_place(
        const struct cli_call *call, const char *option, const struct config *config, struct blueprint *b);

#endif
