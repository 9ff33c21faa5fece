#include "services/control/metrics/metrics.h"

#include "services/control/internal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

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

/* The library would say less. */
static int may_read(const char *path, char *why)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (path && fd < 0)
		return fail(why, -errno, "%.400s cannot be read: %s", path, strerror(errno));
	if (path)
		close(fd);
	return 0;
}

static int take_address(struct web_site **site, struct web *web, const struct config_metrics *m,
        const char *token, const char **key, char *why)
{
	struct sockaddr_storage address;
	const struct web_setup setup = {
	        .address = (struct sockaddr *)&address,
	        .address_len = listen_address(&address, &m->listen),
	        .certificate = m->certificate,
	        .key = m->key,
	        .token = m->token_file ? token : NULL,
	};
	char reason[WEB_WHY_BYTES];
	int err = web_prepare(site, web, &setup, reason);

	*key = err == -EINVAL ? "certificate" : "listen";
	return err ? fail(why, err, "port %u: %s", m->listen.l4_port, reason) : 0;
}

int metrics_prepare(struct web_site **site, struct web *web, const struct config_metrics *wanted,
        const char **key, char *why)
{
	const struct {
		const char *key, *path;
	} files[] = {{"certificate", wanted->certificate}, {"key", wanted->key}};
	char token[TOKEN_MOST + 2];
	int err = 0;

	*site = NULL;
	if (!wanted->item.node)
		return 0;
	if (!web)
		return fail(why, -EACCES, "HTTP cannot be served");
	for (size_t i = 0; !err && i < ARRAY_LEN(files); i++) {
		*key = files[i].key;
		err = may_read(files[i].path, why);
	}
	if (!err && wanted->token_file) {
		*key = "token_file";
		err = read_token(token, wanted->token_file, why);
	}
	return err ? err : take_address(site, web, wanted, token, key, why);
}

/* What the file `path` holds, unless that is known. */
static int load(struct config **own, const struct config **config, const char *path, char *why)
{
	struct config_errors errors = {0};
	int err = *config ? 0 : config_load(path, own, &errors);

	config_errors_free(&errors);
	if (err)
		return fail(why, err, "%.600s says nothing, since it cannot be loaded", path);
	*config = *config ? *config : *own;
	return 0;
}

int metrics_listen(struct web **web, uint64_t *listens, uv_loop_t *loop, const char *path,
        const struct config *config, char *why)
{
	struct config *own = NULL;
	struct web_site *site;
	const char *key;
	int err = web_open(web, loop, "/metrics", SECONDS);

	*listens = 0;
	if (err)
		return fail(why, err, "HTTP cannot be served: %s", strerror(-err));
	err = load(&own, &config, path, why);
	if (!err)
		err = metrics_prepare(&site, *web, &config->metrics, &key, why);
	if (!err) {
		web_switch(*web, site);
		*listens = config_metrics_digest(&config->metrics);
	}
	config_free(own);
	return err;
}

void metrics_take_up(struct control *c)
{
	const struct config_metrics *wanted = c->config ? &c->config->metrics : NULL;
	struct web_site *site = c->apply.claim.metrics;
	const char *key;
	int err = 0;

	c->mute[0] = 0;
	c->metrics_wait = false;
	if (!wanted || config_metrics_digest(wanted) == c->metrics)
		return;
	c->apply.claim.metrics = NULL;
	if (!site)
		err = metrics_prepare(&site, c->web, wanted, &key, c->mute);
	c->metrics_wait = err == -EACCES;
	if (c->metrics_wait)
		c->mute[0] = 0;
	if (err)
		return;
	web_switch(c->web, site);
	c->metrics = config_metrics_digest(wanted);
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
