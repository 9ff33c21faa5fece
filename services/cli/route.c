/* route: as `ip route` shows a kernel's; `sluice route get ADDRESS` as `ip route get`. */
#include "services/cli/remote.h"

#include "proto/tables.pb-c.h"
#include "services/cli/json.h"

#include <stdio.h>
#include <stdlib.h>

static void help(void)
{
	printf("usage: sluice route [-4|-6] [--local] [--json] [--run-dir DIR]\n"
	       "       sluice route get ADDRESS [--json] [--run-dir DIR]\n\n"
	       "The routes in force, by family; or the one that packets for an address take.\n\n"
	       "  --local   also what leads to ourselves: local and broadcast addresses (`ip route show "
	       "table local`)\n\n"
	       "  sluice route\n"
	       "  sluice route -6\n"
	       "  sluice route get 198.51.100.7\n\n"
	       "Exit status: 0, 1 no route leads there, 2 wrong use, 3 nobody answers.\n");
}

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

static void print_hop(const Sluice__NextHop *h, bool weighted)
{
	if (*h->gateway)
		printf(" via %s", h->gateway);
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
		print_hop(r->hops[0], false);
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
		print_hop(r->hops[i], true);
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
	if (l->remote->json) {
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

static int get(struct remote *r, const char *to)
{
	Sluice__RoutesRequest request = SLUICE__ROUTES_REQUEST__INIT;
	const Sluice__RoutesReply *found;
	ProtobufCMessage *reply;
	int code;

	request.to = (char *)to;
	code = remote_ask(r, RPC_READER, &sluice__tables__descriptor, "Routes", &request.base, &reply);
	if (code)
		return code;
	found = (const void *)reply;
	for (size_t i = 0; i < found->n_routes; i++) {
		if (r->json)
			json_message(stdout, &found->routes[i]->base);
		else
			print_route(found->routes[i]);
	}
	if (r->json)
		fputc('\n', stdout);
	rpc_free(reply);
	return CLI_FINE;
}

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
static int list(struct remote *r, bool four, bool six, bool local)
{
	char *text = NULL;
	size_t bytes;
	struct listing l = {.remote = r, .local = local, .to = open_memstream(&text, &bytes)};
	int code = l.to ? remote_open(r, RPC_READER) : CLI_SYSTEM;

	if (!code)
		code = list_families(&l, four, six);
	rpc_client_close(r->client);
	if (l.to)
		fclose(l.to);
	if (r->json && !code)
		printf("%s]}\n", l.any ? text : "{\"routes\":[");
	free(text);
	return code;
}

int cli_route(int argc, char **argv)
{
	static const char *const own[] = {"local", "4", "6", NULL};
	struct remote r;
	int code;

	if (!remote_begin(&r, argc, argv, own, help, &code))
		return code;
	if (r.n_args == 2 && !strcmp(r.args[0], "get"))
		return get(&r, r.args[1]);
	if (r.n_args && !(r.n_args == 1 && !strcmp(r.args[0], "list")))
		return cli_usage("route", "after it stands nothing, or `get ADDRESS`, not '%s'", r.args[0]);
	return list(&r, remote_flag(&r, 1), remote_flag(&r, 2), remote_flag(&r, 0));
}
