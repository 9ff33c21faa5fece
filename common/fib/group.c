/* Next-hop groups: made once for each content, counted, and read. */
#include "common/fib/writer.h"

#define HASH_BITS 31u /* Linux compares 31 bits */

static bool has_gateway(enum fib_type type)
{
	return type == FIB_UNICAST;
}

static bool has_port(enum fib_type type)
{
	return type == FIB_UNICAST || type == FIB_CONNECTED || type == FIB_LOCAL || type == FIB_BROADCAST;
}

static int spec_check(const struct fib_group_spec *spec)
{
	uint32_t most = spec->type == FIB_UNICAST || spec->type == FIB_CONNECTED ? FIB_HOPS_MAX : 1;

	if (spec->type <= FIB_NONE || spec->type > FIB_PROHIBIT || !spec->n_hops || spec->n_hops > most)
		return -EINVAL;
	for (uint32_t i = 0; i < spec->n_hops; i++) {
		if (!spec->hops[i].weight || spec->hops[i].weight > FIB_WEIGHT_MAX)
			return -EINVAL;
	}
	return 0;
}

/* The hops as they go into the region, with their upper bounds (Linux fib_rebalance). */
static void hops_make(const struct fib_group_spec *spec, struct fib_hop hops[FIB_HOPS_MAX])
{
	uint64_t total = 0, sum = 0;

	for (uint32_t i = 0; i < spec->n_hops; i++)
		total += spec->hops[i].weight;
	for (uint32_t i = 0; i < spec->n_hops; i++) {
		const struct fib_hop *from = &spec->hops[i];

		sum += from->weight;
		hops[i] = (struct fib_hop){
		        .port = has_port(spec->type) ? from->port : PORT_NONE,
		        .weight = from->weight,
		        .upper_bound = (uint32_t)(((sum << HASH_BITS) + total / 2) / total - 1),
		        .flags = from->flags,
		};
		if (has_gateway(spec->type))
			hops[i].gateway = from->gateway;
	}
}

static uint64_t content_hash(const struct fib_group *group, const struct fib_hop *hops)
{
	uint64_t hash = hash_mix((uint64_t)group->type << 32 | group->n_hops, group->mtu);

	hash = hash_ip6(&group->source, hash);
	for (uint32_t i = 0; i < group->n_hops; i++) {
		hash = hash_ip6(&hops[i].gateway, hash);
		hash = hash_mix(hash,
		        (uint64_t)hops[i].port.v << 48 | (uint64_t)hops[i].weight << 32 | hops[i].flags);
	}
	return hash;
}

static const struct fib_hop *hops_of(const struct fib *fib, const struct fib_group *group)
{
	return group->n_hops > 1 ? &fib->hops[group->first_hop] : &group->hop;
}

static uint32_t group_find(
        const struct fib *fib, const struct fib_group *want, const struct fib_hop *hops, uint64_t hash)
{
	for (uint32_t id = fib->buckets[hash & fib->bucket_mask]; id; id = fib->same_hash[id]) {
		const struct fib_group *group = &fib->groups[id];

		if (group->type == want->type && group->n_hops == want->n_hops && group->mtu == want->mtu &&
		        ip6_addr_equal(&group->source, &want->source) &&
		        !memcmp(hops_of(fib, group), hops, want->n_hops * sizeof *hops))
			return id;
	}
	return 0;
}

static unsigned hops_order(uint32_t n_hops)
{
	unsigned order = 0;

	while (FIB_HOPS_UNIT << order < n_hops)
		order++;
	return order;
}

/* The pieces of a group, taken both or none: itself, and its hops if there are several. */
static bool pieces_take(struct fib *fib, uint32_t n_hops, struct fib_piece piece[2])
{
	uint32_t n = n_hops > 1 ? 2 : 1, taken = 0;

	piece[0] = (struct fib_piece){.kind = FIB_PIECE_GROUP};
	piece[1] = (struct fib_piece){.kind = FIB_PIECE_HOPS, .order = (uint8_t)hops_order(n_hops)};
	while (taken < n && fib_piece_take(fib, &piece[taken]))
		taken++;
	if (taken == n)
		return true;
	while (taken > 0)
		fib_piece_give(fib, piece[--taken]);
	return false;
}

int fib_group_get(struct fib *fib, const struct fib_group_spec *spec, uint32_t *id)
{
	struct fib_hop hops[FIB_HOPS_MAX];
	struct fib_group group = {.type = (uint8_t)spec->type, .mtu = spec->mtu, .source = spec->source};
	struct fib_piece piece[2];
	uint64_t hash;
	int error = spec_check(spec);

	if (error)
		return error;
	hops_make(spec, hops);
	group.n_hops = (uint8_t)spec->n_hops;
	group.hop = hops[0];
	hash = content_hash(&group, hops);
	*id = group_find(fib, &group, hops, hash);
	if (!*id) {
		if (!pieces_take(fib, spec->n_hops, piece))
			return -ENOSPC;
		*id = piece[0].index;
		if (spec->n_hops > 1) {
			group.first_hop = piece[1].index * FIB_HOPS_UNIT;
			memcpy(&fib->hops[group.first_hop], hops, spec->n_hops * sizeof *hops);
		}
		fib->groups[*id] = group;
		fib->same_hash[*id] = fib->buckets[hash & fib->bucket_mask];
		fib->buckets[hash & fib->bucket_mask] = *id;
	}
	fib->refs[*id]++;
	return 0;
}

static void group_unhash(struct fib *fib, uint32_t id)
{
	const struct fib_group *group = &fib->groups[id];
	uint64_t hash = content_hash(group, hops_of(fib, group));
	uint32_t *link = &fib->buckets[hash & fib->bucket_mask];

	while (*link != id)
		link = &fib->same_hash[*link];
	*link = fib->same_hash[id];
}

void fib_group_put(struct fib *fib, uint32_t id)
{
	const struct fib_group *group = &fib->groups[id];

	assert(id > 0 && id < fib->reader.n_groups && fib->refs[id] > 0);
	if (--fib->refs[id] > 0)
		return;
	group_unhash(fib, id);
	if (group->n_hops > 1)
		fib_retire(fib, (struct fib_piece){.kind = FIB_PIECE_HOPS,
		                        .order = (uint8_t)hops_order(group->n_hops),
		                        .index = group->first_hop / FIB_HOPS_UNIT});
	fib_retire(fib, (struct fib_piece){.kind = FIB_PIECE_GROUP, .index = id});
}
