#include "services/control/routes/rib_internal.h"

#include <stdlib.h>

static struct rib_nexthop **place_of(const struct rib *rib, enum rib_feed feed, uint32_t id)
{
	uint64_t hash = hash_mix(id ^ rib->key, feed);
	struct rib_nexthop *const *at = &rib->nexthop[hash % RIB_NEXTHOP_BUCKETS];

	while (*at && ((*at)->id != id || (*at)->feed != feed))
		at = &(*at)->next;
	return (struct rib_nexthop **)(uintptr_t)at;
}

const struct rib_nexthop *rib_nexthop_find(const struct rib *rib, enum rib_feed feed, uint32_t id)
{
	return *place_of(rib, feed, id);
}

static struct rib_nexthop *make(enum rib_feed feed, const struct rtnl_nexthop *from)
{
	struct rib_nexthop *h = calloc(1, sizeof *h + from->n_members * sizeof h->member[0]);

	if (!h)
		return NULL;
	h->id = from->id;
	h->feed = (uint8_t)feed;
	h->blackhole = from->blackhole;
	h->hop = rib_hop_of(&from->hop);
	h->n_members = from->n_members;
	for (uint32_t i = 0; i < from->n_members; i++) {
		h->member[i].id = from->member[i].id;
		h->member[i].weight = from->member[i].weight;
	}
	return h;
}

static bool same(const struct rib_nexthop *a, const struct rib_nexthop *b)
{
	return a->blackhole == b->blackhole && a->n_members == b->n_members &&
	       memcmp(&a->hop, &b->hop, sizeof a->hop) == 0 &&
	       memcmp(a->member, b->member, a->n_members * sizeof a->member[0]) == 0;
}

int rib_nexthop_put(struct rib *rib, enum rib_feed feed, const struct rtnl_nexthop *nexthop)
{
	struct rib_nexthop **at = place_of(rib, feed, nexthop->id), *old = *at, *h;

	if (!old && rib->n_nexthops >= RIB_NEXTHOPS_MAX)
		return -ENOSPC;
	h = make(feed, nexthop);
	if (!h)
		return -ENOMEM;
	if (old && same(old, h)) {
		old->stale = false;
		free(h);
		return 0;
	}
	h->next = old ? old->next : NULL;
	rib->n_nexthops += !old;
	*at = h;
	free(old);
	rib_refresh(rib);
	return 0;
}

void rib_nexthop_del(struct rib *rib, enum rib_feed feed, uint32_t id)
{
	struct rib_nexthop **at = place_of(rib, feed, id), *old = *at;

	if (!old)
		return;
	*at = old->next;
	free(old);
	rib->n_nexthops--;
	rib_refresh(rib);
}

void rib_nexthop_mark(struct rib *rib, enum rib_feed feed)
{
	for (uint32_t b = 0; b < RIB_NEXTHOP_BUCKETS; b++)
		for (struct rib_nexthop *h = rib->nexthop[b]; h; h = h->next)
			h->stale |= h->feed == feed;
}

void rib_nexthop_forget_all(struct rib *rib, enum rib_feed feed)
{
	rib_nexthop_mark(rib, feed);
	rib_nexthop_sweep(rib, feed);
}

void rib_nexthop_sweep(struct rib *rib, enum rib_feed feed)
{
	uint32_t before = rib->n_nexthops;

	for (uint32_t b = 0; b < RIB_NEXTHOP_BUCKETS; b++)
		for (struct rib_nexthop **at = &rib->nexthop[b], *h = *at; h; h = *at) {
			if (h->feed != feed || !h->stale) {
				at = &h->next;
				continue;
			}
			*at = h->next;
			free(h);
			rib->n_nexthops--;
		}
	if (rib->n_nexthops < before)
		rib_refresh(rib);
}

static struct rib_interface *interface_of(struct rib *rib, uint32_t ifindex)
{
	for (uint32_t i = 0; i < rib->n_links; i++)
		if (rib->link[i].ifindex == ifindex)
			return &rib->link[i];
	return NULL;
}

static struct rib_interface *interface_make(struct rib *rib)
{
	struct rib_interface *free_one = interface_of(rib, 0);

	if (free_one || rib->n_links == RIB_LINKS_MAX)
		return free_one;
	return &rib->link[rib->n_links++];
}

void rib_link(struct rib *rib, const struct rtnl_link *link, bool gone)
{
	struct rib_interface *i = link->ifindex ? interface_of(rib, link->ifindex) : NULL;

	if (!link->ifindex || (!i && (gone || !link->name[0])))
		return;
	if (!i)
		i = interface_make(rib);
	if (!i || (!gone && strcmp(i->name, link->name) == 0))
		return;
	i->ifindex = gone ? 0 : link->ifindex;
	memcpy(i->name, link->name, sizeof i->name);
	if (gone)
		i->name[0] = 0;
	rib_refresh(rib);
}

const char *rib_port_of(const struct rib *rib, uint32_t ifindex)
{
	const char *name = NULL;

	for (uint32_t i = 0; i < rib->n_links && !name && ifindex; i++)
		if (rib->link[i].ifindex == ifindex)
			name = rib->link[i].name;
	for (uint32_t i = 0; name && i < rib->n_aliases; i++)
		if (strcmp(rib->alias[i].interface.text, name) == 0)
			return rib->alias[i].port.text;
	return name;
}
