/* arena: memory that is taken in small pieces and given back all at once; private to config. */
#ifndef SLUICE_COMMON_CONFIG_ARENA_H
#define SLUICE_COMMON_CONFIG_ARENA_H

#include "common/base/base.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunk; /* the newest; NULL at first */
	bool failed;               /* memory ran out at least once */
};

/* Zeroed memory, aligned to 16; NULL, and failed set, where there is no more. */
void *arena_take(struct arena *a, size_t bytes);

/* A terminated copy of n bytes. */
char *arena_text(struct arena *a, const char *text, size_t n);

void arena_free(struct arena *a);

#endif
