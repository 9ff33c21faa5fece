/* route: as `ip route` shows a kernel's; `sluice route get ADDRESS` as `ip route get`. */
#include "services/cli/remote.h"

#include "proto/tables.pb-c.h"
#include "services/cli/json.h"
#include "services/cli/show/route.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOCAL, FOUR, SIX };

/* As `ip` writes a prefix: default, and a single address without its length. */
static void print_to(const char *to)
{
	const char *slash = strchr(to, '/'), *whole = strchr(to, ':') ? "/128" : "/32";

	if (!strcmp(to, "0.0.0.0/0") || !strcmp(to, "::/0"))
		fputs("default", stdout);
	else if (slash && !strcmp(slash, whole))
		printf("%.*s", (int)(slash - to), to);
	else
		fputs(to, stdout);
}

static void print_hop(const Sluice__Route *r, const Sluice__NextHop *h, bool weighted)
{
	if (*h->gateway)
		printf(" via %s%s", strchr(h->gateway, ':') && !strchr(r->to, ':') ? "inet6 " : "",
		        h->gateway);
	if (*h->port)
		printf(" dev %s", h->port);
	if (weighted)
		printf(" weight %u", h->weight);
	if (h->onlink)
		printf(" onlink");
}

static void print_route(const Sluice__Route *r)
{
	bool several = r->n_hops > 1;

	if (strcmp(r->type, "unicast") != 0)
		printf("%s ", r->type);
	print_to(r->to);
	if (!several && r->n_hops)
		print_hop(r, r->hops[0], false);
	printf(" proto %s", r->protocol);
	if (r->metric)
		printf(" metric %u", r->metric);
	if (r->mtu)
		printf(" mtu %u", r->mtu);
	if (*r->source)
		printf(" src %s", r->source);
	fputc('\n', stdout);
	for (size_t i = 0; several && i < r->n_hops; i++) {
		printf("\tnexthop");
		print_hop(r, r->hops[i], true);
		fputc('\n', stdout);
	}
}

static bool is_ours(const Sluice__Route *r)
{
	return !strcmp(r->type, "local") || !strcmp(r->type, "broadcast");
}

struct listing {
	struct remote *remote;
	FILE *to;
	bool local;
	bool any; /* of the JSON's list */
};

static void show(struct listing *l, const Sluice__Route *r)
{
	if (is_ours(r) && !l->local)
		return;
	if (l->remote->call->json) {
		fputs(l->any ? "," : "{\"routes\":[", l->to);
		json_message(l->to, &r->base);
	} else {
		print_route(r);
	}
	l->any = true;
}

/* All pages of one family. */
static int list_family(struct listing *l, uint32_t family)
{
	Sluice__RoutesRequest request = SLUICE__ROUTES_REQUEST__INIT;
	Sluice__Route last = SLUICE__ROUTE__INIT;
	char to[64];
	bool more = true;

	request.family = family;
	while (more) {
		const Sluice__RoutesReply *page;
		ProtobufCMessage *reply;
		int code = remote_call(l->remote, &sluice__tables__descriptor, "Routes", &request.base,
		        REMOTE_DEADLINE_MS, &reply);

		if (code)
			return code;
		page = (const void *)reply;
		for (size_t i = 0; i < page->n_routes; i++)
			show(l, page->routes[i]);
		more = page->more && page->n_routes;
		if (more) {
			snprintf(to, sizeof to, "%s", page->routes[page->n_routes - 1]->to);
			last.to = to;
			last.metric = page->routes[page->n_routes - 1]->metric;
			request.after = &last;
		}
		rpc_free(reply);
	}
	return CLI_FINE;
}

static int get(const struct cli_call *call)
{
	Sluice__RoutesRequest request = SLUICE__ROUTES_REQUEST__INIT;
	struct remote r = {.call = call};
	const Sluice__RoutesReply *found;
	ProtobufCMessage *reply;
	int code;

	request.to = (char *)cli_word(call, 0);
	code = remote_ask(&r, RPC_READER, &sluice__tables__descriptor, "Routes", &request.base, &reply);
	if (code)
		return code;
	found = (const void *)reply;
	for (size_t i = 0; i < found->n_routes; i++) {
		if (call->json)
			json_message(stdout, &found->routes[i]->base);
		else
			print_route(found->routes[i]);
	}
	if (call->json)
		fputc('\n', stdout);
	rpc_free(reply);
	return CLI_FINE;
}

static const struct cli_command command_get = {
        .name = "get",
        .what = "the route that packets for an address take",
        .about = "The route that packets for an address take, as `ip route get` tells a kernel's.",
        .arguments = {{{"ADDRESS", CLI_TEXT}, .needed = true,
                .meaning = "IPv4 or IPv6: 192.0.2.1, 2001:db8::1"}},
        .examples = {{"sluice route get 198.51.100.7", "where packets for it go"}},
        .exits = {[CLI_NO] = "no route leads there"},
        .json = "the route",
        .asks = true,
        .run = get,
};

static int list_families(struct listing *l, bool four, bool six)
{
	int code = CLI_FINE;

	if (four || !six)
		code = list_family(l, 4);
	if (!code && (six || !four))
		code = list_family(l, 6);
	return code;
}

/* JSON is printed whole or, where a page fails, as the error alone. */
static int list(const struct cli_call *call)
{
	struct remote r = {.call = call};
	char *text = NULL;
	size_t bytes;
	struct listing l = {
	        .remote = &r, .local = cli_flag(call, LOCAL), .to = open_memstream(&text, &bytes)};
	int code = l.to ? remote_open(&r, RPC_READER) : CLI_SYSTEM;

	if (!code)
		code = list_families(&l, cli_flag(call, FOUR), cli_flag(call, SIX));
	rpc_client_close(r.client);
	if (l.to)
		fclose(l.to);
	if (call->json && !code)
		printf("%s]}\n", l.any ? text : "{\"routes\":[");
	free(text);
	return code;
}

static const struct cli_command command_source = {
        .name = "source",
        .what = "where dynamic routes come from",
        .about = "Where routes come from that the configuration does not have (its `dynamic_routes`): how "
                 "many each source has told, how many of them are in force, and how many are held back since "
                 "their next hops lead to no port.",
        .examples = {{"sluice route source", "all of them"},
                {"sluice route source --json | jq '.sources[].held_back'", "what leads nowhere"}},
        .json = "{\"sources\": [...], \"limit\"}",
        .asks = true,
        .run = route_source,
};

const struct cli_command command_route = {
        .name = "route",
        .what = "the routes in force, and the one that an address takes",
        .about = "The routes in force, by family; or the one that packets for an address take.",
        .options = {[LOCAL] = {.name = "local",
                            .meaning = "also what leads to ourselves: local and broadcast addresses (`ip "
                                       "route show table local`)"},
                [FOUR] = {.letter = '4', .meaning = "of IPv4 alone"},
                [SIX] = {.letter = '6', .meaning = "of IPv6 alone"}},
        .examples = {{"sluice route", "all of them"}, {"sluice route -6", "those of IPv6"},
                {"sluice route get 198.51.100.7", "the one that packets for an address take"},
                {"sluice route source", "where dynamic ones come from"}},
        .json = "{\"routes\": [...]}",
        .asks = true,
        .shows = true,
        .verbs = {&command_get, &command_source},
        .run = list,
};
