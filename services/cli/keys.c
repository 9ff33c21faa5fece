/* keys: of commands by tcp: making one, and what the appliance allows. */
#include "services/cli/key_file.h"
#include "services/cli/remote.h"

#include "proto/keys.pb-c.h"
#include "services/cli/json.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- list ---- */

static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__KeysReply *k = (const void *)reply;

	(void)arg;
	printf("server-key %s\n", *k->server_key ? k->server_key : "(none can be kept)");
	printf("listens    %s\n", *k->listen    ? k->listen
	                          : *k->why_not ? k->why_not
	                                        : "nowhere: `control: {}` in the configuration makes it");
	for (size_t i = 0; i < k->n_keys; i++)
		printf("%-15s %-10s %s\n", k->keys[i]->name, k->keys[i]->role, k->keys[i]->key);
}

static int list(const struct cli_call *call)
{
	static const struct remote_table table = {&sluice__keys__descriptor, "List", NULL, print, RPC_READER};
	Sluice__KeysRequest request = SLUICE__KEYS_REQUEST__INIT;

	return remote_show(&table, &request.base, call);
}

static const struct cli_command verb_list = {
        .name = "list",
        .what = "the keys that the running appliance allows, and its own",
        .about = "The keys that the configuration in force allows to connect, each with its role; where the "
                 "appliance listens for them; and its own public key, which a key file names as server-key.",
        .examples = {{"sluice keys list", "all of them"},
                {"sluice keys list --json | jq -r .server_key", "for another machine's key file"}},
        .json = "{\"server_key\", \"listen\", \"why_not\", \"keys\": [{\"name\", \"role\", \"key\"}]}",
        .asks = true,
        .run = list,
};

/* ---- show ---- */

/* What a configuration needs so that this key may come. */
static void print_allowance(const struct key_file *key, const char *role)
{
	printf("control:\n  keys:\n    %s: { key: \"%s\", role: %s }\n", key->name, key->pair.public_key,
	        role);
}

static void print_json(const struct key_file *key, const char *path)
{
	fputs("{\"name\":", stdout);
	json_text(stdout, key->name);
	fputs(",\"file\":", stdout);
	json_text(stdout, path);
	fputs(",\"key\":", stdout);
	json_text(stdout, key->pair.public_key);
	fputs(",\"server_key\":", stdout);
	json_text(stdout, key->server_key);
	puts("}");
}

static int show(const struct cli_call *call)
{
	const char *path = cli_word(call, 0);
	char why[KEY_FILE_WHY];
	struct key_file key;

	if (key_file_read(path, &key, why))
		return cli_fail(call, RPC_UNAVAILABLE, "%s", why);
	if (call->json) {
		print_json(&key, path);
		return CLI_FINE;
	}
	print_allowance(&key, "read");
	printf("# server-key %s\n", *key.server_key ? key.server_key : "is not in the file");
	return CLI_FINE;
}

static const struct cli_command verb_show = {
        .name = "show",
        .what = "the public half of a key file, as a configuration has it",
        .about = "What an appliance's configuration needs so that this key may connect. The secret half is "
                 "not shown.",
        .arguments = {{{"FILE", CLI_FILE}, .needed = true, .meaning = "that `sluice keys make` made"}},
        .examples = {{"sluice keys show alice.key", "to be put into the configuration"}},
        .exits = {[CLI_SYSTEM] = "the file cannot be read, or others may read it"},
        .json = "{\"name\", \"file\", \"key\", \"server_key\"}",
        .run = show,
};

/* ---- make ---- */

enum { ROLE, SERVER_KEY, OUT };

/* As a configuration takes a name. */
static bool good_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *name && *name != '.' && strlen(name) <= 15 && strspn(name, letters) == strlen(name);
}

/* Of the appliance that answers, if one does. */
static void ask_server_key(const struct cli_call *call, char out[RPC_KEY_TEXT])
{
	Sluice__KeysRequest request = SLUICE__KEYS_REQUEST__INIT;
	char trouble[RPC_MESSAGE_BYTES];
	struct remote r = {.call = call, .trouble = trouble};
	ProtobufCMessage *reply;

	if (remote_ask(&r, RPC_READER, &sluice__keys__descriptor, "List", &request.base, &reply))
		return;
	snprintf(out, RPC_KEY_TEXT, "%s", ((const Sluice__KeysReply *)(const void *)reply)->server_key);
	rpc_free(reply);
}

