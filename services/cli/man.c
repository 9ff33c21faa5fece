/* man: the manual's pages, in the macros of man(7), made of the commands' descriptions. */
#include "services/cli/commands.h"
#include "services/cli/help.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

enum { FOLDER };

/* ---- troff ---- */

static void put_char(FILE *to, char c)
{
	if (c == '\\')
		fputs("\\e", to);
	else if (c == '-')
		fputs("\\-", to);
	else
		fputc(c, to);
}

static void put_word(FILE *to, const char *word)
{
	while (*word)
		put_char(to, *word++);
}

/* Text that cannot be taken for a request; what is typed is bold, paragraphs stand apart. */
static void put_text(FILE *to, const char *text)
{
	bool typed = false, first = true;

	for (; *text; text++) {
		if (first && (*text == '.' || *text == '\''))
			fputs("\\&", to);
		first = *text == '\n';
		if (*text == '`')
			fputs((typed = !typed) ? "\\fB" : "\\fR", to);
		else if (text[0] == '\n' && text[1] == '\n')
			fputs("\n.PP", to);
		else
			put_char(to, *text);
	}
	fputc('\n', to);
}

static void put_term(FILE *to, const char *term, const char *meaning)
{
	fputs(".TP\n\\fB", to);
	put_word(to, term);
	fputs("\\fR\n", to);
	put_text(to, meaning);
}

/* "sluice-config-apply" */
static const char *page_name(const char *path, char out[CLI_PATH_BYTES + 8])
{
	snprintf(out, CLI_PATH_BYTES + 8, "sluice%s%s", *path ? "-" : "", path);
	for (char *c = out; *c; c++)
		if (*c == ' ')
			*c = '-';
	return out;
}

static void put_head(FILE *to, const char *path, const char *what)
{
	char name[CLI_PATH_BYTES + 8];

	fputs(".TH ", to);
	for (const char *c = page_name(path, name); *c; c++)
		put_char(to, (char)toupper((unsigned char)*c));
	fputs(" 1 \"\" Sluice Sluice\n.SH NAME\n", to);
	put_word(to, name);
	fputs(" \\- ", to);
	put_text(to, what);
}

/* ---- sections ---- */

static void put_piece(void *context, const char *text)
{
	fputc(' ', context);
	put_word(context, text);
}

static void put_synopsis_line(FILE *to, const char *path, const struct cli_command *command, bool alone)
{
	fputs("\\fBsluice ", to);
	put_word(to, path);
	fputs("\\fR", to);
	commands_usage(command, alone, put_piece, to);
	fputc('\n', to);
}

static void put_synopsis(FILE *to, const char *path, const struct cli_command *command)
{
	bool alone = false;

	fputs(".SH SYNOPSIS\n", to);
	for (uint32_t i = 0; command->options[i].meaning; i++)
		alone |= command->options[i].alone;
	if (command->run)
		put_synopsis_line(to, path, command, false);
	if (alone)
		fputs(".br\n", to);
	if (alone)
		put_synopsis_line(to, path, command, true);
	if (command->run && *command->verbs)
		fputs(".br\n", to);
	if (*command->verbs)
		fprintf(to, "\\fBsluice %s\\fR VERB ...\n", path);
}

static void put_verbs(FILE *to, const struct cli_command *command)
{
	if (*command->verbs)
		fputs(".SH VERBS\n", to);
	for (const struct cli_command *const *verb = command->verbs; *verb; verb++)
		put_term(to, (*verb)->name, (*verb)->what);
}

static void put_options(FILE *to, const struct cli_command *command)
{
	struct cli_option options[CLI_ALL_OPTIONS];
	char text[64];
	const uint32_t n = commands_options(command, options);

	for (const struct cli_argument *a = command->arguments; a->takes.word; a++)
		put_term(to, a->takes.word, a->meaning);
	for (const struct cli_term *t = command->terms; t->term; t++)
		put_term(to, t->term, t->meaning);
	fputs(".SH OPTIONS\n", to);
	for (uint32_t i = 0; i < n; i++) {
		help_option(&options[i], text, sizeof text);
		put_term(to, text, options[i].meaning);
	}
}

