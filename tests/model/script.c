/* script: every script once, so that a state holds but its number. */
#include "tests/model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE (1u << 17)

static struct script *scripts;
static uint32_t n_scripts, room;
static uint16_t table[TABLE]; /* number + 1 */

const struct script *script_get(uint16_t id)
{
	return &scripts[id];
}

static uint32_t hash(const struct script *script)
{
	const uint8_t *p = (const uint8_t *)script->op;
	uint32_t h = 2166136261u;

	for (uint32_t i = 0; i < script->n * sizeof script->op[0]; i++)
		h = (h ^ p[i]) * 16777619u;
	return h ^ h >> 15;
}

static bool same(const struct script *a, const struct script *b)
{
	return a->n == b->n && memcmp(a->op, b->op, a->n * sizeof a->op[0]) == 0;
}

uint16_t script_intern(const struct script *script)
{
	uint32_t at = hash(script) % TABLE;

	for (; table[at]; at = (at + 1) % TABLE)
		if (same(&scripts[table[at] - 1], script))
			return (uint16_t)(table[at] - 1);
	if (n_scripts == room) {
		room = room ? 2 * room : 1024;
		scripts = realloc(scripts, room * sizeof *scripts);
		if (!scripts || n_scripts >= UINT16_MAX - 1) {
			fprintf(stderr, "too many scripts\n");
			exit(2);
		}
	}
	scripts[n_scripts] = *script;
	table[at] = (uint16_t)(n_scripts + 1);
	return (uint16_t)n_scripts++;
}
