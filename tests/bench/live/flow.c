/* flow: a steady stream of small datagrams from one network namespace to another, and the longest silences in
 * it.
 *
 *     flow FROM TO ADDRESS INTERVAL_US SECONDS [COUNT]
 *
 * FROM and TO are names of namespaces (ip netns), ADDRESS is one of TO's.  Prints a line of JSON: how many
 * were sent and received, and the COUNT (0) longest times between two arrivals, in microseconds, longest
 * first. */
#include "tests/bench/live/namespaces.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>

#define PORT     9000
#define GAPS_MAX 8192u

struct sender {
	int fd;
	uint64_t interval_ns, end;
	uint64_t sent;
};

static void *send_all(void *arg)
{
	struct sender *s = arg;
	uint64_t next = now_ns();

	while (next < s->end) {
		struct timespec ts = {(time_t)(next / 1000000000u), (long)(next % 1000000000u)};

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
			;
		if (send(s->fd, &s->sent, sizeof s->sent, MSG_DONTWAIT) > 0)
			s->sent++;
		next += s->interval_ns;
	}
	return NULL;
}

static int longest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y) - (x > y);
}

static uint64_t gaps[GAPS_MAX];
static size_t n_gaps;

/* Keeps the longest: when the room is full, the shorter half goes. */
static void keep(uint64_t gap)
{
	if (n_gaps == GAPS_MAX) {
		qsort(gaps, n_gaps, sizeof gaps[0], longest_first);
		n_gaps = GAPS_MAX / 2;
	}
	gaps[n_gaps++] = gap;
}

static uint64_t receive_all(int fd, uint64_t end)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t last = 0, received = 0, message;

	while (now_ns() < end) {
		if (poll(&p, 1, 100) <= 0)
			continue;
		while (recv(fd, &message, sizeof message, MSG_DONTWAIT) > 0) {
			uint64_t now = now_ns();

			received++;
			if (last)
				keep(now - last);
			last = now;
		}
	}
	return received;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct sender sender = {0};
	uint64_t received, seconds;
	size_t count;
	pthread_t thread;
	int fd;

	if (argc < 6 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: flow FROM TO ADDRESS INTERVAL_US SECONDS [COUNT]\n");
		return 2;
	}
	sender.interval_ns = strtoull(argv[4], NULL, 10) * 1000;
	seconds = strtoull(argv[5], NULL, 10);
	count = argc > 6 ? strtoul(argv[6], NULL, 10) : 0;
	fd = socket_in(argv[2], SOCK_DGRAM);
	if (bind(fd, (const struct sockaddr *)&to, sizeof to))
		fail("bind");
	sender.fd = socket_in(argv[1], SOCK_DGRAM);
	if (connect(sender.fd, (const struct sockaddr *)&to, sizeof to))
		fail("connect");
	sender.end = now_ns() + seconds * 1000000000u;
	if (pthread_create(&thread, NULL, send_all, &sender))
		fail("thread");
	received = receive_all(fd, sender.end + 200000000u);
	pthread_join(thread, NULL);
	qsort(gaps, n_gaps, sizeof gaps[0], longest_first);
	printf("{\"sent\":%llu,\"received\":%llu,\"gaps_us\":[", (unsigned long long)sender.sent,
	        (unsigned long long)received);
	for (size_t i = 0; i < count && i < n_gaps; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)(gaps[i] / 1000));
	printf("]}\n");
	return 0;
}
