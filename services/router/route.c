#include "services/router/router_internal.h"

uint32_t route_hash(const struct router_call *c, const struct pkt *p, const struct ip6_addr *src,
        const struct ip6_addr *dst)
{
	uint64_t key = c->router->params.hash_key;

	if (p->flags & PKT_F_HASHED)
		return p->hash;
	return (uint32_t)(hash_mix(hash_ip6(src, key), hash_ip6(dst, ~key)) >> 32);
}

/* A group's way for this flow.  The region's words are not to be trusted: types and ports are checked. */
static void route_from_group(const struct router_call *c, uint32_t id, uint32_t hash,
        const struct ip6_addr *dst, struct route *out)
{
	const struct fib_reader *fib = &c->view->fib;
	const struct fib_group *g = fib_group(fib, id);
	const struct fib_hop *hop = fib_group_select(fib, id, hash);
	const struct epoch_port *port = epoch_port(c->epoch, hop->port);

	*out = (struct route){
	        .type = g->type <= FIB_PROHIBIT ? (enum fib_type)g->type : FIB_NONE,
	        .gateway = g->type == FIB_UNICAST,
	        .port = hop->port,
	        .next_hop = g->type == FIB_UNICAST ? hop->gateway : *dst,
	        .source = g->source,
	};
	if (!route_is_way(out))
		return;
	if (!port || !(port->flags & EPOCH_PORT_UP) || port->kind == EPOCH_PORT_LOOPBACK) {
		out->type = FIB_NONE;
		return;
	}
	out->mtu = g->mtu ? MIN(g->mtu, (uint32_t)port->mtu) : port->mtu;
}

/* The event of a route that is no way. */
static enum trace_code code_of(enum fib_type type)
{
	switch (type) {
	case FIB_LOCAL: return TRACE_ROUTE_LOCAL;
	case FIB_BROADCAST: return TRACE_ROUTE_BROADCAST;
	case FIB_BLACKHOLE: return TRACE_ROUTE_BLACKHOLE;
	case FIB_UNREACHABLE: return TRACE_ROUTE_UNREACHABLE;
	case FIB_PROHIBIT: return TRACE_ROUTE_PROHIBIT;
	case FIB_NONE:
	case FIB_UNICAST:
	case FIB_CONNECTED: break;
	}
	return TRACE_ROUTE_DOWN;
}

static uint32_t prefix_len(const struct router_call *c, enum fib_family family, const struct ip6_addr *dst)
{
	struct fib_route route;

	return fib_route_get(&c->view->fib, family, dst, &route) ? route.prefix.len : 0;
}

void route4(
        const struct router_call *c, const struct pkt *p, struct be32 dst, uint32_t hash, struct route *out)
{
	struct ip6_addr mapped = ip6_addr_mapped(dst);
	uint32_t id = c->view->has_fib ? fib4_lookup(&c->view->fib, dst) : FIB_NO_ROUTE;

	*out = (struct route){.type = FIB_NONE, .port = PORT_NONE};
	if (id != FIB_NO_ROUTE)
		route_from_group(c, id, hash, &mapped, out);
	if (likely(!p->trace))
		return;
	if (id == FIB_NO_ROUTE) {
		trace(c->burst->trace, p->trace, TRACE_ROUTE4_NONE, be32_to_host(dst));
		return;
	}
	trace(c->burst->trace, p->trace, TRACE_ROUTE4, be32_to_host(dst), prefix_len(c, FIB_IPV4, &mapped),
	        id);
	if (route_is_way(out))
		trace(c->burst->trace, p->trace, TRACE_HOP4, be32_to_host(out->next_hop.w32[3]), out->port.v,
		        out->mtu);
	else
		trace(c->burst->trace, p->trace, code_of(out->type));
}

/* Link-local addresses have no route: each port has its own (RFC 4007 9). */
static void route_link_local(
        const struct router_call *c, const struct ip6_addr *dst, struct port_id in, struct route *out)
{
	const struct epoch_port *port = epoch_port(c->epoch, in);
	bool ours = address_find6(c->epoch, dst, in) || epoch_is_anycast(c->epoch, in, dst);

	if (!port || !(port->flags & EPOCH_PORT_UP))
		return;
	*out = (struct route){
	        .type = ours ? FIB_LOCAL : FIB_CONNECTED,
	        .port = in,
	        .mtu = port->mtu,
	        .next_hop = *dst,
	};
}

