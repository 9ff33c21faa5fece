/* dpdk-testpmd in 5tswap mode over a capture in memory: its one port gives frames for ever and forgets what
 * it sends.  Driven by its prompt; its forwarding core sleeps between rounds.  The best of several sizes of
 * buffers is found first. */
#include "common/base/base.h"
#include "tests/bench/forward/forward.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 60000

struct peer {
	pid_t pid;
	int in, out;
	char text[16384]; /* answered since the last question */
	size_t n;
};

static void become(int in, int out, const char *capture, const char *mbuf_size)
{
	char device[192], size[64];

	snprintf(device, sizeof device, "net_pcap0,rx_pcap=%s,infinite_rx=1", capture);
	snprintf(size, sizeof size, "--mbuf-size=%s", mbuf_size);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	/* What it prints would else be kept back where there is no terminal. */
	execlp("stdbuf", "stdbuf", "-oL", "dpdk-testpmd", "--no-huge", "--no-shconf", "--no-pci",
	        "--no-telemetry", "-m", "1024", "-l", "1,0", "--vdev", device, "--", "--forward-mode=5tswap",
	        "--nb-cores=1", "--no-flush-rx", "--burst=64", "-i", size, (char *)NULL);
	_exit(127);
}

/* false: it ended, or says nothing. */
static bool peer_await(struct peer *p, const char *text)
{
	p->text[0] = 0;
	p->n = 0;
	while (!strstr(p->text, text)) {
		struct pollfd fd = {.fd = p->out, .events = POLLIN};
		ssize_t got;

		if (p->n + 1 >= sizeof p->text)
			p->n = 0;
		if (poll(&fd, 1, ANSWER_MS) <= 0)
			return false;
		got = read(p->out, p->text + p->n, sizeof p->text - 1 - p->n);
		if (got <= 0)
			return false;
		p->n += (size_t)got;
		p->text[p->n] = 0;
	}
	return true;
}

static void peer_say(struct peer *p, const char *command)
{
	if (write(p->in, command, strlen(command)) != (ssize_t)strlen(command))
		bench_fail("dpdk-testpmd does not listen");
}

static struct peer *peer_open(const char *capture, const char *mbuf_size)
{
	struct peer *p = calloc(1, sizeof *p);
	int to[2], from[2];

	if (!p || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		bench_fail("no pipe");
	p->pid = fork();
	if (p->pid < 0)
		bench_fail("no process");
	if (p->pid == 0)
		become(to[0], from[1], capture, mbuf_size);
	close(to[0]);
	close(from[1]);
	p->in = to[1];
	p->out = from[0];
	if (peer_await(p, "testpmd>"))
		return p;
	fprintf(stderr, "%s\n", p->text);
	peer_end(p);
	return NULL;
}

void peer_end(struct peer *p)
{
	close(p->in);
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	close(p->out);
	free(p);
}

static double cpu_ns(const struct peer *p)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(p->pid, &clock) || clock_gettime(clock, &t))
		bench_fail("dpdk-testpmd has died");
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The number behind the word in the sum over its ports, which it prints last. */
static double number_of(const struct peer *p, const char *word)
{
	const char *at = strstr(p->text, "Accumulated forward statistics");

	at = at ? strstr(at, word) : NULL;
	return at ? strtod(at + strlen(word), NULL) : 0;
}

double peer_round(struct peer *p, uint64_t ns)
{
	struct timespec whole = {(time_t)(ns / NANOS_PER_SEC), (long)(ns % NANOS_PER_SEC)};
	double cpu = cpu_ns(p), packets;

	peer_say(p, "start\n");
	nanosleep(&whole, NULL);
	peer_say(p, "stop\n");
	if (!peer_await(p, "Done."))
		bench_fail("dpdk-testpmd does not stop");
	cpu = cpu_ns(p) - cpu;
	packets = number_of(p, "TX-packets:");
	if (packets <= 0 || packets != number_of(p, "RX-packets:"))
		bench_fail("dpdk-testpmd did not forward: %s", p->text);
	return cpu / packets;
}

struct peer *peer_start(const char *capture)
{
	static const char *const sizes[] = {"2176", "2304", "4352"};
	uint32_t best = 0;
	double best_ns = 1e12;

	for (uint32_t s = 0; s < ARRAY_LEN(sizes); s++) {
		struct peer *p = peer_open(capture, sizes[s]);

		if (!p)
			return NULL;
		for (uint32_t k = 0; k < 4; k++) {
			double ns = peer_round(p, 200000000);

			if (k && ns < best_ns) {
				best_ns = ns;
				best = s;
			}
		}
		peer_end(p);
	}
	return peer_open(capture, sizes[best]);
}
