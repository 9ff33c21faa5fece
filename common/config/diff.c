/* How two configurations differ, by what they say and not by how it is written. */
#include "common/config/diff.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_BYTES 512u

struct differ {
	struct arena arena;
	struct config_differences *out;
	char path[PATH_BYTES];
	size_t at; /* bytes of path */
};

static void render(FILE *to, const struct node *n);

static void render_text(FILE *to, const struct node *n)
{
	bool plain = !n->quoted && n->n && !strpbrk(n->text, ",[]{}\"\n#");

	if (plain || node_is_nothing(n)) {
		fputs(n->text, to);
		return;
	}
	fputc('"', to);
	for (const char *c = n->text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', to);
		if (*c == '\n')
			fputs("\\n", to);
		else
			fputc(*c, to);
	}
	fputc('"', to);
}

static void render_children(FILE *to, const struct node *n)
{
	for (const struct node *c = n->first; c; c = c->next) {
		fputs(c == n->first ? "" : ", ", to);
		if (c->key) {
			render_text(to, c->key);
			fputs(": ", to);
		}
		render(to, c);
	}
}

static void render(FILE *to, const struct node *n)
{
	const char *space = n->kind == NODE_MAPPING && n->n ? " " : "";

	if (n->kind == NODE_SCALAR) {
		render_text(to, n);
		return;
	}
	fprintf(to, "%s%s", n->kind == NODE_LIST ? "[" : "{", space);
	render_children(to, n);
	fprintf(to, "%s%s", space, n->kind == NODE_LIST ? "]" : "}");
}

char *diff_render(const struct node *n)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	render(to, n);
	if (fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Takes the texts over. */
static void report(struct differ *d, enum config_difference_kind kind, char *before, char *after)
{
	struct config_differences *out = d->out;
	struct config_difference *list = realloc(out->list, (out->n + 1) * sizeof *list);

	if (list) {
		out->list = list;
		list[out->n] = (struct config_difference){(uint8_t)kind, strdup(d->path), before, after};
		if (list[out->n++].path)
			return;
	} else {
		free(before);
		free(after);
	}
	d->arena.failed = true;
}

static void report_nodes(struct differ *d, enum config_difference_kind kind, const struct node *before,
        const struct node *after)
{
	report(d, kind, before ? diff_render(before) : NULL, after ? diff_render(after) : NULL);
}

/* A key of a plain word stands behind a dot, all else in brackets.  Returns what path_cut wants. */
static size_t path_add(struct differ *d, const struct diff_item *item)
{
	size_t was = d->at;
	bool word = item->node->key && *item->id;
	char nth[16] = "";

	for (const char *c = item->id; *c; c++)
		word &= isalnum((unsigned char)*c) || *c == '_' || *c == '-';
	if (item->nth)
		snprintf(nth, sizeof nth, "#%u", item->nth + 1);
	if (word)
		snprintf(d->path + was, PATH_BYTES - was, "%s%s", was ? "." : "", item->id);
	else
		snprintf(d->path + was, PATH_BYTES - was, "[%.120s%s]", item->id, nth);
	d->at = strlen(d->path);
	return was;
}

static void path_cut(struct differ *d, size_t was)
{
	d->at = was;
	d->path[was] = 0;
}

static char *place_text(uint32_t place)
{
	char text[16];

	snprintf(text, sizeof text, "%u", place + 1);
	return strdup(text);
}

static void diff_node(struct differ *d, const struct node *before, const struct node *after);

static void diff_children(struct differ *d, const struct node *before, const struct node *after, bool list)
{
	uint32_t n, m;
	struct diff_item *a = diff_items(&d->arena, before, &n), *b = diff_items(&d->arena, after, &m);

	diff_match(&d->arena, a, n, b, m, list);
	for (uint32_t i = 0; i < n; i++) {
		size_t was = path_add(d, &a[i]);

		if (a[i].match == DIFF_NONE)
			report_nodes(d, CONFIG_REMOVED, a[i].node, NULL);
		path_cut(d, was);
	}
	for (uint32_t i = 0; i < m; i++) {
		size_t was = path_add(d, &b[i]);

		if (b[i].match == DIFF_NONE)
			report_nodes(d, CONFIG_ADDED, NULL, b[i].node);
		else if (b[i].moved)
			report(d, CONFIG_MOVED, place_text(b[i].match), place_text(i));
		if (b[i].match != DIFF_NONE)
			diff_node(d, a[b[i].match].node, b[i].node);
		path_cut(d, was);
	}
}

/* Nothing, {} and [] say the same. */
static bool is_empty(const struct node *n)
{
	return !n || node_is_nothing(n) || (n->kind != NODE_SCALAR && !n->n);
}

static void diff_node(struct differ *d, const struct node *before, const struct node *after)
{
	bool none = is_empty(before), none_after = is_empty(after);
	enum node_kind kind = none_after ? (none ? NODE_SCALAR : before->kind) : after->kind;

	if (none && none_after)
		return;
	if (kind != NODE_SCALAR && (none || none_after || before->kind == after->kind))
		diff_children(d, before, after, kind == NODE_LIST);
	else if (none || none_after || before->kind != after->kind || strcmp(before->text, after->text) != 0)
		report_nodes(d, CONFIG_CHANGED, before, after);
}

static const struct node *parse(
        struct differ *d, const struct config_text *text, struct config_errors *errors)
{
	struct source source = {.name = text->name, .text = text->text, .len = text->len, .errors = errors};

	return text->len ? document_parse(&d->arena, &source) : NULL;
}

int config_diff(const struct config_text *before, const struct config_text *after,
        struct config_differences *out, struct config_errors *errors)
{
	struct differ d = {.out = out};
	uint32_t errors_before = errors->n;
	const struct node *a = parse(&d, before, errors), *b = parse(&d, after, errors);
	bool failed;

	*out = (struct config_differences){0};
	if (errors->n == errors_before)
		diff_node(&d, a, b);
	failed = d.arena.failed;
	arena_free(&d.arena);
	if (!failed && errors->n == errors_before)
		return 0;
	config_differences_free(out);
	return failed ? -ENOMEM : -EINVAL;
}

void config_differences_free(struct config_differences *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		free(d->list[i].path);
		free(d->list[i].before);
		free(d->list[i].after);
	}
	free(d->list);
	*d = (struct config_differences){0};
}
