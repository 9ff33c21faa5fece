#include "common/config/check.h"

static struct config_prefix endpoint_address(const struct config_endpoint *e)
{
	return (struct config_prefix){.addr = e->addr, .family = e->family, .len = e->family == 4 ? 32 : 128};
}

static bool takes_both(const struct config_socket *s)
{
	struct config_prefix a = endpoint_address(&s->udp);

	return a.family == 6 && address_is_unspecified(&a) && !s->ipv6_only && !s->connect.family;
}

static void check_local(struct loader *l, const struct config_socket *s)
{
	struct config_prefix a = endpoint_address(&s->udp);

	if (!a.family || address_is_unspecified(&a) || address_is_multicast(&a) || address_is_loopback(&a))
		return;
	if (address_is_link_local(&a)) {
		if (!s->port.text[0])
			item_error(l, &s->item, "udp", "a link-local address without a port", NULL,
			        "The same address may be on every link: add `port`.");
		return;
	}
	if (!address_is_ours(l->config, &a))
		item_error(l, &s->item, "udp",
		        phrase("the address %s, which no port has", address_text(&a, false).text).text,
		        "an address of our own", "0.0.0.0 and [::] stand for all of them.");
}

static void check_connect(struct loader *l, const struct config_socket *s)
{
	struct config_prefix a = endpoint_address(&s->connect);

	if (!a.family)
		return;
	if (s->udp.family && a.family != s->udp.family)
		item_error(l, &s->item, "connect",
		        phrase("a peer of IPv%u for a socket of IPv%u", a.family, s->udp.family).text, NULL,
		        "Socket and peer are of one family.");
	else if (address_is_unspecified(&a) || address_is_multicast(&a))
		item_error(l, &s->item, "connect", phrase("%s as a peer", address_text(&a, false).text).text,
		        "a unicast address", "Without `connect` it hears everybody.");
}

static int compare_sockets(const void *a, const void *b)
{
	const struct config_socket *x = *(const struct config_socket *const *)a;
	const struct config_socket *y = *(const struct config_socket *const *)b;
	int c = memcmp(&x->udp.addr, &y->udp.addr, sizeof x->udp.addr);

	c = c ? c : x->udp.l4_port - y->udp.l4_port;
	c = c ? c : memcmp(&x->connect.addr, &y->connect.addr, sizeof x->connect.addr);
	c = c ? c : x->connect.l4_port - y->connect.l4_port;
	c = c ? c : strcmp(x->port.text, y->port.text);
	return c;
}

static int compare_sockets_places(const void *a, const void *b)
{
	const struct config_socket *x = *(const struct config_socket *const *)a;
	const struct config_socket *y = *(const struct config_socket *const *)b;
	int c = compare_sockets(a, b);

	return c ? c : x < y ? -1 : x > y;
}

/* Two that take the same; [::] and 0.0.0.0 on one port too, where [::] takes IPv4 as well. */
static void check_same_sockets(struct loader *l)
{
	struct config *c = l->config;
	const struct config_socket **by = arena_take(l->arena, (c->n_sockets + 1) * sizeof *by);

	if (!by)
		return;
	for (uint32_t i = 0; i < c->n_sockets; i++)
		by[i] = &c->sockets[i];
	sort(by, c->n_sockets, sizeof *by, compare_sockets_places);
	for (uint32_t i = 1; i < c->n_sockets; i++)
		if (by[i]->udp.family && compare_sockets(&by[i - 1], &by[i]) == 0)
			item_error(l, &by[i]->item, "udp", "a socket that another has taken already", NULL,
			        phrase("The one in line %u has the same address and port.",
			                by[i - 1]->item.node->line)
			                .text);
	for (uint32_t i = 0; i < c->n_sockets; i++) {
		struct config_socket any4 = c->sockets[i];
		const struct config_socket *key = &any4, **found;

		if (!takes_both(&c->sockets[i]))
			continue;
		any4.udp.addr = ip6_addr_mapped((struct be32){0});
		found = bsearch(&key, by, c->n_sockets, sizeof *by, compare_sockets);
		if (found)
			item_error(l, &c->sockets[i].item, "udp",
			        "[::], which takes IPv4 too, beside 0.0.0.0 on the same port", NULL,
			        "Add `ipv6_only: true`, or take the other one out.");
	}
}

static void check_join(struct loader *l, const struct config_socket *s)
{
	for (uint32_t i = 0; i < s->n_join; i++)
		if (s->join[i].family && s->udp.family && s->join[i].family != s->udp.family &&
		        !takes_both(s))
			element_error(l, &s->item, "join", i,
			        phrase("a group of IPv%u for a socket of IPv%u", s->join[i].family,
			                s->udp.family)
			                .text,
			        NULL, "Group and socket are of one family.");
}

void check_sockets(struct loader *l)
{
	struct config *c = l->config;

	for (uint32_t i = 0; i < c->n_sockets; i++) {
		const struct config_socket *s = &c->sockets[i];

		if (s->port.text[0])
			(void)port_named(l, &s->item, "port", 0, &s->port);
		check_local(l, s);
		check_connect(l, s);
		check_join(l, s);
		if (s->ipv6_only && s->udp.family == 4)
			item_error(l, &s->item, "ipv6_only", "'ipv6_only' for a socket of IPv4", NULL,
			        "Take it out.");
	}
	check_same_sockets(l);
}
