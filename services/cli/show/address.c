/* address: as `ip address` shows a kernel's. */
#include "services/cli/show/origin.h"
#include "services/cli/remote.h"

#include <stdio.h>

static void prepare(ProtobufCMessage *request, const char *arg)
{
	((Sluice__PortsRequest *)request)->name = (char *)arg;
}

static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__PortsReply *ports = (const void *)reply;

	(void)arg;
	for (size_t i = 0; i < ports->n_ports; i++) {
		const Sluice__Port *p = ports->ports[i];

		printf("%-15s %-8s", p->name, p->state);
		for (size_t k = 0; k < p->n_addresses; k++)
			printf(" %s%s", p->addresses[k], origin(p, p->addresses[k]));
		fputc('\n', stdout);
	}
}

static int run(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__read__descriptor, "Ports", prepare, print, RPC_READER};
	Sluice__PortsRequest request = SLUICE__PORTS_REQUEST__INIT;

	return remote_show(&table, &request.base, call);
}

const struct cli_command command_address = {
        .name = "address",
        .what = "their addresses",
        .about = "The addresses of the ports, a line each, as `ip -brief address` has them. Those that were "
                 "the kernel's, and are Sluice's for the time that it has the port, are `proto adopted`.",
        .arguments = {{{"PORT", CLI_PORT}, .meaning = "this one alone"}},
        .examples = {{"sluice address", "all ports"}, {"sluice address wan", "one of them"}},
        .exits = {[CLI_NO] = "there is no such port"},
        .json = "{\"ports\": [...]}, as of `sluice port`",
        .asks = true,
        .shows = true,
        .run = run,
};
