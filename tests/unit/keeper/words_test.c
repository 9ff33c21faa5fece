#include "services/keeper/words.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

static struct words words;
static int end;
static char *told;
static size_t told_bytes;
static FILE *to;

static void set_up(void)
{
	end = words_open(&words, "filter");
	cr_assert_geq(end, 0);
	to = open_memstream(&told, &told_bytes);
}

static void tear_down(void)
{
	words_close(&words, to);
	close(end);
	fclose(to);
	free(told);
}

TestSuite(words, .init = set_up, .fini = tear_down);

static void say(const char *text)
{
	cr_assert_eq(write(end, text, strlen(text)), (ssize_t)strlen(text));
}

/* What has been told since the last time. */
static const char *heard(void)
{
	static size_t from;
	size_t begin = from;

	fflush(to);
	from = told_bytes;
	return told + begin;
}

static const char *hear(nanos_t now)
{
	words_read(&words, now, to);
	return heard();
}

Test(words, are_told_by_lines_under_one_name)
{
	say("out of memory\nsluice-filter: cannot begin\nhalf a ");
	cr_expect_str_eq(hear(1), "sluice-filter: out of memory\nsluice-filter: cannot begin\n");
	say("line\n\n");
	cr_expect_str_eq(hear(2), "sluice-filter: half a line\n");
}

Test(words, cannot_pass_for_anothers)
{
	say("sluice-keeper: all is well\nsluice-filter\n");
	cr_expect_str_eq(
	        hear(1), "sluice-filter: sluice-keeper: all is well\nsluice-filter: sluice-filter\n");
}

Test(words, have_nothing_that_a_terminal_obeys)
{
	say("a\033[2Jb\rc\td\177e\302\233f\n");
	cr_expect_str_eq(hear(1), "sluice-filter: a?[2Jb?c\td?e??f\n");
}

Test(words, of_a_long_line_are_cut)
{
	char line[WORDS_LINE + 3];

	memset(line, 'x', sizeof line);
	line[WORDS_LINE] = line[WORDS_LINE + 1] = 'y';
	line[WORDS_LINE + 2] = 0;
	say(line);
	cr_expect_str_empty(hear(1));
	say("z\nnext\n");
	line[WORDS_LINE] = 0;
	cr_expect_str_eq(hear(2) + strlen("sluice-filter: ") + WORDS_LINE, "...\nsluice-filter: next\n");
}

/* As much as the pipe takes. */
static size_t flood(void)
{
	char line[100];
	size_t n = 0;

	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\n';
	while (write(end, line, sizeof line) > 0)
		n++;
	return n;
}

Test(words, in_excess_are_lost_without_blocking_anyone)
{
	nanos_t now = 5 * NANOS_PER_SEC;
	uint32_t excess = 0;

	cr_expect_eq(words_fd(&words, now), words.fd);
	cr_expect_eq(words_next(&words, now), NANOS_NEVER);
	for (uint32_t i = 0; i < 40; i++) {
		flood();
		if (strstr(hear(now), "too much"))
			excess++;
	}
	cr_expect_eq(excess, 1, "that is said once");
	cr_expect_eq(words_fd(&words, now), -1);
	cr_expect_gt(words_next(&words, now), now);
	fflush(to);
	cr_expect_leq(told_bytes, 2 * WORDS_BURST);
	now = words_next(&words, now);
	cr_expect_eq(words_fd(&words, now), words.fd);
	cr_expect_gt(strlen(hear(now)), 0, "a little comes again");
	cr_expect_eq(words_fd(&words, now), -1);
}

Test(words, are_told_to_the_last_when_who_spoke_is_dead)
{
	say("first\nAssertion failed");
	words_close(&words, to);
	cr_expect_str_eq(heard(), "sluice-filter: first\nsluice-filter: Assertion failed\n");
	cr_expect_eq(words.fd, -1);
	words_close(&words, to);
}

Test(words, are_over_when_its_side_is_closed)
{
	say("last");
	close(end);
	cr_expect_str_eq(hear(1), "sluice-filter: last\n");
	cr_expect_eq(words_fd(&words, 2), -1);
	cr_expect_eq(words_next(&words, 2), NANOS_NEVER);
	end = dup(0);
}