static void put_examples(FILE *to, const struct cli_command *command)
{
	fputs(".SH EXAMPLES\n", to);
	for (const struct cli_term *e = command->examples; e->term; e++)
		put_term(to, e->term, e->meaning);
}

static void put_exits(FILE *to, const struct cli_command *command)
{
	char digit[2] = "0";

	fputs(".SH \"EXIT STATUS\"\n", to);
	for (uint32_t code = 0; code < CLI_EXITS; code++) {
		digit[0] = (char)('0' + code);
		if (commands_exit(command, code))
			put_term(to, digit, commands_exit(command, code));
	}
}

static void put_reference(void *context, const char *path, const struct cli_command *command)
{
	char name[CLI_PATH_BYTES + 8];

	(void)command;
	fputs(".BR ", context);
	put_word(context, page_name(path, name));
	fputs(" (1)\n", context);
}

/* ---- pages ---- */

static void put_page(FILE *to, const char *path, const struct cli_command *command)
{
	put_head(to, path, command->what);
	put_synopsis(to, path, command);
	fputs(".SH DESCRIPTION\n", to);
	put_text(to, command->about);
	if (command->run)
		put_options(to, command);
	put_verbs(to, command);
	put_examples(to, command);
	if (command->run)
		put_exits(to, command);
	fputs(".SH \"SEE ALSO\"\n.BR sluice (1)\n", to);
}

static void put_overview(FILE *to)
{
	put_head(to, "", "a network appliance made of processes");
	fputs(".SH SYNOPSIS\n\\fBsluice\\fR COMMAND [VERB] ...\n.SH DESCRIPTION\n", to);
	put_text(to, command_help.about);
	fputs(".SH COMMANDS\n", to);
	for (const struct commands_entry *e = commands; e->command; e++)
		put_term(to, e->command->name, e->command->what);
	put_examples(to, &command_help);
	put_exits(to, &command_help);
	fputs(".SH \"SEE ALSO\"\n", to);
	commands_each(put_reference, to);
}

/* ---- the command ---- */

struct folder {
	const struct cli_call *call;
	const char *path;
	int code;
};

/* `command` NULL: all of them. */
static void write_page(void *context, const char *path, const struct cli_command *command)
{
	struct folder *folder = context;
	char name[CLI_PATH_BYTES + 8], file[4096];
	FILE *to;

	snprintf(file, sizeof file, "%s/%s.1", folder->path, page_name(path, name));
	to = folder->code ? NULL : fopen(file, "we");
	if (to && command)
		put_page(to, path, command);
	else if (to)
		put_overview(to);
	if (!folder->code && (!to || fclose(to)))
		folder->code = cli_fail(
		        folder->call, RPC_UNAVAILABLE, "%s cannot be written: %s", file, strerror(errno));
}

static int write_all(const struct cli_call *call, const char *path)
{
	struct folder folder = {.call = call, .path = path};

	write_page(&folder, "", NULL);
	commands_each(write_page, &folder);
	return folder.code;
}

static int man(const struct cli_call *call)
{
	struct cli_call named;
	int code;

	if (cli_flag(call, FOLDER))
		return write_all(call, cli_text(call, FOLDER));
	if (!call->n_words) {
		put_overview(stdout);
		return CLI_FINE;
	}
	code = commands_named(call, &named);
	if (!code)
		put_page(stdout, named.path, named.command);
	return code;
}

const struct cli_command command_man = {
        .name = "man",
        .what = "the manual's pages, for those who install them",
        .about = "Prints a page of the manual, or writes all of them. They are installed beside the command: "
                 "`man sluice-status`.",
        .options = {[FOLDER] = {.name = "folder",
                            .takes = {"DIR", CLI_FOLDER},
                            .meaning = "writes all pages into DIR, a file each"}},
        .arguments = {{{"COMMAND", CLI_COMMAND}, .meaning = "the page of this one"},
                {{"VERB", CLI_COMMAND}, .meaning = "of this verb of it"}},
        .examples = {{"sluice man config apply | man -l -", "without having it installed"}},
        .run = man,
};
