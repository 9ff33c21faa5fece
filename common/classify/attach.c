/* The check of a blob before it is used: whatever a lookup follows lies inside. */
#include "common/classify/classify.h"
#include "common/classify/blob.h"

static bool part_inside(uint64_t at, uint64_t n, uint64_t each, uint64_t size)
{
	return at % CACHE_LINE == 0 && at >= sizeof(struct blob_header) && at <= size &&
	       n * each <= size - at;
}

static bool header_ok(const struct blob_header *h, size_t size)
{
	if (h->magic != BLOB_MAGIC || h->version != BLOB_VERSION || h->size > size || h->size < sizeof *h)
		return false;
	if ((h->policy != CLASSIFY_PASS && h->policy != CLASSIFY_DROP) || h->n_rules > CLASSIFY_RULES_MAX)
		return false;
	if (h->n_trees > CLASSIFY_TREES_MAX || (h->n_trees > 0 && h->n_slots < CLASSIFY_TREES_MAX))
		return false;
	if ((h->n_rules == 0) != (h->n_trees == 0))
		return false;
	for (uint32_t t = 0; t < CLASSIFY_TREES_MAX; t++) {
		if (h->depth[t] > DEPTH_MAX)
			return false;
	}
	return part_inside(h->slots_at, h->n_slots, sizeof(struct classify_slot), h->size) &&
	       part_inside(h->entries_at, h->n_rules, sizeof(struct classify_entry), h->size) &&
	       part_inside(h->rests_at, h->n_rests, sizeof(struct classify_rest), h->size) &&
	       part_inside(h->marks_at, h->n_rules, sizeof(struct classify_bits32), h->size) &&
	       part_inside(h->lists_at, h->n_lists, sizeof(uint16_t), h->size);
}

static bool slot_ok(const struct blob_header *h, const struct classify_slot *slot, uint32_t index)
{
	if (slot->kind == SLOT_INNER)
		return slot->offset <= sizeof(struct classify_key) - 8 && slot->mask != 0 &&
		       __builtin_popcountll(slot->mask) <= (int)NODE_BITS_MAX && slot->base > index &&
		       slot->base < h->n_slots &&
		       UINT64_C(1) << __builtin_popcountll(slot->mask) <= h->n_slots - slot->base;
	if (slot->offset != 0)
		return false;
	if (slot->kind == SLOT_LIST)
		return slot->base <= h->n_lists && slot->count <= h->n_lists - slot->base;
	for (uint32_t i = 0; i < slot->kind && i < LEAF_REFS; i++) {
		if (slot->refs[i] >= h->n_rules)
			return false;
	}
	return slot->kind <= LEAF_REFS;
}

/* Every index that the blob holds. */
static bool indexes_ok(const struct blob_header *h, const struct classify *c)
{
	for (uint32_t i = 0; i < h->n_slots; i++) {
		if (!slot_ok(h, &c->slots[i], i))
			return false;
	}
	for (uint32_t i = 0; i < h->n_lists; i++) {
		if (c->lists[i] >= h->n_rules)
			return false;
	}
	for (uint32_t i = 0; i < h->n_rules; i++) {
		if (c->entries[i].rest > h->n_rests || c->entries[i].verdict > CLASSIFY_CONTINUE)
			return false;
	}
	return true;
}

size_t classify_blob_size(const void *blob, size_t size)
{
	struct blob_header h;

	if (size < sizeof h)
		return 0;
	memcpy(&h, blob, sizeof h);
	return header_ok(&h, size) ? h.size : 0;
}

int classify_attach(struct classify *c, const void *blob, size_t size)
{
	const uint8_t *bytes = blob;
	struct blob_header h;

	memset(c, 0, sizeof *c);
	if (size < sizeof h || (uintptr_t)blob % CACHE_LINE != 0)
		return -EINVAL;
	memcpy(&h, blob, sizeof h);
	if (!header_ok(&h, size))
		return -EINVAL;
	*c = (struct classify){
	        .slots = (const void *)(bytes + h.slots_at),
	        .entries = (const void *)(bytes + h.entries_at),
	        .rests = (const void *)(bytes + h.rests_at),
	        .marks = (const void *)(bytes + h.marks_at),
	        .lists = (const void *)(bytes + h.lists_at),
	        .n_rules = h.n_rules,
	        .n_slots = h.n_slots,
	        .n_trees = h.n_trees,
	        .policy = (enum classify_verdict)h.policy,
	};
	memcpy(c->depth, h.depth, sizeof c->depth);
	if (!indexes_ok(&h, c)) {
		memset(c, 0, sizeof *c);
		return -EINVAL;
	}
	return 0;
}

static uint32_t leaf_size(const struct classify_slot *slot)
{
	return slot->kind == SLOT_LIST ? (uint32_t)slot->count : slot->kind & LEAF_REFS;
}

/* A tree's slots stand together, from its root's children to those of the next tree that has any. */
static uint32_t tree_end(const struct classify *c, uint32_t tree)
{
	for (uint32_t t = tree + 1; t < c->n_trees; t++) {
		if (c->slots[t].kind == SLOT_INNER)
			return c->slots[t].base;
	}
	return c->n_slots;
}

static uint32_t leaf_max(const struct classify *c, uint32_t tree)
{
	uint32_t most = 0;

	if (c->slots[tree].kind != SLOT_INNER)
		return leaf_size(&c->slots[tree]);
	for (uint32_t i = c->slots[tree].base; i < tree_end(c, tree); i++)
		most = MAX(most, leaf_size(&c->slots[i]));
	return most;
}

void classify_cost(const struct classify *c, struct classify_cost *cost)
{
	*cost = (struct classify_cost){.trees = c->n_trees, .slots = c->n_slots};
	for (uint32_t t = 0; t < c->n_trees; t++) {
		cost->steps += c->depth[t] + 1u;
		cost->compares += leaf_max(c, t);
	}
}
