#include "services/cli/help.h"

#include "services/cli/commands.h"
#include "services/cli/text.h"

#define TERM_COLUMNS 22u /* a term that is longer has its meaning on the next line */

/* ---- pieces ---- */

static void put_term(FILE *to, const char *term, const char *meaning, uint32_t column)
{
	const uint32_t at = (uint32_t)fprintf(to, "  %s", term);

	if (at + 2 > column)
		fprintf(to, "\n%*s", (int)column, "");
	else
		fprintf(to, "%*s", (int)(column - at), "");
	text_wrap(to, meaning, column, column);
}

static uint32_t wider(uint32_t column, const char *term)
{
	const uint32_t need = (uint32_t)strlen(term) + 4;

	return need > TERM_COLUMNS ? column : MAX(column, need);
}

static void put_terms(FILE *to, const char *title, const struct cli_term *terms, uint32_t n)
{
	uint32_t column = 6;

	if (n)
		fprintf(to, "\n%s", title);
	for (uint32_t i = 0; i < n; i++)
		column = wider(column, terms[i].term);
	for (uint32_t i = 0; i < n; i++)
		put_term(to, terms[i].term, terms[i].meaning, column);
}

/* What is typed may be long: each stands on a line of its own. */
static void put_examples(FILE *to, const struct cli_term *examples)
{
	fputs("\nExamples:\n", to);
	for (; examples->term; examples++) {
		fprintf(to, "  %s\n      ", examples->term);
		text_wrap(to, examples->meaning, 6, 6);
	}
}

struct line {
	FILE *to;
	uint32_t at, indent;
};

static void put_usage_piece(void *context, const char *text)
{
	struct line *l = context;

	if (l->at < l->indent)
		l->at += (uint32_t)fprintf(l->to, " ");
	text_piece(l->to, text, &l->at, l->indent);
}

static void put_usage_line(
        FILE *to, const char *before, const char *path, const struct cli_command *command, bool alone)
{
	struct line l = {.to = to};

	l.at = (uint32_t)fprintf(to, "%s sluice %s", before, path);
	l.indent = l.at + 1;
	commands_usage(command, alone, put_usage_piece, &l);
	fputc('\n', to);
}

static bool has_alone(const struct cli_command *command)
{
	for (uint32_t i = 0; command->options[i].meaning; i++)
		if (command->options[i].alone)
			return true;
	return false;
}

static void put_usage(FILE *to, const char *path, const struct cli_command *command)
{
	if (!command->run)
		fprintf(to, "usage: sluice %s VERB ...\n", path);
	else
		put_usage_line(to, "usage:", path, command, false);
	if (has_alone(command))
		put_usage_line(to, "      ", path, command, true);
	if (command->run && *command->verbs)
		fprintf(to, "       sluice %s VERB ...\n", path);
}

/* ---- a page ---- */

static void put_arguments(FILE *to, const struct cli_command *command)
{
	struct cli_term terms[CLI_ARGUMENTS_MAX];
	uint32_t n = 0;

	for (const struct cli_argument *a = command->arguments; a->takes.word; a++)
		terms[n++] = (struct cli_term){a->takes.word, a->meaning};
	put_terms(to, "", terms, n);
}

static void put_options(FILE *to, const struct cli_command *command)
{
	struct cli_option options[CLI_ALL_OPTIONS];
	char text[CLI_ALL_OPTIONS][64];
	struct cli_term terms[CLI_ALL_OPTIONS];
	const uint32_t n = commands_options(command, options);

	for (uint32_t i = 0; i < n; i++) {
		help_option(&options[i], text[i], sizeof text[i]);
		terms[i] = (struct cli_term){text[i], options[i].meaning};
	}
	put_terms(to, "", terms, n);
}

static void put_verbs(FILE *to, const struct cli_command *command)
{
	struct cli_term terms[CLI_VERBS_MAX];
	uint32_t n = 0;

	for (; command->verbs[n]; n++)
		terms[n] = (struct cli_term){command->verbs[n]->name, command->verbs[n]->what};
	put_terms(to, "Verbs:\n", terms, n);
}

