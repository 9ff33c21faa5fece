/* claim: whether a configuration can be heard where it says is found out before anything changes: what it
 * wants is bound, and held until it is in force. */
#include "services/control/internal.h"

#include "services/control/metrics/metrics.h"

#include <stdio.h>
#include <unistd.h>

/* Where it went wrong, for an error. */
struct fault {
	const struct config_item *item;
	const char *key;
	char why[CONTROL_WHY_BYTES];
};

static const char *hint(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "Another process listens there (`ss -ltnp` tells which): end it, or choose another "
		       "port.";
	case -EADDRNOTAVAIL:
		return "This machine has no such address: `ip address` lists those there are, and 0.0.0.0 "
		       "or [::] stands for all of them.";
	case -EACCES: return "Ports below 1024 are root's, and control is not root: choose another.";
	case -ENOENT: return "Is the path right? It is relative to the configuration's file.";
	}
	return NULL;
}

static int claim_commands(
        struct claim *claim, const struct control *c, const struct config_control *wanted, struct fault *f)
{
	char text[LISTEN_TEXT];

	if (!wanted->item.node)
		return 0;
	listen_text(text, &wanted->listen);
	if (!strcmp(text, c->tcp))
		return 0;
	claim->fd = listen_open(&wanted->listen);
	claim->commands = claim->fd >= 0;
	if (claim->commands)
		return 0;
	*f = (struct fault){.item = &wanted->item, .key = "listen"};
	snprintf(f->why, sizeof f->why, "control cannot listen at %s: %s", text, strerror(-claim->fd));
	return claim->fd;
}

static int claim_metrics(
        struct claim *claim, const struct control *c, const struct config_metrics *wanted, struct fault *f)
{
	int err;

	if (config_metrics_digest(wanted) == c->metrics)
		return 0;
	*f = (struct fault){.item = &wanted->item};
	err = metrics_prepare(&claim->metrics, c->web, wanted, &f->key, f->why);
	claim->metrics_wait = err == -EACCES;
	return claim->metrics_wait ? 0 : err;
}

int claim_make(struct claim *claim, const struct control *c, const struct config *config,
        const struct config_text *text, struct config_errors *errors)
{
	struct fault f;
	int err;

	*claim = (struct claim){0};
	err = claim_commands(claim, c, &config->control, &f);
	if (!err)
		err = claim_metrics(claim, c, &config->metrics, &f);
	if (!err)
		return 0;
	claim_drop(claim);
	config_error_at(text, f.item, f.key, f.why, hint(err), errors);
	return err;
}

void claim_drop(struct claim *claim)
{
	if (claim->commands)
		close(claim->fd);
	web_discard(claim->metrics);
	*claim = (struct claim){0};
}
