/* metrics: the registry over HTTP, where the configuration in force says. */
#ifndef SLUICE_SERVICES_CONTROL_METRICS_METRICS_H
#define SLUICE_SERVICES_CONTROL_METRICS_METRICS_H

#include "common/config/config.h"
#include "services/control/metrics/web.h"

/* The library; and listens where the file `path` says, with the rights to bind and to read the key and the
 * token.  `config` is what the file holds; NULL: it is read here.  0 with *web and in *listens the digest of
 * where it listens (0: metrics are not wanted); or a negative errno with a sentence in `why`
 * (CONTROL_WHY_BYTES): it listens nowhere, and *web may be NULL. */
[[nodiscard]] int metrics_listen(struct web **web, uint64_t *listens, uv_loop_t *loop, const char *path,
        const struct config *config, char *why);

/* Takes the address that a configuration says, and reads its files, for web_switch.  0 with *site (NULL:
 * metrics are not wanted); -EACCES: with more rights it could be; or another negative errno, with the key
 * that is at fault and a sentence in `why`. */
[[nodiscard]] int metrics_prepare(struct web_site **site, struct web *web,
        const struct config_metrics *wanted, const char **key, char *why);

/* The page; context is the struct control. */
const char *metrics_page(void *context, const char *accept, FILE *to);

#endif