static uint32_t count_terms(const struct cli_term *terms)
{
	uint32_t n = 0;

	while (terms[n].term)
		n++;
	return n;
}

static void put_exits(FILE *to, const struct cli_command *command)
{
	static const char digits[CLI_EXITS][2] = {"0", "1", "2", "3"};
	struct cli_term terms[CLI_EXITS];
	uint32_t n = 0;

	for (uint32_t code = 0; code < CLI_EXITS; code++)
		if (commands_exit(command, code))
			terms[n++] = (struct cli_term){digits[code], commands_exit(command, code)};
	put_terms(to, "Exit status:\n", terms, n);
}

void help_option(const struct cli_option *o, char *out, size_t size)
{
	const char *gap = o->takes.word ? " " : "", *word = o->takes.word ? o->takes.word : "";

	if (o->maybe)
		snprintf(out, size, "-%c, --%s [%s]", o->letter, o->name, word);
	else if (o->letter && o->name)
		snprintf(out, size, "-%c, --%s%s%s", o->letter, o->name, gap, word);
	else if (o->letter)
		snprintf(out, size, "-%c%s%s", o->letter, gap, word);
	else
		snprintf(out, size, "--%s%s%s", o->name, gap, word);
}

void help_page(FILE *to, const char *path, const struct cli_command *command)
{
	put_usage(to, path, command);
	fputc('\n', to);
	text_wrap(to, command->about, 0, 0);
	put_verbs(to, command);
	put_arguments(to, command);
	put_terms(to, "", command->terms, count_terms(command->terms));
	if (command->run)
		put_options(to, command);
	put_examples(to, command->examples);
	if (command->run)
		put_exits(to, command);
	else
		fprintf(to, "\nsluice %s VERB --help tells more.\n", path);
}

/* ---- all of them ---- */

void help_overview(FILE *to)
{
	struct cli_term terms[COMMANDS_MAX];
	char shorts[COMMANDS_MAX][40];
	uint32_t n = 0;

	fputs("usage: sluice COMMAND [VERB] ...\n", to);
	for (; commands[n].command; n++) {
		terms[n] = (struct cli_term){commands[n].command->name, commands[n].command->what};
		if (!commands[n].short_for)
			continue;
		snprintf(shorts[n], sizeof shorts[n], "short for %s", commands[n].short_for);
		terms[n].meaning = shorts[n];
	}
	put_terms(to, "", terms, n);
	put_examples(to, command_help.examples);
	fputs("\nA command and its verb may be shortened as far as it stays clear which is meant.\n"
	      "sluice COMMAND --help tells more of one, and so does its page: man sluice-status.\n"
	      "sluice --version tells which build this is.\n",
	        to);
}

/* ---- the command ---- */

static int help(const struct cli_call *call)
{
	struct cli_call named;
	int code;

	if (!call->n_words) {
		help_overview(stdout);
		return CLI_FINE;
	}
	code = commands_named(call, &named);
	if (!code)
		help_page(stdout, named.path, named.command);
	return code;
}

const struct cli_command command_help = {
        .name = "help",
        .what = "this page, or a command's",
        .about = "What commands there are, or how one of them is used.\n\n"
                 "A command and its verb may be shortened as far as it stays clear which is meant, as those "
                 "of `ip`: `sluice neigh` is `sluice neighbor`, `sluice r` is `sluice route`. Behind a noun "
                 "that shows something `show` "
                 "may stand, as there. Options stand behind the command, in any order.",
        .arguments = {{{"COMMAND", CLI_COMMAND}, .meaning = "the page of this one"},
                {{"VERB", CLI_COMMAND}, .meaning = "of this verb of it"}},
        .examples = {{"sluice up --config /etc/sluice.yaml", "run an appliance"},
                {"sluice status", "see how its processes are"},
                {"sluice drop --follow", "see what is dropped, where and why"},
                {"sluice config apply new.yaml --confirm 60s",
                        "another configuration, undone unless you confirm it"},
                {"sluice help config apply", "how that is used"}},
        .run = help,
};
