#include "common/blueprint/blueprint.h"
#include "services/cli/commands.h"
#include "services/cli/help.h"
#include "services/cli/parse.h"
#include "services/cli/repeat.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether errors are wanted as JSON, known before the words are understood. */
static bool wants_json(char *const *words)
{
	for (; *words && strcmp(*words, "--") != 0; words++)
		if (!strcmp(*words, "--json") || !strcmp(*words, "-j"))
			return true;
	return false;
}

static int run(struct cli_call *call)
{
	if (call->help) {
		help_page(stdout, call->path, call->command);
		return CLI_FINE;
	}
	if (call->command->run)
		return call->watch_s ? repeat_run(call) : call->command->run(call);
	if (call->json)
		return cli_usage(call, "a verb is missing");
	help_page(stderr, call->path, call->command);
	return CLI_USAGE;
}

static int obey(struct cli_call *call, int argc, char **argv)
{
	char **words = argv + 1;
	int code;

	if (argc < 2) {
		help_overview(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		help_overview(stdout);
		return CLI_FINE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("sluice %s\n", blueprint_build());
		return CLI_FINE;
	}
	call->json = wants_json(words);
	code = commands_find(call, &words);
	if (!code)
		code = parse_words(call, words);
	return code ? code : run(call);
}

/* The reader of a pipe may have seen enough. */
static bool somebody_reads(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) <= 0 || !(out.revents & (POLLERR | POLLHUP));
}

/* What was printed and did not arrive is not done: on a full disk, say. */
static int printed(const struct cli_call *call, int code)
{
	const char *why = "a part of it is lost";

	if (fflush(stdout))
		why = strerror(errno);
	else if (!ferror(stdout))
		return code;
	if (!somebody_reads())
		return code;
	fprintf(stderr, "sluice%s%s: standard output cannot be written: %s\n", *call->path ? " " : "",
	        call->path, why);
	return CLI_SYSTEM;
}

int main(int argc, char **argv)
{
	struct cli_call call = {.run_dir = CLI_RUN_DIR};

	return printed(&call, obey(&call, argc, argv));
}
