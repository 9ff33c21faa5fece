#include "services/control/routes/rib_internal.h"

#include <stdlib.h>

#define BUCKETS_LEAST 1024u

static uint64_t hash_of(const struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric)
{
	uint64_t name = (uint64_t)metric << 32 | (uint64_t)source << 16 | (uint64_t)to->family << 8 | to->len;

	return hash_mix(hash_ip6(&to->addr, rib->key), name ^ rib->key);
}

static struct rib_route **place_of(
        const struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric)
{
	struct rib_route **at = &rib->bucket[hash_of(rib, source, to, metric) & rib->mask];

	for (; *at; at = &(*at)->next)
		if ((*at)->metric == metric && (*at)->source == source && (*at)->to.len == to->len &&
		        (*at)->to.family == to->family && ip6_addr_equal(&(*at)->to.addr, &to->addr))
			break;
	return at;
}

struct rib_route *rib_lookup(
        const struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric)
{
	return rib->n_of[source] ? *place_of(rib, source, to, metric) : NULL;
}

int rib_open(struct rib **out, struct publisher *publisher, uint64_t key)
{
	struct rib *rib = calloc(1, sizeof *rib);

	if (rib)
		rib->bucket = calloc(BUCKETS_LEAST, sizeof(struct rib_route *));
	if (!rib || !rib->bucket) {
		free(rib);
		return -ENOMEM;
	}
	rib->mask = BUCKETS_LEAST - 1;
	rib->key = key;
	rib->publisher = publisher;
	publisher->fill = rib_fill;
	publisher->fill_context = rib;
	*out = rib;
	return 0;
}

void rib_close(struct rib *rib)
{
	rib->publisher->fill = NULL;
	for (uint32_t b = 0; b <= rib->mask; b++)
		for (struct rib_route *r = rib->bucket[b], *next; r; r = next) {
			next = r->next;
			free(r->hop);
			free(r);
		}
	for (uint32_t b = 0; b < RIB_NEXTHOP_BUCKETS; b++)
		for (struct rib_nexthop *h = rib->nexthop[b], *next; h; h = next) {
			next = h->next;
			free(h);
		}
	rib_via_close(rib);
	free(rib->bucket);
	free(rib);
}

/* Without memory for more buckets the chains grow longer. */
static void grow(struct rib *rib)
{
	uint32_t room = (rib->mask + 1) * 2, old = rib->mask;
	struct rib_route **was = rib->bucket, **more = calloc(room, sizeof *more);

	if (!more)
		return;
	rib->bucket = more;
	rib->mask = room - 1;
	for (uint32_t b = 0; b <= old; b++)
		for (struct rib_route *r = was[b], *next; r; r = next) {
			struct rib_route **at = &more[hash_of(rib, r->source, &r->to, r->metric) & rib->mask];

			next = r->next;
			r->next = *at;
			*at = r;
		}
	free(was);
	if (rib->refresh_left)
		rib_refresh(rib);
}

void rib_touch(struct rib *rib, struct rib_route *r)
{
	if (r->dirty)
		return;
	r->dirty = true;
	r->next_dirty = NULL;
	if (rib->dirty_last)
		rib->dirty_last->next_dirty = r;
	else
		rib->dirty_first = r;
	rib->dirty_last = r;
}

void rib_set_state(struct rib *rib, struct rib_route *r, enum rib_state state)
{
	struct rib_counts *c = &rib->counts[r->source];

	if (r->gone)
		return;
	c->state[r->state]--;
	c->state[state]++;
	r->state = (uint8_t)state;
}

static void set_stale(struct rib *rib, struct rib_route *r, bool stale)
{
	rib->counts[r->source].stale += (uint32_t)stale - (uint32_t)r->stale;
	r->stale = stale;
}

/* It is there (again). */
static void come(struct rib *rib, struct rib_route *r)
{
	r->gone = false;
	r->state = RIB_NEW;
	rib->counts[r->source].state[RIB_NEW]++;
}

static void go(struct rib *rib, struct rib_route *r)
{
	if (r->gone)
		return;
	set_stale(rib, r, false);
	rib->counts[r->source].state[r->state]--;
	r->gone = true;
	rib_touch(rib, r);
}

