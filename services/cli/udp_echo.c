/* udp-echo: an application on libsluice, to be read as an example: a socket for each port, each datagram back
 * to whom it came from. */
#include "services/cli/cli.h"

#include "common/sluice/sluice.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define READY_MAX 64

static void help(FILE *to)
{
	fprintf(to, "usage: sluice udp-echo [--run-dir DIR] PORT...\n\n"
	            "Listens on UDP ports of the running appliance, IPv4 and IPv6, and sends "
	            "every\n"
	            "datagram back.  Needs no rights; ports below 1024 are root's.\n\n"
	            "  --run-dir DIR    the appliance's run folder (/run/sluice)\n\n"
	            "  sluice udp-echo 7007\n");
}

static int refuse(const char *what)
{
	fprintf(stderr, "sluice udp-echo: %s: %s\n", what, strerror(errno));
	return CLI_SYSTEM;
}

static int listen_on(struct sluice *s, uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sluice_socket *k = sluice_socket(s, AF_INET6, SOCK_DGRAM);

	return k ? sluice_bind(k, (const struct sockaddr *)&any, sizeof any) : -1;
}

/* All that has arrived at one socket, without waiting. */
static void echo(struct sluice_socket *k)
{
	static char bytes[65536];
	struct sluice_error error;
	struct sockaddr_in6 peer;
	socklen_t len = sizeof peer;
	ssize_t n;

	(void)sluice_error(k, &error); /* somebody who does not listen any more */
	while ((n = sluice_recvfrom(k, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&peer, &len)) >=
	        0) {
		(void)sluice_sendto(k, bytes, (size_t)n, 0, (const struct sockaddr *)&peer, len);
		len = sizeof peer;
	}
}

static int serve(struct sluice *s)
{
	struct sluice_socket *ready[READY_MAX];
	int n;

	while ((n = sluice_wait(s, ready, READY_MAX, -1)) >= 0)
		for (int i = 0; i < n; i++)
			echo(ready[i]);
	return refuse("the appliance is gone");
}

static int listen_and_serve(const char *run_dir, int n, char **ports)
{
	struct sluice *s = sluice_open(run_dir);
	uint64_t port;

	if (!s)
		return refuse("cannot join the appliance");
	for (int i = 0; i < n; i++) {
		if (!cli_number(ports[i], "a port", 1, 65535, &port))
			return CLI_USAGE;
		if (listen_on(s, (uint16_t)port))
			return refuse(ports[i]);
	}
	printf("listening\n");
	fflush(stdout);
	return serve(s);
}

int cli_udp_echo(int argc, char **argv)
{
	static const struct option options[] = {
	        {"run-dir", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *run_dir = NULL;

	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (option) {
		case 'r': run_dir = optarg; break;
		case 'h': help(stdout); return CLI_FINE;
		default: return cli_usage("udp-echo", "that is no option of it");
		}
	}
	if (optind == argc)
		return cli_usage("udp-echo", "which port?");
	return listen_and_serve(run_dir, argc - optind, argv + optind);
}
