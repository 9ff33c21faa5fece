/* vlan: the VLANs of the ports, as `ip -details link` and `bridge vlan` show a kernel's. */
#include "services/cli/remote.h"

#include "proto/control.pb-c.h"

#include <stdio.h>

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

static int run(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__read__descriptor, "Ports", prepare, print, RPC_READER};
	Sluice__PortsRequest request = SLUICE__PORTS_REQUEST__INIT;

	return remote_show(&table, &request.base, call);
}

const struct cli_command command_vlan = {
        .name = "vlan",
        .what = "the VLANs on them, their tags",
        .about = "The VLAN sub-ports: on which port, with which tags (the outer one first), and their "
                 "addresses.",
        .arguments = {{{"NAME", CLI_PORT}, .meaning = "this one alone"}},
        .examples = {{"sluice vlan", "all of them"}, {"sluice vlan guests", "one of them"}},
        .exits = {[CLI_NO] = "there is no such port"},
        .json = "{\"ports\": [...]}, as of `sluice port`",
        .asks = true,
        .shows = true,
        .run = run,
};
