#include "services/cli/commands.h"

#include "services/cli/names.h"

#include <stdio.h>

/* ---- finding ---- */

/* Words that hands know from other commands, and what does here what those did there. */
static const struct {
	const char *word, *here;
	bool means; /* it is that command, as `ip` has it, though others begin so too */
} elsewhere[] = {
        {"a", "address", true},
        {"r", "route", true},
        {"link", "sluice port", false},
        {"interface", "sluice port", false},
        {"ifconfig", "sluice port", false},
        {"ethtool", "sluice port", false},
        {"ss", "sluice socket", false},
        {"netstat", "sluice socket", false},
        {"nstat", "sluice counter", false},
        {"tcpdump", "sluice capture", false},
        {"nft", "sluice rule", false},
        {"arp", "sluice neighbor", false},
        {"log", "sluice monitor", false},
        {"trace", "sluice replay --explain", false},
        {"explain", "sluice replay --explain", false},
        {"start", "sluice up", false},
        {"reload", "sluice config apply", false},
        {"stop", "systemctl stop sluice", false},
        {"restart", "systemctl restart sluice", false},
        {"version", "sluice --version", false},
};

static const char *known_elsewhere(const char *word, bool means)
{
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
		if (!strcmp(elsewhere[i].word, word) && (elsewhere[i].means || !means))
			return elsewhere[i].here;
	return NULL;
}

/* Tells what is wrong with a word that is to name one of n. */
static int unknown(const struct cli_call *call, const char *what, const char *const *names, uint32_t n,
        const char *word, bool several)
{
	const char *near = names_nearest(names, n, word);
	char list[512];

	names_list(names, n, several ? word : "", list, sizeof list);
	if (several)
		return cli_usage(call, "'%s' may be any of: %s", word, list);
	if (*word == '-')
		return cli_usage(call, "a %s comes first, and options behind it: '%s' is none of %s", what,
		        word, list);
	if (near)
		return cli_usage(call, "there is no %s '%s': did you mean '%s'?", what, word, near);
	return cli_usage(call, "there is no %s '%s': there are %s", what, word, list);
}

/* What `show` stands for. */
static bool is_show(const struct cli_command *c, const char *word)
{
	return c->shows && (!strcmp(word, "show") || !strcmp(word, "list"));
}

/* As other commands change a kernel's, a piece at a time. */
static bool is_change(const struct cli_command *c, const char *word)
{
	static const char *const verbs[] = {
	        "add", "append", "change", "del", "delete", "flush", "insert", "remove", "replace", "set"};

	for (size_t i = 0; c->shows && i < ARRAY_LEN(verbs); i++)
		if (!strcmp(verbs[i], word))
			return true;
	return false;
}

static bool asks_for_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

/* The verb behind a noun; *verb is NULL where the noun is to do what it does alone. */
static int find_verb(struct cli_call *call, char ***argv, const struct cli_command **verb)
{
	const struct cli_command *c = call->command;
	const char *names[CLI_VERBS_MAX], *word = **argv;
	uint32_t n = 0;
	int found;

	*verb = NULL;
	for (; c->verbs[n]; n++)
		names[n] = c->verbs[n]->name;
	if (word && is_show(c, word)) {
		++*argv;
	} else if (word && is_change(c, word)) {
		return cli_usage(call,
		        "it shows, and '%s' is the configuration's: `sluice config show >FILE`, edit it, "
		        "`sluice "
		        "config diff FILE`, `sluice config apply FILE`",
		        word);
	} else if (word && n && asks_for_help(word)) {
		call->help = true;
		++*argv;
	} else if (word && n && !(c->run && *word == '-')) {
		found = names_find(names, n, word);
		if (found < 0)
			return unknown(call, "verb", names, n, word, found == NAMES_SEVERAL);
		*verb = c->verbs[found];
		++*argv;
	}
	return 0;
}

static void add_name(struct cli_call *call, const char *name)
{
	size_t len = strlen(call->path);

	snprintf(call->path + len, sizeof call->path - len, "%s%s", len ? " " : "", name);
}

int commands_find(struct cli_call *call, char ***argv)
{
	const char *names[COMMANDS_MAX], *word = **argv;
	const struct cli_command *verb;
	uint32_t n = 0;
	int found, code;

	for (; commands[n].command; n++)
		names[n] = commands[n].command->name;
	found = names_find(names, n, known_elsewhere(word, true) ?: word);
	if (found == NAMES_NONE && known_elsewhere(word, false))
		return cli_usage(call, "there is no command '%s': here that is '%s'", word,
		        known_elsewhere(word, false));
	if (found < 0)
		return unknown(call, "command", names, n, word, found == NAMES_SEVERAL);
	++*argv;
	call->command = commands[found].command;
	add_name(call, call->command->name);
	do {
		code = find_verb(call, argv, &verb);
		if (code || !verb)
			return code;
		call->command = verb;
		add_name(call, verb->name);
	} while (true);
}

