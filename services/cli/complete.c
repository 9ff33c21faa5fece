/* completion: what a shell asks when the tab key is pressed. */
#include "services/cli/commands.h"
#include "services/cli/remote.h"

#include "common/pkt/drop.h"
#include "proto/control.pb-c.h"

#include <stdio.h>

#define PORTS_MS 500u /* who presses a key does not wait longer */

/* The script asks for everything; `:file` and `:folder` are for the shell itself to complete. */
static const char script[] =
        "# Completion of sluice's words for bash: source it, or put it into\n"
        "# /usr/share/bash-completion/completions/sluice.\n"
        "_sluice()\n"
        "{\n"
        "\tlocal word current=${COMP_WORDS[COMP_CWORD]}\n"
        "\tCOMPREPLY=()\n"
        "\twhile IFS= read -r word; do\n"
        "\t\tcase $word in\n"
        "\t\t:file | :folder)\n"
        "\t\t\tcompopt -o filenames 2>/dev/null\n"
        "\t\t\t[ \"$word\" = :file ] && word=-f || word=-d\n"
        "\t\t\tmapfile -t COMPREPLY < <(compgen \"$word\" -- \"$current\")\n"
        "\t\t\t;;\n"
        "\t\t*) COMPREPLY+=(\"$word\") ;;\n"
        "\t\tesac\n"
        "\tdone < <(\"${COMP_WORDS[0]}\" completion words -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
        "}\n"
        "complete -F _sluice sluice\n";

/* What is being typed. */
struct typed {
	const struct cli_command *command;
	struct cli_option options[CLI_ALL_OPTIONS];
	uint32_t n_options;
	uint32_t n_words;              /* arguments before it */
	const struct cli_value *value; /* of the option before it; NULL: none that takes one */
	const char *first_word;        /* of the arguments */
	const char *run_dir;
	const char *current;
};

static void offer(const struct typed *t, const char *word)
{
	if (!strncmp(word, t->current, strlen(t->current)))
		puts(word);
}

/* ---- values ---- */

static void offer_ports(const struct typed *t)
{
	const struct cli_call call = {.command = t->command, .run_dir = t->run_dir};
	Sluice__PortsRequest request = SLUICE__PORTS_REQUEST__INIT;
	struct remote r = {.call = &call};
	ProtobufCMessage *reply;

	if (!remote_open(&r, RPC_READER) &&
	        !remote_call(&r, &sluice__read__descriptor, "Ports", &request.base, PORTS_MS, &reply)) {
		const Sluice__PortsReply *ports = (const void *)reply;

		for (size_t i = 0; i < ports->n_ports; i++)
			offer(t, ports->ports[i]->name);
		rpc_free(reply);
	}
	rpc_client_close(r.client);
}

static void offer_choices(const struct typed *t, const char *choices)
{
	char word[64];

	while (*choices) {
		size_t len = strcspn(choices, " ");

		snprintf(word, sizeof word, "%.*s", (int)len, choices);
		offer(t, word);
		choices += len + (choices[len] == ' ');
	}
}

/* Commands, or behind one its verbs. */
static void offer_commands(const struct typed *t, const char *before)
{
	for (const struct commands_entry *e = commands; e->command; e++) {
		if (!before)
			offer(t, e->command->name);
		else if (!strcmp(before, e->command->name))
			for (const struct cli_command *const *verb = e->command->verbs; *verb; verb++)
				offer(t, (*verb)->name);
	}
}

static void offer_value(const struct typed *t, const struct cli_value *value)
{
	switch (value->kind) {
	case CLI_FILE: puts(":file"); break;
	case CLI_FOLDER: puts(":folder"); break;
	case CLI_PORT: offer_ports(t); break;
	case CLI_CHOICE: offer_choices(t, value->choices); break;
	case CLI_COMMAND: offer_commands(t, t->first_word); break;
	case CLI_REASON:
		for (uint32_t r = 1; r < DROP_REASON_COUNT; r++)
			offer(t, drop_reason_label((enum drop_reason)r));
		break;
	case CLI_FLAG:
	case CLI_TEXT:
	case CLI_NUMBER:
	case CLI_TIME: break;
	}
}

