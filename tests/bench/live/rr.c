/* rr: a request and its response, again and again, over one TCP connection between two network namespaces.
 *
 *     rr FROM TO ADDRESS COUNT
 *
 * A byte goes to TO's ADDRESS and comes back, COUNT times.  Prints a line of JSON: the median and the 99th
 * percentile of the time that takes, in microseconds. */
#include "tests/bench/live/namespaces.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>

#define PORT 9001

static void no_delay(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
		fail("TCP_NODELAY");
}

static void *answer(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);
	char byte;

	if (fd < 0)
		fail("accept");
	no_delay(fd);
	while (read(fd, &byte, 1) == 1)
		if (write(fd, &byte, 1) != 1)
			break;
	close(fd);
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int listener, fd, one = 1;
	pthread_t thread;
	uint64_t *took;
	char byte = 'x';
	size_t count, median, late;

	if (argc != 5 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: rr FROM TO ADDRESS COUNT\n");
		return 2;
	}
	count = strtoul(argv[4], NULL, 10);
	took = calloc(count + 1, sizeof *took);
	listener = socket_in(argv[2], SOCK_STREAM);
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (!took || bind(listener, (const struct sockaddr *)&to, sizeof to) || listen(listener, 1))
		fail("listen");
	if (pthread_create(&thread, NULL, answer, &listener))
		fail("thread");
	fd = socket_in(argv[1], SOCK_STREAM);
	if (connect(fd, (const struct sockaddr *)&to, sizeof to))
		fail("connect");
	no_delay(fd);
	for (size_t i = 0; i < count; i++) {
		uint64_t start = now_ns();

		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			fail("request");
		took[i] = now_ns() - start;
	}
	close(fd);
	pthread_join(thread, NULL);
	qsort(took, count, sizeof *took, ascending);
	median = count / 2;
	late = count * 99 / 100;
	printf("{\"p50\":%.1f,\"p99\":%.1f}\n", (double)took[median] / 1000, (double)took[late] / 1000);
	free(took);
	return 0;
}
