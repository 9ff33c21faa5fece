/* config: `sluice config VERB`. */
#include "services/cli/config.h"

#include "services/cli/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what the verbs share ---- */

uint8_t *config_read_file(const char *path, size_t *len)
{
	uint8_t *bytes = NULL;
	FILE *f = fopen(path, "re");
	size_t room = 0, got;

	*len = 0;
	if (!f)
		return NULL;
	do {
		uint8_t *more = *len == room ? realloc(bytes, room += 65536) : bytes;

		if (!more)
			break;
		bytes = more;
		got = fread(bytes + *len, 1, room - *len, f);
		*len += got;
	} while (got && *len < RPC_ADMIN_MAX);
	if (ferror(f)) {
		free(bytes);
		bytes = NULL;
	}
	fclose(f);
	return bytes;
}

/* Adds a piece; false: no memory, or it is not what was asked for. */
static bool add_piece(struct config_kept *kept, const Sluice__ConfigTextReply *piece)
{
	char *text;

	if (piece->total > RPC_ADMIN_MAX || piece->text.len > piece->total - kept->len)
		return false;
	text = realloc(kept->text, (size_t)piece->total + 1);
	if (!text)
		return false;
	kept->text = text;
	if (piece->text.len)
		memcpy(text + kept->len, piece->text.data, piece->text.len);
	kept->len += piece->text.len;
	text[kept->len] = 0;
	if (!kept->file)
		kept->file = strdup(piece->file);
	kept->number = piece->number;
	kept->epoch = piece->epoch;
	return kept->file;
}

int config_fetch(struct remote *r, uint32_t number, struct config_kept *kept)
{
	Sluice__ConfigTextRequest request = SLUICE__CONFIG_TEXT_REQUEST__INIT;
	bool more = true;
	int code = remote_open(r, RPC_READER);

	*kept = (struct config_kept){.number = number};
	while (!code && more) {
		ProtobufCMessage *reply;

		request.number = kept->number;
		request.offset = kept->len;
		code = remote_call(r, &sluice__read__descriptor, "ConfigText", &request.base,
		        REMOTE_DEADLINE_MS, &reply);
		if (code)
			break;
		if (!add_piece(kept, (const void *)reply))
			code = remote_say(r, RPC_INTERNAL, "the text cannot be put together");
		more = kept->len < ((const Sluice__ConfigTextReply *)(const void *)reply)->total;
		rpc_free(reply);
	}
	rpc_client_close(r->client);
	r->client = NULL;
	if (code)
		config_kept_free(kept);
	return code;
}

void config_kept_free(struct config_kept *kept)
{
	free(kept->file);
	free(kept->text);
	kept->file = kept->text = NULL;
}

void config_tell_applied(const Sluice__ApplyReply *reply)
{
	char text[32];

	printf("configuration %u is in force as epoch %u, taken up everywhere in %s\n", reply->number,
	        reply->epoch, remote_time(text, reply->took_ns));
	if (reply->confirm_s)
		printf("it is rolled back in %s unless you keep it: sluice config confirm\n",
		        remote_time(text, reply->confirm_s * NANOS_PER_SEC));
}

/* Options of a verb that takes no more than one number of a configuration.  0, or an exit code; CLI_FINE with
 * r->help set: help has been printed. */
static int options(
        struct remote *r, int argc, char **argv, const char *const *own, uint64_t *number, void (*help)(void))
{
	int code = remote_options(r, argc, argv, own);

	*number = 0;
	if (code)
		return code;
	if (r->help)
		help();
	else if (r->n_args > 1)
		return cli_usage(argv[0], "one number of a configuration or none, not %u", r->n_args);
	else if (r->n_args && !cli_number(r->args[0], "the number of a configuration", 1, UINT32_MAX, number))
		return CLI_USAGE;
	return CLI_FINE;
}

/* ---- show ---- */

static void help_show(void)
{
	printf("usage: sluice config show [N] [--json] [--run-dir DIR]\n\n"
	       "The configuration in force, or number N of the history, byte for byte as it was applied.\n"
	       "The newest 100 are kept.\n\n"
	       "  sluice config show\n"
	       "  sluice config show 12 >/tmp/12.yaml\n\n"
	       "Exit status: 0, 1 there is no such text, 2 wrong use, 3 nobody answers.\n");
}

