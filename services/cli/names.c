#include "services/cli/names.h"

#include <stdio.h>

#define LETTERS_MAX 32u

int names_find(const char *const *names, uint32_t n, const char *text)
{
	int found = NAMES_NONE;

	for (uint32_t i = 0; i < n; i++) {
		if (!strcmp(names[i], text))
			return (int)i;
		if (*text && !strncmp(names[i], text, strlen(text)))
			found = found == NAMES_NONE ? (int)i : NAMES_SEVERAL;
	}
	return found;
}

/* Damerau and Levenshtein's, of neighbors that are exchanged no more than once. */
static uint32_t distance(const char *a, const char *b)
{
	const uint32_t la = (uint32_t)strlen(a), lb = (uint32_t)strlen(b);
	uint8_t d[LETTERS_MAX + 1][LETTERS_MAX + 1];

	if (la > LETTERS_MAX || lb > LETTERS_MAX)
		return UINT32_MAX;
	for (uint32_t i = 0; i <= la; i++) {
		for (uint32_t k = 0; k <= lb; k++) {
			if (!i || !k) {
				d[i][k] = (uint8_t)(i + k);
				continue;
			}
			d[i][k] = (uint8_t)(d[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
			d[i][k] = (uint8_t)MIN(d[i][k], MIN(d[i - 1][k], d[i][k - 1]) + 1);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				d[i][k] = (uint8_t)MIN(d[i][k], d[i - 2][k - 2] + 1);
		}
	}
	return d[la][lb];
}

const char *names_nearest(const char *const *names, uint32_t n, const char *text)
{
	uint32_t best = 1 + (uint32_t)strlen(text) / 4;
	const char *nearest = NULL;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t wrong = distance(names[i], text);

		/* Nothing is left of a word of which every letter is another. */
		if (wrong > best || (nearest && wrong == best) || wrong >= strlen(names[i]))
			continue;
		best = wrong;
		nearest = names[i];
	}
	return nearest;
}

void names_list(const char *const *names, uint32_t n, const char *beginning, char *out, size_t size)
{
	size_t len = 0;

	*out = 0;
	for (uint32_t i = 0; i < n && len < size; i++)
		if (!strncmp(names[i], beginning, strlen(beginning)))
			len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "", names[i]);
}
