#include "common/config/check.h"

/* Reports at a route's key, or at its line of a file of routes. */
static void route_error(struct loader *l, const struct config_route *r, const char *key, const char *found,
        const char *expected, const char *hint)
{
	struct import *im = l->config->memory->imports;

	if (!r->file) {
		item_error(l, &r->item, key, found, expected, hint);
		return;
	}
	for (uint32_t n = l->config->memory->n_imports; n > r->file; n--)
		im = im->next;
	source_error(&im->source, r->line, 1, found, expected, hint);
}

static bool goes_nowhere(const struct config_route *r)
{
	return r->type >= CONFIG_ROUTE_BLACKHOLE;
}

/* Moves `via` and `port` of the route itself into its one next hop. */
static void fold_hop(struct loader *l, struct config_route *r)
{
	bool own = r->via.family || r->port.text[0];

	if (own && r->n_nexthops)
		item_error(l, &r->item, "nexthops", "'nexthops' beside 'via' or 'port'", "one of them",
		        "Move it into the list.");
	if (!own || r->n_nexthops)
		return;
	r->nexthops = arena_take(l->arena, sizeof *r->nexthops);
	if (!r->nexthops)
		return;
	r->n_nexthops = 1;
	r->nexthops[0] = (struct config_nexthop){
	        .item = r->item, .via = r->via, .port = r->port, .weight = 1, .onlink = r->onlink};
}

static void settle_default(struct config_route *r)
{
	uint8_t family = 4;

	if (r->src.family)
		family = r->src.family;
	if (r->n_nexthops && r->nexthops[0].via.family)
		family = r->nexthops[0].via.family;
	if (r->is_default) {
		r->to = (struct config_prefix){.family = family};
		if (family == 4)
			r->to.addr = ip6_addr_mapped((struct be32){0});
	}
}

/* Where an error about a next hop belongs: its own entry, or the route. */
static void hop_error(struct loader *l, const struct config_route *r, const struct config_nexthop *h,
        const char *key, const char *found, const char *expected, const char *hint)
{
	if (h->item.node)
		item_error(l, &h->item, key, found, expected, hint);
	else
		route_error(l, r, key, found, expected, hint);
}

static const struct config_port *hop_port(
        struct loader *l, const struct config_route *r, const struct config_nexthop *h)
{
	const struct config_port *p;

	if (h->item.node)
		return port_named(l, &h->item, "port", 0, &h->port);
	p = config_port(l->config, h->port.text);
	if (!p)
		route_error(l, r, "port", phrase("the port '%s'", h->port.text).text, "the name of a port",
		        "Ports are named in `ports` and `vlans` of the configuration.");
	return p;
}

/* Whether the address is one that a gateway may have; reported where it is not. */
static bool check_gateway_address(struct loader *l, const struct config_route *r, struct config_nexthop *h)
{
	struct address_text via = address_text(&h->via, false);

	if (h->via.family != r->to.family)
		hop_error(l, r, h, "via",
		        phrase("the gateway %s for %s", via.text, address_text(&r->to, true).text).text,
		        phrase("a gateway of IPv%u", r->to.family).text,
		        "Gateway and destination are of one family.");
	else if (address_is_multicast(&h->via) || address_is_unspecified(&h->via) ||
	         address_is_loopback(&h->via))
		hop_error(l, r, h, "via", phrase("%s as a gateway", via.text).text,
		        "the address of a neighbor", NULL);
	else if (address_is_ours(l->config, &h->via))
		hop_error(l, r, h, "via",
		        phrase("the gateway %s, which is an address of our own", via.text).text,
		        "the address of a neighbor",
		        "For a network on the link, leave `via` out and name the `port`.");
	else
		return true;
	return false;
}

/* Finds a gateway's port, or checks that the one given reaches it. */
static void check_gateway(struct loader *l, const struct config_route *r, struct config_nexthop *h,
        const struct config_port *port)
{
	const struct network *n = network_of(l->config, &h->via);
	struct address_text via = address_text(&h->via, false);

	if (!check_gateway_address(l, r, h) || (port && h->onlink))
		return;
	if (address_is_link_local(&h->via)) {
		if (!port)
			hop_error(l, r, h, "via",
			        phrase("the link-local gateway %s without a port", via.text).text, NULL,
			        "The same address may be on every link: add `port`.");
	} else if (port && !address_on_port(l->config, port, &h->via)) {
		hop_error(l, r, h, "via",
		        phrase("the gateway %s, which is in no network of '%s'", via.text, port->name.text)
		                .text,
		        NULL, "Correct it, or add `onlink: true` where the neighbor answers nevertheless.");
	} else if (!port && !n) {
		hop_error(l, r, h, "via",
		        phrase("the gateway %s, which is on no connected network", via.text).text, NULL,
		        "Give a port an address in its network, or name the `port` and add `onlink: true`.");
	} else if (!port) {
		h->port = n->port->name;
	}
}

