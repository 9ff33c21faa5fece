#include "common/config/check.h"

/* The broadcast address of an IPv4 network that has one. */
static bool is_broadcast(const struct config_prefix *a)
{
	struct config_prefix net = prefix_network(a);
	uint32_t host = a->len >= 31 ? 0 : UINT32_MAX >> a->len;

	return host && be32_to_host(a->addr.w32[3]) == (be32_to_host(net.addr.w32[3]) | host);
}

const char *address_fault(const struct config_prefix *a, const char **hint)
{
	*hint = "A port has the address of a host in the network.";
	if (address_is_multicast(a)) {
		*hint = "A port joins multicast groups: put it into `groups`.";
		return "a multicast address";
	}
	if (address_is_unspecified(a) || (a->family == 4 && a->addr.b[12] == 0))
		return "the unspecified address";
	if (address_is_loopback(a)) {
		*hint = "Loopback addresses are on the port 'lo', which is always there.";
		return "a loopback address";
	}
	if (a->len == 0) {
		*hint = "A network of length 0 is everything; a default route stands in `routes`.";
		return "an address of no network";
	}
	if (a->family == 4 && a->addr.b[12] >= 240)
		return "a reserved address";
	if (a->family == 4 && a->len < 31 && !prefix_has_host_bits(a))
		return "the address of the network itself";
	if (a->family == 4 && is_broadcast(a))
		return "the broadcast address of its network";
	return NULL;
}

static void check_port_addresses(struct loader *l, const struct config_port *p)
{
	for (uint32_t i = 0; i < p->n_addresses; i++) {
		const struct config_prefix *a = &p->addresses[i];
		const char *hint, *fault = a->family ? address_fault(a, &hint) : NULL;
		struct address_text text = address_text(a, true);

		if (fault)
			element_error(l, &p->item, "addresses", i, phrase("%s (%s)", text.text, fault).text,
			        NULL, hint);
		if (a->family == 6 && !p->ipv6)
			element_error(l, &p->item, "addresses", i,
			        phrase("the IPv6 address %s with `ipv6: false`", text.text).text, NULL,
			        "Take one of the two out.");
	}
}

static void check_groups(struct loader *l, const struct config_port *p)
{
	for (uint32_t i = 0; i < p->n_groups; i++) {
		struct address_text text = address_text(&p->groups[i], false);

		if (!p->groups[i].family)
			continue;
		if (p->groups[i].family == 6 && !p->ipv6)
			element_error(l, &p->item, "groups", i,
			        phrase("the IPv6 group %s with `ipv6: false`", text.text).text, NULL,
			        "Take one of the two out.");
		for (uint32_t j = 0; j < i; j++) {
			if (!ip6_addr_equal(&p->groups[j].addr, &p->groups[i].addr))
				continue;
			element_error(l, &p->item, "groups", i,
			        phrase("the group %s for the second time", text.text).text, NULL,
			        "Once is enough.");
			break;
		}
	}
}

/* In the order of the file's tables. */
static bool port_before(const struct config_port *a, const struct config_port *b)
{
	return a->kind != b->kind ? a->kind < b->kind : a < b;
}

static int compare_networks(const void *a, const void *b)
{
	const struct network *x = a, *y = b;
	int c;

	if (x->net.family != y->net.family)
		return x->net.family - y->net.family;
	c = memcmp(&x->net.addr, &y->net.addr, sizeof x->net.addr);
	if (c)
		return c;
	if (x->net.len != y->net.len)
		return x->net.len - y->net.len;
	return x->port != y->port ? (port_before(x->port, y->port) ? -1 : 1)
	                          : (int)x->address - (int)y->address;
}

static void add_networks(struct config_memory *m, const struct config_port *ports, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t j = 0; j < ports[i].n_addresses; j++) {
			const struct config_prefix *a = &ports[i].addresses[j];

			if (!a->family || address_is_link_local(a))
				continue;
			m->networks[m->n_networks++] = (struct network){
			        .net = prefix_network(a), .port = &ports[i], .address = j};
		}
	}
}

static void report_overlap(struct loader *l, const struct network *inner, const struct network *outer)
{
	const struct network *late = port_before(outer->port, inner->port) ? inner : outer;
	const struct network *early = late == inner ? outer : inner;

	element_error(l, &late->port->item, "addresses", late->address,
	        phrase("the network %s, which overlaps %s of '%s'", address_text(&late->net, true).text,
	                address_text(&early->net, true).text, early->port->name.text)
	                .text,
	        NULL,
	        "Two ports on one network would make the way to it a matter of chance: give them networks of "
	        "their own.");
}

/* Each network's smallest enclosing one. */
static void nest_networks(struct config_memory *m)
{
	for (uint32_t i = 0; i < m->n_networks; i++) {
		struct network *n = &m->networks[i];
		int32_t outer = (int32_t)i - 1;

		while (outer >= 0 && !(m->networks[outer].net.len <= n->net.len &&
		                             prefix_holds(&m->networks[outer].net, &n->net)))
			outer = m->networks[outer].outer;
		n->outer = outer;
	}
}

