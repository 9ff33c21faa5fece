/* config: what the verbs of `sluice config` share. */
#ifndef SLUICE_SERVICES_CLI_CONFIG_CONFIG_H
#define SLUICE_SERVICES_CLI_CONFIG_CONFIG_H

#include "proto/control.pb-c.h"
#include "services/cli/remote.h"

/* That a change may take: a FIB of a million dynamic routes is filled in seconds where the machine is busy.
 */
#define CONFIG_CHANGE_MS 60000u

/* A file's bytes, malloc'd; NULL with errno. */
uint8_t *config_read_file(const char *path, size_t *len);

/* A text that control keeps. */
struct config_kept {
	uint32_t number, epoch;
	char *file, *text; /* malloc'd */
	size_t len;
};

/* Fetches a configuration by its number (0: the one in force).  0, or an exit code with its sentence told. */
[[nodiscard]] int config_fetch(struct remote *r, uint32_t number, struct config_kept *kept);
void config_kept_free(struct config_kept *kept);

/* "configuration 3 is in force as epoch 5, ...". */
void config_tell_applied(const Sluice__ApplyReply *reply);

/* That these keys wait for the next start: what Status and Apply say. */
void config_tell_next_start(char **key, size_t n);

/* Verbs that have a file of their own. */
extern const struct cli_command command_config_apply, command_config_check, command_config_diff,
        command_config_history;

#endif