static void check_hop(struct loader *l, const struct config_route *r, struct config_nexthop *h)
{
	const struct config_port *port = NULL;

	if (h->port.text[0]) {
		port = hop_port(l, r, h);
		if (!port)
			return;
	}
	if (h->via.family)
		check_gateway(l, r, h, port);
	else if (!port && !node_get(h->item.node, "via") && !item_has_unknown(&h->item))
		hop_error(l, r, h, "via", "a next hop without gateway or port",
		        "`via`, or `port` for what is on its link", NULL);
}

/* Gateways and neighbors on the link are different types of routes to the FIB. */
static void check_mix(struct loader *l, const struct config_route *r)
{
	for (uint32_t i = 1; i < r->n_nexthops; i++)
		if (!r->nexthops[i].via.family != !r->nexthops[0].via.family)
			hop_error(l, r, &r->nexthops[i], "via",
			        "next hops with and without a gateway in one route", NULL,
			        "Give all of them a `via`, or none.");
}

static void check_hops(struct loader *l, struct config_route *r, const struct config_nexthop **good)
{
	bool needed = r->type == CONFIG_ROUTE_UNICAST || r->type == CONFIG_ROUTE_BROADCAST;
	bool written = node_get(r->item.node, "via") || node_get(r->item.node, "port") ||
	               node_get(r->item.node, "nexthops") || item_has_unknown(&r->item);

	if (goes_nowhere(r) && r->n_nexthops)
		route_error(l, r, "via", "a gateway or port of a route that goes nowhere", NULL,
		        "Leave it out, or the `type`.");
	else if (needed && r->n_nexthops == 0 && !written)
		route_error(l, r, "to", "a route without a next hop", "`via`, `port` or `nexthops`",
		        "To drop the packets, say `type: blackhole`.");
	else if (r->type != CONFIG_ROUTE_UNICAST && r->n_nexthops > 1)
		route_error(
		        l, r, "nexthops", "several next hops of a route that is not unicast", "one", NULL);
	for (uint32_t i = 0; i < r->n_nexthops; i++) {
		if (&r->nexthops[i] == *good) /* shared with the route before, in a file */
			continue;
		if (r->type == CONFIG_ROUTE_UNICAST)
			check_hop(l, r, &r->nexthops[i]);
		else if (r->nexthops[i].port.text[0])
			(void)hop_port(l, r, &r->nexthops[i]);
	}
	check_mix(l, r);
	*good = r->file && r->n_nexthops == 1 && r->type == CONFIG_ROUTE_UNICAST ? r->nexthops : NULL;
}

static void check_destination(struct loader *l, const struct config_route *r)
{
	struct address_text to = address_text(&r->to, true);

	if (address_is_multicast(&r->to))
		route_error(l, r, "to", phrase("the multicast destination %s", to.text).text,
		        "a unicast prefix", "Groups are joined with `groups`; multicast is not routed.");
	else if (address_is_link_local(&r->to))
		route_error(l, r, "to", phrase("the link-local destination %s", to.text).text,
		        "a prefix beyond the link", "fe80::/10 is on every link and needs no route.");
	if (r->src.family && r->src.family != r->to.family)
		route_error(l, r, "src",
		        phrase("the source %s for %s", address_text(&r->src, false).text, to.text).text,
		        phrase("an address of IPv%u", r->to.family).text, NULL);
	else if (r->src.family && !address_is_ours(l->config, &r->src))
		route_error(l, r, "src",
		        phrase("the source %s, which no port has", address_text(&r->src, false).text).text,
		        "an address of our own", NULL);
}

/* By what may stand in a FIB but once. */
static int compare_places(const struct config_route *x, const struct config_route *y)
{
	int c;

	if (x->to.family != y->to.family)
		return x->to.family - y->to.family;
	c = memcmp(&x->to.addr, &y->to.addr, sizeof x->to.addr);
	if (c)
		return c;
	if (x->to.len != y->to.len)
		return x->to.len - y->to.len;
	if (x->metric != y->metric)
		return x->metric < y->metric ? -1 : 1;
	return 0;
}

static int compare_routes(const void *a, const void *b)
{
	const struct config_route *x = a, *y = b;
	int c = compare_places(x, y);

	if (c)
		return c;
	if (x->file != y->file)
		return x->file - y->file;
	if (x->file)
		return x->line < y->line ? -1 : 1;
	return x->item.node->line < y->item.node->line ? -1 : x->item.node->line > y->item.node->line;
}