void route6(const struct router_call *c, const struct pkt *p, const struct ip6_addr *dst, struct port_id in,
        uint32_t hash, struct route *out)
{
	uint32_t id = FIB_NO_ROUTE;

	*out = (struct route){.type = FIB_NONE, .port = PORT_NONE};
	if (ip6_is_link_local(dst)) {
		route_link_local(c, dst, in, out);
	} else {
		id = c->view->has_fib ? fib6_lookup(&c->view->fib, dst) : FIB_NO_ROUTE;
		if (id != FIB_NO_ROUTE)
			route_from_group(c, id, hash, dst, out);
	}
	if (likely(!p->trace))
		return;
	if (id != FIB_NO_ROUTE)
		trace(c->burst->trace, p->trace, TRACE_ROUTE6, TRACE_IP6(dst), prefix_len(c, FIB_IPV6, dst),
		        id);
	else if (out->type == FIB_NONE)
		trace(c->burst->trace, p->trace, TRACE_ROUTE6_NONE, TRACE_IP6(dst));
	if (id == FIB_NO_ROUTE && out->type == FIB_NONE)
		return;
	if (route_is_way(out))
		trace(c->burst->trace, p->trace, TRACE_HOP6, TRACE_IP6(&out->next_hop), out->port.v,
		        out->mtu);
	else
		trace(c->burst->trace, p->trace, code_of(out->type));
}

/* Does a way of the group lead through this port? */
static bool group_uses_port(const struct router_call *c, const struct fib_group *g, struct port_id port)
{
	uint32_t n;
	const struct fib_hop *hop = fib_group_hops(&c->view->fib, g, &n);

	for (uint32_t i = 0; i < n; i++)
		if (port_id_equal(hop[i].port, port))
			return true;
	return false;
}

/* Of the way back to a source: DROP_NONE where it leads through the port, or the filter is off or content
 * with any. */
static enum drop_reason check_way_back(const struct router_call *c, uint32_t id, struct port_id in,
        const struct epoch_port *port, bool *onlink)
{
	const struct fib_group *g = fib_group(&c->view->fib, id);

	switch ((enum fib_type)g->type) {
	case FIB_UNICAST:
	case FIB_CONNECTED:
		if (group_uses_port(c, g, in)) {
			*onlink = g->type == FIB_CONNECTED;
			return DROP_NONE;
		}
		return port->rp_filter == 1 ? DROP_IP_RPFILTER : DROP_NONE;
	case FIB_LOCAL: return port->flags & EPOCH_PORT_ACCEPT_LOCAL ? DROP_NONE : DROP_IP_LOCAL_SOURCE;
	case FIB_BROADCAST: return DROP_IP_INVALID_SOURCE;
	case FIB_NONE:
	case FIB_BLACKHOLE:
	case FIB_UNREACHABLE:
	case FIB_PROHIBIT: break;
	}
	return port->rp_filter ? DROP_IP_RPFILTER : DROP_NONE;
}

enum drop_reason route_check_source4(const struct router_call *c, const struct pkt *p,
        const struct epoch_port *in, struct be32 src, bool always, bool *onlink)
{
	enum drop_reason reason;

	*onlink = false;
	if (!in->rp_filter && !always) {
		if (in->flags & EPOCH_PORT_ACCEPT_LOCAL || likely(!local_filter_has(c->view, src)))
			return DROP_NONE;
		return address_find4(c->epoch, src) ? DROP_IP_LOCAL_SOURCE : DROP_NONE;
	}
	reason = check_way_back(
	        c, c->view->has_fib ? fib4_lookup(&c->view->fib, src) : FIB_NO_ROUTE, p->port, in, onlink);
	trace(c->burst->trace, p->trace, TRACE_SOURCE4, be32_to_host(src), in->rp_filter, *onlink);
	return reason;
}

enum drop_reason route_check_source6(const struct router_call *c, const struct pkt *p,
        const struct epoch_port *in, const struct ip6_addr *src)
{
	enum drop_reason reason;
	bool onlink;

	if (likely(!in->rp_filter) || ip6_is_link_local(src) || ip6_is_unspecified(src))
		return DROP_NONE;
	reason = check_way_back(
	        c, c->view->has_fib ? fib6_lookup(&c->view->fib, src) : FIB_NO_ROUTE, p->port, in, &onlink);
	trace(c->burst->trace, p->trace, TRACE_SOURCE6, TRACE_IP6(src), in->rp_filter);
	/* Linux leaves an IPv6 source that is one of ours alone. */
	return reason == DROP_IP_LOCAL_SOURCE ? DROP_NONE : reason;
}
