/* port: what `ip -s link` and `ethtool -S` tell. */
#include "services/cli/show/origin.h"
#include "services/cli/remote.h"

#include <inttypes.h>
#include <stdio.h>

static void print_flags(const Sluice__Port *p)
{
	bool up = !strcmp(p->state, "up");

	printf("%s%s%s: <%s%s> mtu %u", remote_paint("\033[1m"), p->name, remote_paint("\033[0m"),
	        p->carrier ? "" : "NO-CARRIER", up ? p->carrier ? "UP,LOWER_UP" : ",UP" : "", p->mtu);
	printf(" state %s%s%s", remote_paint(up ? "\033[32m" : "\033[31m"), p->state,
	        remote_paint("\033[0m"));
	if (*p->parent)
		printf(" on %s", p->parent);
	if (*p->driver)
		printf(" driver %s", p->driver);
	if (*p->mode)
		printf(" mode %s", p->mode);
	if (p->queues)
		printf(" queues %u", p->queues);
	if (p->speed_mbps)
		printf(" speed %u%s%s", p->speed_mbps, *p->duplex ? " " : "", p->duplex);
	fputc('\n', stdout);
}

static void print_port(const Sluice__Port *p, bool all)
{
	print_flags(p);
	printf("    link/ether %s", p->mac);
	if (p->ifindex)
		printf(" ifindex %u incarnation %" PRIu64, p->ifindex, p->incarnation);
	fputc('\n', stdout);
	if (*p->reason)
		printf("    not up: %s\n", p->reason);
	if (*p->why_not)
		printf("    no better mode: %s\n", p->why_not);
	for (size_t i = 0; i < p->n_addresses; i++)
		printf("    %s %s%s\n", strchr(p->addresses[i], ':') ? "inet6" : "inet", p->addresses[i],
		        origin(p, p->addresses[i]));
	if (*p->not_adopted)
		printf("    not adopted: %s\n", p->not_adopted);
	printf("    RX:  bytes %" PRIu64 " packets %" PRIu64 " errors %" PRIu64 " dropped %" PRIu64 "\n",
	        p->rx_bytes, p->rx_packets, p->rx_errors, p->rx_dropped);
	printf("    TX:  bytes %" PRIu64 " packets %" PRIu64 " errors %" PRIu64 " dropped %" PRIu64 "\n",
	        p->tx_bytes, p->tx_packets, p->tx_errors, p->tx_dropped);
	for (size_t i = 0; all && i < p->n_counters; i++)
		printf("     %s: %" PRIu64 "\n", p->counters[i]->name, p->counters[i]->value);
}

static void prepare(ProtobufCMessage *request, const char *arg)
{
	((Sluice__PortsRequest *)request)->name = (char *)arg;
}

static void print(const ProtobufCMessage *reply, const char *arg)
{
	const Sluice__PortsReply *ports = (const void *)reply;

	for (size_t i = 0; i < ports->n_ports; i++)
		print_port(ports->ports[i], *arg);
}

static int run(const struct cli_call *call)
{
	static const struct remote_table table = {
	        &sluice__read__descriptor, "Ports", prepare, print, RPC_READER};
	Sluice__PortsRequest request = SLUICE__PORTS_REQUEST__INIT;

	return remote_show(&table, &request.base, call);
}

const struct cli_command command_port = {
        .name = "port",
        .what = "the ports: driver, state, addresses, what came and went",
        .about = "The ports: driver and mode (and why not a better one), state and its reason, addresses, "
                 "what came and went. With a NAME its driver's own counters too.",
        .arguments = {{{"NAME", CLI_PORT}, .meaning = "this one alone, and all that its driver counts"}},
        .examples = {{"sluice port", "all ports"},
                {"sluice port wan", "one of them, with its driver's counters"},
                {"sluice port --json | jq '.ports[] | {name, state, rx_packets}'", "for scripts"}},
        .exits = {[CLI_NO] = "there is no such port"},
        .json = "{\"ports\": [...]}, with all that is told of each",
        .asks = true,
        .shows = true,
        .run = run,
};
