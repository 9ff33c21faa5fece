/* socket: as `ss -u` shows a kernel's. */
#include "services/cli/remote.h"

#include "proto/tables.pb-c.h"

#include <inttypes.h>
#include <stdio.h>

/* Columns are as wide as what stands in them: addresses may be long, and mostly are not. */
static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__SocketsReply *all = (const void *)reply;
	int local = 5, remote = 4;

	(void)arg;
	for (size_t i = 0; i < all->n_sockets; i++) {
		local = MAX(local, (int)strlen(all->sockets[i]->local));
		remote = MAX(remote, (int)strlen(all->sockets[i]->remote));
	}
	printf("%-5s %7s %7s %-*s %-*s %10s %7s User\n", "Netid", "Recv-Q", "Rcvbuf", local, "Local", remote,
	        "Peer", "Received", "Drops");
	for (size_t i = 0; i < all->n_sockets; i++) {
		const Sluice__Socket *s = all->sockets[i];

		printf("%-5s %7u %7u %-*s %-*s %10" PRIu64 " %7" PRIu64 " %s%s%s\n", s->protocol, s->recv_q,
		        s->rcvbuf, local, s->local, remote, s->remote, s->received, s->drops,
		        *s->name ? s->name : s->app, *s->port ? " dev " : "", s->port);
	}
}

static int run(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__tables__descriptor, "Sockets", NULL, print, RPC_READER};
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
