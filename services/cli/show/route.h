/* route: the parts of `sluice route`. */
#ifndef SLUICE_SERVICES_CLI_SHOW_ROUTE_H
#define SLUICE_SERVICES_CLI_SHOW_ROUTE_H

#include "services/cli/cli.h"

/* `sluice route source`: an exit code. */
[[nodiscard]] int route_source(const struct cli_call *call);

#endif
