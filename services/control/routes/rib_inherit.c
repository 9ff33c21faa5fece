/* What a predecessor left in force, read a part at a time. */
#include "services/control/routes/rib_internal.h"

#include <stdlib.h>

static void inherit(struct rib *rib, const struct fib_route *from)
{
	const struct fib_group *group = fib_group(&rib->inherit.fib, from->group);
	uint32_t source = from->origin & ~RIB_RECURSIVE;
	const struct fib_hop *hops;
	struct rib_route *r;
	uint32_t n;

	if (source == 0 || source >= RIB_SOURCES)
		return;
	r = rib_make(rib, source, &from->prefix, from->metric);
	if (!r)
		return;
	hops = fib_group_hops(&rib->inherit.fib, group, &n);
	r->hop = calloc(n, sizeof *r->hop);
	r->type = group->type == FIB_CONNECTED ? FIB_UNICAST : group->type;
	r->protocol = from->protocol;
	r->mtu = group->mtu;
	r->prefer = group->source;
	for (uint32_t i = 0; r->hop && i < n; i++) {
		const struct epoch_port *port = epoch_port(rib->inherit.epoch, hops[i].port);

		r->hop[r->n_hops++] = (struct rib_hop){.gateway = hops[i].gateway,
		        .weight = hops[i].weight,
		        .onlink = hops[i].flags & FIB_HOP_ONLINK};
		if (port)
			memcpy(r->hop[i].port, port->name, sizeof port->name);
	}
	rib_come(rib, r, rib->round[source] - 1);
	rib_touch(rib, r);
}

/* The first of a family, or of the one after it. */
static bool first(struct rib_inheriting *from, enum fib_family family)
{
	return fib_route_first(&from->fib, family, &from->at) ||
	       (family == FIB_IPV4 && fib_route_first(&from->fib, FIB_IPV6, &from->at));
}

void rib_inherit(struct rib *rib)
{
	struct rib_inheriting *from = &rib->inherit;

	from->epoch = publisher_epoch(rib->publisher);
	if (!from->epoch || fib_attach(from->epoch->fib, from->epoch->fib_bytes, &from->fib))
		return;
	rib->limit = UINT32_MAX; /* until a configuration says less */
	from->on = first(from, FIB_IPV4);
}

bool rib_inherits(const struct rib *rib)
{
	return rib->inherit.on;
}

void rib_inherit_some(struct rib *rib)
{
	struct rib_inheriting *from = &rib->inherit;

	for (uint32_t n = 0; from->on && n < RIB_SLICE; n++) {
		inherit(rib, &from->at);
		from->on = fib_route_next(&from->fib, &from->at) ||
		           (from->at.prefix.family == FIB_IPV4 && first(from, FIB_IPV6));
	}
}
