/* words: what a role's process writes to its stderr, on its way to the keeper's log.
 *
 *     end = words_open(&w, "filter")                 the process gets `end` as its output
 *     poll: words_fd(&w, now) readable               words_read(&w, now, stderr)
 *     words_next(&w, now)                            when to look at words_fd again
 *     words_close(&w, stderr)                        it is dead
 *
 * The process may be hostile: each line is told with its name before it, without control characters, cut
 * where it is too long; and who writes more than WORDS_RATE waits in vain: its writes fail, they never block.
 * For the attendant's one thread.
 */
#ifndef SLUICE_SERVICES_KEEPER_WORDS_H
#define SLUICE_SERVICES_KEEPER_WORDS_H

#include "common/base/base.h"

#include <stdio.h>

#define WORDS_LINE  1000u  /* bytes of a line that are told */
#define WORDS_BURST 65536u /* bytes */
#define WORDS_RATE  8192u  /* bytes a second, behind the burst */

struct words {
	int fd;          /* -1: none */
	char prefix[32]; /* "sluice-filter: " */
	char line[WORDS_LINE];
	uint32_t n;       /* bytes of the line so far, as they are told */
	bool cut;         /* the rest of it is dropped */
	uint32_t budget;  /* bytes that may be read now */
	nanos_t since;    /* that the budget is of; 0: it is whole */
	bool told_excess; /* that something is lost */
};

/* Makes the way of a process of that role.  The end for the process, close-on-exec, or a negative errno: *w
 * is closed then. */
[[nodiscard]] int words_open(struct words *w, const char *role);

/* What to poll for reading; -1: nothing. */
int words_fd(const struct words *w, nanos_t now);

/* When words_fd will be another than it is now; NANOS_NEVER: not by time. */
nanos_t words_next(const struct words *w, nanos_t now);

/* Reads what is there, as far as the budget goes, and tells whole lines. */
void words_read(struct words *w, nanos_t now, FILE *to);

/* Reads and tells the last of it, a line without its end too, within a whole budget. */
void words_close(struct words *w, FILE *to);

#endif