static struct rib_route *make(struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric)
{
	struct rib_route **at, *r;

	if (rib->n >= rib->limit) {
		rib->counts[source].refused++;
		rib->lacks[rib_feed_of(source)] = true;
		return NULL;
	}
	if (rib->n > rib->mask)
		grow(rib);
	at = place_of(rib, source, to, metric);
	r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->to = *to;
	r->metric = metric;
	r->source = (uint8_t)source;
	r->gone = true;
	*at = r;
	rib->n++;
	rib->n_of[source]++;
	return r;
}

void rib_forget(struct rib *rib, struct rib_route *r)
{
	struct rib_route **at = place_of(rib, r->source, &r->to, r->metric);

	assert(*at == r && r->gone && !r->dirty && !r->in_fib);
	*at = r->next;
	rib->n--;
	rib->n_of[r->source]--;
	free(r->hop);
	free(r);
}

/* What of a kernel's kinds is a route of ours, by what becomes of the packets; FIB_NONE: nothing is. */
static enum fib_type type_of(const struct rtnl_route *route)
{
	switch (route->type) {
	case RTN_UNICAST: return FIB_UNICAST;
	case RTN_BLACKHOLE: return FIB_BLACKHOLE;
	case RTN_UNREACHABLE: return FIB_UNREACHABLE;
	case RTN_PROHIBIT: return FIB_PROHIBIT;
	}
	return FIB_NONE;
}

/* Groups, links' own addresses and what is a host's own are not routed. */
static bool may_be_routed(const struct fib_prefix *to)
{
	const uint8_t *b = to->addr.b;

	if (to->family == FIB_IPV4)
		return to->len == 0 || (b[12] != 127 && b[12] < 224);
	return to->len == 0 || (b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80));
}

/* What the kernel made by itself follows from addresses, which Sluice has of its own. */
static bool wanted(const struct rtnl_route *route)
{
	return type_of(route) != FIB_NONE && route->protocol != RTPROT_KERNEL &&
	       route->protocol != RTPROT_REDIRECT && may_be_routed(&route->to);
}

struct rib_hop rib_hop_of(const struct rtnl_hop *from)
{
	return (struct rib_hop){.gateway = from->gateway,
	        .ifindex = from->ifindex,
	        .weight = from->weight,
	        .onlink = from->onlink};
}

static struct rib_hop *copy_hops(const struct rtnl_route *route)
{
	struct rib_hop *hop = calloc(MAX(route->n_hops, 1u), sizeof *hop);

	for (uint32_t i = 0; hop && i < route->n_hops; i++)
		hop[i] = rib_hop_of(&route->hop[i]);
	return hop;
}

static bool same(const struct rib_route *r, const struct rtnl_route *route, const struct rib_hop *hop)
{
	return !r->gone && r->type == type_of(route) && r->protocol == route->protocol &&
	       r->mtu == route->mtu && r->nexthop == route->nexthop &&
	       ip6_addr_equal(&r->prefer, &route->source) && r->n_hops == route->n_hops &&
	       memcmp(r->hop, hop, r->n_hops * sizeof *hop) == 0;
}

int rib_put(struct rib *rib, uint32_t source, const struct rtnl_route *route)
{
	struct rib_route *r = rib_lookup(rib, source, &route->to, route->metric);
	struct rib_hop *hop;

	if (!wanted(route)) {
		rib->counts[source].ignored++;
		rib_del(rib, source, &route->to, route->metric);
		return -EOPNOTSUPP;
	}
	hop = copy_hops(route);
	if (hop && !r)
		r = make(rib, source, &route->to, route->metric);
	if (!r || !hop) {
		free(hop);
		return rib->n >= rib->limit ? -ENOSPC : -ENOMEM;
	}
	rib->counts[source].changes++;
	set_stale(rib, r, false);
	if (same(r, route, hop)) {
		free(hop);
		return 0;
	}
	if (r->gone)
		come(rib, r);
	free(r->hop);
	r->hop = hop;
	r->n_hops = route->n_hops;
	r->type = (uint8_t)type_of(route);
	r->protocol = route->protocol;
	r->mtu = route->mtu;
	r->nexthop = route->nexthop;
	r->prefer = route->source;
	rib_touch(rib, r);
	return 0;
}

