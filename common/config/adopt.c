/* adopt: what ports have taken over from the kernel's interfaces, put beside what the text gives. */
#include "common/config/check.h"

#define PIECE_BYTES 192u

/* What is left out of a port's. */
struct left_out {
	uint32_t n;
	char text[PIECE_BYTES + 32]; /* the first, and how many more */
};

struct adopting {
	struct config *config;
	const struct config_adopted *from;
	struct arena arena;               /* of all that is made */
	struct config_prefix **addresses; /* a list a port; NULL for one that does not adopt */
	struct left_out *left_out;        /* a port each */
	struct config_route *routes;
	struct config_nexthop *hops; /* a route each */
	struct network *networks;
};

static bool is_for(const struct config_name *name, const struct config_port *p)
{
	return p->adopt && strcmp(name->text, p->name.text) == 0;
}

static struct config_port *port_for(struct config *c, const struct config_name *name)
{
	for (uint32_t i = 0; i < c->n_ports; i++)
		if (is_for(name, &c->ports[i]))
			return &c->ports[i];
	return NULL;
}

/* Takes all the memory at once, so that nothing can fail half way. */
static bool reserve(struct adopting *a)
{
	const struct config *c = a->config;
	uint32_t all = 1;

	a->addresses = arena_take(&a->arena, (c->n_ports + 1) * sizeof(void *));
	a->left_out = arena_take(&a->arena, (c->n_ports + 1) * sizeof *a->left_out);
	for (uint32_t i = 0; i < c->n_ports; i++) {
		uint32_t n = c->ports[i].n_addresses;

		for (uint32_t k = 0; k < a->from->n_addresses; k++)
			n += is_for(&a->from->addresses[k].port, &c->ports[i]);
		all += n;
		if (c->ports[i].adopt && a->addresses)
			a->addresses[i] = arena_take(&a->arena, (n + 1) * sizeof *a->addresses[i]);
	}
	for (uint32_t i = 0; i < c->n_vlans; i++)
		all += c->vlans[i].n_addresses;
	a->networks = arena_take(&a->arena, all * sizeof *a->networks);
	a->routes = arena_take(&a->arena, (a->from->n_routes + 1) * sizeof *a->routes);
	a->hops = arena_take(&a->arena, (a->from->n_routes + 1) * sizeof *a->hops);
	return !a->arena.failed;
}

/* As the text has it, in the new memory. */
static void begin_anew(struct adopting *a)
{
	struct config *c = a->config;

	for (uint32_t i = 0; i < c->n_ports; i++) {
		struct config_port *p = &c->ports[i];

		if (!a->addresses[i])
			continue;
		p->n_addresses -= p->n_adopted;
		p->n_adopted = 0;
		p->not_adopted = NULL;
		if (p->n_addresses)
			memcpy(a->addresses[i], p->addresses, p->n_addresses * sizeof *p->addresses);
		p->addresses = a->addresses[i];
	}
	c->adopted = a->routes;
	c->n_adopted = 0;
	c->adopted_identity = 0;
}

static void leave_out(
        struct adopting *a, struct config_port *p, const struct config_prefix *what, const char *why)
{
	struct left_out *l = &a->left_out[p - a->config->ports];

	if (!l->n++)
		snprintf(l->text, PIECE_BYTES, "%s (%s)", address_text(what, true).text, why);
	p->not_adopted = l->text;
}

static void count_left_out(struct adopting *a)
{
	for (uint32_t i = 0; i < a->config->n_ports; i++) {
		struct left_out *l = &a->left_out[i];
		size_t n = strlen(l->text);

		if (l->n > 1)
			snprintf(l->text + n, sizeof l->text - n, ", and %u more", l->n - 1);
	}
}

static void identify(struct config *c, const struct config_port *p, const struct config_prefix *what,
        const struct config_prefix *via, uint32_t more)
{
	uint64_t id = hash_mix(c->adopted_identity, (uint64_t)more << 16 | what->family << 8 | what->len);

	for (const char *k = p->name.text; *k; k++)
		id = hash_mix(id, (uint8_t)*k);
	id = hash_ip6(&what->addr, id);
	if (via->family)
		id = hash_ip6(&via->addr, id);
	c->adopted_identity = id | 1;
}

/* ---- addresses ---- */

static bool has(const struct config_port *p, const struct config_prefix *address)
{
	for (uint32_t i = 0; i < p->n_addresses; i++)
		if (ip6_addr_equal(&p->addresses[i].addr, &address->addr))
			return true;
	return false;
}

static bool on_one_network(const struct config_port *p, const struct config_prefix *address)
{
	for (uint32_t i = 0; i < p->n_addresses; i++) {
		const struct config_prefix *b = &p->addresses[i];

		if (b->family == address->family && !address_is_link_local(b) &&
		        (networks_overlap(b, address) || networks_overlap(address, b)))
			return true;
	}
	return false;
}

