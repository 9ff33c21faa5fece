/* ring: what handing a packet from process to process costs: CPU time of five processes, a packet and
 * crossing, the way home included (five crossings a round), beside the same chain over DPDK's rte_ring.  Both
 * chains live at once, one of them always asleep; they run in turn. */
#include "common/pace/pace.h"
#include "common/ring/bell.h"
#include "tests/bench/case.h"
#include "tests/bench/ring/chain.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS   9u
#define ROUND_NS (120 * NANOS_PER_MS)

struct chain_run {
	const struct chain_side *side;
	struct chain chain;
	uint64_t rings_bytes;
	pid_t pid[CHAIN_PROCESSES];
	double ns[ROUNDS];
};

/* On which processor each of the five lives. */
struct placement {
	const char *name;
	uint8_t cpu[CHAIN_PROCESSES];
};

uint64_t chain_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NANOS_PER_SEC + (uint64_t)t.tv_nsec;
}

bool chain_wake_due(uint32_t fill, uint64_t waited, bool more)
{
	static const struct pace_settings settings = {.wake_wait = 50 * NANOS_PER_US, .wake_fill = 64};

	return pace_wake_due(&settings, fill, CHAIN_SLOTS, waited, more);
}

void chain_bell_ring(int bell)
{
	bell_ring(&(struct bell){.fd = bell});
}

void chain_bell_sleep(int bell)
{
	struct bell b = {.fd = bell};

	if (bell_wait(&b, NULL, 0, NANOS_NEVER) < 0)
		abort();
	bell_clear(&b);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void *shared(uint64_t bytes)
{
	int fd = memfd_create("bench-ring", MFD_CLOEXEC);
	void *p;

	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		fail("bench_ring: no memory to share");
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		fail("bench_ring: no memory to share");
	close(fd);
	return p;
}

static void live(const struct chain_run *r, uint32_t self, uint32_t cpu)
{
	struct sched_param param = {0};
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) || sched_setscheduler(0, SCHED_BATCH, &param))
		_exit(1);
	r->side->run(&r->chain, self);
	_exit(0);
}

static void start(struct chain_run *r, uint32_t packets, const struct placement *where)
{
	r->rings_bytes = r->side->bytes();
	r->chain = (struct chain){
	        .control = shared(sizeof *r->chain.control),
	        .pool = shared((uint64_t)packets * CHAIN_STRIDE),
	        .rings = shared(r->rings_bytes),
	        .packets = packets,
	};
	if (r->side->init(r->chain.rings))
		fail("bench_ring: no rings");
	for (uint32_t k = 0; k < CHAIN_PROCESSES; k++) {
		struct bell bell;

		if (bell_open(&bell))
			fail("bench_ring: no bell");
		r->chain.bell[k] = bell.fd;
	}
	for (uint32_t k = 0; k < CHAIN_PROCESSES; k++) {
		r->pid[k] = fork();
		if (r->pid[k] < 0)
			fail("bench_ring: fork");
		if (r->pid[k] == 0)
			live(r, k, where->cpu[k]);
	}
}

static void end(struct chain_run *r)
{
	__atomic_store_n(&r->chain.control->stop, 1, __ATOMIC_SEQ_CST);
	for (uint32_t k = 0; k < CHAIN_PROCESSES; k++)
		chain_bell_ring(r->chain.bell[k]);
	for (uint32_t k = 0; k < CHAIN_PROCESSES; k++) {
		int status;

		if (waitpid(r->pid[k], &status, 0) != r->pid[k] || status)
			fail("bench_ring: a process of the chain failed");
		close(r->chain.bell[k]);
	}
	munmap(r->chain.rings, r->rings_bytes);
	munmap(r->chain.pool, (uint64_t)r->chain.packets * CHAIN_STRIDE);
	munmap(r->chain.control, sizeof *r->chain.control);
}

static double cpu_ns(const struct chain_run *r)
{
	double sum = 0;

	for (uint32_t k = 0; k < CHAIN_PROCESSES; k++) {
		struct timespec t;
		clockid_t clock;

		if (clock_getcpuclockid(r->pid[k], &clock) || clock_gettime(clock, &t))
			fail("bench_ring: a process of the chain is gone");
		sum += (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
	}
	return sum;
}

/* Lets the chain run for `ns`, waits until all packets are home, and gives CPU nanoseconds a packet and
 * crossing. */
static double round_of(struct chain_run *r, uint64_t ns)
{
	struct chain_control *control = r->chain.control;
	struct timespec whole = {0, (long)ns}, moment = {0, 200000};
	uint64_t sent = __atomic_load_n(&control->sent, __ATOMIC_RELAXED);
	double cpu = cpu_ns(r);

	__atomic_store_n(&control->go, 1, __ATOMIC_SEQ_CST);
	chain_bell_ring(r->chain.bell[0]);
	nanosleep(&whole, NULL);
	__atomic_store_n(&control->go, 0, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&control->at_home, __ATOMIC_ACQUIRE) != r->chain.packets)
		nanosleep(&moment, NULL);
	sent = __atomic_load_n(&control->sent, __ATOMIC_RELAXED) - sent;
	return (cpu_ns(r) - cpu) / (double)sent / CHAIN_PROCESSES;
}

static void measure(uint32_t packets, const struct placement *where)
{
	struct chain_run runs[] = {{.side = &chain_ours}, {.side = &chain_peer}};
	struct bench_case c = {.bench = "ring", .unit = "CPU ns/packet/crossing", .peer = chain_peer.name};
	char name[64];

	for (size_t s = 0; s < ARRAY_LEN(runs); s++) {
		start(&runs[s], packets, where);
		round_of(&runs[s], ROUND_NS / 4);
	}
	for (uint32_t k = 0; k < ROUNDS; k++)
		for (size_t s = 0; s < ARRAY_LEN(runs); s++)
			runs[s].ns[k] = round_of(&runs[s], ROUND_NS);
	for (size_t s = 0; s < ARRAY_LEN(runs); s++)
		end(&runs[s]);
	snprintf(name, sizeof name, "%u in flight, %s", packets, where->name);
	c.name = name;
	c.value = figures_of(runs[0].ns, ROUNDS);
	c.peer_value = figures_of(runs[1].ns, ROUNDS);
	if (packets == CHAIN_SLOTS)
		c.bar = MAX(8.0, 1.5 * c.peer_value.median);
	case_print(&c);
}

int main(void)
{
	static const struct placement places[] = {
	        {"one core", {0, 0, 0, 0, 0}},
	        {"two cores, halves", {0, 0, 0, 1, 1}},
	        {"two cores, in turn", {0, 1, 0, 1, 0}},
	};
	static const uint32_t in_flight[] = {64, 512, CHAIN_SLOTS};

	for (size_t p = 0; p < ARRAY_LEN(places); p++)
		for (size_t k = 0; k < ARRAY_LEN(in_flight); k++)
			measure(in_flight[k], &places[p]);
	return 0;
}
