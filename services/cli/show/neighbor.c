/* neighbor: as `ip neighbor` shows a kernel's. */
#include "services/cli/remote.h"

#include "proto/tables.pb-c.h"

#include <ctype.h>
#include <stdio.h>

static void prepare(ProtobufCMessage *request, const char *arg)
{
	((Sluice__NeighborsRequest *)request)->port = (char *)arg;
}

static void print_state(const char *state)
{
	while (*state)
		fputc(toupper((unsigned char)*state++), stdout);
}

static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__NeighborsReply *all = (const void *)reply;

	(void)arg;
	for (size_t i = 0; i < all->n_neighbors; i++) {
		const Sluice__Neighbor *n = all->neighbors[i];

		printf("%s dev %s", n->address, n->port);
		if (*n->mac)
			printf(" lladdr %s", n->mac);
		printf(" used %u/%u/%u%s%s ", n->used_ms / 1000, n->confirmed_ms / 1000, n->updated_ms / 1000,
		        n->router ? " router" : "", n->waiting ? " waited-for" : "");
		print_state(n->state);
		fputc('\n', stdout);
	}
}

static int run(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__tables__descriptor, "Neighbors", prepare, print, RPC_READER};
	Sluice__NeighborsRequest request = SLUICE__NEIGHBORS_REQUEST__INIT;

	return remote_show(&table, &request.base, call);
}

const struct cli_command command_neighbor = {
        .name = "neighbor",
        .what = "the neighbors on the links: MAC, state",
        .about = "The neighbors on the ports' links, of ARP and of neighbor discovery, and their states (RFC "
                 "4861). used, confirmed and updated are seconds ago, as `ip -statistics neighbor` has them.",
        .arguments = {{{"PORT", CLI_PORT}, .meaning = "those on its link alone"}},
        .examples = {{"sluice neighbor", "all of them"},
                {"sluice neighbor wan | grep FAILED", "those on a link that do not answer"}},
        .exits = {[CLI_NO] = "there is no such port"},
        .json = "{\"neighbors\": [...]}, with times in milliseconds ago",
        .asks = true,
        .shows = true,
        .run = run,
};
