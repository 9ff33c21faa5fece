#include "services/cli/repeat.h"

#include "services/cli/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* What the command writes, malloc'd; NULL without memory. */
static char *answer(const struct cli_call *call, int *code)
{
	FILE *const out = stdout, *const err = stderr;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	stdout = stderr = to;
	*code = call->command->run(call);
	stdout = out;
	stderr = err;
	if (fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}

static uint32_t screen_lines(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row ? 24 : size.ws_row;
}

/* Line by line over what stood there, so that nothing flickers; what does not fit is left out. */
static void draw(const struct cli_call *call, const char *text)
{
	uint32_t lines = screen_lines();
	time_t now = time(NULL);
	char clock[16] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof clock, "%H:%M:%S", &tm);
	printf("\033[Hsluice %s, every %u s, %s\033[K\n\033[K\n", call->path, call->watch_s, clock);
	for (uint32_t l = 3; *text && l < lines; l++) {
		size_t len = strcspn(text, "\n");

		printf("%.*s\033[K\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
	fputs("\033[J", stdout);
}

int repeat_run(const struct cli_call *call)
{
	const bool terminal = isatty(STDOUT_FILENO) && !call->json;
	int code = 0;

	signals_catch();
	if (terminal)
		fputs("\033[2J", stdout);
	do {
		char *text = answer(call, &code);

		if (!text)
			return CLI_SYSTEM;
		if (terminal && code != CLI_USAGE)
			draw(call, text);
		else
			fputs(text, code == CLI_USAGE && !call->json ? stderr : stdout);
		free(text);
		if (fflush(stdout))
			break; /* nobody reads on */
	} while (code != CLI_USAGE && signals_wait(call->watch_s * 1000));
	return code;
}
