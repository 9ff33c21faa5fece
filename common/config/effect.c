/* effect: what of a change takes effect when. */
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

uint64_t config_metrics_digest(const struct config_metrics *m)
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

bool config_cores_same(const struct config_cores *a, const struct config_cores *b)
{
	return a->placing == b->placing && a->n == b->n &&
	       memcmp(a->core, b->core, a->n * sizeof a->core[0]) == 0;
}

const char *config_fixed_key(const struct stage_params *a, const struct stage_params *b)
{
	if (a->lanes != b->lanes)
		return "appliance.lanes";
	if (a->buffers != b->buffers)
		return "appliance.buffers";
	if (a->stride != b->stride)
		return "appliance.buffer_bytes";
	if (a->ring_slots != b->ring_slots)
		return "appliance.ring_slots";
	if (memcmp(&a->limits, &b->limits, sizeof a->limits) != 0)
		return "limits";
	return NULL;
}
