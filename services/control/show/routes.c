/* routes: the FIB in force, in pages, or the route of one address. */
#include "services/control/internal.h"

#include "common/pkt/drop.h"
#include "common/rtnl/rtnl.h"
#include "common/wire/text.h"
#include "proto/tables.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE 1024u

struct route_message {
	Sluice__Route route;
	char to[TEXT_IP6_PREFIX_SIZE], source[TEXT_IP6_SIZE], protocol[ROUTE_PROTOCOL_TEXT];
	Sluice__NextHop hop[FIB_HOPS_MAX], *hops[FIB_HOPS_MAX];
	char gateway[FIB_HOPS_MAX][TEXT_IP6_SIZE];
};

struct page {
	struct fib_reader fib;
	const struct epoch *epoch;
	Sluice__RoutesReply reply;
	Sluice__Route *list[PAGE];
	struct route_message message[PAGE];
};

static const char *type_name(uint8_t type)
{
	switch ((enum fib_type)type) {
	case FIB_NONE: return "none";
	case FIB_UNICAST:
	case FIB_CONNECTED: return "unicast";
	case FIB_LOCAL: return "local";
	case FIB_BROADCAST: return "broadcast";
	case FIB_BLACKHOLE: return "blackhole";
	case FIB_UNREACHABLE: return "unreachable";
	case FIB_PROHIBIT: return "prohibit";
	}
	return "unknown";
}

char *route_protocol_text(char text[ROUTE_PROTOCOL_TEXT], uint8_t protocol)
{
	const char *name = rtnl_protocol_name(protocol);

	if (protocol == CONFIG_PROTOCOL_ADOPTED)
		snprintf(text, ROUTE_PROTOCOL_TEXT, "adopted");
	else if (name)
		snprintf(text, ROUTE_PROTOCOL_TEXT, "%s", name);
	else
		snprintf(text, ROUTE_PROTOCOL_TEXT, "%u", protocol);
	return text;
}

static char *address(char text[TEXT_IP6_SIZE], enum fib_family family, const struct ip6_addr *addr)
{
	return family == FIB_IPV4 ? text_ipv4(text, addr->w32[3]) : text_ip6(text, addr);
}

char *route_prefix_text(char text[TEXT_IP6_PREFIX_SIZE], const struct fib_prefix *p)
{
	if (p->family == FIB_IPV4)
		return text_ipv4_prefix(text, &(struct ipv4_prefix){p->addr.w32[3], p->len});
	return text_ip6_prefix(text, &(struct ip6_prefix){p->addr, p->len});
}

static void fill_hop(struct page *page, struct route_message *m, const struct fib_hop *from)
{
	const struct epoch_port *port = epoch_port(page->epoch, from->port);
	Sluice__NextHop *to = &m->hop[m->route.n_hops];

	sluice__next_hop__init(to);
	/* A route of IPv4 may have a gateway of IPv6 (RFC 5549). */
	if (!ip6_is_unspecified(&from->gateway))
		to->gateway = control_address_text(m->gateway[m->route.n_hops], &from->gateway);
	to->port = (char *)(port ? port->name : "");
	to->weight = from->weight;
	to->onlink = from->flags & FIB_HOP_ONLINK;
	m->hops[m->route.n_hops++] = to;
}

static void add_route(struct page *page, const struct fib_route *from)
{
	struct route_message *m = &page->message[page->reply.n_routes];
	const struct fib_group *group = fib_group(&page->fib, from->group);
	enum fib_family family = from->prefix.family;
	const struct fib_hop *hops;
	uint32_t n;

	sluice__route__init(&m->route);
	m->route.to = route_prefix_text(m->to, &from->prefix);
	m->route.type = (char *)type_name(group->type);
	m->route.protocol = route_protocol_text(m->protocol, from->protocol);
	m->route.metric = from->metric;
	m->route.mtu = group->mtu;
	if (!ip6_is_unspecified(&group->source))
		m->route.source = address(m->source, family, &group->source);
	hops = fib_group_hops(&page->fib, group, &n);
	m->route.hops = m->hops;
	for (uint32_t i = 0; i < n; i++)
		fill_hop(page, m, &hops[i]);
	page->list[page->reply.n_routes++] = &m->route;
}

static bool parse_address(const char *text, enum fib_family *family, struct ip6_addr *addr)
{
	struct be32 four;

	*family = text_parse_ipv4(text, strlen(text), &four, NULL) ? FIB_IPV6 : FIB_IPV4;
	if (*family == FIB_IPV4)
		*addr = ip6_addr_mapped(four);
	return *family == FIB_IPV4 || !text_parse_ip6(text, strlen(text), addr, NULL);
}

static bool parse_prefix(const char *text, struct fib_prefix *to)
{
	struct ipv4_prefix four;
	struct ip6_prefix six;

	if (!text_parse_ipv4_prefix(text, strlen(text), &four, NULL)) {
		*to = fib_prefix4(four.addr, four.len);
		return true;
	}
	if (text_parse_ip6_prefix(text, strlen(text), &six, NULL))
		return false;
	*to = fib_prefix6(six.addr, six.len);
	return true;
}

/* The one route of an address. */
static void reply_get(struct page *page, struct rpc_call *call, const char *to)
{
	enum fib_family family;
	struct fib_route route;
	struct ip6_addr addr;

	if (!parse_address(to, &family, &addr)) {
		rpc_fail(call, RPC_INVALID_ARGUMENT, "'%.60s' is no IPv4 or IPv6 address", to);
		return;
	}
	if (!fib_route_get(&page->fib, family, &addr, &route)) {
		rpc_fail(call, RPC_NOT_FOUND, "no route leads to %.60s: packets for it are dropped (%s)", to,
		        drop_reason_label(DROP_IP_INNOROUTES));
		return;
	}
	add_route(page, &route);
	rpc_reply(call, &page->reply.base);
}

static void reply_page(struct page *page, struct rpc_call *call, const Sluice__RoutesRequest *r)
{
	struct fib_route route = {.metric = r->after ? r->after->metric : 0};
	bool more;

	if (r->after && !parse_prefix(r->after->to, &route.prefix)) {
		rpc_fail(call, RPC_INVALID_ARGUMENT, "'%.60s' is no prefix to go on after", r->after->to);
		return;
	}
	if (r->after)
		more = fib_route_next(&page->fib, &route);
	else
		more = fib_route_first(&page->fib, r->family == 6 ? FIB_IPV6 : FIB_IPV4, &route);
	while (more && page->reply.n_routes < PAGE) {
		add_route(page, &route);
		more = fib_route_next(&page->fib, &route);
	}
	page->reply.more = more;
	rpc_reply(call, &page->reply.base);
}

void control_routes(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__RoutesRequest *r = (const void *)request;
	const struct control *c = context;
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	struct page *page = calloc(1, sizeof *page);

	if (!page) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	} else if (!epoch || fib_attach(epoch->fib, epoch->fib_bytes, &page->fib)) {
		rpc_fail(call, RPC_FAILED_PRECONDITION, "no configuration is in force yet");
	} else {
		sluice__routes_reply__init(&page->reply);
		page->reply.routes = page->list;
		page->epoch = epoch;
		if (*r->to)
			reply_get(page, call, r->to);
		else
			reply_page(page, call, r);
	}
	free(page);
}
