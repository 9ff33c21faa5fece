/* remote: what the commands that talk to a running appliance share: options, connecting, errors in words. */
#ifndef SLUICE_SERVICES_CLI_REMOTE_H
#define SLUICE_SERVICES_CLI_REMOTE_H

#include "common/rpc/rpc.h"
#include "services/cli/cli.h"

#define REMOTE_RUN_DIR     "/run/sluice"
#define REMOTE_DEADLINE_MS 5000u
#define REMOTE_OWN_MAX     8u

struct remote {
	const char *command; /* for messages */
	const char *run_dir;
	bool json;
	bool help;
	uint32_t flags;                    /* a bit for each of the command's own options: remote_flag */
	const char *value[REMOTE_OWN_MAX]; /* of those of them that take one; NULL: not given */
	struct rpc_client *client;
	const char *const *args; /* what is no option */
	uint32_t n_args;
};

/* Reads --run-dir DIR, --json, --help, and the command's own options, `own` (ends with NULL; at most
 * REMOTE_OWN_MAX): --NAME, -N where the name is one letter; "name=" is one that takes a value.  0, or
 * CLI_USAGE with its sentence told. */
[[nodiscard]] int remote_options(struct remote *r, int argc, char **argv, const char *const *own);
/* The same, and --help is answered.  Whether the command is to go on; else *code is what it ends with. */
bool remote_begin(
        struct remote *r, int argc, char **argv, const char *const *own, void (*help)(void), int *code);
bool remote_flag(const struct remote *r, uint32_t own);

/* Connects to read.sock or admin.sock, in the run folder's BLUEPRINT_SOCKETS.  0, or an exit code with its
 * sentence told. */
[[nodiscard]] int remote_open(struct remote *r, enum rpc_role role);

/* Calls.  0 with *reply (rpc_free); or an exit code with its sentence told. */
[[nodiscard]] int remote_call(struct remote *r, const ProtobufCServiceDescriptor *service, const char *method,
        const ProtobufCMessage *request, uint32_t deadline_ms, ProtobufCMessage **reply);

/* Tells a failure, in words or as JSON; the exit code that it stands for. */
int remote_fail(const struct remote *r, const struct rpc_error *error);
int remote_say(const struct remote *r, enum rpc_status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The whole of a command that asks one thing: connect, call, print, end. */
[[nodiscard]] int remote_ask(struct remote *r, enum rpc_role role, const ProtobufCServiceDescriptor *service,
        const char *method, const ProtobufCMessage *request, ProtobufCMessage **reply);

/* A command that shows one table: at most one argument, asks a reader's method once, prints the reply, as
 * JSON where that is wanted.  `prepare` (or NULL) puts the argument, "" if there is none, into the request;
 * `print` shows the reply to people.  An exit code. */
struct remote_table {
	void (*help)(void);
	const ProtobufCServiceDescriptor *service;
	const char *method;
	void (*prepare)(ProtobufCMessage *request, const char *arg);
	void (*print)(const ProtobufCMessage *reply, const char *arg);
};

[[nodiscard]] int remote_show(
        const struct remote_table *table, ProtobufCMessage *request, int argc, char **argv);

/* "3 d 4 h", "2.5 s", "140 ms". */
const char *remote_time(char text[32], uint64_t ns);

/* Of milliseconds since 1970, "2026-11-23 02:55:15" here. */
const char *remote_date(char text[32], uint64_t ms);

/* A user's name; "-": nobody asked. */
const char *remote_user(char text[32], int64_t uid);

/* Colours, where standard output is a terminal and NO_COLOR is not set; else "". */
const char *remote_paint(const char *code);

#endif
