/* error: failures, in words or as JSON. */
#include "services/cli/cli.h"

#include "common/config/config.h"
#include "proto/control.pb-c.h"
#include "services/cli/json.h"

#include <stdarg.h>
#include <stdio.h>

static int exit_code(enum rpc_status status)
{
	switch (status) {
	case RPC_OK:
	case RPC_MORE:
	case RPC_QUIET: return CLI_FINE;
	case RPC_INVALID_ARGUMENT: return CLI_USAGE;
	case RPC_UNAVAILABLE:
	case RPC_DEADLINE_EXCEEDED:
	case RPC_PERMISSION_DENIED:
	case RPC_UNAUTHENTICATED:
	case RPC_RESOURCE_EXHAUSTED: return CLI_SYSTEM;
	case RPC_CANCELLED:
	case RPC_UNKNOWN:
	case RPC_NOT_FOUND:
	case RPC_ALREADY_EXISTS:
	case RPC_FAILED_PRECONDITION:
	case RPC_ABORTED:
	case RPC_OUT_OF_RANGE:
	case RPC_UNIMPLEMENTED:
	case RPC_INTERNAL:
	case RPC_DATA_LOSS:
	case RPC_STATUS_COUNT: return CLI_NO;
	}
	return CLI_NO;
}

#define SHOWN_MAX 1024u /* columns of a line that is shown */

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
			        e->column ? (int)MIN(e->column - 1, SHOWN_MAX) : 0, "");
		if (*e->hint)
			fprintf(stderr, "  hint: %s\n", e->hint);
	}
}

static void print_json(const struct rpc_error *error)
{
	printf("{\"error\":{\"status\":\"%s\",\"code\":%d,\"message\":", rpc_status_name(error->status),
	        (int)error->status);
	json_text(stdout, error->message);
	if (error->body) {
		fputs(",\"details\":", stdout);
		json_message(stdout, error->body);
	}
	fputs("}}\n", stdout);
}

int cli_tell(const struct cli_call *call, const struct rpc_error *error)
{
	const bool file = error->body && error->body->descriptor == &sluice__apply_reply__descriptor;

	if (call->json) {
		print_json(error);
	} else {
		if (file)
			print_config_errors((const void *)error->body);
		fprintf(stderr, "sluice%s%s: %s\n", *call->path ? " " : "", call->path, error->message);
	}
	return file ? CLI_NO : exit_code(error->status);
}

int cli_fail(const struct cli_call *call, enum rpc_status status, const char *format, ...)
{
	struct rpc_error error = {.status = status};
	va_list ap;

	va_start(ap, format);
	vsnprintf(error.message, sizeof error.message, format, ap);
	va_end(ap);
	return cli_tell(call, &error);
}

int cli_fail_config(const struct cli_call *call, enum rpc_status status, const struct config_errors *errors)
{
	if (!call->json) {
		config_errors_print(stderr, errors);
		return exit_code(status);
	}
	printf("{\"error\":{\"status\":\"%s\",\"code\":%d,\"message\":\"the configuration cannot be used\","
	       "\"details\":{\"errors\":",
	        rpc_status_name(status), (int)status);
	config_errors_json(stdout, errors);
	fputs("}}}\n", stdout);
	return exit_code(status);
}

int cli_usage(const struct cli_call *call, const char *format, ...)
{
	struct rpc_error error = {.status = RPC_INVALID_ARGUMENT};
	va_list ap;

	va_start(ap, format);
	vsnprintf(error.message, sizeof error.message, format, ap);
	va_end(ap);
	(void)cli_tell(call, &error);
	if (!call->json)
		fprintf(stderr, "sluice%s%s --help shows how it is used\n", *call->path ? " " : "",
		        call->path);
	return CLI_USAGE;
}
