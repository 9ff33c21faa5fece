/* remote: what the commands that talk to a running appliance share: connecting, asking, showing. */
#ifndef SLUICE_SERVICES_CLI_REMOTE_H
#define SLUICE_SERVICES_CLI_REMOTE_H

#include "common/rpc/rpc.h"
#include "services/cli/cli.h"

#define REMOTE_DEADLINE_MS 5000u

/* A connection; {.call = call} is one that is not open yet. */
struct remote {
	const struct cli_call *call;
	struct rpc_client *client;
	uint32_t deadline_ms; /* of what remote_ask asks; 0: REMOTE_DEADLINE_MS */
	char *trouble;        /* RPC_MESSAGE_BYTES, where failures are put in place of being told; or NULL */
};

/* The appliance on another machine that is meant, tcp://HOST:PORT; NULL: it is this one's. */
const char *remote_server(const struct cli_call *call);

/* Tells of a failure, or puts it into r->trouble; the exit code. */
int remote_fail(const struct remote *r, const struct rpc_error *error);

/* Connects to read.sock or admin.sock in the run folder's BLUEPRINT_SOCKETS; or to --server, or SLUICE_SERVER
 * where neither it nor another run folder was given, as what the key there may.  0, or an exit code with its
 * sentence told. */
[[nodiscard]] int remote_open(struct remote *r, enum rpc_role role);

/* Calls.  0 with *reply (rpc_free); or an exit code with its sentence told. */
[[nodiscard]] int remote_call(struct remote *r, const ProtobufCServiceDescriptor *service, const char *method,
        const ProtobufCMessage *request, uint32_t deadline_ms, ProtobufCMessage **reply);

/* The whole of a command that asks one thing: connect, call, print, end. */
[[nodiscard]] int remote_ask(struct remote *r, enum rpc_role role, const ProtobufCServiceDescriptor *service,
        const char *method, const ProtobufCMessage *request, ProtobufCMessage **reply);

/* A command that asks a method once and prints the reply, as JSON where that is wanted.  `prepare` (or NULL)
 * puts the first argument, "" if there is none, into the request; `print` shows the reply to people; `role`
 * is who may call the method.  An exit code. */
struct remote_table {
	const ProtobufCServiceDescriptor *service;
	const char *method;
	void (*prepare)(ProtobufCMessage *request, const char *arg);
	void (*print)(const ProtobufCMessage *reply, const char *arg);
	enum rpc_role role;
	uint32_t deadline_ms; /* 0: REMOTE_DEADLINE_MS */
};

[[nodiscard]] int remote_show(
        const struct remote_table *table, ProtobufCMessage *request, const struct cli_call *call);

/* "3 d 4 h", "2.5 s", "140 ms". */
const char *remote_time(char text[32], uint64_t ns);

/* Of milliseconds since 1970, "2026-11-23 02:55:15" here. */
const char *remote_date(char text[32], uint64_t ms);

/* Who asked: "key NAME", or a user's name; "-": nobody did. */
const char *remote_user(char text[32], int64_t uid, const char *key);

/* Colours, where standard output is a terminal and NO_COLOR is not set; else "". */
const char *remote_paint(const char *code);

#endif
