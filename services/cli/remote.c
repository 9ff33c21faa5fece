#include "services/cli/remote.h"

#include "common/blueprint/blueprint.h"
#include "services/cli/json.h"
#include "services/cli/key_file.h"
#include "services/cli/tame.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int remote_fail(const struct remote *r, const struct rpc_error *error)
{
	if (!r->trouble)
		return cli_tell(r->call, error);
	memcpy(r->trouble, error->message, sizeof error->message);
	return CLI_SYSTEM;
}

__attribute__((format(printf, 3, 4))) static int fail(
        const struct remote *r, enum rpc_status status, const char *format, ...)
{
	struct rpc_error error = {.status = status};
	va_list ap;

	va_start(ap, format);
	vsnprintf(error.message, sizeof error.message, format, ap);
	va_end(ap);
	return remote_fail(r, &error);
}

/* ---- on this machine ---- */

static int fail_here(const struct remote *r, const char *socket, int err)
{
	const char *dir = r->call->run_dir;

	switch (-err) {
	case ENOENT:
		return fail(r, RPC_UNAVAILABLE,
		        "no appliance runs in %s: start it with `sluice up --config FILE`, or say where it "
		        "runs with --run-dir DIR",
		        dir);
	case ECONNREFUSED:
		return fail(r, RPC_UNAVAILABLE,
		        "nobody answers at %s/%s: the appliance has ended or control is being restarted; "
		        "start it with `sluice up --config FILE`, or try again",
		        dir, socket);
	case EACCES:
	case EPERM:
		return fail(r, RPC_PERMISSION_DENIED,
		        "%s/%s is not for this user: become root, or ask who runs the appliance", dir,
		        socket);
	default: return fail(r, RPC_UNAVAILABLE, "%s/%s cannot be reached: %s", dir, socket, strerror(-err));
	}
}

static int open_here(struct remote *r, enum rpc_role role)
{
	const char *socket = role == RPC_ADMIN ? BLUEPRINT_SOCKETS "/admin.sock"
	                                       : BLUEPRINT_SOCKETS "/read.sock";
	char endpoint[4200];
	int err;

	snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", r->call->run_dir, socket);
	err = rpc_client_open(&r->client, endpoint);
	return err ? fail_here(r, socket, err) : 0;
}

/* ---- on another ---- */

const char *remote_server(const struct cli_call *call)
{
	const bool elsewhere = strcmp(call->run_dir, CLI_RUN_DIR) != 0;

	return call->server || elsewhere ? call->server : getenv("SLUICE_SERVER");
}

static int fail_there(const struct remote *r, const char *server, const char *file, const char *name, int err)
{
	switch (-err) {
	case EINVAL:
	case EPROTONOSUPPORT:
		return fail(r, RPC_INVALID_ARGUMENT, "--server takes tcp://HOST:PORT, not '%s'", server);
	case ENXIO: return fail(r, RPC_UNAVAILABLE, "%s: there is no such host or port", server);
	case ECONNREFUSED:
		return fail(r, RPC_UNAVAILABLE,
		        "nobody answers at %s: does the configuration of the appliance there say `control: { "
		        "listen: ... }`? `sluice keys list` tells there where it listens",
		        server);
	case EKEYREJECTED:
		return fail(r, RPC_UNAUTHENTICATED,
		        "%s does not allow the key %s: `sluice keys show %s` says what its configuration "
		        "lacks",
		        server, name, file);
	case EPROTO:
		return fail(r, RPC_UNAUTHENTICATED,
		        "%s has not the server-key of %s: `sluice keys list` tells the right one there; or "
		        "it is something else that listens there",
		        server, file);
	case EUSERS:
		return fail(r, RPC_RESOURCE_EXHAUSTED, "%s has as many clients as it takes: try again later",
		        server);
	default: return fail(r, RPC_UNAVAILABLE, "%s cannot be reached: %s", server, strerror(-err));
	}
}

