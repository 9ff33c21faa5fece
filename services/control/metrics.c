#include "services/control/metrics.h"

#include "services/control/internal.h"

#include <stdarg.h>
#include <stdlib.h>

#define TOKEN_LEAST 16u
#define TOKEN_MOST  256u
#define SECONDS     10u /* Prometheus gives up by itself after as many */

__attribute__((format(printf, 3, 4))) static int fail(char *why, int err, const char *format, ...)
{
	int at = snprintf(why, CONTROL_WHY_BYTES, "metrics: ");
	va_list ap;

	va_start(ap, format);
	vsnprintf(why + at, CONTROL_WHY_BYTES - (size_t)at, format, ap);
	va_end(ap);
	return err;
}

/* The first line of the file, without its end. */
static int read_token(char token[TOKEN_MOST + 2], const char *path, char *why)
{
	FILE *from = fopen(path, "re");
	size_t len;

	if (!from)
		return fail(why, -errno, "the token file %.400s cannot be read: %s", path, strerror(errno));
	if (!fgets(token, TOKEN_MOST + 2, from))
		token[0] = 0;
	fclose(from);
	len = strcspn(token, "\r\n");
	token[len] = 0;
	if (len < TOKEN_LEAST || len > TOKEN_MOST)
		return fail(why, -EINVAL,
		        "the first line of the token file %.400s has to have from %u to %u characters", path,
		        TOKEN_LEAST, TOKEN_MOST);
	return 0;
}

static int listen_as(struct web **web, uv_loop_t *loop, const struct config_metrics *m, char *why)
{
	struct sockaddr_storage address;
	struct web_setup setup = {
	        .address = (struct sockaddr *)&address,
	        .address_len = listen_address(&address, &m->listen),
	        .path = "/metrics",
	        .certificate = m->certificate,
	        .key = m->key,
	        .seconds = SECONDS,
	};
	char token[TOKEN_MOST + 2], reason[WEB_WHY_BYTES];
	int err = m->token_file ? read_token(token, m->token_file, why) : 0;

	if (err)
		return err;
	setup.token = m->token_file ? token : NULL;
	err = web_open(web, loop, &setup, reason);
	return err ? fail(why, err, "port %u: %s", m->listen.l4_port, reason) : 0;
}

int metrics_listen(
        struct web **web, uv_loop_t *loop, const char *path, const struct config *config, char *why)
{
	struct config_errors errors = {0};
	struct config *own = NULL;
	int err = config ? 0 : config_load(path, &own, &errors);

	*web = NULL;
	config_errors_free(&errors);
	if (err)
		return fail(why, err, "%.600s says nothing, since it cannot be loaded", path);
	config = config ? config : own;
	if (config->metrics.item.node)
		err = listen_as(web, loop, &config->metrics, why);
	config_free(own);
	return err;
}

const char *metrics_page(void *context, const char *accept, FILE *to)
{
	enum metrics_format format = metrics_accepted(accept);
	struct metrics *m = measure(context);

	if (!m)
		return NULL;
	metrics_prometheus(to, m, format);
	free(m);
	return metrics_content_type(format);
}
