#include "services/cli/text.h"

static void new_line(FILE *to, uint32_t *at, uint32_t indent)
{
	fprintf(to, "\n%*s", (int)indent, "");
	*at = indent;
}

static void put(FILE *to, const char *word, uint32_t len, uint32_t *at, uint32_t indent)
{
	if (*at > indent && *at + 1 + len >= TEXT_COLUMNS)
		new_line(to, at, indent);
	else if (*at > indent)
		*at += (uint32_t)fprintf(to, " ");
	*at += (uint32_t)fprintf(to, "%.*s", (int)len, word);
}

void text_piece(FILE *to, const char *word, uint32_t *at, uint32_t indent)
{
	put(to, word, (uint32_t)strlen(word), at, indent);
}

void text_wrap(FILE *to, const char *text, uint32_t at, uint32_t indent)
{
	while (*text) {
		uint32_t len = (uint32_t)strcspn(text, " \n");

		if (len)
			put(to, text, len, &at, indent);
		text += len;
		if (*text == '\n')
			new_line(to, &at, text[1] == '\n' ? 0 : indent);
		text += *text != 0;
	}
	fputc('\n', to);
}
