#include "services/cli/top/screen.h"

#include "services/cli/signals.h"
#include "services/cli/top/sample.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define KEY_MS 50u /* a key, a signal or another size of the terminal waits no longer */

static struct frame *frame_of_terminal(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	return frame_new(size.ws_row, size.ws_col);
}

/* Line by line over what stood there, in one go, so that nothing flickers. */
static void draw(const struct top_view *view, const struct top_wish *wish)
{
	struct frame *f = frame_of_terminal();
	char *text = NULL;
	size_t len;
	FILE *to = f ? open_memstream(&text, &len) : NULL;

	if (to) {
		(void)top_draw(view, wish, f);
		frame_screen(f, *remote_paint("x"), to);
		if (fclose(to) == 0)
			fputs(text, stdout);
		fflush(stdout);
	}
	free(text);
	free(f);
}

/* The next key, or -1. */
static int next_key(void)
{
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned char key;

	return poll(&fd, 1, KEY_MS) == 1 && read(STDIN_FILENO, &key, 1) == 1 ? key : -1;
}

/* Takes keys until the next look.  false: it is to end. */
static bool wait_for_keys(const struct top_view *view, struct top_wish *wish)
{
	struct frame *size = frame_of_terminal();
	uint32_t lines = size ? size->lines : 0, columns = size ? size->columns : 0;
	bool on = true;

	free(size);
	for (uint32_t ms = 0; on && ms < wish->interval_ms && !signals_came(); ms += KEY_MS) {
		int key = next_key();

		if (key >= 0)
			on = top_key(wish, key);
		size = frame_of_terminal();
		if (on && size && (key >= 0 || size->lines != lines || size->columns != columns)) {
			lines = size->lines;
			columns = size->columns;
			draw(view, wish);
		}
		free(size);
	}
	return on && !signals_came();
}

/* What stood on the screen goes with it; this stays. */
static void leave_last(const struct top_view *view, const struct top_wish *wish)
{
	struct frame *f = frame_of_terminal();

	if (f)
		frame_write(f, top_draw(view, wish, f), *remote_paint("x"), stdout);
	free(f);
}

static void look(struct top_view *view, struct remote *r)
{
	struct top_sample *sample = malloc(sizeof *sample);

	if (sample && top_sample_take(sample, r) == 0)
		top_view_add(view, sample);
	else
		snprintf(view->trouble, sizeof view->trouble, "%.255s", r->trouble);
	free(sample);
}

int top_screen_run(const struct cli_call *call, struct top_view *view, struct top_wish *wish)
{
	char trouble[RPC_MESSAGE_BYTES] = "";
	struct remote r = {.call = call, .trouble = trouble};
	struct termios before, raw;
	uint64_t looks = 0;

	if (tcgetattr(STDIN_FILENO, &before))
		return CLI_SYSTEM;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs("\033[?1049h\033[?25l", stdout);
	/* Of the first look nothing is known but counts. */
	do {
		if (!wish->paused)
			look(view, &r);
		draw(view, wish);
	} while ((!wish->looks || looks++ < wish->looks) && wait_for_keys(view, wish));
	fputs("\033[?25h\033[?1049l", stdout);
	if (wish->looks)
		leave_last(view, wish);
	fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	rpc_client_close(r.client);
	return CLI_FINE;
}