static int show(int argc, char **argv)
{
	struct config_kept kept;
	struct remote r;
	uint64_t number;
	int code = options(&r, argc, argv, NULL, &number, help_show);

	if (code || r.help)
		return code;
	code = config_fetch(&r, (uint32_t)number, &kept);
	if (code)
		return code;
	if (r.json) {
		printf("{\"number\":%u,\"epoch\":%u,\"file\":", kept.number, kept.epoch);
		json_text(stdout, kept.file);
		fputs(",\"text\":", stdout);
		json_text(stdout, kept.text);
		fputs("}\n", stdout);
	} else {
		(void)fwrite(kept.text, 1, kept.len, stdout);
	}
	config_kept_free(&kept);
	return fflush(stdout) ? CLI_SYSTEM : CLI_FINE;
}

/* ---- rollback and confirm ---- */

static void help_rollback(void)
{
	printf("usage: sluice config rollback [N] [--confirm TIME] [--json] [--run-dir DIR]\n\n"
	       "Puts an earlier configuration in force again: number N of the history, or the one that was "
	       "in\n"
	       "force before this one; twice in a row is there and back.  Where one waits to be confirmed it "
	       "is\n"
	       "rolled back at once.  Files that it names (`file:` in routes) are read as they are now.\n\n"
	       "  --confirm TIME  as of `sluice config apply`\n\n"
	       "  sluice config rollback\n"
	       "  sluice config rollback 12\n\n"
	       "Exit status: 0 it is in force, 1 it is not, 2 wrong use, 3 nobody answers.\n");
}

static int rollback(int argc, char **argv)
{
	static const char *const own[] = {"confirm=", NULL};
	Sluice__RollbackRequest request = SLUICE__ROLLBACK_REQUEST__INIT;
	ProtobufCMessage *reply;
	struct remote r;
	uint64_t number;
	int code = options(&r, argc, argv, own, &number, help_rollback);

	if (code || r.help)
		return code;
	if (r.value[0] && !cli_seconds(r.value[0], "--confirm", &request.confirm_s))
		return CLI_USAGE;
	request.number = (uint32_t)number;
	code = remote_ask(&r, RPC_ADMIN, &sluice__admin__descriptor, "Rollback", &request.base, &reply);
	if (code)
		return code;
	if (r.json)
		json_line(reply);
	else
		config_tell_applied((const void *)reply);
	rpc_free(reply);
	return CLI_FINE;
}

static void help_confirm(void)
{
	printf("usage: sluice config confirm [--json] [--run-dir DIR]\n\n"
	       "The configuration that waits to be confirmed stays.\n\n"
	       "  sluice config apply risky.yaml --confirm 60s\n"
	       "  sluice config confirm\n\n"
	       "Exit status: 0 it stays, 1 none waits (any more), 2 wrong use, 3 nobody answers.\n");
}

static int confirm(int argc, char **argv)
{
	Sluice__ConfirmRequest request = SLUICE__CONFIRM_REQUEST__INIT;
	ProtobufCMessage *reply;
	struct remote r;
	int code;

	if (!remote_begin(&r, argc, argv, NULL, help_confirm, &code))
		return code;
	if (r.n_args)
		return cli_usage(argv[0], "it takes no '%s'", r.args[0]);
	code = remote_ask(&r, RPC_ADMIN, &sluice__admin__descriptor, "Confirm", &request.base, &reply);
	if (code)
		return code;
	if (r.json)
		json_line(reply);
	else
		printf("configuration %u stays\n",
		        ((const Sluice__ConfirmReply *)(const void *)reply)->number);
	rpc_free(reply);
	return CLI_FINE;
}

/* ---- the verbs ---- */

static const struct {
	const char *name, *whole;
	int (*run)(int argc, char **argv);
	const char *what;
} verbs[] = {
        {"check", "config check", cli_check, "read a configuration and say what is wrong with it"},
        {"diff", "config diff", config_diff_main,
                "what a file would change, or two configurations differ in"},
        {"apply", "config apply", cli_apply, "put another configuration in force while packets flow"},
        {"confirm", "config confirm", confirm, "keep what was applied with --confirm"},
        {"show", "config show", show, "the text of the one in force, or of an earlier one"},
        {"history", "config history", config_history_main, "who changed what when, and what became of it"},
        {"rollback", "config rollback", rollback, "put an earlier one in force again"},
};

static void help(FILE *to)
{
	fprintf(to, "usage: sluice config VERB ...\n\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].what);
	fprintf(to, "\n  sluice config diff new.yaml\n"
	            "  sluice config apply new.yaml --confirm 60s && sluice config confirm\n"
	            "  sluice config history\n"
	            "  sluice config rollback\n\n"
	            "sluice config VERB --help tells more.\n");
}

int cli_config(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return CLI_FINE;
	}
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		argv[1] = (char *)verbs[i].whole;
		return verbs[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "sluice config: there is no verb '%s'\n\n", argv[1]);
	help(stderr);
	return CLI_USAGE;
}
