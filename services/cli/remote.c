#include "services/cli/remote.h"

#include "common/blueprint/blueprint.h"
#include "proto/control.pb-c.h"
#include "services/cli/json.h"

#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* getopt's, from a list as of remote_options; `name` holds the words without their "=". */
static void own_options(const char *const *own, struct option *options, char name[REMOTE_OWN_MAX][24])
{
	for (uint32_t i = 0; own && own[i]; i++) {
		size_t len = strcspn(own[i], "=");

		assert(i < REMOTE_OWN_MAX && len < sizeof name[i]);
		memcpy(name[i], own[i], len);
		name[i][len] = 0;
		options[i] = (struct option){
		        name[i], own[i][len] ? required_argument : no_argument, NULL, 256 + (int)i};
	}
}

/* What getopt_long gives for the long name, where `c` is an option of one letter. */
static int own_letter(const char *const *own, int c)
{
	for (uint32_t i = 0; own && own[i]; i++)
		if (c == own[i][0] && !own[i][1])
			return 256 + (int)i;
	return c;
}

int remote_options(struct remote *r, int argc, char **argv, const char *const *own)
{
	struct option options[REMOTE_OWN_MAX + 4] = {{"run-dir", required_argument, NULL, 'r'},
	        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}};
	char name[REMOTE_OWN_MAX][24], letters[REMOTE_OWN_MAX + 2] = "h";
	int c;

	*r = (struct remote){.command = argv[0], .run_dir = REMOTE_RUN_DIR};
	own_options(own, options + 3, name);
	for (uint32_t i = 0; own && own[i]; i++)
		letters[1 + i] = own[i][1] ? 'h' : own[i][0];
	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		c = own_letter(own, c);
		if (c == 'r')
			r->run_dir = optarg;
		else if (c == 'j')
			r->json = true;
		else if (c == 'h')
			r->help = true;
		else if (c >= 256) {
			r->flags |= 1u << (c - 256);
			r->value[c - 256] = optarg;
		} else
			return cli_usage(argv[0], "that option is not known, or lacks its value");
	}
	r->args = (const char *const *)argv + optind;
	r->n_args = (uint32_t)(argc - optind);
	return 0;
}

bool remote_begin(
        struct remote *r, int argc, char **argv, const char *const *own, void (*help)(void), int *code)
{
	*code = remote_options(r, argc, argv, own);
	if (!*code && r->help)
		help();
	return !*code && !r->help;
}

bool remote_flag(const struct remote *r, uint32_t own)
{
	return r->flags & 1u << own;
}

static int exit_code(enum rpc_status status)
{
	return status == RPC_UNAVAILABLE || status == RPC_DEADLINE_EXCEEDED ||
	                       status == RPC_PERMISSION_DENIED || status == RPC_RESOURCE_EXHAUSTED
	               ? CLI_SYSTEM
	               : CLI_NO;
}

static void print_config_errors(const Sluice__ApplyReply *reply)
{
	for (size_t i = 0; i < reply->n_errors; i++) {
		const Sluice__ConfigError *e = reply->errors[i];

		fprintf(stderr, "%s:%u:%u: error: %s", e->file, e->line, e->column, e->found);
		if (*e->expected)
			fprintf(stderr, "; expected: %s", e->expected);
		fputc('\n', stderr);
		if (*e->source)
			fprintf(stderr, "  %5u | %s\n        | %*s^\n", e->line, e->source,
			        e->column ? (int)e->column - 1 : 0, "");
		if (*e->hint)
			fprintf(stderr, "  hint: %s\n", e->hint);
	}
}

int remote_fail(const struct remote *r, const struct rpc_error *error)
{
	if (!r->json) {
		if (error->body && error->body->descriptor == &sluice__apply_reply__descriptor)
			print_config_errors((const void *)error->body);
		fprintf(stderr, "sluice %s: %s\n", r->command, error->message);
		return exit_code(error->status);
	}
	printf("{\"error\":{\"status\":\"%s\",\"code\":%d,\"message\":", rpc_status_name(error->status),
	        (int)error->status);
	json_text(stdout, error->message);
	if (error->body) {
		fputs(",\"details\":", stdout);
		json_message(stdout, error->body);
	}
	fputs("}}\n", stdout);
	return exit_code(error->status);
}

