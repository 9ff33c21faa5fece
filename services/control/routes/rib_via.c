/* Gateways that are on no port's network: by which other route they are reached.  What each led to is kept,
 * so that a change of a few routes, those to routers, finds the many that lead by them. */
#include "services/control/routes/rib_internal.h"

#include <stdlib.h>

static struct rib_via **place_of(struct rib *rib, const struct ip6_addr *gateway)
{
	struct rib_via **at = &rib->via[hash_ip6(gateway, rib->key) % RIB_VIA_BUCKETS];

	while (*at && !ip6_addr_equal(&(*at)->gateway, gateway))
		at = &(*at)->next;
	return at;
}

/* What the gateway meets among the routes that lead somewhere by themselves. */
static const struct fib_group *meet(const struct rib *rib, const struct ip6_addr *gateway, uint32_t slot)
{
	const struct fib_reader *fib = fib_reader_of(rib->publisher->fib[slot]);
	enum fib_family family = ip6_addr_is_mapped(gateway) ? FIB_IPV4 : FIB_IPV6;
	struct fib_route at;
	bool found = fib_route_get(fib, family, gateway, &at);

	while (found && at.origin & RIB_RECURSIVE)
		found = fib_route_wider(fib, &at);
	return found && at.prefix.len ? fib_group(fib, at.group) : NULL;
}

/* The group in a number; 0: there is none. */
static uint64_t lead_of(const struct rib *rib, uint32_t slot, const struct fib_group *group)
{
	const struct fib_hop *hops;
	uint64_t hash = rib->key;
	uint32_t n;

	if (!group)
		return 0;
	hops = fib_group_hops(fib_reader_of(rib->publisher->fib[slot]), group, &n);
	for (uint32_t i = 0; i < n; i++)
		hash = hash_mix(hash_ip6(&hops[i].gateway, hash),
		        (uint64_t)hops[i].port.v << 48 | (uint64_t)hops[i].weight << 32 | hops[i].flags);
	return hash_mix(hash, group->type) | 1;
}

/* The group that it meets now.  *moved: it led elsewhere before; else unchanged. */
static const struct fib_group *look(const struct rib *rib, struct rib_via *via, uint32_t slot, bool *moved)
{
	const struct fib_group *group = meet(rib, &via->gateway, slot);
	uint64_t lead = lead_of(rib, slot, group);

	*moved |= lead != via->lead[slot];
	via->lead[slot] = lead;
	return group;
}

static struct rib_via *make(struct rib *rib, struct rib_via **at, const struct ip6_addr *gateway)
{
	struct rib_via *via;
	bool moved = false;

	if (rib->n_vias == RIB_VIAS_MAX) {
		if (!rib->vias_full)
			rib_refresh(rib); /* after which those that nobody asked for give room */
		rib->vias_full = true;
		return NULL;
	}
	via = calloc(1, sizeof *via);
	if (!via)
		return NULL;
	via->gateway = *gateway;
	for (uint32_t slot = 0; slot < 2; slot++)
		if (rib->publisher->fib[slot])
			(void)look(rib, via, slot, &moved);
	*at = via;
	rib->n_vias++;
	return via;
}

const struct fib_group *rib_via(struct rib *rib, const struct ip6_addr *gateway, uint32_t slot)
{
	struct rib_via **at = place_of(rib, gateway), *via = *at;
	const struct fib_group *group;
	bool moved = false;

	if (!via)
		via = make(rib, at, gateway);
	if (!via)
		return NULL;
	group = look(rib, via, slot, &moved);
	/* In the midst of a flush it may lead elsewhere than before and after: who asks then asks again. */
	if (moved)
		rib_refresh(rib);
	via->asked = true;
	return group;
}

/* Whether one leads elsewhere than it did. */
static bool look_at_all(struct rib *rib, uint32_t slot)
{
	bool moved = false;

	for (uint32_t b = 0; rib->n_vias && b < RIB_VIA_BUCKETS; b++)
		for (struct rib_via *via = rib->via[b]; via; via = via->next)
			(void)look(rib, via, slot, &moved);
	return moved;
}

void rib_via_look(struct rib *rib, const uint32_t *slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (look_at_all(rib, slot[i]))
			rib_refresh(rib);
}

void rib_via_settle(struct rib *rib, uint32_t slot)
{
	(void)look_at_all(rib, slot);
}

void rib_via_mark(struct rib *rib)
{
	for (uint32_t b = 0; rib->n_vias && b < RIB_VIA_BUCKETS; b++)
		for (struct rib_via *via = rib->via[b]; via; via = via->next)
			via->asked = false;
}

void rib_via_sweep(struct rib *rib)
{
	uint32_t before = rib->n_vias;

	for (uint32_t b = 0; rib->n_vias && b < RIB_VIA_BUCKETS; b++)
		for (struct rib_via **at = &rib->via[b], *via = *at; via; via = *at) {
			if (via->asked) {
				at = &via->next;
				continue;
			}
			*at = via->next;
			free(via);
			rib->n_vias--;
		}
	if (rib->vias_full && rib->n_vias < before) {
		rib->vias_full = false;
		rib_refresh(rib);
	}
}

void rib_via_close(struct rib *rib)
{
	for (uint32_t b = 0; b < RIB_VIA_BUCKETS; b++)
		for (struct rib_via *via = rib->via[b], *next; via; via = next) {
			next = via->next;
			free(via);
		}
}