static int open_there(struct remote *r, const char *server)
{
	const char *file = r->call->key ? r->call->key : getenv("SLUICE_KEY");
	char why[KEY_FILE_WHY];
	struct key_file key;
	int err;

	if (strncmp(server, "tcp://", 6) != 0)
		return fail_there(r, server, "", "", -EINVAL);
	if (!file)
		return fail(r, RPC_INVALID_ARGUMENT, "%s asks for a key: --key FILE, of `sluice keys make`",
		        server);
	if (key_file_read(file, &key, why))
		return fail(r, RPC_UNAUTHENTICATED, "%s", why);
	if (!*key.server_key)
		return fail(r, RPC_UNAUTHENTICATED,
		        "%s lacks the line `server-key KEY`: `sluice keys list` on the appliance tells KEY",
		        file);
	err = rpc_client_open_tcp(&r->client, server, key.server_key, &key.pair, REMOTE_DEADLINE_MS);
	return err ? fail_there(r, server, file, key.name, err) : 0;
}

/* ---- either ---- */

int remote_open(struct remote *r, enum rpc_role role)
{
	const char *server = remote_server(r->call);

	if (!server && r->call->key)
		return fail(r, RPC_INVALID_ARGUMENT,
		        "--key is for an appliance on another machine: --server tcp://HOST:PORT");
	return server ? open_there(r, server) : open_here(r, role);
}

int remote_call(struct remote *r, const ProtobufCServiceDescriptor *service, const char *method,
        const ProtobufCMessage *request, uint32_t deadline_ms, ProtobufCMessage **reply)
{
	struct rpc_error error;
	int code;

	if (rpc_client_call(r->client, service, method, request, deadline_ms, reply, &error) == RPC_OK) {
		if (!r->call->json)
			tame_message(*reply);
		return 0;
	}
	tame_error(&error);
	code = remote_fail(r, &error);
	rpc_error_free(&error);
	return code;
}

int remote_ask(struct remote *r, enum rpc_role role, const ProtobufCServiceDescriptor *service,
        const char *method, const ProtobufCMessage *request, ProtobufCMessage **reply)
{
	int code = remote_open(r, role);

	if (!code)
		code = remote_call(r, service, method, request,
		        r->deadline_ms ? r->deadline_ms : REMOTE_DEADLINE_MS, reply);
	rpc_client_close(r->client);
	r->client = NULL;
	return code;
}

const char *remote_time(char text[32], uint64_t ns)
{
	uint64_t s = ns / NANOS_PER_SEC;

	if (s >= 86400)
		snprintf(text, 32, "%llu d %llu h", (unsigned long long)(s / 86400),
		        (unsigned long long)(s % 86400 / 3600));
	else if (s >= 3600)
		snprintf(text, 32, "%llu h %llu min", (unsigned long long)(s / 3600),
		        (unsigned long long)(s % 3600 / 60));
	else if (s >= 60)
		snprintf(text, 32, "%llu min %llu s", (unsigned long long)(s / 60),
		        (unsigned long long)(s % 60));
	else if (s)
		snprintf(text, 32, "%.1f s", (double)ns / 1e9);
	else
		snprintf(text, 32, "%.1f ms", (double)ns / 1e6);
	return text;
}

const char *remote_date(char text[32], uint64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm t = {0};

	localtime_r(&s, &t);
	strftime(text, 32, "%Y-%m-%d %H:%M:%S", &t);
	return text;
}

const char *remote_user(char text[32], int64_t uid, const char *key)
{
	const struct passwd *p = uid < 0 ? NULL : getpwuid((uid_t)uid);

	if (!*key && uid < 0)
		return "-";
	if (*key)
		snprintf(text, 32, "key %s", key);
	else if (p)
		snprintf(text, 32, "%s", p->pw_name);
	else
		snprintf(text, 32, "uid %lld", (long long)uid);
	return text;
}

const char *remote_paint(const char *code)
{
	const char *terminal = getenv("TERM");

	return isatty(1) && !getenv("NO_COLOR") && (!terminal || strcmp(terminal, "dumb") != 0) ? code : "";
}

int remote_show(const struct remote_table *table, ProtobufCMessage *request, const struct cli_call *call)
{
	struct remote r = {.call = call, .deadline_ms = table->deadline_ms};
	ProtobufCMessage *reply;
	int code;

	if (table->prepare)
		table->prepare(request, cli_word(call, 0));
	code = remote_ask(&r, table->role, table->service, table->method, request, &reply);
	if (code)
		return code;
	if (call->json)
		json_line(reply);
	else
		table->print(reply, cli_word(call, 0));
	rpc_free(reply);
	return CLI_FINE;
}
