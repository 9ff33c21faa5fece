/* start: what a configuration says for the start of an appliance alone. */
#include "common/config/config.h"

static uint64_t add_bytes(uint64_t digest, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;

	for (size_t i = 0; i < len; i++)
		digest = hash_mix(digest, from[i]);
	return digest;
}

/* With its end, so that what follows is apart; NULL is another one than "". */
static uint64_t add_text(uint64_t digest, const char *text)
{
	return text ? add_bytes(digest, text, strlen(text) + 1) : hash_mix(digest, 256);
}

static uint64_t metrics_digest(const struct config_metrics *m)
{
	uint64_t digest = 1;

	if (!m->item.node)
		return 0;
	digest = add_bytes(digest, &m->listen.addr, sizeof m->listen.addr);
	digest = hash_mix(digest, (uint64_t)m->listen.family << 16 | m->listen.l4_port);
	digest = add_text(digest, m->certificate);
	digest = add_text(digest, m->key);
	return add_text(digest, m->token_file) | 1;
}

void config_start_of(const struct config *c, struct config_start *start)
{
	*start = (struct config_start){.cores = c->appliance.cores, .metrics = metrics_digest(&c->metrics)};
}

static bool same_cores(const struct config_cores *a, const struct config_cores *b)
{
	return a->placing == b->placing && a->n == b->n &&
	       memcmp(a->core, b->core, a->n * sizeof a->core[0]) == 0;
}

uint32_t config_start_differs(
        const struct config_start *a, const struct config_start *b, const char *key[CONFIG_START_KEYS])
{
	uint32_t n = 0;

	if (!same_cores(&a->cores, &b->cores))
		key[n++] = "appliance.cores";
	if (a->metrics != b->metrics)
		key[n++] = "metrics";
	return n;
}
