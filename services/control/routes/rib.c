#include "services/control/routes/rib_internal.h"

#include <stdlib.h>

#define BUCKETS_LEAST 1024u
#define FIRST_ROUND   2u /* inherited is what was told in the one before, and that is not swept at once */

static uint64_t hash_of(const struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric)
{
	uint64_t name = (uint64_t)metric << 32 | (uint64_t)source << 16 | (uint64_t)to->family << 8 | to->len;

	return hash_mix(hash_ip6(&to->addr, rib->key), name ^ rib->key);
}

/* The buckets below the next to be split are told apart by one bit more. */
static struct rib_route **bucket_of(const struct rib *rib, uint64_t hash)
{
	uint64_t b = hash & (2u * rib->base - 1);

	return &rib->bucket[b < rib->n_buckets ? b : b & (rib->base - 1)];
}

static struct rib_route **place_of(
        const struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric)
{
	struct rib_route **at = bucket_of(rib, hash_of(rib, source, to, metric));

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
	rib->n_buckets = rib->room = rib->base = BUCKETS_LEAST;
	for (uint32_t s = 0; s < RIB_SOURCES; s++)
		rib->round[s] = FIRST_ROUND;
	rib->fib[0] = rib->fib[1] = ++rib->fibs;
	rib->key = key;
	rib->publisher = publisher;
	*out = rib;
	return 0;
}

void rib_close(struct rib *rib)
{
	rib_fill_end(rib);
	for (uint32_t b = 0; b < rib->n_buckets; b++)
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

/* One bucket more, which takes over what of another one is its own now.  Without memory chains grow longer.
 */
static void grow(struct rib *rib)
{
	uint32_t from = rib->n_buckets - rib->base;
	struct rib_route *r, *next, **more;

	if (rib->n_buckets == rib->room) {
		more = realloc(rib->bucket, 2 * (size_t)rib->room * sizeof(struct rib_route *));
		if (!more)
			return;
		rib->bucket = more;
		rib->room *= 2;
	}
	r = rib->bucket[from];
	rib->bucket[from] = rib->bucket[rib->n_buckets++] = NULL;
	for (; r; r = next) {
		struct rib_route **at = bucket_of(rib, hash_of(rib, r->source, &r->to, r->metric));

		next = r->next;
		r->next = *at;
		*at = r;
	}
	if (rib->n_buckets == 2 * rib->base)
		rib->base *= 2;
	rib_walk_split(rib);
}

void rib_touch(struct rib *rib, struct rib_route *r)
{
	if (r->dirty)
		return;
	r->dirty = true;
	r->next_dirty = NULL;
	rib->n_dirty++;
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

static void tell_again(struct rib *rib, struct rib_route *r)
{
	rib->counts[r->source].stale -= !r->gone && rib_is_stale(rib, r);
	r->told = rib->round[r->source];
}

void rib_come(struct rib *rib, struct rib_route *r, uint32_t round)
{
	r->gone = false;
	r->state = RIB_NEW;
	r->told = round;
	rib->counts[r->source].state[RIB_NEW]++;
	rib->counts[r->source].stale += rib_is_stale(rib, r);
}

void rib_go(struct rib *rib, struct rib_route *r)
{
	if (r->gone)
		return;
	tell_again(rib, r);
	rib->counts[r->source].state[r->state]--;
	r->gone = true;
	rib_touch(rib, r);
}

struct rib_route *rib_make(struct rib *rib, uint32_t source, const struct fib_prefix *to, uint32_t metric)
{
	struct rib_route **at, *r;

	if (rib->n >= rib->limit) {
		rib->counts[source].refused++;
		rib->lacks[rib_feed_of(source)] = true;
		return NULL;
	}
	if (rib->n >= rib->n_buckets)
		grow(rib);
	r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	at = place_of(rib, source, to, metric);
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

	assert(*at == r && r->gone && !r->dirty && !rib->fill.on);
	*at = r->next;
	rib->n--;
	rib->numbered[rib_feed_of(r->source)] -= r->nexthop != 0;
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
		r = rib_make(rib, source, &route->to, route->metric);
	if (!r || !hop) {
		free(hop);
		return rib->n >= rib->limit ? -ENOSPC : -ENOMEM;
	}
	rib->counts[source].changes++;
	tell_again(rib, r);
	if (same(r, route, hop)) {
		free(hop);
		return 0;
	}
	if (r->gone)
		rib_come(rib, r, rib->round[source]);
	free(r->hop);
	r->hop = hop;
	r->n_hops = route->n_hops;
	r->type = (uint8_t)type_of(route);
	r->protocol = route->protocol;
	r->mtu = route->mtu;
	rib->numbered[rib_feed_of(source)] += (uint32_t)(route->nexthop != 0) - (uint32_t)(r->nexthop != 0);
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
	rib_go(rib, r);
}

enum rib_known rib_known(const struct rib *rib, uint32_t source, const struct rtnl_route *route)
{
	const struct rib_route *r = rib_lookup(rib, source, &route->to, route->metric);

	if (!r || r->gone)
		return RIB_UNKNOWN;
	if (rib_is_stale(rib, r))
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

static void mark(struct rib *rib, uint32_t source)
{
	struct rib_counts *c = &rib->counts[source];

	rib->round[source]++;
	c->stale = 0;
	for (uint32_t state = 0; state < RIB_STATES; state++)
		c->stale += c->state[state];
}

static void sweep(struct rib *rib, uint32_t source)
{
	rib->swept[source] = rib->round[source] - 1;
	if (rib->counts[source].stale)
		rib_pass_begin(rib, RIB_SWEEP);
}

void rib_mark(struct rib *rib, enum rib_feed feed)
{
	for (uint32_t i = 0; i < CONFIG_TABLES_MAX; i++)
		mark(rib, RIB_SOURCE(feed, i));
	rib_nexthop_mark(rib, feed);
}

void rib_sweep(struct rib *rib, enum rib_feed feed)
{
	for (uint32_t i = 0; i < CONFIG_TABLES_MAX; i++)
		sweep(rib, RIB_SOURCE(feed, i));
	rib_nexthop_sweep(rib, feed);
}

void rib_freeze(struct rib *rib, enum rib_feed feed)
{
	if (rib->numbered[feed])
		rib_pass_begin(rib, RIB_FREEZE + feed);
	else
		rib_nexthop_forget_all(rib, feed);
}

bool rib_freezes(const struct rib *rib, enum rib_feed feed)
{
	return rib->walk_left[RIB_FREEZE + feed];
}

void rib_refresh(struct rib *rib)
{
	if (rib->n == 0)
		return;
	rib_pass_begin(rib, RIB_REFRESH);
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
		if (i >= n || (i < t->n && want->number[i] != t->number[i])) {
			mark(rib, RIB_SOURCE(feed, i));
			sweep(rib, RIB_SOURCE(feed, i));
		}
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
