#include "common/config/arena.h"

#include <stdlib.h>

#define CHUNK_BYTES 65536u

struct arena_chunk {
	struct arena_chunk *older;
	size_t size;
	size_t used;
	alignas(16) uint8_t bytes[];
};

static struct arena_chunk *chunk_add(struct arena *a, size_t bytes)
{
	size_t size = MAX(bytes, (size_t)CHUNK_BYTES);
	struct arena_chunk *c = size < SIZE_MAX / 2 ? calloc(1, sizeof *c + size) : NULL;

	if (!c) {
		a->failed = true;
		return NULL;
	}
	c->size = size;
	c->older = a->chunk;
	a->chunk = c;
	return c;
}

void *arena_take(struct arena *a, size_t bytes)
{
	struct arena_chunk *c = a->chunk;
	void *p;

	bytes = ALIGN_UP(bytes, (size_t)16);
	if (!c || c->size - c->used < bytes)
		c = chunk_add(a, bytes);
	if (!c)
		return NULL;
	p = c->bytes + c->used;
	c->used += bytes;
	return p;
}

char *arena_text(struct arena *a, const char *text, size_t n)
{
	char *copy = arena_take(a, n + 1);

	if (copy)
		memcpy(copy, text, n);
	return copy;
}

void arena_free(struct arena *a)
{
	while (a->chunk) {
		struct arena_chunk *older = a->chunk->older;

		free(a->chunk);
		a->chunk = older;
	}
}
