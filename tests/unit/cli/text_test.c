#include <criterion/criterion.h>
#include <stdlib.h>

#include "services/cli/text.h"

/* Words of random length: the same come out, no line is too long unless it is one word, and none could have
 * held the next word too. */
Test(text, wraps_words_as_late_as_can_be)
{
	uint32_t seed = 7;

	for (uint32_t round = 0; round < 500; round++) {
		const uint32_t indent = round % 30;
		char text[2048] = "", *shown = NULL;
		size_t bytes;
		FILE *to = open_memstream(&shown, &bytes);
		uint32_t column = 0, word = 0;

		for (uint32_t n = 0; n < 60; n++) {
			seed = seed * 1664525 + 1013904223;
			snprintf(text + strlen(text), 40, "%s%.*s", n ? " " : "",
			        (int)(1 + (seed >> 20) % 20), "abcdefghijklmnopqrstuvwxyz");
		}
		fprintf(to, "%*s", (int)indent, "");
		text_wrap(to, text, indent, indent);
		fclose(to);
		for (char *at = shown, *line; (line = strsep(&at, "\n")) && *line; word += column) {
			size_t next = at ? strcspn(at + strspn(at, " "), " \n") : 0;

			cr_assert_lt(strlen(line), TEXT_COLUMNS);
			cr_assert_eq(strspn(line, " "), indent);
			cr_assert(!next || strlen(line) + 1 + next >= TEXT_COLUMNS, "'%s' has room", line);
			column = (uint32_t)strlen(line + indent) + 1;
			cr_assert(!strncmp(text + word, line + indent, strlen(line + indent)));
		}
		cr_assert_eq(word, strlen(text) + 1);
		free(shown);
	}
}

Test(text, a_paragraph_stays_one)
{
	char *shown = NULL;
	size_t bytes;
	FILE *to = open_memstream(&shown, &bytes);

	text_wrap(to, "one.\n\ntwo", 0, 0);
	fclose(to);
	cr_assert_str_eq(shown, "one.\n\ntwo\n");
	free(shown);
}
