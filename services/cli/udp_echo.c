/* udp-echo: an application on libsluice, to be read as an example: a socket for each port, each datagram back
 * to whom it came from. */
#include "services/cli/cli.h"

#include "common/sluice/sluice.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define READY_MAX 64

static int refuse(const struct cli_call *call, const char *what)
{
	return cli_fail(call, RPC_UNAVAILABLE, "%s: %s", what, strerror(errno));
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

static int serve(const struct cli_call *call, struct sluice *s)
{
	struct sluice_socket *ready[READY_MAX];
	int n;

	while ((n = sluice_wait(s, ready, READY_MAX, -1)) >= 0)
		for (int i = 0; i < n; i++)
			echo(ready[i]);
	return refuse(call, "the appliance is gone");
}

static int run(const struct cli_call *call)
{
	struct sluice *s = sluice_open(call->run_dir);

	if (!s)
		return cli_fail(call, RPC_UNAVAILABLE,
		        "the appliance in %s cannot be joined: %s; `sluice health` tells whether it runs",
		        call->run_dir, strerror(errno));
	for (uint32_t i = 0; i < call->n_words; i++)
		if (listen_on(s, (uint16_t)cli_word_number(call, i, 0)))
			return refuse(call, call->words[i]);
	printf("listening\n");
	fflush(stdout);
	return serve(call, s);
}

const struct cli_command command_udp_echo = {
        .name = "udp-echo",
        .what = "send UDP datagrams back: an application on libsluice, as an example",
        .about = "Listens on UDP ports of the running appliance, IPv4 and IPv6, and sends every datagram "
                 "back. Needs no rights; ports below 1024 are root's.",
        .arguments = {{{"PORT", CLI_NUMBER, 1, 65535}, .needed = true, .many = true,
                .meaning = "UDP ports to listen on"}},
        .examples = {{"sluice udp-echo 7007", "answer on port 7007 until Ctrl-C"}},
        .exits = {"never: it goes on until a signal ends it"},
        .asks = true,
        .here = true,
        .run = run,
};
