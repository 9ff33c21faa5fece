/* commands: every command there is, and finding one by the words that were typed. */
#ifndef SLUICE_SERVICES_CLI_COMMANDS_H
#define SLUICE_SERVICES_CLI_COMMANDS_H

#include "services/cli/cli.h"

#include <stdio.h>

#define COMMANDS_MAX 40u

struct commands_entry {
	const struct cli_command *command;
	const char *short_for; /* NULL: it stands for itself */
};

extern const struct cli_command command_help;

/* In list.c, in the order in which help shows them; ends with a zero entry. */
extern const struct commands_entry commands[];

/* Takes the words that name a command (its noun, and its verb where it has verbs) off the front of *argv;
 * unique beginnings of them do.  0, with call->command and call->path; or an exit code with its sentence
 * told. */
[[nodiscard]] int commands_find(struct cli_call *call, char ***argv);

/* The same of a call's own arguments, which are all to name one. */
[[nodiscard]] int commands_named(const struct cli_call *call, struct cli_call *named);

/* The options of a command: its own, and behind them those that it shares with others.  How many. */
uint32_t commands_options(const struct cli_command *command, struct cli_option out[CLI_ALL_OPTIONS]);

/* A command's exit codes in words; NULL: it never ends so. */
const char *commands_exit(const struct cli_command *command, uint32_t code);

/* What follows the command's name, with brackets around what may be left out, a piece for each option and
 * argument: calls `piece` for each. */
void commands_usage(const struct cli_command *command, bool alone,
        void (*piece)(void *context, const char *text), void *context);

/* Visits every command and verb that stands for itself, by its whole name ("config apply"). */
void commands_each(
        void (*visit)(void *context, const char *path, const struct cli_command *command), void *context);

#endif
