/* key_file: a key for commands by tcp, in a file of its owner's alone.
 *
 * Lines of a word and its value: name, public-key, secret-key, server-key; # begins a remark. */
#ifndef SLUICE_SERVICES_CLI_KEY_FILE_H
#define SLUICE_SERVICES_CLI_KEY_FILE_H

#include "common/rpc/rpc.h"

struct key_file {
	char name[RPC_NAME_MAX];
	struct rpc_key_pair pair;
	char server_key[RPC_KEY_TEXT]; /* of the appliance that it is for; empty: not known */
};

#define KEY_FILE_WHY 512u

/* 0; or a negative errno with a sentence in `why` (KEY_FILE_WHY): it is not there, others may read it, or it
 * is none. */
[[nodiscard]] int key_file_read(const char *path, struct key_file *key, char *why);

/* Makes a new file of mode 0600.  0; -EEXIST: there is one of that name; other negative errno. */
[[nodiscard]] int key_file_write(const char *path, const struct key_file *key);

#endif
