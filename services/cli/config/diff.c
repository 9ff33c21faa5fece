/* config diff: what differs, key by key. */
#include "services/cli/config/config.h"

#include "common/base/utf8.h"
#include "common/config/config.h"
#include "services/cli/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* One of the two sides. */
struct side {
	char title[1100];
	char *file; /* what paths in it are relative to */
	char *text;
	size_t len;
};

/* Of what differs, what is not in force at once. */
struct waits {
	char *next_start[1], *fixed[1]; /* keys; fixed: which cannot change while the appliance runs */
	size_t n_next_start, n_fixed;
};

static const struct {
	char sign;
	const char *word, *paint;
} kinds[] = {
        [CONFIG_ADDED] = {'+', "added", "\033[32m"},
        [CONFIG_REMOVED] = {'-', "removed", "\033[31m"},
        [CONFIG_CHANGED] = {'~', "changed", "\033[33m"},
        [CONFIG_MOVED] = {'^', "moved", "\033[36m"},
};

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

static int read_kept(struct remote *r, uint32_t number, struct side *side)
{
	struct config_kept kept;
	int code = config_fetch(r, number, &kept);

	if (code)
		return code == CLI_NO ? CLI_USAGE : code;
	snprintf(side->title, sizeof side->title, "configuration %u (%s)", kept.number, kept.file);
	side->text = kept.text;
	side->len = kept.len;
	side->file = kept.file;
	kept.text = kept.file = NULL;
	config_kept_free(&kept);
	return 0;
}

static int check_number(const struct cli_call *call, const char *what)
{
	unsigned long long number;

	errno = 0;
	number = is_number(what) ? strtoull(what, NULL, 10) : 1;
	return !errno && number && number <= UINT32_MAX
	               ? 0
	               : cli_usage(call, "no configuration has the number %s; a file of this name is ./%s",
	                         what, what);
}

/* NULL: the configuration in force. */
static int read_side(struct remote *r, const char *what, struct side *side)
{
	if (!what)
		return read_kept(r, 0, side);
	if (is_number(what))
		return read_kept(r, (uint32_t)strtoull(what, NULL, 10), side);
	snprintf(side->title, sizeof side->title, "%s", what);
	side->file = strdup(what);
	side->text = (char *)config_read_file(what, &side->len);
	return side->text
	               ? 0
	               : cli_fail(r->call, RPC_UNAVAILABLE, "%s cannot be read: %s", what, strerror(errno));
}

/* NULL: it is no good configuration, which is not asked here. */
static struct config *parse(const struct side *side)
{
	struct config_errors errors = {0};
	struct config *config = NULL;

	if (side->file && config_parse(side->file, side->text, side->len, &config, &errors))
		config = NULL;
	config_errors_free(&errors);
	return config;
}

static struct waits find_waits(const struct side *a, const struct side *b)
{
	struct config *before = parse(a), *after = parse(b);
	struct stage_params was, will;
	struct waits w = {0};

	if (before && after) {
		config_params(before, &was);
		config_params(after, &will);
		w.fixed[0] = (char *)config_fixed_key(&was, &will);
		w.n_fixed = w.fixed[0] != NULL;
		w.next_start[0] = (char *)"appliance.cores";
		w.n_next_start = !config_cores_same(&before->appliance.cores, &after->appliance.cores);
	}
	config_free(before);
	config_free(after);
	return w;
}

static void print(
        const struct side *a, const struct side *b, const struct config_differences *d, const struct waits *w)
{
	const char *end = remote_paint("\033[0m");

	if (d->n)
		printf("%s--- %s\n+++ %s%s\n", remote_paint("\033[1m"), a->title, b->title, end);
	for (uint32_t i = 0; i < d->n; i++) {
		const struct config_difference *x = &d->list[i];

		printf("%s%c %s%s: ", remote_paint(kinds[x->kind].paint), kinds[x->kind].sign,
		        *x->path ? x->path : ".", end);
		if (x->kind == CONFIG_MOVED)
			printf("from place %s to place %s\n", x->before, x->after);
		else if (x->before && x->after)
			printf("%s -> %s\n", x->before, x->after);
		else
			printf("%s\n", x->before ? x->before : x->after ? x->after : "");
	}
	config_tell_next_start((char **)w->next_start, w->n_next_start);
	if (w->n_fixed)
		printf("%s%s%s: cannot change while the appliance runs: end it and start it with the new "
		       "file\n",
		        remote_paint("\033[33m"), w->fixed[0], end);
}

