/* route source: where dynamic routes come from. */
#include "services/cli/show/route.h"

#include "proto/tables.pb-c.h"
#include "services/cli/remote.h"

#include <stdio.h>

static void print_counts(const Sluice__RouteSource *s)
{
	printf("    routes %u: %u in force", s->routes, s->in_force);
	if (s->second)
		printf(", %u behind another of the same prefix and metric", s->second);
	if (s->held_back)
		printf(", %u held back (the next hop is on no port)", s->held_back);
	if (s->no_room)
		printf(", %u without room", s->no_room);
	printf("\n");
	if (s->stale)
		printf("    %u of them not told again yet\n", s->stale);
	printf("    changes %llu, ignored %llu, refused %llu, malformed %llu\n",
	        (unsigned long long)s->changes, (unsigned long long)s->ignored,
	        (unsigned long long)s->refused, (unsigned long long)s->malformed);
}

static void print_source(const Sluice__RouteSource *s)
{
	bool fpm = !strncmp(s->name, "fpm ", 4);
	char text[32];

	printf("%s: %s", s->name, s->state);
	if (*s->peer)
		printf(" (%s)", s->peer);
	if (*s->problem)
		printf(": %s", s->problem);
	if (s->synced_ns)
		printf(", %s %s ago", fpm ? "last connected" : "read whole", remote_time(text, s->synced_ns));
	if (s->grace_ms)
		printf(", what is not told again goes in %s", remote_time(text, s->grace_ms * 1000000));
	printf("\n");
	print_counts(s);
	if (fpm)
		printf("    connections %llu, refused %llu\n", (unsigned long long)s->syncs,
		        (unsigned long long)s->refused_connections);
	else
		printf("    read whole %llu times, announcements lost %llu times\n",
		        (unsigned long long)s->syncs, (unsigned long long)s->overruns);
}

static void print(const ProtobufCMessage *message, const char *arg)
{
	const Sluice__RouteSourcesReply *reply = (const void *)message;
	uint64_t refused = 0;

	(void)arg;
	for (size_t i = 0; i < reply->n_sources; i++) {
		print_source(reply->sources[i]);
		refused += reply->sources[i]->refused;
	}
	if (refused)
		printf("what is beyond %u routes is refused: `limit` of `dynamic_routes`\n", reply->limit);
	if (!reply->n_sources)
		printf("none: `dynamic_routes` of the configuration says where routes come from\n");
}

int route_source(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__tables__descriptor, "RouteSources", NULL, print, RPC_READER};
	Sluice__RouteSourcesRequest request = SLUICE__ROUTE_SOURCES_REQUEST__INIT;

	return remote_show(&table, &request.base, call);
}
