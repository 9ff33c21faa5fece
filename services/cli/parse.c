#include "services/cli/parse.h"

#include "common/pkt/drop.h"
#include "services/cli/commands.h"
#include "services/cli/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WATCH_S 2u /* as watch(1) has it */

struct parse {
	struct cli_call *call;
	struct cli_option options[CLI_ALL_OPTIONS];
	uint32_t n_options, n_own; /* the shared ones stand behind the own */
	char **next;               /* the word behind the one that is read */
};

/* ---- values ---- */

static bool read_number(const struct cli_value *takes, const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && *text >= '0' && *text <= '9' && !*end && *out >= takes->min &&
	       (!takes->max || *out <= takes->max);
}

static bool read_time(const char *text, uint64_t *out)
{
	static const struct {
		const char *unit;
		uint32_t seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
	const uint64_t day = 86400;
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	for (size_t i = 0; i < ARRAY_LEN(units) && *text >= '0' && *text <= '9' && !errno; i++)
		if (!strcmp(end, units[i].unit) && n && n <= day / units[i].seconds) {
			*out = n * units[i].seconds;
			return true;
		}
	return false;
}

static bool is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	for (const char *at = choices; (at = strstr(at, text)) && len; at += len)
		if ((at == choices || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

/* The reason whose words these are: "no route" or "no_route". */
static const char *reason_of(const char *text)
{
	for (uint32_t r = 1; r < DROP_REASON_COUNT; r++) {
		const char *words = drop_reason_text((enum drop_reason)r);
		size_t n = 0;

		while (text[n] && (text[n] == words[n] || (text[n] == '_' && words[n] == ' ')))
			n++;
		if (n && !text[n])
			return drop_reason_label((enum drop_reason)r);
	}
	return NULL;
}

static int check_reason(const struct cli_call *call, const char *name, const char *text)
{
	const char *labels[DROP_REASON_COUNT], *near;

	for (uint32_t r = 1; r < DROP_REASON_COUNT; r++) {
		labels[r - 1] = drop_reason_label((enum drop_reason)r);
		if (!strcmp(labels[r - 1], text))
			return 0;
	}
	near = names_nearest(labels, DROP_REASON_COUNT - 1, text) ?: reason_of(text);
	return cli_usage(call,
	        "%s: nothing is ever dropped as '%s'%s%s; reasons are named as in the table of `sluice drop`",
	        name, text, near ? ": did you mean " : "", near ? near : "");
}

/* Checks a value for what is called `name` ("--count", or an argument's own word). */
static int read_value(const struct cli_call *call, const char *name, const struct cli_value *takes,
        const char *text, uint64_t *number)
{
	switch (takes->kind) {
	case CLI_NUMBER:
		if (read_number(takes, text, number))
			return 0;
		if (takes->max)
			return cli_usage(call, "%s must be a whole number from %llu to %llu, not '%s'", name,
			        (unsigned long long)takes->min, (unsigned long long)takes->max, text);
		return cli_usage(call, "%s must be a whole number from %llu on, not '%s'", name,
		        (unsigned long long)takes->min, text);
	case CLI_TIME:
		if (read_time(text, number))
			return 0;
		return cli_usage(
		        call, "%s takes a time from 1s to 24h, as in 60s, 5m or 1h; not '%s'", name, text);
	case CLI_CHOICE:
		if (is_choice(takes->choices, text))
			return 0;
		return cli_usage(call, "%s is one of: %s; not '%s'", name, takes->choices, text);
	case CLI_REASON: return check_reason(call, name, text);
	case CLI_FLAG:
	case CLI_TEXT:
	case CLI_FILE:
	case CLI_FOLDER:
	case CLI_PORT:
	case CLI_COMMAND: break;
	}
	return *text ? 0 : cli_usage(call, "%s is empty: it takes %s", name, takes->word);
}

/* ---- options ---- */

/* "--count", or "-c" where that is all it has. */
static const char *option_name(const struct cli_option *o, char out[40])
{
	if (o->name)
		snprintf(out, 40, "--%s", o->name);
	else
		snprintf(out, 40, "-%c", o->letter);
	return out;
}

static void take_shared(struct cli_call *call, const char *name, const char *text, uint64_t number)
{
	if (!strcmp(name, "watch"))
		call->watch_s = text ? (uint32_t)number : WATCH_S;
	call->json |= !strcmp(name, "json");
	call->help |= !strcmp(name, "help");
	if (!strcmp(name, "run-dir"))
		call->run_dir = text;
	if (!strcmp(name, "server"))
		call->server = text;
	if (!strcmp(name, "key"))
		call->key = text;
}

static int take_option(struct parse *p, uint32_t place, const char *text)
{
	const struct cli_option *o = &p->options[place];
	struct cli_call *call = p->call;
	struct cli_given given = {.option = place, .text = text};
	char name[40];
	int code = 0;

	option_name(o, name);
	if (text && o->takes.kind == CLI_FLAG)
		return cli_usage(call, "%s takes no value, and '%s' was given", name, text);
	if (!text && o->takes.kind != CLI_FLAG && !o->maybe)
		return cli_usage(call, "%s lacks its value: %s %s", name, name, o->takes.word);
	if (text)
		code = read_value(call, name, &o->takes, text, &given.number);
	if (code)
		return code;
	if (place >= p->n_own) {
		take_shared(call, o->name, text, given.number);
		return 0;
	}
	if (call->n_given == CLI_GIVEN_MAX)
		return cli_usage(call, "%s: more than %u options were given", name, CLI_GIVEN_MAX);
	call->given[call->n_given++] = given;
	return 0;
}

static int unknown_option(const struct parse *p, const char *word, size_t len)
{
	const char *names[CLI_ALL_OPTIONS], *near;
	char text[64];
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_options; i++)
		if (p->options[i].name)
			names[n++] = p->options[i].name;
	snprintf(text, sizeof text, "%.*s", (int)MIN(len, sizeof text - 1), word);
	near = names_nearest(names, n, text);
	if (!near && strlen(text) > 1 && names_find(names, n, text) >= 0)
		near = names[names_find(names, n, text)];
	if (near)
		return cli_usage(p->call, "there is no option '--%s': did you mean --%s?", text, near);
	names_list(names, n, "", text, sizeof text);
	return cli_usage(p->call, "there is no option '--%.*s': it has %s", (int)len, word, text);
}

/* The word behind an option, where it is the option's value; else NULL. */
static const char *value_behind(struct parse *p, const struct cli_option *o)
{
	uint64_t number;

	if (!*p->next || o->takes.kind == CLI_FLAG)
		return NULL;
	if (o->maybe && (*p->next)[strspn(*p->next, "0123456789.")] &&
	        !(o->takes.kind == CLI_TIME ? read_time(*p->next, &number)
	                                    : read_number(&o->takes, *p->next, &number)))
		return NULL;
	return *p->next++;
}

/* --name, --name=value, --name value */
static int read_long(struct parse *p, const char *word)
{
	size_t len = strcspn(word, "=");

	for (uint32_t i = 0; i < p->n_options; i++) {
		const char *text = word[len] ? word + len + 1 : NULL;

		if (!p->options[i].name || strlen(p->options[i].name) != len ||
		        strncmp(p->options[i].name, word, len) != 0)
			continue;
		if (!text)
			text = value_behind(p, &p->options[i]);
		return take_option(p, i, text);
	}
	return unknown_option(p, word, len);
}

static int unknown_letter(const struct parse *p, char letter)
{
	char list[4 * CLI_ALL_OPTIONS + 1] = "";

	for (uint32_t i = 0, n = 0; i < p->n_options; i++)
		if (p->options[i].letter)
			n += (uint32_t)snprintf(list + n, sizeof list - n, " -%c", p->options[i].letter);
	return cli_usage(p->call, "there is no option '-%c': of one letter it has%s", letter, list);
}

/* -x, -xvalue, -x value, -xyz */
static int read_letters(struct parse *p, const char *letters)
{
	for (; *letters; letters++) {
		uint32_t i = 0;
		int code;

		while (i < p->n_options && p->options[i].letter != *letters)
			i++;
		if (i == p->n_options)
			return unknown_letter(p, *letters);
		if (p->options[i].takes.kind != CLI_FLAG) {
			return take_option(p, i, letters[1] ? letters + 1 : value_behind(p, &p->options[i]));
		}
		code = take_option(p, i, NULL);
		if (code)
			return code;
	}
	return 0;
}

/* ---- arguments ---- */

/* The argument that the n-th word is; NULL: there are not so many. */
static const struct cli_argument *argument(const struct cli_command *command, uint32_t n)
{
	const struct cli_argument *a = command->arguments;

	while (a->takes.word && !a->many && n--)
		a++;
	return a->takes.word ? a : NULL;
}

static int refuse_word(const struct cli_call *call, uint32_t n)
{
	const char *word = call->words[n];

	for (const struct cli_command *const *verb = call->command->verbs; *verb; verb++)
		if (!strcmp((*verb)->name, word))
			return cli_usage(
			        call, "'%s' stands before all options: sluice %s %s", word, call->path, word);
	return cli_usage(call, "it takes no%s '%s'", n ? " further" : "", word);
}

static int check_arguments(const struct cli_call *call)
{
	const struct cli_argument *a;
	uint64_t number;
	uint32_t n = 0;
	int code = 0;

	for (; !code && n < call->n_words; n++) {
		a = argument(call->command, n);
		if (!a)
			return refuse_word(call, n);
		if (!a->rest)
			code = read_value(call, a->takes.word, &a->takes, call->words[n], &number);
	}
	a = argument(call->command, n);
	if (!code && a && a->needed && (!a->many || !n))
		return cli_usage(call, "%s is missing: %s", a->takes.word, a->meaning);
	return code;
}

static int check_needed(const struct cli_call *call)
{
	const struct cli_option *o = call->command->options;

	for (uint32_t i = 0; o[i].meaning; i++)
		if (o[i].needed && !cli_flag(call, i))
			return cli_usage(
			        call, "--%s %s is missing: %s", o[i].name, o[i].takes.word, o[i].meaning);
	return check_arguments(call);
}

static bool stands_alone(const struct cli_call *call)
{
	for (uint32_t i = 0; i < call->n_given; i++)
		if (call->command->options[call->given[i].option].alone)
			return true;
	return call->help;
}

/* "dev NAME", as `ip` has it, where a port is meant. */
static bool says_dev(const struct cli_call *call, const char *word, const char *behind)
{
	const struct cli_argument *a = argument(call->command, call->n_words);

	return a && a->takes.kind == CLI_PORT && !strcmp(word, "dev") && behind && *behind != '-';
}

static bool options_end(const struct cli_call *call)
{
	const struct cli_argument *a = argument(call->command, call->n_words);

	return a && a->rest;
}

int parse_words(struct cli_call *call, char **words)
{
	struct parse p = {.call = call, .next = words};
	bool all_words = false;
	int code = 0;

	p.n_options = commands_options(call->command, p.options);
	while (call->command->options[p.n_own].meaning)
		p.n_own++;
	call->words = words;
	while (!code && *p.next) {
		char *word = *p.next++;

		if (!all_words && says_dev(call, word, *p.next))
			continue;
		if (all_words || word[0] != '-' || !word[1]) {
			all_words |= options_end(call);
			call->words[call->n_words++] = word;
		} else if (!strcmp(word, "--")) {
			all_words = true;
		} else {
			code = word[1] == '-' ? read_long(&p, word + 2) : read_letters(&p, word + 1);
		}
	}
	call->words[call->n_words] = NULL;
	return code || stands_alone(call) ? code : check_needed(call);
}

/* ---- what commands ask ---- */

static const struct cli_given *last_given(const struct cli_call *call, uint32_t option)
{
	for (uint32_t i = call->n_given; i-- > 0;)
		if (call->given[i].option == option)
			return &call->given[i];
	return NULL;
}

bool cli_flag(const struct cli_call *call, uint32_t option)
{
	return last_given(call, option);
}

const char *cli_text(const struct cli_call *call, uint32_t option)
{
	const struct cli_given *given = last_given(call, option);

	return given ? given->text : NULL;
}

uint64_t cli_number(const struct cli_call *call, uint32_t option, uint64_t otherwise)
{
	const struct cli_given *given = last_given(call, option);

	return given ? given->number : otherwise;
}

const char *cli_word(const struct cli_call *call, uint32_t n)
{
	return n < call->n_words ? call->words[n] : "";
}

uint64_t cli_word_number(const struct cli_call *call, uint32_t n, uint64_t otherwise)
{
	return n < call->n_words ? strtoull(call->words[n], NULL, 10) : otherwise;
}