bool route_is_given(const struct config *c, const struct config_route *route)
{
	uint32_t low = 0, high = c->n_routes;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (compare_places(&c->routes[mid], route) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->n_routes && compare_places(&c->routes[low], route) == 0;
}

static bool same_prefix(const struct config_prefix *a, const struct config_prefix *b)
{
	return a->family == b->family && a->len == b->len && ip6_addr_equal(&a->addr, &b->addr);
}

static void check_same_routes(struct loader *l)
{
	struct config *c = l->config;

	for (uint32_t i = 0; i < c->n_routes; i++) {
		const struct config_route *r = &c->routes[i], *before = i ? r - 1 : NULL;
		const struct network *n = r->metric == 0 ? network_of(c, &r->to) : NULL;

		if (!r->to.family)
			continue;
		if (before && compare_places(before, r) == 0)
			route_error(l, r, "to",
			        phrase("the route to %s for the second time", address_text(&r->to, true).text)
			                .text,
			        NULL, "Give it another metric, or write several ways as `nexthops`.");
		else if (n && same_prefix(&n->net, &r->to))
			route_error(l, r, "to",
			        phrase("a route to %s, which is connected to '%s'",
			                address_text(&r->to, true).text, n->port->name.text)
			                .text,
			        NULL,
			        "Connected networks need no route; a metric above 0 makes it a spare one.");
	}
}

void check_routes(struct loader *l)
{
	struct config *c = l->config;
	const struct config_nexthop *good = NULL;

	for (uint32_t i = 0; i < c->n_routes; i++) {
		struct config_route *r = &c->routes[i];

		fold_hop(l, r);
		settle_default(r);
		if (!r->to.family) {
			if (!r->file && !schema_given(&section_route, &r->item, "to") &&
			        !item_has_unknown(&r->item))
				item_error(
				        l, &r->item, "to", "a route without 'to'", type_route_to.name, NULL);
			continue;
		}
		if (i && c->routes[i - 1].to.family != r->to.family)
			good = NULL;
		check_hops(l, r, &good);
		check_destination(l, r);
	}
	sort(c->routes, c->n_routes, sizeof *c->routes, compare_routes);
	check_same_routes(l);
}

/* Where a FIB can not hold all: dynamic routes may all be of one family, and each has room for them. */
void check_fib(struct loader *l)
{
	const struct config *c = l->config;
	struct fib_demand d = fib_demand(c);
	uint64_t own = d.routes[0] + d.routes[1];

	if (own > FIB_ROUTES_MAX)
		route_error(l, &c->routes[c->n_routes - 1], "to",
		        phrase("the last of %lu routes, those of addresses and spare ones among them",
		                (unsigned long)own)
		                .text,
		        phrase("at most %u", FIB_ROUTES_MAX).text,
		        "Join prefixes that have the same next hop.");
	else if (own + 2 * d.dynamic > FIB_ROUTES_MAX)
		item_error(l, &c->dynamic_routes.item, "limit",
		        phrase("room for %lu dynamic routes of each family beside %lu other routes",
		                (unsigned long)d.dynamic, (unsigned long)own)
		                .text,
		        phrase("at most %lu", (unsigned long)(FIB_ROUTES_MAX - own) / 2).text,
		        phrase("A FIB holds %u routes.", FIB_ROUTES_MAX).text);
}

static int compare_neighbors(const void *a, const void *b)
{
	const struct config_neighbor *x = a, *y = b;
	int c = memcmp(&x->address.addr, &y->address.addr, sizeof x->address.addr);

	c = c ? c : strcmp(x->port.text, y->port.text);
	return c ? c : x->item.node->line < y->item.node->line ? -1 : x->item.node->line > y->item.node->line;
}

static void check_same_neighbors(struct loader *l)
{
	struct config *c = l->config;

	sort(c->neighbors, c->n_neighbors, sizeof *c->neighbors, compare_neighbors);
	for (uint32_t i = 1; i < c->n_neighbors; i++) {
		const struct config_neighbor *n = &c->neighbors[i];

		if (n->address.family && ip6_addr_equal(&n->address.addr, &n[-1].address.addr) &&
		        strcmp(n->port.text, n[-1].port.text) == 0)
			item_error(l, &n->item, "address",
			        phrase("the neighbor %s for the second time",
			                address_text(&n->address, false).text)
			                .text,
			        NULL, phrase("It stands in line %u already.", n[-1].item.node->line).text);
	}
}

void check_neighbors(struct loader *l)
{
	struct config *c = l->config;

	for (uint32_t i = 0; i < c->n_neighbors; i++) {
		struct config_neighbor *n = &c->neighbors[i];
		const struct config_port *port = n->port.text[0]
		                                         ? port_named(l, &n->item, "port", 0, &n->port)
		                                         : NULL;
		const struct network *net = n->address.family ? network_of(c, &n->address) : NULL;
		struct address_text text = address_text(&n->address, false);

		if (!n->address.family || (n->port.text[0] && !port))
			continue;
		if (address_is_multicast(&n->address) || address_is_unspecified(&n->address) ||
		        address_is_loopback(&n->address))
			item_error(l, &n->item, "address", phrase("%s as a neighbor", text.text).text,
			        "a unicast address", NULL);
		else if (address_is_ours(c, &n->address))
			item_error(l, &n->item, "address",
			        phrase("the neighbor %s, which is an address of our own", text.text).text,
			        "another station's address", NULL);
		else if (!port && !net)
			item_error(l, &n->item, "address",
			        phrase("the neighbor %s, which is on no connected network", text.text).text,
			        NULL, "Name its `port`.");
		else if (!port)
			n->port = net->port->name;
	}
	check_same_neighbors(l);
}
