#include "common/config/errors.h"

#include <stdarg.h>
#include <stdlib.h>

#define LINE_SHOWN_MAX 240u

struct phrase phrase(const char *format, ...)
{
	struct phrase p;
	va_list args;

	va_start(args, format);
	vsnprintf(p.text, sizeof p.text, format, args);
	va_end(args);
	return p;
}

/* A copy, made what a terminal and a JSON reader can take; or NULL. */
static char *clean(char *copy)
{
	if (copy)
		utf8_tame(copy);
	return copy;
}

/* A copy of one line of the text; NULL where there is none. */
static char *line_copy(const struct source *s, uint32_t line)
{
	const char *at = s->text, *end = s->text + s->len;
	size_t n = 0;

	for (uint32_t i = 1; at && i < line; i++) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (!line || !at || at >= end)
		return NULL;
	for (const char *c = at; c < end && *c != '\n' && *c != '\r'; c++)
		n++;
	return clean(strndup(at, MIN(n, (size_t)LINE_SHOWN_MAX)));
}

static struct config_error *error_add(struct config_errors *e)
{
	struct config_error *list;

	if (e->n == CONFIG_ERRORS_MAX) {
		e->more++;
		return NULL;
	}
	list = realloc(e->list, (e->n + 1) * sizeof *list);
	if (!list) {
		e->more++;
		return NULL;
	}
	e->list = list;
	list[e->n] = (struct config_error){0};
	return &list[e->n++];
}

void source_error(struct source *s, uint32_t line, uint32_t column, const char *found, const char *expected,
        const char *hint)
{
	struct config_error *e = error_add(s->errors);

	if (!e)
		return;
	e->file = clean(strdup(s->name));
	e->line = line;
	e->column = column;
	e->found = clean(strdup(found));
	e->expected = expected ? clean(strdup(expected)) : NULL;
	e->hint = hint ? clean(strdup(hint)) : NULL;
	e->source = line_copy(s, line);
}

/* Optimal string alignment: insertions, deletions, changes and swaps of neighbours, for short words. */
static uint32_t edit_distance(const char *a, const char *b)
{
	uint32_t row[3][40];
	uint32_t n = (uint32_t)strlen(a), m = (uint32_t)strlen(b);

	if (n >= ARRAY_LEN(row[0]) || m >= ARRAY_LEN(row[0]))
		return UINT32_MAX;
	for (uint32_t j = 0; j <= m; j++)
		row[0][j] = j;
	for (uint32_t i = 1; i <= n; i++) {
		uint32_t *now = row[i % 3], *before = row[(i + 2) % 3], *twice = row[(i + 1) % 3];

		now[0] = i;
		for (uint32_t j = 1; j <= m; j++) {
			now[j] = MIN(MIN(before[j], now[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = MIN(now[j], twice[j - 2] + 1);
		}
	}
	return row[n % 3][m];
}

const char *nearest_name(const char *word, const char *const *names, uint32_t n)
{
	uint32_t best = UINT32_MAX;
	const char *found = NULL;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = (uint32_t)MAX(strlen(word), strlen(names[i]));
		uint32_t d = edit_distance(word, names[i]);

		if (d < best && d <= MAX(len / 3, 1u)) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

static int error_compare(const void *a, const void *b)
{
	const struct config_error *x = a, *y = b;
	int files = x->file && y->file ? strcmp(x->file, y->file) : 0;

	if (files)
		return files;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

void errors_sort(struct config_errors *e)
{
	if (e->n > 1)
		qsort(e->list, e->n, sizeof *e->list, error_compare);
}

/* The line, and below it a caret under the column, which counts characters and not bytes. */
static void print_source(FILE *to, const struct config_error *e)
{
	uint32_t column = 1;

	fprintf(to, "    %s\n    ", e->source);
	for (const char *c = e->source; *c && column < e->column; c++) {
		if (((uint8_t)*c & 0xc0) == 0x80)
			continue;
		fputc(*c == '\t' ? '\t' : ' ', to);
		column++;
	}
	fputs("^\n", to);
}

static void print_error(FILE *to, const struct config_error *e)
{
	fprintf(to, "%s:", e->file ? e->file : "?");
	if (e->line)
		fprintf(to, "%u:%u:", e->line, e->column);
	fprintf(to, " error: %s", e->found ? e->found : "memory ran out while this was reported");
	if (e->expected)
		fprintf(to, "; expected %s", e->expected);
	fputc('\n', to);
	if (e->source)
		print_source(to, e);
	if (e->hint)
		fprintf(to, "    hint: %s\n", e->hint);
}

void config_errors_print(FILE *to, const struct config_errors *e)
{
	for (uint32_t i = 0; i < e->n; i++)
		print_error(to, &e->list[i]);
	if (e->more)
		fprintf(to, "and %u more\n", e->more);
}

/* A JSON string; clean() has left nothing but UTF-8 and tabs. */
static void json_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (const uint8_t *c = (const uint8_t *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(to, "\\%c", *c);
		else if (*c < 0x20)
			fprintf(to, "\\u%04x", *c);
		else
			fputc(*c, to);
	}
	fputc('"', to);
}

static void json_member(FILE *to, const char *name, const char *text)
{
	fprintf(to, ",\"%s\":", name);
	if (text)
		json_string(to, text);
	else
		fputs("null", to);
}

void config_errors_json(FILE *to, const struct config_errors *e)
{
	fputc('[', to);
	for (uint32_t i = 0; i < e->n; i++) {
		const struct config_error *x = &e->list[i];

		fprintf(to, "%s{\"line\":%u,\"column\":%u", i ? "," : "", x->line, x->column);
		json_member(to, "file", x->file);
		json_member(to, "found", x->found);
		json_member(to, "expected", x->expected);
		json_member(to, "hint", x->hint);
		fputc('}', to);
	}
	fputc(']', to);
}

void config_errors_free(struct config_errors *e)
{
	for (uint32_t i = 0; i < e->n; i++) {
		free(e->list[i].file);
		free(e->list[i].found);
		free(e->list[i].expected);
		free(e->list[i].hint);
		free(e->list[i].source);
	}
	free(e->list);
	*e = (struct config_errors){0};
}