int commands_named(const struct cli_call *call, struct cli_call *named)
{
	char **words = call->words;
	int code;

	*named = (struct cli_call){
	        .json = call->json, .run_dir = call->run_dir, .server = call->server, .key = call->key};
	code = commands_find(named, &words);
	return code || !*words ? code
	                       : cli_usage(call, "%s has no verb '%s' to tell of", named->path, *words);
}

/* ---- what descriptions have in common ---- */

uint32_t commands_options(const struct cli_command *command, struct cli_option out[CLI_ALL_OPTIONS])
{
	uint32_t n = 0;

	for (; command->options[n].meaning; n++)
		out[n] = command->options[n];
	if (command->json)
		out[n++] = (struct cli_option){.name = "json", .letter = 'j', .meaning = command->json};
	if (command->shows)
		out[n++] = (struct cli_option){.name = "watch",
		        .letter = 'w',
		        .maybe = true,
		        .takes = {"TIME", CLI_TIME},
		        .meaning = "again and again, each 2s or so often: on a terminal in place, with "
		                   "--json a line each time"};
	if (command->asks)
		out[n++] = (struct cli_option){.name = "run-dir",
		        .takes = {"DIR", CLI_FOLDER},
		        .meaning = "the appliance's run folder (" CLI_RUN_DIR ")"};
	if (command->asks && !command->here) {
		out[n++] = (struct cli_option){.name = "server",
		        .takes = {"tcp://HOST:PORT", CLI_TEXT},
		        .meaning = "one on another machine (SLUICE_SERVER)"};
		out[n++] = (struct cli_option){.name = "key",
		        .takes = {"FILE", CLI_FILE},
		        .meaning = "and the key that it allows, of `sluice keys make` (SLUICE_KEY)"};
	}
	out[n++] = (struct cli_option){.name = "help", .letter = 'h', .meaning = "this page"};
	return n;
}

const char *commands_exit(const struct cli_command *command, uint32_t code)
{
	static const char *const same[CLI_EXITS] = {
	        [CLI_FINE] = "it is done",
	        [CLI_USAGE] = "wrong use: it says which word, and what would be right",
	        [CLI_SYSTEM] = "nobody answers, or the system refuses",
	};

	return command->exits[code] ? command->exits[code] : same[code];
}

static void piece_of(char *out, size_t size, const struct cli_option *o, bool needed)
{
	const char *open = needed ? "" : "[", *close = needed ? "" : "]", *gap = o->takes.word ? " " : "";
	const char *word = o->takes.word ? o->takes.word : "";

	if (o->maybe)
		snprintf(out, size, "%s--%s [%s]%s", open, o->name, word, close);
	else if (o->letter && (!o->name || o->takes.word))
		snprintf(out, size, "%s-%c%s%s%s", open, o->letter, gap, word, close);
	else
		snprintf(out, size, "%s--%s%s%s%s", open, o->name, gap, word, close);
}

void commands_usage(const struct cli_command *command, bool alone,
        void (*piece)(void *context, const char *text), void *context)
{
	struct cli_option options[CLI_ALL_OPTIONS];
	const uint32_t n = commands_options(command, options) - 1; /* --help is not worth its room */
	char text[80];

	for (uint32_t i = 0; i < n; i++) {
		if (options[i].alone != alone)
			continue;
		piece_of(text, sizeof text, &options[i], options[i].needed || alone);
		piece(context, text);
	}
	for (const struct cli_argument *a = command->arguments; a->takes.word && !alone; a++) {
		snprintf(text, sizeof text, "%s%s%s%s", a->needed ? "" : "[", a->takes.word,
		        a->many ? "..." : "", a->needed ? "" : "]");
		piece(context, text);
	}
}

static void each(const struct cli_command *command, const char *above,
        void (*visit)(void *context, const char *path, const struct cli_command *command), void *context)
{
	char path[CLI_PATH_BYTES];

	snprintf(path, sizeof path, "%s%s%s", above, *above ? " " : "", command->name);
	visit(context, path, command);
	for (const struct cli_command *const *verb = command->verbs; *verb; verb++)
		each(*verb, path, visit, context);
}

void commands_each(
        void (*visit)(void *context, const char *path, const struct cli_command *command), void *context)
{
	for (const struct commands_entry *e = commands; e->command; e++)
		if (!e->short_for)
			each(e->command, "", visit, context);
}
