#include "common/config/check.h"

static const char *resolve(struct loader *l, const char *path)
{
	return path ? path_in_folder(l, path) : NULL;
}

void check_metrics(struct loader *l)
{
	struct config_metrics *m = &l->config->metrics;

	if (m->certificate && !m->key)
		item_error(
		        l, &m->item, "certificate", "a certificate without a key", "`key` beside it", NULL);
	if (m->key && !m->certificate)
		item_error(
		        l, &m->item, "key", "a key without a certificate", "`certificate` beside it", NULL);
	m->certificate = resolve(l, m->certificate);
	m->key = resolve(l, m->key);
	m->token_file = resolve(l, m->token_file);
}