/* ---- where the cursor is ---- */

static const struct cli_option *find_option(const struct typed *t, const char *word)
{
	for (uint32_t i = 0; i < t->n_options; i++) {
		const struct cli_option *o = &t->options[i];

		if ((o->name && !strncmp(word, "--", 2) && !strcmp(word + 2, o->name)) ||
		        (o->letter && word[1] == o->letter && !word[2]))
			return o;
	}
	return NULL;
}

static void walk(struct typed *t, char **words)
{
	for (; *words; words++) {
		const struct cli_option *o = **words == '-' ? find_option(t, *words) : NULL;

		if (**words != '-') {
			t->first_word = t->n_words++ ? t->first_word : *words;
		} else if (o && o->takes.word && !o->maybe && !words[1]) {
			t->value = &o->takes;
		} else if (o && o->takes.word && !o->maybe) {
			words++;
			if (o->name && !strcmp(o->name, "run-dir"))
				t->run_dir = *words;
		}
	}
}

static void offer_options(const struct typed *t)
{
	char word[64];

	for (uint32_t i = 0; i < t->n_options; i++) {
		if (t->options[i].name)
			snprintf(word, sizeof word, "--%s", t->options[i].name);
		else
			snprintf(word, sizeof word, "-%c", t->options[i].letter);
		offer(t, word);
	}
}

static void offer_argument(const struct typed *t)
{
	const struct cli_argument *a = t->command->arguments;

	for (uint32_t n = t->n_words; a->takes.word && !a->many && n; n--)
		a++;
	if (a->takes.word)
		offer_value(t, &a->takes);
}

static void complete(struct typed *t, char **words)
{
	t->n_options = commands_options(t->command, t->options);
	walk(t, words);
	if (t->value)
		offer_value(t, t->value);
	else if (*t->current == '-')
		offer_options(t);
	else if (*t->command->verbs && !t->n_words)
		for (const struct cli_command *const *verb = t->command->verbs; *verb; verb++)
			offer(t, (*verb)->name);
	else
		offer_argument(t);
}

/* The last word is the one that is being typed. */
static int words(const struct cli_call *call)
{
	struct typed t = {.current = call->words[call->n_words - 1], .run_dir = CLI_RUN_DIR};
	struct cli_call typed = {.run_dir = CLI_RUN_DIR};
	char **before = call->words;

	call->words[call->n_words - 1] = NULL;
	if (!*before) {
		offer_commands(&t, NULL);
		return CLI_FINE;
	}
	if (commands_find(&typed, &before))
		return CLI_NO;
	t.command = typed.command;
	complete(&t, before);
	return CLI_FINE;
}

/* ---- the command ---- */

static int bash(const struct cli_call *call)
{
	(void)call;
	fputs(script, stdout);
	return CLI_FINE;
}

static const struct cli_command command_bash = {
        .name = "bash",
        .what = "the script for bash",
        .about = "Prints a script that has bash complete commands, verbs, options, ports of the running "
                 "appliance, drop reasons and files.",
        .examples = {{"source <(sluice completion bash)", "in this shell"},
                {"sluice completion bash >/usr/share/bash-completion/completions/sluice", "in every one"}},
        .run = bash,
};

static const struct cli_command command_words = {
        .name = "words",
        .what = "what the script asks: the words that may stand there",
        .about = "Prints what may stand where the last of the words is being typed, a line each; `:file` and "
                 "`:folder` for what the shell completes by itself.",
        .arguments = {{{"WORD", CLI_TEXT}, .needed = true, .many = true, .rest = true,
                .meaning = "the command line's words behind sluice, up to the one that is being typed"}},
        .examples = {{"sluice completion words -- config ''", "the verbs of config"}},
        .exits = {[CLI_NO] = "there is no such command"},
        .run = words,
};

const struct cli_command command_completion = {
        .name = "completion",
        .what = "have bash complete these words",
        .about = "Completion of the words of this command for bash.",
        .examples = {{"source <(sluice completion bash)", "from now on, in this shell"}},
        .verbs = {&command_bash, &command_words},
};