int remote_say(const struct remote *r, enum rpc_status status, const char *format, ...)
{
	struct rpc_error error = {.status = status};
	va_list ap;

	va_start(ap, format);
	vsnprintf(error.message, sizeof error.message, format, ap);
	va_end(ap);
	return remote_fail(r, &error);
}

static int fail_open(const struct remote *r, const char *socket, int err)
{
	switch (-err) {
	case ENOENT:
		return remote_say(r, RPC_UNAVAILABLE,
		        "no appliance runs in %s: start it with `sluice up --config FILE`, or say where it "
		        "runs with --run-dir DIR",
		        r->run_dir);
	case ECONNREFUSED:
		return remote_say(r, RPC_UNAVAILABLE,
		        "nobody answers at %s/%s: the appliance has ended or control is being restarted; "
		        "start it with `sluice up --config FILE`, or try again",
		        r->run_dir, socket);
	case EACCES:
	case EPERM:
		return remote_say(r, RPC_PERMISSION_DENIED,
		        "%s/%s is not for this user: become root, or ask who runs the appliance", r->run_dir,
		        socket);
	default:
		return remote_say(r, RPC_UNAVAILABLE, "%s/%s cannot be reached: %s", r->run_dir, socket,
		        strerror(-err));
	}
}

int remote_open(struct remote *r, enum rpc_role role)
{
	const char *socket = role == RPC_ADMIN ? BLUEPRINT_SOCKETS "/admin.sock"
	                                       : BLUEPRINT_SOCKETS "/read.sock";
	char endpoint[4200];
	int err;

	snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", r->run_dir, socket);
	err = rpc_client_open(&r->client, endpoint);
	return err ? fail_open(r, socket, err) : 0;
}

int remote_call(struct remote *r, const ProtobufCServiceDescriptor *service, const char *method,
        const ProtobufCMessage *request, uint32_t deadline_ms, ProtobufCMessage **reply)
{
	struct rpc_error error;
	int code;

	if (rpc_client_call(r->client, service, method, request, deadline_ms, reply, &error) == RPC_OK)
		return 0;
	code = remote_fail(r, &error);
	rpc_error_free(&error);
	return code;
}

int remote_ask(struct remote *r, enum rpc_role role, const ProtobufCServiceDescriptor *service,
        const char *method, const ProtobufCMessage *request, ProtobufCMessage **reply)
{
	int code = remote_open(r, role);

	if (!code)
		code = remote_call(r, service, method, request, REMOTE_DEADLINE_MS, reply);
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
	struct tm t;

	localtime_r(&s, &t);
	strftime(text, 32, "%Y-%m-%d %H:%M:%S", &t);
	return text;
}

const char *remote_user(char text[32], int64_t uid)
{
	const struct passwd *p = uid < 0 ? NULL : getpwuid((uid_t)uid);

	if (uid < 0)
		return "-";
	if (p)
		snprintf(text, 32, "%s", p->pw_name);
	else
		snprintf(text, 32, "uid %lld", (long long)uid);
	return text;
}

const char *remote_paint(const char *code)
{
	return isatty(1) && !getenv("NO_COLOR") ? code : "";
}

int remote_show(const struct remote_table *table, ProtobufCMessage *request, int argc, char **argv)
{
	ProtobufCMessage *reply;
	struct remote r;
	int code;
	const char *arg;

	if (!remote_begin(&r, argc, argv, NULL, table->help, &code))
		return code;
	if (r.n_args > (table->prepare ? 1 : 0))
		return cli_usage(r.command, "it takes no '%s'", r.args[table->prepare ? 1 : 0]);
	arg = r.n_args ? r.args[0] : "";
	if (table->prepare)
		table->prepare(request, arg);
	code = remote_ask(&r, RPC_READER, table->service, table->method, request, &reply);
	if (code)
		return code;
	if (r.json) {
		json_message(stdout, reply);
		fputc('\n', stdout);
	} else {
		table->print(reply, arg);
	}
	rpc_free(reply);
	return CLI_FINE;
}
