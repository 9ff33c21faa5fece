#include "common/config/check.h"

#include <stdio.h>

#define KEY_LETTERS 40u
#define GROUP       5u /* letters that stand for 32 bits */

/* Whether a text is 32 bytes as ZeroMQ's RFC 32 (Z85) writes them. */
static bool is_key(const char *text)
{
	static const char alphabet[] =
	        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
	uint64_t value = 0;

	if (strlen(text) != KEY_LETTERS)
		return false;
	for (uint32_t i = 0; i < KEY_LETTERS; i++) {
		const char *at = strchr(alphabet, text[i]);

		value = (i % GROUP ? value * (sizeof alphabet - 1) : 0) + (uint64_t)(at ? at - alphabet : 0);
		if (!at || value > UINT32_MAX)
			return false;
	}
	return true;
}

static void check_key(struct loader *l, const struct config_key *keys, uint32_t i)
{
	const struct config_key *k = &keys[i];

	if (!k->key)
		return;
	if (!is_key(k->key))
		item_error(l, &k->item, "key", phrase("'%s'", k->key).text,
		        "the 40 characters of a public key",
		        "`sluice keys make NAME` makes one and says what to write here; quote it.");
	for (uint32_t other = 0; other < i; other++)
		if (keys[other].key && !strcmp(keys[other].key, k->key))
			item_error(l, &k->item, "key",
			        phrase("the key of %s again", keys[other].name.text).text, "a key of its own",
			        NULL);
}

void check_control(struct loader *l)
{
	const struct config_control *c = &l->config->control;

	for (uint32_t i = 0; i < c->n_keys; i++)
		check_key(l, c->keys, i);
}
