/* cli: the command `sluice`: a noun, then what to do with it.
 *
 * A command is described by a struct cli_command in the file that carries it out, and commands.c lists them
 * all. Of the description are made its --help (help.c), its man page (man.c), the completion of its words
 * (complete.c), and the reading of its options and arguments (parse.c): what `run` is called with has been
 * checked against it already.
 *
 *     enum { COUNT };
 *
 *     const struct cli_command command_history = {
 *             .name = "history",
 *             .what = "who changed what when",
 *             .options = {[COUNT] = {.name = "count", .takes = {"N", CLI_NUMBER, 1, 100}, .meaning = "..."}},
 *             ...
 *             .run = history,
 *     };
 *
 *     static int history(const struct cli_call *call)
 *     {
 *             request.most = cli_number(call, COUNT, 20);
 *             ...
 *
 * All texts are plain: paragraphs stand apart by an empty line, lines are broken where they are shown, and
 * `what is typed` stands in backquotes. */
#ifndef SLUICE_SERVICES_CLI_CLI_H
#define SLUICE_SERVICES_CLI_CLI_H

#include "common/rpc/rpc.h"

/* Exit codes: what was asked for is done; it does not hold (an account that does not balance, a bad
 * configuration); wrong use; the system refused, or nobody answers. */
enum { CLI_FINE = 0, CLI_NO = 1, CLI_USAGE = 2, CLI_SYSTEM = 3, CLI_EXITS };

#define CLI_RUN_DIR "/run/sluice"

#define CLI_OPTIONS_MAX   10u /* of a command's own */
#define CLI_ALL_OPTIONS   (CLI_OPTIONS_MAX + 6u)
#define CLI_ARGUMENTS_MAX 2u
#define CLI_TERMS_MAX     10u
#define CLI_EXAMPLES_MAX  5u
#define CLI_VERBS_MAX     8u
#define CLI_GIVEN_MAX     64u
#define CLI_PATH_BYTES    48u

enum cli_kind {
	CLI_FLAG, /* nothing: the option alone says it */
	CLI_TEXT,
	CLI_NUMBER, /* whole and decimal, from min to max (0: no bound) */
	CLI_TIME,   /* 90, 90s, 5m or 1h, from a second to a day; as seconds */
	CLI_FILE,
	CLI_FOLDER,
	CLI_PORT,   /* of the running appliance */
	CLI_REASON, /* a drop's */
	CLI_CHOICE, /* one of .choices */
	CLI_COMMAND,
};

/* What an option takes or an argument is. */
struct cli_value {
	const char *word; /* in help: FILE */
	enum cli_kind kind;
	uint64_t min, max;
	const char *choices; /* apart by spaces */
};

struct cli_option {
	const char *name; /* without its --; NULL: it has a letter alone */
	char letter;      /* 0: none */
	bool needed;
	bool maybe; /* its value may be left out: the word behind it is its value where it can be one */
	bool alone; /* with it no argument and no other option is needed */
	struct cli_value takes;
	const char *meaning;
};

struct cli_argument {
	struct cli_value takes;
	bool needed;
	bool many; /* the last one alone */
	bool rest; /* and with the first of them options end */
	const char *meaning;
};

/* A word, or a line to type, and what it means. */
struct cli_term {
	const char *term, *meaning;
};

struct cli_call;

/* Lists end where an entry is zero. */
struct cli_command {
	const char *name;
	const char *what;  /* a line, for lists of commands */
	const char *about; /* paragraphs */
	struct cli_option options[CLI_OPTIONS_MAX + 1];
	struct cli_argument arguments[CLI_ARGUMENTS_MAX + 1];
	struct cli_term terms[CLI_TERMS_MAX + 1]; /* the words of its output, say */
	struct cli_term examples[CLI_EXAMPLES_MAX + 1];
	const char *exits[CLI_EXITS]; /* when it ends so; NULL: never, or, of CLI_FINE, CLI_USAGE and
	                                 CLI_SYSTEM, as every command does */
	const char *json;             /* it has --json, and what that prints; NULL: it has none */
	bool asks;                    /* a running appliance, and so has --run-dir and --server */
	bool here;                    /* it has to run on this machine: no --server */
	bool shows;                   /* what there is: `show` and `list` behind its name say what it does
	                                 anyway, and it has --watch */
	const struct cli_command *verbs[CLI_VERBS_MAX + 1]; /* one that has verbs has no arguments */
	int (*run)(const struct cli_call *call);            /* an exit code; NULL: a verb is needed */
};

/* An option as it was given. */
struct cli_given {
	uint32_t option;  /* its place in cli_command.options */
	const char *text; /* NULL: it takes nothing */
	uint64_t number;  /* of CLI_NUMBER and CLI_TIME */
};

/* What was typed, as its command takes it. */
struct cli_call {
	const struct cli_command *command;
	char path[CLI_PATH_BYTES]; /* "config apply": for messages */
	bool json, help;
	const char *run_dir;
	uint32_t watch_s;         /* seconds from one answer to the next; 0: one is wanted */
	const char *server, *key; /* NULL: not given */
	struct cli_given given[CLI_GIVEN_MAX];
	uint32_t n_given;
	char **words; /* the arguments, ends with NULL */
	uint32_t n_words;
};

/* Of an option by its place: whether it was given; its text, or NULL; its number, or what holds otherwise.
 * The last counts where it was given several times. */
bool cli_flag(const struct cli_call *call, uint32_t option);
const char *cli_text(const struct cli_call *call, uint32_t option);
uint64_t cli_number(const struct cli_call *call, uint32_t option, uint64_t otherwise);
/* The n-th argument, "" where it was not given; and as a number. */
const char *cli_word(const struct cli_call *call, uint32_t n);
uint64_t cli_word_number(const struct cli_call *call, uint32_t n, uint64_t otherwise);

/* A failure in words on stderr, or as JSON on standard output where that was asked for.  The exit code that
 * the status stands for: CLI_USAGE for INVALID_ARGUMENT, CLI_NO where a file that was given is wrong. */
int cli_tell(const struct cli_call *call, const struct rpc_error *error);
int cli_fail(const struct cli_call *call, enum rpc_status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* The same of a configuration whose errors are told with their places. */
struct config_errors;
int cli_fail_config(const struct cli_call *call, enum rpc_status status, const struct config_errors *errors);
/* Wrong use: as above, and where to find help. */
int cli_usage(const struct cli_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
