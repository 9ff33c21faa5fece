/* help: what `sluice help` and --help print, made of the commands' descriptions. */
#ifndef SLUICE_SERVICES_CLI_HELP_H
#define SLUICE_SERVICES_CLI_HELP_H

#include "services/cli/cli.h"

#include <stdio.h>

void help_overview(FILE *to);
/* One command's page; `path` is its whole name. */
void help_page(FILE *to, const char *path, const struct cli_command *command);
/* "-i, --interface PORT". */
void help_option(const struct cli_option *option, char *out, size_t size);

#endif
