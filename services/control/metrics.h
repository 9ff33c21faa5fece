/* metrics: the registry over HTTP, where the configuration says. */
#ifndef SLUICE_SERVICES_CONTROL_METRICS_H
#define SLUICE_SERVICES_CONTROL_METRICS_H

#include "common/config/config.h"
#include "services/control/web.h"

/* Listens where the file `path` says, with the rights to bind and to read the key and the token.  `config` is
 * what the file holds; NULL: it is read here.  0 with *web (NULL: metrics are not wanted), or a negative
 * errno with a sentence in `why` (CONTROL_WHY_BYTES). */
[[nodiscard]] int metrics_listen(
        struct web **web, uv_loop_t *loop, const char *path, const struct config *config, char *why);

/* The page; context is the struct control. */
const char *metrics_page(void *context, const char *accept, FILE *to);

#endif