static int tell_made(const struct cli_call *call, const struct key_file *key, const char *path)
{
	if (call->json) {
		print_json(key, path);
		return CLI_FINE;
	}
	printf("# The key is in %s.  In the appliance's configuration:\n", path);
	print_allowance(key, cli_text(call, ROLE) ? cli_text(call, ROLE) : "read");
	if (!*key->server_key)
		printf("# %s lacks the line `server-key KEY`: `sluice keys list` on the appliance tells "
		       "KEY.\n",
		        path);
	return CLI_FINE;
}

static int make(const struct cli_call *call)
{
	const char *name = cli_word(call, 0), *server = cli_text(call, SERVER_KEY);
	struct key_file key = {0};
	char path[4200];
	int err;

	if (!good_name(name))
		return cli_usage(call,
		        "a key's name has 1 to 15 letters, digits, '.', '_' or '-', and '%s' is none", name);
	if (server && !rpc_key_good(server))
		return cli_usage(call,
		        "--server-key takes the 40 characters that `sluice keys list` tells on the "
		        "appliance, not '%s'",
		        server);
	snprintf(key.name, sizeof key.name, "%s", name);
	snprintf(path, sizeof path, "%s%s", cli_text(call, OUT) ? cli_text(call, OUT) : name,
	        cli_text(call, OUT) ? "" : ".key");
	if (server)
		snprintf(key.server_key, sizeof key.server_key, "%s", server);
	else
		ask_server_key(call, key.server_key);
	err = rpc_key_make(&key.pair);
	if (!err)
		err = key_file_write(path, &key);
	if (err == -EEXIST)
		return cli_fail(call, RPC_ALREADY_EXISTS,
		        "%s is there already, and a key that is lost cannot be had back: remove it first, or "
		        "take another --out",
		        path);
	return err ? cli_fail(call, RPC_UNAVAILABLE, "%s cannot be made: %s", path, strerror(-err))
	           : tell_made(call, &key, path);
}

static const struct cli_command verb_make = {
        .name = "make",
        .what = "a new key in a file of its own",
        .about = "Makes a key for commands from another machine: a file that its owner alone may read, which "
                 "`--key FILE` takes; and says what the appliance's configuration needs to allow it. Where "
                 "the appliance runs here its own key is put into the file too.",
        .options = {[ROLE] = {.name = "role",
                            .takes = {"ROLE", CLI_CHOICE, .choices = "read administer"},
                            .meaning = "what the configuration is to allow it (read)"},
                [SERVER_KEY] = {.name = "server-key",
                        .takes = {"KEY", CLI_TEXT},
                        .meaning = "of the appliance, as `sluice keys list` tells it there"},
                [OUT] = {.name = "out",
                        .takes = {"FILE", CLI_FILE},
                        .meaning = "the file to make (NAME.key)"}},
        .arguments = {{{"NAME", CLI_TEXT}, .needed = true, .meaning = "of who is to have it"}},
        .examples = {{"sluice keys make alice --role administer", "on the appliance: makes alice.key"},
                {"sluice keys make bob --server-key 'KEY'", "on bob's machine, so that no secret travels"}},
        .exits = {[CLI_NO] = "there is a file of that name", [CLI_SYSTEM] = "the file cannot be made"},
        .json = "{\"name\", \"file\", \"key\", \"server_key\"}",
        .asks = true,
        .run = make,
};

const struct cli_command command_keys = {
        .name = "keys",
        .what = "the keys for commands from other machines: make, show, list",
        .about =
                "With `control: { listen: ADDRESS:PORT, keys: ... }` in its configuration an appliance takes "
                "commands by TCP, encrypted and authenticated (CURVE), of the keys that are listed there, "
                "each of which may `read` or `administer`. A command gets there by `--server "
                "tcp://HOST:PORT --key FILE`, or SLUICE_SERVER and SLUICE_KEY in the environment.",
        .examples = {{"sluice keys make alice --role administer",
                             "a key, and what to write to the configuration"},
                {"sluice status --server tcp://192.0.2.1:9120 --key alice.key", "from another machine"}},
        .verbs = {&verb_make, &verb_show, &verb_list},
};
