/* socket: as `ss -u` shows a kernel's. */
#include "services/cli/remote.h"

#include "proto/tables.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__SocketsReply *all = (const void *)reply;

	(void)arg;
	printf("%-5s %8s %8s  %-28s %-28s %-12s %12s %8s\n", "Netid", "Recv-Q", "Rcvbuf", "Local", "Peer",
	        "User", "Received", "Drops");
	for (size_t i = 0; i < all->n_sockets; i++) {
		const Sluice__Socket *s = all->sockets[i];

		printf("%-5s %8u %8u  %-28s %-28s %-12s %12" PRIu64 " %8" PRIu64 "%s%s\n", s->protocol,
		        s->recv_q, s->rcvbuf, s->local, s->remote, *s->name ? s->name : s->app, s->received,
		        s->drops, *s->port ? " dev " : "", s->port);
	}
}

static int run(const struct cli_call *call)
{
	static const struct remote_table table = {&sluice__tables__descriptor, "Sockets", NULL, print};
	Sluice__SocketsRequest request = SLUICE__SOCKETS_REQUEST__INIT;

	return remote_show(&table, &request.base, call);
}

const struct cli_command command_socket = {
        .name = "socket",
        .what = "the sockets: queues, bindings, drops",
        .about = "The sockets: what waits in their queues, to what they are bound, who reads them, what they "
                 "dropped.",
        .examples = {{"sluice socket", "all of them"},
                {"sluice socket --json | jq '.sockets[] | select(.drops > 0)'", "those that have dropped"}},
        .json = "{\"sockets\": [...]}",
        .asks = true,
        .shows = true,
        .run = run,
};
