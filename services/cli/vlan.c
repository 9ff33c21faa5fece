/* vlan: the VLANs of the ports, as `ip -details link` and `bridge vlan` show a kernel's. */
#include "services/cli/remote.h"

#include "proto/control.pb-c.h"

#include <stdio.h>

static void help(void)
{
	printf("usage: sluice vlan [NAME] [--json] [--run-dir DIR]\n\n"
	       "The VLAN sub-ports: on which port, with which tags (the outer one first), and their "
	       "addresses.\n\n"
	       "  sluice vlan\n"
	       "  sluice vlan guests\n\n"
	       "Exit status: 0, 1 there is no such port, 2 wrong use, 3 nobody answers.\n");
}

static void prepare(ProtobufCMessage *request, const char *arg)
{
	((Sluice__PortsRequest *)request)->name = (char *)arg;
}

static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__PortsReply *ports = (const void *)reply;

	for (size_t i = 0; i < ports->n_ports; i++) {
		const Sluice__Port *p = ports->ports[i];

		if (!p->n_tags && *arg)
			printf("%s is no VLAN\n", p->name);
		if (!p->n_tags)
			continue;
		printf("%s@%s %s", p->name, p->parent, p->state);
		for (size_t k = 0; k < p->n_tags; k++)
			printf(" %s %u", p->tags[k]->protocol, p->tags[k]->id);
		printf(" mtu %u\n", p->mtu);
		for (size_t k = 0; k < p->n_addresses; k++)
			printf("    %s %s\n", strchr(p->addresses[k], ':') ? "inet6" : "inet",
			        p->addresses[k]);
	}
}

int cli_vlan(int argc, char **argv)
{
	static const struct remote_table table = {help, &sluice__read__descriptor, "Ports", prepare, print};
	Sluice__PortsRequest request = SLUICE__PORTS_REQUEST__INIT;

	return remote_show(&table, &request.base, argc, argv);
}
