/* parse: the options and arguments that were typed, by the command's description. */
#ifndef SLUICE_SERVICES_CLI_PARSE_H
#define SLUICE_SERVICES_CLI_PARSE_H

#include "services/cli/cli.h"

/* Reads what stands behind the command's name (ends with NULL; reordered so that arguments are at its
 * beginning) into the call, whose command and path are set.  Options: --name, --name=value, --name value, -x,
 * -xvalue, -x value, several letters in one word, -- before what is none.  Where --help is among them no
 * argument need be there.  0, or CLI_USAGE with a sentence that names the word, and what would be right. */
[[nodiscard]] int parse_words(struct cli_call *call, char **words);

#endif
