/* address: as `ip address` shows a kernel's. */
#include "services/cli/remote.h"

#include "proto/control.pb-c.h"

#include <stdio.h>

static void help(void)
{
	printf("usage: sluice address [PORT] [--json] [--run-dir DIR]\n\n"
	       "The addresses of the ports, a line each, as `ip -brief address` has them.\n\n"
	       "  sluice address\n"
	       "  sluice address wan\n\n"
	       "Exit status: 0, 1 there is no such port, 2 wrong use, 3 nobody answers.\n");
}

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
			printf(" %s", p->addresses[k]);
		fputc('\n', stdout);
	}
}

int cli_address(int argc, char **argv)
{
	static const struct remote_table table = {help, &sluice__read__descriptor, "Ports", prepare, print};
	Sluice__PortsRequest request = SLUICE__PORTS_REQUEST__INIT;

	return remote_show(&table, &request.base, argc, argv);
}
