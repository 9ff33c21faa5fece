#include "services/keeper/words.h"

#include <fcntl.h>
#include <unistd.h>

#define READ_BYTES 4096u
#define PAUSE      (250 * NANOS_PER_MS) /* of who has used its budget up */

int words_open(struct words *w, const char *role)
{
	int ends[2];

	*w = (struct words){.fd = -1, .budget = WORDS_BURST};
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	w->fd = ends[0];
	snprintf(w->prefix, sizeof w->prefix, "sluice-%s: ", role);
	return ends[1];
}

int words_fd(const struct words *w, nanos_t now)
{
	return w->budget || now >= w->since + PAUSE ? w->fd : -1;
}

nanos_t words_next(const struct words *w, nanos_t now)
{
	return w->fd >= 0 && words_fd(w, now) < 0 ? w->since + PAUSE : NANOS_NEVER;
}

/* Lines of ours bear the name already; of others' names it makes a part of the line. */
static void tell_line(struct words *w, FILE *to)
{
	size_t own = strlen(w->prefix);
	bool named = w->n >= own && !memcmp(w->line, w->prefix, own);

	if (w->n)
		fprintf(to, "%s%.*s%s\n", named ? "" : w->prefix, (int)w->n, w->line, w->cut ? "..." : "");
	w->n = 0;
	w->cut = false;
}

/* A terminal obeys what is not printable, and more than ASCII's part of it. */
static void take(struct words *w, const char *bytes, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		char c = bytes[i];

		if (c == '\n')
			tell_line(w, to);
		else if (w->n == sizeof w->line)
			w->cut = true;
		else
			w->line[w->n++] = (c >= ' ' && c <= '~') || c == '\t' ? c : '?';
	}
}

static void refill(struct words *w, nanos_t now)
{
	nanos_t passed = w->since ? now - w->since : NANOS_PER_SEC * (WORDS_BURST / WORDS_RATE);
	uint64_t more = MIN(passed, NANOS_PER_SEC * (WORDS_BURST / WORDS_RATE)) * WORDS_RATE / NANOS_PER_SEC;

	if (!more)
		return;
	w->budget = (uint32_t)MIN(w->budget + more, (uint64_t)WORDS_BURST);
	w->since = now;
	if (w->budget == WORDS_BURST)
		w->told_excess = false;
}

static void end(struct words *w, FILE *to)
{
	tell_line(w, to);
	close(w->fd);
	w->fd = -1;
}

/* Whether there may be more. */
static bool read_some(struct words *w, FILE *to)
{
	char bytes[READ_BYTES];
	ssize_t n = read(w->fd, bytes, MIN((size_t)w->budget, sizeof bytes));

	if (n == 0)
		end(w, to); /* it has closed its side, and may live on */
	if (n <= 0)
		return false;
	take(w, bytes, (size_t)n, to);
	w->budget -= (uint32_t)n;
	return w->budget > 0;
}

void words_read(struct words *w, nanos_t now, FILE *to)
{
	refill(w, now);
	while (w->budget && read_some(w, to))
		;
	if (w->budget || w->told_excess)
		return;
	w->told_excess = true;
	fprintf(to, "%sit says too much; some of it is lost\n", w->prefix);
}

void words_close(struct words *w, FILE *to)
{
	if (w->fd < 0)
		return;
	w->budget = WORDS_BURST;
	while (read_some(w, to))
		;
	if (w->fd >= 0)
		end(w, to);
}
