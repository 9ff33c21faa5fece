/* The blob: rules compiled, trees grown, all laid out one after the other. */
#include "common/classify/classify.h"
#include "common/classify/blob.h"

#include <stdlib.h>

/* What classify_build holds until the blob is written. */
struct parts {
	struct builder builder;
	struct rule_bits *bits;
	struct classify_entry *entries;
	struct classify_rest *rests;
	struct classify_bits32 *marks;
	uint32_t n_rests;
};

static void parts_free(struct parts *parts)
{
	free(parts->bits);
	free(parts->entries);
	free(parts->rests);
	free(parts->marks);
	free(parts->builder.slots.at);
	free(parts->builder.lists.at);
	free(parts->builder.copies);
	free(parts->builder.evicted);
	free(parts->builder.stars);
}

static int parts_alloc(struct parts *parts, uint32_t n)
{
	struct builder *b = &parts->builder;
	bool all = (parts->bits = calloc(n, sizeof *parts->bits)) != NULL;

	all &= (parts->entries = calloc(n, sizeof *parts->entries)) != NULL;
	all &= (parts->rests = calloc(n, sizeof *parts->rests)) != NULL;
	all &= (parts->marks = calloc(n, sizeof *parts->marks)) != NULL;
	all &= (b->copies = calloc(n, sizeof *b->copies)) != NULL;
	all &= (b->evicted = calloc(n, sizeof *b->evicted)) != NULL;
	all &= (b->stars = calloc(n, sizeof *b->stars)) != NULL;
	b->bits = parts->bits;
	b->n_rules = n;
	return all ? 0 : -ENOMEM;
}

/* Gives 0, or -EINVAL with *bad the rule. */
static int parts_compile(struct parts *parts, const struct classify_rule *rules, uint32_t n, size_t *bad)
{
	struct rule_compiled compiled;

	for (uint32_t i = 0; i < n; i++) {
		if (rule_compile(&rules[i], &compiled) < 0) {
			*bad = i;
			return -EINVAL;
		}
		parts->bits[i] = compiled.bits;
		parts->entries[i] = compiled.entry;
		parts->marks[i] = rules[i].set_mark;
		if (compiled.has_rest) {
			parts->rests[parts->n_rests++] = compiled.rest;
			parts->entries[i].rest = parts->n_rests;
		}
	}
	return 0;
}

static uint64_t place_after(uint64_t *end, uint64_t len)
{
	uint64_t at = ALIGN_UP(*end, CACHE_LINE);

	*end = at + len;
	return at;
}

static struct blob_header header_of(const struct parts *parts, uint32_t n, enum classify_verdict policy)
{
	const struct builder *b = &parts->builder;
	struct blob_header h = {.magic = BLOB_MAGIC,
	        .version = BLOB_VERSION,
	        .policy = (uint32_t)policy,
	        .n_rules = n,
	        .n_rests = parts->n_rests,
	        .n_slots = b->slots.n,
	        .n_lists = b->lists.n,
	        .n_trees = b->n_trees};
	uint64_t end = sizeof h;

	memcpy(h.depth, b->depth, sizeof h.depth);
	h.slots_at = place_after(&end, (uint64_t)h.n_slots * sizeof(struct classify_slot));
	h.entries_at = place_after(&end, (uint64_t)n * sizeof(struct classify_entry));
	h.rests_at = place_after(&end, (uint64_t)h.n_rests * sizeof(struct classify_rest));
	h.marks_at = place_after(&end, (uint64_t)n * sizeof(struct classify_bits32));
	h.lists_at = place_after(&end, (uint64_t)h.n_lists * sizeof(uint16_t));
	h.size = ALIGN_UP(end, CACHE_LINE);
	return h;
}

static void put(uint8_t *blob, uint64_t at, const void *from, uint64_t len)
{
	if (len != 0)
		memcpy(blob + at, from, len);
}

static void blob_write(uint8_t *blob, const struct blob_header *h, const struct parts *parts)
{
	memset(blob, 0, h->size);
	memcpy(blob, h, sizeof *h);
	put(blob, h->slots_at, parts->builder.slots.at, (uint64_t)h->n_slots * sizeof(struct classify_slot));
	put(blob, h->entries_at, parts->entries, (uint64_t)h->n_rules * sizeof(struct classify_entry));
	put(blob, h->rests_at, parts->rests, (uint64_t)h->n_rests * sizeof(struct classify_rest));
	put(blob, h->marks_at, parts->marks, (uint64_t)h->n_rules * sizeof(struct classify_bits32));
	put(blob, h->lists_at, parts->builder.lists.at, (uint64_t)h->n_lists * sizeof(uint16_t));
}

int classify_build(const struct classify_rule *rules, uint32_t n, enum classify_verdict policy, void *blob,
        size_t cap, size_t *used)
{
	struct parts parts = {0};
	int err = 0;

	*used = n;
	if (n > CLASSIFY_RULES_MAX)
		return -E2BIG;
	if ((policy != CLASSIFY_PASS && policy != CLASSIFY_DROP) || (uintptr_t)blob % CACHE_LINE != 0)
		return -EINVAL;
	if (n > 0) {
		err = parts_alloc(&parts, n);
		if (err == 0)
			err = parts_compile(&parts, rules, n, used);
		if (err == 0)
			trees_build(&parts.builder);
		if (parts.builder.failed)
			err = -ENOMEM;
	}
	if (err == 0) {
		struct blob_header h = header_of(&parts, n, policy);

		*used = h.size;
		if (h.size > cap || blob == NULL)
			err = -ENOSPC;
		else
			blob_write(blob, &h, &parts);
	}
	parts_free(&parts);
	return err;
}