void rib_del(struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric)
{
	struct rib_route *r = rib_lookup(rib, source, to, metric);

	if (!r || r->gone)
		return;
	rib->counts[source].changes++;
	go(rib, r);
}

enum rib_known rib_known(const struct rib *rib, uint32_t source, const struct rtnl_route *route)
{
	const struct rib_route *r = rib_lookup(rib, source, &route->to, route->metric);

	if (!r || r->gone)
		return RIB_UNKNOWN;
	if (r->stale)
		return RIB_STALE;
	if (r->n_hops != route->n_hops || r->nexthop != route->nexthop)
		return RIB_OTHER;
	for (uint32_t i = 0; i < r->n_hops; i++) {
		struct rib_hop hop = rib_hop_of(&route->hop[i]);

		if (memcmp(&hop, &r->hop[i], sizeof hop) != 0)
			return RIB_OTHER;
	}
	return RIB_SAME;
}

/* Calls `what` for each route that is there of sources from `first` on. */
static void each_of(
        struct rib *rib, uint32_t first, uint32_t n, void (*what)(struct rib *rib, struct rib_route *r))
{
	uint32_t any = 0;

	for (uint32_t i = 0; i < n; i++)
		any |= rib->n_of[first + i];
	for (uint32_t b = 0; any && b <= rib->mask; b++)
		for (struct rib_route *r = rib->bucket[b]; r; r = r->next)
			if (r->source >= first && r->source - first < n && !r->gone)
				what(rib, r);
}

static void each_of_feed(
        struct rib *rib, enum rib_feed feed, void (*what)(struct rib *rib, struct rib_route *r))
{
	each_of(rib, RIB_SOURCE(feed, 0), CONFIG_TABLES_MAX, what);
}

static void mark_one(struct rib *rib, struct rib_route *r)
{
	set_stale(rib, r, true);
}

static void sweep_one(struct rib *rib, struct rib_route *r)
{
	if (r->stale)
		go(rib, r);
}

void rib_mark(struct rib *rib, enum rib_feed feed)
{
	each_of_feed(rib, feed, mark_one);
	rib_nexthop_mark(rib, feed);
}

void rib_sweep(struct rib *rib, enum rib_feed feed)
{
	each_of_feed(rib, feed, sweep_one);
	rib_nexthop_sweep(rib, feed);
}

static void freeze_one(struct rib *rib, struct rib_route *r)
{
	const struct rib_nexthop *h = rib_nexthop_find(rib, rib_feed_of(r->source), r->nexthop), *member;
	uint32_t n = h ? MAX(h->n_members, 1u) : 0;
	struct rib_hop *hop = r->nexthop ? calloc(MAX(n, 1u), sizeof *hop) : NULL;

	if (!hop)
		return;
	free(r->hop);
	r->hop = hop;
	r->nexthop = r->n_hops = 0;
	if (h && h->blackhole)
		r->type = FIB_BLACKHOLE;
	if (h && !h->n_members)
		r->hop[r->n_hops++] = h->hop;
	for (uint32_t i = 0; h && i < h->n_members; i++) {
		member = rib_nexthop_find(rib, h->feed, h->member[i].id);
		if (!member || member->n_members || member->blackhole)
			continue;
		r->hop[r->n_hops] = member->hop;
		r->hop[r->n_hops++].weight = h->member[i].weight;
	}
}

void rib_freeze(struct rib *rib, enum rib_feed feed)
{
	each_of_feed(rib, feed, freeze_one);
	rib_nexthop_forget_all(rib, feed);
}

/* From where it is, once around: what comes last has its turn however often it begins anew. */
void rib_refresh(struct rib *rib)
{
	if (rib->n == 0)
		return;
	rib->refresh_at &= rib->mask;
	rib->refresh_left = rib->mask + 1;
	rib_via_mark(rib);
}