static void json_member(const char *name, const char *text)
{
	printf(",\"%s\":", name);
	if (text)
		json_text(stdout, text);
	else
		fputs("null", stdout);
}

static void json_keys(const char *name, char *const *key, size_t n)
{
	printf(",\"%s\":[", name);
	for (size_t i = 0; i < n; i++)
		json_text(stdout, key[i]);
	fputc(']', stdout);
}

static void print_json(
        const struct side *a, const struct side *b, const struct config_differences *d, const struct waits *w)
{
	fputs("{\"before\":", stdout);
	json_text(stdout, a->title);
	json_member("after", b->title);
	fputs(",\"differences\":[", stdout);
	for (uint32_t i = 0; i < d->n; i++) {
		const struct config_difference *x = &d->list[i];

		printf("%s{\"kind\":\"%s\"", i ? "," : "", kinds[x->kind].word);
		json_member("path", x->path);
		json_member("before", x->before);
		json_member("after", x->after);
		fputc('}', stdout);
	}
	fputc(']', stdout);
	json_keys("next_start", w->next_start, w->n_next_start);
	json_keys("fixed", w->fixed, w->n_fixed);
	fputs("}\n", stdout);
}

/* A text in quotes may hold any character by its escape. */
static void tame_differences(struct config_differences *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		char *const texts[] = {d->list[i].path, d->list[i].before, d->list[i].after};

		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			if (texts[k])
				utf8_tame(texts[k]);
	}
}

static int compare(const struct cli_call *call, const struct side *a, const struct side *b)
{
	const struct config_text before = {a->title, a->text, a->len}, after = {b->title, b->text, b->len};
	struct config_differences d;
	const struct waits w = find_waits(a, b);
	struct config_errors errors = {0};
	int err = config_diff(&before, &after, &d, &errors), code = d.n ? CLI_NO : CLI_FINE;

	if (err == -EINVAL)
		code = cli_fail_config(call, RPC_INVALID_ARGUMENT, &errors);
	else if (err)
		code = cli_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
	else if (call->json)
		print_json(a, b, &d, &w);
	if (!err && !call->json) {
		tame_differences(&d);
		print(a, b, &d, &w);
	}
	config_differences_free(&d);
	config_errors_free(&errors);
	return code;
}

static int run(const struct cli_call *call)
{
	struct remote r = {.call = call};
	struct side side[2] = {0};
	int code = 0;

	for (uint32_t i = 0; !code && i < call->n_words; i++)
		code = check_number(call, call->words[i]);
	if (!code)
		code = read_side(&r, call->n_words == 2 ? call->words[0] : NULL, &side[0]);
	if (!code)
		code = read_side(&r, call->words[call->n_words - 1], &side[1]);
	if (!code)
		code = compare(call, &side[0], &side[1]);
	for (uint32_t i = 0; i < ARRAY_LEN(side); i++) {
		free(side[i].text);
		free(side[i].file);
	}
	return code;
}

const struct cli_command command_config_diff = {
        .name = "diff",
        .what = "what a file would change, or two configurations differ in",
        .about = "What would change if it were applied: from the configuration in force to a file, or to a "
                 "number of the history. With two of them: from the first to the second; of two files no "
                 "appliance is asked. What is said is compared, not how it is written; which keys wait for "
                 "the next start, or cannot change while the appliance runs, is told behind it. (A file "
                 "whose name is a number: ./12)",
        .arguments = {{{"FILE|N", CLI_FILE}, .needed = true, .meaning = "a file, or a number of the history"},
                {{"FILE|N", CLI_FILE}, .meaning = "and this one is then the second"}},
        .terms = {{"+", "added"}, {"-", "removed"}, {"~", "changed"}, {"^", "moved in its list"}},
        .examples = {{"sluice config diff new.yaml", "what new.yaml would change"},
                {"sluice config diff 11 12", "what changed from number 11 to 12"}},
        .exits = {"they say the same", "they differ", "wrong use, or a file is no YAML",
                "a file cannot be read, or nobody answers"},
        .json = "{\"before\", \"after\", \"differences\": [{\"kind\", \"path\", \"before\", \"after\"}], "
                "\"next_start\", \"fixed\"}",
        .asks = true,
        .run = run,
};