void networks_make(struct config *c, struct network *networks)
{
	c->memory->networks = networks;
	c->memory->n_networks = 0;
	add_networks(c->memory, c->ports, c->n_ports);
	add_networks(c->memory, c->vlans, c->n_vlans);
	sort(networks, c->memory->n_networks, sizeof *networks, compare_networks);
	nest_networks(c->memory);
}

/* A single address (/32, /128) in another port's network is usual. */
bool networks_overlap(const struct config_prefix *inner, const struct config_prefix *outer)
{
	return inner->len < (inner->family == 4 ? 32 : 128) && outer->len <= inner->len &&
	       prefix_holds(outer, inner);
}

static void check_overlaps(struct loader *l)
{
	const struct config_memory *m = l->config->memory;

	for (uint32_t i = 0; i < m->n_networks; i++) {
		const struct network *n = &m->networks[i],
		                     *outer = n->outer >= 0 ? &m->networks[n->outer] : NULL;

		if (outer && outer->port != n->port && networks_overlap(&n->net, &outer->net))
			report_overlap(l, n, outer);
	}
}

const struct network *network_of(const struct config *c, const struct config_prefix *address)
{
	const struct config_memory *m = c->memory;
	uint32_t low = 0, high = m->n_networks;
	int32_t at;

	while (low < high) {
		uint32_t mid = (low + high) / 2;
		const struct network *n = &m->networks[mid];
		int d = n->net.family != address->family
		                ? n->net.family - address->family
		                : memcmp(&n->net.addr, &address->addr, sizeof address->addr);

		if (d <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	at = (int32_t)low - 1;
	while (at >= 0 && !prefix_holds(&m->networks[at].net, address))
		at = m->networks[at].outer;
	return at >= 0 ? &m->networks[at] : NULL;
}

/* An address of a port, for the search for the same one on another. */
struct owned {
	struct config_prefix address;
	const struct config_port *port;
	uint32_t i;
};

static int compare_owned(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int c = memcmp(&x->address.addr, &y->address.addr, sizeof x->address.addr);

	return c ? c : x->port != y->port ? (port_before(x->port, y->port) ? -1 : 1) : (int)x->i - (int)y->i;
}

static uint32_t add_owned(struct owned *o, uint32_t n, const struct config_port *ports, uint32_t n_ports)
{
	for (uint32_t i = 0; i < n_ports; i++)
		for (uint32_t j = 0; j < ports[i].n_addresses; j++)
			if (ports[i].addresses[j].family)
				o[n++] = (struct owned){ports[i].addresses[j], &ports[i], j};
	return n;
}

/* The same address twice; a link-local one may be on several ports. */
static void check_same_addresses(struct loader *l, uint32_t n_max)
{
	struct owned *o = arena_take(l->arena, (n_max + 1) * sizeof *o);
	uint32_t n = 0;

	if (!o)
		return;
	n = add_owned(o, n, l->config->ports, l->config->n_ports);
	n = add_owned(o, n, l->config->vlans, l->config->n_vlans);
	sort(o, n, sizeof *o, compare_owned);
	for (uint32_t i = 1; i < n; i++) {
		if (!ip6_addr_equal(&o[i].address.addr, &o[i - 1].address.addr) ||
		        (address_is_link_local(&o[i].address) && o[i].port != o[i - 1].port))
			continue;
		element_error(l, &o[i].port->item, "addresses", o[i].i,
		        phrase("the address %s for the second time", address_text(&o[i].address, false).text)
		                .text,
		        NULL,
		        phrase("'%s' has it already: an address belongs to one port.",
		                o[i - 1].port->name.text)
		                .text);
	}
}

bool address_on_port(const struct config *c, const struct config_port *p, const struct config_prefix *a)
{
	const struct network *n = network_of(c, a);

	while (n && n->port != p)
		n = n->outer >= 0 ? &c->memory->networks[n->outer] : NULL;
	return n != NULL;
}

bool address_is_ours(const struct config *c, const struct config_prefix *address)
{
	const struct network *n = network_of(c, address);

	for (; n; n = n->outer >= 0 ? &c->memory->networks[n->outer] : NULL)
		for (uint32_t i = 0; i < n->port->n_addresses; i++)
			if (ip6_addr_equal(&n->port->addresses[i].addr, &address->addr))
				return true;
	return false;
}

void check_addresses(struct loader *l)
{
	struct config *c = l->config;
	struct network *networks;
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_ports + c->n_vlans; i++) {
		const struct config_port *p = i < c->n_ports ? &c->ports[i] : &c->vlans[i - c->n_ports];

		check_port_addresses(l, p);
		check_groups(l, p);
		n += p->n_addresses;
	}
	networks = arena_take(l->arena, (n + 1) * sizeof *networks);
	if (!networks)
		return;
	networks_make(c, networks);
	check_overlaps(l);
	check_same_addresses(l, n);
}