bool rib_lacks(struct rib *rib, enum rib_feed feed)
{
	bool lacks = rib->lacks[feed] && rib->n < rib->limit;

	if (lacks)
		rib->lacks[feed] = false;
	return lacks;
}

uint32_t rib_source_of_table(const struct rib *rib, enum rib_feed feed, uint32_t table)
{
	const struct rib_tables *t = &rib->tables[feed];

	for (uint32_t i = 0; i < t->n; i++)
		if (t->number[i] == table)
			return RIB_SOURCE(feed, i);
	return 0;
}

static void take_aliases(struct rib *rib, const struct config *config)
{
	rib->n_aliases = 0;
	for (uint32_t i = 0; i < config->n_ports && i < EPOCH_PHYS_MAX; i++)
		if (config->ports[i].interface.text[0])
			rib->alias[rib->n_aliases++] = (struct rib_alias){
			        config->ports[i].interface, config->ports[i].name};
}

/* Tables that keep their place keep their routes. */
static void take_tables(struct rib *rib, enum rib_feed feed, bool wanted, const struct config_tables *want)
{
	struct rib_tables *t = &rib->tables[feed];
	uint32_t n = wanted ? want->n : 0;

	for (uint32_t i = 0; i < CONFIG_TABLES_MAX; i++)
		if (i >= n || (i < t->n && want->number[i] != t->number[i]))
			each_of(rib, RIB_SOURCE(feed, i), 1, go);
	t->n = n;
	if (n)
		memcpy(t->number, want->number, n * sizeof *t->number);
}

void rib_configure(struct rib *rib, const struct config *config)
{
	const struct config_dynamic_routes *d = &config->dynamic_routes;

	rib->limit = d->item.node ? d->limit : 0;
	take_tables(rib, RIB_NETLINK, d->netlink.item.node, &d->netlink.tables);
	take_tables(rib, RIB_FPM, d->fpm.item.node, &d->fpm.tables);
	take_aliases(rib, config);
	rib_refresh(rib);
}

void rib_fpm_interfaces(struct rib *rib, bool ours)
{
	rib->fpm_interfaces = ours;
}

void rib_counts(const struct rib *rib, uint32_t source, struct rib_counts *counts)
{
	*counts = rib->counts[source];
}

/* ---- what a predecessor left ---- */

static void inherit(struct rib *rib, const struct fib_reader *fib, const struct epoch *epoch,
        const struct fib_route *from)
{
	const struct fib_group *group = fib_group(fib, from->group);
	uint32_t source = from->origin & ~RIB_RECURSIVE;
	const struct fib_hop *hops;
	struct rib_route *r;
	uint32_t n;

	if (source == 0 || source >= RIB_SOURCES)
		return;
	r = make(rib, source, &from->prefix, from->metric);
	if (!r)
		return;
	hops = fib_group_hops(fib, group, &n);
	r->hop = calloc(n, sizeof *r->hop);
	r->type = group->type == FIB_CONNECTED ? FIB_UNICAST : group->type;
	r->protocol = from->protocol;
	r->mtu = group->mtu;
	r->prefer = group->source;
	for (uint32_t i = 0; r->hop && i < n; i++) {
		const struct epoch_port *port = epoch_port(epoch, hops[i].port);

		r->hop[r->n_hops++] = (struct rib_hop){.gateway = hops[i].gateway,
		        .weight = hops[i].weight,
		        .onlink = hops[i].flags & FIB_HOP_ONLINK};
		if (port)
			memcpy(r->hop[i].port, port->name, sizeof port->name);
	}
	come(rib, r);
	set_stale(rib, r, true);
	rib_touch(rib, r);
}

void rib_inherit(struct rib *rib)
{
	const struct epoch *epoch = publisher_epoch(rib->publisher);
	struct fib_reader fib;
	struct fib_route at;

	if (!epoch || fib_attach(epoch->fib, epoch->fib_bytes, &fib))
		return;
	rib->limit = UINT32_MAX; /* until a configuration says less */
	for (uint32_t family = FIB_IPV4; family <= FIB_IPV6; family++)
		for (bool more = fib_route_first(&fib, family, &at); more; more = fib_route_next(&fib, &at))
			inherit(rib, &fib, epoch, &at);
}
