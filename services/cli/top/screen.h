/* screen: top on a terminal, and its keys. */
#ifndef SLUICE_SERVICES_CLI_TOP_SCREEN_H
#define SLUICE_SERVICES_CLI_TOP_SCREEN_H

#include "services/cli/cli.h"
#include "services/cli/top/top.h"

/* Until q or a signal; the terminal is then as it was.  An exit code. */
[[nodiscard]] int top_screen_run(const struct cli_call *call, struct top_view *view, struct top_wish *wish);

#endif
