#include "services/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
        {"up", cli_up, "run an appliance on this machine's interfaces, in the foreground"},
        {"status", cli_status, "how its processes are"},
        {"health", cli_health, "whether its processes serve, for those that ask each few seconds"},
        {"port", cli_port, "the ports: driver, state, addresses, what came and went"},
        {"vlan", cli_vlan, "the VLANs on them, their tags"},
        {"address", cli_address, "their addresses"},
        {"route", cli_route, "the routes in force, and the one that an address takes"},
        {"neighbor", cli_neighbor, "the neighbors on the links: MAC, state"},
        {"rule", cli_rule, "the rules and how many packets each has matched"},
        {"socket", cli_socket, "the sockets: queues, bindings, drops"},
        {"account", cli_account, "what became of every packet, and whether it balances"},
        {"counter", cli_counter, "the protocols' counters, by the names of nstat"},
        {"drop", cli_drop, "what was dropped, where and why; each packet as it happens"},
        {"capture", cli_capture, "packets as they come in, leave and are dropped, for tcpdump and Wireshark"},
        {"config", cli_config, "the configuration: check, diff, apply, confirm, show, history, rollback"},
        {"apply", cli_apply, "short for config apply"},
        {"replay", cli_replay, "play captures through the whole appliance and account for every packet"},
        {"udp-echo", cli_udp_echo, "send UDP datagrams back: an application on libsluice, as an example"},
        {"check", cli_check, "short for config check"},
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

static void help(FILE *to)
{
	fprintf(to, "usage: sluice COMMAND ...\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].what);
	fprintf(to, "\n  sluice replay trace.pcap --config deploy/examples/replay.yaml\n"
	            "  sluice replay trace.pcap --config deploy/examples/replay.yaml --explain 7\n"
	            "  sluice config check deploy/examples/router.yaml\n\n"
	            "sluice COMMAND --help tells more.\n");
}

bool cli_number(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno == 0 && end != text && !*end && text[0] != '-' && *out >= min && *out <= max)
		return true;
	fprintf(stderr, "sluice: %s must be a whole number from %llu to %llu, not '%s'\n", what,
	        (unsigned long long)min, (unsigned long long)max, text);
	return false;
}

bool cli_seconds(const char *text, const char *what, uint32_t *out)
{
	static const struct {
		const char *unit;
		uint32_t seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
	const uint64_t day = 86400;
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	for (size_t i = 0; i < sizeof units / sizeof units[0] && *text >= '0' && *text <= '9' && !errno; i++)
		if (!strcmp(end, units[i].unit) && n && n <= day / units[i].seconds) {
			*out = (uint32_t)n * units[i].seconds;
			return true;
		}
	fprintf(stderr, "sluice: %s takes a time from 1s to 24h, as in 60s, 5m or 1h; not '%s'\n", what,
	        text);
	return false;
}

int cli_usage(const char *command, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "sluice %s: ", command);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\nsluice %s --help shows how it is used\n", command);
	return CLI_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return CLI_FINE;
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "sluice: there is no command '%s'\n\n", argv[1]);
	help(stderr);
	return CLI_USAGE;
}
