/* udp_sink: an application that receives on UDP port 9 as fast as it can, for the benchmark.
 *
 *     udp_sink sluice RUN-DIR SECONDS      over libsluice
 *     udp_sink kernel - SECONDS            over the kernel's socket, 64 datagrams a call
 *
 * Prints "ready", and behind SECONDS from the first datagram on how many came in that time, in millions a
 * second.
 */
#include "common/sluice/sluice.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 64

static const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = 9 << 8};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void say_ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

/* Until the time is over; the clock is asked once a batch. */
static void count(int (*receive)(void *), void *context, double seconds)
{
	uint64_t n = 0;
	double from, at;

	(void)receive(context);
	for (from = at = now(); at - from < seconds; at = now())
		n += (uint64_t)receive(context);
	printf("%.4f\n", (double)n / (at - from) / 1e6);
}

static int receive_sluice(void *context)
{
	static char bytes[2048];
	int n = 0;

	while (n < BATCH && sluice_recv(context, bytes, sizeof bytes, n ? MSG_DONTWAIT : 0) >= 0)
		n++;
	return n;
}

static int receive_kernel(void *context)
{
	static char bytes[BATCH][2048];
	static struct mmsghdr messages[BATCH];
	static struct iovec parts[BATCH];

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){bytes[i], sizeof bytes[i]};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	return recvmmsg(*(int *)context, messages, BATCH, MSG_WAITFORONE, NULL);
}

int main(int argc, char **argv)
{
	struct sluice_socket *k;
	struct sluice *s;
	int sock;

	if (argc != 4)
		return 2;
	if (!strcmp(argv[1], "kernel")) {
		sock = socket(AF_INET6, SOCK_DGRAM, 0);
		if (sock < 0 || bind(sock, (const struct sockaddr *)&any, sizeof any))
			fail("bind");
		say_ready();
		count(receive_kernel, &sock, strtod(argv[3], NULL));
		return 0;
	}
	s = sluice_open(argv[2]);
	if (!s)
		fail("sluice_open");
	k = sluice_socket(s, AF_INET6, SOCK_DGRAM);
	if (!k || sluice_bind(k, (const struct sockaddr *)&any, sizeof any))
		fail("bind");
	say_ready();
	count(receive_sluice, k, strtod(argv[3], NULL));
	fprintf(stderr, "dropped %llu\n", (unsigned long long)sluice_dropped(s));
	return 0;
}
