#include "services/router/pmtu.h"

uint64_t pmtu_bytes(const struct stage_params *params)
{
	(void)params;
	return sizeof(struct pmtu_table);
}

static uint32_t set_of(const struct router_call *c, const struct ip6_addr *dst)
{
	return (uint32_t)(hash_ip6(dst, c->router->params.hash_key) >> 32) % PMTU_SETS;
}

/* A copy of an entry that another thread may be changing; false where it is being changed (it will be asked
 * again with the next packet).  Pairs with the release stores of entry_write. */
static bool entry_read(const struct pmtu_entry *e, struct pmtu_entry *copy)
{
	uint32_t seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE);

	memcpy(copy, e, sizeof *copy);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(seq & 1) && __atomic_load_n(&e->seq, __ATOMIC_RELAXED) == seq;
}

static void entry_write(
        const struct router_call *c, struct pmtu_entry *e, const struct ip6_addr *dst, uint32_t mtu)
{
	uint32_t seq = e->seq & ~1u;

	journal_touch(c->burst->journal, e);
	__atomic_store_n(&e->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	e->dst = *dst;
	e->mtu = mtu;
	e->expires = c->now + PMTU_EXPIRES;
	__atomic_store_n(&e->seq, seq + 2, __ATOMIC_RELEASE);
}

uint32_t pmtu_lookup(const struct router_call *c, enum pmtu_use use, const struct ip6_addr *dst, uint32_t mtu)
{
	const struct pmtu_entry *way = c->router->pmtu0->entry[use][set_of(c, dst)];
	struct pmtu_entry copy;

	for (uint32_t i = 0; i < PMTU_WAYS; i++)
		if (entry_read(&way[i], &copy) && copy.mtu && copy.expires > c->now &&
		        ip6_addr_equal(&copy.dst, dst))
			return MIN(copy.mtu, mtu);
	return mtu;
}

/* The entry of dst, else the one that ends first (an empty one has ended). */
static struct pmtu_entry *entry_for(struct pmtu_entry *way, const struct ip6_addr *dst)
{
	struct pmtu_entry *first = &way[0];

	for (uint32_t i = 0; i < PMTU_WAYS; i++) {
		if (way[i].mtu && ip6_addr_equal(&way[i].dst, dst))
			return &way[i];
		if (way[i].expires < first->expires)
			first = &way[i];
	}
	return first;
}

void pmtu_update(const struct router_call *c, enum pmtu_use use, const struct ip6_addr *dst, uint32_t mtu)
{
	uint32_t least = ip6_addr_is_mapped(dst) ? PMTU_MIN4 : IPV6_MTU_MIN;

	assert(router_owns_links(c));
	mtu = MAX(mtu, least);
	if (pmtu_lookup(c, use, dst, UINT32_MAX) <= mtu)
		return;
	entry_write(c, entry_for(c->router->pmtu->entry[use][set_of(c, dst)], dst), dst, mtu);
}
