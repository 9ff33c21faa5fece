/* config: `sluice config VERB`. */
#include "services/cli/config/config.h"

#include "services/cli/json.h"
#include "services/cli/tame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

	if (piece->total > RPC_ADMIN_MAX || piece->total < kept->len ||
	        piece->text.len > piece->total - kept->len || (!piece->text.len && piece->total > kept->len))
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
			code = cli_fail(r->call, RPC_INTERNAL, "the text cannot be put together");
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
	config_tell_next_start(reply->next_start, reply->n_next_start);
}

void config_tell_next_start(char **key, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%s%s%s: takes effect when the appliance is started with this file, and not before\n",
		        remote_paint("\033[33m"), key[i], remote_paint("\033[0m"));
}

/* ---- show ---- */

static int show(const struct cli_call *call)
{
	struct remote r = {.call = call};
	struct config_kept kept;
	int code = config_fetch(&r, (uint32_t)cli_word_number(call, 0, 0), &kept);

	if (code)
		return code;
	if (call->json) {
		printf("{\"number\":%u,\"epoch\":%u,\"file\":", kept.number, kept.epoch);
		json_text(stdout, kept.file);
		fputs(",\"text\":", stdout);
		json_text(stdout, kept.text);
		fputs("}\n", stdout);
	} else {
		if (isatty(STDOUT_FILENO))
			tame_lines(kept.text);
		(void)fwrite(kept.text, 1, kept.len, stdout);
	}
	config_kept_free(&kept);
	return fflush(stdout) ? CLI_SYSTEM : CLI_FINE;
}

static const struct cli_command command_show = {
        .name = "show",
        .what = "the text of the one in force, or of an earlier one",
        .about = "The configuration in force, or an earlier one, byte for byte as it was applied. The newest "
                 "100 are kept.",
        .arguments = {{{"N", CLI_NUMBER, 1, UINT32_MAX},
                .meaning = "a number of `sluice config history`; otherwise the one in force"}},
        .examples = {{"sluice config show", "the one in force"},
                {"sluice config show 12 >/tmp/12.yaml", "the text of number 12"}},
        .exits = {[CLI_NO] = "there is no such text"},
        .json = "{\"number\", \"epoch\", \"file\", \"text\"}",
        .asks = true,
        .run = show,
};

/* ---- rollback and confirm ---- */

enum { CONFIRM };

static void print_applied(const ProtobufCMessage *reply, const char *arg)
{
	(void)arg;
	config_tell_applied((const void *)reply);
}

static int rollback(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__admin__descriptor, "Rollback", NULL, print_applied, RPC_ADMIN, CONFIG_CHANGE_MS};
	Sluice__RollbackRequest request = SLUICE__ROLLBACK_REQUEST__INIT;

	request.number = (uint32_t)cli_word_number(call, 0, 0);
	request.confirm_s = (uint32_t)cli_number(call, CONFIRM, 0);
	return remote_show(&table, &request.base, call);
}

static const struct cli_command command_rollback = {
        .name = "rollback",
        .what = "put an earlier one in force again",
        .about = "Puts an earlier configuration in force again; twice in a row is there and back. Where one "
                 "waits to be confirmed it is rolled back at once. Files that it names (`file:` in routes) "
                 "are read as they are now.",
        .options = {[CONFIRM] = {.name = "confirm",
                            .takes = {"TIME", CLI_TIME},
                            .meaning = "as of `sluice config apply`"}},
        .arguments = {{{"N", CLI_NUMBER, 1, UINT32_MAX},
                .meaning = "a number of `sluice config history`; otherwise the one that was in force before "
                           "this one"}},
        .examples = {{"sluice config rollback", "undo what was applied last"},
                {"sluice config rollback 12", "back to number 12"}},
        .exits = {"it is in force", "it is not"},
        .json = "{\"number\", \"epoch\", \"took_ns\", ...}, as of `sluice config apply`",
        .asks = true,
        .run = rollback,
};

static void print_confirmed(const ProtobufCMessage *reply, const char *arg)
{
	(void)arg;
	printf("configuration %u stays\n", ((const Sluice__ConfirmReply *)(const void *)reply)->number);
}

static int confirm(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__admin__descriptor, "Confirm", NULL, print_confirmed, RPC_ADMIN};
	Sluice__ConfirmRequest request = SLUICE__CONFIRM_REQUEST__INIT;

	return remote_show(&table, &request.base, call);
}

static const struct cli_command command_confirm = {
        .name = "confirm",
        .what = "keep what was applied with --confirm",
        .about = "The configuration that waits to be confirmed stays.",
        .examples = {{"sluice config apply risky.yaml --confirm 60s", "ten minutes would be 10m"},
                {"sluice config confirm", "within that time"}},
        .exits = {"it stays", "none waits (any more)"},
        .json = "{\"number\"}",
        .asks = true,
        .run = confirm,
};

/* ---- the verbs ---- */

const struct cli_command command_config = {
        .name = "config",
        .what = "the configuration: check, diff, apply, confirm, show, history, rollback",
        .about = "The configuration: what would change, changing it while packets flow, who changed it, and "
                 "going back.",
        .examples = {{"sluice config diff new.yaml", "what would change"},
                {"sluice config apply new.yaml --confirm 60s && sluice config confirm",
                        "change it, and keep it if you can still be heard"},
                {"sluice config history", "who changed what when"}, {"sluice config rollback", "undo it"}},
        .verbs = {&command_config_check, &command_config_diff, &command_config_apply, &command_confirm,
                &command_show, &command_config_history, &command_rollback},
};