/* What speaks against it; empty: nothing. */
static struct phrase against_address(
        const struct config *c, const struct config_port *p, const struct config_prefix *a)
{
	const char *hint, *fault = address_fault(a, &hint);

	if (fault)
		return phrase("%s", fault);
	if (a->family == 6 && !p->ipv6)
		return phrase("`ipv6: false`");
	for (uint32_t i = 0; i < c->n_ports + c->n_vlans; i++) {
		const struct config_port *q = i < c->n_ports ? &c->ports[i] : &c->vlans[i - c->n_ports];

		if (q != p && has(q, a))
			return phrase("'%s' has this address", q->name.text);
		if (q != p && on_one_network(q, a))
			return phrase("'%s' is on that network", q->name.text);
	}
	return phrase("%s", "");
}

static void adopt_address(struct adopting *a, const struct config_adopted_address *from)
{
	struct config_port *p = port_for(a->config, &from->port);
	struct phrase against;

	if (!p || address_is_link_local(&from->address) || has(p, &from->address))
		return;
	against = against_address(a->config, p, &from->address);
	if (against.text[0]) {
		leave_out(a, p, &from->address, against.text);
		return;
	}
	p->addresses[p->n_addresses++] = from->address;
	p->n_adopted++;
	identify(a->config, p, &from->address, &(struct config_prefix){0}, 0);
}

/* ---- routes ---- */

static bool same_place(const struct config_route *a, const struct config_route *b)
{
	return a->to.family == b->to.family && a->to.len == b->to.len && a->metric == b->metric &&
	       ip6_addr_equal(&a->to.addr, &b->to.addr);
}

static const char *against_gateway(
        const struct config *c, const struct config_port *p, const struct config_nexthop *h)
{
	if (address_is_multicast(&h->via) || address_is_unspecified(&h->via) || address_is_loopback(&h->via))
		return "its gateway is no neighbor's address";
	if (address_is_ours(c, &h->via))
		return "its gateway is an address of our own";
	if (!h->onlink && !address_is_link_local(&h->via) && !address_on_port(c, p, &h->via))
		return "its gateway is in no network of the port";
	return NULL;
}

/* NULL: nothing. */
static const char *against_route(
        const struct config *c, const struct config_port *p, const struct config_route *r)
{
	const struct config_nexthop *h = r->nexthops;
	const struct network *n = r->metric == 0 ? network_of(c, &r->to) : NULL;

	if (address_is_multicast(&r->to) || address_is_link_local(&r->to) || prefix_has_host_bits(&r->to))
		return "no unicast prefix beyond the link";
	if (r->to.family == 6 && !p->ipv6)
		return "`ipv6: false`";
	if (route_is_given(c, r))
		return "the configuration gives one with this metric";
	if (n && n->net.len == r->to.len && ip6_addr_equal(&n->net.addr, &r->to.addr))
		return "a port is on that network";
	for (uint32_t i = 0; i < c->n_adopted; i++)
		if (same_place(&c->adopted[i], r))
			return "another one was adopted";
	return h->via.family ? against_gateway(c, p, h) : NULL;
}

static void adopt_route(struct adopting *a, const struct config_adopted_route *from)
{
	struct config *c = a->config;
	struct config_port *p = port_for(c, &from->port);
	struct config_nexthop *hop = &a->hops[c->n_adopted];
	struct config_route *r = &c->adopted[c->n_adopted];
	const char *against;

	if (!p)
		return;
	*hop = (struct config_nexthop){
	        .via = from->via, .port = p->name, .weight = 1, .onlink = from->onlink};
	*r = (struct config_route){.type = CONFIG_ROUTE_UNICAST,
	        .to = from->to,
	        .metric = from->metric,
	        .nexthops = hop,
	        .n_nexthops = 1};
	against = against_route(c, p, r);
	if (against) {
		leave_out(a, p, &from->to, against);
		return;
	}
	c->n_adopted++;
	identify(c, p, &from->to, &from->via, from->metric << 1 | from->onlink);
}

int config_adopt(struct config *c, const struct config_adopted *adopted)
{
	struct adopting a = {.config = c, .from = adopted};

	if (!reserve(&a)) {
		arena_free(&a.arena);
		return -ENOMEM;
	}
	begin_anew(&a);
	for (uint32_t i = 0; i < adopted->n_addresses; i++)
		adopt_address(&a, &adopted->addresses[i]);
	networks_make(c, a.networks);
	for (uint32_t i = 0; i < adopted->n_routes; i++)
		adopt_route(&a, &adopted->routes[i]);
	count_left_out(&a);
	arena_free(&c->memory->adopted);
	c->memory->adopted = a.arena;
	return 0;
}
